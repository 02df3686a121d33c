"""What the benchmark asks of an engine: hand-in as fast as its RPC takes it, and when it commits.

Shapes: CometBFT v0.38, JSON-RPC over HTTP and over WebSocket (RFC 6455), on a Unix socket.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from yilian.node.rpc import connect

IDLE_SECONDS = 5.0
"""The engine closes a connection that is idle for ten."""
CACHED = b"tx already exists in cache"
QUERY = "tm.event='NewBlockEvents'"


def encode(batch: Sequence[bytes]) -> bytes:
    """Write the HTTP request that hands in a batch."""
    calls = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "broadcast_tx_async",
            "params": {"tx": base64.b64encode(raw).decode()},
        }
        for number, raw in enumerate(batch)
    ]
    body = json.dumps(calls).encode()
    head = f"POST / HTTP/1.1\r\nHost: engine\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + body


class Door:
    """A connection by which transactions are handed in; for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._socket = connect(self._path, 120.0)
        self._file = self._socket.makefile("rb")
        self._used = time.monotonic()

    def post(self, request: bytes) -> None:
        """Hand in an encoded batch; raises RuntimeError where anything of it was not taken.

        An engine that needs more than ten seconds to take a batch closes the connection without an
        answer, and goes on taking it; handed in again, what it has is in its cache.
        """
        for again in range(5):
            if again or time.monotonic() - self._used > IDLE_SECONDS:
                self.close()
                self._open()
            found = self._exchange(request)
            if found is not None:
                break
        status, answer = found or (b"", b"no answer")
        refused = answer.count(b'"error"')
        if b" 200 " not in status or refused > (again > 0) * answer.count(CACHED):
            raise RuntimeError(f"not taken: {status!r} {answer[:300]!r}")
        self._used = time.monotonic()

    def _exchange(self, request: bytes) -> tuple[bytes, bytes] | None:
        try:
            self._socket.sendall(request)
            status, length, chunked = self._file.readline(), -1, False
        except OSError:
            return None
        if not status:
            return None
        while (line := self._file.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            chunked = chunked or line == b"transfer-encoding: chunked"
        return status, self._chunks() if chunked else self._file.read(length)

    def _chunks(self) -> bytes:
        found = []
        while size := int(self._file.readline(), 16):
            found.append(self._file.read(size))
            self._file.readline()
        self._file.readline()
        return b"".join(found)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


class Watch:
    """When one member committed which height: told by its engine after the application's Commit."""

    def __init__(self, path: Path) -> None:
        self.when: dict[int, float] = {}
        self.transactions = 0
        self._socket = connect(path, None)
        self._file = self._socket.makefile("rb")
        self._shake_hands()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _shake_hands(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            (
                "GET /websocket HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        if b" 101 " not in self._file.readline():
            raise RuntimeError("the engine's WebSocket was not opened")
        while self._file.readline().strip():
            pass
        call = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"query": QUERY}}
        self._send(0x1, json.dumps(call).encode())

    def _send(self, kind: int, text: bytes) -> None:
        # What a client sends is masked; a mask of zeros leaves it as it is.
        length = bytes((0x80 | len(text),)) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2)
        self._socket.sendall(bytes((0x80 | kind,)) + length + bytes(4) + text)

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, struct.error):
            while True:
                kind, text = self._receive()
                if kind == 0x9:
                    self._send(0xA, text)
                elif kind == 0x8:
                    return
                else:
                    self._note(text)

    def _receive(self) -> tuple[int, bytes]:
        first, second = struct.unpack("!BB", self._file.read(2))
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._file.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._file.read(8))
        return first & 0x0F, self._file.read(size)

    def _note(self, text: bytes) -> None:
        now = time.monotonic()
        result = json.loads(text).get("result") or {}
        if result:
            value = result["data"]["value"]
            self.transactions += int(value["num_txs"])
            self.when[int(value["height"])] = now

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._file.close()
        self._socket.close()
