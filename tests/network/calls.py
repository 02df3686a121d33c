"""Calling the command line as an operator does, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-c", "import sys; from yilian.cli import main; sys.exit(main())"]


def yilian(*words: str | Path, code: int = 0, seconds: float = 120.0) -> dict[str, Any]:
    """Run a command line with `--json`; gives its object, and checks the exit code."""
    done = subprocess.run(
        [*PROGRAM, *map(str, words), "--json"],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
