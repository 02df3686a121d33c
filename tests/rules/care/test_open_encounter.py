"""Rules of `care.OpenEncounter`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from tests.rules.care.cast import OPEN, licensed
from yilian.ledger.modules.care import errors, messages
from yilian.ledger.modules.care.state import ENCOUNTERS
from yilian.ledger.modules.identity import errors as identity_errors


@accepted(messages.OpenEncounter)
def test_a_licensed_practitioner_opens_it(world: Chain) -> Play:
    yield world.sign(licensed(world), OPEN)
    found = ENCOUNTERS.require(world.state, name_of("encounter"))
    assert (found.organisation, found.terms) == (world.hospital.id, digest_of("terms"))
    assert (found.status, found.opened, found.ended) == ("open", world.time, None)
    assert found.since == world.height
    assert found.open_at(world.time)
    assert not found.open_at(world.time - 1)


@accepted(messages.OpenEncounter)
def test_an_organisation_opens_it(world: Chain) -> Play:
    yield world.sign(world.hospital, OPEN)
    assert ENCOUNTERS.require(world.state, name_of("encounter")).status == "open"


@accepted(messages.OpenEncounter)
def test_an_agent_opens_it(world: Chain) -> Play:
    yield world.sign(world.agent(), OPEN)
    found = ENCOUNTERS.require(world.state, name_of("encounter"))
    assert found.organisation == world.hospital.id


@refused(messages.OpenEncounter, identity_errors.NOT_STAFF)
def test_a_person_does_not(world: Chain) -> bytes:
    return world.sign(world.person(), OPEN)


@refused(messages.OpenEncounter, identity_errors.NOT_STAFF)
def test_a_device_does_not(world: Chain) -> bytes:
    return world.sign(world.device(), OPEN)


@refused(messages.OpenEncounter, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_practises(world: Chain) -> bytes:
    return world.sign(world.practitioner(), OPEN)


@refused(messages.OpenEncounter, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, OPEN, on_behalf_of=world.ward().id)


@refused(messages.OpenEncounter, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    return world.sign(world.insurer, OPEN)
