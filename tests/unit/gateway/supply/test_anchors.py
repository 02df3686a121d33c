"""Anchors: every event is committed to, proved by itself, and found where it was changed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.epcis_sample import sgtin
from tests.unit.gateway.supply.market import World, packs
from yilian.gateway.epcis import event_hash
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.store import events_table
from yilian.gateway.supply import anchors, title_rows
from yilian.ledger.errors import Refusal

COUNT = 250


def event(number: int) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        "eventTime": f"2026-01-02T03:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "eventTimeZoneOffset": "+08:00",
        "epcList": [sgtin("6901234", 1, f"S{number}", link=True)],
        "action": "OBSERVE",
        "bizStep": "shipping",
        "disposition": "in_transit",
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The maker has captured events, over three posts, and packs with one of them."""
    made = World(tmp_path)
    maker = made.maker
    maker.log = Repository(maker.database, now=maker.line.now)
    maker.restart()
    for first in range(0, COUNT, 100):
        capture(made, first, min(100, COUNT - first))
        if first == 100:
            maker.commission(packs(0, 10))
        made.tick()
    yield made
    made.close()


def capture(world: World, first: int, count: int) -> None:
    maker = world.maker
    log = Repository(maker.database, now=maker.line.now)
    maker.log = log
    maker.anchors = anchors.Anchors(maker.id, maker.database, log, maker.titles.histories)
    maker.poster._anchors = maker.anchors
    with maker.database.write() as connection:
        log.put([event(number) for number in range(first, first + count)], maker.id, connection)


def names(number: int) -> str:
    found: str = event(number)["eventID"]
    return found


def refused(call: Any, *given: Any) -> str:
    with pytest.raises(Refusal) as found:
        call(*given)
    return found.value.code.name


def of(world: World) -> anchors.Anchors:
    assert world.maker.anchors is not None
    return world.maker.anchors


def changed(world: World, at: int, **fields: Any) -> None:
    with world.maker.database.write() as connection:
        connection.execute(
            sql.update(events_table).where(events_table.c.sequence == at).values(**fields)
        )


def test_every_event_is_proved_against_the_chain(world: World) -> None:
    state = world.market.state
    for number in (0, 1, 99, 100, 150, 199, 200, COUNT - 1):
        said = anchors.verify(of(world).proof(names(number)), state)
        assert said.event_hash == event_hash.event_hash(event(number))
        assert said.organisation == world.maker.id
    assert list(of(world).audit(state)) == []
    capture(world, COUNT, 1)
    assert refused(of(world).proof, names(COUNT)) == "supply.event_not_anchored"
    assert refused(of(world).proof, "urn:none") == "supply.event_not_anchored"
    world.tick()
    anchors.verify(of(world).proof(names(COUNT)), world.market.state)


def test_a_proof_that_was_changed_is_refused(world: World) -> None:
    state, real = world.market.state, json.loads(of(world).proof(names(7)))
    other = json.loads(of(world).proof(names(8)))
    for key in ("event_hash", "text", "salt", "path"):
        assert refused(anchors.verify, json.dumps(real | {key: other[key]}).encode(), state) == (
            "supply.event_differs"
        )
    for change, expected in (
        ({"titles_root": "A" * 43 + "="}, "supply.event_differs"),
        ({"index": 300}, "supply.event_differs"),
        ({"interval": real["interval"] + 9}, "supply.event_not_anchored"),
        ({"organisation": world.clinic.id, "interval": 1}, "supply.event_not_anchored"),
        ({"event_hash": "ni:///sha-256;00?ver=CBV2.0"}, "supply.proof_malformed"),
        ({"more": 1}, "supply.proof_malformed"),
    ):
        data = json.dumps(real | change).encode()
        assert refused(anchors.verify, data, state) == expected
    assert refused(anchors.verify, b"no", state) == "supply.proof_malformed"


def test_a_hundred_changes_are_found_and_named(world: World) -> None:
    chance = random.Random(5)
    with world.maker.database.read() as connection:
        query = sql.select(events_table.c.sequence, events_table.c.content)
        contents = dict(tuple(row) for row in connection.execute(query).all())
    fields = ["eventTime", "action", "bizStep", "disposition", "epcList", "eventID"]
    for _ in range(100):
        sequence = chance.randint(1, COUNT)
        kept = json.loads(contents[sequence])
        field = chance.choice(fields)
        if field == "epcList":
            kept[field] = [sgtin("6901234", 1, "OTHER", link=True)]
        elif field == "eventTime":
            kept[field] = kept[field].replace("2026", "2025")
        else:
            kept[field] = {"action": "ADD", "bizStep": "receiving"}.get(field, "expired")
        if chance.random() < 0.3:
            kept["errorDeclaration"] = {"declarationTime": kept["eventTime"]}
        changed(world, sequence, content=json.dumps(kept).encode())
        found = list(of(world).audit(world.market.state))
        assert [each.sequence for each in found] == [sequence]
        changed(world, sequence, content=contents[sequence])
    assert list(of(world).audit(world.market.state)) == []


def test_who_also_changes_digests_leaves_or_deletes_is_found(world: World) -> None:
    state = world.market.state
    altered = event(20) | {"bizStep": "receiving"}
    digest = event_hash.digest(altered, "2.0")
    content = json.dumps(altered, sort_keys=True, separators=(",", ":")).encode()
    changed(world, 21, content=content, digest=digest)
    assert [each.sequence for each in of(world).audit(state)] == [21]
    # And their leaf in the post's own record: then the post does not fit the chain.
    table = title_rows.posts
    with world.maker.database.write() as connection:
        row = connection.execute(sql.select(table).where(table.c.events == 1)).one()
        leaves = bytearray(row.leaves)
        leaves[20 * 32 : 21 * 32] = bytes(32)
        connection.execute(
            sql.update(table).where(table.c.post == row.post).values(leaves=bytes(leaves))
        )
    found = list(of(world).audit(state))
    assert ("", row.interval) in [(each.event_id, each.interval) for each in found]
    changed(world, COUNT, sequence=None)
    found = list(of(world).audit(state))
    assert found[-1].sequence == COUNT


def test_events_and_packs_of_one_post_are_proved_side_by_side(world: World) -> None:
    assert set(world.maker.titles.check(world.maker.titles.proof(packs(3, 1)[0]))) == set(
        packs(3, 1)
    )
    anchors.verify(of(world).proof(names(150)), world.market.state)


def test_an_event_stays_proved_when_an_error_in_it_is_declared(world: World) -> None:
    before = of(world).proof(names(7))
    told = {"declarationTime": "2026-04-01T00:00:00.000Z", "reason": "did_not_occur"}
    maker = world.maker
    with maker.database.write() as connection:
        log = Repository(maker.database, now=maker.line.now)
        (stored,) = log.put([event(7) | {"errorDeclaration": told}], maker.id, connection)
    assert stored.sequence == COUNT + 1
    assert of(world).proof(names(7)) == before
    world.tick()
    # The declaration is in a post as well, and the audit sees to both.
    assert of(world).proof(names(7)) == before
    anchors.verify(before, world.market.state)
    assert list(of(world).audit(world.market.state)) == []
    changed(world, stored.sequence, content=stored.content.replace(b"did_not_occur", b"else"))
    assert [each.sequence for each in of(world).audit(world.market.state)] == [stored.sequence]
