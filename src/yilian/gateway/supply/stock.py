"""What an organisation has, where, and what of it needs somebody's attention.

Counted from the units themselves. Expiry is judged by the date at the organisation's own clock; a
unit may be used until the end of its expiry day. Cases and pallets are no stock; what is in them
is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.supply.actions import Site
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.lot_quantities import LotLine, LotQuantities
from yilian.gateway.supply.pack_rows import history_table, steps_table, units_table
from yilian.gateway.supply.steps import canonical
from yilian.gateway.supply.unit import Standing
from yilian.gateway.supply.unit_checks import local_day

DAY_MS = 86_400_000
COUNTED: tuple[Standing, ...] = (
    "active",
    "partially_dispensed",
    "returned",
    "quarantined",
    "recalled",
    "in_transit",
)
"""Standings of what an organisation still has; `in_transit` is what it sent or awaits."""


@dataclass(frozen=True)
class Minimum:
    """How many packs of a product a place should have at least."""

    gtin: str
    place: str
    least: int


_minimums = table("supply_minimums", Minimum, ("gtin", "place"))


class Line(NamedTuple):
    """So many packs of a lot at a place in a standing; `soonest` is their expiry date."""

    gtin: str
    lot: str
    expiry: str
    place: str
    standing: str
    packs: int


class Expiring(NamedTuple):
    """Packs of a lot that expire within so many days; `days` is negative for expired ones."""

    gtin: str
    lot: str
    expiry: str
    place: str
    packs: int
    days: int


class Delayed(NamedTuple):
    """Packs of a lot on their way for longer than they should be; `days` of the oldest."""

    gtin: str
    lot: str
    place: str
    packs: int
    days: int


class Short(NamedTuple):
    """A product that runs out at a place.

    `least` is the minimum set (0: none), `used` the packs dispensed within the days looked at, and
    `lasts` the days that what is left lasts at that rate (None where nothing was used).
    """

    gtin: str
    place: str
    packs: int
    least: int
    used: int
    lasts: int | None


class ExpiringLot(NamedTuple):
    """Goods of a lot without numbers that expire; `days` is negative for expired ones."""

    line: LotLine
    days: int


class Warnings(NamedTuple):
    """What needs attention now."""

    expiring: tuple[Expiring, ...]
    delayed: tuple[Delayed, ...]
    short: tuple[Short, ...]


class Stock:
    """The stock of one organisation."""

    def __init__(
        self,
        site: Site,
        database: SupplyDatabase,
        now: Callable[[], int],
        quantities: LotQuantities | None = None,
    ) -> None:
        """`now` gives milliseconds of UTC; `quantities` are goods without numbers of their own."""
        self._site = site
        self._database = database
        self._now = now
        self._quantities = quantities

    def lines(
        self, *, gtin: str | None = None, lot: str | None = None, place: str | None = None
    ) -> list[Line]:
        """Count packs by product, lot, place and standing."""
        unit = units_table.c
        by = (unit.gtin, unit.lot, unit.expiry, unit.place, unit.standing)
        query = sql.select(*by, sql.func.count()).where(*self._ours(COUNTED))
        for column, value in ((unit.gtin, gtin), (unit.lot, lot)):
            if value is not None:
                query = query.where(column == value)
        if place is not None:
            query = query.where(unit.place == canonical(place))
        with self._database.read() as connection:
            return sorted(Line(*row) for row in connection.execute(query.group_by(*by)))

    def warnings(
        self, *, expiry_days: int = 90, transit_days: int = 7, cover_days: int = 14
    ) -> Warnings:
        """Give what needs attention.

        `expiry_days`: what expires within so many days. `transit_days`: what is on its way for
        longer. `cover_days`: what lasts for fewer days, at the rate of the last so many days.
        """
        now = self._now()
        return Warnings(
            tuple(self._expiring(now, expiry_days)),
            tuple(self._delayed(now, transit_days)),
            tuple(self._short(now, cover_days)),
        )

    def lots(
        self, *, gtin: str | None = None, lot: str | None = None, place: str | None = None
    ) -> list[LotLine]:
        """Count goods without numbers of their own, by lot, place and unit of measure."""
        if self._quantities is None:
            return []
        return self._quantities.lines(gtin=gtin, lot=lot, place=place)

    def expiring_lots(self, lines: Iterable[LotLine], days: int = 90) -> list[ExpiringLot]:
        """Give those of them that are on hand and expire within so many days, the next first."""
        today = date.fromisoformat(local_day(self._now(), self._site.offset))
        found = [
            ExpiringLot(each, (date.fromisoformat(each.expiry) - today).days)
            for each in lines
            if each.expiry and each.on_hand > 0
        ]
        return sorted(
            (each for each in found if each.days <= days),
            key=lambda each: (each.line.expiry, each.line),
        )

    def set_minimum(self, gtin: str, place: str, least: int) -> None:
        """Set how many packs of a product a place should have; 0 takes it back."""
        place = canonical(place)
        with self._database.write() as connection:
            if not least:
                connection.execute(
                    sql.delete(_minimums).where(
                        _minimums.c.gtin == gtin, _minimums.c.place == place
                    )
                )
                return
            made = insert(_minimums).values(gtin=gtin, place=place, least=least)
            connection.execute(
                made.on_conflict_do_update(index_elements=("gtin", "place"), set_={"least": least})
            )

    def _ours(self, standings: Iterable[Standing]) -> list[sql.ColumnElement[bool]]:
        unit = units_table.c
        names, gln = [self._site.organisation], self._site.gln
        if gln:
            names.append(f"https://id.gs1.org/417/{gln}")
        return [unit.gtin != "", unit.standing.in_(list(standings)), unit.holder.in_(names)]

    def _expiring(self, now: int, within: int) -> list[Expiring]:
        today = date.fromisoformat(local_day(now, self._site.offset))
        last = (today + timedelta(days=within)).isoformat()
        unit = units_table.c
        by = (unit.gtin, unit.lot, unit.expiry, unit.place)
        query = (
            sql.select(*by, sql.func.count())
            .where(*self._ours(("active", "partially_dispensed", "returned", "quarantined")))
            .where(unit.expiry != "", unit.expiry <= last)
            .group_by(*by)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        found = [
            Expiring(gtin, lot, expiry, place, packs, (date.fromisoformat(expiry) - today).days)
            for gtin, lot, expiry, place, packs in rows
        ]
        return sorted(found, key=lambda each: (each.expiry, each))

    def _delayed(self, now: int, days: int) -> list[Delayed]:
        unit = units_table.c
        by = (unit.gtin, unit.lot, unit.place)
        query = (
            sql.select(*by, sql.func.count(), sql.func.min(unit.since))
            .where(*self._ours(("in_transit",)), unit.since < now - days * DAY_MS)
            .group_by(*by)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return sorted(
            Delayed(gtin, lot, place, packs, (now - since) // DAY_MS)
            for gtin, lot, place, packs, since in rows
        )

    def _short(self, now: int, days: int) -> list[Short]:
        unit = units_table.c
        count = sql.select(unit.gtin, unit.place, sql.func.count()).where(
            *self._ours(("active", "partially_dispensed"))
        )
        with self._database.read() as connection:
            have = {
                (row[0], row[1]): int(row[2])
                for row in connection.execute(count.group_by(unit.gtin, unit.place))
            }
            least = {
                (row.gtin, row.place): int(row.least)
                for row in connection.execute(sql.select(_minimums))
            }
            used = {
                (gtin, place): packs
                for gtin, place, packs in connection.execute(
                    self._dispensed(now - days * DAY_MS, now)
                )
            }
        found = []
        for gtin, place in sorted({*have, *least, *used}):
            packs, wanted = have.get((gtin, place), 0), least.get((gtin, place), 0)
            gone = used.get((gtin, place), 0)
            lasts = packs * days // gone if gone else None
            if packs < wanted or (lasts is not None and lasts < days):
                found.append(Short(gtin, place, packs, wanted, gone, lasts))
        return found

    def _dispensed(self, since: int, until: int) -> sql.Select[Any]:
        """Count packs that came to be dispensed here in a time, by product and place."""
        unit, rows, step = units_table.c, history_table.c, steps_table.c
        return (
            sql.select(unit.gtin, rows.place, sql.func.count())
            .join_from(units_table, history_table, rows.unit == unit.id)
            .join(steps_table, step.sequence == rows.sequence)
            .where(*self._ours(("dispensed",)))
            .where(rows.standing == "dispensed", rows.since == step.at)
            .where(step.act == "dispense", step.at > since, step.at <= until)
            .group_by(unit.gtin, rows.place)
        )
