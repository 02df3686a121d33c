"""Alerts: each once, graded, closed by people or explained by what came late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.supply.pack_events import OWN, Room, made, pack, seen
from yilian.gateway.supply.action_errors import ALERT_DONE, ALERT_UNKNOWN
from yilian.gateway.supply.alerts import Detail
from yilian.ledger.errors import Refusal

A, B = pack(1), pack(2)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    found = Room(tmp_path)
    yield found
    found.close()


def raised(room: Room, unit: str = A, cause: str = "event/1", kind: str = "clone") -> None:
    with room.database.write() as connection:
        room.alerts.raise_(kind, "suspect", unit, Detail(cause, "dispense", "active"), connection)


def test_the_same_cause_raises_one_alert(room: Room) -> None:
    raised(room)
    raised(room)
    raised(room, cause="event/2")
    assert len(room.open()) == 2


def test_an_unknown_kind_is_a_programming_error(room: Room) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        raised(room, kind="nonsense")


def test_people_close_an_alert_once(room: Room) -> None:
    raised(room)
    (alert,) = room.open()
    assert room.alerts.close(alert.alert, "false_alarm", OWN) == 1
    assert room.open() == []
    closed = room.alerts.one(alert.alert)
    assert (closed.finding, closed.closed_by, closed.closed) == ("false_alarm", OWN, room.time)
    for name, code in ((alert.alert, ALERT_DONE), ("x" * 22, ALERT_UNKNOWN)):
        with pytest.raises(Refusal) as refusal:
            room.alerts.close(name, "confirmed", OWN)
        assert refusal.value.code is code
    with pytest.raises(Refusal):
        room.alerts.one("x" * 22)
    raised(room)
    assert room.open() == []


def test_one_matter_is_closed_together(room: Room) -> None:
    raised(room, A)
    raised(room, B)
    raised(room, B, cause="event/2")
    first = room.alerts.list(unit=A)[0]
    assert room.alerts.close(first.alert, "data_error", OWN, together=True) == 2
    assert [each.cause for each in room.open()] == ["event/2"]


def test_lists_by_severity_and_page(room: Room) -> None:
    room.take(*(seen(at, [pack(at)], "receiving") for at in range(5)))
    raised(room)
    assert len(room.alerts.list(severity="error")) == 5
    assert [each.kind for each in room.alerts.list(severity="suspect")] == ["clone"]
    found: list[str] = []
    after = None
    while page := room.alerts.list(after=after, limit=2):
        found += [each.alert for each in page]
        after = (page[-1].raised, page[-1].alert)
    assert len(found) == len(set(found)) == 6


def test_an_explained_alert_opens_again_when_its_reason_does(room: Room) -> None:
    shipping = seen(1, [A], "shipping", "in_transit")
    room.take(made(0, [A]), seen(2, [A], "receiving", place=2))
    (alert,) = room.open()
    room.take(shipping)
    assert room.alerts.one(alert.alert).finding == "explained"
    declared = {"declarationTime": "2026-12-01T00:00:00Z", "reason": "did_not_occur"}
    room.take(shipping | {"errorDeclaration": declared})
    assert [each.alert for each in room.open()] == [alert.alert]
