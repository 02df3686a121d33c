"""F128: old blocks move into an archive, the disk shrinks as stated, archived records still prove.

Through the command line, on a chain that a node made: sizes are measured on the disk and not taken
from what the command says, receipts come out of the archive alone and are verified offline, and a
process that is killed at any line leaves each height in the store or in a whole archive.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chain import CHAIN_ID, VALIDATOR_SEED, Chain, engine
from yilian.cli import main
from yilian.ledger.keys import sha256
from yilian.node import bundle, integrity
from yilian.node.bundle import BundleUnreadable
from yilian.node.config import Configuration, NodeFolder
from yilian.node.embedded import Embedded
from yilian.node.store import UNDO_HEIGHTS, Store
from yilian.sdk.verify import verify

OLD, EACH = 40, 250
PLACES = ["0", "0.2", "0.5", "0.7", "0.9", *(str(-each) for each in range(1, 60, 6))]


class Node:
    """A node whose old heights are many records each, and its receipts and trust file."""

    def __init__(self, folder: Path, each: int = EACH) -> None:
        self.folder = folder
        self.raws: list[bytes] = []
        node = NodeFolder(folder)
        node.path.mkdir(parents=True)
        node.write_configuration(Configuration(chain=CHAIN_ID, organisations=[]))
        running, cast = engine(node.chain)
        with running:
            for height in range(OLD + UNDO_HEIGHTS):
                count = each if height < OLD else 1
                raws = [
                    cast.sign(cast.hospital, Chain.enrol_person(f"{height} {number}", None))
                    for number in range(count)
                ]
                for future in running.submit_many(raws):
                    future.result(60)
                self.raws += raws
            running.receipt(sha256(self.raws[-1]))
            self.trust = folder / "trust.json"
            self.trust.write_text(json.dumps(running.trust()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node, made once."""
    return Node(tmp_path_factory.mktemp("f128") / "node")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain of a node with few records."""
    return NodeFolder(Node(tmp_path_factory.mktemp("small") / "node", 1).folder).chain


def on_disk(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir() if each.is_file())


def told(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, object]:
    assert main([*command, "--json"]) == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_disk_shrinks_as_stated_and_archived_records_still_prove(
    made: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "node", tmp_path / "old.archive"
    shutil.copytree(made.folder, folder)
    chain = NodeFolder(folder).chain
    Store(chain).close()
    before = on_disk(chain)
    said = told(
        capsys, "node", "prune", str(folder), "--archive", str(file), "--keep", str(UNDO_HEIGHTS)
    )
    after = on_disk(chain)
    archived = file.stat().st_size
    assert said["archive_bytes"] == archived
    assert abs(int(str(said["bytes_before"])) - before) < before // 10
    assert abs(int(str(said["bytes_after"])) - after) < before // 10
    assert before - after > archived
    assert integrity.scan_folder(chain) is None
    dice = random.Random(128)
    shutil.rmtree(folder)
    for raw in dice.sample(made.raws[: (OLD - 2) * EACH], 12):
        name = sha256(raw).hex()
        path = tmp_path / f"{name}.json"
        told(capsys, "node", "receipt", name, "--archive", str(file), "--out", str(path))
        proved = verify(path.read_bytes(), made.trust.read_bytes())
        assert name in proved.proved
        assert "accepted" in proved.proved
        assert main(["verify", str(path), "--trust", str(made.trust)]) == 0
        capsys.readouterr()


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_any_line_leaves_every_height_somewhere(
    small: Path, tmp_path: Path, place: str
) -> None:
    chain, file = tmp_path / "chain", tmp_path / "old.archive"
    shutil.copytree(small, chain)
    command = [sys.executable, "-m", "tests.crash.pruner", str(chain), str(file)]
    killed = subprocess.run([*command, place], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    store = Store(chain)
    try:
        base, tip = store.base(), store.tip()
        assert tip is not None
        assert integrity.scan(store) is None
        if base > 1:
            with bundle.opened(file) as archive:
                span = bundle.check(archive)
            assert (span.first, span.last) == (1, base - 1)
        elif file.exists():
            with bundle.opened(file) as archive:
                assert bundle.check(archive).first == 1
        for height in range(base, tip.height + 1):
            assert store.block(height) is not None
    finally:
        store.close()
    if base == 1:
        subprocess.run(command, check=True, timeout=120)
    with Embedded(chain, VALIDATOR_SEED) as running:
        assert running.store.base() > 1
    with bundle.opened(file) as archive:
        assert bundle.check(archive).last == running_base(chain) - 1


def running_base(chain: Path) -> int:
    store = Store(chain)
    try:
        return store.base()
    finally:
        store.close()


def test_archives_and_the_export_of_the_rest_run_again_as_one_chain(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = NodeFolder(tmp_path / "node")
    shutil.copytree(small, node.chain)
    node.write_configuration(Configuration(chain=CHAIN_ID, organisations=[]))
    files = [str(tmp_path / name) for name in ("one", "two", "rest")]
    for file, keep in ((files[0], UNDO_HEIGHTS + 20), (files[1], UNDO_HEIGHTS)):
        told(capsys, "node", "prune", str(node.path), "--archive", file, "--keep", str(keep))
    said = told(capsys, "node", "export", str(node.path), files[2])
    again = told(capsys, "node", "replay", *files, str(tmp_path / "again"))
    assert again["height"] == said["height"]
    assert integrity.scan_folder(tmp_path / "again") is None
    for wrong in (files[1:], files[:1] + files[2:], files[2:], files[::-1]):
        assert main(["node", "replay", *wrong, str(tmp_path / "wrong"), "--json"]) == 1
        shutil.rmtree(tmp_path / "wrong")
    absent = str(tmp_path / "absent")
    assert main(["node", "replay", files[0], absent, str(tmp_path / "no"), "--json"]) == 2
    capsys.readouterr()


def test_a_spoiled_archive_gives_no_receipt(
    made: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(NodeFolder(made.folder).chain)
    with (tmp_path / "a").open("wb") as file:
        bundle.write(store, 1, 3, file)
    store.close()
    text = bytearray((tmp_path / "a").read_bytes())
    name = sha256(made.raws[0])
    with bundle.opened(tmp_path / "a") as archive:
        assert bundle.make_receipt(archive, name) is not None
    at = bytes(text).index(made.raws[0]) + 40
    text[at] ^= 1
    (tmp_path / "b").write_bytes(text)
    with bundle.opened(tmp_path / "b") as archive:
        assert bundle.make_receipt(archive, name) is None
    with bundle.opened(tmp_path / "b") as archive, pytest.raises(BundleUnreadable):
        bundle.check(archive)
    spoiled = ["--archive", str(tmp_path / "b"), "--json"]
    assert main(["node", "receipt", name.hex(), *spoiled]) == 1
    assert main(["node", "check-archive", str(tmp_path / "b"), "--json"]) == 1
    assert main(["node", "check-archive", str(tmp_path / "a"), "--json"]) == 0
    capsys.readouterr()
