"""Readers of foreign bytes under coverage-guided fuzzing, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.scale import scale

RUNS = scale(3_000, 200_000)
READERS = ("transactions", "blocks", "proofs", "bundles", "vaults")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("atheris") is None,
        reason="atheris is not installed: it runs on Linux x86_64 with Python 3.11 to 3.13",
    ),
]


def _fuzz(name: str, folder: Path) -> tuple[int, str]:
    """Run a target; gives the exit code and what it told."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.targets", name, str(folder), str(RUNS)],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", READERS)
def test_a_reader_raises_nothing_but_its_refusals(name: str, tmp_path: Path) -> None:
    code, told = _fuzz(name, tmp_path)
    left = [each.read_bytes()[:1_000] for each in tmp_path.iterdir() if each.is_file()]
    assert (code, left) == (0, []), told[-4_000:]
    # A last input is made smaller in a few runs more.
    done = re.search(r"^Done ([0-9]+) runs", told, re.MULTILINE)
    assert done is not None, told[-1_000:]
    assert int(done[1]) >= RUNS


def test_a_fault_is_found(tmp_path: Path) -> None:
    code, told = _fuzz("planted", tmp_path)
    assert code != 0
    assert "KeyError: 'planted'" in told
    assert [each.name.partition("-")[0] for each in tmp_path.iterdir() if each.is_file()] == [
        "crash"
    ]
