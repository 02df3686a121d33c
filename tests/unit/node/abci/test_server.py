"""The ABCI socket: four connections, engines that come and go, and what is no frame."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consensus import encoding
from tests.consensus.encoding import proto3, request
from tests.consensus.simulator import Network
from yilian.node.abci.application import Application
from yilian.node.abci.server import Server
from yilian.node.abci.wire import frame
from yilian.node.rpc import connect

PATIENCE = 20.0


class Engine:
    """The engine's side: connections that ask and read answers."""

    def __init__(self, path: Path, count: int = 4) -> None:
        self.connections = [connect(path, PATIENCE) for _ in range(count)]
        self._files = [each.makefile("rb") for each in self.connections]

    def send(self, which: int, *requests: bytes) -> None:
        self.connections[which].sendall(b"".join(map(frame, requests)))

    def read(self, which: int, count: int) -> list[str]:
        return [encoding.response(self._message(which))[0] for _ in range(count)]

    def _message(self, which: int) -> bytes:
        size = shift = 0
        while True:
            (byte,) = self._files[which].read(1)
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return self._files[which].read(size)

    def ask(self, which: int, *requests: bytes) -> list[str]:
        self.send(which, *requests)
        return self.read(which, len(requests))

    def close(self) -> None:
        for file in self._files:
            file.close()
        for each in self.connections:
            each.close()


def ended(connection: socket.socket) -> bool:
    """Tell whether the other side is gone; what was sent and not read makes it a reset."""
    try:
        return connection.recv(10) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def server(network: Network, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "abci.sock"
    made = Server(path, Application(network.replicas[0].node))
    yield path
    made.close()
    assert not path.exists()


def check(raw: bytes) -> bytes:
    return request("check_tx", proto3((1, raw)))


INFO, FLUSH = request("info"), request("flush")


def test_four_connections_are_served_side_by_side(server: Path, network: Network) -> None:
    engine = Engine(server)
    raws = [network.town.enrol() for _ in range(50)]
    engine.send(2, *map(check, raws), FLUSH)
    assert engine.ask(0, INFO, FLUSH) == ["info", "flush"]
    assert engine.ask(1, request("list_snapshots"), FLUSH) == ["list_snapshots", "flush"]
    assert engine.ask(3, request("process_proposal"), FLUSH) == ["process_proposal", "flush"]
    assert engine.read(2, 51) == ["check_tx"] * 50 + ["flush"]
    engine.close()


def test_a_thousand_requests_at_once_are_answered_in_order(server: Path) -> None:
    engine = Engine(server, 1)
    kinds = [INFO, FLUSH, request("echo"), request("query")] * 250
    assert engine.ask(0, *kinds) == ["info", "flush", "echo", "query"] * 250
    engine.close()


def test_the_socket_is_its_owners_alone(server: Path) -> None:
    assert server.stat().st_mode & 0o777 == 0o600


def test_what_is_no_frame_ends_its_connection_alone(server: Path) -> None:
    engine = Engine(server)
    engine.connections[1].sendall(b"\xff" * 20)
    assert ended(engine.connections[1])
    assert engine.ask(0, INFO) == ["info"]
    assert engine.ask(3, FLUSH) == ["flush"]
    engine.close()


def test_half_a_request_and_an_end_harm_nobody(server: Path, network: Network) -> None:
    engine = Engine(server)
    engine.connections[2].sendall(frame(check(network.town.enrol()))[:-5])
    engine.connections[2].shutdown(socket.SHUT_RDWR)
    assert engine.ask(3, FLUSH) == ["flush"]
    assert network.replicas[0].node.pending() == 0
    engine.close()


def test_an_engine_that_comes_again_is_given_what_waits(server: Path, network: Network) -> None:
    replica = network.replicas[0]
    raw = network.town.enrol()
    first = Engine(server)
    assert first.ask(2, check(raw)) == ["check_tx"]
    assert replica.link.take() == []
    first.close()
    second = Engine(server)
    replica.link.handed_in(raw)
    assert second.ask(0, INFO) == ["info"]
    second.close()


def test_an_engine_that_comes_while_the_last_is_still_answered(
    server: Path, network: Network
) -> None:
    replica = network.replicas[0]
    raws = [network.town.enrol() for _ in range(2)]
    first = Engine(server)
    assert first.ask(2, check(raws[0])) == ["check_tx"]
    with replica.node._wake:
        # The check of this one waits for the lock, and its connection with it.
        first.send(2, check(raws[1]))
        first.close()
        second = Engine(server)
    replica.link.handed_in(raws[0])
    assert second.ask(0, INFO) == ["info"]
    second.close()


def test_connections_of_one_engine_are_no_new_engine(server: Path, network: Network) -> None:
    replica = network.replicas[0]
    engine = Engine(server, 1)
    raw = network.town.enrol()
    assert engine.ask(0, check(raw)) == ["check_tx"]
    more = Engine(server, 3)
    assert more.ask(2, INFO) == ["info"]
    assert replica.link.take() == []
    more.close()
    engine.close()


def test_close_ends_connections_that_wait(network: Network, tmp_path: Path) -> None:
    server = Server(tmp_path / "other.sock", Application(network.replicas[0].node))
    engine = Engine(tmp_path / "other.sock")
    engine.connections[1].sendall(b"\x05ab")
    assert engine.ask(0, INFO) == ["info"]
    server.close()
    assert all(map(ended, engine.connections))
    engine.close()
    with pytest.raises(OSError, match=r"No such file|refused"):
        connect(tmp_path / "other.sock", 1)


def test_a_path_longer_than_an_address(network: Network, tmp_path: Path) -> None:
    folder = tmp_path / ("f" * 120)
    folder.mkdir()
    server = Server(folder / "abci.sock", Application(network.replicas[0].node))
    engine = Engine(folder / "abci.sock", 1)
    assert engine.ask(0, FLUSH) == ["flush"]
    engine.close()
    server.close()


def test_a_socket_that_a_dead_node_left_is_replaced(network: Network, tmp_path: Path) -> None:
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    server = Server(path, Application(network.replicas[0].node))
    engine = Engine(path, 1)
    assert engine.ask(0, FLUSH) == ["flush"]
    engine.close()
    server.close()
