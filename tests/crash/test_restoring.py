"""`kill -9` while a node begins from a snapshot: half a state is never served."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.consensus.town import Town
from tests.crash.restorer import NoEngine, begin, keep
from tests.unit.node.states import change, content
from yilian.ledger.keys import Suites
from yilian.node.cometbft import Consortium
from yilian.node.engine import write_genesis
from yilian.node.snapshot import Snapshots
from yilian.node.store import Store

ROOT = Path(__file__).resolve().parents[2]
HEIGHT = 10
SMALL = 2_000
ENTRIES = {f"identity/subject/{each:05}".encode(): b"v" * (each % 90 + 1) for each in range(400)}
Content = tuple[dict[bytes, bytes], dict[bytes, bytes]]


class Given(NamedTuple):
    """A snapshot, and what a store must hold before and after it."""

    town: Town
    snapshot: Path
    root: bytes
    first: Content
    restored: Content


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A snapshot of many chunks."""
    path, town = tmp_path_factory.mktemp("giver"), Town((10,))
    write_genesis(path / "chain", town.genesis)
    store = Store(path / "chain")
    first = content(store)
    change(store, dict(ENTRIES), HEIGHT)
    tip = store.tip()
    assert tip is not None
    snapshots = Snapshots(path / "snapshots", store, Suites(town.genesis.profile).hashing, SMALL)
    offer = snapshots.make(HEIGHT)
    found = [snapshots.chunk(HEIGHT, offer.format, index) for index in range(offer.chunks)]
    chunks = [each for each in found if each is not None]
    assert len(chunks) == offer.chunks > 8
    keep(path / "snapshot", offer, tip.app_hash, chunks)
    yield Given(town, path / "snapshot", tip.app_hash, first, content(store))
    snapshots.close()
    store.close()


def die(given: Given, folder: Path, place: int) -> None:
    """Have a process begin, and be killed at a share of the way."""
    command = ["-m", "tests.crash.restorer", str(folder), str(given.snapshot), str(place)]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("places", [(1,), (30,), (60, 5), (90, 20), (95,)])
def test_a_restore_that_was_killed_begins_again(
    given: Given, tmp_path: Path, places: tuple[int, ...]
) -> None:
    folder = tmp_path / "chain"
    write_genesis(folder, given.town.genesis)
    for place in places:
        die(given, folder, place)
    store = Store(folder)
    tip = store.tip()
    ended = tip is not None and tip.height == HEIGHT
    assert store.unfinished() == (tip is None)
    store.close()
    node = Consortium(folder, NoEngine())
    try:
        # All of it or nothing: what was half there is gone, and it stands at its genesis.
        assert not node.store.unfinished()
        assert content(node.store) == (given.restored if ended else given.first)
        assert node.info() == ((HEIGHT, given.root, 1) if ended else (0, b"", 1))
    finally:
        node.close()
    again = begin(folder, given.snapshot)
    try:
        assert (again.height, again.tip.app_hash) == (HEIGHT, given.root)
        assert content(again.store) == given.restored
        assert again.store.base() == HEIGHT + 1
    finally:
        again.close()


def test_the_middle_of_the_way_is_where_a_store_is_half_full(given: Given, tmp_path: Path) -> None:
    """So that the test above cuts where it hurts."""
    folder = tmp_path / "chain"
    write_genesis(folder, given.town.genesis)
    die(given, folder, 50)
    store = Store(folder)
    assert store.unfinished()
    assert store.tip() is None
    store.close()


def test_what_was_restored_stays(given: Given, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    write_genesis(folder, given.town.genesis)
    die(given, folder, 101)
    node = Consortium(folder, NoEngine())
    try:
        assert (node.height, node.tip.app_hash) == (HEIGHT, given.root)
        assert content(node.store) == given.restored
    finally:
        node.close()
