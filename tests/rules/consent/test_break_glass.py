"""Rules of `consent.BreakGlass`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Chain, digest_of, name_of
from tests.rules.consent.emergencies import broken, licensed, request
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import EMERGENCIES, EMERGENCY_LIMIT_MS
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.identity.messages import RevokeLicence


@accepted(messages.BreakGlass)
def test_a_licensed_practitioner_opens_it(world: Chain) -> Play:
    doctor = licensed(world)
    asked = request(world, EMERGENCY_LIMIT_MS + STEP)
    yield world.sign(doctor, asked)
    found = EMERGENCIES.require(world.state, name_of("access"))
    assert (found.reader, found.organisation) == (doctor.id, world.hospital.id)
    assert (found.opened, found.terms) == (world.time, digest_of("terms"))
    assert (found.finding, found.reviewer, found.reasons) == (None, None, None)
    assert found.open_at(asked.ends - 1)
    assert not found.open_at(asked.ends)


@refused(messages.BreakGlass, errors.MAY_NOT_BREAK_GLASS)
def test_an_organisation_does_not(world: Chain) -> bytes:
    return world.sign(world.hospital, request(world))


@refused(messages.BreakGlass, errors.MAY_NOT_BREAK_GLASS)
def test_an_agent_does_not(world: Chain) -> bytes:
    return world.sign(world.agent(), request(world))


@refused(messages.BreakGlass, errors.MAY_NOT_BREAK_GLASS)
def test_a_person_does_not(world: Chain) -> bytes:
    return world.sign(world.person(), request(world))


@refused(messages.BreakGlass, errors.MAY_NOT_BREAK_GLASS)
def test_a_device_does_not(world: Chain) -> bytes:
    return world.sign(world.device(), request(world))


@refused(messages.BreakGlass, identity_errors.NOT_CUSTODIAN)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(licensed(world), request(world), on_behalf_of=world.ward().id)


@refused(messages.BreakGlass, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_does(world: Chain) -> bytes:
    return world.sign(world.practitioner(), request(world))


@refused(messages.BreakGlass, identity_errors.LICENCE_NOT_IN_FORCE)
def test_a_withdrawn_licence_is_none(world: Chain) -> bytes:
    doctor = world.practitioner()
    world.must(world.authority, RevokeLicence(licence=world.licence(doctor)))
    return world.sign(doctor, request(world))


@refused(messages.BreakGlass, identity_errors.LICENCE_NOT_IN_FORCE)
def test_an_ended_licence_is_none(world: Chain) -> bytes:
    doctor = world.practitioner()
    world.licence(doctor, days=1)
    world.wait(DAY)
    return world.sign(doctor, request(world))


@refused(messages.BreakGlass, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    return world.sign(broken(world), request(world))


@refused(messages.BreakGlass, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(licensed(world), request(world, STEP))


@refused(messages.BreakGlass, errors.EMERGENCY_TOO_LONG)
def test_it_lasts_four_hours_at_most(world: Chain) -> bytes:
    return world.sign(licensed(world), request(world, EMERGENCY_LIMIT_MS + STEP + 1))
