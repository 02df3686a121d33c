"""Rules of `care.CancelEncounter`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.care.cast import CANCEL, CLOSE, OPEN, licensed
from yilian.ledger.modules.care import errors, messages
from yilian.ledger.modules.care.state import ENCOUNTERS
from yilian.ledger.modules.identity import errors as identity_errors


@accepted(messages.CancelEncounter)
def test_a_colleague_does(world: Chain) -> Play:
    world.must(licensed(world), OPEN)
    yield world.sign(licensed(world, "colleague"), CANCEL)
    found = ENCOUNTERS.require(world.state, name_of("encounter"))
    assert (found.status, found.ended) == ("cancelled", world.time)
    assert not found.open_at(found.opened)
    assert not found.open_at(world.time)


@accepted(messages.CancelEncounter)
def test_the_organisation_does(world: Chain) -> Play:
    world.must(licensed(world), OPEN)
    yield world.sign(world.hospital, CANCEL)
    assert ENCOUNTERS.require(world.state, name_of("encounter")).status == "cancelled"


@refused(messages.CancelEncounter, errors.UNKNOWN_ENCOUNTER)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.hospital, CANCEL)


@refused(messages.CancelEncounter, errors.NOT_YOUR_ENCOUNTER)
def test_another_organisation_does_not(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    return world.sign(world.insurer, CANCEL)


@refused(messages.CancelEncounter, identity_errors.NOT_STAFF)
def test_a_person_does_not(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    return world.sign(world.person(), CANCEL)


@refused(messages.CancelEncounter, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_does(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    return world.sign(world.practitioner(), CANCEL)


@refused(messages.CancelEncounter, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    return world.sign(world.hospital, CANCEL, on_behalf_of=world.ward().id)


@refused(messages.CancelEncounter, errors.ENCOUNTER_ENDED)
def test_once_is_enough(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    world.must(world.hospital, CANCEL)
    return world.sign(world.hospital, CANCEL)


@refused(messages.CancelEncounter, errors.ENCOUNTER_ENDED)
def test_it_ends_in_one_way(world: Chain) -> bytes:
    world.must(world.hospital, OPEN)
    world.must(world.hospital, CLOSE)
    return world.sign(world.hospital, CANCEL)
