"""Events of shipments that wait: kept when they come in, captured when somebody decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import sqlalchemy as sql

from tests.unit.gateway.supply.pack_events import event, made, pack, seen
from yilian.gateway.epcis import json_form
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.members.errors import UNREACHABLE
from yilian.gateway.supply import ahead
from yilian.gateway.supply.ahead import Ahead
from yilian.gateway.supply.arrivals import Incoming
from yilian.gateway.supply.database import FILE, SupplyDatabase
from yilian.gateway.supply.shown import Fetching, Page
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import new_id

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation
    from yilian.gateway.supply.titles import Titles

A, B = pack(1), pack(2)
SENDER = new_id()


class Senders:
    """What senders would show; None for one who is down."""

    def __init__(self) -> None:
        self.shown: dict[str, list[Event] | None] = {}
        self.asked: list[str] = []

    def of(self, shipment: str) -> tuple[str, Sequence[Event]]:
        self.asked.append(shipment)
        found = self.shown.get(shipment)
        if found is None:
            raise UNREACHABLE(id=SENDER)
        return SENDER, found


class Place:
    """A receiver's database, and what waits there."""

    def __init__(self, path: Path) -> None:
        self.database = SupplyDatabase(path / FILE, new_id())
        self.repository = Repository(self.database, now=lambda: 0)
        self.senders = Senders()
        self.waiting: list[Incoming] = []
        self.ahead = self.again()

    def again(self) -> Ahead:
        """Begin anew, as after a restart."""
        return Ahead(self.database, lambda: self.waiting, self.senders)

    def comes(self, *units: str, events: list[Event] | None, checked: bool = True) -> str:
        shipment = new_id()
        fault = "" if checked else "supply.title_double"
        self.waiting.append(Incoming(shipment, SENDER, units, checked, fault, 0))
        self.senders.shown[shipment] = events
        return shipment

    def kept(self) -> int:
        with self.database.read() as connection:
            return int(connection.scalar(sql.text("SELECT count(*) FROM supply_ahead")) or 0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.database.close()


def told(*units: str) -> list[Event]:
    return [made(0, list(units), "L1", "2070-12-31"), seen(1, list(units), "shipping")]


def test_what_came_in_is_kept_while_its_sender_goes_down(place: Place) -> None:
    shipment = place.comes(A, B, events=told(A, B))
    assert place.ahead.fetch()
    place.senders.shown[shipment] = None
    sender, events = place.again().of(shipment)
    assert (sender, events) == (SENDER, told(A, B))
    assert place.senders.asked == [shipment]
    # Nobody has decided yet: nothing of it is in the repository.
    assert place.repository.newest() == 0


def test_a_sender_who_is_down_is_asked_again_and_holds_up_nobody(place: Place) -> None:
    late = place.comes(A, events=None)
    place.comes(B, events=told(B))
    assert not place.ahead.fetch()
    assert place.kept() == 1
    with pytest.raises(Refusal):
        place.ahead.of(late)
    place.senders.shown[late] = told(A)
    assert place.ahead.fetch()
    assert place.kept() == 2


@pytest.mark.parametrize("shown", [[], told(A), [event("Nonsense", 0)]])
def test_what_does_not_tell_of_every_pack_is_not_kept(place: Place, shown: list[Event]) -> None:
    shipment = place.comes(A, B, events=shown)
    assert not place.ahead.fetch()
    assert place.kept() == 0
    place.senders.shown[shipment] = told(A, B)
    assert place.ahead.of(shipment) == (SENDER, told(A, B))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epcList": 5},
        {"readPoint": "here"},
        {"persistentDisposition": ["recalled"]},
        {"eventTime": "0001-01-01T00:00:00Z", "eventTimeZoneOffset": "-08:00"},
    ],
)
def test_events_that_nobody_can_read_hold_up_nobody_else(
    place: Place, wrong: dict[str, object]
) -> None:
    place.comes(A, events=[{**event, **wrong} for event in told(A)])
    place.comes(B, events=told(B))
    assert not place.ahead.fetch()
    assert place.kept() == 1


def test_refused_shipments_are_not_asked_for_and_decided_ones_are_dropped(place: Place) -> None:
    place.comes(A, events=told(A), checked=False)
    place.comes(B, events=told(B))
    assert place.ahead.fetch()
    assert place.kept() == len(place.senders.asked) == 1
    place.waiting.clear()
    assert place.ahead.fetch()
    assert place.kept() == 0


def test_a_shipment_with_too_much_is_asked_for_when_it_is_received(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "MOST_KEPT", 100)
    shipment = place.comes(A, events=told(A))
    assert place.ahead.fetch()
    assert place.ahead.fetch()
    assert (place.kept(), place.senders.asked) == (0, [shipment])
    assert place.ahead.of(shipment) == (SENDER, told(A))


class Liar:
    """A sender's node, and the receiver's organisation that asks it."""

    def __init__(self, *pages: Page) -> None:
        self.pages = list(pages)
        self.asked: list[int] = []

    def counterpart(self, _name: str) -> Liar:
        return self

    def history(self, _shipment: str, after: int) -> Page:
        self.asked.append(after)
        return self.pages[min(len(self.asked), len(self.pages)) - 1]

    def incoming(self) -> list[Incoming]:
        return [
            Incoming("checked", SENDER, (A,), True, "", 0),
            Incoming("refused", SENDER, (), False, "supply.title_path", 0),
        ]

    def fetching(self) -> Fetching:
        return Fetching(cast("Organisation", self), cast("Titles", self))


WHOLE = json_form.encode(told(A)[0])


def test_a_sender_that_sends_nonsense_or_no_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("yilian.gateway.supply.shown.MOST_IN_ALL", 3 * len(WHOLE))
    for pages in ([Page((b"{",), 0)], [Page((WHOLE,), each) for each in range(1, 9)]):
        with pytest.raises(Refusal) as refused:
            Liar(*pages).fetching().of("checked")
        assert refused.value.code.name == "members.answer_refused"


def test_pages_that_do_not_go_on_end() -> None:
    liar = Liar(Page((WHOLE,), 5))
    sender, events = liar.fetching().of("checked")
    assert (sender, len(events), liar.asked) == (SENDER, 2, [0, 5])


def test_nobody_is_asked_for_a_shipment_that_was_refused() -> None:
    liar = Liar()
    assert liar.fetching().of("refused") == liar.fetching().of("unknown") == ("", ())
