from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.epcis_sample import events as sample
from tests.scale import scale
from tests.unit.gateway.epcis.query_oracle import CONTEXT, Asker, enrich, moment
from tests.unit.gateway.epcis.store_builders import Home
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.query_sql import PageToken

EVENTS = scale(3_000, 20_000)
QUERIES = scale(300, 2_000)
PARTNER = "9520001000015"


class World:
    def __init__(self, folder: Path) -> None:
        random = Random(7)
        self.home = Home(folder)
        self.events: list[Event] = []
        self.seen: set[int] = set()
        drawn = [enrich(each, random) for each in sample(41, EVENTS)]
        for start in range(0, len(drawn), 1_000):
            some = drawn[start : start + 1_000]
            for event, stored in zip(some, self.home.put(some), strict=True):
                self.events.append({**event, "eventID": stored.event_id})
                if random.random() < 0.3:
                    self.seen.add(stored.sequence)
        self.home.repository.show(PARTNER, self.seen)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("oracle"))
    yield made
    made.home.close()


def everything(
    world: World, parameters: dict[str, Any], limit: int, viewer: str | None = None
) -> list[int]:
    found: list[int] = []
    token: PageToken | None = None
    while True:
        page = world.home.repository.query(parameters, page=token, limit=limit, viewer=viewer)
        assert len(page.events) <= limit
        found += [each.sequence for each in page.events]
        if page.next is None:
            return found
        token = PageToken.read(page.next.text())


@pytest.mark.timeout(3_600)
def test_queries_find_what_a_reading_of_every_event_finds(world: World) -> None:
    asker = Asker(11, world.events)
    random = Random(13)
    hits = 0
    for number in range(QUERIES):
        asked = asker.query()
        parameters = {each.name: each.value for each in asked} | {"@context": CONTEXT}
        expected = {
            place
            for place, event in enumerate(world.events, 1)
            if all(each.judge(event) for each in asked)
        }
        viewer = PARTNER if number % 4 == 0 else None
        if viewer is not None:
            expected &= world.seen
        found = everything(world, parameters, random.choice((7, 100, 5_000)), viewer)
        assert len(found) == len(set(found))
        assert set(found) == expected, [(each.name, each.value) for each in asked]
        hits += bool(expected)
    assert hits > QUERIES // 2


@pytest.mark.parametrize("direction", ["ASC", "DESC", None])
def test_events_come_in_the_order_that_was_asked_for(world: World, direction: str | None) -> None:
    parameters: dict[str, Any] = {"EQ_bizStep": ["shipping"], "orderBy": "eventTime"}
    if direction is not None:
        parameters["orderDirection"] = direction
    found = everything(world, parameters, 30)
    times = [moment(world.events[each - 1]["eventTime"]) for each in found]
    assert len(times) > 100
    assert times == sorted(times, reverse=direction != "ASC")
    first = everything(world, parameters | {"eventCountLimit": 50}, 20)
    assert first == found[:50]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_an_extension_can_give_the_order(world: World, direction: str) -> None:
    parameters = {
        "orderBy": "my:score",
        "orderDirection": direction,
        "@context": CONTEXT,
        "eventType": ["ObjectEvent"],
    }
    found = everything(world, parameters, 17)
    objects = [each for each in world.events if each["type"] == "ObjectEvent"]
    assert len(found) == len(set(found)) == len(objects)
    scores = [world.events[each - 1].get("my:score") for each in found]
    having = [each for each in scores if each is not None]
    assert len(having) > 20
    assert scores[: len(having)] == sorted(having, reverse=direction == "DESC")
