"""What a block changes for consensus, read off its changes of state: validators and limits."""

from __future__ import annotations

from typing import NamedTuple

from yilian.ledger.modules.governance.state import LAW, PARAMETERS, VALIDATORS, law, parameters
from yilian.ledger.state import Changes, State


class ConsensusChange(NamedTuple):
    """The limits of a block and the law's version, as they hold after a block that changed one."""

    block_max_bytes: int
    block_max_gas: int
    app_version: int


def validator_changes(changes: Changes, before: Changes) -> tuple[tuple[bytes, int], ...]:
    """List (key, new power) of each validator that a block changed, by key, each once.

    A key that came and went within the block is left out: CometBFT stops at the removal of a
    validator that it does not have.
    """
    found = []
    for place in sorted(each for each in changes if each.startswith(VALIDATORS.prefix)):
        now, was = _power(changes[place]), _power(before.get(place))
        if now != was:
            found.append((bytes.fromhex(place[len(VALIDATORS.prefix) :].decode("ascii")), now))
    return tuple(found)


def consensus_change(changes: Changes, old: State, new: State) -> ConsensusChange | None:
    """Give the limits and the law after a block, where it changed one of them."""
    if not any(each.startswith((PARAMETERS.prefix, LAW.prefix)) for each in changes):
        return None
    now = _limits(new)
    return None if PARAMETERS.has(old, "current") and _limits(old) == now else now


def _power(value: bytes | None) -> int:
    return 0 if value is None else VALIDATORS.decode(value).power


def _limits(state: State) -> ConsensusChange:
    rule = parameters(state)
    return ConsensusChange(rule.block_max_bytes, rule.block_max_gas, law(state).version)
