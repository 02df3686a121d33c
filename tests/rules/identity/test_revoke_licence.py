"""Rules of `identity.RevokeLicence`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import LICENCES, licensed


@accepted(messages.RevokeLicence)
def test_the_issuer_withdraws(world: Chain) -> Play:
    doctor = world.practitioner()
    licence = world.licence(doctor)
    assert licensed(world.state, doctor.id, world.time)
    yield world.sign(world.authority, messages.RevokeLicence(licence=licence))
    assert not licensed(world.state, doctor.id, world.time)
    assert LICENCES.require(world.state, licence).revoked == world.height


@refused(messages.RevokeLicence, errors.UNKNOWN_LICENCE)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.authority, messages.RevokeLicence(licence=name_of("none")))


@refused(messages.RevokeLicence, errors.NOT_AN_AUTHORITY)
def test_only_the_issuer_withdraws(world: Chain) -> bytes:
    licence = world.licence(world.practitioner())
    return world.sign(world.hospital, messages.RevokeLicence(licence=licence))


@refused(messages.RevokeLicence, errors.NOT_AN_ORGANISATION)
def test_a_person_withdraws_nothing(world: Chain) -> bytes:
    licence = world.licence(world.practitioner())
    return world.sign(world.person(), messages.RevokeLicence(licence=licence))


@refused(messages.RevokeLicence, errors.ALREADY_REVOKED)
def test_once_is_enough(world: Chain) -> bytes:
    licence = world.licence(world.practitioner())
    world.must(world.authority, messages.RevokeLicence(licence=licence))
    return world.sign(world.authority, messages.RevokeLicence(licence=licence))
