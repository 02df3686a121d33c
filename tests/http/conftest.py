"""One node per test file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A running node, shared by the tests of a file."""
    made = Node(Path(tmp_path_factory.mktemp("node")))
    yield made
    made.close()
