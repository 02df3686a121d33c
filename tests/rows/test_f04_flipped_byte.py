"""F4: flip one byte in a stored block or state -> the check names it, the node refuses to serve."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.rows.served import Served, yilian
from tests.scale import scale
from yilian.node.store import Store


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with a patient's records, stopped in good order."""
    path = tmp_path_factory.mktemp("f04") / "node"
    with Served(path) as served:
        served.load(served.a)
    return path


def copy(stopped: Path, tmp_path: Path) -> Path:
    path = tmp_path / "node"
    shutil.copytree(stopped, path)
    return path


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def test_a_sound_store_is_found_sound(stopped: Path) -> None:
    assert yilian("node", "check", stopped) == (0, {"ok": True, "damaged": None})


def test_any_byte_of_stored_data_is_missed_and_the_place_is_named(
    stopped: Path, tmp_path: Path
) -> None:
    draw = random.Random(4)
    for _ in range(scale(6, 100)):
        path = copy(stopped, tmp_path)
        file = max((path / "chain").glob("*.sst"), key=lambda each: each.stat().st_size)
        flip(file, draw.randrange(file.stat().st_size * 8 // 10))
        code, answer = yilian("node", "check", path)
        assert code == 1
        assert answer["error"]["code"] == "store_damaged"
        assert answer["error"]["title"]
        shutil.rmtree(path)


def test_the_first_bad_block_is_named_and_not_served(stopped: Path, tmp_path: Path) -> None:
    path = copy(stopped, tmp_path)
    store = Store(path / "chain")
    tip = store.tip()
    assert tip is not None
    for height in (5, 7):
        _rewrite(store, b"b" + height.to_bytes(8, "big"))
    store.close()
    code, answer = yilian("node", "check", path)
    assert (code, answer["error"]["height"]) == (1, 5)
    assert "block 5" in answer["error"]["title"]
    code, answer = yilian("up", path, "--port", "0")
    assert (code, answer["error"]["code"]) == (4, "store_damaged")


@pytest.mark.parametrize(
    ("prefix", "named"),
    [(b"c", "block"), (b"r", "results"), (b"t", "tile"), (b"sidentity/subject/", "state entry")],
)
def test_commits_results_tiles_and_state_values_are_checked(
    stopped: Path, tmp_path: Path, prefix: bytes, named: str
) -> None:
    path = copy(stopped, tmp_path)
    store = Store(path / "chain")
    key, _ = max(store._items(prefix, prefix), key=lambda each: len(each[1]))
    _rewrite(store, key)
    store.close()
    code, answer = yilian("node", "check", path)
    assert code == 1
    assert named in answer["error"]["title"]


def test_a_state_entry_that_the_tree_does_not_know_is_found(stopped: Path, tmp_path: Path) -> None:
    path = copy(stopped, tmp_path)
    store = Store(path / "chain")
    store._db.put(b"sconsent/grant/added", b"{}")
    store.close()
    code, answer = yilian("node", "check", path)
    assert code == 1
    assert "entries" in answer["error"]["title"]


def _rewrite(store: Store, key: bytes) -> None:
    """Change a stored value behind the store's back, with the file's own checksums made right."""
    value = bytearray(store._db.get(key))
    value[len(value) // 2] ^= 1
    store._db.put(key, bytes(value))


def test_a_running_node_is_not_called_damaged(served: Served) -> None:
    served.load(served.a)
    for words in (["node", "check"], ["node", "rollback"], ["up"]):
        code, answer = yilian(*words, served.path)
        assert (code, answer["error"]["code"]) == (2, "busy")
