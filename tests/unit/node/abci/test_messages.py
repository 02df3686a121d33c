"""ABCI's messages: what the engine itself wrote is read, and what is no message is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import raises
from tests.consensus import encoding
from tests.consensus.encoding import chunk, chunks, integer, proto3, timestamp, write
from tests.foreign.abci import golden
from yilian.ledger import proto
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.node.abci import messages
from yilian.node.abci.messages import (
    CheckTx,
    Decision,
    Fault,
    Limits,
    Named,
    Snapshot,
    TxResult,
    ValidatorUpdate,
)

MOMENT = 1_795_332_780_123_456_789
WHOLE = 1_795_332_780_000_000_000
TXS = (b"one", b"", b"\xff" * 300)
FAULTS = (
    Fault("duplicate_vote", b"\x07" * 20, 41, MOMENT, 10),
    Fault("light_client_attack", b"\x08" * 20, 40, WHOLE, 9),
)
KINDS = {
    "check_tx_again": "check_tx",
    "check_tx_empty": "check_tx",
    "load_chunk": "load_snapshot_chunk",
    "apply_chunk": "apply_snapshot_chunk",
    "apply_first": "apply_snapshot_chunk",
    "verify_other_extension": "verify_vote_extension",
    "finalize_empty": "finalize_block",
}


def given_by_engine(name: str) -> bytes:
    """Give a request that CometBFT's own types wrote, without its frame."""
    data = bytes.fromhex(golden()["requests"][name])
    return data[1:] if data[0] < 128 else data[2:]


def fields(name: str) -> proto.Fields:
    return messages.request(given_by_engine(name)).fields


def test_every_kind_of_request_has_its_name() -> None:
    names = golden()["requests"]
    assert {KINDS.get(name, name) for name in names} == set(messages.REQUESTS.values())
    for name in names:
        assert messages.request(given_by_engine(name)).name == KINDS.get(name, name)


def test_our_own_numbers_are_those_of_the_tests() -> None:
    assert {name: field for field, name in messages.REQUESTS.items()} == encoding.REQUEST
    named = {number: name for name, number in messages.RESPONSES.items()}
    assert named | {messages.EXCEPTION: "exception"} == encoding.RESPONSE


def test_finalize_block_of_the_engine() -> None:
    assert messages.decision(fields("finalize_block")) == Decision(
        42, MOMENT, b"\x06" * 32, TXS, FAULTS
    )
    assert messages.decision(fields("finalize_empty")) == Decision(1, WHOLE, b"\x06" * 32, ())


def test_proposals_of_the_engine() -> None:
    found = fields("prepare_proposal")
    assert found.number(1, proto.INT64) == 1 << 22
    assert messages.time_of(found, 6) == MOMENT
    assert tuple(fields("process_proposal").every(1)) == TXS


def test_check_tx_of_the_engine() -> None:
    assert messages.check_request(given_by_engine("check_tx")) == CheckTx(b"one", False)
    assert messages.check_request(given_by_engine("check_tx_again")) == CheckTx(b"one", True)
    # Without a transaction the engine writes an empty message.
    assert messages.check_request(given_by_engine("check_tx_empty")) is None
    for name in golden()["requests"]:
        if KINDS.get(name, name) != "check_tx":
            assert messages.check_request(given_by_engine(name)) is None


def test_init_chain_of_the_engine() -> None:
    found = fields("init_chain")
    validators = messages.first_validators(found)
    assert [each.power for each in validators] == [10, 1 << 40]
    assert {len(each.public_key) for each in validators} == {32}
    assert (found.chunk(2), found.number(6, proto.INT64)) == (b"test", 1)


def test_snapshots_of_the_engine() -> None:
    offered = Snapshot(500, 1, 3, b"\x01" * 32, b"parts")
    assert messages.snapshot(fields("offer_snapshot")) == offered
    assert fields("offer_snapshot").chunk(2) == b"\x09" * 32
    assert [fields("load_chunk").number(at, proto.UINT64) for at in (1, 2, 3)] == [500, 1, 2]
    assert fields("apply_first").number(1, proto.UINT32) == 0
    assert fields("apply_chunk").number(1, proto.UINT32) == 2


def test_fields_that_nobody_knows_are_passed_over() -> None:
    body = given_by_engine("finalize_empty")[3:]
    more = body + write((15, 7), (30, b"new"), (2_000, b"far"))
    read = messages.request(encoding.request("finalize_block", more))
    assert messages.decision(read.fields) == Decision(1, WHOLE, b"\x06" * 32, ())


def test_the_last_of_a_field_counts_and_what_is_missing_is_nought() -> None:
    body = write((5, 1), (5, 9), (4, b"first"), (4, b"last"))
    assert messages.decision(proto.Fields(body)) == Decision(9, 0, b"last", ())


def test_a_request_of_a_later_engine_is_unknown() -> None:
    assert messages.request(write((21, b""))).name == "unknown"
    assert messages.request(b"").name == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x0a",
        b"\x0a\x05half",
        b"\x09" + bytes(8),
        b"\x0d" + bytes(4),
        b"\x0b\x0c",
        b"\x08" + b"\x80" * 10 + b"\x01",
        b"\x08" + b"\xff" * 9 + b"\x02",
    ],
)
def test_what_is_no_protobuf_is_refused(body: bytes) -> None:
    for read in (messages.request, lambda data: messages.decision(proto.Fields(data))):
        with pytest.raises(Refusal) as refused:
            read(body)
        assert refused.value.code is MALFORMED


@raises(MALFORMED)
def test_a_negative_height_is_refused() -> None:
    messages.decision(proto.Fields(write((5, -1))))


@raises(MALFORMED)
def test_a_second_has_so_many_nanoseconds() -> None:
    messages.time_of(proto.Fields(write((6, write((2, 10**9))))), 6)


@raises(MALFORMED)
def test_a_misdeed_has_a_kind() -> None:
    messages.decision(proto.Fields(write((3, write((1, -2))))))


@pytest.mark.parametrize("time", [0, 1, -1, MOMENT, -(10**18), 253_402_300_799 * 10**9])
def test_times_before_and_after_1970(time: int) -> None:
    assert messages.time_of(proto.Fields(write((6, timestamp(time)))), 6) == time


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(golden()["requests"])), st.data())
def test_a_spoiled_request_is_read_or_refused(name: str, data: st.DataObject) -> None:
    spoiled = bytearray(given_by_engine(name))
    for _ in range(data.draw(st.integers(1, 3))):
        if spoiled:
            at = data.draw(st.integers(0, len(spoiled) - 1))
            spoiled[at] = data.draw(st.integers(0, 255))
    cut = bytes(spoiled[: data.draw(st.integers(0, len(spoiled)))])
    for each in (bytes(spoiled), cut):
        read = read_or_refused(each)
        check = messages.check_request(each)
        if check is not None and read is not None:
            assert read.name == "check_tx"
            assert (read.fields.chunk(1), read.fields.number(2, 1) == 1) == check


def read_or_refused(data: bytes) -> Named | None:
    try:
        read = messages.request(data)
        if read.name == "finalize_block":
            messages.decision(read.fields)
    except Refusal as refusal:
        if refusal.code is not MALFORMED:
            raise
        return None
    return read


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_the_short_way_reads_what_the_long_way_reads(tx: bytes, again: bool) -> None:
    data = encoding.request("check_tx", proto3((1, tx), (2, int(again))))
    slow = messages.request(data)
    assert (slow.fields.chunk(1), slow.fields.number(2, 1)) == (tx, int(again))
    assert messages.check_request(data) == (CheckTx(tx, again) if tx else None)


@pytest.mark.parametrize("size", [1, 126, 127, 128, 16_383, 16_384, 65_536, 70_000])
def test_the_short_way_reads_transactions_of_any_size(size: int) -> None:
    for again in (False, True):
        data = encoding.request("check_tx", proto3((1, b"t" * size), (2, int(again))))
        assert messages.check_request(data) == CheckTx(b"t" * size, again)


def body(name: str, data: bytes) -> encoding.Message:
    found, answer = encoding.response(messages.response(name, data))
    assert found == name
    return answer


def test_what_info_answers() -> None:
    answer = body("info", messages.info("yilian", "1.0", 3, 70_000, b"\x05" * 32))
    assert [chunk(answer, 1), chunk(answer, 2), chunk(answer, 5)] == [
        b"yilian",
        b"1.0",
        b"\x05" * 32,
    ]
    assert [integer(answer, 3), integer(answer, 4)] == [3, 70_000]


def test_what_init_chain_answers() -> None:
    update = ValidatorUpdate(b"\x01" * 32, 10)
    answer = body("init_chain", messages.init_chain(Limits(1, 2, 3), [update], b"\x05" * 32))
    assert chunk(answer, 1) == write((1, write((1, 1), (2, 2))), (4, write((1, 3))))
    assert chunks(answer, 2) == [encoding.validator_update(b"\x01" * 32, 10)]
    assert chunk(answer, 3) == b"\x05" * 32


def test_what_finalize_block_answers() -> None:
    results = [TxResult(0, b"\x02" * 32, 5), TxResult(7, b"", 0)]
    updates = [ValidatorUpdate(b"\x01" * 32, 0)]
    answer = body(
        "finalize_block",
        messages.finalize_block(results, updates, Limits(9, 8, 2), b"\x05" * 32),
    )
    assert chunks(answer, 2) == [
        write((2, b"\x02" * 32), (5, 5), (6, 5)),
        write((1, 7)),
    ]
    # A power of nought is left out, as proto3 does: it takes a validator away.
    assert chunks(answer, 3) == [write((1, write((1, b"\x01" * 32))))]
    assert chunk(answer, 4) == write((1, write((1, 9), (2, 8))), (4, write((1, 2))))
    assert chunk(answer, 5) == b"\x05" * 32
    assert 4 not in body("finalize_block", messages.finalize_block([], [], None, b"h"))


def test_what_check_tx_answers() -> None:
    name, answer = encoding.response(messages.check_response(17, 300, "transaction.expired"))
    assert name == "check_tx"
    assert (integer(answer, 1), integer(answer, 5)) == (17, 300)
    assert chunk(answer, 3) == b"transaction.expired"
    assert encoding.response(messages.check_response(0, 0, "")) == ("check_tx", {})


def test_an_exception_says_why() -> None:
    name, answer = encoding.response(messages.exception("高度不对"))
    assert (name, chunk(answer, 1).decode()) == ("exception", "高度不对")


def test_what_an_unknown_request_holds_is_kept() -> None:
    assert isinstance(messages.request(write((40, b"x"))), Named)
