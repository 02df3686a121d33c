"""A member of its own for tests of the ABCI side: its node runs, and no block is made yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.consensus.simulator import Network


@pytest.fixture
def network() -> Iterator[Network]:
    """A chain with one validator."""
    made = Network(powers=(10,))
    yield made
    made.close()
