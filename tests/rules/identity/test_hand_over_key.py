"""Rules of `identity.HandOverKey`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS


def _request(world: Chain, person: str, label: str = "own") -> messages.HandOverKey:
    signer = world.signer(label)
    return messages.HandOverKey(person=person, key=signer.key, proof=world.proof(person, signer))


@accepted(messages.HandOverKey)
def test_the_person_takes_over(world: Chain) -> Play:
    ward = world.ward()
    yield world.sign(world.hospital, _request(world, ward.id))
    found = SUBJECTS.require(world.state, ward.id)
    assert (found.custody, found.keys) == (False, (world.signer("own").id,))


@refused(messages.HandOverKey, errors.HAS_OWN_KEY)
def test_it_is_not_done_twice(world: Chain) -> bytes:
    ward = world.ward()
    world.must(world.hospital, _request(world, ward.id))
    return world.sign(world.hospital, _request(world, ward.id, "thief"))


@refused(messages.HandOverKey, errors.HAS_OWN_KEY)
def test_who_enrolled_a_person_cannot_replace_their_key(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, world.person().id))


@refused(messages.HandOverKey, errors.NOT_A_PERSON)
def test_custody_is_of_persons(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, world.device().id))


@refused(messages.HandOverKey, errors.UNKNOWN_SUBJECT)
def test_nobody_takes_nothing_over(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, name_of("nobody")))


@refused(messages.HandOverKey, errors.NOT_YOUR_SUBJECT)
def test_another_organisation_hands_nothing_over(world: Chain) -> bytes:
    return world.sign(world.insurer, _request(world, world.ward().id))


@refused(messages.HandOverKey, errors.BAD_PROOF)
def test_the_persons_key_must_agree(world: Chain) -> bytes:
    ward = world.ward()
    forged = messages.HandOverKey(
        person=ward.id,
        key=world.signer("own").key,
        proof=world.proof(ward.id, world.hospital.signer),
    )
    return world.sign(world.hospital, forged)


@refused(messages.HandOverKey, errors.KEY_TAKEN)
def test_the_key_must_be_new(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, world.ward().id, "hospital"))
