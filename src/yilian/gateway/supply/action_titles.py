"""What an action does to titles: they begin, are given on, are taken in, end, or stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import sqlalchemy as sql

from yilian.gateway.supply.folding import is_item
from yilian.gateway.supply.orders import WANTS, ActionName, Order
from yilian.gateway.supply.outside import End, Holding
from yilian.gateway.supply.pack_rows import UnitRow
from yilian.gateway.supply.unit_checks import Chosen


class Moved(NamedTuple):
    """What became of titles: the shipment that takes them, the ending by which they end."""

    shipment: str | None = None
    ending: str | None = None


class ActionTitles:
    """The titles of one organisation's actions; all within the caller's transaction."""

    def __init__(
        self, organisation: str, holding: Holding, is_last: Callable[[UnitRow], bool]
    ) -> None:
        """`is_last` tells whether a device ends with the use that it is put to."""
        self._organisation = organisation
        self._holding = holding
        self._is_last = is_last

    def move(
        self,
        action: ActionName,
        order: Order,
        named: Sequence[str],
        chosen: Chosen,
        connection: sql.Connection,
    ) -> Moved:
        """Move the titles of the trade items in an action; refuses as `Holding` does."""
        items = chosen.items
        if action == "commission":
            self._begin([each for each in named if is_item(each)], connection)
        elif action == "ship" and items and order.to not in (None, self._organisation):
            return Moved(shipment=self._holding.ship(items, order.to, connection))
        elif action in ("receive", "return") and order.shipment is not None:
            self._holding.accept(order.shipment, items, connection)
            return Moved(shipment=order.shipment)
        else:
            return Moved(ending=self._finish(action, order, chosen, connection))
        return Moved()

    def _begin(self, items: Sequence[str], connection: sql.Connection) -> None:
        # Whose commissioning was taken back kept its title, and may be commissioned rightly.
        held = self._holding.holds(items, connection)
        fresh = [each for each in items if not held.get(each)]
        if fresh:
            self._holding.commission(fresh, connection)

    def _finish(
        self, action: ActionName, order: Order, chosen: Chosen, connection: sql.Connection
    ) -> str | None:
        end = WANTS[action].end
        items = chosen.items
        if action == "use":
            end = "dispensed"
            items = [row.id for row in chosen.named if self._is_last(row)]
        if not end or order.part:
            return None
        # What is on its way is nobody's to end until it arrives; what is lost may have ended.
        held = self._holding.holds(items, connection)
        items = [each for each in items if held.get(each)]
        return self._holding.finish(items, cast(End, end), connection) if items else None
