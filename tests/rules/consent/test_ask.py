"""Rules of `consent.Ask`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Chain, digest_of, name_of
from tests.rules.consent.emergencies import licensed
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import ASK_LIMIT_MS, ASKS
from yilian.ledger.modules.identity import errors as identity_errors


def _request(world: Chain, ends: int = DAY) -> messages.Ask:
    return messages.Ask(ask=name_of("ask"), terms=digest_of("terms"), ends=world.time + ends)


@accepted(messages.Ask)
def test_a_licensed_practitioner_asks(world: Chain) -> Play:
    doctor = licensed(world)
    request = _request(world)
    yield world.sign(doctor, request)
    found = ASKS.require(world.state, name_of("ask"))
    assert (found.asker, found.terms, found.asked) == (doctor.id, request.terms, world.time)
    assert found.open_at(request.ends - 1)
    assert not found.open_at(request.ends)


@accepted(messages.Ask)
def test_an_organisation_asks_for_ninety_days(world: Chain) -> Play:
    yield world.sign(world.insurer, _request(world, ASK_LIMIT_MS + STEP))
    assert ASKS.require(world.state, name_of("ask")).asker == world.insurer.id


@accepted(messages.Ask)
def test_an_agent_asks(world: Chain) -> Play:
    agent = world.agent()
    yield world.sign(agent, _request(world))
    assert ASKS.require(world.state, name_of("ask")).asker == agent.id


@refused(messages.Ask, errors.MAY_NOT_ASK)
def test_a_person_does_not_ask(world: Chain) -> bytes:
    return world.sign(world.person(), _request(world))


@refused(messages.Ask, errors.MAY_NOT_ASK)
def test_a_device_does_not_ask(world: Chain) -> bytes:
    return world.sign(world.device(), _request(world))


@refused(messages.Ask, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world), on_behalf_of=world.ward().id)


@refused(messages.Ask, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_practises(world: Chain) -> bytes:
    return world.sign(world.practitioner(), _request(world))


@refused(messages.Ask, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.insurer, _request(world))
    return world.sign(world.hospital, _request(world))


@refused(messages.Ask, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, STEP))


@refused(messages.Ask, errors.ASK_TOO_LONG)
def test_it_waits_ninety_days_at_most(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world, ASK_LIMIT_MS + STEP + 1))
