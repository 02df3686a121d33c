"""A regulator opens posts by the time at which they were made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rows.desk import refused
from tests.rows.supplied import INTERVAL_MS, PATIENCE, Traders, pack, path
from yilian.gateway.http.organisation.supply_view import MOST
from yilian.ledger.modules.supply.state import last_post, posted_at


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders who are registered, and a pack that was made."""
    with Traders(tmp_path_factory.mktemp("trade") / "node") as running:
        running.open_trade()
        running.do(running.maker, "commission", [pack(1)], lot="L1", expiry="2070-12-31")
        yield running


def where(served: Traders, **query: int) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return path(served.regulator, f"openings/{served.maker.id}?{asked}")


def opened(served: Traders, **query: int) -> dict[str, Any]:
    with served.client(served.regulator) as client:
        return dict(client.request("GET", where(served, **query)))


def test_a_time_is_opened_up_to_now_with_the_moments_of_its_posts(served: Traders) -> None:
    engine = served.node.engine
    begun = engine.now() - 60 * INTERVAL_MS
    end = time.monotonic() + PATIENCE
    moved: list[dict[str, Any]] = []
    while not moved:
        assert time.monotonic() < end
        found = opened(served, since=begun, until=engine.now() + 3_600_000)
        moved = [each for each in found["intervals"] if each["movements"]]
        time.sleep(0.1)
    assert found["next"] is None
    numbers = [each["interval"] for each in found["intervals"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    last = last_post(engine.state(), served.maker.id)
    assert last is not None
    assert numbers[-1] <= last + 2
    for each in found["intervals"]:
        posted = posted_at(engine.state(), served.maker.id, each["interval"])
        assert each["posted"] == posted or each["fault"] == "silent"
    assert moved[0]["movements"][0]["units"] == [pack(1)]
    assert moved[0]["posted"] >= begun


def test_a_long_time_is_opened_part_by_part(served: Traders) -> None:
    now = served.node.engine.now()
    since = now - (MOST + 50) * INTERVAL_MS
    first = opened(served, since=since, until=now)
    assert len(first["intervals"]) == MOST
    rest = opened(served, since=first["next"], until=now)
    assert rest["intervals"][0]["interval"] == first["intervals"][-1]["interval"] + 1
    assert rest["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"since": 5},
        {"until": 5},
        {"since": 6, "until": 5},
        {"since": 2**53 - 1, "until": 2**53 - 1},
        {"since": 1, "until": 2, "first": 1, "last": 2},
        {"first": 1, "last": 2, "until": 3},
    ],
)
def test_half_a_time_is_refused(served: Traders, query: dict[str, int]) -> None:
    with served.client(served.regulator) as client:
        assert refused(client, "GET", where(served, **query)) == "bad_parameter"
