"""Our notes, cosignatures, log proofs and tiles before implementations that others wrote, in Go."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.test_ics23 import Judge, judge
from tests.unit.node.logs import log
from tests.unit.sdk.archives import A, Log, log_key, log_of
from tests.unit.sdk.receipts import FOUR
from yilian.ledger import checkpoint as notes
from yilian.ledger import merkle
from yilian.ledger.checkpoint import Note
from yilian.node.witness import Witness

HARNESS = Path(__file__).resolve().parent / "notes"
SIZES = (1, 2, 255, 256, 257, 700, 66_000)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    folder = tmp_path_factory.mktemp("go") / "notes"
    if shutil.which("go") is None:
        pytest.skip(f"go is not installed; with it, run: pytest {Path(__file__).name}")
    shutil.copytree(HARNESS, folder)
    fetch = ["go", "mod", "download"]
    done = subprocess.run(fetch, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the registry is out of reach; try: {' '.join(fetch)}\n{done.stderr[-500:]}")
    subprocess.run(["go", "build", "-o", "judge", "."], cwd=folder, check=True, timeout=300)
    return judge(["./judge"], folder)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = Witness.make(tmp_path / "witness", "witness.example/w", [log("a", 0).key])
    yield made
    made.close()


def note_of(witness: Witness) -> Note:
    assert witness.cosigned is not None
    return Note.decode(witness.cosigned[1])


def test_they_open_our_checkpoints_and_both_kinds_of_cosignature(
    go: Judge, witness: Witness
) -> None:
    one = log("a", 700)
    witness.watch([one.member])
    text = note_of(witness).encode().decode()
    plain = {"kind": "note", "note": text, "key": one.key.encode()}
    claims: list[dict[str, Any]] = [plain]
    claims += [{"kind": "cosignature", "note": text, "key": key.encode()} for key in witness.keys]
    bent = [{**each, "note": text.replace("\n700\n", "\n701\n")} for each in claims]
    stranger = [{**claims[1], "key": key.encode()} for key in A.keys]
    assert go([*claims, *bent, *stranger]) == [True] * 3 + [False] * 5


def test_they_accept_our_log_proofs(go: Judge) -> None:
    log_ = log_of(FOUR.receipt())
    claims = [_proof(log_, index) for index in range(len(log_.entries))]
    wrong = [{**each, "entry": base64.b64encode(b"other").decode()} for each in claims[:3]]
    assert go([*claims, *wrong]) == [True] * len(claims) + [False] * 3


def _proof(log_: Log, index: int) -> dict[str, Any]:
    entry = base64.b64encode(log_.entries[index]).decode()
    return {"kind": "proof", "proof": log_.proof(index=index).decode(), "entry": entry}


def test_they_accept_our_proofs_of_consistency(go: Judge) -> None:
    one = log("a", 700)
    claims = []
    for first in (1, 2, 128, 255, 256, 257, 512, 699, 700):
        path = [each.hex() for each in notes.consistency(one.hashes, first, 700)]
        before, root = notes.root(one.hashes, first), notes.root(one.hashes, 700)
        told = {"kind": "tree", "path": path, "first": first, "before": before.hex()}
        claims.append({**told, "size": 700, "root": root.hex()})
    wrong = [{**each, "before": merkle.EMPTY.hex()} for each in claims]
    assert go([*claims, *wrong]) == [True] * len(claims) + [False] * len(claims)


def test_they_read_the_tiles_that_a_witness_publishes(
    go: Judge, witness: Witness, tmp_path: Path
) -> None:
    one, claims = log("a", 0), []
    for size in SIZES:
        one.grow(size - len(one.leaves))
        witness.watch([one.member])
        folder = tmp_path / f"{size}"
        witness.publish(folder)
        root = one.checkpoint().root.hex()
        told = {"kind": "tiles", "folder": str(folder), "size": size, "root": root}
        for index in {0, size // 2, size - 1}:
            claims.append({**told, "index": index, "leaf": one.leaves[index].hex()})
    wrong = [{**each, "leaf": merkle.EMPTY.hex()} for each in claims]
    assert go([*claims, *wrong]) == [True] * len(claims) + [False] * len(claims)


def test_a_plain_key_is_no_cosigners_key(go: Judge) -> None:
    log_ = log_of(FOUR.receipt())
    text = log_.proof(*A.lines(log_.point)).decode().split("\n\n", 1)[1]
    own = log_key().encode()
    claims = [{"kind": "note", "note": text, "key": own}]
    claims.append({"kind": "cosignature", "note": text, "key": own})
    assert go(claims) == [True, False]
