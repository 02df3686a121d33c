"""Rules of `identity.AddKey`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Actor, Chain, Signer
from yilian.ledger import errors as envelope
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS


def _request(world: Chain, actor: Actor, label: str = "second") -> messages.AddKey:
    signer = world.signer(label)
    return messages.AddKey(key=signer.key, proof=world.proof(actor.id, signer))


@accepted(messages.AddKey)
def test_a_second_device_signs_too(world: Chain) -> Play:
    alice = world.person()
    yield world.sign(alice, _request(world, alice))
    second = alice._replace(signer=world.signer("second"))
    world.must(second, _request(world, alice, "third"))
    assert len(SUBJECTS.require(world.state, alice.id).keys) == 3


@refused(messages.AddKey, errors.BAD_PROOF)
def test_the_new_key_must_agree(world: Chain) -> bytes:
    alice = world.person()
    forged = messages.AddKey(
        key=world.signer("second").key, proof=world.proof(alice.id, world.signer("third"))
    )
    return world.sign(alice, forged)


@refused(messages.AddKey, errors.BAD_PROOF)
def test_a_proof_for_someone_else_is_none(world: Chain) -> bytes:
    alice = world.person()
    return world.sign(alice, _request(world, world.person("bob")))


@refused(messages.AddKey, errors.KEY_TAKEN)
def test_a_key_is_added_once(world: Chain) -> bytes:
    alice = world.person()
    world.must(alice, _request(world, alice))
    return world.sign(alice, _request(world, alice))


@refused(messages.AddKey, envelope.SUITE_NOT_ALLOWED)
def test_a_suite_outside_the_profile_is_refused(world: Chain) -> bytes:
    alice = world.person()
    other = Signer("second", "ecdsa-p256" if world.suite == "ed25519" else "ed25519")
    request = messages.AddKey(key=other.key, proof=world.proof(alice.id, other))
    return world.sign(alice, request)
