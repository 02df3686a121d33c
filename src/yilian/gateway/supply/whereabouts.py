"""Where a unit was, and inside what, at every time of its life: read from its history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sql

from yilian.gateway.supply.folding import DEEPEST
from yilian.gateway.supply.pack_rows import chunks, history_table, units_table
from yilian.gateway.supply.unit import TERMINAL

# What was measured at a place asks for all that was ever there.
sql.Index("supply_history_place", history_table.c.place, history_table.c.unit)

_NOWHERE = frozenset(("in_transit", "lost"))
"""As long as a unit stands so, it is not at the place where it was seen last."""


class Stay(NamedTuple):
    """That a unit shared the temperature of `carrier` from `start` to before `end` (ms of UTC).

    The carrier is the unit itself, a case around it, or a place. `end` is None as long as it lasts.
    """

    carrier: str
    start: int
    end: int | None


class Whereabouts:
    """The stays of units, as one transaction sees them."""

    def __init__(self, connection: sql.Connection) -> None:
        self._connection = connection
        self._found: dict[str, list[Stay]] = {}
        self._lives: dict[str, list[_Line]] = {}

    def stays(self, unit: str) -> list[Stay]:
        """List where a unit was during its life: the nearest carrier first."""
        return self._stays(unit, 0)

    def _stays(self, unit: str, depth: int) -> list[Stay]:
        known = self._found.get(unit)
        if known is not None:
            return known
        # A case that holds itself cannot be, but data can say so: this ends it.
        self._found[unit] = []
        life = self._life(unit)
        if not life:
            return []
        last = life[-1]
        ended = last.at if last.standing in TERMINAL else None
        found = [Stay(unit, life[0].at, ended)]
        for start, end, parent in _runs(life, "parent"):
            if parent and depth < DEEPEST:
                above = self._stays(parent, depth + 1)
                found += [each for each in (_within(one, start, end) for one in above) if each]
        for start, end, place in _runs(life, "place"):
            if place:
                found.append(Stay(place, start, end))
        self._found[unit] = found
        return found

    def load(self, units: Iterable[str]) -> None:
        """Read the histories of many units at once."""
        for some in chunks(sorted(set(units) - self._lives.keys())):
            self._lives |= {unit: [] for unit in some}
            rows = history_table
            query = (
                sql.select(rows.c.unit, rows.c.moment, rows.c.parent, rows.c.place, rows.c.standing)
                .where(rows.c.unit.in_(some))
                .order_by(rows.c.unit, rows.c.moment, rows.c.sequence)
            )
            for unit, moment, parent, place, standing in self._connection.execute(query):
                here = "" if standing in _NOWHERE else place
                self._lives[unit].append(_Line(moment // 2, parent or "", here, standing))

    def _life(self, unit: str) -> list[_Line]:
        self.load([unit])
        return self._lives[unit]


class _Line(NamedTuple):
    at: int
    parent: str
    place: str
    standing: str


def _runs(life: list[_Line], field: str) -> list[tuple[int, int | None, str]]:
    """The times over which a field stays the same, up to the end of the unit."""
    found: list[tuple[int, int | None, str]] = []
    for each in life:
        value = "" if each.standing in TERMINAL else getattr(each, field)
        if found and found[-1][2] == value:
            continue
        if found:
            start, _, before = found.pop()
            if start < each.at:
                found.append((start, each.at, before))
        found.append((each.at, None, value))
    return found


def _within(stay: Stay, start: int, end: int | None) -> Stay | None:
    first = max(stay.start, start)
    last = stay.end if end is None else end if stay.end is None else min(stay.end, end)
    return None if last is not None and last <= first else Stay(stay.carrier, first, last)


def members(connection: sql.Connection, carrier: str, since: int) -> set[str]:
    """Give the units that may have been with a carrier at or after a time, at every level.

    A few may have left before: their stays tell.
    """
    found: set[str] = set()
    layer = {carrier}
    for _ in range(DEEPEST + 1):
        near: set[str] = set()
        for some in chunks(sorted(layer)):
            for column, now in (
                (history_table.c.parent, units_table.c.parent),
                (history_table.c.place, units_table.c.place),
            ):
                query = (
                    sql.select(history_table.c.unit)
                    .join(units_table, units_table.c.id == history_table.c.unit)
                    .where(column.in_(some))
                    .where(sql.or_(now.in_(some), units_table.c.moment >= 2 * since))
                )
                near |= set(connection.scalars(query.distinct()))
        layer = near - found
        found |= layer
        if not layer:
            break
    return found | {carrier}


def inside(connection: sql.Connection, units: Iterable[str]) -> set[str]:
    """Give units and all that was ever inside of them."""
    found = set(units)
    layer = found
    for _ in range(DEEPEST):
        near: set[str] = set()
        for some in chunks(sorted(layer)):
            query = sql.select(history_table.c.unit).where(history_table.c.parent.in_(some))
            near |= set(connection.scalars(query.distinct()))
        layer = near - found
        found |= layer
        if not layer:
            break
    return found
