"""What the gateway answers, as types: handlers fill them, the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.transaction import Body


class Transaction(msgspec.Struct, frozen=True):
    """A signed transaction: the body and one signature for each listed signer, in order."""

    body: Body
    signatures: list[codec.Binary]


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that a block accepted: where it stands (time in ms) and what it caused."""

    hash: str
    height: codec.Whole
    index: codec.Whole
    time: codec.Millis
    events: list[Any]
    code: int = 0
    parameters: dict[str, int | str] = {}
    status: Literal["committed"] = "committed"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that waits for a block, or whose block is not visible here yet."""

    hash: str
    status: Literal["pending"] = "pending"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem document. `next` says what to do; texts are in the reader's language.

    `hash`, `height` and `index` are there where a block holds the refused transaction; `reasons`
    where a node is not ready.
    """

    type: str
    title: str
    status: int
    code: str
    number: int
    detail: str
    next: str
    parameters: dict[str, int | str]
    hash: str | None = None
    height: int | None = None
    index: int | None = None
    reasons: list[str] | None = None


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node stands: newest block (time in ms), what waits, and what the index shows."""

    chain: str
    engine: str
    height: int
    time: int
    app_hash: str
    pending: int
    index_height: int
    version: str


class BlockLine(msgspec.Struct, frozen=True, kw_only=True):
    """A block in a list: time in ms, number of transactions and of events."""

    height: int
    time: int
    hash: str
    transactions: int
    events: int


class BlockPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Blocks, newest first; `next` is the height to pass as `before` for older ones."""

    blocks: list[BlockLine]
    next: int | None = None


class TransactionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction in its block: code 0 is accepted; `types` are those of its messages."""

    hash: str
    code: int
    types: list[str]


class LightBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A signed header and the validators that it names, in the form of CometBFT's RPC."""

    header: dict[str, Any]
    commit: dict[str, Any]
    validators: list[dict[str, Any]]


class Turn(LightBlock, frozen=True, kw_only=True):
    """A signed header after whose height other validators sign: the ones before and after."""

    next_validators: list[dict[str, Any]]


class TurnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Turns in order; `next` is the height after which to go on, null at the end."""

    turns: list[Turn]
    next: int | None


class StateLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf of the state tree: its hash and its key."""

    hash: str
    key: str


class StatePart(msgspec.Struct, frozen=True, kw_only=True):
    """A subtree of the state tree after a height.

    `marks`: where it has many leaves, those of its sixteen parts: empty, a hash, or a hash and 00
    for a lone leaf. `leaves`: where it has few. Of the two, one is null.
    """

    height: int
    place: str
    marks: list[str] | None
    leaves: list[StateLeaf] | None


class StateHash(msgspec.Struct, frozen=True, kw_only=True):
    """The hash of what a state key held after a height; null where it held nothing."""

    height: int
    key: str
    hash: str | None


class BlockDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A block with its header and commit as CometBFT's RPC writes them."""

    height: int
    time: int
    hash: str
    transactions: list[TransactionLine]
    header: dict[str, Any]
    commit: dict[str, Any]


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event: `id` is its place; `transaction` is null for what a timer caused."""

    id: str
    height: int
    time: int
    transaction: str | None
    event: Any


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, oldest first; `next` is what to pass as `after`, also when nothing is new yet."""

    events: list[EventLine]
    next: str


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(msgspec.Struct, frozen=True):
    """The node writes blocks and its index keeps up."""

    status: Literal["ready"] = "ready"
