"""Stores for tests with any state at any height, and without blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.chain import FIRST, genesis
from yilian.ledger import codec
from yilian.ledger.keys import HASHES, Profile
from yilian.ledger.machine import Applied
from yilian.ledger.tree import TOP, Tree
from yilian.node.store import Store, Tip


def empty(folder: Path, profile: Profile = FIRST) -> Store:
    """Make a store with a genesis document, whose first state is empty."""
    store = Store(folder, create=True)
    view = Tree(store.tile, hashing=HASHES[profile.hash]).stage({})
    applied = Applied(0, 1, [], b"[]", {}, view, {})
    store.write_first(codec.encode(genesis(profile)), applied, _tip(0, view.root))
    return store


def filled(
    folder: Path, content: Mapping[bytes, bytes], height: int = 10, profile: Profile = FIRST
) -> Store:
    """Make a store whose state has this content after a height."""
    store = empty(folder, profile)
    change(store, dict(content), height, profile)
    return store


def change(
    store: Store,
    changes: Mapping[bytes, bytes | None],
    height: int,
    profile: Profile = FIRST,
) -> None:
    """Write a height that changes state so."""
    tree = Tree(store.tile, store.tiles(bytes((TOP,))), hashing=HASHES[profile.hash])
    view = tree.stage(changes)
    before = {key: store.get(key) for key in changes}
    applied = Applied(height, height, [], b"[]", dict(changes), view, before)
    store.write_height(applied, b"", b"", [], _tip(height, view.root))


def content(store: Store) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """Read all of a store's state and all tiles of its tree."""
    return dict(store.scan(b"")), dict(store.tiles(b""))


def _tip(height: int, root: bytes) -> Tip:
    return Tip(height, height, root, b"", b"", 0, b"", False)
