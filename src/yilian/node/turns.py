"""The way from the first validators to those of a node that began from a snapshot.

A receipt carries every block after which other validators sign, so that an old trust file still
verifies it (`ledger/receipt.py`). A node that began at a later height never saw those below it. It
reads them from the members that it began from and believes none of them: genesis names the first
validators, more than two thirds of their power signed the header that names the next ones, and so
on, until the validators are those of the first block that this node has itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from yilian.ledger import block_json
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import Genesis
from yilian.ledger.receipt import LightBlock
from yilian.node.engine import Engine
from yilian.node.provider import Gateway, NoAnswer
from yilian.node.store import StoreDamaged

LOOK_EVERY = 0.5
TRY_AGAIN = 5.0
MOST = 10_000
"""Turns that are read of one member before it is left."""

log = logging.getLogger("yilian.node")


class NotTheWay(Exception):
    """What a member shows does not lead from the first validators to those of this node."""


class Walk:
    """A walk along turns that begins with genesis. What it passed is proved."""

    def __init__(self, genesis: Genesis) -> None:
        self._chain = genesis.chain
        self._height = 0
        self._time = 0
        self._validators = genesis.validator_set()

    @property
    def height(self) -> int:
        """The height of the last turn; 0 before the first."""
        return self._height

    @property
    def validators_hash(self) -> bytes:
        """The hash of the validators that sign after the last turn."""
        return self._validators.hash()

    def step(self, turn: LightBlock) -> None:
        """Pass a turn; raises NotTheWay, with nothing changed."""
        header, commit = turn.header, turn.commit
        if (
            header.chain_id != self._chain
            or header.height <= self._height
            or header.time <= self._time
            or header.validators_hash != self.validators_hash
            or turn.validators.hash() != header.validators_hash
            or turn.next_validators.hash() != header.next_validators_hash
            or commit.height != header.height
            or commit.block_id.hash != header.hash()
        ):
            raise NotTheWay(f"height {header.height} does not follow")
        try:
            signed = self._validators.signed_power(self._chain, commit)
        except Refusal as refusal:
            raise NotTheWay(f"height {header.height} is not signed") from refusal
        if signed * 3 <= self._validators.total_power * 2:
            raise NotTheWay(f"height {header.height} was signed by too few")
        self._height, self._time = header.height, header.time
        self._validators = turn.next_validators


def fetch(
    gateway: Gateway, genesis: Genesis, below: int, validators_hash: bytes
) -> list[LightBlock]:
    """Read a member's turns below a height, whose validators they must lead to.

    Raises NotTheWay, and NoAnswer where the member does not answer.
    """
    walk = Walk(genesis)
    passed: list[LightBlock] = []
    following: int | None = 0
    while following is not None and len(passed) < MOST:
        page = gateway.read("/v1/history", after=following)
        turns = page.get("turns")
        if not isinstance(turns, list):
            raise NotTheWay("the answer holds no turns")
        for each in turns:
            turn = _read(each)
            if turn.header.height < below:
                walk.step(turn)
                passed.append(turn)
        # Only what was proved counts as progress, so that nobody keeps this node asking.
        more = page.get("next") is not None and walk.height > following
        following = walk.height if more else None
    if walk.validators_hash != validators_hash:
        raise NotTheWay("it ends at other validators")
    return passed


def _read(value: Any) -> LightBlock:
    if not isinstance(value, dict):
        raise NotTheWay("a turn is no object")
    try:
        return LightBlock(
            block_json.header_from_json(value.get("header")),
            block_json.commit_from_json(value.get("commit")),
            block_json.validators_from_json(value.get("validators")),
            block_json.validators_from_json(value.get("next_validators")),
        )
    except Refusal as refusal:
        raise NotTheWay("a turn cannot be read") from refusal


class Turns:
    """Fetches what is missing, in a thread of its own; close it before the engine."""

    def __init__(self, engine: Engine, members: Sequence[str]) -> None:
        """`members` are addresses of gateways; without any, what is missing stays missing."""
        self._engine = engine
        self._members = members
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="yilian-turns", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what was not fetched is fetched after the next start."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                base = self._base()
                if base is not None:
                    if self._led(*base) or self._fetched(*base):
                        return
                    self._closing.wait(TRY_AGAIN)
                self._closing.wait(LOOK_EVERY)
        except StoreDamaged as damaged:
            self._engine.condemn(damaged)

    def _base(self) -> tuple[int, bytes] | None:
        """Give the first height held here and the hash of its validators, once it is sealed."""
        if self._engine.height < self._engine.genesis.first_height():
            return None
        base = self._engine.store.base()
        block = self._engine.store.block(base)
        return None if block is None else (base, block.header.validators_hash)

    def _led(self, below: int, validators_hash: bytes) -> bool:
        """Tell whether the turns kept here lead to this node's first block."""
        at = self._engine.genesis.validator_set().hash()
        for header, _ in self._engine.store.turns(below):
            if header.validators_hash != at:
                return False
            at = header.next_validators_hash
        return at == validators_hash

    def _fetched(self, below: int, validators_hash: bytes) -> bool:
        for address in self._members:
            if self._closing.is_set():
                return False
            try:
                self._keep(self._read(address, below, validators_hash))
            except (NoAnswer, NotTheWay) as problem:
                log.warning("earlier validators are not known from %s: %s", address, problem)
            else:
                return True
        return False

    def _read(self, address: str, below: int, validators_hash: bytes) -> list[LightBlock]:
        gateway = Gateway(address)
        try:
            return fetch(gateway, self._engine.genesis, below, validators_hash)
        finally:
            gateway.close()

    def _keep(self, turns: Sequence[LightBlock]) -> None:
        store = self._engine.store
        for each in turns:
            store.keep_validators(each.validators)
            store.keep_validators(each.next_validators)
        # Whoever lists turns finds their validators: those come first.
        for each in turns:
            store.keep_turn(each.header, each.commit)
        log.info("%d changes of validators before this node's first block are known", len(turns))
