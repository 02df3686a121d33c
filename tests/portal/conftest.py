"""A node with something on its chain, and a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.portal.browser import Visitor, chromium
from tests.portal.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A served node: hospitals, a maker, a product, a patient, a grant. Tests may add to it."""
    with Town(tmp_path_factory.mktemp("town") / "node") as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium.

    While Playwright runs, its thread has a running event loop, and no other test can start one.
    """
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Any, town: Town) -> Iterator[Callable[..., Visitor]]:
    """Open windows at the node; each must end without faults, refusals and foreign requests.

    A test that means to be refused takes the refusal out of `refused`.
    """
    opened: list[Visitor] = []

    def open_(**more: Any) -> Visitor:
        opened.append(Visitor(browser, town.origin, **more))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()
    assert not [fault for each in opened for fault in each.faults]
    assert not [address for each in opened for address in each.foreign]
    assert not [address for each in opened for address in each.refused]
