"""Rules of `governance.Tick`, under both laws."""

from __future__ import annotations

from tests.cases import Play, accepted, outside_envelope, refused
from tests.chain import STEP, Chain
from tests.rules.governance.voting import under_law
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.rules import TICK_MS
from yilian.ledger.modules.governance.state import TICKS
from yilian.ledger.modules.identity import errors as identity_errors

TICK = messages.Tick()


@accepted(messages.Tick)
def test_it_changes_nothing(world: Chain) -> Play:
    applied = yield world.sign(world.hospital, TICK)
    assert outside_envelope(applied) == set()


@accepted(messages.Tick)
def test_under_law_1_any_number_is_accepted(world: Chain) -> Play:
    world.block(*[world.sign(world.hospital, TICK) for _ in range(3)])
    world.time -= STEP - 1
    yield world.sign(world.agent(), TICK)


@accepted(messages.Tick)
def test_who_is_no_member_may_tick(world: Chain) -> Play:
    yield world.sign(world.organisation(), TICK)


@accepted(messages.Tick)
def test_under_law_2_the_first_is_accepted(world: Chain) -> Play:
    world.must(world.hospital, TICK)
    under_law(world, 2)
    applied = yield world.sign(world.hospital, TICK)
    assert outside_envelope(applied) == {TICKS.key("last")}
    assert TICKS.require(world.state, "last").time == world.time


@accepted(messages.Tick)
def test_under_law_2_a_second_later_is_accepted(world: Chain) -> Play:
    under_law(world, 2)
    world.must(world.hospital, TICK)
    world.time += TICK_MS - STEP
    yield world.sign(world.insurer, TICK)


@refused(messages.Tick, errors.TICK_TOO_SOON)
def test_under_law_2_less_than_a_second_later_is_too_soon(world: Chain) -> bytes:
    under_law(world, 2)
    world.must(world.hospital, TICK)
    world.time += TICK_MS - STEP - 1
    return world.sign(world.insurer, TICK)


@refused(messages.Tick, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_does_not_tick(world: Chain) -> bytes:
    return world.sign(world.person(), TICK)


@refused(messages.Tick, identity_errors.NOT_AN_ORGANISATION)
def test_a_device_does_not_tick(world: Chain) -> bytes:
    return world.sign(world.device(), TICK)


@refused(messages.Tick, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, TICK, on_behalf_of=world.ward().id)
