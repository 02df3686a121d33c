"""Blocks, votes and validator sets exactly as CometBFT v0.38 writes, hashes and signs them.

Both engines make these bytes, so there is one receipt format, and any CometBFT light client can
follow a chain. The protobuf encoding is written by hand from the `.proto` files of CometBFT
v0.38 (`tendermint/types`, `tendermint/version`, `tendermint/abci`), and a reader accepts only what
its writer would have written. The JSON form is in `block_json.py`.

Times are integers: nanoseconds since 1970-01-01T00:00:00Z. Every decoder raises the refusal
`malformed` and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from yilian.ledger import merkle, proto, zip215
from yilian.ledger.errors import MALFORMED

Time = int
"""Nanoseconds since the Unix epoch; may be negative."""

SECOND = 10**9
ZERO_TIME: Time = -62_135_596_800 * SECOND
"""0001-01-01T00:00:00Z: what the engine's language writes for "no time" (an absent vote)."""
_END_OF_TIME: Time = 253_402_300_800 * SECOND

BLOCK_PROTOCOL = 11
PART_SIZE = 65_536
MAX_TOTAL_POWER = (2**63 - 1) // 8
PREVOTE, PRECOMMIT = 1, 2
ABSENT, COMMIT, NIL = 1, 2, 3
"""The flag of a commit signature: no vote, a vote for this block, a vote for no block."""

_T = TypeVar("_T", "Header", "Commit", "Block")


def _exact(value: _T, data: bytes) -> _T:
    """Refuse unknown, repeated, reordered and non-minimal fields, and trailing bytes, at once."""
    if value.encode() != data:
        raise MALFORMED()
    return value


def encode_time(time: Time) -> bytes:
    """Write `google.protobuf.Timestamp`."""
    seconds, nanos = divmod(time, SECOND)
    return proto.number(1, seconds) + proto.number(2, nanos)


def decode_time(data: bytes) -> Time:
    """Read `google.protobuf.Timestamp`; refuses `malformed`."""
    fields = proto.Fields(data)
    seconds = fields.number(1, proto.UINT64)
    seconds -= 2**64 if seconds > proto.INT64 else 0
    time = seconds * SECOND + fields.number(2, SECOND - 1)
    if not ZERO_TIME <= time < _END_OF_TIME:
        raise MALFORMED()
    return time


class PartSetHeader(msgspec.Struct, frozen=True):
    """How a block is cut for gossip: number of 64 KiB parts and the Merkle root over them."""

    total: int = 0
    hash: bytes = b""

    def encode(self) -> bytes:
        """Write `tendermint.types.PartSetHeader` (the canonical form has the same bytes)."""
        return proto.number(1, self.total) + proto.chunk(2, self.hash)


class BlockId(msgspec.Struct, frozen=True):
    """The name of a block: its header hash and its part set. The zero id stands for no block."""

    hash: bytes = b""
    parts: PartSetHeader = PartSetHeader()

    def encode(self) -> bytes:
        """Write `tendermint.types.BlockID`; the zero id is `12 00`."""
        return proto.chunk(1, self.hash) + proto.message(2, self.parts.encode())


def _decode_block_id(data: bytes) -> BlockId:
    fields = proto.Fields(data)
    parts = proto.Fields(fields.chunk(2))
    return BlockId(
        _digest(fields.chunk(1)), PartSetHeader(parts.number(1, proto.UINT32), parts.chunk(2))
    )


def _digest(data: bytes) -> bytes:
    if len(data) not in (0, 32):
        raise MALFORMED()
    return data


class Version(msgspec.Struct, frozen=True):
    """The block protocol of the engine and the version of the application."""

    block: int = BLOCK_PROTOCOL
    app: int = 0

    def encode(self) -> bytes:
        """Write `tendermint.version.Consensus`."""
        return proto.number(1, self.block) + proto.number(2, self.app)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a block commits to. `app_hash` and `last_results_hash` speak of the block before it."""

    version: Version = Version()
    chain_id: str
    height: int
    time: Time
    last_block_id: BlockId = BlockId()
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes

    def _tail(self) -> tuple[bytes, ...]:
        return (
            self.last_commit_hash,
            self.data_hash,
            self.validators_hash,
            self.next_validators_hash,
            self.consensus_hash,
            self.app_hash,
            self.last_results_hash,
            self.evidence_hash,
            self.proposer_address,
        )

    def hash(self) -> bytes:
        """The block's hash: the Merkle root of the 14 fields in order.

        Scalars stand in it as protobuf wrapper messages (StringValue, Int64Value, BytesValue). A
        header without a validator set has no hash (empty bytes), as in CometBFT.
        """
        if not self.validators_hash:
            return b""
        return merkle.root(
            [
                self.version.encode(),
                proto.chunk(1, self.chain_id.encode()),
                proto.number(1, self.height),
                encode_time(self.time),
                self.last_block_id.encode(),
                *(proto.chunk(1, each) for each in self._tail()),
            ]
        )

    def encode(self) -> bytes:
        """Write `tendermint.types.Header`."""
        return b"".join(
            (
                proto.message(1, self.version.encode()),
                proto.chunk(2, self.chain_id.encode()),
                proto.number(3, self.height),
                proto.message(4, encode_time(self.time)),
                proto.message(5, self.last_block_id.encode()),
                *(proto.chunk(field, each) for field, each in enumerate(self._tail(), 6)),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read `tendermint.types.Header`; refuses `malformed`."""
        fields = proto.Fields(data)
        version = proto.Fields(fields.chunk(1))
        header = cls(
            version=Version(version.number(1, proto.UINT64), version.number(2, proto.UINT64)),
            chain_id=_text(fields.chunk(2)),
            height=fields.number(3, proto.INT64),
            time=decode_time(fields.chunk(4)),
            last_block_id=_decode_block_id(fields.chunk(5)),
            last_commit_hash=_digest(fields.chunk(6)),
            data_hash=_digest(fields.chunk(7)),
            validators_hash=_digest(fields.chunk(8)),
            next_validators_hash=_digest(fields.chunk(9)),
            consensus_hash=_digest(fields.chunk(10)),
            app_hash=fields.chunk(11),
            last_results_hash=_digest(fields.chunk(12)),
            evidence_hash=_digest(fields.chunk(13)),
            proposer_address=fields.chunk(14),
        )
        return _exact(header, data)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MALFORMED() from None


class CommitSig(msgspec.Struct, frozen=True):
    """One validator's place in a commit: its flag, address, vote time and signature."""

    flag: int = ABSENT
    address: bytes = b""
    time: Time = ZERO_TIME
    signature: bytes = b""

    def encode(self) -> bytes:
        """Write `tendermint.types.CommitSig`."""
        return b"".join(
            (
                proto.number(1, self.flag),
                proto.chunk(2, self.address),
                proto.message(3, encode_time(self.time)),
                proto.chunk(4, self.signature),
            )
        )


def _decode_commit_sig(data: bytes) -> CommitSig:
    fields = proto.Fields(data)
    time = decode_time(fields.chunk(3))
    return CommitSig(fields.number(1, proto.INT32), fields.chunk(2), time, fields.chunk(4))


class Commit(msgspec.Struct, frozen=True):
    """The votes that decided a block, one place per validator in the order of the set."""

    height: int = 0
    round: int = 0
    block_id: BlockId = BlockId()
    signatures: tuple[CommitSig, ...] = ()

    def hash(self) -> bytes:
        """The `last_commit_hash` of the next header: Merkle root over the signatures."""
        return merkle.root([each.encode() for each in self.signatures])

    def sign_bytes(self, chain_id: str, index: int) -> bytes:
        """The bytes that the validator at `index` signed; its vote may be for no block (NIL)."""
        place = self.signatures[index]
        voted = self.block_id if place.flag == COMMIT else None
        return vote_sign_bytes(chain_id, self.height, self.round, voted, place.time)

    def encode(self) -> bytes:
        """Write `tendermint.types.Commit`."""
        return b"".join(
            (
                proto.number(1, self.height),
                proto.number(2, self.round),
                proto.message(3, self.block_id.encode()),
                *(proto.message(4, each.encode()) for each in self.signatures),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Commit:
        """Read `tendermint.types.Commit`; refuses `malformed`."""
        fields = proto.Fields(data)
        commit = cls(
            fields.number(1, proto.INT64),
            fields.number(2, proto.INT32),
            _decode_block_id(fields.chunk(3)),
            tuple(_decode_commit_sig(each) for each in fields.every(4)),
        )
        return _exact(commit, data)


def vote_sign_bytes(
    chain_id: str,
    height: int,
    round: int,  # noqa: A002 (the name of the field)
    block_id: BlockId | None,
    time: Time,
    type: int = PRECOMMIT,  # noqa: A002
) -> bytes:
    """Write what a validator signs: a length-prefixed `tendermint.types.CanonicalVote`.

    Height and round are fixed 64-bit and left out when zero; a vote for no block leaves the block
    id out; the time is always there.
    """
    body = b"".join(
        (
            proto.number(1, type),
            proto.fixed(2, height),
            proto.fixed(3, round),
            b"" if block_id in (None, BlockId()) else proto.message(4, block_id.encode()),
            proto.message(5, encode_time(time)),
            proto.chunk(6, chain_id.encode()),
        )
    )
    return proto.varint(len(body)) + body


class Validator(msgspec.Struct, frozen=True):
    """A member's consensus key (Ed25519, 32 bytes) and its voting power."""

    public_key: bytes
    power: int

    @property
    def address(self) -> bytes:
        """The first 20 bytes of the SHA-256 of the key."""
        return hashlib.sha256(self.public_key).digest()[:20]

    def encode(self) -> bytes:
        """Write `tendermint.types.SimpleValidator`, the leaf of the validator set's hash."""
        return proto.message(1, proto.message(1, self.public_key)) + proto.number(2, self.power)


class ValidatorSet:
    """The validators of a height, by power (highest first), then address: the order of commits.

    Refuses `malformed`: a key twice, a key that is not 32 bytes, a power below 1, a total above
    CometBFT's limit.
    """

    __slots__ = ("total_power", "validators")

    def __init__(self, validators: Iterable[Validator]) -> None:
        ordered = sorted(validators, key=lambda each: (-each.power, each.address))
        self.validators: tuple[Validator, ...] = tuple(ordered)
        self.total_power = sum(each.power for each in ordered)
        if (
            any(each.power < 1 or len(each.public_key) != 32 for each in ordered)
            or self.total_power > MAX_TOTAL_POWER
            or len({each.public_key for each in ordered}) != len(ordered)
        ):
            raise MALFORMED()

    def __len__(self) -> int:
        return len(self.validators)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValidatorSet) and self.validators == other.validators

    __hash__ = None  # type: ignore[assignment]

    def changed(self, updates: Iterable[tuple[bytes, int]]) -> ValidatorSet:
        """Give the set after changes (key, new power); power 0 takes a validator out."""
        powers = {each.public_key: each.power for each in self.validators}
        powers.update(updates)
        return ValidatorSet(Validator(key, power) for key, power in powers.items() if power)

    def hash(self) -> bytes:
        """The `validators_hash` of a header: Merkle root over keys and powers in order."""
        return merkle.root([each.encode() for each in self.validators])

    def signed_power(self, chain_id: str, commit: Commit) -> int:
        """Sum the power that signed for the block; every signature given must be valid.

        Refuses `malformed` where places and validators do not correspond or a signature is wrong.
        """
        if len(commit.signatures) != len(self.validators):
            raise MALFORMED()
        power = 0
        for index, (place, each) in enumerate(zip(commit.signatures, self.validators, strict=True)):
            if place.flag == ABSENT:
                continue
            signed = commit.sign_bytes(chain_id, index)
            if (
                place.flag not in (COMMIT, NIL)
                or place.address != each.address
                or not zip215.verify(each.public_key, signed, place.signature)
            ):
                raise MALFORMED()
            power += each.power if place.flag == COMMIT else 0
        return power


class TxResult(msgspec.Struct, frozen=True):
    """The part of a transaction's result that all nodes must agree on."""

    code: int = 0
    data: bytes = b""
    gas_wanted: int = 0
    gas_used: int = 0

    def encode(self) -> bytes:
        """Write `tendermint.abci.ExecTxResult` with its deterministic fields only."""
        return b"".join(
            (
                proto.number(1, self.code),
                proto.chunk(2, self.data),
                proto.number(5, self.gas_wanted),
                proto.number(6, self.gas_used),
            )
        )


class Block(msgspec.Struct, frozen=True):
    """A header, its transactions in order and the commit of the block before.

    `evidence` holds `tendermint.types.Evidence` messages as received; only CometBFT makes them.
    """

    header: Header
    txs: tuple[bytes, ...] = ()
    last_commit: Commit | None = None
    evidence: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Write `tendermint.types.Block`."""
        commit = self.last_commit
        return b"".join(
            (
                proto.message(1, self.header.encode()),
                proto.message(2, b"".join(proto.message(1, tx) for tx in self.txs)),
                proto.message(3, b"".join(proto.message(1, each) for each in self.evidence)),
                b"" if commit is None else proto.message(4, commit.encode()),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Block:
        """Read `tendermint.types.Block`; refuses `malformed`."""
        fields = proto.Fields(data)
        block = cls(
            Header.decode(fields.chunk(1)),
            tuple(proto.Fields(fields.chunk(2)).every(1)),
            Commit.decode(fields.chunk(4)) if fields.has(4) else None,
            tuple(proto.Fields(fields.chunk(3)).every(1)),
        )
        return _exact(block, data)

    def part_set_header(self) -> PartSetHeader:
        """Cut the encoded block into 64 KiB parts and commit to them."""
        return part_set_header(self.encode())

    def block_id(self) -> BlockId:
        """The name by which votes and the next header refer to this block."""
        return BlockId(self.header.hash(), self.part_set_header())


def part_set_header(encoded: bytes) -> PartSetHeader:
    """Cut an encoded block into 64 KiB parts and commit to them."""
    parts = [encoded[at : at + PART_SIZE] for at in range(0, len(encoded), PART_SIZE)]
    return PartSetHeader(len(parts), merkle.root(parts))


# --- hashes that a header carries ---


def data_leaves(txs: Sequence[bytes]) -> list[bytes]:
    """The leaves under `data_hash`: the SHA-256 of each transaction."""
    return [merkle.sha256(tx) for tx in txs]


def data_hash(txs: Sequence[bytes]) -> bytes:
    """Merkle root over the SHA-256 of each transaction."""
    return merkle.root(data_leaves(txs))


def results_hash(results: Sequence[TxResult]) -> bytes:
    """Merkle root over the results of a block: `last_results_hash` of the next header."""
    return merkle.root([each.encode() for each in results])


def evidence_hash(evidence: Sequence[bytes]) -> bytes:
    """Merkle root over pieces of evidence (each without its `Evidence` envelope)."""
    return merkle.root(evidence)


def consensus_hash(max_bytes: int, max_gas: int) -> bytes:
    """SHA-256 of `tendermint.types.HashedParams`; a limit of -1 means none."""
    return merkle.sha256(proto.number(1, max_bytes) + proto.number(2, max_gas))
