"""Whether an action may be done to units: each is judged, and everything wrong is told by unit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sql

from yilian.gateway.supply.action_errors import (
    ALREADY_DISPENSED,
    DOUBLE_SCAN,
    EXPIRED,
    IN_A_PARENT,
    NOT_MISSING,
    NOT_VERIFIED,
    NOT_YOURS,
    QUARANTINED,
    RECALLED,
    UNIT_UNKNOWN,
    WRONG_EXPIRY,
    WRONG_LOT,
    WRONG_PLACE,
    WRONG_STANDING,
    UnitsRefused,
)
from yilian.gateway.supply.folding import DEEPEST, is_item
from yilian.gateway.supply.orders import ActionName, Wants
from yilian.gateway.supply.outside import Holding, Recalls, Verifications
from yilian.gateway.supply.pack_rows import UnitRow, around, rows_of, shown, units_table
from yilian.ledger.errors import Refusal

_ENDS_LOST = ("decommissioned", "destroyed")


@dataclass(frozen=True)
class Read:
    """A unit as it was scanned; lot and expiry are empty where the code does not say."""

    unit: str
    lot: str = ""
    expiry: str = ""


@dataclass(frozen=True)
class Chosen:
    """The units of an action that may be done: those named, and all that it is done to.

    `missing` are in the cases named by what is known, and were not found there. `told` is what the
    events name: the units as they were named, or the whole cases that they fill.
    """

    named: tuple[UnitRow, ...]
    units: tuple[UnitRow, ...]
    missing: tuple[UnitRow, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def items(self) -> list[str]:
        """The trade items among them, which alone have titles."""
        return [row.id for row in self.units if is_item(row.id)]


@dataclass(frozen=True)
class Asked:
    """The action that units are judged for; `day` is the date at its place.

    `first` judges a unit before anything else does. `missing` are units that are not in the cases
    they should be in; `counted`: neither are those that a case has beside the ones named.
    """

    action: ActionName
    wants: Wants
    place: str
    day: str
    first: Callable[[UnitRow], Refusal | None] | None = None
    missing: tuple[str, ...] = ()
    counted: bool = False


class Checks:
    """Judges the units of one organisation."""

    def __init__(
        self,
        mine: Callable[[str], bool],
        holding: Holding,
        recalls: Recalls,
        verifications: Verifications,
    ) -> None:
        self._mine = mine
        self._holding = holding
        self._recalls = recalls
        self._verifications = verifications

    def choose(self, asked: Asked, scanned: Sequence[Read], connection: sql.Connection) -> Chosen:
        """Judge units and all that is inside them.

        Raises `UnitsRefused` with the first refusal of each unit that may not.
        """
        refused: dict[str, Refusal] = {}
        named: dict[str, Read] = {}
        for each in scanned:
            if each.unit in named:
                refused[each.unit] = DOUBLE_SCAN(unit=each.unit)
            named[each.unit] = each
        near = around(connection, named)
        filled = _filled(asked, named, near, connection) if asked.action == "receive" else {}
        if filled:
            named |= filled
            near |= around(connection, filled)
        rows = [near[unit] for unit in named if unit in near]
        missing = _missing(asked, named, near, refused)
        units = rows
        if asked.wants.inside:
            units = sorted(_inside(named, near, missing), key=lambda row: row.id)
        held = self._held(units, connection)
        for unit in named:
            if unit not in near:
                refused.setdefault(unit, UNIT_UNKNOWN(unit=unit))
        for row in units:
            found = self._judge(asked, row, held, named.get(row.id))
            if found is None and asked.wants.loose and row.id in named:
                found = _loose(row, named, near)
            if found is not None:
                refused.setdefault(row.id, found)
        if refused:
            raise UnitsRefused([refused[unit] for unit in sorted(refused)])
        told = [each for each in named if not any(case in filled for case in _cases(each, near))]
        gone = tuple(near[unit] for unit in sorted(missing))
        return Chosen(tuple(rows), tuple(units), gone, tuple(told))

    def is_recalled(self, row: UnitRow) -> bool:
        """Tell whether the chain says that a unit is recalled."""
        return bool(row.gtin) and self._recalls.recalled(row.gtin, row.lot, row.serial) is not None

    def _held(self, units: Sequence[UnitRow], connection: sql.Connection) -> dict[str, bool]:
        items = [row.id for row in units if is_item(row.id)]
        held = self._holding.holds(items, connection) if items else {}
        return held | {row.id: self._mine(row.holder) for row in units if not is_item(row.id)}

    def _judge(
        self, asked: Asked, row: UnitRow, held: dict[str, bool], read: Read | None
    ) -> Refusal | None:
        unit, wants = row.id, asked.wants
        found = None if asked.first is None else asked.first(row)
        if found is not None:
            return found
        if read is not None and read.lot and row.lot and read.lot != row.lot:
            return WRONG_LOT(unit=unit)
        if read is not None and read.expiry and row.expiry and read.expiry != row.expiry:
            return WRONG_EXPIRY(unit=unit)
        on_its_way = asked.action in ("receive", "return") and row.held == "in_transit"
        if row.standing not in wants.standings and not on_its_way:
            return _standing(row)
        mine = self._mine(row.holder)
        # What was lost has no title left; once it is found, it can be destroyed.
        found_again = mine and row.standing == "lost" and wants.end in _ENDS_LOST
        if wants.held and not held.get(unit, False) and not found_again:
            return NOT_YOURS(unit=unit)
        if asked.action in ("report_stolen", "report_lost") and not mine:
            return NOT_YOURS(unit=unit)
        if wants.here and row.place and row.place != asked.place:
            return WRONG_PLACE(unit=unit, place=row.place)
        if wants.sound:
            if self.is_recalled(row):
                return RECALLED(unit=unit)
            if row.expiry and asked.day > row.expiry:
                return EXPIRED(unit=unit, expiry=row.expiry)
        passed = self._verifications.passed
        if asked.action == "restock" and is_item(unit) and not passed(shown(row), row.since):
            return NOT_VERIFIED(unit=unit)
        return None


def local_day(at: int, offset: str) -> str:
    """Give the date at a place, by the offset of its clock."""
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return (moment - shift if offset[0] == "-" else moment + shift).date().isoformat()


def _standing(row: UnitRow) -> Refusal:
    unit = row.id
    if row.standing == "dispensed":
        return ALREADY_DISPENSED(unit=unit)
    if row.standing == "recalled":
        return RECALLED(unit=unit)
    if row.standing == "quarantined":
        return QUARANTINED(unit=unit)
    return WRONG_STANDING(unit=unit, standing=row.standing)


def _loose(row: UnitRow, named: dict[str, Read], near: dict[str, UnitRow]) -> Refusal | None:
    """Refuse a unit that is in a case, unless that case goes with it."""
    if row.parent is None:
        return None
    above: str | None = row.parent
    while above is not None:
        if above in named:
            return None
        found = near.get(above)
        above = None if found is None else found.parent
    return IN_A_PARENT(unit=row.id, parent=row.parent)


def _filled(
    asked: Asked, named: dict[str, Read], near: dict[str, UnitRow], connection: sql.Connection
) -> dict[str, Read]:
    """Give the cases that the units named make up, together with those told to be missing.

    Whoever takes in a shipment pack by pack has the whole case, though nobody told them of one.
    """
    there = {*named, *asked.missing}
    layer = [
        unit
        for unit in named
        if unit in near and not any(case in named for case in _cases(unit, near))
    ]
    found: dict[str, Read] = {}
    for _ in range(DEEPEST):
        cases = {case for unit in layer if (case := near[unit].parent) is not None and case in near}
        inside = rows_of(connection, units_table.c.parent, cases)
        lacking = {row.parent for row in inside if row.id not in there}
        layer = sorted(cases - lacking - there)
        if not layer:
            break
        found |= {case: Read(case) for case in layer}
        there.update(layer)
    return found


def _missing(
    asked: Asked, named: dict[str, Read], near: dict[str, UnitRow], refused: dict[str, Refusal]
) -> set[str]:
    """Give what is missing in the cases named; refuses what was in none of them."""
    found = set(asked.missing)
    if found:
        inside = {row.id for row in _inside(named, near, ())}
        for unit in sorted(found - (inside - set(named))):
            refused[unit] = NOT_MISSING(unit=unit)
        found &= inside - set(named)
    if asked.counted:
        # A case of which nothing is named is closed, and what is in it was not counted.
        opened = {above for unit in named for above in _cases(unit, near)}
        there = opened | set(named)
        for unit, row in near.items():
            if row.parent in opened and unit not in there and _is_within(row, named, near):
                found.add(unit)
    return found


def _is_within(row: UnitRow, named: dict[str, Read], near: dict[str, UnitRow]) -> bool:
    return any(above in named for above in _cases(row.id, near))


def _cases(unit: str, near: dict[str, UnitRow]) -> Iterator[str]:
    """Give the cases around a unit, the nearest first."""
    found = near.get(unit)
    for _ in range(DEEPEST):
        if found is None or found.parent is None:
            return
        yield found.parent
        found = near.get(found.parent)


def _inside(
    named: dict[str, Read], near: dict[str, UnitRow], without: Collection[str]
) -> list[UnitRow]:
    """Give the units named and all that is inside, without some; `near` has their cases too."""
    by_parent: dict[str, list[str]] = {}
    for row in near.values():
        if row.parent is not None and row.id not in without:
            by_parent.setdefault(row.parent, []).append(row.id)
    found: dict[str, None] = {}
    layer = [unit for unit in named if unit in near]
    while layer:
        found.update(dict.fromkeys(layer))
        layer = [each for unit in layer for each in by_parent.get(unit, ()) if each not in found]
    return [near[unit] for unit in found]
