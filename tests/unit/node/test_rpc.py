"""The engine's RPC as an engine may answer it: rightly, with errors, with junk, and not at all."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.consensus.simulator import Network
from tests.foreign.abci import golden
from yilian.ledger import block_json, evidence
from yilian.ledger.block import Commit
from yilian.node.link import EngineAway
from yilian.node.rpc import BROADCAST_AT_ONCE, Rpc, RpcError

Answer = Callable[[Any], bytes | None]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An RPC server whose every answer a test decides; None closes the connection."""

    daemon_threads = True
    answer: Answer

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Handler)
        self.asked: list[Any] = []
        self.answer = lambda asked: b""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """Reads a request's JSON and sends the bytes that the test gives."""

    protocol_version = "HTTP/1.1"
    server: Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        data = self.server.answer(asked)
        if data is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "rpc.sock")
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def rpc(server: Server, tmp_path: Path) -> Iterator[Rpc]:
    made = Rpc(tmp_path / "rpc.sock")
    yield made
    made.close()


def result(asked: Any, value: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"], "result": value}


def error(asked: Any, data: str) -> dict[str, Any]:
    said = {"code": -32603, "message": "Internal error", "data": data}
    return {"jsonrpc": "2.0", "id": asked["id"], "error": said}


def always(value: Any) -> Answer:
    return lambda asked: json.dumps(result(asked, value)).encode()


JUNK = [b"", b"{", b"null", b"[]", b"5", b'"text"', b"<html></html>", b"\xff\xfe", b"{}", b"[null]"]
JUNK += [b'{"result": null}', b'{"result": []}', b'{"error": null}', b'{"id": [], "result": 1}']


@pytest.mark.parametrize("junk", JUNK)
def test_an_answer_that_is_none_is_an_engine_that_is_away(
    server: Server, rpc: Rpc, junk: bytes
) -> None:
    server.answer = lambda asked: junk
    for call in (lambda: rpc.status(), lambda: rpc.signed(1), lambda: rpc.validators(1)):
        try:
            found = call()
        except (EngineAway, RpcError):
            continue
        assert found is None


@pytest.mark.parametrize("junk", JUNK)
def test_a_transaction_without_an_answer_was_not_taken(
    server: Server, rpc: Rpc, junk: bytes
) -> None:
    server.answer = lambda asked: junk
    for raws in ([b"one"], [b"one", b"two"]):
        try:
            said = rpc.broadcast(raws)
        except EngineAway:
            continue
        assert len(said) == len(raws)
        assert None not in said


def test_an_engine_that_does_not_run_is_away(tmp_path: Path) -> None:
    rpc = Rpc(tmp_path / "nobody.sock")
    with pytest.raises(EngineAway):
        rpc.status()
    with pytest.raises(EngineAway):
        rpc.broadcast([b"one"])


def test_a_connection_that_closes_is_made_anew_once(server: Server, rpc: Rpc) -> None:
    server.answer = lambda asked: None if len(server.asked) == 1 else always({"ok": "1"})(asked)
    assert rpc.status() == {"ok": "1"}
    server.answer = lambda asked: None
    with pytest.raises(EngineAway):
        rpc.status()
    server.answer = always({"ok": "2"})
    assert rpc.status() == {"ok": "2"}


def test_an_error_has_the_engines_words(server: Server, rpc: Rpc) -> None:
    server.answer = lambda asked: json.dumps(error(asked, "height 9 must be less")).encode()
    with pytest.raises(RpcError) as told:
        rpc.call("block", height="9")
    assert told.value.data == "height 9 must be less"
    assert rpc.signed(9) is None
    with pytest.raises(EngineAway):
        rpc.validators(9)


def test_each_transaction_has_its_own_answer(server: Server, rpc: Rpc) -> None:
    def answer(asked: Any) -> bytes:
        bad = base64.b64encode(b"tx 7").decode()
        said = [
            error(each, "tx already exists in cache")
            if each["params"]["tx"] == bad
            else result(each, {"code": 0})
            for each in asked
        ]
        return json.dumps(said[::-1]).encode()

    server.answer = answer
    said = rpc.broadcast([b"tx %d" % number for number in range(BROADCAST_AT_ONCE * 2 + 5)])
    assert len(said) == BROADCAST_AT_ONCE * 2 + 5
    assert [at for at, each in enumerate(said) if each is not None] == [7]
    assert said[7] == "tx already exists in cache"
    assert [len(each) for each in server.asked] == [BROADCAST_AT_ONCE, BROADCAST_AT_ONCE, 5]
    assert rpc.broadcast([]) == []


def test_a_list_of_one_is_answered_without_a_list(server: Server, rpc: Rpc) -> None:
    server.answer = lambda asked: json.dumps(result(asked[0], {"code": 0})).encode()
    assert rpc.broadcast([b"one"]) == [None]
    server.answer = lambda asked: json.dumps(error(asked[0], "mempool is full")).encode()
    assert rpc.broadcast([b"one"]) == ["mempool is full"]


def test_one_error_for_a_whole_list_is_an_error_for_each(server: Server, rpc: Rpc) -> None:
    said = {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}}
    server.answer = lambda asked: json.dumps(said).encode()
    assert None not in rpc.broadcast([b"one", b"two"])


def test_threads_have_connections_of_their_own(server: Server, rpc: Rpc) -> None:
    server.answer = lambda asked: json.dumps(result(asked, {"said": asked["params"]})).encode()
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for turn in range(20):
            said = rpc.call("echo", number=number, turn=turn)["said"]
            if said != {"number": number, "turn": turn}:
                wrong.append(said)
        rpc.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


# -- a chain by RPC --------------------------------------------------------------------------------


class Chain:
    """Answers for a simulated chain as CometBFT's RPC does, null for absent signatures."""

    def __init__(self, network: Network) -> None:
        self._agreed = network.agreed
        self.pages: list[str] = []

    def __call__(self, asked: Any) -> bytes:
        height = int(asked["params"]["height"])
        if not 0 < height <= self._agreed.height:
            return json.dumps(error(asked, "height must be less than or equal to")).encode()
        found = getattr(self, f"_{asked['method']}")(height, asked["params"])
        return json.dumps(result(asked, found)).encode()

    def _commit(self, height: int, _: Any) -> Any:
        newest = height == self._agreed.height
        commit = self._agreed.seen(height, 1) if newest else self._agreed.canonical(height)
        header = block_json.header_to_json(self._agreed.at(height).candidate.block.header)
        signed = {"header": header, "commit": commit_json(commit)}
        return {"signed_header": signed, "canonical": not newest}

    def _block(self, height: int, _: Any) -> Any:
        block = self._agreed.at(height).candidate.block
        assert block.last_commit is not None
        pieces = [piece["json"] for piece in golden()["evidence"][:1]] if block.evidence else []
        return {
            "block": {
                "header": block_json.header_to_json(block.header),
                "data": {"txs": []},
                "evidence": {"evidence": pieces},
                "last_commit": commit_json(block.last_commit),
            }
        }

    def _validators(self, height: int, asked: Any) -> Any:
        self.pages.append(asked["page"])
        found = block_json.validators_to_json(self._agreed.validators(height))
        at = int(asked["page"]) - 1
        part = [{**each, "proposer_priority": "-3"} for each in found[at * 3 : at * 3 + 3]]
        return {"validators": part, "count": str(len(part)), "total": str(len(found))}


def commit_json(commit: Commit) -> Any:
    value = block_json.commit_to_json(commit)
    places = [{**each, "signature": each["signature"] or None} for each in value["signatures"]]
    return {**value, "signatures": places}


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    made.blocks(3)
    yield made
    made.close()


def test_blocks_come_as_they_were_signed(server: Server, rpc: Rpc, network: Network) -> None:
    server.answer = Chain(network)
    for height in (1, 2, 3):
        signed, block = rpc.signed(height), network.agreed.at(height).candidate.block
        assert signed is not None
        assert signed.header == block.header
        assert signed.last_commit == block.last_commit
        assert signed.evidence == ()
        assert network.agreed.decides(signed.commit)
    assert rpc.signed(4) is None
    assert rpc.signed(0) is None


def test_evidence_comes_as_bytes(server: Server, rpc: Rpc, network: Network) -> None:
    assert network.block(0, misdeeds=[1])
    server.answer = Chain(network)
    signed = rpc.signed(4)
    assert signed is not None
    assert [each.hex() for each in signed.evidence] == [golden()["evidence"][0]["bytes"]]
    assert evidence.misbehaviour(signed.evidence)


def test_validators_come_page_by_page(server: Server, rpc: Rpc, network: Network) -> None:
    chain = Chain(network)
    server.answer = chain
    assert rpc.validators(2) == network.agreed.validators(2)
    assert chain.pages == ["1", "2"]
    with pytest.raises(EngineAway):
        rpc.validators(9)


def test_evidence_of_a_kind_that_nobody_knows_waits(
    server: Server, rpc: Rpc, network: Network
) -> None:
    assert network.block(0, misdeeds=[1])
    chain = Chain(network)

    def other(asked: Any) -> bytes:
        return chain(asked).replace(b"DuplicateVoteEvidence", b"LaterEvidence")

    server.answer = other
    with pytest.raises(EngineAway):
        rpc.signed(4)
