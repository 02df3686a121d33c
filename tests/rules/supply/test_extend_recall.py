"""Rules of `supply.ExtendRecall`."""

from __future__ import annotations

from typing import Any

from tests.cases import Play, accepted, refused
from tests.chain import HOUR, Chain, name_of
from tests.rules.supply.cast import GTIN, other, recalled, regulator
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.messages import MAX_LOTS
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.ledger.modules.supply.state import RECALLS

EXTEND = messages.ExtendRecall


def extension(**fields: Any) -> messages.ExtendRecall:
    given: dict[str, Any] = {"recall": name_of("recall"), "lots": ["L-2"], "serials": []}
    return messages.ExtendRecall(**{**given, **fields})


@accepted(EXTEND)
def test_more_lots_and_serials(world: Chain) -> Play:
    owner = recalled(world)
    one = serial_digest(GTIN, "S1")
    yield world.sign(owner, extension(lots=["K-9", "L-1", "L-2"], serials=[one]))
    found = RECALLS.require(world.state, name_of("recall"))
    assert (found.lots, found.serials) == (("K-9", "L-1", "L-2"), (one,))


@accepted(EXTEND)
def test_a_later_end_by_the_regulator(world: Chain) -> Play:
    recalled(world, ends=world.time + HOUR)
    before = RECALLS.require(world.state, name_of("recall"))
    assert before.ends is not None
    yield world.sign(regulator(world), extension(lots=[], ends=before.ends + HOUR))
    found = RECALLS.require(world.state, name_of("recall"))
    assert (found.ends, found.lots) == (before.ends + HOUR, before.lots)


@refused(EXTEND, errors.NOT_YOUR_RECALL)
def test_a_competitor_extends_nothing(world: Chain) -> bytes:
    recalled(world)
    return world.sign(other(world), extension())


@refused(EXTEND, errors.UNKNOWN_RECALL)
def test_there_must_be_a_recall(world: Chain) -> bytes:
    return world.sign(recalled(world), extension(recall=name_of("none")))


@refused(EXTEND, errors.RECALL_ENDED)
def test_what_ended_is_not_extended(world: Chain) -> bytes:
    owner = recalled(world)
    world.must(owner, messages.EndRecall(recall=name_of("recall")))
    return world.sign(owner, extension())


@refused(EXTEND, errors.RECALL_ENDED)
def test_what_lapsed_is_not_extended(world: Chain) -> bytes:
    owner = recalled(world, ends=world.time + HOUR)
    world.wait(HOUR)
    return world.sign(owner, extension(ends=world.time + HOUR))


@refused(EXTEND, errors.NOTHING_TO_EXTEND)
def test_what_is_named_is_named(world: Chain) -> bytes:
    return world.sign(recalled(world), extension(lots=["L-1"]))


@refused(EXTEND, errors.NOTHING_TO_EXTEND)
def test_everything_is_everything(world: Chain) -> bytes:
    return world.sign(recalled(world, lots=[]), extension())


@refused(EXTEND, errors.RECALL_TOO_LONG)
def test_a_list_stays_short(world: Chain) -> bytes:
    more = sorted(f"M-{each}" for each in range(MAX_LOTS))
    return world.sign(recalled(world), extension(lots=more))


@refused(EXTEND, errors.BAD_PERIOD)
def test_an_end_comes_no_earlier(world: Chain) -> bytes:
    owner = recalled(world, ends=world.time + 10 * HOUR)
    return world.sign(owner, extension(ends=world.time + HOUR))


@refused(EXTEND, errors.BAD_PERIOD)
def test_what_has_no_end_gets_none(world: Chain) -> bytes:
    return world.sign(recalled(world), extension(ends=world.time + HOUR))


@refused(EXTEND, errors.BAD_LIST)
def test_it_adds_something(world: Chain) -> bytes:
    return world.sign(recalled(world), extension(lots=[]))


@refused(EXTEND, errors.BAD_LIST)
def test_lots_are_sorted_here_too(world: Chain) -> bytes:
    return world.sign(recalled(world), extension(lots=["L-3", "L-2"]))
