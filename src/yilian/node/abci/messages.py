"""The messages of ABCI 2.0 that this node reads and writes, by hand from CometBFT v0.38's proto.

Field numbers: `tendermint/abci/types.proto` and `tendermint/types/params.proto` at tag v0.38.25.
Readers skip what they do not use, as protobuf does; times are in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from yilian.ledger import proto
from yilian.ledger.block import SECOND

EXCEPTION = 1
REQUESTS = {
    1: "echo",
    2: "flush",
    3: "info",
    5: "init_chain",
    6: "query",
    8: "check_tx",
    11: "commit",
    12: "list_snapshots",
    13: "offer_snapshot",
    14: "load_snapshot_chunk",
    15: "apply_snapshot_chunk",
    16: "prepare_proposal",
    17: "process_proposal",
    18: "extend_vote",
    19: "verify_vote_extension",
    20: "finalize_block",
}
RESPONSES = {name: field + 1 for field, name in REQUESTS.items()}
"""Every response has the number of its request plus one: exception is 1."""

ACCEPT, REJECT = 1, 2
"""ResponseProcessProposal and ResponseVerifyVoteExtension."""

SNAPSHOT_ACCEPT, SNAPSHOT_ABORT, SNAPSHOT_REJECT, SNAPSHOT_REJECT_FORMAT = 1, 2, 3, 4
"""ResponseOfferSnapshot."""

CHUNK_ACCEPT, CHUNK_ABORT, CHUNK_RETRY, CHUNK_REJECT_SNAPSHOT = 1, 2, 3, 5
"""ResponseApplySnapshotChunk."""

_KINDS: dict[int, Literal["duplicate_vote", "light_client_attack"]] = {
    1: "duplicate_vote",
    2: "light_client_attack",
}


class Named(NamedTuple):
    """A request: its name, and its fields."""

    name: str
    fields: proto.Fields


class ValidatorUpdate(NamedTuple):
    """A validator's Ed25519 key and power; 0 takes it out of the set."""

    public_key: bytes
    power: int

    def encode(self) -> bytes:
        """Write `tendermint.abci.ValidatorUpdate`."""
        return proto.message(1, proto.message(1, self.public_key)) + proto.number(2, self.power)


class Fault(NamedTuple):
    """A `tendermint.abci.Misbehavior`: who did what, when (ns), with which power."""

    kind: Literal["duplicate_vote", "light_client_attack"]
    address: bytes
    height: int
    time: int
    power: int


class Limits(NamedTuple):
    """The consensus parameters that the law sets."""

    max_bytes: int
    max_gas: int
    app_version: int

    def encode(self) -> bytes:
        """Write `tendermint.types.ConsensusParams`; what is left out stays as it is."""
        return b"".join(
            (
                proto.message(1, proto.number(1, self.max_bytes) + proto.number(2, self.max_gas)),
                proto.message(4, proto.number(1, self.app_version)),
            )
        )


class Decision(NamedTuple):
    """A block that consensus has decided; time in ns."""

    height: int
    time: int
    hash: bytes
    txs: tuple[bytes, ...]
    misbehaviour: tuple[Fault, ...] = ()


class TxResult(NamedTuple):
    """What became of a transaction, as `last_results_hash` covers it."""

    code: int
    data: bytes
    gas: int


class Snapshot(NamedTuple):
    """A `tendermint.abci.Snapshot`."""

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes

    def encode(self) -> bytes:
        """Write `tendermint.abci.Snapshot`."""
        return b"".join(
            (
                proto.number(1, self.height),
                proto.number(2, self.format),
                proto.number(3, self.chunks),
                proto.chunk(4, self.hash),
                proto.chunk(5, self.metadata),
            )
        )


def request(data: bytes) -> Named:
    """Read `tendermint.abci.Request`; raises the refusal `malformed` for what is none."""
    fields = proto.Fields(data)
    for field, name in REQUESTS.items():
        if fields.has(field):
            return Named(name, proto.Fields(fields.chunk(field)))
    return Named("unknown", fields)


class CheckTx(NamedTuple):
    """A `RequestCheckTx`: a transaction, and whether the mempool holds it already."""

    tx: bytes
    again: bool


def check_request(data: bytes) -> CheckTx | None:
    """Read a CheckTx as the engine writes it; None for any other request.

    There is one for every transaction and another after every block, so this does not go through
    `proto.Fields`; what is written in another order is read by `request`.
    """
    if data[:1] != _CHECK_TX:
        return None
    size, at = _size(data, 1)
    if size != len(data) - at or data[at : at + 1] != _TX:
        return None
    size, at = _size(data, at + 1)
    end = at + size
    rest = data[end:]
    if size < 0 or end > len(data) or rest not in (b"", _RECHECK):
        return None
    return CheckTx(data[at:end], rest == _RECHECK)


_CHECK_TX = bytes((8 << 3 | 2,))
_TX = bytes((1 << 3 | 2,))
_RECHECK = bytes((2 << 3, 1))


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Read a length of one to three bytes and where it ends; -1 for any other."""
    size = 0
    for shift, byte in zip((0, 7, 14), data[at : at + 3], strict=False):
        size |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return size, at
    return -1, at


def response(name: str, body: bytes = b"") -> bytes:
    """Write `tendermint.abci.Response`."""
    return proto.message(RESPONSES[name], body)


FLUSH, FLUSHED = proto.message(2, b""), response("flush")
"""The whole request and the whole answer."""


def exception(text: str) -> bytes:
    """Write a response that makes the engine stop."""
    return proto.message(EXCEPTION, proto.chunk(1, text.encode()))


def time_of(fields: proto.Fields, field: int) -> int:
    """Read a timestamp in nanoseconds."""
    inner = proto.Fields(fields.chunk(field))
    seconds = inner.number(1, proto.UINT64)
    seconds -= 2**64 if seconds > proto.INT64 else 0
    return seconds * SECOND + inner.number(2, SECOND - 1)


def decision(fields: proto.Fields) -> Decision:
    """Read `RequestFinalizeBlock`."""
    return Decision(
        height=fields.number(5, proto.INT64),
        time=time_of(fields, 6),
        hash=fields.chunk(4),
        txs=tuple(fields.every(1)),
        misbehaviour=tuple(fault for each in fields.every(3) for fault in _fault(each)),
    )


def _fault(data: bytes) -> Iterable[Fault]:
    fields = proto.Fields(data)
    kind = _KINDS.get(fields.number(1, proto.INT32))
    validator = proto.Fields(fields.chunk(2))
    if kind is not None:
        yield Fault(
            kind,
            validator.chunk(1),
            fields.number(3, proto.INT64),
            time_of(fields, 4),
            validator.number(3, proto.INT64),
        )


def first_validators(fields: proto.Fields) -> list[ValidatorUpdate]:
    """Read the validators of `RequestInitChain`."""
    found = []
    for each in fields.every(4):
        inner = proto.Fields(each)
        key = proto.Fields(inner.chunk(1)).chunk(1)
        found.append(ValidatorUpdate(key, inner.number(2, proto.INT64)))
    return found


def snapshot(fields: proto.Fields) -> Snapshot:
    """Read the snapshot of `RequestOfferSnapshot`."""
    inner = proto.Fields(fields.chunk(1))
    return Snapshot(
        inner.number(1, proto.INT64),
        inner.number(2, proto.UINT32),
        inner.number(3, proto.UINT32),
        inner.chunk(4),
        inner.chunk(5),
    )


def info(text: str, version: str, app_version: int, height: int, app_hash: bytes) -> bytes:
    """Write `ResponseInfo`."""
    return b"".join(
        (
            proto.chunk(1, text.encode()),
            proto.chunk(2, version.encode()),
            proto.number(3, app_version),
            proto.number(4, height),
            proto.chunk(5, app_hash),
        )
    )


def init_chain(limits: Limits, validators: Sequence[ValidatorUpdate], app_hash: bytes) -> bytes:
    """Write `ResponseInitChain`."""
    return b"".join(
        (
            proto.message(1, limits.encode()),
            *(proto.message(2, each.encode()) for each in validators),
            proto.chunk(3, app_hash),
        )
    )


def check_tx(code: int, gas: int, log: str) -> bytes:
    """Write `ResponseCheckTx`; `log` is the refusal's name, for the engine's own log."""
    return b"".join(
        (
            proto.number(1, code),
            proto.chunk(3, log.encode()),
            proto.number(5, gas),
        )
    )


@lru_cache(4_096)
def check_response(code: int, gas: int, log: str) -> bytes:
    """Write a response with a `ResponseCheckTx`; most of them are alike."""
    return response("check_tx", check_tx(code, gas, log))


def _result(code: int, data: bytes, gas: int) -> bytes:
    """Write an item of `tx_results`, `ExecTxResult`: one for every transaction of a block."""
    return proto.message(2, proto.number(1, code) + proto.chunk(2, data) + _gas(gas))


@lru_cache(4_096)
def _gas(gas: int) -> bytes:
    """Write gas wanted and gas used."""
    return proto.number(5, gas) + proto.number(6, gas)


def finalize_block(
    results: Iterable[TxResult],
    validators: Iterable[ValidatorUpdate],
    limits: Limits | None,
    app_hash: bytes,
) -> bytes:
    """Write `ResponseFinalizeBlock`."""
    parts = [_result(*each) for each in results]
    parts.extend(proto.message(3, each.encode()) for each in validators)
    if limits is not None:
        parts.append(proto.message(4, limits.encode()))
    parts.append(proto.chunk(5, app_hash))
    return b"".join(parts)
