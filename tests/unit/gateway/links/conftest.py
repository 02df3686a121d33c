"""A served node, and a person with three records and a key of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rows.consenting import Actor, person
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import Kept, keep_three


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fresh node, served."""
    with Served(tmp_path / "node") as node:
        yield node


@pytest.fixture
def patient(served: Served) -> Actor:
    """Somebody with a key of their own."""
    return person(served, served.a)


@pytest.fixture
def kept(served: Served, patient: Actor) -> Kept:
    """The patient's records."""
    return keep_three(served, patient.id)
