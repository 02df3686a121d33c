"""ABCI 2.0 as an engine writes and reads it: a small protobuf of its own, shared with no code.

Field numbers: CometBFT v0.38.25, `proto/tendermint/abci/types.proto`, `types/params.proto`,
`types/evidence.proto`. A message is a dictionary from field numbers to lists of whole numbers and
bytes; what is written is a list of (field, value), in the order given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SECOND = 10**9
REQUEST = {
    "echo": 1,
    "flush": 2,
    "info": 3,
    "init_chain": 5,
    "query": 6,
    "check_tx": 8,
    "commit": 11,
    "list_snapshots": 12,
    "offer_snapshot": 13,
    "load_snapshot_chunk": 14,
    "apply_snapshot_chunk": 15,
    "prepare_proposal": 16,
    "process_proposal": 17,
    "extend_vote": 18,
    "verify_vote_extension": 19,
    "finalize_block": 20,
}
RESPONSE = {
    1: "exception",
    2: "echo",
    3: "flush",
    4: "info",
    6: "init_chain",
    7: "query",
    9: "check_tx",
    12: "commit",
    13: "list_snapshots",
    14: "offer_snapshot",
    15: "load_snapshot_chunk",
    16: "apply_snapshot_chunk",
    17: "prepare_proposal",
    18: "process_proposal",
    19: "extend_vote",
    20: "verify_vote_extension",
    21: "finalize_block",
}

Value = int | bytes | str
Message = dict[int, list[int | bytes]]


def varint(value: int) -> bytes:
    """Write a varint; negative numbers take ten bytes."""
    value %= 1 << 64
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    return bytes([each | 128 for each in groups[:-1]] + groups[-1:])


def write(*fields: tuple[int, Value]) -> bytes:
    """Write a message from (field, value), zeros and empty chunks too."""
    out = b""
    for field, value in fields:
        if isinstance(value, int):
            out += varint(field * 8) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(field * 8 + 2) + varint(len(data)) + data
    return out


def proto3(*fields: tuple[int, Value]) -> bytes:
    """Write a message as proto3 does: scalars that hold their default are left out."""
    return write(*(each for each in fields if each[1] not in (0, b"", "")))


def timestamp(time: int) -> bytes:
    """Write a `google.protobuf.Timestamp` of nanoseconds."""
    return proto3((1, time // SECOND), (2, time % SECOND))


def parse(data: bytes) -> Message:
    """Read a message of varints and chunks; raises ValueError for anything else."""
    found: Message = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise ValueError("a varint that does not end")
            value |= (data[at] & 127) << shift
            at += 1
            if data[at - 1] < 128:
                return value
            shift += 7

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            found.setdefault(tag >> 3, []).append(number())
        elif tag & 7 == 2:
            size = number()
            if size > len(data) - at:
                raise ValueError("a chunk that does not end")
            found.setdefault(tag >> 3, []).append(data[at : at + size])
            at += size
        else:
            raise ValueError("a field of another kind")
    return found


def integer(message: Message, field: int) -> int:
    """Give a number of a message, 0 where it is left out."""
    value = message.get(field, [0])[-1]
    assert isinstance(value, int)
    return value


def chunk(message: Message, field: int) -> bytes:
    """Give a chunk of a message, empty where it is left out."""
    value = message.get(field, [b""])[-1]
    assert isinstance(value, bytes)
    return value


def chunks(message: Message, field: int) -> list[bytes]:
    """Give all chunks of a repeated field."""
    return [each for each in message.get(field, []) if isinstance(each, bytes)]


def request(name: str, body: bytes = b"") -> bytes:
    """Write a `tendermint.abci.Request`."""
    return write((REQUEST[name], body))


def response(data: bytes) -> tuple[str, Message]:
    """Read a `tendermint.abci.Response`: the kind, and its fields."""
    outer = parse(data)
    ((field, values),) = outer.items()
    (body,) = values
    assert isinstance(body, bytes)
    return RESPONSE[field], parse(body)


class Fault(NamedTuple):
    """A misdeed as an engine tells it; time in nanoseconds."""

    kind: int
    address: bytes
    height: int
    time: int
    power: int
    total: int


def misbehavior(fault: Fault) -> bytes:
    """Write a `tendermint.abci.Misbehavior`."""
    return proto3(
        (1, fault.kind),
        (2, proto3((1, fault.address), (3, fault.power))),
        (3, fault.height),
    ) + write((4, timestamp(fault.time)), (5, fault.total))


class Snapshot(NamedTuple):
    """A `tendermint.abci.Snapshot`."""

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes


def snapshot(given: Snapshot) -> bytes:
    """Write a snapshot."""
    return proto3(
        (1, given.height),
        (2, given.format),
        (3, given.chunks),
        (4, given.hash),
        (5, given.metadata),
    )


def read_snapshot(data: bytes) -> Snapshot:
    """Read a snapshot."""
    found = parse(data)
    height, form, count = (integer(found, field) for field in (1, 2, 3))
    return Snapshot(height, form, count, chunk(found, 4), chunk(found, 5))


def validator_update(public: bytes, power: int) -> bytes:
    """Write a `tendermint.abci.ValidatorUpdate`."""
    return write((1, write((1, public)))) + proto3((2, power))


def parameters(max_bytes: int, max_gas: int, app: int) -> bytes:
    """Write `tendermint.types.ConsensusParams` with all its sections, as the engine has them."""
    evidence = proto3((1, 100_000), (2, proto3((1, 172_800))), (3, 65_536))
    return write(
        (1, proto3((1, max_bytes), (2, max_gas))),
        (2, evidence),
        (3, write((1, b"ed25519"))),
        (4, proto3((1, app))),
        (5, b""),
    )


def vote(type_: int, height: int, round_: int, block: bytes, parts: tuple[int, bytes]) -> bytes:
    """Write the first four fields of a `tendermint.types.Vote`."""
    named = proto3((1, block)) + write((2, proto3((1, parts[0]), (2, parts[1]))))
    return proto3((1, type_), (2, height), (3, round_)) + write((4, named))


def signed_vote(vote: bytes, time: int, address: bytes, index: int, signature: bytes) -> bytes:
    """Write a whole `tendermint.types.Vote`."""
    return vote + write((5, timestamp(time))) + proto3((6, address), (7, index), (8, signature))


def duplicate_vote(one: bytes, two: bytes, total: int, power: int, time: int) -> bytes:
    """Write `tendermint.types.Evidence` of two votes; time is that of the block of their height."""
    inner = write((1, one), (2, two)) + proto3((3, total), (4, power)) + write((5, timestamp(time)))
    return write((1, inner))


def transactions(raws: Sequence[bytes], field: int = 1) -> bytes:
    """Write a repeated field of transactions."""
    return write(*((field, raw) for raw in raws))
