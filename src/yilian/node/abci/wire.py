"""Framing of the ABCI socket protocol: an unsigned varint length, then a protobuf message.

Source: CometBFT v0.38, `spec/abci/abci++_client_server.md` and `libs/protoio`.
"""

from __future__ import annotations

import socket

from yilian.ledger import proto

MAX_MESSAGE = 128 << 20
"""Larger than any block or snapshot chunk; the engine's own limit is 2 GiB."""
_READ = 1 << 20


class ConnectionLost(Exception):
    """The engine closed the connection, or sent what is no frame."""


class Frames:
    """Messages as they arrive on one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def read(self) -> list[bytes]:
        """Wait for a message and give all that have arrived whole; raises ConnectionLost."""
        while True:
            found = self._take()
            if found:
                return found
            try:
                data = self._connection.recv(_READ)
            except OSError as error:
                raise ConnectionLost(str(error)) from error
            if not data:
                raise ConnectionLost("closed by the engine")
            self._buffer += data

    def _take(self) -> list[bytes]:
        found = []
        at, buffer = 0, self._buffer
        while True:
            length, start = _length(buffer, at)
            if start < 0 or len(buffer) - start < length:
                break
            found.append(bytes(buffer[start : start + length]))
            at = start + length
        if at:
            del buffer[:at]
        return found


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
