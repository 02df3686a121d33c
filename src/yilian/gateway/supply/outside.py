"""What actions ask of others: who holds a title, what is recalled, what a product is, what came.

Each has an answer for an organisation that works alone, with nothing on a chain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple, Protocol

import sqlalchemy as sql

from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.pack_rows import rows_of, units_table
from yilian.gateway.supply.unit import Unit
from yilian.gateway.supply.verdict import Recalls
from yilian.vault.envelope import new_id

__all__ = [
    "Alone",
    "Histories",
    "Holding",
    "LocalHolding",
    "Nothing",
    "ProductFacts",
    "Products",
    "Recalls",
    "Verifications",
]

End = Literal["dispensed", "destroyed", "exported", "sampled", "stolen", "lost", "decommissioned"]


class Holding(Protocol):
    """Who holds which pack (`titles.Titles`); all within the caller's transaction."""

    def holds(
        self, units: Sequence[str], connection: sql.Connection | None = None
    ) -> dict[str, bool]:
        """Tell which packs this organisation has and may give."""

    def commission(self, units: Sequence[str], connection: sql.Connection) -> None:
        """Enter packs that were made here."""

    def ship(self, units: Sequence[str], to: str, connection: sql.Connection) -> str:
        """Have packs given to another organisation; gives the shipment's id."""

    def accept(
        self, shipment: str, units: Collection[str] | None, connection: sql.Connection
    ) -> str | None:
        """Accept a shipment, or some of its packs."""

    def finish(self, units: Sequence[str], end: End, connection: sql.Connection) -> str:
        """Have packs leave the trade for good; gives an id to `cancel` it by."""

    def cancel(self, shipment: str, connection: sql.Connection) -> None:
        """Call a shipment or an end off; refuses `supply.shipment_posting` once it is too late."""


class Products(Protocol):
    """What the chain's directory says of products."""

    def product(self, gtin: str) -> ProductFacts | None:
        """Find a product by the 14 digits of its GTIN."""

    def by_drug_code(self, drug_code: str) -> str | None:
        """Give the GTIN of the product that has the first part of a Chinese trace code."""


class ProductFacts(NamedTuple):
    """What actions want to know of a product.

    `owner` is an organisation's id. `single_use`: a device that is used once; `cycles`: how often
    it may be used, None where nobody says.
    """

    owner: str
    single_use: bool = False
    cycles: int | None = None


class Verifications(Protocol):
    """Where answers of responders are kept."""

    def passed(self, unit: Unit, since: int) -> bool:
        """Tell whether a verification after `since` (ms) said that a pack is what it seems."""


class Histories(Protocol):
    """What a sender showed of the packs it ships."""

    def of(self, shipment: str) -> tuple[str, Sequence[Event]]:
        """Give the sender's id, and the events of the packs in a shipment up to the hand-over."""


class LocalHolding:
    """Holding by what the events say alone, for an organisation without titles on a chain."""

    def __init__(self, mine: Callable[[str], bool]) -> None:
        """`mine` tells whether a holder is this organisation."""
        self._mine = mine

    def holds(
        self, units: Sequence[str], connection: sql.Connection | None = None
    ) -> dict[str, bool]:
        """See `Holding.holds`."""
        if connection is None:
            raise ValueError("a connection is needed")
        found = {row.id: row for row in rows_of(connection, units_table.c.id, units)}
        return {each: each in found and self._mine(found[each].holder) for each in units}

    def commission(self, units: Sequence[str], connection: sql.Connection) -> None:
        """See `Holding.commission`."""

    def ship(self, units: Sequence[str], to: str, connection: sql.Connection) -> str:
        """See `Holding.ship`."""
        return new_id()

    def accept(
        self, shipment: str, units: Collection[str] | None, connection: sql.Connection
    ) -> str | None:
        """See `Holding.accept`."""
        return None

    def finish(self, units: Sequence[str], end: End, connection: sql.Connection) -> str:
        """See `Holding.finish`."""
        return new_id()

    def cancel(self, shipment: str, connection: sql.Connection) -> None:
        """See `Holding.cancel`."""


class Alone:
    """No recalls, no directory, no verifications: everything that nobody says."""

    def recalled(self, gtin: str, lot: str, serial: str) -> str | None:
        """See `verdict.Recalls`."""
        return None

    def product(self, gtin: str) -> ProductFacts | None:
        """See `Products.product`."""
        return None

    def by_drug_code(self, drug_code: str) -> str | None:
        """See `Products.by_drug_code`."""
        return None

    def passed(self, unit: Unit, since: int) -> bool:
        """See `Verifications.passed`."""
        return False


class Nothing:
    """No sender shows anything."""

    def of(self, shipment: str) -> tuple[str, Sequence[Event]]:
        """See `Histories.of`."""
        return "", ()
