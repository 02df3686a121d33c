"""One place per test file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.epcis.place import Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A node with a repository, shared by the tests of a file."""
    made = Place(Path(tmp_path_factory.mktemp("epcis")))
    yield made
    made.close()
