"""What holds of the portal's own source: types, style, and its logic under Vitest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "portal"


def npm() -> str:
    """Find npm, and what it installed; skip where one is missing."""
    own = ROOT / ".venv/node/npm"
    found = shutil.which("npm") or (str(own) if own.exists() else None)
    if found is None or not (PORTAL / "node_modules/.yilian-lock").exists():
        pytest.skip("Node or its packages are missing: make portal")
    return found


@pytest.mark.slow
def test_types_style_and_logic() -> None:
    """`npm run check`: tsc, eslint and Vitest find nothing."""
    ended = subprocess.run([npm(), "run", "check"], cwd=PORTAL, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]


def test_the_lock_names_no_registry() -> None:
    """Where packages come from is said by who installs them, not by the lock file."""
    text = (PORTAL / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text


def test_no_file_is_long() -> None:
    """At most 250 lines each."""
    for file in (PORTAL / "src").rglob("*.ts*"):
        if file.name != "api.types.ts":
            assert len(file.read_text("utf-8").splitlines()) <= 250, file


def test_what_is_generated_is_current() -> None:
    """docs/openapi.json and the kinds of events' fields are those of the code."""
    tool = [sys.executable, str(ROOT / "tools/openapi.py"), "--check"]
    ended = subprocess.run(tool, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
