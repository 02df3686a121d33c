"""Who is missing is dialled, again and again; an engine that answers nonsense stops nobody."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.rows.patience import until
from yilian.node.dialling import Dialling
from yilian.node.home import Peer
from yilian.node.rpc import Rpc

PEERS = [Peer(f"{each}" * 40, f"host{each}", 26656) for each in "ab"]


class Engine:
    """A program with an engine's socket: who is connected, and what it is asked to dial."""

    def __init__(self, path: Path) -> None:
        self.connected: Any = []
        self.dialled: list[list[str]] = []
        self.asked = 0
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = json.dumps(engine.answer(json.loads(body))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def address_string(self) -> str:
                return "socket"

            def log_message(self, *_: object) -> None:
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self._server = Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        if request["method"] == "dial_peers":
            self.dialled.append(request["params"]["peers"])
            return {"id": request["id"], "result": {"log": "dialling"}}
        return {"id": request["id"], "result": {"peers": self.connected}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "rpc.sock")
    yield made
    made.close()


def connected(*peers: Peer) -> list[dict[str, Any]]:
    return [{"node_info": {"id": each.node}} for each in peers]


def test_who_is_missing_is_dialled_until_connected(engine: Engine, tmp_path: Path) -> None:
    engine.connected = connected(PEERS[0])
    dialling = Dialling(Rpc(tmp_path / "rpc.sock"), PEERS, every=0.01)
    try:
        until(lambda: len(engine.dialled) > 3)
        assert {tuple(each) for each in engine.dialled} == {(PEERS[1].address(),)}
        engine.connected = connected(*PEERS)
        until(lambda: engine.asked > 20 + len(engine.dialled))
        before, asked = len(engine.dialled), engine.asked
        until(lambda: engine.asked > asked + 5)
        assert len(engine.dialled) - before <= 1
    finally:
        dialling.close()


@pytest.mark.parametrize("nonsense", ["x", 5, [{}], [{"node_info": None}], {"a": 1}])
def test_nonsense_stops_nobody(engine: Engine, tmp_path: Path, nonsense: Any) -> None:
    engine.connected = nonsense
    dialling = Dialling(Rpc(tmp_path / "rpc.sock"), PEERS, every=0.01)
    try:
        until(lambda: engine.asked > 3)
        engine.connected = []
        until(lambda: engine.dialled)
        assert engine.dialled[0] == [each.address() for each in PEERS]
    finally:
        dialling.close()


def test_an_engine_that_is_away_is_waited_for(tmp_path: Path) -> None:
    dialling = Dialling(Rpc(tmp_path / "rpc.sock"), PEERS, every=0.01)
    try:
        made = Engine(tmp_path / "rpc.sock")
        until(lambda: made.dialled)
        assert made.dialled
        made.close()
    finally:
        dialling.close()


def test_without_peers_nobody_is_asked(engine: Engine, tmp_path: Path) -> None:
    Dialling(Rpc(tmp_path / "rpc.sock"), [], every=0.001).close()
    assert engine.asked == 0
