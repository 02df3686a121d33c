"""Where packs came from and where they went: by lot or by serial number, at one organisation.

Up to the maker and down to the patient's counter: each pack's life with the cases it was in at the
time, what it was made of, and what was made of it. What is asked of many packs (`places`) reads
their newest rows alone, and no lives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

import sqlalchemy as sql

from yilian.gateway.supply import steps
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.makings import Made, Makings, lot_class, lot_of
from yilian.gateway.supply.pack_rows import (
    Order,
    UnitRow,
    chunks,
    history_table,
    shown,
    steps_table,
    units_table,
)
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.parents import Parents
from yilian.gateway.supply.unit import TERMINAL, Unit
from yilian.ledger.errors import code
from yilian.ledger.modules.supply.numbers import serial_digest

NOTHING_TO_TRACE = code(9710, "supply.nothing_to_trace", 404)

MOST_LIVES = 200
"""How many packs of a tree have their lives told."""

Where = Literal["held", "away", "coming", "dispensed", "ended", "elsewhere"]
"""Where a pack is, as one organisation knows it: with it; shipped to another; on its way to it;
handed out by it; ended with it in another way; with somebody else as far as is known."""


class Place(NamedTuple):
    """A pack and where it is. `other`: to whom it went (`away`), or who has it (`elsewhere`)."""

    row: UnitRow
    where: Where
    other: str


class Moment(NamedTuple):
    """One event of a pack's life.

    `at` is ms of UTC; `cases` the cases it was in afterwards, the nearest first; `tied` what it was
    associated with; `to` the party it was sent to; `by` who told of it.
    """

    event_id: str
    at: int
    act: str
    role: str
    standing: str
    cases: tuple[str, ...]
    tied: str
    holder: str
    place: str
    to: str
    by: str


class Branch(NamedTuple):
    """A pack or lot in a tree; `unit` is None for what is not known here but by name.

    `made_from` and `made_into` are one step each; `life` is empty beyond `MOST_LIVES`.
    """

    item: str
    unit: Unit | None
    where: Where | None
    other: str
    made_from: tuple[str, ...]
    made_into: tuple[str, ...]
    life: tuple[Moment, ...]


class Tree(NamedTuple):
    """What was asked for (`roots`), all that hangs together with it, and the makings between."""

    roots: tuple[str, ...]
    branches: tuple[Branch, ...]
    makings: tuple[Made, ...]


class Concerned(NamedTuple):
    """The packs that a recall is about: by their own numbers, and made of such ones."""

    direct: frozenset[str]
    derived: frozenset[str]


_Step = Callable[[Iterable[str], sql.Connection], set[str]]


class Trace:
    """Traces packs in what one organisation knows. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        packs: Packs,
        makings: Makings,
        mine: Callable[[str], bool],
        told_here: Callable[[str], bool] | None = None,
        behind: Callable[[str], str] = str,
    ) -> None:
        """`mine`: whether a holder or party is this organisation.

        `told_here`: whether who told of an event is of this organisation; as `mine`, unless said.
        `behind` names who is behind a holder that told of a pack by a token.
        """
        self._database = database
        self._packs = packs
        self._makings = makings
        self._mine = mine
        self._told_here = told_here or mine
        self._behind = behind

    # Trees

    def unit(self, unit: str) -> Tree:
        """Trace one pack; refuses `supply.nothing_to_trace`."""
        self._makings.catch_up()
        with self._database.read() as connection:
            return self._tree({steps.canonical(unit)}, connection)

    def lot(self, gtin: str, lot: str) -> Tree:
        """Trace a lot; refuses `supply.nothing_to_trace`."""
        self._makings.catch_up()
        with self._database.read() as connection:
            return self._tree(self._named(gtin, (lot,), connection), connection)

    def _tree(self, roots: set[str], connection: sql.Connection) -> Tree:
        items = roots | self.above(roots, connection) | self.below(roots, connection)
        makings = self._makings.of(items, connection)
        known = self.rows(items, connection)
        told = {item for each in makings for item in (*each.inputs, *each.outputs)}
        roots = {each for each in roots if each in known or each in told}
        if not roots:
            raise NOTHING_TO_TRACE()
        places = {each.row.id: each for each in self._places(known, connection)}
        made_from, made_into = _edges(makings)
        lives = [each for each in sorted(items, key=lambda x: (x not in roots, x)) if each in known]
        lived = self._lives(lives[:MOST_LIVES], connection)
        branches = []
        for item in sorted(items & (set(known) | told)):
            found = places.get(item)
            branches.append(
                Branch(
                    item,
                    None if found is None else shown(found.row),
                    None if found is None else found.where,
                    "" if found is None else found.other,
                    tuple(sorted(made_from.get(item, ()))),
                    tuple(sorted(made_into.get(item, ()))),
                    tuple(lived.get(item, ())),
                )
            )
        return Tree(tuple(sorted(roots)), tuple(branches), tuple(makings))

    def life(self, unit: str) -> list[Moment]:
        """Tell the life of a pack in order."""
        with self._database.read() as connection:
            named = steps.canonical(unit)
            return self._lives((named,), connection)[named]

    def _lives(self, units: Collection[str], connection: sql.Connection) -> dict[str, list[Moment]]:
        rows, step = history_table.c, steps_table.c
        query = (
            sql.select(rows.unit, rows.moment, rows.sequence, rows.role, rows.standing)
            .add_columns(rows.parent, rows.tied, rows.holder, rows.place)
            .add_columns(step.event_id, step.at, step.act, step.destination, step.submitter)
            .join_from(history_table, steps_table, step.sequence == rows.sequence)
            .order_by(rows.unit, rows.moment, rows.sequence)
        )
        found: dict[str, list[Moment]] = {each: [] for each in units}
        parents, behind = Parents(connection), cache(self._behind)
        for some in chunks(sorted(units)):
            for row in connection.execute(query.where(rows.unit.in_(some))):
                found[row.unit].append(
                    Moment(
                        row.event_id,
                        row.at,
                        row.act,
                        row.role,
                        row.standing,
                        parents.around(row.parent, Order(row.moment, row.sequence + 1)),
                        row.tied or "",
                        behind(row.holder),
                        row.place,
                        row.destination if row.act == "ship" else "",
                        row.submitter,
                    )
                )
        return found

    # Sets

    def concerned(self, gtin: str, lots: Collection[str], serials: Collection[str]) -> Concerned:
        """Find the packs that a recall is about; see `ledger.modules.supply.state.Recall`.

        `serials` are `serial_digest`; neither lots nor serials: every pack of the product.
        """
        self._makings.catch_up()
        with self._database.read() as connection:
            direct = self._direct(gtin, lots, serials, connection)
            derived = self.below(direct, connection) - direct
        packs = (frozenset(x for x in each if lot_of(x) is None) for each in (direct, derived))
        return Concerned(*packs)

    def places(self, units: Iterable[str]) -> list[Place]:
        """Tell where packs are, by id; those that are not known here are left out."""
        with self._database.read() as connection:
            return self._places(self.rows(units, connection), connection)

    def holders(self, gtin: str, lot: str) -> dict[str, str]:
        """Tell who has each pack of a lot, and of all that was made of it: by pack, by party."""
        concerned = self.concerned(gtin, (lot,), ())
        places = self.places(concerned.direct | concerned.derived)
        return {each.row.id: each.other for each in places}

    def above(self, items: Collection[str], connection: sql.Connection) -> set[str]:
        """Give all that packs or lots were made of, at every level."""
        return self._reach(items, self._makings.inputs, self._lots, connection)

    def below(self, items: Collection[str], connection: sql.Connection) -> set[str]:
        """Give all that was made of packs or lots, at every level.

        What a lot as a whole went into may have any of its packs in it.
        """
        return self._reach(items, self._makings.outputs, self._lots_and_packs, connection)

    def rows(self, units: Iterable[str], connection: sql.Connection) -> dict[str, UnitRow]:
        """Read packs as they are now, by id."""
        return self._packs.rows(units, connection)

    def _reach(
        self,
        items: Collection[str],
        step: _Step,
        also: _Step,
        connection: sql.Connection,
    ) -> set[str]:
        start = set(items)
        layer = start | also(start, connection)
        known = set(layer)
        while layer:
            layer = step(layer, connection)
            layer |= also(layer, connection)
            layer -= known
            known |= layer
        return known - start

    def _lots(self, items: Iterable[str], connection: sql.Connection) -> set[str]:
        rows = self.rows((each for each in items if lot_of(each) is None), connection)
        return {lot_class(row.gtin, row.lot) for row in rows.values() if row.gtin and row.lot}

    def _lots_and_packs(self, items: Iterable[str], connection: sql.Connection) -> set[str]:
        listed = list(items)
        found = self._lots(listed, connection)
        for lot in filter(None, map(lot_of, listed)):
            found |= self._named(lot[0], (lot[1],), connection)
        return found

    def _named(self, gtin: str, lots: Iterable[str], connection: sql.Connection) -> set[str]:
        found = {lot_class(gtin, each) for each in lots}
        for some in chunks(sorted(set(lots))):
            query = sql.select(units_table.c.id).where(
                units_table.c.gtin == gtin, units_table.c.lot.in_(some)
            )
            found |= set(connection.scalars(query))
        return found

    def _direct(
        self,
        gtin: str,
        lots: Collection[str],
        serials: Collection[str],
        connection: sql.Connection,
    ) -> set[str]:
        if lots or not serials:
            found = self._named(gtin, lots, connection)
            if not lots:
                every = sql.select(units_table.c.id, units_table.c.lot)
                for unit, lot in connection.execute(every.where(units_table.c.gtin == gtin)):
                    found |= {unit, lot_class(gtin, lot)} if lot else {unit}
        else:
            found = set()
        if serials:
            wanted = frozenset(serials)
            each_one = sql.select(units_table.c.id, units_table.c.serial)
            for unit, serial in connection.execute(each_one.where(units_table.c.gtin == gtin)):
                if serial_digest(gtin, serial) in wanted:
                    found.add(unit)
        return found

    # Where

    def _places(self, rows: dict[str, UnitRow], connection: sql.Connection) -> list[Place]:
        moving = [row.id for row in rows.values() if row.standing == "in_transit"]
        ended = [row.id for row in rows.values() if row.standing in TERMINAL]
        sent, told = _shipped(moving, connection), _ended(ended, connection)
        # Parties are few, and who is behind one is read from the chain.
        mine, told_here, behind = cache(self._mine), cache(self._told_here), cache(self._behind)
        found = []
        for unit, row in sorted(rows.items()):
            teller = behind(told.get(unit, ""))
            holder = behind(row.holder)
            named = row if holder == row.holder else replace(row, holder=holder)
            found.append(Place(named, *_where(named, sent.get(unit), teller, mine, told_here)))
        return found


def _where(
    row: UnitRow,
    sent: str | None,
    told: str,
    mine: Callable[[str], bool],
    told_here: Callable[[str], bool],
) -> tuple[Where, str]:
    if sent is not None:
        if mine(sent):
            return "coming", row.holder
        return "away" if mine(row.holder) else "elsewhere", sent or row.holder
    if not mine(row.holder):
        return "elsewhere", row.holder
    if row.standing not in TERMINAL:
        return "held", row.holder
    if not told_here(told):
        # It was here last as far as is known, and ended with who told of it.
        return "elsewhere", told
    return "dispensed" if row.standing == "dispensed" else "ended", row.holder


def _shipped(units: Sequence[str], connection: sql.Connection) -> dict[str, str]:
    """Give to whom packs were shipped last."""
    found: dict[str, str] = {}
    rows, step = history_table.c, steps_table.c
    for some in chunks(sorted(units)):
        query = (
            sql.select(rows.unit, step.destination)
            .join_from(history_table, steps_table, step.sequence == rows.sequence)
            .where(rows.unit.in_(some), step.act == "ship")
            .order_by(rows.moment, rows.sequence)
        )
        found.update((row.unit, row.destination) for row in connection.execute(query))
    return found


def _ended(units: Sequence[str], connection: sql.Connection) -> dict[str, str]:
    """Give who told of the end of packs that have ended."""
    found: dict[str, str] = {}
    rows, step, now = history_table.c, steps_table.c, units_table.c
    for some in chunks(sorted(units)):
        query = (
            sql.select(rows.unit, step.submitter)
            .join_from(history_table, steps_table, step.sequence == rows.sequence)
            .join(units_table, now.id == rows.unit)
            .where(rows.unit.in_(some), step.at == now.since, rows.standing == now.standing)
            .order_by(rows.moment.desc(), rows.sequence.desc())
        )
        found.update((row.unit, row.submitter) for row in connection.execute(query))
    return found


def _edges(makings: Iterable[Made]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    made_from: dict[str, set[str]] = {}
    made_into: dict[str, set[str]] = {}
    for each in makings:
        for item in each.inputs:
            made_into.setdefault(item, set()).update(each.outputs)
        for item in each.outputs:
            made_from.setdefault(item, set()).update(each.inputs)
    return made_from, made_into
