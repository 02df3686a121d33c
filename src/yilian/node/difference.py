"""Where two states part: the first key that differs, found by comparing roots of subtrees.

When two nodes have different app hashes at one height, equal subtrees of their state trees have
equal roots, so one walk from the root downwards passes by all that is equal. It asks each side for
one node of sixteen children on each of some sixteen levels, whatever the size of the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from yilian.ledger.genesis import read
from yilian.ledger.keys import Hashing, Suites
from yilian.ledger.tree import TOP, Tree
from yilian.ledger.tree_tile import FANOUT, LAST, WIDTH, Branches, Entry
from yilian.node.store import UNDO_HEIGHTS, BeforeFirst, Store, StoreDamaged

_END = 256
DEEPEST = LAST // WIDTH


class Inner(msgspec.Struct, frozen=True, tag="inner"):
    """A subtree with many leaves: the marks (`ledger/tree_node.py`) of its sixteen parts."""

    marks: tuple[bytes, ...]


class Few(msgspec.Struct, frozen=True, tag="few"):
    """A subtree with few leaves: the hash and key of each, in path order."""

    leaves: tuple[Entry, ...]


class Side(Protocol):
    """A state that can be asked for its tree; `place` is a path's first hexadecimal digits."""

    def node(self, place: str) -> Inner | Few:
        """Give the subtree at a place. Above `TOP` bits it is always inner."""

    def value_hash(self, key: bytes) -> bytes | None:
        """Give the hash of the value under a key; None where there is none."""


class Source(Protocol):
    """A node that can be compared: its chain, its newest height, and its state at a height."""

    document: bytes
    height: int
    hashing: Hashing

    def at(self, height: int) -> Side:
        """Give the state after a height. Raises BeforeFirst for one that it cannot go back to."""


class Difference(msgspec.Struct, frozen=True):
    """The key with the smallest path that differs: its path, and the hash of either value.

    `asked` counts the subtrees that were asked of each side.
    """

    key: str
    path: str
    one: bytes | None
    other: bytes | None
    asked: int


class OtherChain(Exception):
    """The two stores do not come from one genesis document."""


class NoTree(Exception):
    """A side answers what no state tree holds."""


class State:
    """The state of a store after one of its last heights, for comparing. Nothing may be written."""

    def __init__(self, store: Store, height: int | None = None, tree: Tree | None = None) -> None:
        """Take the newest height, or an older one that can still be undone.

        `tree` is the store's own tree where it is open. Raises BeforeFirst for a height that cannot
        be undone to, StoreDamaged for a store without a chain.
        """
        document, tip = store.genesis(), store.tip()
        if document is None or tip is None:
            raise StoreDamaged("the folder holds no chain")
        self._store = store
        self.hashing = Suites(read(document).profile).hashing
        self.height = tip.height if height is None else height
        self._before: dict[bytes, bytes | None] = {}
        for each in range(tip.height, self.height, -1):
            undo = store.undo(each)
            if undo is None:
                raise BeforeFirst(self.height, max(store.base(), tip.height - UNDO_HEIGHTS))
            self._before.update(undo)
        if tree is None:
            tree = Tree(store.tile, store.tiles(bytes((TOP,))), hashing=self.hashing)
        self._view = tree.stage(self._before)

    @property
    def root(self) -> bytes:
        """The app hash of the height."""
        return self._view.root

    def node(self, place: str) -> Inner | Few:
        """Give the subtree at a place."""
        depth = WIDTH * len(place)
        prefix = int(place, 16) if place else 0
        if depth < TOP:
            return Inner(self._heap(depth, prefix))
        mark = self._view.top(prefix >> depth - 8)[_END + (prefix >> depth - TOP & _END - 1)]
        for level in range(TOP, depth + 1, WIDTH):
            name = bytes((level,)) + _filled(place, level)
            tile = self._view.tile(name, mark)
            if not isinstance(tile, Branches):
                return Few(tuple(_below(tile.entries(), place, self.hashing)))
            if level < depth:
                mark = tile.heap[FANOUT + int(place[level // WIDTH], 16)]
        return Inner(tuple(tile.heap[FANOUT:]))

    def _heap(self, depth: int, prefix: int) -> tuple[bytes, ...]:
        heap = self._view.top() if depth < 8 else self._view.top(prefix >> depth - 8)
        low = depth % 8
        start = (1 << low + WIDTH) + ((prefix & (1 << low) - 1) << WIDTH)
        return tuple(heap[start : start + FANOUT])

    def value_hash(self, key: bytes) -> bytes | None:
        """Give the hash of the value under a key."""
        value = self._before[key] if key in self._before else self._store.get(key)
        return None if value is None else self.hashing(value)


class Stored:
    """A store as a source. Raises StoreDamaged for one without a chain."""

    def __init__(self, store: Store) -> None:
        document, tip = store.genesis(), store.tip()
        if document is None or tip is None:
            raise StoreDamaged("the folder holds no chain")
        self._store = store
        self.document = document
        self.height = tip.height
        self.hashing = Suites(read(document).profile).hashing

    def at(self, height: int) -> State:
        """Give the state after a height."""
        return State(self._store, height)


def first_difference(one: Store, other: Store) -> Difference | None:
    """Compare two stores as `compare` does; raises StoreDamaged for one without a chain too."""
    return compare(Stored(one), Stored(other))


def compare(one: Source, other: Source) -> Difference | None:
    """Compare two nodes after the newest height that both have; None where they agree.

    Raises OtherChain where they are not of one chain, BeforeFirst where one is too far ahead.
    """
    if one.document != other.document:
        raise OtherChain
    common = min(one.height, other.height)
    return difference(one.at(common), other.at(common), one.hashing)


def difference(one: Side, other: Side, hashing: Hashing) -> Difference | None:
    """Find the first key that two sides hold differently; None where they agree.

    Raises NoTree for a side whose subtrees have no end.
    """
    place, asked = "", 0
    while True:
        asked += 1
        left, right = one.node(place), other.node(place)
        if left == right:
            return None
        if not (isinstance(left, Inner) and isinstance(right, Inner)):
            break
        _require_room(place)
        pairs = zip(left.marks, right.marks, strict=True)
        place += f"{next(slot for slot, (a, b) in enumerate(pairs) if a != b):x}"
    leaves = (_leaves(one, place, left), _leaves(other, place, right))
    key = _first(leaves[0], leaves[1], hashing)
    if key is None:
        return None
    values = one.value_hash(key), other.value_hash(key)
    return Difference(key.decode("ascii"), hashing(key).hex(), *values, asked)


def _leaves(side: Side, place: str, node: Inner | Few) -> Iterator[Entry]:
    """List the leaves below a place in path order, asking only for what is taken."""
    if isinstance(node, Few):
        yield from node.leaves
        return
    _require_room(place)
    for slot, mark in enumerate(node.marks):
        if mark:
            below = f"{place}{slot:x}"
            yield from _leaves(side, below, side.node(below))


def _require_room(place: str) -> None:
    if len(place) >= DEEPEST:
        raise NoTree


def _first(one: Iterator[Entry], other: Iterator[Entry], hashing: Hashing) -> bytes | None:
    """Find the key of the first leaf that only one list has, or has with this value."""
    while True:
        left, right = next(one, None), next(other, None)
        if left is None and right is None:
            return None
        if left != right:
            return min((each[1] for each in (left, right) if each is not None), key=hashing)


def _below(entries: list[Entry], place: str, hashing: Hashing) -> Iterator[Entry]:
    return (each for each in entries if hashing(each[1]).hex().startswith(place))


def _filled(place: str, depth: int) -> bytes:
    digits = place[: depth // WIDTH]
    return bytes.fromhex(digits + "0" * (len(digits) % 2))
