"""How units are kept: what every event did to each of them, and what they are now.

Three tables, all worked out from the events alone. `supply_steps` is one row per event; of
`supply_history` each row is a unit after an event, in the order (moment, sequence); `supply_units`
is its last row for each unit. `moment` is twice the event's time in ms, one more for all that is no
commissioning: at the same time, a unit is made before it is used. `sequence` is the order in which
the repository recorded events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, cast

import sqlalchemy as sql

from yilian.gateway.epcis import identifiers
from yilian.gateway.supply.database import table
from yilian.gateway.supply.folding import DEEPEST, Deed, Known, State
from yilian.gateway.supply.steps import Role
from yilian.gateway.supply.unit import Unit

CHUNK = 400
"""How many values are bound in one statement at most."""


class Order(NamedTuple):
    """The place of an event among all."""

    moment: int
    sequence: int


FIRST = Order(-(2**62), 0)
LAST = Order(2**62, 0)


@dataclass(frozen=True)
class StepRow:
    """An event as a step; `void`: somebody declared that it did not happen so."""

    sequence: int
    event_id: str
    digest: bytes
    submitter: str
    at: int
    moment: int
    day: str
    act: str
    into: str
    link: str
    tie: str
    parent: str
    place: str
    source: str
    destination: str
    lot: str
    expiry: str
    mark: str
    declares: int
    void: int


@dataclass(frozen=True)
class HistoryRow:
    """A unit after an event that touched it."""

    unit: str
    moment: int
    sequence: int
    role: str
    standing: str
    parent: str | None
    tied: str | None
    holder: str
    place: str
    since: int
    born: int | None
    uses: int
    dirty: int
    held: str


@dataclass(frozen=True)
class UnitRow:
    """A unit as it is now."""

    id: str
    gtin: str
    serial: str
    lot: str
    expiry: str
    standing: str
    parent: str | None
    tied: str | None
    holder: str
    place: str
    since: int
    born: int | None
    uses: int
    dirty: int
    held: str
    maker: str
    hand: str
    moment: int
    sequence: int


steps_table = table("supply_steps", StepRow, ("sequence",))
history_table = table("supply_history", HistoryRow, ("unit", "moment", "sequence"))
units_table = table("supply_units", UnitRow, ("id",))
sql.Index("supply_steps_digest", steps_table.c.digest)
sql.Index("supply_steps_event", steps_table.c.event_id)
sql.Index("supply_history_sequence", history_table.c.sequence, history_table.c.unit)
sql.Index("supply_history_parent", history_table.c.parent, history_table.c.unit)
sql.Index("supply_units_serial", units_table.c.gtin, units_table.c.serial)
sql.Index("supply_units_lot", units_table.c.gtin, units_table.c.lot)
sql.Index("supply_units_parent", units_table.c.parent)
sql.Index("supply_units_standing", units_table.c.standing, units_table.c.gtin)

_KEPT = State._fields[:10]
"""What a row of the history has of a state; the rest stands in the steps."""


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut values into lists that fit into one statement."""
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


def shown(row: UnitRow) -> Unit:
    """Give a unit as others see it."""
    return Unit(
        id=row.id,
        gtin=row.gtin,
        serial=row.serial,
        lot=row.lot,
        expiry=row.expiry,
        standing=cast(Any, row.standing),
        parent=row.parent,
        holder=row.holder,
        place=row.place,
        since=row.since,
    )


def rows_of(
    connection: sql.Connection, column: sql.Column[Any], values: Iterable[Any]
) -> list[UnitRow]:
    """Read the units whose column has one of these values, by id."""
    found: list[UnitRow] = []
    for some in chunks(sorted(set(values))):
        query = f"{_SELECT_UNITS} WHERE {column.name} IN {_marks(len(some))}"
        found += [UnitRow(*row) for row in connection.exec_driver_sql(query, tuple(some))]
    return sorted(found, key=lambda each: each.id)


def around(connection: sql.Connection, units: Iterable[str]) -> dict[str, UnitRow]:
    """Read units, all that is inside them, and the cases they are in."""
    named = list(units)
    found = {row.id: row for row in rows_of(connection, units_table.c.id, named)}
    above = {row.parent for row in found.values() if row.parent}
    layer = named
    for _ in range(DEEPEST):
        inside = [
            row for row in rows_of(connection, units_table.c.parent, layer) if row.id not in found
        ]
        found |= {row.id: row for row in inside}
        layer = [row.id for row in inside]
        if not layer:
            break
    for _ in range(DEEPEST):
        above = {each for each in above if each not in found}
        if not above:
            break
        rows = rows_of(connection, units_table.c.id, above)
        found |= {row.id: row for row in rows}
        above = {row.parent for row in rows if row.parent}
    return found


def state_of(row: UnitRow) -> State:
    """Give a unit as the steps see it."""
    return State(*(getattr(row, name) for name in State._fields))


def deed_of(row: StepRow) -> Deed:
    """Give a step without its units."""
    return Deed(*(getattr(row, name) for name in Deed._fields))


def steps_of(connection: sql.Connection, sequences: Iterable[int]) -> dict[int, StepRow]:
    """Read steps by their sequence."""
    found: dict[int, StepRow] = {}
    for some in chunks(sorted(set(sequences))):
        query = sql.select(steps_table).where(steps_table.c.sequence.in_(some))
        found |= {row.sequence: StepRow(*row) for row in connection.execute(query)}
    return found


def before(
    connection: sql.Connection, units: Iterable[str], order: Order
) -> dict[str, tuple[State, Order]]:
    """Read units as they were before a place in the order, and since which place they were so.

    Those that were not yet are left out.
    """
    found: dict[str, tuple[State, Order]] = {}
    made, told = steps_table.alias(), steps_table.alias()
    newest = (history_table.c.moment.desc(), history_table.c.sequence.desc())
    rank = sql.func.row_number().over(partition_by=history_table.c.unit, order_by=newest)
    for some in chunks(sorted(set(units))):
        last = (
            sql.select(history_table, rank.label("rank"))
            .where(history_table.c.unit.in_(some), _place() < _at(order))
            .subquery()
        )
        query = (
            sql.select(
                last.c.unit,
                last.c.moment,
                last.c.sequence,
                *(last.c[name] for name in _KEPT),
                sql.func.coalesce(made.c.submitter, ""),
                sql.func.coalesce(made.c.lot, ""),
                sql.func.coalesce(made.c.expiry, ""),
                told.c.submitter,
            )
            .join_from(last, told, told.c.sequence == last.c.sequence)
            .outerjoin(made, made.c.sequence == last.c.born)
            .where(last.c.rank == 1)
        )
        for unit, moment, sequence, *state in connection.execute(query):
            found[unit] = (State(*state), Order(moment, sequence))
    return found


def reach(connection: sql.Connection, seeds: Iterable[str], order: Order) -> set[str]:
    """Give all units whose life from a place in the order on hangs together with that of `seeds`.

    Those are the ones which are packed into one another then or later, or named together by an
    event that packs or unpacks.
    """
    found: set[str] = set()
    packing: set[int] = set()
    layer = set(seeds)
    while layer:
        found |= layer
        near: set[str] = set()
        sequences: set[int] = set()
        for some in chunks(sorted(layer)):
            near |= _near(connection, some, order)
            sequences |= _packing(connection, some, order)
        # Each event once: it may name as many units as there are in the layer.
        near |= _packed_by(connection, sequences - packing)
        packing |= sequences
        layer = near - found
    return found


def _near(connection: sql.Connection, units: Sequence[str], order: Order) -> set[str]:
    rows = history_table
    late = _place() >= _at(order)
    near = {state.parent for state, _ in before(connection, units, order).values()}
    near |= set(connection.scalars(sql.select(rows.c.parent).where(rows.c.unit.in_(units), late)))
    near |= set(
        connection.scalars(sql.select(rows.c.unit).where(rows.c.parent.in_(units), late).distinct())
    )
    # What was inside at that moment; it may have left since.
    once = connection.scalars(
        sql.select(rows.c.unit).where(rows.c.parent.in_(units)).distinct()
    ).all()
    wanted = set(units)
    near |= {
        unit
        for unit, (state, _) in before(connection, once, order).items()
        if state.parent in wanted
    }
    return {each for each in near if each}


def _packing(connection: sql.Connection, units: Sequence[str], order: Order) -> set[int]:
    """Give the events from a place in the order on that pack or unpack, and touch these units."""
    rows = history_table.c
    query = (
        sql.select(rows.sequence)
        .join_from(history_table, steps_table, steps_table.c.sequence == rows.sequence)
        .where(rows.unit.in_(units), _place() >= _at(order), steps_table.c.link != "")
    )
    return set(connection.scalars(query.distinct()))


def _packed_by(connection: sql.Connection, sequences: Iterable[int]) -> set[str]:
    """Give the units that events name as cases or as what goes in or out."""
    rows, found = history_table.c, set[str]()
    for some in chunks(sorted(sequences)):
        query = sql.select(rows.unit).where(
            rows.sequence.in_(some), rows.role.in_(("parent", "child"))
        )
        found |= set(connection.scalars(query.distinct()))
    return found


class Named(NamedTuple):
    """A unit in an event."""

    order: Order
    unit: str
    role: Role


def named_after(connection: sql.Connection, units: Iterable[str], order: Order) -> list[Named]:
    """Read which events from a place in the order on touch these units, in order."""
    rows = history_table
    found: list[Named] = []
    for some in chunks(sorted(units)):
        query = sql.select(rows.c.moment, rows.c.sequence, rows.c.unit, rows.c.role).where(
            rows.c.unit.in_(some), _place() >= _at(order)
        )
        for moment, sequence, unit, role in connection.execute(query):
            found.append(Named(Order(moment, sequence), unit, role))
    return sorted(found)


def forget(connection: sql.Connection, units: Iterable[str], order: Order) -> None:
    """Delete the history of units from a place in the order on."""
    for some in chunks(sorted(units)):
        connection.execute(
            sql.delete(history_table).where(history_table.c.unit.in_(some), _place() >= _at(order))
        )


class Writing:
    """What a number of steps did, to be written in one go."""

    def __init__(self) -> None:
        self.history: list[tuple[Any, ...]] = []
        self.last: dict[str, Order] = {}

    def note(self, known: Known, order: Order) -> None:
        """Note what one step did."""
        for unit, role in known.touched.items():
            self.history.append((unit, *order, role, *known.states[unit][: len(_KEPT)]))
            self.last[unit] = order

    def write(self, connection: sql.Connection, states: Mapping[str, State]) -> None:
        """Write the history, and the units as they are now."""
        if not self.history:
            return
        # Sorted, so that neighbours in the table are written together.
        connection.exec_driver_sql(_INSERT_HISTORY, sorted(self.history, key=lambda each: each[:3]))
        rows = [_unit(unit, states[unit], order) for unit, order in sorted(self.last.items())]
        connection.exec_driver_sql(_REPLACE_UNITS, rows)


def refresh(connection: sql.Connection, units: Iterable[str]) -> None:
    """Bring units to the last row of their history; those without any are no units."""
    for some in chunks(sorted(units)):
        connection.execute(sql.delete(units_table).where(units_table.c.id.in_(some)))
        found = before(connection, some, LAST)
        if found:
            rows = [_unit(unit, *found[unit]) for unit in sorted(found)]
            connection.exec_driver_sql(_REPLACE_UNITS, rows)


def insert_step(connection: sql.Connection, row: StepRow) -> bool:
    """Write a step; tells whether it is new."""
    return connection.exec_driver_sql(_INSERT_STEP, tuple(vars(row).values())).rowcount == 1


def is_declared(connection: sql.Connection, event_id: str, digest: bytes, submitter: str) -> bool:
    """Tell whether a submitter declared an error in an event: with its content, or under its id."""
    asked = (submitter, digest, event_id)
    return connection.exec_driver_sql(_DECLARED, asked).first() is not None


def _place() -> sql.Tuple:
    return sql.tuple_(history_table.c.moment, history_table.c.sequence)


def _at(order: Order) -> sql.Tuple:
    return sql.tuple_(sql.literal(order.moment), sql.literal(order.sequence))


def _unit(unit: str, state: State, order: Order) -> tuple[Any, ...]:
    gtin = serial = ""
    try:
        parts = identifiers.parts(unit)
        gtin, serial = parts.gtin14, parts.serial
    except ValueError:
        pass
    kept = state[: len(_KEPT)]
    return (
        unit,
        gtin,
        serial,
        state.lot,
        state.expiry,
        *kept,
        state.maker,
        state.hand,
        *order,
    )


def _marks(count: int) -> str:
    return "(" + ", ".join("?" * count) + ")"


# Written out, for they run for every event: to make such a text takes longer than to run it.
_UNIT_NAMES = ", ".join(each.name for each in fields(UnitRow))
_SELECT_UNITS = f"SELECT {_UNIT_NAMES} FROM supply_units"  # noqa: S608
_INSERT_STEP = "INSERT OR IGNORE INTO supply_steps VALUES " + _marks(len(fields(StepRow)))  # noqa: S608
_DECLARED = (
    "SELECT 1 FROM supply_steps WHERE declares = 1 AND submitter = ?"
    " AND (digest = ? OR event_id = ?) LIMIT 1"
)
_INSERT_HISTORY = "INSERT INTO supply_history VALUES " + _marks(len(fields(HistoryRow)))  # noqa: S608
_REPLACE_UNITS = "INSERT OR REPLACE INTO supply_units VALUES " + _marks(len(fields(UnitRow)))  # noqa: S608
