"""Reading a chain back: outcomes, receipts, state proofs of recent heights, the trust file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from yilian.ledger import receipt as receipts
from yilian.ledger.block import Block, Commit, Header, ValidatorSet
from yilian.ledger.genesis import Genesis
from yilian.ledger.receipt import LightBlock, Promoted
from yilian.ledger.tree import Tree, View
from yilian.node.store import UNDO_HEIGHTS, Outcomes, Store, StoreDamaged

_MILLI = 1_000_000
TEN_YEARS = 10 * 365 * 86_400


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Where a transaction stands in the chain and what became of it (code 0: accepted)."""

    hash: str
    height: int
    index: int
    time: int
    code: int
    parameters: dict[str, int | str]
    events: list[Any]


class History:
    """What a store holds of the past. Callers see to it that no height is written meanwhile."""

    def __init__(self, store: Store, tree: Tree, genesis: Genesis) -> None:
        self._store = store
        self._tree = tree
        self._first = genesis.validator_set()
        self._first_hash = self._first.hash()
        self._first_height = genesis.first_height()
        self._promotion = genesis.promoted_from()
        self._state_hash = genesis.profile.hash

    def outcome(self, transaction_hash: bytes) -> Outcome | None:
        """Find what became of a transaction; None where no height held here has it."""
        place = self._store.where(transaction_hash)
        if place is None or not self._store.holds(place[0]):
            return None
        height, index = place
        result = self._outcomes(height).results[index]
        return Outcome(
            hash=transaction_hash.hex(),
            height=height,
            index=index,
            time=self._time(height),
            code=result.code,
            parameters=result.parameters,
            events=msgspec.json.decode(result.events),
        )

    def receipt(self, height: int, index: int) -> dict[str, Any]:
        """Give the receipt of a transaction whose next height is written.

        Raises BeforeFirst, a KeyError, for a height that was pruned or never came here.
        """
        self._store.require_held(height)
        return receipts.receipt(
            index,
            self._block(height),
            self._outcomes(height).results,
            *self._signed(height + 1),
            *self._way(height + 1),
        )

    def state_proof(self, key: bytes, height: int) -> dict[str, Any]:
        """Prove what a state key held after a height whose next one is written.

        Raises KeyError for a height older than the last 100.
        """
        view, value_of = self._state_after(height)
        return receipts.state_proof(
            key,
            value_of,
            view,
            *self._signed(height + 1),
            *self._way(height + 1),
        )

    def trust(self, period_seconds: int = TEN_YEARS) -> dict[str, Any]:
        """Give the trust file of this chain: its validators as of the first block held here."""
        first = self._block(self._store.base()).header
        validators = self.validators(first.validators_hash)
        return receipts.trust(first, validators, period_seconds, self._state_hash)

    def validators(self, set_hash: bytes) -> ValidatorSet:
        """Give the validators that a header names by their hash."""
        if set_hash == self._first_hash:
            return self._first
        found = self._store.validators(set_hash)
        if found is None:
            raise StoreDamaged(f"the validators {set_hash.hex()} are missing")
        return found

    def knows_validators(self, set_hash: bytes) -> bool:
        """Tell whether a set of validators is kept here."""
        return set_hash == self._first_hash or self._store.validators(set_hash) is not None

    def signed(self, height: int) -> tuple[Header, Commit, ValidatorSet] | None:
        """Give a height's header, commit and validators; None where this node has them not."""
        if self._store.block(height) is None or self._store.commit(height) is None:
            return None
        return self._signed(height)

    def turns(self, below: int, after: int = 0) -> list[LightBlock]:
        """Give the blocks after which other validators sign, oldest first, between two heights."""
        return [
            LightBlock(
                header,
                commit,
                self.validators(header.validators_hash),
                self.validators(header.next_validators_hash),
            )
            for header, commit in self._store.turns(below)
            if header.height > after
        ]

    def _way(self, height: int) -> tuple[list[LightBlock], list[Promoted]]:
        """Give what leads from an old trust file to the validators of a height."""
        came = [] if self._promotion is None else [Promoted(self._promotion)]
        return self.turns(height), came

    def _signed(self, height: int) -> tuple[Header, Commit, ValidatorSet]:
        header = self._block(height).header
        return header, self._commit(height), self.validators(header.validators_hash)

    def _time(self, height: int) -> int:
        decided = self._store.decided(height)
        if decided is None:
            raise StoreDamaged(f"block {height} is missing", height)
        return decided.time // _MILLI

    def _state_after(self, height: int) -> tuple[View, Callable[[bytes], bytes | None]]:
        """Give the tree and values after `height`, by undoing the heights above it."""
        tip = self._store.tip()
        if tip is None or height < max(0, tip.height - UNDO_HEIGHTS):
            raise KeyError(height)
        before: dict[bytes, bytes | None] = {}
        for each in range(tip.height, height, -1):
            undo = self._store.undo(each)
            if undo is None:
                raise KeyError(height)
            before.update(undo)

        def value_of(key: bytes) -> bytes | None:
            return before[key] if key in before else self._store.get(key)

        return self._tree.stage(before), value_of

    def _block(self, height: int) -> Block:
        found = self._store.block(height)
        if found is None:
            raise StoreDamaged(f"block {height} is missing", height)
        return found

    def _commit(self, height: int) -> Commit:
        found = self._store.commit(height)
        if found is None:
            raise StoreDamaged(f"commit {height} is missing", height)
        return found

    def _outcomes(self, height: int) -> Outcomes:
        found = self._store.outcomes(height)
        if found is None:
            raise StoreDamaged(f"results {height} are missing", height)
        return found
