"""Fixtures for the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.conftest import pytest_runtest_makereport as pytest_runtest_makereport
from tests.network.conftest import running as running
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import Browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fresh node, served."""
    with Served(tmp_path / "node") as node:
        yield node


@pytest.fixture
def browsers(served: Served) -> Iterator[list[Browser]]:
    """Browsers that are closed at the end."""
    made: list[Browser] = []
    yield made
    for each in made:
        each.close()
