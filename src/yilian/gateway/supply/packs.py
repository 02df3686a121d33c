"""Every pack, case and device an organisation knows, worked out from its EPCIS events.

The projection follows the repository's log. A unit's life is ordered by the time of its events,
then by when they were recorded, whatever order they came in: what comes late is put where it
belongs, and what follows is done again. An event that was declared not to have happened is taken
out again. What breaks the order is never refused here; it raises an alert. Rebuilt from the log,
all is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Lock
from typing import NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply import end_rows, pack_rows, steps
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.database import METADATA, SupplyDatabase
from yilian.gateway.supply.folding import ENDS, Broken, Known, State, fold
from yilian.gateway.supply.judging import NOT_BY_ORDER
from yilian.gateway.supply.pack_rows import (
    Order,
    StepRow,
    UnitRow,
    Writing,
    history_table,
    shown,
    steps_table,
    units_table,
)
from yilian.gateway.supply.places import gln_of
from yilian.gateway.supply.steps import Step
from yilian.gateway.supply.unit import Unit

MOST_LEVELS = 16
"""How deep cases in cases are followed."""

BATCH = 500
"""How many events are taken in one transaction."""

_cursor = sql.Table(
    "supply_cursors",
    METADATA,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("sequence", sql.BigInteger, nullable=False),
)


class Moment(NamedTuple):
    """One line of a unit's life: the event that wrote it, and what the unit was then.

    `role` is how the event named it (`inside`: it named a case around it; `left`: something left
    it), `act` what was done, `tied` what it was associated with. `at` is in ms of UTC.
    """

    sequence: int
    event_id: str
    at: int
    role: str
    act: str
    standing: str
    parent: str | None
    tied: str | None
    holder: str
    place: str
    mark: str


class Packs:
    """The units of one organisation. Safe for threads as far as the database is."""

    def __init__(
        self,
        database: SupplyDatabase,
        repository: Repository,
        alerts: Alerts,
        behind: Callable[[str], str] = str,
    ) -> None:
        """Call `catch_up` once, then after each commit of the repository (`listeners`).

        `behind` names the organisation behind who told of an event, or behind a location number.
        """
        self._behind = behind
        self._database = database
        self._repository = repository
        self._alerts = alerts
        self._turn = Lock()

    # Following

    def catch_up(self) -> int:
        """Take all events that are new; tells up to which one. Again is fine."""
        with self._turn:
            return self._follow()

    def rebuild(self) -> int:
        """Forget all and take every event again."""
        with self._turn:
            with self._database.write() as connection:
                for each in (history_table, units_table, steps_table, _cursor):
                    connection.execute(sql.delete(each))
            return self._follow()

    def _follow(self) -> int:
        with self._database.read() as reading:
            at = int(reading.scalar(sql.select(_cursor.c.sequence)) or 0)
        while True:
            found = self._repository.after(at, BATCH)
            if not found:
                return at
            at = found[-1].sequence
            with self._database.write() as connection:
                for each in found:
                    self.apply(each, connection)
                noted = insert(_cursor).values(name="packs", sequence=at)
                connection.execute(
                    noted.on_conflict_do_update(index_elements=("name",), set_={"sequence": at})
                )

    def apply(self, stored: Stored, connection: sql.Connection) -> bool:
        """Take one event, inside the caller's transaction. The same again changes nothing.

        Tells whether it counts: not where an error was declared in it before.
        """
        try:
            step = steps.read(stored.event)
        except (KeyError, ValueError):
            return True
        teller = self._behind(stored.submitter)
        void = (
            not step.declares
            and pack_rows.is_declared(connection, stored.event_id, stored.digest, teller)
            and not end_rows.is_proved(connection, stored.sequence)
        )
        row = _row(stored, step, teller, void=void)
        if not pack_rows.insert_step(connection, row):
            return not void
        if step.declares:
            self._withdraw(row, step, connection)
        elif not row.void and step.units:
            self._take(row, step, connection)
        return not void

    def _take(self, row: StepRow, step: Step, connection: sql.Connection) -> None:
        order = Order(row.moment, row.sequence)
        near = pack_rows.around(connection, step.units)
        if any((each.moment, each.sequence) > order for each in near.values()):
            self._redo(set(step.units) | set(near), order, connection, (row, step))
            return
        states = {unit: pack_rows.state_of(each) for unit, each in near.items()}
        known = self._known(states, step.units, [row], connection)
        fold(pack_rows.deed_of(row), step.units, known)
        writing = Writing()
        writing.note(known, order)
        writing.write(connection, known.states)
        self._raise(row.sequence, known.broken, connection)

    def _redo(
        self,
        seeds: set[str],
        order: Order,
        connection: sql.Connection,
        late: tuple[StepRow, Step] | None = None,
    ) -> None:
        """Live the lives of units again from a place in the order on, with one event more."""
        units = pack_rows.reach(connection, seeds, order)
        named = pack_rows.named_after(connection, units, order)
        rows = pack_rows.steps_of(connection, {each.order.sequence for each in named})
        causes = {_cause(each.sequence) for each in rows.values() if not each.void}
        withdrawn = {_cause(each.sequence) for each in rows.values() if each.void}
        plan: dict[Order, dict[str, steps.Role]] = {}
        for each in named:
            if each.role not in ("inside", "left") and not rows[each.order.sequence].void:
                plan.setdefault(each.order, {})[each.unit] = each.role
        if late is not None:
            row, step = late
            rows[row.sequence] = row
            plan[order] = dict(step.units)
        lived = pack_rows.before(connection, units, order)
        states = {unit: state for unit, (state, _) in lived.items()}
        known = self._known(states, units, rows.values(), connection)
        pack_rows.forget(connection, units, order)
        writing, still = Writing(), []
        for place in sorted(plan):
            fold(pack_rows.deed_of(rows[place.sequence]), plan[place], known)
            writing.note(known, place)
            still += [(place.sequence, each) for each in known.broken]
        writing.write(connection, known.states)
        pack_rows.refresh(connection, units - set(writing.last))
        kept = [(broken.kind, broken.unit, _cause(sequence)) for sequence, broken in still]
        self._alerts.explain(units, causes, kept, connection, keep=NOT_BY_ORDER)
        self._alerts.explain(units, withdrawn, (), connection)
        for sequence, broken in still:
            self._raise(sequence, [broken], connection)

    def _known(
        self,
        states: Mapping[str, State],
        units: Iterable[str],
        rows: Collection[StepRow],
        connection: sql.Connection,
    ) -> Known:
        """Bring together what steps can reach; what titles prove where they may end something."""
        if not any(row.act in ENDS for row in rows):
            return Known(states)
        proofs = end_rows.proofs(connection, {*states, *units})
        named = {each for row in rows for each in (row.submitter, gln_of(row.place))}
        parties = {each: self._behind(each) for each in named} if proofs else {}
        return Known(states, proofs, parties)

    def _raise(self, sequence: int, broken: Iterable[Broken], connection: sql.Connection) -> None:
        for each in broken:
            detail = Detail(_cause(sequence), each.act, each.standing)
            self._alerts.raise_(each.kind, each.severity, each.unit, detail, connection)

    # Declared errors

    def _withdraw(self, row: StepRow, step: Step, connection: sql.Connection) -> None:
        """Take out the event that a declaration is about: the same content, or the same id."""
        found = connection.execute(
            sql.select(steps_table).where(
                steps_table.c.declares == 0,
                steps_table.c.void == 0,
                _same(row.event_id, row.digest),
            )
        ).all()
        for each in (StepRow(*one) for one in found):
            if end_rows.is_proved(connection, each.sequence):
                continue
            if each.submitter != row.submitter:
                # Nobody takes back what somebody else has said.
                unit = min(step.units, default="")
                self._alerts.raise_(
                    "foreign_declaration", "suspect", unit, Detail(_cause(row.sequence)), connection
                )
                continue
            connection.execute(
                sql.update(steps_table)
                .where(steps_table.c.sequence == each.sequence)
                .values(void=1)
            )
            touched = connection.scalars(
                sql.select(history_table.c.unit).where(history_table.c.sequence == each.sequence)
            )
            self._redo(set(touched), Order(each.moment, each.sequence), connection)

    # Reading

    def find(self, unit: str) -> Unit | None:
        """Find a unit by its id, in whatever spelling of it."""
        found = self._where(units_table.c.id == steps.canonical(unit))
        return shown(found[0]) if found else None

    def find_serial(self, gtin14: str, serial: str) -> Unit | None:
        """Find a unit by its GTIN (14 digits) and serial number."""
        found = self._where(units_table.c.gtin == gtin14, units_table.c.serial == serial)
        return shown(found[0]) if found else None

    def by_lot(self, gtin14: str, lot: str) -> list[Unit]:
        """List the units of a lot, by id."""
        return list(map(shown, self._where(units_table.c.gtin == gtin14, units_table.c.lot == lot)))

    def contents(self, unit: str) -> list[Unit]:
        """List what is inside a unit, at every level, by id."""
        with self._database.read() as connection:
            return self.inside([steps.canonical(unit)], connection)

    def inside(self, units: Iterable[str], connection: sql.Connection) -> list[Unit]:
        """List what is inside units, at every level, by id; of one moment of a transaction."""
        found: dict[str, UnitRow] = {}
        layer = sorted(set(units))
        while layer:
            rows = pack_rows.rows_of(connection, units_table.c.parent, layer)
            layer = [row.id for row in rows if row.id not in found]
            found |= {row.id: row for row in rows}
        return [shown(found[each]) for each in sorted(found)]

    def rows(self, units: Iterable[str], connection: sql.Connection) -> dict[str, UnitRow]:
        """Read units as they are kept, by id; of one moment of a transaction."""
        return {row.id: row for row in pack_rows.rows_of(connection, units_table.c.id, units)}

    def outermost(self, units: Iterable[str]) -> list[str]:
        """Name what stands before somebody who gets these units: cases, and packs in none; by id.

        A unit that is unknown here stands for itself.
        """
        found: set[str] = set()
        inner = set(units)
        with self._database.read() as connection:
            for _ in range(MOST_LEVELS):
                rows = self.rows(inner, connection)
                parents = {each: rows[each].parent if each in rows else None for each in inner}
                found |= {each for each, parent in parents.items() if parent is None}
                inner = {parent for parent in parents.values() if parent is not None}
                if not inner:
                    break
        return sorted(found | inner)

    def history(self, unit: str) -> list[Moment]:
        """Tell the life of a unit in order."""
        rows, step = history_table, steps_table
        query = (
            sql.select(
                rows.c.sequence,
                step.c.event_id,
                step.c.at,
                rows.c.role,
                step.c.act,
                rows.c.standing,
                rows.c.parent,
                rows.c.tied,
                rows.c.holder,
                rows.c.place,
                step.c.mark,
            )
            .join_from(rows, step, step.c.sequence == rows.c.sequence)
            .where(rows.c.unit == steps.canonical(unit))
            .order_by(rows.c.moment, rows.c.sequence)
        )
        with self._database.read() as connection:
            return [Moment(*row) for row in connection.execute(query)]

    def sequences(self, units: Iterable[str], connection: sql.Connection) -> set[int]:
        """Give the events that make up the history of units."""
        found: set[int] = set()
        for some in pack_rows.chunks(sorted(set(units))):
            query = sql.select(history_table.c.sequence).where(history_table.c.unit.in_(some))
            found |= set(connection.scalars(query.distinct()))
        return found

    def _where(self, *conditions: sql.ColumnElement[bool]) -> list[UnitRow]:
        query = sql.select(units_table).where(*conditions).order_by(units_table.c.id)
        return self._database.rows(UnitRow, query)


def _row(stored: Stored, step: Step, teller: str, *, void: bool) -> StepRow:
    return StepRow(
        sequence=stored.sequence,
        event_id=stored.event_id,
        digest=stored.digest,
        submitter=teller,
        at=step.at,
        moment=2 * step.at + (step.act != "commission"),
        day=step.day,
        act=step.act,
        into=step.into,
        link=step.link,
        tie=step.tie,
        parent=step.parent,
        place=step.place,
        source=step.source,
        destination=step.destination,
        lot=step.lot,
        expiry=step.expiry,
        mark=step.mark,
        declares=int(step.declares),
        void=int(void),
    )


def _same(event_id: str, digest: bytes) -> sql.ColumnElement[bool]:
    return sql.or_(steps_table.c.digest == digest, steps_table.c.event_id == event_id)


def _cause(sequence: int) -> str:
    return f"event/{sequence}"
