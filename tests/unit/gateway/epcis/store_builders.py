"""A repository in a folder of the test's own, with a clock that a test sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yilian.gateway.epcis.capture import Limits
from yilian.gateway.epcis.document import Document, Event, Fault, Mode
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply.database import FILE, SupplyDatabase

ORGANISATION = "AAAAAAAAAAAAAAAAAAAAAA"
NOW = 1_780_000_000_000


class Clock:
    """Milliseconds that go on by one at each reading."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1
        return self.now


class Home:
    """A folder with a supply database and the repository on it."""

    def __init__(self, folder: Path, *, mode: Mode = "default", limits: Limits | None = None):
        self.folder = folder
        self.clock = Clock()
        self.mode: Mode = mode
        self.limits = limits
        self.open()

    def open(self) -> None:
        self.database = SupplyDatabase(self.folder / FILE, ORGANISATION)
        self.repository = Repository(
            self.database, mode=self.mode, now=self.clock, limits=self.limits
        )

    def close(self) -> None:
        self.repository.stop()
        self.database.close()

    def put(self, events: Sequence[Event], submitter: str = "us") -> list[Stored]:
        with self.database.write() as connection:
            return self.repository.put(events, submitter, connection)

    def count(self, table: str) -> int:
        with self.database.read() as connection:
            return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar() or 0)


def document(events: Sequence[Event | None], faults: Sequence[Fault] = ()) -> Document:
    return Document("EPCISDocument", "2.0", None, {}, tuple(events), tuple(faults), {})


def simple(number: int, **changes: Any) -> Event:
    """A valid event that differs from those of other numbers."""
    event: Event = {
        "type": "ObjectEvent",
        "eventTime": f"2026-03-01T08:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "eventTimeZoneOffset": "+00:00",
        "eventID": f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        "epcList": [f"https://id.gs1.org/01/09520001000010/21/{number}"],
        "action": "OBSERVE",
        "bizStep": "shipping",
    }
    event.update(changes)
    return {name: value for name, value in event.items() if value is not None}


def ids(stored: Sequence[Stored]) -> list[str]:
    return [each.event_id for each in stored]


def declared(event: Event, **changes: Any) -> Event:
    """The declaration of an error in an event, under its id."""
    told = {"declarationTime": "2026-04-01T00:00:00.000Z", "reason": "did_not_occur"}
    return event | {"errorDeclaration": told} | changes
