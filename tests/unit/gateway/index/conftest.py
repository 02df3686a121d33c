from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.stores.postgresql import BACKENDS, PostgreSQL, postgresql

__all__ = ["Place", "postgresql"]

Place = Callable[[str], str]
"""Gives the URL of an index by name."""


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where indexes stand: in files, and in schemas of a real PostgreSQL."""
    if request.param == "sqlite":
        return lambda name="index": f"sqlite:///{tmp_path / name}.db"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    scope = sha256(str(tmp_path).encode()).hexdigest()[:12]
    return lambda name="index": server.url(f"{name}_{scope}")
