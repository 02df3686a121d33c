"""Blocks against CometBFT's own vectors, real headers, and everything a reader must refuse."""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from tests.shared import shared
from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger import merkle
from yilian.ledger.errors import MALFORMED, Refusal

ADOPTED = json.loads((Path(__file__).parents[2] / "adopted" / "cometbft.json").read_text())
EMPTY_HASH = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"

digests = st.sampled_from([b"", bytes(32), hashlib.sha256(b"x").digest()])
numbers = st.integers(0, 2**63 - 1)
times = st.integers(b.ZERO_TIME, 253_402_300_800 * b.SECOND - 1)
parts = st.builds(b.PartSetHeader, st.integers(0, 2**32 - 1), digests)
ids = st.builds(b.BlockId, digests, parts)
headers = st.builds(
    b.Header,
    version=st.builds(b.Version, st.integers(0, 20), st.integers(0, 2**64 - 1)),
    chain_id=st.text(min_size=1, max_size=20),
    height=numbers,
    time=times,
    last_block_id=ids,
    last_commit_hash=digests,
    data_hash=digests,
    validators_hash=digests,
    next_validators_hash=digests,
    consensus_hash=digests,
    app_hash=st.binary(max_size=40),
    last_results_hash=digests,
    evidence_hash=digests,
    proposer_address=st.binary(max_size=20),
)
places = st.builds(
    b.CommitSig, st.integers(0, 3), st.binary(max_size=20), times, st.binary(max_size=64)
)
commits = st.builds(
    b.Commit, numbers, st.integers(0, 2**31 - 1), ids, st.lists(places, max_size=4).map(tuple)
)
chunks = st.lists(st.binary(max_size=50), max_size=4).map(tuple)
blocks = st.builds(b.Block, headers, chunks, st.none() | commits, chunks)


def sha(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def unless_malformed(read: Callable[[Any], Any], value: Any) -> Any:
    """What the reader makes of it, or None where it refuses `malformed`; all else goes through."""
    try:
        return read(value)
    except Refusal as refusal:
        if refusal.code is not MALFORMED:
            raise
        return None


def published_header() -> b.Header:
    told = ADOPTED["header"]
    tail = {name: sha(name) for name in bj._TAIL_NAMES}
    tail["proposer_address"] = tail["proposer_address"][:20]
    return b.Header(
        version=b.Version(told["version_block"], told["version_app"]),
        chain_id=told["chain_id"],
        height=told["height"],
        time=bj.time_from_text(told["time"]),
        last_block_id=b.BlockId(bytes(32), b.PartSetHeader(6, bytes(32))),
        **tail,
    )


def test_published_header_hash() -> None:
    assert published_header().hash().hex().upper() == ADOPTED["header"]["hash"]


def test_a_header_without_validators_has_no_hash() -> None:
    fields = {name: getattr(published_header(), name) for name in b.Header.__struct_fields__}
    assert b.Header(**{**fields, "validators_hash": b""}).hash() == b""


@pytest.mark.parametrize("case", ADOPTED["sign_bytes"])
def test_published_sign_bytes(case: dict) -> None:
    made = b.vote_sign_bytes(
        case["chain_id"], case["height"], case["round"], None, b.ZERO_TIME, case["type"]
    )
    assert made.hex() == case["want"]


@pytest.mark.parametrize("case", ADOPTED["consensus_hash"])
def test_published_consensus_hash(case: dict) -> None:
    assert b.consensus_hash(case["max_bytes"], case["max_gas"]).hex().upper() == case["hash"]


def test_published_data_hash() -> None:
    told = ADOPTED["data_hash"]
    assert b.data_hash([bj._base64(tx) for tx in told["txs"]]).hex().upper() == told["hash"]


def test_a_vote_for_a_block_names_it_and_one_for_none_does_not() -> None:
    named = b.BlockId(bytes(32), b.PartSetHeader(1, bytes(32)))
    votes = [b.CommitSig(flag, bytes(20), 5, bytes(64)) for flag in (b.COMMIT, b.NIL)]
    commit = b.Commit(7, 1, named, tuple(votes))
    assert commit.sign_bytes("c", 0) == b.vote_sign_bytes("c", 7, 1, named, 5)
    assert commit.sign_bytes("c", 1) == b.vote_sign_bytes("c", 7, 1, None, 5)
    assert b.vote_sign_bytes("c", 7, 1, b.BlockId(), 5) == b.vote_sign_bytes("c", 7, 1, None, 5)


def test_hashes_of_nothing() -> None:
    empty = bytes.fromhex(EMPTY_HASH)
    assert b.data_hash([]) == b.results_hash([]) == b.evidence_hash([]) == empty
    assert b.Commit().hash() == b.ValidatorSet([]).hash() == empty


def test_the_first_block_carries_an_empty_commit() -> None:
    # CometBFT writes Commit{} at the initial height: its block id is there, and empty.
    assert b.Commit().encode().hex() == "1a021200"
    block = b.Block(published_header(), (b"tx",), b.Commit())
    assert block.encode().endswith(bytes.fromhex("12040a0274781a0022041a021200"))
    assert b.Block.decode(block.encode()) == block
    without = b.Block(published_header(), (b"tx",))
    assert b.Block.decode(without.encode()) == without != block


def test_results_count_only_what_all_nodes_agree_on() -> None:
    result = b.TxResult(3, b"\x01\x02", 10, 7)
    assert result.encode().hex() == "080312020102280a3007"
    assert b.TxResult().encode() == b""
    assert b.results_hash([result]) == merkle.root([result.encode()])


def test_a_block_above_64_kib_has_several_parts() -> None:
    small = b.Block(published_header(), (b"x" * 100,), b.Commit())
    assert small.part_set_header() == b.PartSetHeader(1, merkle.root([small.encode()]))
    large = b.Block(published_header(), (b"x" * 150_000,), b.Commit())
    data = large.encode()
    cut = [data[:65_536], data[65_536:131_072], data[131_072:]]
    assert large.part_set_header() == b.PartSetHeader(3, merkle.root(cut))
    assert large.block_id() == b.BlockId(large.header.hash(), large.part_set_header())


@given(blocks)
def test_decode_then_encode_is_the_identity(block: b.Block) -> None:
    assert b.Block.decode(block.encode()) == block
    assert b.Header.decode(block.header.encode()) == block.header
    if block.last_commit is not None:
        assert b.Commit.decode(block.last_commit.encode()) == block.last_commit


@given(blocks, st.data())
def test_a_decoder_accepts_one_spelling_or_refuses(block: b.Block, data: st.DataObject) -> None:
    encoded = bytearray(block.encode())
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= 1 << data.draw(st.integers(0, 7))
    read = unless_malformed(b.Block.decode, bytes(encoded))
    assert read is None or (read != block and read.encode() == bytes(encoded))


@given(st.binary(max_size=200))
def test_noise_is_malformed_and_nothing_else(data: bytes) -> None:
    for kind in (b.Block, b.Header, b.Commit):
        read = unless_malformed(kind.decode, data)
        assert read is None or read.encode() == data


def test_truncation_and_trailing_bytes_are_malformed() -> None:
    data = b.Block(published_header(), (b"one", b"two"), b.Commit()).encode()
    whole_without_its_commit = len(b.Block(published_header(), (b"one", b"two")).encode())
    wrong = [data[:size] for size in range(len(data)) if size != whole_without_its_commit]
    wrong += [data + extra for extra in (b"\x00", b"\x0a", b"\x28\x01", b"\x2a\x00", data)]
    for each in wrong:
        with pytest.raises(Refusal, match="malformed"):
            b.Block.decode(each)


@pytest.mark.parametrize(
    "data",
    [
        "088100" + "1a021200",  # a height in more bytes than it needs
        "08011a0212000801",  # a field twice
        "1a0212000801",  # fields out of order
        "08001a021200",  # a default written out
        "08011a021200780a",  # an unknown field
        "08ffffffffffffffffff7f1a021200",  # a number above 64 bits
        "08ffffffffffffffffff011a021200",  # a negative height
        "0d000000001a021200",  # a wire type that is not used
        "1a0212002280",  # a chunk that ends too early
    ],
)
def test_another_spelling_of_a_commit_is_malformed(data: str) -> None:
    with pytest.raises(Refusal, match="malformed"):
        b.Commit.decode(bytes.fromhex(data))


def test_hashes_of_another_length_are_malformed() -> None:
    fields = {name: getattr(published_header(), name) for name in b.Header.__struct_fields__}
    wrong = b.Header(**{**fields, "data_hash": bytes(31)})
    with pytest.raises(Refusal, match="malformed"):
        b.Header.decode(wrong.encode())


# --- validators ---


def keys(count: int) -> list[SigningKey]:
    return [SigningKey(sha(f"validator {index}")) for index in range(count)]


def signed(powers: list[int], flags: list[int]) -> tuple[b.ValidatorSet, b.Commit]:
    pairs = {bytes(key.verify_key): key for key in keys(len(powers))}
    validators = b.ValidatorSet(map(b.Validator, pairs, powers))
    named = b.BlockId(sha("block"), b.PartSetHeader(1, sha("parts")))
    votes = []
    for each, flag in zip(validators.validators, flags, strict=True):
        voted = named if flag == b.COMMIT else None
        message = b.vote_sign_bytes("chain", 9, 0, voted, 77)
        signature = pairs[each.public_key].sign(message).signature
        votes.append(
            b.CommitSig() if flag == b.ABSENT else b.CommitSig(flag, each.address, 77, signature)
        )
    return validators, b.Commit(9, 0, named, tuple(votes))


def test_validators_stand_by_power_then_address() -> None:
    publics = [bytes(key.verify_key) for key in keys(5)]
    validators = b.ValidatorSet(map(b.Validator, publics, [5, 9, 5, 1, 5]))
    order = [(-each.power, each.address) for each in validators.validators]
    assert order == sorted(order)
    assert validators.total_power == 25
    assert validators == b.ValidatorSet(reversed(validators.validators))
    assert len(validators) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        [b.Validator(bytes(32), 0)],
        [b.Validator(bytes(32), -1)],
        [b.Validator(bytes(31), 1)],
        [b.Validator(bytes(32), 1), b.Validator(bytes(32), 2)],
        [b.Validator(bytes(32), b.MAX_TOTAL_POWER), b.Validator(b"\x01" * 32, 1)],
    ],
)
def test_an_impossible_validator_set_is_malformed(wrong: list[b.Validator]) -> None:
    with pytest.raises(Refusal, match="malformed"):
        b.ValidatorSet(wrong)


def test_only_votes_for_the_block_count() -> None:
    validators, commit = signed([7, 5, 3, 1], [b.COMMIT, b.NIL, b.ABSENT, b.COMMIT])
    assert validators.signed_power("chain", commit) == 8


def test_a_wrong_or_misplaced_vote_is_malformed() -> None:
    validators, commit = signed([1, 1, 1], [b.COMMIT, b.NIL, b.COMMIT])
    first, second, third = commit.signatures
    swapped = (second, first, third)
    relabelled = (b.CommitSig(b.NIL, first.address, first.time, first.signature), second, third)
    later = (b.CommitSig(first.flag, first.address, first.time + 1, first.signature), second, third)
    unknown = (b.CommitSig(4, first.address, first.time, first.signature), second, third)
    for votes in (swapped, relabelled, later, unknown, (first, second), (first,) * 4):
        with pytest.raises(Refusal, match="malformed"):
            validators.signed_power("chain", b.Commit(9, 0, commit.block_id, votes))
    with pytest.raises(Refusal, match="malformed"):
        validators.signed_power("other", commit)


# --- JSON ---


@given(headers, commits)
def test_json_round_trip(header: b.Header, commit: b.Commit) -> None:
    again = bj.header_from_json(json.loads(json.dumps(bj.header_to_json(header))))
    assert again == header
    assert bj.commit_from_json(json.loads(json.dumps(bj.commit_to_json(commit)))) == commit


def test_json_is_spelled_as_the_rpc_spells_it() -> None:
    made = bj.header_to_json(published_header())
    assert made["version"] == {"block": "1", "app": "2"}
    assert made["height"] == "3"
    assert made["time"] == "2019-10-13T16:14:44Z"
    assert made["last_block_id"]["parts"]["total"] == 6
    assert made["data_hash"] == sha("data_hash").hex().upper()


def test_the_rpc_leaves_an_application_version_of_zero_out() -> None:
    told = bj.header_to_json(published_header())
    del told["version"]["app"]
    assert bj.header_from_json(told).version == b.Version(1, 0)


def test_validators_round_trip_and_lose_only_their_priority() -> None:
    validators, _ = signed([7, 5], [b.COMMIT, b.COMMIT])
    told = bj.validators_to_json(validators)
    assert bj.validators_from_json(told) == validators
    for each in told:
        each["proposer_priority"] = "-5"
    assert bj.validators_from_json(told) == validators


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield way, value
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], (*way, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*way, index))


def replaced(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    made = copy.copy(value)
    made[way[0]] = replaced(value[way[0]], way[1:], new)
    return made


WRONG = [None, True, -1, 1.5, "x", "0x00", " 1", "1 ", "-1", "01", "ab", "AB CD", [], {}, 2**70]
WRONG += ["9" * 25, "\ud800", "1970-01-01T00:00:00+01:00", ["x"], {"x": 1}, "AA=A", "QQ"]
TEXTS = {"chain_id"}


@pytest.mark.parametrize("kind", ["header", "commit", "validators"])
def test_every_member_refuses_every_wrong_value(kind: str) -> None:
    validators, commit = signed([7, 5], [b.COMMIT, b.COMMIT])
    told = {
        "header": (bj.header_to_json(published_header()), bj.header_from_json),
        "commit": (bj.commit_to_json(commit), bj.commit_from_json),
        "validators": (bj.validators_to_json(validators), bj.validators_from_json),
    }
    value, read = told[kind]
    free = {"app_hash", "proposer_address", "signatures", "validator_address", "signature"}
    free |= {""} if kind == "validators" else set()
    refused = 0
    for way, good in leaves(value):
        for new in WRONG:
            if new == good or (way and way[-1] in TEXTS and new != "\ud800"):
                continue
            made = unless_malformed(read, replaced(value, way, new))
            refused += made is None
            assert made is None or (way[-1] if way else "") in free, (way, new, made)
    assert refused > 100


@pytest.mark.parametrize("kind", ["header", "commit"])
def test_unknown_and_missing_members_are_malformed(kind: str) -> None:
    _, commit = signed([7], [b.COMMIT])
    told: dict[str, Any] = {
        "header": bj.header_to_json(published_header()),
        "commit": bj.commit_to_json(commit),
    }[kind]
    read: Any = {"header": bj.header_from_json, "commit": bj.commit_from_json}[kind]
    for way, value in leaves(told):
        if not isinstance(value, dict):
            continue
        for name in value:
            if (kind, way, name) == ("header", ("version",), "app"):
                continue
            less = {key: item for key, item in value.items() if key != name}
            with pytest.raises(Refusal, match="malformed"):
                read(replaced(told, way, less))
        with pytest.raises(Refusal, match="malformed"):
            read(replaced(told, way, {**value, "more": 1}))


def test_an_address_that_is_not_the_keys_is_malformed() -> None:
    told = bj.validators_to_json(signed([7], [b.COMMIT])[0])
    told[0]["address"] = "00" * 20
    with pytest.raises(Refusal, match="malformed"):
        bj.validators_from_json(told)


@given(times)
def test_times_agree_with_the_calendar(time: b.Time) -> None:
    text = bj.time_to_text(time)
    assert bj.time_from_text(text) == time
    seconds, nanos = divmod(time, b.SECOND)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    moment = epoch + datetime.timedelta(seconds=seconds)
    assert text[:19] == moment.isoformat()[:19]
    assert text[19:] == (f".{nanos:09}".rstrip("0") if nanos else "") + "Z"


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567890Z",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        "２024-01-01T00:00:00Z",
        1704067200,
        None,
    ],
)
def test_what_is_no_time_is_malformed(text: object) -> None:
    with pytest.raises(Refusal, match="malformed"):
        bj.time_from_text(text)


# --- real headers, commits and validator sets ---


def as_rpc(value: Any) -> Any:
    """The files spell some members as tendermint-rs does; the RPC spells them so."""
    if isinstance(value, list):
        return [as_rpc(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name.replace("part_set_header", "parts"): as_rpc(item) for name, item in value.items()}
    if "bit_array" in made:
        del made["bit_array"], made["hash"]
        made["signatures"] = made["signatures"] or []
    if "last_block_id" in made and made["last_block_id"] is None:
        made["last_block_id"] = bj.block_id_to_json(b.BlockId())
    return made


def test_every_hash_of_the_light_client_files_comes_out() -> None:
    files = sorted(shared("light-client").glob("*.json"))
    assert len(files) > 10
    unsigned = 0
    for file in files:
        case = json.loads(file.read_text())
        for each in [case["initial"], *(step["block"] for step in case["input"])]:
            told = as_rpc(each)
            header = bj.header_from_json(told["signed_header"]["header"])
            commit = bj.commit_from_json(told["signed_header"]["commit"])
            assert header.hash() == commit.block_id.hash
            assert b.Header.decode(header.encode()) == header
            assert b.Commit.decode(commit.encode()) == commit
            following = bj.validators_from_json(told["next_validator_set"]["validators"] or [])
            assert following.hash() == header.next_validators_hash
            if "validator_set" not in told:
                continue
            validators = bj.validators_from_json(told["validator_set"]["validators"])
            assert validators.hash() == header.validators_hash
            power = unless_malformed(partial(validators.signed_power, header.chain_id), commit)
            unsigned += power is None or 3 * power <= 2 * validators.total_power
    assert 0 < unsigned < 8  # some files end in a block that too few signed
