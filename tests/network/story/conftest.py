"""One network of four members, with the real engine, for the whole story."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.network.members import Running, require_engine
from tests.network.story.cast import Actor, Town
from yilian.bootstrap import Founder

FOUNDERS = (
    ("A", Founder("云溪市第一人民医院", "hospital", "H-A-0001")),
    ("B", Founder("Lakeside General Hospital", "hospital", "H-B-0002")),
    ("C", Founder("Eastgate Hospital", "hospital", "H-C-0003")),
    ("D", Founder("云溪市卫生健康委员会", "authority", "A-0004")),
)


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Three hospitals and an authority, each with its own process, gateway, index and vault."""
    require_engine()
    made = Running(tmp_path_factory.mktemp("story") / "net", FOUNDERS)
    yield made
    made.stop()


@pytest.fixture(scope="package")
def town(running: Running) -> Town:
    """The people who live with these members."""
    return Town(running)


@pytest.fixture(scope="package")
def doctor(town: Town) -> Actor:
    """A physician of B."""
    return town.doctor(town.b)


@pytest.fixture(scope="package")
def colleague(town: Town) -> Actor:
    """Another physician of B."""
    return town.doctor(town.b, "陈医生")


@pytest.fixture(scope="package")
def stranger(town: Town) -> Actor:
    """A physician of C."""
    return town.doctor(town.c, "Dr. Stone")
