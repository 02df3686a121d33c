"""Where outside judges' data stands: `YILIAN_SHARED`, or the folder `shared` beside the clone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def root() -> Path:
    """The folder that holds `data/`; it may be absent."""
    named = os.environ.get("YILIAN_SHARED")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared"


def shared(name: str) -> Path:
    """The file or folder `name` below `data/`, or a skip that says what is missing."""
    path = root() / "data" / name
    if not path.exists():
        pytest.skip(f"outside data is absent: {name} (set YILIAN_SHARED to the folder that has it)")
    return path
