"""The cold chain: sensor events become excursions of units, and what got too warm is held back.

Readings belong to what their event names: units, the cases around them, or a place. A unit shares
them for as long as it was there, which its history tells; so only the packs that were inside during
an excursion are affected, whatever came or went before and after. What arrives late, readings or
packing, is judged again. Nothing is released by itself: people do that.

The range is the product's own on the chain. A budget says how long a product may be outside of it,
and beyond which temperatures never; without one, any excursion is too much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.supply import steps, temperatures, whereabouts
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.database import METADATA, SupplyDatabase, table
from yilian.gateway.supply.keeping import (
    Budget,
    Look,
    Products,
    Report,
    before,
    budgets_table,
    measured,
    readings_table,
    sensor_events_table,
    subjects_table,
)
from yilian.gateway.supply.pack_rows import UnitRow, chunks, steps_table, units_table
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.scan import Kept
from yilian.gateway.supply.temperatures import Range, Reading, Span
from yilian.gateway.supply.unit import TERMINAL
from yilian.gateway.supply.whereabouts import Whereabouts
from yilian.ledger.errors import code

BAD_BUDGET = code(9720, "supply.bad_budget", 400, "gtin")
UNIT_UNKNOWN = code(9721, "supply.unit_not_measured", 404, "unit")

BATCH = 500
"""How many events are taken in one transaction."""

HELD_AT_ONCE = 1_000
"""How many units one event holds back."""

CARRIER = f"{steps.PREFIX}:carrier"
"""Names, in an event that holds units back, what they were in or at."""

_HOLDS = frozenset(("active", "partially_dispensed", "in_transit", "returned", "lost"))


@dataclass(frozen=True)
class _JudgedRow:
    """What a unit was held back for last: so many excursions, so long outside (ms)."""

    unit: str
    excursions: int
    outside: int


_judged = table("supply_temperature_judged", _JudgedRow, ("unit",))
_cursor = sql.Table(
    "supply_temperature_cursor",
    METADATA,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("sequence", sql.BigInteger, nullable=False),
)


class _Change(NamedTuple):
    """That more is known of a carrier since a time, with readings between two extremes."""

    since: int
    low: Decimal
    high: Decimal


class _Dirty:
    """What has to be judged again: carriers, and units."""

    def __init__(self) -> None:
        self.carriers: dict[str, _Change] = {}
        self.units: set[str] = set()

    def carrier(self, name: str, change: _Change) -> None:
        """Note a change of a carrier."""
        known = self.carriers.get(name, change)
        self.carriers[name] = _Change(
            min(known.since, change.since),
            min(known.low, change.low),
            max(known.high, change.high),
        )


class _Finding(NamedTuple):
    """What was found out of a unit that does not conform."""

    row: UnitRow
    carrier: str
    excursions: int
    outside: int
    first: bool = True


class ColdChain:
    """The temperatures of one organisation's units. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        repository: Repository,
        packs: Packs,
        alerts: Alerts,
        products: Products,
        *,
        organisation: str,
        now: Callable[[], int],
    ) -> None:
        """Call `catch_up` once, then after each commit of the repository (`listeners`)."""
        self._database = database
        self._repository = repository
        self._packs = packs
        self._alerts = alerts
        self._products = products
        self._organisation = organisation
        self._now = now
        self._turn = Lock()

    # Following

    def catch_up(self) -> int:
        """Take all events that are new; tells up to which one. Again is fine."""
        with self._turn:
            at, wrote = self._follow()
        if wrote:
            self._repository.tell()
        return at

    def rebuild(self) -> int:
        """Read every event again; what was held back stays known, and is not held twice."""
        with self._turn:
            with self._database.write() as connection:
                for each in (readings_table, subjects_table, sensor_events_table, _cursor):
                    connection.execute(sql.delete(each))
            at, wrote = self._follow()
        if wrote:
            self._repository.tell()
        return at

    def _follow(self) -> tuple[int, bool]:
        with self._database.read() as reading:
            at = int(reading.scalar(sql.select(_cursor.c.sequence)) or 0)
        wrote = False
        while True:
            # Histories first: a unit's stays are read from them.
            self._packs.catch_up()
            found = self._repository.after(at, BATCH)
            if not found:
                return at, wrote
            at = found[-1].sequence
            with self._database.write() as connection:
                dirty = _Dirty()
                for each in found:
                    self._take(each, dirty, connection)
                wrote = self._judge(dirty, connection) or wrote
                noted = insert(_cursor).values(name="cold_chain", sequence=at)
                connection.execute(
                    noted.on_conflict_do_update(index_elements=("name",), set_={"sequence": at})
                )

    def _take(self, stored: Stored, dirty: _Dirty, connection: sql.Connection) -> None:
        event = stored.event
        try:
            step = steps.read(event)
        except (KeyError, ValueError):
            return
        if stored.submitter == self._organisation and _is_hold(event):
            return  # what this part has written itself moves nothing
        if step.declares:
            self._withdraw(stored, dirty, connection)
        else:
            self._insert(stored, event, step, dirty, connection)
        if _exposes(step, connection):
            dirty.units |= set(step.units)

    def _insert(
        self,
        stored: Stored,
        event: Event,
        step: steps.Step,
        dirty: _Dirty,
        connection: sql.Connection,
    ) -> None:
        told = temperatures.readings_of(event)
        if not told or self._is_withdrawn(stored, connection):
            return
        first = min(each.at for each in told)
        low, high = min(each.low for each in told), max(each.high for each in told)
        earliest: dict[str, Reading] = {}
        for reading in sorted(told, key=lambda one: one.at):
            earliest.setdefault(reading.device, reading)
        place = {"sequence": stored.sequence}
        of = []
        for subject in _subjects(event, step):
            dirty.carrier(subject, _Change(first, low, high))
            for reading in earliest.values():
                # What was measured before it held until now, and no longer.
                last = before(connection, subject, reading)
                if last is not None:
                    dirty.carrier(subject, _Change(last.at, last.low, last.high))
            of.append({**place, "subject": subject, "first": first})
        if not of:
            return
        rows = [
            {
                **place,
                **each._asdict(),
                "number": number,
                "low": str(each.low),
                "high": str(each.high),
                "mean": str(each.mean),
            }
            for number, each in enumerate(told)
        ]
        sender = {**place, "digest": stored.digest, "submitter": stored.submitter}
        for target, made in (
            (sensor_events_table, [sender]),
            (subjects_table, of),
            (readings_table, rows),
        ):
            connection.execute(insert(target).on_conflict_do_nothing(), made)

    def _withdraw(self, stored: Stored, dirty: _Dirty, connection: sql.Connection) -> None:
        """Forget the readings of an event that its own sender declares not to have happened."""
        sent, of = sensor_events_table.c, subjects_table.c
        query = sql.select(sent.sequence).where(
            sent.digest == stored.digest, sent.submitter == stored.submitter
        )
        for sequence in connection.scalars(query).all():
            about = sql.select(of.subject, of.first).where(of.sequence == sequence)
            for subject, at in connection.execute(about):
                dirty.carrier(subject, _Change(at, Decimal(0), Decimal("Infinity")))
            for each in (readings_table, subjects_table, sensor_events_table):
                connection.execute(sql.delete(each).where(each.c.sequence == sequence))

    def _is_withdrawn(self, stored: Stored, connection: sql.Connection) -> bool:
        """Whether a declaration about this event came before it."""
        query = sql.select(steps_table.c.void).where(steps_table.c.sequence == stored.sequence)
        return bool(connection.scalar(query))

    # Judging

    def _judge(self, dirty: _Dirty, connection: sql.Connection) -> bool:
        """Judge units again, hold back what does not conform; tells whether events were written."""
        if connection.scalar(sql.select(sensor_events_table.c.sequence).limit(1)) is None:
            return False
        units = whereabouts.inside(connection, dirty.units)
        look = Look(connection, self._products)
        ranges = self._ranges(look) if dirty.carriers else []
        for carrier, change in dirty.carriers.items():
            if any(change.low < each.low or change.high > each.high for each in ranges):
                units |= whereabouts.members(connection, carrier, change.since)
        findings: list[_Finding] = []
        for some in chunks(sorted(units)):
            look.whereabouts.load(some)
            rows = self._packs.rows(some, connection)
            judged = _judged_rows(connection, some)
            for unit in sorted(rows):
                finding, before = self._find(look, rows[unit]), judged.get(unit)
                if finding is not None and _grew(finding, before):
                    findings.append(finding._replace(first=before is None))
        return self._act(findings, connection)

    def _ranges(self, look: Look) -> list[Range]:
        """The storage ranges of all products known here."""
        gtins = look.connection.scalars(sql.select(units_table.c.gtin).distinct())
        found = [look.allowed(each) for each in gtins]
        return [each for each in found if each is not None]

    def _find(self, look: Look, row: UnitRow) -> _Finding | None:
        allowed = look.allowed(row.gtin)
        if allowed is None:
            return None
        kept = look.keeping(row.id, allowed)
        if look.conforms(kept, look.budget(row.gtin)):
            return None
        return _Finding(row, kept.carrier, len(kept.excursions), kept.outside)

    # Acting

    def _act(self, findings: Sequence[_Finding], connection: sql.Connection) -> bool:
        wrote = False
        grouped: dict[str, list[_Finding]] = {}
        for each in self._to_hold(findings, connection):
            grouped.setdefault(each.carrier, []).append(each)
        for carrier in sorted(grouped):
            listed = grouped[carrier]
            for start in range(0, len(listed), HELD_AT_ONCE):
                some = [each.row.id for each in listed[start : start + HELD_AT_ONCE]]
                event = self._hold(carrier, some)
                stored = self._repository.put([event], self._organisation, connection)[0]
                detail = Detail(f"action/cold_chain/{stored.sequence}", "hold")
                self._alerts.raise_("temperature", "error", carrier, detail, connection)
                wrote = True
        for each in findings:
            if each.row.standing in TERMINAL:
                # Too late to hold it back: people must decide whom to tell.
                detail = Detail(f"action/cold_chain/{each.carrier}", "observe", each.row.standing)
                self._alerts.raise_("temperature", "error", each.row.id, detail, connection)
            row = {"unit": each.row.id, "excursions": each.excursions, "outside": each.outside}
            noted = insert(_judged).values(row)
            connection.execute(noted.on_conflict_do_update(index_elements=("unit",), set_=row))
        return wrote

    def _to_hold(self, findings: Sequence[_Finding], connection: sql.Connection) -> list[_Finding]:
        """The units to hold back: not a case that holds others which may stay in the trade.

        Holding a case back holds back all that is in it.
        """
        found = {each.row.id: each for each in findings if _can_be_held(each)}
        full: set[str] = set()
        for some in chunks(sorted(found)):
            query = sql.select(units_table.c.id, units_table.c.parent)
            for unit, parent in connection.execute(query.where(units_table.c.parent.in_(some))):
                if unit not in found:
                    full.add(parent)
        return [found[unit] for unit in sorted(found) if unit not in full]

    def _hold(self, carrier: str, units: list[str]) -> Event:
        return {
            "@context": {steps.PREFIX: steps.NAMESPACE},
            "type": "ObjectEvent",
            "eventTime": timestamp(self._now()),
            "eventTimeZoneOffset": "+00:00",
            "epcList": units,
            "action": "OBSERVE",
            "bizStep": "holding",
            "disposition": "non_conformant",
            CARRIER: carrier,
        }

    # Budgets

    def set_budget(self, gtin: str, budget: Budget | None) -> None:
        """Say how long a product may be out of its range; None: not at all.

        Holds for what is judged from now on. Refuses `supply.bad_budget` for a negative time or a
        floor above the ceiling.
        """
        with self._database.write() as connection:
            connection.execute(sql.delete(budgets_table).where(budgets_table.c.gtin == gtin))
            if budget is None:
                return
            low, high = budget.floor, budget.ceiling
            if budget.outside < 0 or (low is not None and high is not None and low > high):
                raise BAD_BUDGET(gtin=gtin)
            connection.execute(sql.insert(budgets_table).values(gtin=gtin, **budget._asdict()))

    def budget(self, gtin: str) -> Budget:
        """Give the budget of a product: none at all where nothing was said."""
        with self._database.read() as connection:
            return Look(connection, self._products).budget(gtin)

    # Reading

    def report(self, unit: str) -> Report:
        """Say how a unit was kept; refuses `supply.unit_not_measured` for one unknown here."""
        with self._database.read() as connection:
            named = steps.canonical(unit)
            row = self._packs.rows([named], connection).get(named)
            if row is None:
                raise UNIT_UNKNOWN(unit=unit[:200])
            return Look(connection, self._products).report(row)

    def course(self, unit: str) -> tuple[list[Span], Range | None]:
        """List what was measured of a unit in order of time, and give its product's range.

        Refuses `supply.unit_not_measured` for a unit that is unknown here.
        """
        with self._database.read() as connection:
            named = steps.canonical(unit)
            row = self._packs.rows([named], connection).get(named)
            if row is None:
                raise UNIT_UNKNOWN(unit=unit[:200])
            look = Look(connection, self._products)
            return look.course(named), look.allowed(row.gtin)

    def kept(self, unit: str) -> Kept | None:
        """Sum up how a unit was kept, for `scan`; None where nothing was measured."""
        with self._database.read() as connection:
            named = steps.canonical(unit)
            row = self._packs.rows([named], connection).get(named)
            if row is None:
                return None
            found = Look(connection, self._products).report(row)
        if not found.readings:
            return None
        return Kept(
            readings=found.readings,
            lowest=found.lowest,
            highest=found.highest,
            mean_kinetic=found.mean_kinetic,
            minutes_outside=-(-(found.outside or 0) // 60_000),
        )


def _is_hold(event: Event) -> bool:
    told = (event["type"], event.get("disposition"), CARRIER in event)
    return told == ("ObjectEvent", "non_conformant", True) and "sensorElementList" not in event


def _exposes(step: steps.Step, connection: sql.Connection) -> bool:
    """Whether units may have shared more of what was measured than was known before this event.

    What only ends a stay (unpacking, shipping) takes away, and takes nothing back.
    """
    if step.declares or step.act in ("void_ship", "release"):
        return True
    if step.act == "commission" and measured(connection, step.units):
        return True
    if step.place and step.act != "ship" and measured(connection, [step.place]):
        return True
    if step.link not in ("add", "observe") or not step.parent:
        return False
    above = {each.carrier for each in Whereabouts(connection).stays(step.parent)}
    return measured(connection, above | {step.parent})


def _subjects(event: Event, step: steps.Step) -> list[str]:
    """What an event's readings are about: the units it names, else the place it was read at.

    Those of an aggregation or association are about the parent: what is in it shares them.
    """
    if step.parent:
        return [step.parent]
    if step.units:
        return sorted(step.units)
    found = ((event.get(name) or {}).get("id") for name in ("readPoint", "bizLocation"))
    return sorted({steps.canonical(each) for each in found if isinstance(each, str)})


def _judged_rows(connection: sql.Connection, units: Iterable[str]) -> dict[str, _JudgedRow]:
    query = sql.select(_judged).where(_judged.c.unit.in_(list(units)))
    return {row.unit: _JudgedRow(*row) for row in connection.execute(query)}


def _can_be_held(finding: _Finding) -> bool:
    """Whether a unit is to be held back: one that people released is, for what came since."""
    standing = finding.row.standing
    return standing in _HOLDS or (finding.first and standing not in TERMINAL)


def _grew(finding: _Finding, judged: _JudgedRow | None) -> bool:
    """Whether there is more than what the unit was held back for already."""
    if judged is None:
        return True
    return (finding.outside, finding.excursions) > (judged.outside, judged.excursions)
