"""Calling the command line as an operator does, within the test's process: it starts at once."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

from yilian import cli

PROGRAM = [sys.executable, "-c", "import sys; from yilian.cli import main; sys.exit(main())"]


def yilian(*words: str | Path, code: int = 0) -> dict[str, Any]:
    """Run a command line with `--json`; gives its object, and checks the exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        ended = cli.main([*map(str, words), "--json"])
    assert ended == code, (words, ended, out.getvalue(), err.getvalue())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found
