"""Rules of `consent.EndBreakGlass`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import HOUR, Chain, name_of
from tests.rules.consent.emergencies import broken, licensed
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import EMERGENCIES

END = messages.EndBreakGlass(access=name_of("access"))


@accepted(messages.EndBreakGlass)
def test_the_reader_ends_it_early(world: Chain) -> Play:
    yield world.sign(broken(world), END)
    found = EMERGENCIES.require(world.state, name_of("access"))
    assert found.closed == world.height
    assert not found.open_at(world.time)


@refused(messages.EndBreakGlass, errors.UNKNOWN_EMERGENCY)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(licensed(world), END)


@refused(messages.EndBreakGlass, errors.NOT_YOUR_EMERGENCY)
def test_a_colleague_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(licensed(world, "colleague"), END)


@refused(messages.EndBreakGlass, errors.NOT_YOUR_EMERGENCY)
def test_the_organisation_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(world.hospital, END)


@refused(messages.EndBreakGlass, errors.EMERGENCY_ENDED)
def test_once_is_enough(world: Chain) -> bytes:
    doctor = broken(world)
    world.must(doctor, END)
    return world.sign(doctor, END)


@refused(messages.EndBreakGlass, errors.EMERGENCY_ENDED)
def test_what_is_over_has_ended(world: Chain) -> bytes:
    doctor = broken(world)
    world.wait(HOUR)
    return world.sign(doctor, END)
