"""One node for the tests of a file, since most of them only add to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sdk.running import Running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A node where `alice` is enrolled."""
    folder: Path = tmp_path_factory.mktemp("node")
    with Running(folder) as running:
        running.enrol("alice")
        yield running
