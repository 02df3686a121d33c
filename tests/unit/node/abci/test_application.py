"""What is answered to an engine's calls: in order, in lists, and nothing after an exception."""

from __future__ import annotations

import pytest

from tests.consensus import encoding
from tests.consensus.encoding import chunk, integer, proto3, request, write
from tests.consensus.simulator import Network
from tests.foreign.abci import golden
from yilian.ledger.errors import EXPIRED, MALFORMED, TOO_MANY_PENDING
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.node.abci.application import Application


def ask(network: Network, *requests: bytes) -> list[tuple[str, encoding.Message]]:
    application = Application(network.replicas[0].node)
    return [encoding.response(each) for each in application.answer_all(requests)]


def names(network: Network, *requests: bytes) -> list[str]:
    return [name for name, _ in ask(network, *requests)]


def check(raw: bytes, again: bool = False) -> bytes:
    return request("check_tx", proto3((1, raw), (2, int(again))))


INFO, FLUSH = request("info"), request("flush")


def test_answers_come_in_the_order_of_the_requests(network: Network) -> None:
    raws = [network.town.enrol() for _ in range(3)]
    asked = [
        INFO,
        check(raws[0]),
        check(raws[1]),
        FLUSH,
        check(raws[2]),
        request("echo", write((1, "a"))),
        FLUSH,
        check(raws[0], again=True),
        INFO,
    ]
    assert names(network, *asked) == [
        "info",
        "check_tx",
        "check_tx",
        "flush",
        "check_tx",
        "echo",
        "flush",
        "check_tx",
        "info",
    ]
    assert ask(network) == []


def test_checks_that_come_together_are_told_apart(network: Network) -> None:
    good = [network.town.enrol() for _ in range(4)]
    asked = [check(good[0]), check(b"junk"), check(good[1]), check(good[0]), check(good[2], True)]
    asked += [check(good[1], True), check(good[3]), check(b"")]
    codes = [integer(answer, 1) for _, answer in ask(network, *asked)]
    junk, gone = MALFORMED.number, EXPIRED.number
    assert codes == [0, junk, 0, 0, gone, 0, 0, junk]
    assert network.replicas[0].node.pending() == 3


def test_a_refused_check_names_the_reason_and_no_more(network: Network) -> None:
    (name, answer), *_ = ask(network, check(b'{"person":"Zhang San"}'))
    assert (name, integer(answer, 1)) == ("check_tx", MALFORMED.number)
    assert chunk(answer, 3) == MALFORMED.name.encode()
    assert set(answer) <= {1, 3, 5}


def test_a_payer_has_a_limit_in_the_mempool_too(network: Network) -> None:
    low = SetParameter(name="pending_per_payer", value=100)
    assert network.block(0, network.town.carry(low, voters=(0,)))
    codes = network.send(0, *[network.town.anchor() for _ in range(101)])
    assert codes == [0] * 100 + [TOO_MANY_PENDING.number]


def test_nothing_follows_an_exception(network: Network) -> None:
    said = ask(network, INFO, request("commit"), INFO, FLUSH)
    assert [name for name, _ in said] == ["info", "exception"]
    assert b"OutOfTurn" in chunk(said[1][1], 1)
    assert names(network, INFO, FLUSH) == ["info", "flush"]


def test_checks_before_an_exception_are_answered(network: Network) -> None:
    asked = [check(network.town.enrol()), check(network.town.enrol()), request("commit"), INFO]
    assert names(network, *asked) == ["check_tx", "check_tx", "exception"]


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xff",
        write((4, b"")),
        write((21, b"")),
        write((1, 5)),
        request("finalize_block", b"\x0a\x7f"),
        request("finalize_block", write((5, -1))),
        request("check_tx", write((1, b"x"), (2, 2))),
        request("init_chain", write((6, 1), (4, b"\xff"))),
        request("init_chain", write((2, b"\xff\xfe"), (6, 1))),
        request("prepare_proposal", write((1, -1))),
        request("load_snapshot_chunk", write((1, -1))),
    ],
)
def test_a_call_that_cannot_be_read_is_an_exception(network: Network, wrong: bytes) -> None:
    before = network.replicas[0].call.info()
    assert names(network, wrong, INFO) == ["exception"]
    assert network.replicas[0].call.info() == before
    assert network.replicas[0].node.fault is None


def test_every_call_of_the_engine_is_answered(network: Network) -> None:
    for name, framed in golden()["requests"].items():
        data = bytes.fromhex(framed)
        asked = data[1:] if data[0] < 128 else data[2:]
        (said, _), *more = ask(network, asked)
        assert not more
        # The chain, the height and the turn of these are not this member's.
        if name in ("init_chain", "finalize_block", "finalize_empty", "commit"):
            continue
        kind = encoding.response(write((encoding.REQUEST[plain(name)] + 1, b"")))[0]
        assert said == kind, name


def plain(name: str) -> str:
    known = {
        "check_tx_again": "check_tx",
        "check_tx_empty": "check_tx",
        "load_chunk": "load_snapshot_chunk",
        "apply_chunk": "apply_snapshot_chunk",
        "apply_first": "apply_snapshot_chunk",
        "verify_other_extension": "verify_vote_extension",
    }
    return known.get(name, name)


def test_the_engines_echo_comes_back(network: Network) -> None:
    data = bytes.fromhex(golden()["requests"]["echo"])[1:]
    assert ask(network, data) == [("echo", {1: ["hello 云".encode()]})]


def test_queries_are_sent_to_the_gateway(network: Network) -> None:
    (_, answer), *_ = ask(network, request("query", write((1, b"key"), (2, "/state"))))
    assert integer(answer, 1) != 0
    assert 6 not in answer
    assert 7 not in answer


def test_votes_have_no_extensions(network: Network) -> None:
    accept, reject = 1, 2
    assert ask(network, request("extend_vote")) == [("extend_vote", {})]
    for extension, status in ((b"", accept), (b"more", reject)):
        asked = request("verify_vote_extension", proto3((1, bytes(32)), (4, extension)))
        (_, answer), *_ = ask(network, asked)
        assert integer(answer, 1) == status


def test_a_member_without_a_snapshot_lists_none(network: Network) -> None:
    assert ask(network, request("list_snapshots")) == [("list_snapshots", {})]
    asked = request("load_snapshot_chunk", proto3((1, 1), (2, 1)))
    assert ask(network, asked) == [("load_snapshot_chunk", {})]
