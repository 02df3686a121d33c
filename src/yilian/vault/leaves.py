"""The leaves of a batch of records as they are kept, and the paths from leaf to root (RFC 6962).

Kept end to end: a byte that is 1 where the record replaces another, the record's id (16 bytes), its
commitment (32), and after a 1 the replaced record's id (16). The batch keeps them itself, so its
proofs outlive the rows and payloads of its records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from yilian.ledger import codec, merkle
from yilian.vault.envelope import leaf


class Entry(NamedTuple):
    """What the leaf of one record says."""

    record: str
    commitment: str
    replaces: str | None


def pack(entries: Iterable[Entry]) -> bytes:
    """Write entries end to end."""
    pieces: list[bytes] = []
    for each in entries:
        after = b"" if each.replaces is None else codec.to_bytes(each.replaces)
        pieces += (bytes((bool(after),)), codec.to_bytes(each.record))
        pieces += (codec.to_bytes(each.commitment), after)
    return b"".join(pieces)


def unpack(packed: bytes) -> list[Entry]:
    """Read entries; bytes that `pack` did not write give entries whose root differs."""
    found: list[Entry] = []
    at = 0
    while at < len(packed):
        record, committed = packed[at + 1 : at + 17], packed[at + 17 : at + 49]
        end = at + (65 if packed[at] else 49)
        replaces = codec.to_text(packed[at + 49 : end]) if packed[at] else None
        found.append(Entry(codec.to_text(record), codec.to_text(committed), replaces))
        at = end
    return found


def root(entries: Iterable[Entry]) -> str:
    """Hash the entries' leaves to their root."""
    return codec.to_text(merkle.root([leaf(*each) for each in entries]))


def path(packed: bytes, index: int) -> tuple[str, ...]:
    """Give the path from a leaf to the root."""
    return tuple(codec.to_text(step) for step in steps(_levels(packed), index))


def steps(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """List the hashes on the way from a leaf to the root, in a tree that `levels` made."""
    found: list[bytes] = []
    for level in tree[:-1]:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        index >>= 1
    return found


@lru_cache(maxsize=16)
def _levels(packed: bytes) -> tuple[tuple[bytes, ...], ...]:
    """All levels of a batch's tree, kept: one session reads many records of a batch.

    `merkle.inclusion` walks the whole tree for each path; a test holds the two against each other.
    """
    return levels(tuple(merkle.sha256(b"\x00" + leaf(*each)) for each in unpack(packed)))


def levels(hashed: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], ...]:
    """Work out all levels of the tree over hashed leaves, from the leaves to the root."""
    found = [hashed]
    while len(found[-1]) > 1:
        found.append(_above(found[-1]))
    return tuple(found)


def _above(below: Sequence[bytes]) -> tuple[bytes, ...]:
    pairs = zip(below[::2], below[1::2], strict=False)
    above = [merkle.sha256(b"\x01" + left + right) for left, right in pairs]
    return (*above, *below[len(above) * 2 :])
