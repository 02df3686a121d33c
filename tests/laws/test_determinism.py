"""The same blocks give the same app hash: under any hash seed and any Python that is at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import blocks
from tests.chain import PROFILES, Chain
from yilian.ledger.modules.governance.state import LAWS_KNOWN, law_version

ROOT = Path(__file__).resolve().parents[2]
SEEDS = [str(seed) for seed in range(19)] + ["random"]
NEEDED = "import msgspec, nacl.bindings, cryptography, rocksdict"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the block file of each profile."""
    folder = tmp_path_factory.mktemp("blocks")
    made = []
    for profile in PROFILES:
        made.append(folder / f"{profile}.ndjson")
        made[-1].write_text(blocks.make(profile)[0], "utf-8")
    return made


def _pythons() -> list[str]:
    """Find every Python from 3.11 on that has the law's dependencies; this one is always there."""
    found = [sys.executable]
    named = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    for path in (*named, str(ROOT / ".venv-second" / "bin" / "python")):
        if path is None or not os.access(path, os.X_OK):
            continue
        asked = subprocess.run([path, "-c", NEEDED], capture_output=True, check=False, timeout=60)
        if asked.returncode == 0:
            found.append(path)
    return found


def _replay(python: str, seed: str, files: list[Path]) -> list[dict[int, str]]:
    ran = subprocess.run(
        [python, "-m", "tests.blocks", "replay", *map(str, files)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return [
        {int(height): value for height, value in each.items()} for each in json.loads(ran.stdout)
    ]


def test_the_app_hashes_are_the_pinned_ones() -> None:
    for profile in PROFILES:
        assert blocks.make(profile)[1] == blocks.pinned()[profile]


def test_a_block_file_replays_to_the_pinned_hashes(files: list[Path]) -> None:
    for profile, path in zip(PROFILES, files, strict=True):
        assert blocks.replay(path) == blocks.pinned()[profile]


def test_one_byte_of_one_block_makes_another_hash(files: list[Path]) -> None:
    first, *lines = [json.loads(each) for each in files[0].read_text("utf-8").splitlines()]
    proved = next(each["misbehaviour"] for each in lines if each["misbehaviour"])
    proved[0]["time"] += 1
    other = files[0].with_name("changed.ndjson")
    other.write_text("\n".join(map(json.dumps, [first, *lines])) + "\n", "utf-8")
    assert blocks.replay(other) != blocks.replay(files[0])


def test_misbehaviour_and_every_law_are_among_the_blocks(files: list[Path]) -> None:
    first, _ = (path.read_text("utf-8") for path in files)
    assert '"duplicate_vote"' in first or '"light_client_attack"' in first
    chain = Chain()
    laws = set()
    for line in first.splitlines()[1:]:
        blocks.repeat(chain, line)
        laws.add(law_version(chain.state))
    assert laws == set(LAWS_KNOWN)
    assert any(key.startswith(b"supply/") for key in chain.memory.content)


def test_under_every_hash_seed_and_python(files: list[Path]) -> None:
    wanted = [blocks.pinned()[profile] for profile in PROFILES]
    jobs = [(sys.executable, seed) for seed in SEEDS]
    jobs += [(python, "0") for python in _pythons()[1:]]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for (python, seed), found in zip(
            jobs, pool.map(lambda job: _replay(job[0], job[1], files), jobs), strict=True
        ):
            assert found == wanted, f"{python} with PYTHONHASHSEED={seed}"
