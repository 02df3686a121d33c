"""An organisation with actions, and all that it asks of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.unit.gateway.supply.pack_events import OWN, Room, pack, site
from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.actions import Actions, Site
from yilian.gateway.supply.orders import ActionName, Done, Order, Scanned
from yilian.gateway.supply.outside import End, LocalHolding, ProductFacts
from yilian.gateway.supply.unit import Unit
from yilian.ledger.errors import Code, Refusal
from yilian.vault.envelope import new_id

A = pack(1)
HERE = site(1)


class Recalled:
    """A recall list."""

    def __init__(self) -> None:
        self.lots: set[str] = set()

    def recalled(self, gtin: str, lot: str, serial: str) -> str | None:
        return "recall" if lot in self.lots else None


class Catalogue:
    """A directory of products."""

    def __init__(self) -> None:
        self.owner = OWN

    def product(self, gtin: str) -> ProductFacts | None:
        return ProductFacts(self.owner)

    def by_drug_code(self, drug_code: str) -> str | None:
        return A.split("/")[4] if drug_code == "8123456" else None


class Verified:
    """Verifications that have passed, by unit and time."""

    def __init__(self) -> None:
        self.passes: dict[str, int] = {}

    def passed(self, unit: Unit, since: int) -> bool:
        return self.passes.get(unit.id, 0) > since


class Told:
    """What senders show of their shipments."""

    def __init__(self) -> None:
        self.shipments: dict[str, tuple[str, Sequence[Event]]] = {}

    def of(self, shipment: str) -> tuple[str, Sequence[Event]]:
        return self.shipments.get(shipment, ("", ()))


class Ledger(LocalHolding):
    """Titles, with a list of what was asked of them."""

    def __init__(self, mine: Any) -> None:
        super().__init__(mine)
        self.asked: list[tuple[Any, ...]] = []
        self.called_off: list[str] = []

    def commission(self, units: Sequence[str], connection: sql.Connection) -> None:
        self.asked.append(("commission", *units))

    def ship(self, units: Sequence[str], to: str, connection: sql.Connection) -> str:
        self.asked.append(("ship", to, *units))
        return super().ship(units, to, connection)

    def accept(
        self, shipment: str, units: Collection[str] | None, connection: sql.Connection
    ) -> str | None:
        self.asked.append(("accept", *(units or ())))
        return None

    def finish(self, units: Sequence[str], end: End, connection: sql.Connection) -> str:
        self.asked.append((end, *units))
        return super().finish(units, end, connection)

    def cancel(self, shipment: str, connection: sql.Connection) -> None:
        self.called_off.append(shipment)


class Shop:
    """An organisation with actions, and all it asks of others."""

    def __init__(self, folder: Path) -> None:
        self.room = Room(folder)
        self.site = Site(OWN)
        self.recalls, self.products = Recalled(), Catalogue()
        self.verified, self.told = Verified(), Told()
        self.titles = Ledger(self.site.mine)
        self.actions = Actions(
            self.site,
            self.room.database,
            self.room.repository,
            self.room.packs,
            self.room.alerts,
            lambda: self.room.time,
            holding=self.titles,
            recalls=self.recalls,
            products=self.products,
            verifications=self.verified,
            histories=self.told,
        )

    def do(self, action: ActionName, units: Sequence[str], **more: Any) -> Done:
        """Do an action at the first place, a second after the last."""
        self.room.time += 1000
        return self.actions.carry_out(action, order(units, **more), OWN)

    def stock(self, *units: str, **more: Any) -> None:
        """Make packs here."""
        self.do("commission", units, lot="L1", expiry="2027-12-31", **more)

    def refused(self, action: ActionName, units: Sequence[str], **more: Any) -> Code:
        """The code of a refusal; nothing may have changed by it."""
        before = self.room.tables(), self.room.repository.newest()
        with pytest.raises(Refusal) as refusal:
            self.do(action, units, **more)
        assert (self.room.tables(), self.room.repository.newest()) == before
        return refusal.value.code


def order(units: Sequence[str | Scanned], **more: Any) -> Order:
    scanned = tuple(Scanned(code=each) if isinstance(each, str) else each for each in units)
    return Order(**{"key": new_id(), "units": scanned, "place": HERE} | more)
