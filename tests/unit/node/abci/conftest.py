"""A member of its own for tests of the ABCI side: its node runs, and no block is made yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consensus.simulator import Network


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """A chain with one validator."""
    made = Network(tmp_path / "chain", powers=(10,))
    yield made
    made.close()
