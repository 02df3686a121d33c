"""Goods without numbers of their own: how much of a lot came in and went out, and is on hand.

The projection follows the repository's log, and takes what the quantity lists of events say (EPCIS
2.0, section 7.3.3.3), by lot, place and unit of measure, exactly as written: litres and millilitres
are two lines. Counted are events of this organisation's own telling. A quantity that is not given,
or that no stock can have, counts nothing, and neither does what only observes. More that went out
than came in raises an alert, until the missing message comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply import steps
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.database import METADATA, SupplyDatabase, table
from yilian.gateway.supply.makings import lot_class, lot_of
from yilian.gateway.supply.pack_rows import steps_table
from yilian.gateway.supply.packs import Packs
from yilian.vault.database import values

BATCH = 500
"""How many events are taken in one transaction."""

KIND = "lot_below_zero"
DIGITS = 15
"""Digits before the point of the largest amount that is counted; no stock is larger."""
FINEST = 9
"""Digits behind the point of the finest one."""

LISTS = (
    ("quantityList", ""),
    ("childQuantityList", ""),
    ("inputQuantityList", "out"),
    ("outputQuantityList", "in"),
)
"""Where events name quantities, and which way those of a transformation go."""

IN = frozenset(("commission", "receive", "return", "void_ship"))
OUT = frozenset(
    (
        "ship",
        "dispense",
        "dispense_part",
        "steal",
        "lose",
        "decommission",
        "destroy",
        "sample",
        "export",
    )
)


@dataclass(frozen=True)
class QuantityRow:
    """One quantity of an event, the `number`th; `amount` is a decimal, `measure` may be empty."""

    sequence: int
    number: int
    gtin: str
    lot: str
    measure: str
    amount: str
    way: str


_rows = table("supply_quantities", QuantityRow, ("sequence", "number"))
sql.Index("supply_quantities_lot", _rows.c.gtin, _rows.c.lot)
_cursor = sql.Table(
    "supply_quantities_cursor",
    METADATA,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("sequence", sql.BigInteger, nullable=False),
)


class LotLine(NamedTuple):
    """What came in and went out of a lot at a place, in one unit of measure; empty: pieces.

    `expiry` is the earliest that its maker told, or empty.
    """

    gtin: str
    lot: str
    expiry: str
    place: str
    measure: str
    came: Decimal
    went: Decimal

    @property
    def on_hand(self) -> Decimal:
        """What is left; below zero where a message is missing."""
        return self.came - self.went


class LotQuantities:
    """The lots of one organisation. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        repository: Repository,
        packs: Packs,
        alerts: Alerts,
        *,
        mine: Callable[[str], bool],
        told_here: Callable[[str], bool] | None = None,
    ) -> None:
        """`mine`: whether a party is this organisation; `told_here`: whether it told an event."""
        self._database = database
        self._repository = repository
        self._packs = packs
        self._alerts = alerts
        self._mine = mine
        self._told_here = told_here or mine
        self._turn = Lock()

    def catch_up(self) -> int:
        """Take all events that are new; tells up to which one. Again is fine."""
        with self._turn:
            with self._database.read() as reading:
                at = int(reading.scalar(sql.select(_cursor.c.sequence)) or 0)
            # What an event does, and what was declared not to have happened, stands in the steps.
            self._packs.catch_up()
            while found := self._repository.after(at, BATCH):
                at = found[-1].sequence
                made = [row for each in found for row in _quantities(each)]
                with self._database.write() as connection:
                    if made:
                        connection.execute(
                            insert(_rows).on_conflict_do_nothing(), [values(row) for row in made]
                        )
                        self._watch({(row.gtin, row.lot) for row in made}, connection)
                    noted = insert(_cursor).values(name="quantities", sequence=at)
                    connection.execute(
                        noted.on_conflict_do_update(index_elements=("name",), set_={"sequence": at})
                    )
            return at

    def lines(
        self, *, gtin: str | None = None, lot: str | None = None, place: str | None = None
    ) -> list[LotLine]:
        """Count lots by product, lot, place and unit of measure; those that are used up too."""
        self.catch_up()
        with self._database.read() as connection:
            found = self._lines(connection, gtin, lot)
        wanted = None if place is None else steps.canonical(place)
        return [each for each in found if wanted in (None, each.place)]

    def _lines(
        self, connection: sql.Connection, gtin: str | None, lot: str | None
    ) -> list[LotLine]:
        row, step = _rows.c, steps_table.c
        query = (
            sql.select(_rows, step.act, step.place, step.source, step.destination, step.submitter)
            .join(steps_table, step.sequence == row.sequence)
            .where(step.void == 0, step.declares == 0)
        )
        for column, value in ((row.gtin, gtin), (row.lot, lot)):
            if value is not None:
                query = query.where(column == value)
        sums: dict[tuple[str, str, str, str], list[Decimal]] = {}
        for each in connection.execute(query):
            way = self._way(each)
            if way is not None:
                key = (each.gtin, each.lot, each.place, each.measure)
                sums.setdefault(key, [Decimal(0), Decimal(0)])[way] += Decimal(each.amount)
        expiries = _expiries(connection, {(key[0], key[1]) for key in sums})
        return [
            LotLine(key[0], key[1], expiries.get((key[0], key[1]), ""), key[2], key[3], *sums[key])
            for key in sorted(sums)
        ]

    def _way(self, row: Any) -> int | None:
        """Tell whether a quantity came in (0) or went out (1) here; None for neither."""
        if not self._told_here(row.submitter):
            return None
        if row.way:
            return 0 if row.way == "in" else 1
        if row.act in IN:
            other = row.destination
            return 0 if row.act not in ("receive", "return") or self._is_own(other) else None
        if row.act in OUT:
            return 1 if row.act != "ship" or self._is_own(row.source) else None
        return None

    def _is_own(self, party: str) -> bool:
        return not party or self._mine(party)

    def _watch(self, lots: Iterable[tuple[str, str]], connection: sql.Connection) -> None:
        """Raise an alert for each place that gave out more of a lot than it had, and close it."""
        for gtin, lot in sorted(lots):
            unit = lot_class(gtin, lot) if lot else steps.canonical(f"https://id.gs1.org/01/{gtin}")
            below = [
                f"stock/{line.place}/{line.measure}"
                for line in self._lines(connection, gtin, lot)
                if line.on_hand < 0
            ]
            told = [each.cause for each in self._alerts.list(unit=unit) if each.kind == KIND]
            self._alerts.explain([unit], told, [(KIND, unit, cause) for cause in below], connection)
            for cause in below:
                self._alerts.raise_(KIND, "error", unit, Detail(cause, "stock"), connection)


def _quantities(stored: Stored) -> Iterator[QuantityRow]:
    number = 0
    event: Event = stored.event
    for name, way in LISTS:
        for each in event.get(name) or ():
            amount, item = each.get("quantity"), each.get("epcClass")
            found = _lot(item) if isinstance(item, str) else None
            if found is None or not _is_countable(amount):
                continue
            number += 1
            yield QuantityRow(
                stored.sequence, number, *found, str(each.get("uom") or ""), str(amount), way
            )


def _is_countable(amount: Any) -> bool:
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return False
    number = Decimal(amount)
    exponent = number.as_tuple().exponent
    small = isinstance(exponent, int) and exponent >= -FINEST and number.adjusted() < DIGITS
    return number > 0 and small


def _lot(uri: str) -> tuple[str, str] | None:
    return lot_of(steps.canonical(uri))


def _expiries(
    connection: sql.Connection, lots: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], str]:
    """Give the earliest expiry that was told when goods of a lot were made."""
    row, step = _rows.c, steps_table.c
    found: dict[tuple[str, str], str] = {}
    for gtin, lot in lots:
        query = (
            sql.select(sql.func.min(step.expiry))
            .join_from(_rows, steps_table, step.sequence == row.sequence)
            .where(row.gtin == gtin, row.lot == lot, step.void == 0, step.expiry != "")
        )
        found[gtin, lot] = connection.scalar(query) or ""
    return found
