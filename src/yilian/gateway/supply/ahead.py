"""The events of shipments that wait, fetched as soon as they come in, so that a sender may go down.

Nothing of them is captured before somebody decides: who only sends something writes nothing into
this organisation's repository. What is not complete is not kept, and is asked for again.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis import json_form
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.validation import validate
from yilian.gateway.supply import steps
from yilian.gateway.supply.arrivals import Incoming
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.outside import Histories
from yilian.ledger.errors import Refusal
from yilian.vault.database import values

MOST_KEPT = 64 * 1024 * 1024
"""Bytes of events of one shipment that are kept; those of a larger one are asked for when it is
received."""

FIRST_RETRY_SECONDS = 2.0
LAST_RETRY_SECONDS = 600.0
log = logging.getLogger("yilian.gateway")


@dataclass(frozen=True)
class AheadRow:
    """The events of one shipment's packs as its sender showed them, end to end and compressed."""

    shipment: str
    sender: str
    events: bytes


_kept = table("supply_ahead", AheadRow, ("shipment",))


class Ahead:
    """Keeps the events of shipments that wait (`outside.Histories`). Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        incoming: Callable[[], Sequence[Incoming]],
        ask: Histories,
    ) -> None:
        """`incoming` lists what waits (`Titles.incoming`), `ask` asks its senders."""
        self._database = database
        self._incoming = incoming
        self._ask = ask
        self._too_large: set[str] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def of(self, shipment: str) -> tuple[str, Sequence[Event]]:
        """Give what is kept of a shipment; else ask the sender, and refuse as that does."""
        found = self._database.one(AheadRow, sql.select(_kept).where(_kept.c.shipment == shipment))
        return self._ask.of(shipment) if found is None else (found.sender, _read(found))

    def fetch(self) -> bool:
        """Ask for what is not kept yet, and drop what is decided; tells whether all is kept.

        One sender who does not answer holds up nobody else.
        """
        waiting = {each.shipment: each for each in self._incoming() if each.checked}
        with self._database.read() as connection:
            kept = set(connection.scalars(sql.select(_kept.c.shipment)))
        self._too_large &= set(waiting)
        for each in sorted(kept - set(waiting)):
            with self._database.write() as connection:
                connection.execute(sql.delete(_kept).where(_kept.c.shipment == each))
        missing = [each for each in waiting.values() if each.shipment not in kept]
        done = [self._fetch(each) for each in missing if each.shipment not in self._too_large]
        return all(done)

    def _fetch(self, waiting: Incoming) -> bool:
        try:
            sender, events = self._ask.of(waiting.shipment)
        except Refusal as refusal:
            log.info("the events of a shipment are asked for later: %s", refusal.code.name)
            return False
        if not set(waiting.units) <= _named(events):
            return False
        content = [json_form.encode(each) for each in events]
        if sum(map(len, content)) > MOST_KEPT:
            self._too_large.add(waiting.shipment)
            return True
        packed = zlib.compress(msgspec.msgpack.encode(content), 1)
        row = AheadRow(waiting.shipment, sender, packed)
        with self._database.write() as connection:
            connection.execute(insert(_kept).values(**values(row)).on_conflict_do_nothing())
        return True

    # All the time

    def start(self) -> None:
        """Start; again is fine."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="yilian-supply-ahead")
            self._thread.daemon = True
            self._thread.start()

    def stop(self) -> None:
        """Stop after the question that is on its way; again is fine."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Look now: a shipment came in."""
        self._wake.set()

    def _run(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                done = self.fetch()
            except Exception:
                log.exception("the events of a shipment could not be kept")
                done = False
            if self._wake.wait(None if done else pause) or done:
                pause = FIRST_RETRY_SECONDS
            else:
                pause = min(2 * pause, LAST_RETRY_SECONDS)


def _named(events: Sequence[Event]) -> set[str]:
    """Give all units that valid events name: a sender may have sent anything."""
    found: set[str] = set()
    for each in events:
        if not validate(each):
            found.update(steps.read(each).units)
    return found


def _read(row: AheadRow) -> list[Event]:
    documents = map(json_form.parse_json, msgspec.msgpack.decode(zlib.decompress(row.events)))
    return [each for one in documents for each in one.events if each is not None]
