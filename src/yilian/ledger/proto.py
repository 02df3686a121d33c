"""Protobuf, the part of it that blocks need: varints, 64-bit fixed numbers and chunks of bytes.

Written by hand from the protobuf encoding guide (proto3): a field that holds its default is left
out, and fields stand in the order of their numbers. Reading is loose on purpose (it skips unknown
fields, the last of a repeated field wins), because every caller encodes again and compares: that
one comparison refuses unknown, repeated, reordered and non-minimal fields and trailing bytes.
"""

from __future__ import annotations

from yilian.ledger.errors import MALFORMED

UINT32 = 2**32 - 1
INT32 = 2**31 - 1
INT64 = 2**63 - 1
UINT64 = 2**64 - 1


def varint(number: int) -> bytes:
    """Write an integer of up to 64 bits; a negative one takes ten bytes, as in protobuf."""
    number &= UINT64
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _tag(number: int) -> bytes:
    return bytes((number,)) if number < 0x80 else varint(number)


def number(field: int, value: int) -> bytes:
    """Write a varint field (int32, int64, uint32, uint64, enum)."""
    return _tag(field << 3) + varint(value) if value else b""


def fixed(field: int, value: int) -> bytes:
    """Write a 64-bit little-endian field (sfixed64)."""
    return bytes((field << 3 | 1,)) + value.to_bytes(8, "little", signed=True) if value else b""


def message(field: int, value: bytes) -> bytes:
    """Write a chunk that is there even when empty: a message, or an item of a list."""
    return _tag(field << 3 | 2) + varint(len(value)) + value


def chunk(field: int, value: bytes) -> bytes:
    """Write a bytes or string field; empty is left out."""
    return message(field, value) if value else b""


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number > UINT64:
                raise MALFORMED()
            return number, at
        shift += 7
    raise MALFORMED()


class Fields:
    """The fields of one message by number. Chunks are bytes, text or messages."""

    def __init__(self, data: bytes) -> None:
        self._numbers: dict[int, int] = {}
        self._chunks: dict[int, list[bytes]] = {}
        at = 0
        while at < len(data):
            tag, at = _read_varint(data, at)
            if tag & 7 == 0:
                self._numbers[tag >> 3], at = _read_varint(data, at)
            elif tag & 7 == 2:
                size, at = _read_varint(data, at)
                if size > len(data) - at:
                    raise MALFORMED()
                self._chunks.setdefault(tag >> 3, []).append(data[at : at + size])
                at += size
            else:
                raise MALFORMED()

    def number(self, field: int, most: int) -> int:
        """Read a varint field, 0 if absent; refuses `malformed` above `most`."""
        value = self._numbers.get(field, 0)
        if value > most:
            raise MALFORMED()
        return value

    def chunk(self, field: int) -> bytes:
        """Read a chunk, empty if absent."""
        return self._chunks.get(field, [b""])[-1]

    def every(self, field: int) -> list[bytes]:
        """Read all items of a repeated chunk."""
        return self._chunks.get(field, [])

    def has(self, field: int) -> bool:
        """Say whether the chunk is there, be it empty."""
        return field in self._chunks
