"""A served node, and people who learn at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rows.consenting import Actor, doctor, person
from tests.rows.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node, served."""
    with Served(tmp_path_factory.mktemp("training") / "node") as node:
        yield node


@pytest.fixture(scope="module")
def numbers() -> Iterator[str]:
    """Give a number of its own to every person."""
    return (f"T-{each}" for each in range(1, 10_000))


@pytest.fixture
def patient(served: Served, numbers: Iterator[str]) -> Actor:
    """Somebody of hospital A."""
    return person(served, served.a, next(numbers))


@pytest.fixture
def colleague(served: Served) -> Actor:
    """Somebody who works at hospital A."""
    return doctor(served, served.a)
