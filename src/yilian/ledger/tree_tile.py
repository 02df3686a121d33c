"""Tiles: the state tree below its in-memory top, cut into pieces that are stored and loaded whole.

A tile holds the subtree below one path prefix and is named by it: a byte with the depth, then the
prefix, its last byte filled with zero bits. It has one of two forms, and its content alone decides
which, so that equal states have equal tiles:

- *entries*, where the subtree has at most `split` leaves: byte 0, root (32), count (1), then by
  columns in path order: path fragments (4 each), leaf hashes (32 each), key lengths (1 each), keys;
- *branches*, where it has more: byte 1, root (32), the leaf counts (8 each, big endian) of the
  sixteen tiles four levels deeper, 8 bytes of H(2 | counts), and those tiles' hashes (32 each).

A fragment is four bytes of the leaf's path. It spares a cold load the hashing of every key; where
two neighbours share it, the keys are hashed. The counts say when leaves fit into one tile again and
which hash is a lone leaf's; no root covers them, so they have a hash of their own. The layout never
shows in a root.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from operator import eq
from struct import Struct
from typing import TypeAlias

from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import Hashing, sha256
from yilian.ledger.tree_node import ZERO, build, fold, join, lift

MAX_SPLIT = 254
"""A count is one byte, and a tile that is about to divide has one leaf more."""

LAST = 252
"""The depth of the last tiles, which never divide: below them are 16 leaves at most."""

WIDTH = 4
FANOUT = 16

_BYTE = [bytes((each,)) for each in range(256)]
_FRAGMENTS = [Struct(f">{count}I") for count in range(256)]
_counts = Struct(">16Q")
_HASHES = 33 + _counts.size + 8
_BRANCHES_SIZE = _HASHES + 32 * FANOUT


Entry: TypeAlias = tuple[bytes, bytes]
"""The hash of a leaf, and its key."""


class Entries:
    """A tile of single leaves: its bytes as stored, and the marks of its topmost nodes.

    `heap` is that of the sixteen slots four levels below the root (see `fold`).
    """

    __slots__ = ("data", "heap", "mark")

    def __init__(self, data: bytes, heap: list[bytes]) -> None:
        self.data = data
        self.heap = heap
        self.mark = heap[1]

    def entries(self) -> list[Entry]:
        """Read the entries, in path order."""
        data = self.data
        middle = 34 + 4 * data[33]
        end = middle + 32 * data[33]
        ends = accumulate(data[end : end + data[33]], initial=end + data[33])
        hashes = [data[at : at + 32] for at in range(middle, end, 32)]
        return [(digest, data[a:b]) for digest, (a, b) in zip(hashes, pairwise(ends), strict=True)]


class Branches:
    """A tile of sixteen deeper tiles: a heap of 32 marks (see `fold`), and their leaf counts."""

    __slots__ = ("counts", "heap", "mark")

    def __init__(self, heap: list[bytes], counts: list[int]) -> None:
        self.heap = heap
        self.counts = counts
        self.mark = heap[1]

    def encode(self, hashing: Hashing) -> bytes:
        """Write the tile as it is stored."""
        counts = _counts.pack(*self.counts)
        hashes = [each[:32] or ZERO for each in self.heap[FANOUT:]]
        return b"".join((b"\x01", self.mark[:32], counts, hashing(b"\x02" + counts)[:8], *hashes))


Tile: TypeAlias = Entries | Branches

NOTHING = Entries(bytes(34), [b""] * (2 * FANOUT))
"""The tile of an empty subtree; it is never stored."""


def child_id(tile_id: bytes, depth: int, slot: int) -> bytes:
    """Name the tile in one of the sixteen slots of the tile at `depth`."""
    head = bytes((depth + WIDTH,))
    if depth & 7:
        return head + tile_id[1:-1] + bytes((tile_id[-1] | slot,))
    return head + tile_id[1:] + bytes((slot << 4,))


def slot_of(path: bytes, depth: int) -> int:
    """Say in which slot of a tile at `depth` a path goes on."""
    byte = path[depth >> 3]
    return byte & 15 if depth & 7 else byte >> 4


def entries(items: list[tuple[bytes, Entry]], depth: int, hashing: Hashing) -> Entries:
    """Make a tile of (path, entry) pairs, sorted by path."""
    start = min(depth >> 3, 28)
    hashes, keys = zip(*[entry for _, entry in items], strict=True)
    fragments = [path[start : start + 4] for path, _ in items]
    columns = b"".join((_BYTE[len(keys)], *fragments, *hashes, bytes(map(len, keys)), *keys))
    heap = _heap(bytes(33) + columns, depth, hashing)
    if heap is None:
        raise InvariantBroken("state tree: two keys have one hash")
    return Entries(b"\x00" + heap[1][:32] + columns, heap)


def _heap(data: bytes, depth: int, hashing: Hashing) -> list[bytes] | None:
    """Hash the subtree of a stored tile's entries; None where they are not in order."""
    count = data[33]
    hashes = [data[at : at + 32] for at in range(34 + 4 * count, 34 + 36 * count, 32)]
    paths: Sequence[int] = _FRAGMENTS[count].unpack_from(data, 34)
    levels = 8 * min(depth >> 3, 28) + 32 - depth
    if any(map(eq, paths, paths[1:])):
        keys = [key for _, key in Entries(data, NOTHING.heap).entries()]
        paths = [int.from_bytes(hashing(key), "big") for key in keys]
        levels = 256 - depth
    heap = NOTHING.heap.copy()
    touched: list[int] = []
    low = levels - WIDTH
    begin = 0
    while begin < count:
        prefix = paths[begin] >> low
        end = begin + 1
        while end < count and paths[end] >> low == prefix:
            end += 1
        slot = _slot(paths[begin:end], hashes[begin:end], low, hashing)
        cell = FANOUT + (prefix & 15)
        if slot is None or (touched and cell <= touched[-1]):
            return None
        heap[cell] = slot
        touched.append(cell)
        begin = end
    fold(heap, touched, hashing)
    return heap


def _slot(
    paths: Sequence[int], hashes: Sequence[bytes], levels: int, hashing: Hashing
) -> bytes | None:
    """Give the mark of the leaves in one slot; None where their paths do not tell them apart."""
    if len(paths) == 1:
        return hashes[0] + b"\x00"
    if len(paths) > 2:
        return build(paths, hashes, levels, hashing)
    # Two leaves are common enough to go without the machinery for many.
    first, second = paths
    fork = (first ^ second).bit_length() - 1
    if fork < 0:
        return None
    digest = hashing(b"\x01" + hashes[0] + hashes[1])
    return lift(digest, first, fork + 1, levels, hashing) if fork + 1 < levels else digest


def merge(held: dict[bytes, Entry], path: bytes, entry: Entry) -> None:
    """Set an entry among others by its path, or take it away where its hash is empty."""
    old = held.get(path)
    if old is not None and old[1] != entry[1]:
        raise InvariantBroken("state tree: two keys have one hash")
    if entry[0]:
        held[path] = entry
    elif old is not None:
        del held[path]


def put(tile: Entries, depth: int, digest: bytes, entry: Entry, hashing: Hashing) -> Entries:
    """Set one entry, whose path is `digest`; gives the same tile where nothing changes."""
    data = tile.data
    count = data[33]
    start = min(depth >> 3, 28)
    fragment = digest[start : start + 4]
    path = int.from_bytes(fragment, "big")
    paths = _FRAGMENTS[count].unpack_from(data, 34)
    at = bisect_left(paths, path)
    held = at < count and paths[at] == path
    if held:
        old = _entry(data, at)
        if old == entry:
            return tile
        if old[1] != entry[1]:
            return _rebuilt(tile, depth, digest, entry, hashing)
    low = 8 * start + 32 - depth - WIDTH
    heap = _changed(tile, paths, at, held, (path, entry[0]), low, hashing)
    if heap is None:
        return _rebuilt(tile, depth, digest, entry, hashing)
    return Entries(_spliced(data, at, held, heap[1][:32], (fragment, entry)), heap)


def remove(tile: Entries, depth: int, digest: bytes, key: bytes, hashing: Hashing) -> Entries:
    """Take one entry away; gives the same tile where the key is absent."""
    data = tile.data
    count = data[33]
    start = min(depth >> 3, 28)
    path = int.from_bytes(digest[start : start + 4], "big")
    paths = _FRAGMENTS[count].unpack_from(data, 34)
    at = bisect_left(paths, path)
    if at == count or paths[at] != path:
        return tile
    if _entry(data, at)[1] != key:
        return _rebuilt(tile, depth, digest, (b"", key), hashing)
    if count == 1:
        return NOTHING
    low = 8 * start + 32 - depth - WIDTH
    heap = _changed(tile, paths, at, True, (path, b""), low, hashing)
    if heap is None:
        return _rebuilt(tile, depth, digest, (b"", key), hashing)
    return Entries(_spliced(data, at, True, heap[1][:32], None), heap)


def _changed(
    tile: Entries,
    paths: tuple[int, ...],
    at: int,
    held: bool,
    new: tuple[int, bytes],
    low: int,
    hashing: Hashing,
) -> list[bytes] | None:
    """Rehash a tile's heap where the entry `at` is replaced, inserted or (no hash) taken out.

    `low` is the number of path bits below a slot. None where fragments do not tell the slot's
    entries apart.
    """
    path, leaf = new
    prefix = path >> low
    data = tile.data
    begin = at
    while begin and paths[begin - 1] >> low == prefix:
        begin -= 1
    end = after = at + held
    while end < len(paths) and paths[end] >> low == prefix:
        end += 1
    slot: bytes | None = leaf and leaf + b"\x00"
    if begin < at or after < end:
        members = [*paths[begin:at], path, *paths[after:end]]
        first = 34 + 4 * len(paths) + 32 * begin
        hashes = [data[byte : byte + 32] for byte in range(first, first + 32 * (end - begin), 32)]
        hashes[at - begin : after - begin] = [leaf]
        if not leaf:
            del members[at - begin], hashes[at - begin]
        slot = _slot(members, hashes, low, hashing)
    if slot is None:
        return None
    heap = tile.heap.copy()
    cell = FANOUT + (prefix & 15)
    heap[cell] = slot
    while cell > 1:
        cell >>= 1
        left = heap[cell + cell]
        right = heap[cell + cell + 1]
        if len(left) + len(right) == 64:
            heap[cell] = hashing(b"\x01" + left + right)
        else:
            heap[cell] = join(left, right, hashing)
    return heap


def _rebuilt(tile: Entries, depth: int, digest: bytes, entry: Entry, hashing: Hashing) -> Entries:
    """Set or take an entry whose fragment is not enough to find its place."""
    merged = {hashing(each[1]): each for each in tile.entries()}
    if not entry[0] and digest not in merged:
        return tile
    merge(merged, digest, entry)
    return entries(sorted(merged.items()), depth, hashing)


def _entry(data: bytes, at: int) -> Entry:
    """Read one entry of a stored tile."""
    count = data[33]
    hashes = 34 + 4 * count + 32 * at
    lengths = 34 + 36 * count
    key = lengths + count + sum(data[lengths : lengths + at])
    return data[hashes : hashes + 32], data[key : key + data[lengths + at]]


def _spliced(
    data: bytes, at: int, held: bool, root: bytes, new: tuple[bytes, Entry] | None
) -> bytes:
    """Write a tile of entries with the entry `at` replaced, inserted or taken out.

    `held` says that there is one to replace, `new` is what comes: its fragment and the entry.
    """
    count = data[33]
    hashes = 34 + 4 * count
    lengths = hashes + 32 * count
    keys = lengths + count
    key = keys + sum(data[lengths : lengths + at])
    fragment, (digest, name) = new or (b"", (b"", b""))
    return b"".join(
        (
            b"\x00",
            root,
            _BYTE[count - held + (new is not None)],
            data[34 : 34 + 4 * at],
            fragment,
            data[34 + 4 * (at + held) : hashes + 32 * at],
            digest,
            data[hashes + 32 * (at + held) : lengths + at],
            _BYTE[len(name)] if new else b"",
            data[lengths + at + held : key],
            name,
            data[key + (data[lengths + at] if held else 0) :],
        )
    )


def decode(tile_id: bytes, data: bytes, hashing: Hashing) -> Tile:
    """Read a stored tile and rebuild the nodes above its leaves or slots.

    Raises InvariantBroken where the bytes are no tile, or its content has not the stated root.
    """
    kind = data[:1]
    if kind == b"\x00":
        return _decode_entries(tile_id, data, hashing)
    if kind == b"\x01" and len(data) == _BRANCHES_SIZE:
        return _decode_branches(tile_id, data, hashing)
    raise _damaged(tile_id)


def _decode_entries(tile_id: bytes, data: bytes, hashing: Hashing) -> Entries:
    if not _fits(data):
        raise _damaged(tile_id)
    heap = _heap(data, tile_id[0], hashing)
    if heap is None or heap[1][:32] != data[1:33]:
        raise _damaged(tile_id)
    return Entries(data, heap)


def _fits(data: bytes) -> bool:
    """Tell whether stored entries are as long as their count and key lengths say."""
    count = data[33] if len(data) > 33 else 0
    lengths = data[34 + 36 * count : 34 + 37 * count]
    return count > 0 and 34 + 37 * count + sum(lengths) == len(data)


def _decode_branches(tile_id: bytes, data: bytes, hashing: Hashing) -> Branches:
    if hashing(b"\x02" + data[33 : _HASHES - 8])[:8] != data[_HASHES - 8 : _HASHES]:
        raise _damaged(tile_id)
    counts = list(_counts.unpack_from(data, 33))
    heap = [b""] * (2 * FANOUT)
    for slot, count in enumerate(counts):
        at = _HASHES + 32 * slot
        digest = data[at : at + 32]
        heap[FANOUT + slot] = (digest if count > 1 else digest + b"\x00") if count else b""
    fold(heap, list(range(FANOUT, 2 * FANOUT)), hashing)
    if heap[1] != data[1:33]:
        raise _damaged(tile_id)
    return Branches(heap, counts)


def stated(tile_id: bytes, data: bytes) -> bytes:
    """Give the mark that a stored tile states, without recomputing it."""
    if len(data) == _BRANCHES_SIZE and data[0] == 1:
        return data[1:33]
    if _fits(data) and data[0] == 0:
        return data[1:33] if data[33] > 1 else data[1:33] + b"\x00"
    raise _damaged(tile_id)


def check_tile(tile_id: bytes, data: bytes, *, hashing: Hashing = sha256) -> bytes:
    """Recompute a stored tile from its own content, for an integrity scan; returns its root.

    Raises InvariantBroken where the content is malformed, has not the stated root, or does not
    belong at this place. Values are not part of a tile: `View.prove` compares those.
    """
    depth = tile_id[0] if tile_id else 0
    if not 16 <= depth <= LAST or depth % WIDTH or len(tile_id) != 1 + (depth + 7 >> 3):
        raise _damaged(tile_id)
    tile = decode(tile_id, data, hashing)
    if isinstance(tile, Branches):
        again = tile.encode(hashing)
    else:
        items = [(hashing(entry[1]), entry) for entry in tile.entries()]
        prefix = int.from_bytes(tile_id[1:], "big") >> -depth % 8
        if any(int.from_bytes(path, "big") >> 256 - depth != prefix for path, _ in items):
            raise _damaged(tile_id)
        again = entries(items, depth, hashing).data
    if again != data:
        raise _damaged(tile_id)
    return tile.mark[:32]


def _damaged(tile_id: bytes) -> InvariantBroken:
    return InvariantBroken(f"state tree: tile {tile_id.hex()} is damaged")
