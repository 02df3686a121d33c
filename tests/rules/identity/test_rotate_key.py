"""Rules of `identity.RotateKey`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Actor, Chain
from yilian.ledger import errors as envelope
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS


def _request(world: Chain, actor: Actor, label: str = "new") -> messages.RotateKey:
    signer = world.signer(label)
    return messages.RotateKey(
        old=actor.signer.id, key=signer.key, proof=world.proof(actor.id, signer)
    )


@accepted(messages.RotateKey)
def test_the_new_key_takes_over(world: Chain) -> Play:
    alice = world.person()
    yield world.sign(alice, _request(world, alice))
    assert SUBJECTS.require(world.state, alice.id).keys == (world.signer("new").id,)
    assert KEYS.require(world.state, alice.signer.id).until == world.height
    world.must(alice._replace(signer=world.signer("new")), _next(world, alice))


def _next(world: Chain, alice: Actor) -> messages.RotateKey:
    return _request(world, alice._replace(signer=world.signer("new")), "newer")


@refused(messages.RotateKey, envelope.KEY_REVOKED)
def test_the_old_key_is_dead(world: Chain) -> bytes:
    alice = world.person()
    world.must(alice, _request(world, alice))
    return world.sign(alice, _next(world, alice))


@refused(messages.RotateKey, errors.NOT_YOUR_KEY)
def test_nobody_elses_key_is_rotated(world: Chain) -> bytes:
    alice, bob = world.person(), world.person("bob")
    signer = world.signer("new")
    theirs = messages.RotateKey(
        old=bob.signer.id, key=signer.key, proof=world.proof(alice.id, signer)
    )
    return world.sign(alice, theirs)


@refused(messages.RotateKey, errors.BAD_PROOF)
def test_the_new_key_must_agree(world: Chain) -> bytes:
    alice = world.person()
    forged = messages.RotateKey(
        old=alice.signer.id,
        key=world.signer("new").key,
        proof=world.proof(alice.id, alice.signer),
    )
    return world.sign(alice, forged)


@refused(messages.RotateKey, errors.KEY_TAKEN)
def test_a_key_does_not_replace_itself(world: Chain) -> bytes:
    alice = world.person()
    same = messages.RotateKey(
        old=alice.signer.id,
        key=alice.signer.key,
        proof=world.proof(alice.id, alice.signer),
    )
    return world.sign(alice, same)
