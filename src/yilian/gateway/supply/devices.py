"""Devices that are used and made sterile again: how often, and whether once more.

Uses and sterilisings are EPCIS events. On whom a device was used is a random id, drawn for that
use; what it stands for is kept in the vault, not here.
"""

from __future__ import annotations

from typing import NamedTuple

from yilian.gateway.supply.action_errors import (
    CYCLES_USED_UP,
    NOT_A_DEVICE,
    NOT_STERILE,
    SINGLE_USE,
    UNIT_UNKNOWN,
)
from yilian.gateway.supply.folding import is_item
from yilian.gateway.supply.outside import ProductFacts, Products
from yilian.gateway.supply.pack_rows import UnitRow
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.unit import Unit
from yilian.ledger.errors import Refusal


class Cycle(NamedTuple):
    """A use or a sterilising; `reference` names the use (a random URI), and is empty for the other.

    `at` is in ms of UTC.
    """

    mark: str
    at: int
    event: str
    reference: str
    place: str


class Device(NamedTuple):
    """A device and its life. `left`: uses that are left, None where nobody set a limit."""

    unit: Unit
    single_use: bool
    uses: int
    sterile: bool
    left: int | None
    cycles: tuple[Cycle, ...]


class Devices:
    """The devices of one organisation."""

    def __init__(self, packs: Packs, products: Products) -> None:
        self._packs = packs
        self._products = products

    def find(self, unit: str) -> Device:
        """Tell a device's life; refuses `supply.unit_unknown`."""
        found = self._packs.find(unit)
        if found is None:
            raise UNIT_UNKNOWN(unit=unit[:256])
        facts = self._facts(found.gtin)
        cycles = tuple(
            Cycle(
                each.mark,
                each.at,
                each.event_id,
                each.tied or "" if each.mark == "use" else "",
                each.place,
            )
            for each in self._packs.history(found.id)
            if each.mark
        )
        uses = sum(each.mark == "use" for each in cycles)
        limit = _limit(facts)
        return Device(
            unit=found,
            single_use=facts.single_use,
            uses=uses,
            sterile=not cycles or cycles[-1].mark == "sterilise",
            left=None if limit is None else max(0, limit - uses),
            cycles=cycles,
        )

    def may_use(self, row: UnitRow) -> Refusal | None:
        """Refuse the use of a device that is used up, or was not made sterile since the last."""
        if not is_item(row.id):
            return NOT_A_DEVICE(unit=row.id)
        facts = self._facts(row.gtin)
        if facts.single_use and row.uses:
            return SINGLE_USE(unit=row.id)
        limit = _limit(facts)
        if limit is not None and row.uses >= limit:
            return CYCLES_USED_UP(unit=row.id, limit=limit)
        return NOT_STERILE(unit=row.id) if row.dirty else None

    def may_sterilise(self, row: UnitRow) -> Refusal | None:
        """Refuse to make ready for use again what may not be used again; a tray may be."""
        facts = self._facts(row.gtin)
        if facts.single_use and row.uses:
            return SINGLE_USE(unit=row.id)
        limit = _limit(facts)
        if limit is not None and row.uses >= limit:
            return CYCLES_USED_UP(unit=row.id, limit=limit)
        return None

    def is_last(self, row: UnitRow) -> bool:
        """Tell whether the next use of a device is its last."""
        limit = _limit(self._facts(row.gtin))
        return limit is not None and row.uses + 1 >= limit

    def _facts(self, gtin: str) -> ProductFacts:
        return self._products.product(gtin) or ProductFacts(owner="")


def _limit(facts: ProductFacts) -> int | None:
    return 1 if facts.single_use else facts.cycles
