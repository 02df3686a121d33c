"""`yilian node prune`, archives, snapshots and `diff-state`, as an operator types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.chain import CHAIN_ID, Chain, engine
from tests.unit.node.states import change
from yilian.cli import main
from yilian.ledger.keys import sha256
from yilian.node.config import Configuration, NodeFolder
from yilian.node.store import Store

Told = tuple[int, dict[str, Any]]


def node(path: Path, people: int = 3) -> Path:
    """Make a node with some people enrolled."""
    folder = NodeFolder(path)
    path.mkdir()
    folder.write_configuration(Configuration(chain=CHAIN_ID, organisations=[]))
    running, cast = engine(folder.chain)
    with running:
        for each in range(people):
            raw = cast.sign(cast.hospital, Chain.enrol_person(f"person {each}", None))
            running.submit(raw).result(30)
    return path


def yilian(capsys: pytest.CaptureFixture[str], *command: str) -> Told:
    capsys.readouterr()
    code = main([*command, "--json"])
    return code, json.loads(capsys.readouterr().out or "{}")


def test_snapshots_are_made_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(node(tmp_path / "ward"))
    assert yilian(capsys, "node", "snapshot", "list", path) == (0, {"snapshots": []})
    code, made = yilian(capsys, "node", "snapshot", "make", path)
    assert (code, made["ok"], made["format"], made["chunks"]) == (0, True, 1, 1)
    del made["ok"]
    assert yilian(capsys, "node", "snapshot", "list", path) == (0, {"snapshots": [made]})
    store = Store(NodeFolder(tmp_path / "ward").chain)
    tip = store.tip()
    assert tip is not None
    assert made["height"] == tip.height
    assert yilian(capsys, "node", "snapshot", "make", path)[0] == 2
    assert yilian(capsys, "node", "snapshot", "list", path)[0] == 0
    store.close()
    assert yilian(capsys, "node", "snapshot", "list", str(tmp_path / "none"))[0] == 2


def test_the_first_difference_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = node(tmp_path / "one", 1)
    other = tmp_path / "other"
    shutil.copytree(one, other)
    command = ["node", "diff-state", str(one), str(other)]
    assert yilian(capsys, *command) == (0, {"equal": True})
    for path, value in ((one, b"true"), (other, b"false")):
        store = Store(NodeFolder(path).chain)
        tip = store.tip()
        assert tip is not None
        change(store, {b"a/key": value, b"a/same": b"x"}, tip.height + 1)
        store.close()
    code, told = yilian(capsys, *command)
    assert (code, told["equal"], told["key"]) == (1, False, "a/key")
    assert told["one"] == sha256(b"true").hex()
    assert told["other"] == sha256(b"false").hex()
    assert yilian(capsys, "node", "diff-state", str(one), str(one))[0] == 2


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_refusals_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    path = str(node(tmp_path / "ward"))
    file = tmp_path / "a"
    commands = {
        "keeps_too_few": (2, ["node", "prune", path, "--archive", str(file), "--keep", "99"]),
        "nothing_to_prune": (2, ["node", "prune", path, "--archive", str(file), "--keep", "100"]),
    }
    for key, (code, command) in commands.items():
        found, told = yilian(capsys, *command, "--language", language)
        assert (found, told["error"]["code"]) == (code, key)
        assert "{" not in told["error"]["title"]
    assert not file.exists()
    file.write_bytes(b"no archive")
    for command in (
        ["node", "check-archive", str(file)],
        ["node", "receipt", "0" * 64, "--archive", str(file)],
    ):
        found, told = yilian(capsys, *command, "--language", language)
        assert (found, told["error"]["code"]) == (1, "archive_unreadable")
    absent = str(tmp_path / "none")
    assert main(["node", "check-archive", absent]) == 2
    assert main(["node", "receipt", "0" * 64, "--archive", absent]) == 2
    assert main(["node", "receipt", "x", "--archive", absent]) == 2
    assert main(["node", "prune", absent, "--archive", str(file), "--keep", "100"]) == 2
