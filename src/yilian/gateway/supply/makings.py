"""What was made of what: packs and lots that transformations took in, and what came out of them.

The projection follows the repository's log. Inputs and outputs meet under a name: that of the
transformation where its events give one (they may come apart, EPCIS 2.0 section 7.4.7), else the
event's own. Every input may have gone into every output, so that one recalled input concerns all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis import identifiers
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply import steps
from yilian.gateway.supply.database import METADATA, SupplyDatabase, table
from yilian.gateway.supply.pack_rows import chunks, steps_table
from yilian.gateway.supply.packs import Packs
from yilian.vault.database import values

BATCH = 500
"""How many events are taken in one transaction."""

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True)
class MakingRow:
    """That a pack or lot (`item`) went into a making, or came out of it."""

    making: str
    side: str
    item: str
    sequence: int


_makings = table("supply_makings", MakingRow, ("making", "side", "item", "sequence"))
sql.Index("supply_makings_item", _makings.c.item, _makings.c.side)
_cursor = sql.Table(
    "supply_makings_cursor",
    METADATA,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("sequence", sql.BigInteger, nullable=False),
)


class Made(NamedTuple):
    """A making as it is known: when it was last told of (ms of UTC), what went in and came out."""

    making: str
    at: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Makings:
    """The makings that one organisation knows of. Safe for threads."""

    def __init__(self, database: SupplyDatabase, repository: Repository, packs: Packs) -> None:
        self._database = database
        self._repository = repository
        self._packs = packs
        self._turn = Lock()

    def catch_up(self) -> int:
        """Take all events that are new; tells up to which one. Again is fine."""
        with self._turn:
            with self._database.read() as reading:
                at = int(reading.scalar(sql.select(_cursor.c.sequence)) or 0)
            # What was declared not to have happened stands in the steps.
            self._packs.catch_up()
            while found := self._repository.after(at, BATCH):
                at = found[-1].sequence
                rows = [values(row) for each in found for row in _rows(each)]
                with self._database.write() as connection:
                    if rows:
                        connection.execute(insert(_makings).on_conflict_do_nothing(), rows)
                    noted = insert(_cursor).values(name="makings", sequence=at)
                    connection.execute(
                        noted.on_conflict_do_update(index_elements=("name",), set_={"sequence": at})
                    )
            return at

    def outputs(self, items: Iterable[str], connection: sql.Connection) -> set[str]:
        """Give what was made, in one step, of packs or lots."""
        return self._across(items, INPUT, OUTPUT, connection)

    def inputs(self, items: Iterable[str], connection: sql.Connection) -> set[str]:
        """Give what packs or lots were made of, in one step."""
        return self._across(items, OUTPUT, INPUT, connection)

    def of(self, items: Iterable[str], connection: sql.Connection) -> list[Made]:
        """List the makings that name packs or lots, in order of time."""
        names: set[str] = set()
        for some in chunks(sorted(set(items))):
            query = _standing(sql.select(_makings.c.making)).where(_makings.c.item.in_(some))
            names |= set(connection.scalars(query.distinct()))
        sides: dict[str, tuple[set[str], set[str]]] = {}
        times: dict[str, int] = {}
        for some in chunks(sorted(names)):
            wanted = sql.select(
                _makings.c.making, _makings.c.side, _makings.c.item, steps_table.c.at
            )
            query = _standing(wanted).where(_makings.c.making.in_(some))
            for making, side, item, at in connection.execute(query):
                sides.setdefault(making, (set(), set()))[side == OUTPUT].add(item)
                times[making] = max(at, times.get(making, at))
        found = [
            Made(name, times[name], tuple(sorted(given)), tuple(sorted(got)))
            for name, (given, got) in sides.items()
        ]
        return sorted(found, key=lambda each: (each.at, each.making))

    def _across(
        self, items: Iterable[str], from_: str, to: str, connection: sql.Connection
    ) -> set[str]:
        names: set[str] = set()
        for some in chunks(sorted(set(items))):
            query = _standing(sql.select(_makings.c.making)).where(
                _makings.c.item.in_(some), _makings.c.side == from_
            )
            names |= set(connection.scalars(query.distinct()))
        found: set[str] = set()
        for some in chunks(sorted(names)):
            query = _standing(sql.select(_makings.c.item)).where(
                _makings.c.making.in_(some), _makings.c.side == to
            )
            found |= set(connection.scalars(query.distinct()))
        return found


def lot_class(gtin: str, lot: str) -> str:
    """Give the id of a lot as a whole, for what has no numbers of its own."""
    return steps.canonical(f"https://id.gs1.org/01/{gtin}/10/{quote(lot, safe='')}")


def lot_of(item: str) -> tuple[str, str] | None:
    """Give GTIN and lot of a lot as a whole; None for a pack."""
    try:
        parts = identifiers.parts(item)
    except ValueError:
        return None
    return (parts.gtin14, parts.lot) if parts.key == "01" and not parts.serial else None


def _standing(query: sql.Select[Any]) -> sql.Select[Any]:
    """Leave out events that were declared not to have happened."""
    joined = query.join(steps_table, steps_table.c.sequence == _makings.c.sequence)
    return joined.where(steps_table.c.void == 0, steps_table.c.declares == 0)


def _rows(stored: Stored) -> Iterator[MakingRow]:
    event = stored.event
    if event.get("type") != "TransformationEvent":
        return
    named = event.get("transformationID")
    making = str(named) if named else f"event/{stored.sequence}"
    for side, prefix in ((INPUT, "input"), (OUTPUT, "output")):
        for item in sorted(_items(event, prefix)):
            yield MakingRow(making, side, item, stored.sequence)


def _items(event: Event, prefix: str) -> set[str]:
    found: set[str] = set()
    for uri in event.get(f"{prefix}EPCList") or ():
        unit = steps.unit_id(uri) if isinstance(uri, str) else None
        found |= {unit} if unit is not None else set()
    for each in event.get(f"{prefix}QuantityList") or ():
        uri = each.get("epcClass")
        item = steps.canonical(uri) if isinstance(uri, str) else ""
        lot = lot_of(item)
        # A class without a lot is every pack of a product: nobody means that.
        found |= {item} if lot is not None and lot[1] else set()
    return found
