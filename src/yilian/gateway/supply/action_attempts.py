"""What people must hear of although it was refused: attempts that look like a slip or a copy."""

from __future__ import annotations

from yilian.gateway.supply import steps
from yilian.gateway.supply.action_errors import (
    ALREADY_DISPENSED,
    SINGLE_USE,
    UNIT_UNKNOWN,
    WRONG_EXPIRY,
    WRONG_LOT,
    UnitsRefused,
)
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.judging import Severity
from yilian.gateway.supply.orders import ActionName, Order
from yilian.gateway.supply.pack_rows import UnitRow
from yilian.gateway.supply.packs import Packs
from yilian.ledger.errors import Code

ATTEMPTS: dict[Code, tuple[str, Severity]] = {
    ALREADY_DISPENSED: ("dispensed_twice", "suspect"),
    WRONG_LOT: ("wrong_lot", "suspect"),
    WRONG_EXPIRY: ("wrong_expiry", "suspect"),
    SINGLE_USE: ("reused", "error"),
}
"""Kind and severity by why it was refused. A pack that is dispensed twice at one place was scanned
twice; that is an error."""


class Attempts:
    """The refused actions of one organisation."""

    def __init__(
        self, organisation: str, database: SupplyDatabase, packs: Packs, alerts: Alerts
    ) -> None:
        self._organisation = organisation
        self._database = database
        self._packs = packs
        self._alerts = alerts

    def note(self, action: ActionName, order: Order, refused: UnitsRefused) -> None:
        """Raise the alerts of a refused action, in a transaction of its own."""
        with self._database.write() as connection:
            for each in refused.refused:
                kind, severity = ATTEMPTS.get(each.code, ("", "error"))
                if each.code is UNIT_UNKNOWN and action == "dispense":
                    kind, severity = "unknown_serial", "suspect"
                if not kind or (kind == "dispensed_twice" and action != "dispense"):
                    continue
                unit = str(each.parameters["unit"])
                row = self._packs.rows([unit], connection).get(unit)
                if kind == "dispensed_twice" and self._is_slip(row, order):
                    severity = "error"
                standing = "unknown" if row is None else row.standing
                detail = Detail(f"action/{order.key}", action, standing)
                self._alerts.raise_(kind, severity, unit, detail, connection)

    def _is_slip(self, row: UnitRow | None, order: Order) -> bool:
        return (
            row is not None
            and row.hand == self._organisation
            and row.place == steps.canonical(order.place)
        )
