"""Rules of `identity.RevokeSubject`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS


@accepted(messages.RevokeSubject)
def test_an_organisation_ends_its_own(world: Chain) -> Play:
    doctor = world.practitioner()
    yield world.sign(world.hospital, messages.RevokeSubject(subject=doctor.id))
    found = SUBJECTS.require(world.state, doctor.id)
    assert (found.status, found.ended) == ("revoked", world.height)


@refused(messages.RevokeSubject, errors.ALREADY_REVOKED)
def test_once_is_enough(world: Chain) -> bytes:
    device = world.device()
    world.must(world.hospital, messages.RevokeSubject(subject=device.id))
    return world.sign(world.hospital, messages.RevokeSubject(subject=device.id))


@refused(messages.RevokeSubject, errors.UNKNOWN_SUBJECT)
def test_nobody_is_not_ended(world: Chain) -> bytes:
    return world.sign(world.hospital, messages.RevokeSubject(subject=name_of("nobody")))


@refused(messages.RevokeSubject, errors.CANNOT_REVOKE)
def test_a_person_is_not_ended(world: Chain) -> bytes:
    return world.sign(world.hospital, messages.RevokeSubject(subject=world.person().id))


@refused(messages.RevokeSubject, errors.CANNOT_REVOKE)
def test_an_organisation_is_ended_by_vote_alone(world: Chain) -> bytes:
    pharmacy = world.organisation()
    return world.sign(world.hospital, messages.RevokeSubject(subject=pharmacy.id))


@refused(messages.RevokeSubject, errors.NOT_YOUR_SUBJECT)
def test_others_people_are_not_ended(world: Chain) -> bytes:
    doctor = world.practitioner()
    return world.sign(world.insurer, messages.RevokeSubject(subject=doctor.id))


@refused(messages.RevokeSubject, errors.NOT_AN_ORGANISATION)
def test_a_practitioner_ends_nobody(world: Chain) -> bytes:
    return world.sign(world.practitioner(), messages.RevokeSubject(subject=world.device().id))
