"""The rooms import downward only, by `.importlinter`, and the linter finds what is planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"

ROOMS = "Imports go downward only"
PURE = "The law does no input or output"

PLANTED = {
    "the law reads a clock": ("ledger/queue.py", "import time", PURE),
    "the law reads the store": ("ledger/state.py", "from yilian.node.store import Store", ROOMS),
    "the law keeps a log": ("ledger/modules/records/rules.py", "import logging", PURE),
    "a capability changes another's state": (
        "ledger/modules/records/rules.py",
        "from yilian.ledger.modules.identity.rules import end_subject",
        "A capability reads of another only what its state offers",
    ),
    "the node meets the world": ("node/store.py", "from yilian.gateway import fhir", ROOMS),
    "the vault leans on the node": (
        "vault/durable.py",
        "from yilian.node.store import Store",
        ROOMS,
    ),
    "the sdk opens a vault": (
        "sdk/planted.py",
        "from yilian.vault.vault import Vault",
        "The sdk knows of the vault its pure formats alone",
    ),
    "the verifier trusts the law": (
        "sdk/verify.py",
        "from yilian.ledger.merkle import root",
        "The offline verifier shares no code with what it verifies",
    ),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("importlinter", reason="import-linter is in the extra `dev`")
    return subprocess.run(
        [
            sys.executable,
            "-c",
            RUN,
            "--no-cache",
            "--no-logo",
            "--config",
            str(ROOT / ".importlinter"),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_rooms_are_in_order() -> None:
    ran = _lint(ROOT / "src")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


@pytest.mark.parametrize("planted", sorted(PLANTED))
def test_what_is_planted_is_found(tmp_path: Path, planted: str) -> None:
    path, line, contract = PLANTED[planted]
    skipped = shutil.ignore_patterns("*.pyc", "__pycache__", "*.json", "static")
    shutil.copytree(ROOT / "src" / "yilian", tmp_path / "yilian", ignore=skipped)
    place = tmp_path / "yilian" / path
    with place.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    ran = _lint(tmp_path)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"{contract} BROKEN" in ran.stdout, ran.stdout
