"""In which cases packs were, at any place in the order: each case's history is read once."""

from __future__ import annotations

from bisect import bisect_left

import sqlalchemy as sql

from yilian.gateway.supply.folding import DEEPEST
from yilian.gateway.supply.pack_rows import Order, history_table


class Parents:
    """Reads what cases were in, within one reading of the database."""

    def __init__(self, connection: sql.Connection) -> None:
        self._connection = connection
        self._read: dict[str, tuple[list[Order], list[str | None]]] = {}

    def around(self, parent: str | None, order: Order) -> tuple[str, ...]:
        """Give a pack's `parent` and the cases around it before an order, the nearest first."""
        found: list[str] = []
        while parent is not None and parent not in found and len(found) < DEEPEST:
            found.append(parent)
            orders, parents = self._history(parent)
            place = bisect_left(orders, order)
            parent = parents[place - 1] if place else None
        return tuple(found)

    def _history(self, unit: str) -> tuple[list[Order], list[str | None]]:
        known = self._read.get(unit)
        if known is None:
            columns = history_table.c
            query = sql.select(columns.moment, columns.sequence, columns.parent)
            query = query.where(columns.unit == unit).order_by(columns.moment, columns.sequence)
            rows = self._connection.execute(query).all()
            known = [Order(row[0], row[1]) for row in rows], [row[2] for row in rows]
            self._read[unit] = known
        return known
