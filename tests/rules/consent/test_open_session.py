"""Rules of `consent.OpenSession`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, MINUTE, STEP, Actor, Chain, digest_of, name_of
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import SESSIONS
from yilian.ledger.modules.governance.messages import RemoveMember
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.identity.messages import RevokeLicence


def _request(world: Chain, ends: int = 10 * MINUTE) -> messages.OpenSession:
    return messages.OpenSession(
        session=name_of("session"), terms=digest_of("terms"), ends=world.time + ends
    )


def _licensed(world: Chain) -> Actor:
    doctor = world.practitioner()
    world.licence(doctor)
    return doctor


@accepted(messages.OpenSession)
def test_a_licensed_practitioner_reads(world: Chain) -> Play:
    doctor = _licensed(world)
    request = _request(world)
    yield world.sign(doctor, request)
    found = SESSIONS.require(world.state, name_of("session"))
    assert (found.reader, found.opened) == (doctor.id, world.time)
    assert found.open_at(request.ends - 1)
    assert not found.open_at(request.ends)


@accepted(messages.OpenSession)
def test_an_agent_needs_no_licence(world: Chain) -> Play:
    agent = world.agent()
    yield world.sign(agent, _request(world, 15 * MINUTE + STEP))
    assert SESSIONS.require(world.state, name_of("session")).reader == agent.id


@refused(messages.OpenSession, errors.MAY_NOT_READ)
def test_a_person_opens_none(world: Chain) -> bytes:
    return world.sign(world.person(), _request(world))


@refused(messages.OpenSession, errors.MAY_NOT_READ)
def test_a_device_opens_none(world: Chain) -> bytes:
    return world.sign(world.device(), _request(world))


@refused(messages.OpenSession, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_practises(world: Chain) -> bytes:
    return world.sign(world.practitioner(), _request(world))


@refused(messages.OpenSession, identity_errors.LICENCE_NOT_IN_FORCE)
def test_a_withdrawn_licence_is_none(world: Chain) -> bytes:
    doctor = world.practitioner()
    world.must(world.authority, RevokeLicence(licence=world.licence(doctor)))
    return world.sign(doctor, _request(world))


@refused(messages.OpenSession, identity_errors.LICENCE_NOT_IN_FORCE)
def test_an_ended_licence_is_none(world: Chain) -> bytes:
    doctor = world.practitioner()
    world.licence(doctor, days=1)
    world.wait(DAY)
    return world.sign(doctor, _request(world))


@refused(messages.OpenSession, identity_errors.LICENCE_NOT_IN_FORCE)
def test_a_licence_falls_with_its_issuer(world: Chain) -> bytes:
    doctor = _licensed(world)
    world.carried(RemoveMember(world.authority.id))
    return world.sign(doctor, _request(world))


@refused(messages.OpenSession, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    doctor = _licensed(world)
    world.must(doctor, _request(world))
    return world.sign(doctor, _request(world))


@refused(messages.OpenSession, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(world.agent(), _request(world, STEP))


@refused(messages.OpenSession, errors.SESSION_TOO_LONG)
def test_it_lasts_a_quarter_of_an_hour(world: Chain) -> bytes:
    return world.sign(world.agent(), _request(world, 15 * MINUTE + STEP + 1))


@refused(messages.OpenSession, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.agent(), _request(world), on_behalf_of=world.ward().id)
