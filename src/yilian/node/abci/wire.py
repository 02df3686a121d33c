"""Framing of the ABCI socket protocol: an unsigned varint length, then a protobuf message.

Source: CometBFT v0.38, `spec/abci/abci++_client_server.md` and `libs/protoio`.
"""

from __future__ import annotations

import socket
from collections import deque

from yilian.ledger import proto

MAX_MESSAGE = 128 << 20
"""Larger than any block or snapshot chunk; the engine's own limit is 2 GiB."""
AT_ONCE = 64
HELD = 16 << 20
_READ = 256 << 10


class ConnectionLost(Exception):
    """The engine closed the connection, or sent what is no frame."""


class Frames:
    """Messages as they arrive on one connection.

    What the engine sends is taken off the socket between answers, up to `HELD` bytes: an engine
    whose write waits spends a core on timers meanwhile (`libs/timer/throttle_timer.go`, which the
    socket client sets to 20 ns).
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._part = memoryview(bytearray(_READ))
        self._buffer = bytearray()
        self._whole: deque[bytes] = deque()
        self._held = 0

    def read(self) -> list[bytes]:
        """Wait for a message and give some that have arrived whole; raises ConnectionLost."""
        if self._whole and self._held < HELD:
            self._receive(socket.MSG_DONTWAIT)
        while not self._whole:
            self._receive(0)
        found = [self._whole.popleft() for _ in range(min(AT_ONCE, len(self._whole)))]
        self._held -= sum(map(len, found))
        return found

    def _receive(self, flags: int) -> None:
        try:
            size = self._connection.recv_into(self._part, flags=flags)
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        if not size:
            raise ConnectionLost("closed by the engine")
        self._buffer += self._part[:size]
        self._take()

    def _take(self) -> None:
        at, buffer = 0, self._buffer
        with memoryview(buffer) as view:
            while True:
                length, start = _length(buffer, at)
                if start < 0 or len(buffer) - start < length:
                    break
                at = start + length
                self._whole.append(bytes(view[start:at]))
                self._held += length
        if at:
            del buffer[:at]


def frame(message: bytes) -> bytes:
    """Write one message with its length in front."""
    return proto.varint(len(message)) + message


def _length(buffer: bytearray, at: int) -> tuple[int, int]:
    """Read a length; gives it and where the message starts, or -1 where bytes are missing."""
    number = shift = 0
    for place in range(at, min(at + 5, len(buffer))):
        byte = buffer[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number > MAX_MESSAGE:
                raise ConnectionLost(f"a message of {number} bytes")
            return number, place + 1
        shift += 7
    if len(buffer) - at >= 5:
        raise ConnectionLost("a length that is no varint")
    return 0, -1
