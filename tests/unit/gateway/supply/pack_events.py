"""Events of packs in a few words, and an organisation that takes them in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from tests.epcis_sample import pgln, sgln, sgtin, sscc
from yilian.gateway.epcis import identifiers
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply.alerts import Alert, Alerts
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.pack_rows import history_table, steps_table, units_table
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.redaction import Redaction
from yilian.gateway.supply.unit import Unit

OWN = "AAAAAAAAAAAAAAAAAAAAAA"
MAKER = "BBBBBBBBBBBBBBBBBBBBBA"
OTHER = "CCCCCCCCCCCCCCCCCCCCCA"
START = 1_780_000_000_000
DAY = 86_400_000
EXTENSION = {"yilian": "urn:yilian:supply:"}


def pack(number: int, item: int = 1, *, link: bool = True) -> str:
    """A pack's id; canonical unless `link` is off."""
    return sgtin("9520001", item, f"S{number}", link=link)


def case(number: int) -> str:
    """A case's canonical id."""
    return sscc("9520001", number, link=True)


def site(number: int) -> str:
    """A place's canonical id."""
    return sgln("9520001", number, "0", link=True)


def party(company: str) -> str:
    """A company's canonical id."""
    return pgln(company, link=True)


def event(kind: str, at: int, step: str = "", **more: Any) -> Event:
    """An event `at` ms after the start."""
    moment = datetime.fromtimestamp((START + at) / 1000, UTC)
    made: Event = {
        "type": kind,
        "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventTimeZoneOffset": "+08:00",
    }
    if step:
        made["bizStep"] = step
    place = more.pop("place", None)
    if place:
        made["readPoint"] = {"id": site(place)}
    for name in ("source", "destination"):
        who = more.pop(name, None)
        if who:
            made[name + "List"] = [{"type": "owning_party", name: who}]
    return made | more


def seen(at: int, units: Sequence[str], step: str = "", word: str = "", **more: Any) -> Event:
    """An ObjectEvent; it observes unless `action` says otherwise."""
    action = more.pop("action", "OBSERVE")
    words = {"disposition": word} if word else {}
    return event("ObjectEvent", at, step, action=action, epcList=list(units), **words, **more)


def made(at: int, units: Sequence[str], lot: str = "L1", expiry: str = "2027-12-31") -> Event:
    """Packs are commissioned."""
    ilmd = {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": expiry}
    return seen(at, units, "commissioning", "active", action="ADD", ilmd=ilmd, place=1)


def packed(
    at: int, parent: str, units: Sequence[str], action: str = "ADD", step: str = "", **more: Any
) -> Event:
    """Packs are put into a case, or taken out."""
    step = step or {"ADD": "packing", "DELETE": "unpacking"}.get(action, "inspecting")
    return event(
        "AggregationEvent", at, step, action=action, parentID=parent, childEPCs=list(units), **more
    )


def undone(erroneous: Event, reason: str = "did_not_occur") -> Event:
    """The declaration that an event did not happen; captured under an id of its own."""
    declared = {"declarationTime": "2026-12-01T00:00:00Z", "reason": reason}
    kept = {name: value for name, value in erroneous.items() if name != "eventID"}
    return {**kept, "errorDeclaration": declared}


class Room:
    """The events and packs of one organisation."""

    def __init__(self, folder: Path, now: Callable[[], int] | None = None) -> None:
        self.time = START + 30 * DAY
        self.waiting: list[Event] = []
        self.database = SupplyDatabase(folder / "supply.sqlite", OWN)
        self.repository = Repository(
            self.database,
            now=now or (lambda: self.time),
            view=Redaction(lambda partner: {partner}),
        )
        self.alerts = Alerts(self.database, now or (lambda: self.time))
        self.packs = Packs(self.database, self.repository, self.alerts)

    def take(self, *events: Event, by: str = OWN) -> list[Stored]:
        """Capture events one after the other, and follow."""
        stored = []
        for each in events:
            with self.database.write() as connection:
                stored += self.repository.put([each], by, connection)
            self.packs.catch_up()
        return stored

    def take_at_once(self, events: Sequence[Event]) -> None:
        """Capture many events together, and follow; they are taken one after the other."""
        with self.database.write() as connection:
            self.repository.put(events, OWN, connection)
        assert self.packs.catch_up() == len(events)

    def take_some(self, events: Sequence[Event]) -> None:
        """Keep events for `settle`."""
        self.waiting += events

    def settle(self) -> None:
        """Capture what was kept, and follow."""
        self.take_at_once(self.waiting)
        self.waiting = []

    def unit(self, name: str) -> Unit:
        """A unit that must be there."""
        found = self.packs.find(name)
        assert found is not None, name
        return found

    def standing(self, name: str) -> str:
        return self.unit(name).standing

    def broken(self) -> list[tuple[str, str, str]]:
        """What is alerted: kind, severity, unit."""
        return sorted((each.kind, each.severity, each.unit) for each in self.open())

    def kinds(self) -> list[str]:
        return sorted(each.kind for each in self.open())

    def open(self) -> list[Alert]:
        return self.alerts.list(limit=100_000)

    def tables(self, *, recorded: bool = True) -> dict[str, list[tuple[Any, ...]]]:
        """All that the projection holds; without the sequences, which depend on arrival."""
        found = {}
        with self.database.read() as connection:
            for each in (units_table, history_table, steps_table):
                rows: Iterable[Any] = connection.execute(sql.select(each)).mappings()
                hidden = () if recorded else ("sequence", "born", "event_id")
                found[each.name] = sorted(
                    tuple((k, v) for k, v in row.items() if k not in hidden) for row in rows
                )
        return found

    def close(self) -> None:
        self.database.close()


def canonical(uri: str) -> str:
    return identifiers.canonical(uri)
