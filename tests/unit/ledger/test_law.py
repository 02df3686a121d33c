"""Law by height: the switch, what it tells the engine, and a law that this software lacks."""

from __future__ import annotations

import pytest

from tests.chain import Chain
from tests.rules.governance.voting import under_law
from yilian.ledger.errors import OK, InvariantBroken, LawUnknown
from yilian.ledger.machine import Machine
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.state import (
    LAW,
    LAWS_KNOWN,
    Law,
    law,
    law_version,
    parameters,
    set_law,
)
from yilian.ledger.modules.governance.updates import ConsensusChange
from yilian.ledger.state import State


def test_a_chain_begins_under_law_1() -> None:
    assert law(Chain().state) == Law(version=1)


def test_a_state_without_a_law_is_under_law_1() -> None:
    chain = Chain()
    chain.memory.write({LAW.key("current"): None})
    assert law_version(chain.state) == 1


def test_the_rules_of_a_block_are_those_of_its_height() -> None:
    """The block before the switch takes two ticks, the block of the switch takes one."""
    chain = Chain()
    height = chain.height + 16
    chain.carried(messages.Upgrade(2, height))
    while chain.height < height - 2:
        chain.block()
    ticks = [chain.sign(chain.hospital, messages.Tick()) for _ in range(4)]
    last = chain.block(*ticks[:2])
    assert [each.code for each in last.results] == [OK, OK]
    assert chain.height == height - 1
    first = chain.block(*ticks[2:])
    assert [each.code for each in first.results] == [OK, errors.TICK_TOO_SOON.number]
    rule = parameters(chain.state)
    assert first.consensus == ConsensusChange(rule.block_max_bytes, rule.block_max_gas, 2)


def test_a_law_that_is_put_off_does_not_hold() -> None:
    chain = Chain()
    height = chain.height + 16
    chain.carried(messages.Upgrade(2, height), "soon")
    chain.carried(messages.Upgrade(2, height + 20), "late")
    while chain.height < height + 19:
        chain.block()
        assert law_version(chain.state) == 1
    chain.block()
    assert law_version(chain.state) == 2


def test_an_unknown_law_stops_the_node_before_its_block() -> None:
    chain = Chain()
    for version in LAWS_KNOWN[1:]:
        under_law(chain, version)
    unknown = max(LAWS_KNOWN) + 1
    height = chain.height + 16
    chain.carried(messages.Upgrade(unknown, height), "unknown")
    while chain.height < height - 1:
        chain.block()
    before, raw = chain.app_hash, chain.sign(chain.hospital, messages.Tick())
    with pytest.raises(LawUnknown) as caught:
        chain.block(raw)
    assert (caught.value.version, caught.value.height) == (unknown, height)
    assert isinstance(caught.value, InvariantBroken)
    assert f"law {unknown}" in str(caught.value)
    assert "install a release" in str(caught.value)
    assert (chain.height, chain.app_hash) == (height - 1, before)


def test_a_state_under_an_unknown_law_is_not_applied_to() -> None:
    """An older release that is given a newer chain's state stops too."""
    chain = Chain()
    state = State(chain.memory)
    set_law(state, Law(version=99))
    state.keep()
    chain.memory.write(state.changes())
    with pytest.raises(LawUnknown):
        Machine(chain.genesis, chain.memory, chain.tree).apply_block(1, chain.time, [])


@pytest.mark.parametrize(
    ("held", "height", "version"),
    [
        (Law(version=1), 10, 1),
        (Law(version=1, next=2, height=10), 9, 1),
        (Law(version=1, next=2, height=10), 10, 2),
        (Law(version=1, next=2, height=10), 11, 2),
    ],
)
def test_which_law_holds_at_a_height(held: Law, height: int, version: int) -> None:
    assert held.at(height) == version
