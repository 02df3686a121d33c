"""A network for a module's tests, and its logs where one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.members import Running, require_engine
from yilian.ledger.modules.governance.state import LAWS_KNOWN

KEPT = 4_000


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Four members with the real engine, under the newest law or the one that a module names."""
    require_engine()
    law = getattr(request.module, "LAW", max(LAWS_KNOWN))
    made = Running(tmp_path_factory.mktemp("network") / "net", law=law)
    yield made
    made.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the last words of every member to the report of a test that failed."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]
    found = getattr(item, "funcargs", {}).get("running")
    if report.failed and isinstance(found, Running):
        for each in found:
            for path in (each.path / "node.log", each.path / "engine" / "engine.log"):
                report.sections.append((f"{each.name} {path}", _tail(path)))
    return report  # type: ignore[return-value]


def _tail(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")[-KEPT:]
    except OSError:
        return ""
