"""The bytes of format 1: entries of a chunk, subtrees of the metadata, and what they hash to."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from yilian.ledger.keys import Hashing
from yilian.ledger.tree import MAX_KEY
from yilian.ledger.tree_node import LEAF, ZERO, build, join, mark

FORMAT = 1
MAGIC = b"yilian-snapshot/1\n"
LARGEST = 8 << 20
"""Bytes of a chunk at most, unless a single entry has more."""
MAX_CHUNK = 10_000_000
"""Bytes of a chunk that is taken; CometBFT advises 10 MB and cuts the line at 16."""
MAX_METADATA = 4_000_000
HEAD = 5
BITS = 256


class Part(msgspec.Struct, frozen=True):
    """A subtree: its depth, the bits of path above it, and its mark."""

    depth: int
    prefix: int
    mark: bytes


class Entry(msgspec.Struct, frozen=True):
    """An entry of a chunk: its path as bytes and as a number, its leaf's hash, key and value."""

    digest: bytes
    path: int
    leaf: bytes
    key: bytes
    value: bytes

    @property
    def size(self) -> int:
        return HEAD + len(self.key) + len(self.value)


def parse(data: bytes, hashing: Hashing) -> list[Entry]:
    """Read the entries of a chunk; raises ValueError where they are malformed."""
    entries = []
    at, end = 0, len(data)
    while at < end:
        key_at = at + HEAD
        value_at = key_at + data[at]
        at = value_at + int.from_bytes(data[at + 1 : key_at], "big")
        key, value = data[key_at:value_at], data[value_at:at]
        if at > end or not 0 < len(key) <= MAX_KEY or not key.isascii() or not value:
            raise ValueError("not an entry")
        path = hashing(key)
        leaf = hashing(b"\0" + path + hashing(value))
        entries.append(Entry(path, int.from_bytes(path, "big"), leaf, key, value))
    return entries


def folded(paths: list[int], leaves: list[bytes], depth: int, hashing: Hashing) -> bytes:
    """Give the mark of the subtree at a depth; raises ValueError for paths out of order."""
    if not paths:
        return b""
    if any(one >= two for one, two in pairwise(paths)):
        raise ValueError("entries are not in order")
    root = build(paths, leaves, BITS - depth, hashing)
    if root is None:
        raise ValueError("entries are not of one subtree")
    return mark(root, len(leaves))


def encode(part: Part) -> bytes:
    kind = (len(part.mark) == LEAF) + 2 * (len(part.mark) == LEAF - 1)
    return bytes((part.depth, kind)) + part.mark[:32]


def decode_metadata(metadata: bytes, hashing: Hashing) -> tuple[list[Part], bytes]:
    """Read metadata: the subtrees, and the root that they hash up to. Raises ValueError."""
    if not metadata.startswith(MAGIC) or len(metadata) > MAX_METADATA:
        raise ValueError("not the metadata of a snapshot")
    parts: list[Part] = []
    # Left halves that wait for their right ones: the depth of each, and its mark.
    waiting: list[tuple[int, bytes]] = []
    at, reached = len(MAGIC), 0
    while at < len(metadata):
        depth, kind = metadata[at], metadata[at + 1] if at + 1 < len(metadata) else 3
        size = 32 if kind else 0
        root = metadata[at + 2 : at + 2 + size]
        width = BITS - depth
        if kind > 2 or len(root) < size or reached >> BITS or reached & (1 << width) - 1:
            raise ValueError("not a cover of all paths")
        at += 2 + size
        seal = mark(root, kind)
        parts.append(Part(depth, reached >> width, seal))
        reached += 1 << width
        while waiting and waiting[-1][0] == depth:
            seal = join(waiting.pop()[1], seal, hashing)
            depth -= 1
        waiting.append((depth, seal))
    if len(waiting) != 1 or waiting[0][0] != 0:
        raise ValueError("not a cover of all paths")
    return parts, waiting[0][1][:32] or ZERO
