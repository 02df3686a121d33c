"""Rules of `supply.EndRecall`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import HOUR, Chain, name_of
from tests.rules.supply.cast import GTIN, other, product, recall, recalled, regulator
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import RECALLS, RECALLS_OF, recalls_of
from yilian.ledger.modules.supply.state import recalled as covering

END = messages.EndRecall(recall=name_of("recall"))


@accepted(messages.EndRecall)
def test_who_issued_it_ends_it(world: Chain) -> Play:
    owner = recalled(world)
    world.must(owner, recall("second"))
    yield world.sign(owner, END)
    assert RECALLS.require(world.state, name_of("recall")).ended == world.time
    assert [name for name, _ in recalls_of(world.state, GTIN)] == [name_of("second")]
    assert covering(world.state, GTIN, "L-1", "", world.time) == (name_of("second"),)


@accepted(messages.EndRecall)
def test_a_regulator_ends_it(world: Chain) -> Play:
    recalled(world)
    yield world.sign(regulator(world), END)
    assert not RECALLS_OF.has(world.state, GTIN)


@refused(messages.EndRecall, errors.NOT_YOUR_RECALL)
def test_an_owner_does_not_end_the_regulators(world: Chain) -> bytes:
    owner = product(world)
    world.must(regulator(world), recall())
    return world.sign(owner, END)


@refused(messages.EndRecall, errors.NOT_YOUR_RECALL)
def test_a_competitor_ends_nothing(world: Chain) -> bytes:
    recalled(world)
    return world.sign(other(world), END)


@refused(messages.EndRecall, errors.UNKNOWN_RECALL)
def test_there_must_be_a_recall_to_end(world: Chain) -> bytes:
    return world.sign(product(world), END)


@refused(messages.EndRecall, errors.RECALL_ENDED)
def test_it_ends_once(world: Chain) -> bytes:
    owner = recalled(world)
    world.must(owner, END)
    return world.sign(owner, END)


@refused(messages.EndRecall, errors.RECALL_ENDED)
def test_what_lapsed_is_over(world: Chain) -> bytes:
    owner = recalled(world, ends=world.time + HOUR)
    world.wait(HOUR)
    return world.sign(owner, END)
