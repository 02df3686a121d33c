"""The state tree: one root for all of state, with proofs of presence and of absence.

A sparse Merkle tree in the shape of the ICS-23 `SmtSpec` (see `tree_node.py`). It keeps no values,
only their hashes. The top sixteen levels stand in memory: an upper heap of marks for eight levels,
and below each of its 256 ends a lower heap for the next eight. Under those lie tiles, which the
node stores (`tree_tile.py`) and this class loads, keeps in a cache and rewrites.

Staging copies what it changes, so a staged view and the tree beneath it never disturb each other.
A tree and its views belong to one thread at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from yilian.ledger import tree_tile
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import Hashing, sha256
from yilian.ledger.tree_node import ZERO, fold
from yilian.ledger.tree_proof import Proof, prove
from yilian.ledger.tree_tile import (
    FANOUT,
    LAST,
    WIDTH,
    Branches,
    Entries,
    Entry,
    Tile,
    check_tile,
    merge,
    put,
    remove,
)

__all__ = ["MAX_KEY", "TOP", "Tree", "View", "check_tile"]

MAX_KEY = 200
"""The longest state key, in bytes."""

TOP = 16
"""The depth of the first stored tiles."""

Load = Callable[[bytes], bytes | None]
Change = tuple[bytes, Entry]
"""A path, and the entry to set there; an empty hash says that the key goes."""

_TOP = bytes((TOP,))
_END = 256
_NO_MARKS = [b""] * (2 * _END)


class View:
    """The tree as it will be: what a block's changes make of it. Made by `Tree.stage`.

    `root` is its root; `tiles` maps the id of every tile that differs from the adopted tree to its
    new stored bytes (None: delete it). Writing them is what the node does before `Tree.adopt`,
    which empties `tiles`: from then on the store holds them.
    """

    __slots__ = ("_base", "_kept", "_lowers", "_tree", "_upper", "root", "tiles")

    def __init__(self, tree: Tree, base: View | None) -> None:
        """For `Tree` alone: start as a copy of `base`, or as the empty tree."""
        self._tree = tree
        self._base = base
        self._upper: list[bytes] = base._upper if base else _NO_MARKS
        self._lowers: list[list[bytes]] = base._lowers if base else [_NO_MARKS] * _END
        self._kept: dict[bytes, Tile] = dict(base._kept) if base else {}
        self.tiles: dict[bytes, bytes | None] = dict(base.tiles) if base else {}
        self.root = self._upper[1][:32] or ZERO

    def prove(self, key: bytes, value_of: Callable[[bytes], bytes | None]) -> Proof:
        """Prove what this view holds under `key`: its value, or that there is none.

        `value_of` gives the value, in this view, of the key or of a neighbour. The proof is an
        ICS-23 `ExistenceProof` or `NonExistenceProof` without its constant parts: `{"exist":
        {"key", "value", "path": [{"prefix", "suffix"}]}}`, the path from leaf to root and in hex,
        or `{"nonexist": {"left", "right"}}`, each such an object or None at the edge of the tree.
        Raises InvariantBroken where a value is not the one under the root, ValueError for what is
        no state key or where the tree has moved on from this view.
        """
        _check_key(key)
        self._tree.require_current(self)
        return prove(self, key, value_of)

    @property
    def hashing(self) -> Hashing:
        """The chain's hash suite."""
        return self._tree.hashing

    def top(self, chunk: int | None = None) -> list[bytes]:
        """Give the upper heap, or the lower heap below one of its 256 ends (read only)."""
        return self._upper if chunk is None else self._lowers[chunk]

    def tile(self, tile_id: bytes, mark: bytes) -> Tile:
        """Find a tile whose mark is known: staged, cached or loaded.

        Raises InvariantBroken where the stored tile is absent, damaged or another state's.
        """
        if not mark:
            return tree_tile.NOTHING
        data = self.tiles.get(tile_id)
        if data is None:
            return self._tree.cached(tile_id, mark)
        tile = self._kept.get(tile_id)
        return tile or tree_tile.decode(tile_id, data, self._tree.hashing)

    def start(self, tops: Iterable[tuple[bytes, bytes]]) -> None:
        """For `Tree` alone: fill the top from the marks that its tiles state."""
        hashing = self._tree.hashing
        upper = self._upper = _NO_MARKS.copy()
        lowers = self._lowers = [_NO_MARKS.copy() for _ in range(_END)]
        for tile_id, data in tops:
            if len(tile_id) != 3 or tile_id[0] != TOP:
                raise InvariantBroken(f"state tree: {tile_id.hex()} is no tile of the top")
            lower = lowers[tile_id[1]]
            if lower[_END + tile_id[2]]:
                raise InvariantBroken(f"state tree: tile {tile_id.hex()} is given twice")
            lower[_END + tile_id[2]] = tree_tile.stated(tile_id, data)
        for chunk, lower in enumerate(lowers):
            fold(lower, [at for at in range(_END, 2 * _END) if lower[at]], hashing)
            upper[_END + chunk] = lower[1]
        fold(upper, [at for at in range(_END, 2 * _END) if upper[at]], hashing)
        self.root = upper[1][:32] or ZERO

    def settle(self) -> None:
        """For `Tree` alone: forget what was staged, for the store and the cache have it."""
        self._base = None
        self._kept = {}
        self.tiles = {}

    def apply(self, changes: list[Change]) -> None:
        """For `Tree` alone: write changes, sorted by path, and fold the top above them."""
        hashing = self._tree.hashing
        upper = self._upper = self._upper.copy()
        lowers = self._lowers = self._lowers.copy()
        ends: list[int] = []
        for chunk, below in groupby(changes, key=_first_byte):
            lower = lowers[chunk].copy()
            touched = []
            for tile_id, group in _by_tile(below):
                at = _END + tile_id[2]
                mark = lower[at]
                lower[at] = self._update(tile_id, TOP, mark, group)[0]
                if lower[at] != mark:
                    touched.append(at)
            if touched:
                fold(lower, touched, hashing)
                lowers[chunk] = lower
                upper[_END + chunk] = lower[1]
                ends.append(_END + chunk)
        fold(upper, ends, hashing)
        self.root = upper[1][:32] or ZERO

    def _update(
        self, tile_id: bytes, depth: int, mark: bytes, group: list[Change]
    ) -> tuple[bytes, int]:
        """Write changes into one tile; returns its new mark and its number of leaves."""
        tile = self.tile(tile_id, mark)
        if isinstance(tile, Branches):
            return self._update_branches(tile, tile_id, depth, group)
        tree = self._tree
        count = tile.data[33]
        # Past a few changes one rebuild costs less than walking down for each, and a tile of more
        # than MAX_SPLIT + 1 leaves could not be written even in passing.
        if len(group) > 1 and (
            len(group) * 4 > count or len(group) + count > tree_tile.MAX_SPLIT + 1
        ):
            return self._rebuild(tile, tile_id, depth, group)
        new = tile
        for path, entry in group:
            if entry[0]:
                new = put(new, depth, path, entry, tree.hashing)
            else:
                new = remove(new, depth, path, entry[1], tree.hashing)
        if new is tile:
            return mark, count
        count = new.data[33]
        if count > tree.split and depth < LAST:
            return self._create(tile_id, depth, self._items(new))
        return self._keep(tile_id, new, count)

    def _rebuild(
        self, tile: Entries, tile_id: bytes, depth: int, group: list[Change]
    ) -> tuple[bytes, int]:
        """Make a tile anew from its old leaves and the changes."""
        merged = dict(self._items(tile))
        for path, entry in group:
            merge(merged, path, entry)
        items = sorted(merged.items())
        if [entry for _, entry in items] == tile.entries():
            return tile.mark, len(items)
        return self._create(tile_id, depth, items)

    def _create(self, tile_id: bytes, depth: int, items: list[Change]) -> tuple[bytes, int]:
        """Make the tile of some leaves, sorted by path, and the deeper ones if they are many."""
        tree = self._tree
        if len(items) <= tree.split or depth == LAST:
            made = tree_tile.entries(items, depth, tree.hashing) if items else tree_tile.NOTHING
            return self._keep(tile_id, made, len(items))
        heap = [b""] * (2 * FANOUT)
        counts = [0] * FANOUT
        touched = []
        for slot, group in groupby(items, key=lambda item: tree_tile.slot_of(item[0], depth)):
            child = tree_tile.child_id(tile_id, depth, slot)
            heap[FANOUT + slot], counts[slot] = self._create(child, depth + WIDTH, list(group))
            touched.append(FANOUT + slot)
        fold(heap, touched, tree.hashing)
        return self._keep(tile_id, Branches(heap, counts), len(items))

    def _update_branches(
        self, tile: Branches, tile_id: bytes, depth: int, group: list[Change]
    ) -> tuple[bytes, int]:
        """Write changes into the tiles below one; melts them into it when few leaves are left."""
        tree = self._tree
        heap = tile.heap.copy()
        counts = tile.counts.copy()
        touched = []
        for slot, below in groupby(group, key=lambda item: tree_tile.slot_of(item[0], depth)):
            at = FANOUT + slot
            child = tree_tile.child_id(tile_id, depth, slot)
            mark, counts[slot] = self._update(child, depth + WIDTH, heap[at], list(below))
            if mark != heap[at]:
                heap[at] = mark
                touched.append(at)
        total = sum(counts)
        if not touched:
            return tile.mark, total
        if total > tree.split:
            fold(heap, touched, tree.hashing)
            return self._keep(tile_id, Branches(heap, counts), total)
        items: list[Change] = []
        for slot in range(FANOUT):
            child = tree_tile.child_id(tile_id, depth, slot)
            melted = self.tile(child, heap[FANOUT + slot])
            # The counts are under no root, so nothing is thrown away on their word alone.
            if not isinstance(melted, Entries) or melted.data[33] != counts[slot]:
                raise InvariantBroken(f"state tree: tile {tile_id.hex()} miscounts its leaves")
            if counts[slot]:
                items += self._items(melted)
                self._keep(child, tree_tile.NOTHING, 0)
        return self._create(tile_id, depth, items)

    def _items(self, tile: Entries) -> list[Change]:
        """Give a tile's entries with their paths."""
        hashing = self._tree.hashing
        return [(hashing(entry[1]), entry) for entry in tile.entries()]

    def _keep(self, tile_id: bytes, tile: Tile, count: int) -> tuple[bytes, int]:
        """Note a tile's new content; past the cache's size only its bytes are held."""
        if not count:
            self.tiles[tile_id] = None
            self._kept.pop(tile_id, None)
            return b"", 0
        self.tiles[tile_id] = (
            tile.data if isinstance(tile, Entries) else tile.encode(self._tree.hashing)
        )
        if tile_id in self._kept or len(self._kept) < self._tree.cached_tiles:
            self._kept[tile_id] = tile
        return tile.mark, count


def _check_key(key: bytes) -> None:
    if not 0 < len(key) <= MAX_KEY or not key.isascii():
        raise ValueError("a state key is 1 to 200 ASCII bytes")


def _first_byte(change: Change) -> int:
    return change[0][0]


def _by_tile(changes: Iterable[Change]) -> Iterator[tuple[bytes, list[Change]]]:
    """Group sorted changes by the tile of depth `TOP` that they fall into."""
    group: list[Change] = []
    last = b""
    for change in changes:
        start = change[0][:2]
        if start != last:
            if group:
                yield _TOP + last, group
            group = []
            last = start
        group.append(change)
    yield _TOP + last, group


class Tree:
    """The adopted state tree, whose tiles are in the store.

    `load` gives the stored bytes of a tile, or None; `tops` are all stored tiles of depth `TOP`
    with their ids, from which the levels above are rebuilt. `hashing` is the chain's hash suite
    (32 bytes out); `cached_tiles` bounds the tiles kept ready (about 2.5 kB each at 15 leaves);
    `split` is the number of leaves above which a tile divides: the same for all who share tiles.
    """

    def __init__(
        self,
        load: Load,
        tops: Iterable[tuple[bytes, bytes]] = (),
        *,
        hashing: Hashing = sha256,
        cached_tiles: int = 100_000,
        split: int = 64,
    ) -> None:
        if not 1 <= split <= tree_tile.MAX_SPLIT or cached_tiles < 1:
            raise ValueError("a tile holds 1 to 254 leaves, and a cache at least one tile")
        self.hashing = hashing
        self.cached_tiles = cached_tiles
        self.split = split
        self._load = load
        self._cache: OrderedDict[bytes, Tile] = OrderedDict()
        self._warmed = 0
        self._current = View(self, None)
        self._current.start(tops)

    @property
    def root(self) -> bytes:
        """The root of the adopted tree; 32 zero bytes when it is empty."""
        return self._current.root

    def stage(self, changes: Mapping[bytes, bytes | None], base: View | None = None) -> View:
        """Apply changes to the tree, or to a view staged before, and leave both as they are.

        Maps state keys (ASCII, 1 to `MAX_KEY` bytes) to values (not empty), or to None where a key
        goes; an absent key may go. Raises ValueError for other keys and values or a `base` that
        the tree has moved on from, InvariantBroken where a stored tile is missing or damaged.
        """
        if base is None:
            base = self._current
        self.require_current(base)
        hashing = self.hashing
        sorted_changes = []
        for key, value in changes.items():
            _check_key(key)
            path = hashing(key)
            if value:
                entry = (hashing(b"\x00" + path + hashing(value)), key)
            elif value is None:
                entry = (b"", key)
            else:
                raise ValueError("a state value is not empty (ICS-23 proves no empty values)")
            sorted_changes.append((path, entry))
        sorted_changes.sort()
        view = View(self, base)
        view.apply(sorted_changes)
        return view

    def adopt(self, view: View) -> None:
        """Make a view the tree, after its tiles were written durably.

        Views staged on it stay good; those staged beside it do not. Raises ValueError where the
        view itself was staged on what is no longer the tree.
        """
        self.require_current(view)
        cache = self._cache
        for tile_id in view.tiles:
            tile = view._kept.get(tile_id)
            if tile is None:
                cache.pop(tile_id, None)
            else:
                cache[tile_id] = tile
                cache.move_to_end(tile_id)
        while len(cache) > self.cached_tiles:
            cache.popitem(last=False)
        view.settle()
        self._current = view

    def warm(self, count: int) -> bool:
        """Load the next `count` stored tiles of depth `TOP` while the cache has room for them.

        For idle moments after a start, since a tile that must first be loaded costs several times
        what a cached one does. Gives False once there is nothing left to load.
        """
        view = self._current
        while count and self._warmed < _END * _END and len(self._cache) < self.cached_tiles:
            chunk, slot = divmod(self._warmed, _END)
            mark = view.top(chunk)[_END + slot]
            if mark:
                self.cached(_TOP + bytes((chunk, slot)), mark)
                count -= 1
            self._warmed += 1
        return not count

    def prove(self, key: bytes, value_of: Callable[[bytes], bytes | None]) -> Proof:
        """Prove what the adopted tree holds under `key`; see `View.prove`."""
        return self._current.prove(key, value_of)

    def require_current(self, view: View) -> None:
        """Raise ValueError unless the view is the tree or was staged on what is the tree now."""
        at: View | None = view
        while at is not self._current:
            if at is None:
                raise ValueError("the tree has moved on from this view")
            at = at._base

    def cached(self, tile_id: bytes, mark: bytes) -> Tile:
        """Find a tile of the adopted tree, by preference in the cache."""
        cache = self._cache
        tile = cache.get(tile_id)
        if tile is not None and tile.mark == mark:
            cache.move_to_end(tile_id)
            return tile
        data = self._load(tile_id)
        if data is None:
            raise InvariantBroken(f"state tree: tile {tile_id.hex()} is missing")
        tile = tree_tile.decode(tile_id, data, self.hashing)
        if tile.mark != mark:
            raise InvariantBroken(f"state tree: tile {tile_id.hex()} is not of this state")
        cache[tile_id] = tile
        if len(cache) > self.cached_tiles:
            cache.popitem(last=False)
        return tile
