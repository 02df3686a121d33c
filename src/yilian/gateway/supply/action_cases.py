"""Cases in actions: what is packed into them, taken out of them, and what may not be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sql

from yilian.gateway.supply.action_errors import (
    IN_A_PARENT,
    NOT_IN_PARENT,
    NOT_YOURS,
    WRONG_PLACE,
    WRONG_STANDING,
    UnitsRefused,
)
from yilian.gateway.supply.orders import WANTS, ActionName
from yilian.gateway.supply.pack_rows import UnitRow
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.unit_checks import Chosen, Read
from yilian.ledger.errors import Refusal


class Cases:
    """The cases of one organisation, as its actions ask for them."""

    def __init__(self, mine: Callable[[str], bool], packs: Packs) -> None:
        """`mine` tells whether a holder is this organisation."""
        self._mine = mine
        self._packs = packs

    def contents(self, parent: str, connection: sql.Connection) -> list[Read]:
        """Give what is directly in a case."""
        inside = self._packs.inside([parent], connection)
        return [Read(each.id) for each in inside if each.parent == parent]

    def require(
        self,
        action: ActionName,
        parent: str,
        chosen: Chosen,
        place: str,
        connection: sql.Connection,
    ) -> None:
        """Refuse a case that is not here or ended, or holds itself, and what is not in it."""
        found: list[Refusal | None] = []
        if action == "disaggregate":
            found = [
                None if row.parent == parent else NOT_IN_PARENT(unit=row.id, parent=parent)
                for row in chosen.named
            ]
        elif action == "aggregate":
            held_by_itself = any(row.id == parent for row in chosen.units)
            found = [IN_A_PARENT(unit=parent, parent=parent) if held_by_itself else None]
            case = self._packs.rows([parent], connection).get(parent)
            if case is not None:
                found.append(self._may_take(case, place))
        refused: Sequence[Refusal] = [each for each in found if each is not None]
        if refused:
            raise UnitsRefused(refused)

    def _may_take(self, row: UnitRow, place: str) -> Refusal | None:
        if row.standing not in WANTS["aggregate"].standings:
            return WRONG_STANDING(unit=row.id, standing=row.standing)
        if not self._mine(row.holder):
            return NOT_YOURS(unit=row.id)
        if row.place and row.place != place:
            return WRONG_PLACE(unit=row.id, place=row.place)
        return None
