"""Rules of `identity.RevokeKey`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Actor, Chain, Signer, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS


def _second(world: Chain, actor: Actor) -> Signer:
    signer = world.signer("second")
    world.must(actor, messages.AddKey(key=signer.key, proof=world.proof(actor.id, signer)))
    return signer


@accepted(messages.RevokeKey)
def test_the_owner_kills_a_lost_key(world: Chain) -> Play:
    alice = world.person()
    lost = _second(world, alice)
    yield world.sign(alice, messages.RevokeKey(key=lost.id))
    assert KEYS.require(world.state, lost.id).until == world.height
    assert SUBJECTS.require(world.state, alice.id).keys == (alice.signer.id,)


@accepted(messages.RevokeKey)
def test_the_organisation_kills_the_last_key_of_its_own(world: Chain) -> Play:
    doctor = world.practitioner()
    yield world.sign(world.hospital, messages.RevokeKey(key=doctor.signer.id))
    assert SUBJECTS.require(world.state, doctor.id).keys == ()


@refused(messages.RevokeKey, errors.LAST_KEY)
def test_nobody_locks_themselves_out(world: Chain) -> bytes:
    alice = world.person()
    return world.sign(alice, messages.RevokeKey(key=alice.signer.id))


@refused(messages.RevokeKey, errors.NOT_YOUR_KEY)
def test_an_unknown_key_is_nobodys(world: Chain) -> bytes:
    return world.sign(world.person(), messages.RevokeKey(key=name_of("no key")))


@refused(messages.RevokeKey, errors.NOT_YOUR_KEY)
def test_a_key_dies_once(world: Chain) -> bytes:
    alice = world.person()
    lost = _second(world, alice)
    world.must(alice, messages.RevokeKey(key=lost.id))
    return world.sign(alice, messages.RevokeKey(key=lost.id))


@refused(messages.RevokeKey, errors.CANNOT_REVOKE)
def test_an_organisation_cannot_silence_a_person(world: Chain) -> bytes:
    alice = world.person()
    return world.sign(world.hospital, messages.RevokeKey(key=alice.signer.id))


@refused(messages.RevokeKey, errors.NOT_YOUR_SUBJECT)
def test_another_organisation_cannot(world: Chain) -> bytes:
    doctor = world.practitioner()
    return world.sign(world.insurer, messages.RevokeKey(key=doctor.signer.id))


@refused(messages.RevokeKey, errors.NOT_AN_ORGANISATION)
def test_a_colleague_cannot(world: Chain) -> bytes:
    doctor, nurse = world.practitioner(), world.practitioner("nurse")
    return world.sign(nurse, messages.RevokeKey(key=doctor.signer.id))
