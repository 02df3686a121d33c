"""Rules of `identity.IssueLicence`."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import DAY, START, STEP, Chain, name_of
from yilian.ledger import errors as envelope
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS, licensed


def _request(world: Chain, practitioner: str, ends: int = DAY) -> messages.IssueLicence:
    return messages.IssueLicence(
        licence=name_of("licence"),
        practitioner=practitioner,
        profession="physician",
        ends=world.time + ends,
    )


@accepted(messages.IssueLicence)
def test_an_authority_certifies(world: Chain) -> Play:
    doctor = world.practitioner()
    yield world.sign(world.authority, _request(world, doctor.id))
    assert SUBJECTS.require(world.state, doctor.id).licences == (name_of("licence"),)
    assert licensed(world.state, doctor.id, world.time)
    assert not licensed(world.state, doctor.id, START + DAY * 2)


@accepted(messages.IssueLicence)
def test_ended_licences_leave_the_list(world: Chain) -> Play:
    doctor = world.practitioner()
    world.licence(doctor, "old", days=1)
    world.wait(2 * DAY)
    yield world.sign(world.authority, _request(world, doctor.id))
    assert SUBJECTS.require(world.state, doctor.id).licences == (name_of("licence"),)


@refused(messages.IssueLicence, errors.NOT_AN_AUTHORITY)
def test_a_hospital_certifies_nobody(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, world.practitioner().id))


@refused(messages.IssueLicence, errors.NOT_AN_ORGANISATION)
def test_a_practitioner_certifies_nobody(world: Chain) -> bytes:
    doctor = world.practitioner()
    return world.sign(doctor, _request(world, doctor.id))


@refused(messages.IssueLicence, errors.NOT_A_PRACTITIONER)
def test_a_person_practises_nothing(world: Chain) -> bytes:
    return world.sign(world.authority, _request(world, world.person().id))


@refused(messages.IssueLicence, errors.UNKNOWN_SUBJECT)
def test_nobody_is_certified(world: Chain) -> bytes:
    return world.sign(world.authority, _request(world, name_of("nobody")))


@refused(messages.IssueLicence, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    doctor = world.practitioner()
    world.licence(doctor)
    return world.sign(world.authority, _request(world, doctor.id))


@refused(messages.IssueLicence, errors.BAD_PERIOD)
def test_a_licence_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(world.authority, _request(world, world.practitioner().id, STEP))


@refused(messages.IssueLicence, envelope.MALFORMED)
def test_a_profession_is_one_word(world: Chain) -> bytes:
    odd = msgspec.structs.replace(
        _request(world, world.practitioner().id), profession="physician\n"
    )
    return world.sign(world.authority, odd)
