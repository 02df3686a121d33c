"""Proofs from the state tree: that a key has a value, or that it has none (ICS-23).

Absence is proved by the two neighbours in path order, each by its own proof of existence: nothing
can stand between them. At the edge of the tree one neighbour is enough; an empty tree has none, and
its root says so by itself. What is constant under the ICS-23 `SmtSpec` (hash, length and prehash
operations, leaf prefix) is left out, so a verifier supplies it and cannot be told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypedDict

from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import Hashing
from yilian.ledger.tree_node import LEAF, ZERO, build, mark
from yilian.ledger.tree_tile import Entries, Entry

if TYPE_CHECKING:
    from yilian.ledger.tree import View


class Step(TypedDict):
    """One inner node on the way up: H(prefix | child | suffix), in hex."""

    prefix: str
    suffix: str


class Existence(TypedDict):
    """An ICS-23 `ExistenceProof`: key and value as text, the path from leaf to root."""

    key: str
    value: str
    path: list[Step]


class Absence(TypedDict):
    """An ICS-23 `NonExistenceProof`: the neighbours of the absent key."""

    left: Existence | None
    right: Existence | None


class Exist(TypedDict):
    """The proof that a key has a value."""

    exist: Existence


class Nonexist(TypedDict):
    """The proof that a key has no value."""

    nonexist: Absence


Proof: TypeAlias = Exist | Nonexist


class _Place(NamedTuple):
    """A subtree that a heap of marks holds: the top of the tree, or a tile of branches."""

    heap: list[bytes]
    at: int
    depth: int
    prefix: int


class _Inside(NamedTuple):
    """A subtree within a tile: some of its entries by path, and the bits below its root."""

    entries: list[tuple[int, Entry]]
    levels: int
    hashing: Hashing


_Site: TypeAlias = _Place | _Inside


class _Way(NamedTuple):
    """The way down to where a path ends: siblings passed, the entry there, and its neighbours."""

    siblings: list[tuple[int, bytes]]
    entry: Entry | None
    left: _Site | None
    right: _Site | None


def prove(view: View, key: bytes, value_of: Callable[[bytes], bytes | None]) -> Proof:
    """Prove what a view holds under `key`; the contract is that of `View.prove`."""
    hashing = view.hashing
    way = _walk(view, hashing(key))
    if way.entry is not None and way.entry[1] == key:
        return {"exist": _existence(way, value_of, hashing)}
    left = _outermost(view, way.left, 1)
    right = _outermost(view, way.right, 0)
    if way.entry is not None:
        if hashing(way.entry[1]) < hashing(key):
            left = way.entry
        else:
            right = way.entry
    sides: list[Existence | None] = []
    for entry in (left, right):
        if entry is None:
            sides.append(None)
        else:
            sides.append(_existence(_walk(view, hashing(entry[1])), value_of, hashing))
    return {"nonexist": {"left": sides[0], "right": sides[1]}}


def _existence(way: _Way, value_of: Callable[[bytes], bytes | None], hashing: Hashing) -> Existence:
    """Write the proof of the leaf at the end of a way, its value checked."""
    if way.entry is None:
        raise InvariantBroken("state tree: a neighbour is not where its path leads")
    digest, key = way.entry
    value = value_of(key)
    if value is None or hashing(b"\x00" + hashing(key) + hashing(value)) != digest:
        raise InvariantBroken(f"state tree: a wrong value for {key.decode('ascii')}")
    path: list[Step] = []
    for bit, sibling in reversed(way.siblings):
        if bit:
            path.append({"prefix": "01" + sibling.hex(), "suffix": ""})
        else:
            path.append({"prefix": "01", "suffix": sibling.hex()})
    return {"key": key.decode("ascii"), "value": value.decode("utf-8"), "path": path}


def _walk(view: View, digest: bytes) -> _Way:
    """Follow a path from the root to the leaf or empty subtree where it ends."""
    path = int.from_bytes(digest, "big")
    siblings: list[tuple[int, bytes]] = []
    nearest: list[_Site | None] = [None, None]
    site: _Site = _Place(view.top(), 1, 0, 0)
    level = 256
    while True:
        seal = _mark(site)
        if not seal:
            return _Way(siblings, None, nearest[0], nearest[1])
        entry = _lone(site)
        if entry is not None:
            return _Way(siblings, entry, nearest[0], nearest[1])
        level -= 1
        bit = path >> level & 1
        children = _children(view, site)
        other = children[1 - bit]
        beside = _mark(other)
        if beside:
            nearest[1 - bit] = other
        # A lone leaf stands for every level above it, so those are no nodes and no steps.
        if len(seal) != LEAF:
            siblings.append((bit, beside[:32] or ZERO))
        site = children[bit]


def _outermost(view: View, site: _Site | None, bit: int) -> Entry | None:
    """Find the first (bit 0) or last (bit 1) entry below a subtree that is not empty."""
    entry = None
    while site is not None and entry is None:
        entry = _lone(site)
        if entry is None:
            children = _children(view, site)
            site = children[bit] if _mark(children[bit]) else children[1 - bit]
    return entry


def _mark(site: _Site) -> bytes:
    if isinstance(site, _Place):
        return site.heap[site.at]
    if not site.entries:
        return b""
    paths = [path for path, _ in site.entries]
    hashes = [entry[0] for _, entry in site.entries]
    root = build(paths, hashes, site.levels, site.hashing)
    if root is None:
        raise InvariantBroken("state tree: a tile holds what does not belong together")
    return mark(root, len(hashes))


def _lone(site: _Site) -> Entry | None:
    """Give the entry of a subtree within a tile that has no other."""
    if isinstance(site, _Place) or len(site.entries) != 1:
        return None
    return site.entries[0][1]


def _children(view: View, site: _Site) -> tuple[_Site, _Site]:
    """Give the two halves of a subtree."""
    if isinstance(site, _Place):
        return _half(view, site, 0), _half(view, site, 1)
    level = site.levels - 1
    left = [each for each in site.entries if not each[0] >> level & 1]
    right = site.entries[len(left) :]
    return _Inside(left, level, site.hashing), _Inside(right, level, site.hashing)


def _half(view: View, place: _Place, bit: int) -> _Site:
    """Step down in a heap, and from its end into what lies below."""
    heap, at, depth, prefix = place
    at = 2 * at + bit
    depth += 1
    prefix = 2 * prefix + bit
    if 2 * at < len(heap):
        return _Place(heap, at, depth, prefix)
    if depth == 8:
        return _Place(view.top(prefix), 1, depth, prefix)
    tile_id = bytes((depth,)) + (prefix << -depth % 8).to_bytes(depth + 7 >> 3, "big")
    tile = view.tile(tile_id, heap[at])
    if isinstance(tile, Entries):
        hashing = view.hashing
        found = [(int.from_bytes(hashing(entry[1]), "big"), entry) for entry in tile.entries()]
        return _Inside(found, 256 - depth, hashing)
    return _Place(tile.heap, 1, depth, prefix)
