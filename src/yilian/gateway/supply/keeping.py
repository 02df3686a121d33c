"""How a unit was kept: what was measured where it was, and whether that is within its budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sql

from yilian.gateway.supply import temperatures
from yilian.gateway.supply.database import table
from yilian.gateway.supply.directory import Listing
from yilian.gateway.supply.pack_rows import UnitRow, chunks
from yilian.gateway.supply.temperatures import Excursion, Range, Reading, Span
from yilian.gateway.supply.whereabouts import Stay, Whereabouts

SILENCE = 3_600_000
"""After how long without a reading (ms) a report says that nothing is known."""


class Products(Protocol):
    """Where products and their storage ranges are known (`directory.Directory`)."""

    def product(self, gtin: str) -> Listing | None:
        """Find a product by its GTIN of 14 digits."""


class Budget(NamedTuple):
    """How long a product may be out of its range in all (ms), and between which limits then.

    `floor` and `ceiling` in hundredths of a degree C; None: no limit.
    """

    outside: int
    floor: int | None = None
    ceiling: int | None = None


class Report(NamedTuple):
    """How a unit was kept. Times in ms of UTC, temperatures in hundredths of a degree C.

    `outside` is the time out of range so far, `left` what remains of the budget; both None where
    the product has no range. `conforms` is False as soon as the budget is used up or a limit was
    passed. `ongoing`: the newest reading is out of range. In `silent` nothing was measured.
    """

    unit: str
    readings: int
    lowest: int | None
    highest: int | None
    mean_kinetic: int | None
    excursions: tuple[Excursion, ...]
    outside: int | None
    left: int | None
    conforms: bool
    ongoing: bool
    silent: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class SensorEventRow:
    """An event that reports temperatures."""

    sequence: int
    digest: bytes
    submitter: str


@dataclass(frozen=True)
class SubjectRow:
    """What an event's readings are of: a unit, a case around others, or a place.

    `first` is the moment (ms) of the earliest one.
    """

    subject: str
    first: int
    sequence: int


@dataclass(frozen=True)
class ReadingRow:
    """A reading of an event; temperatures in ninths of a kelvin, as text."""

    sequence: int
    number: int
    device: str
    at: int
    until: int | None
    low: str
    high: str
    mean: str


@dataclass(frozen=True)
class BudgetRow:
    """A product's budget."""

    gtin: str
    outside: int
    floor: int | None
    ceiling: int | None


sensor_events_table = table("supply_sensor_events", SensorEventRow, ("sequence",))
sql.Index("supply_sensor_events_digest", sensor_events_table.c.digest)
subjects_table = table("supply_sensor_subjects", SubjectRow, ("subject", "first", "sequence"))
sql.Index("supply_sensor_subjects_sequence", subjects_table.c.sequence)
readings_table = table("supply_readings", ReadingRow, ("sequence", "number"))
budgets_table = table("supply_temperature_budgets", BudgetRow, ("gtin",))


class Keeping(NamedTuple):
    """What a unit went through: spans clipped to its stays, and the excursions among them."""

    spans: tuple[Span, ...]
    excursions: tuple[Excursion, ...]
    outside: int
    carrier: str
    ongoing: bool


class Look:
    """What one transaction knows of temperatures: each carrier is read once."""

    def __init__(self, connection: sql.Connection, products: Products) -> None:
        self.connection = connection
        self._products = products
        self._ranges: dict[str, Range | None] = {}
        self._budgets: dict[str, Budget] = {}
        self.whereabouts = Whereabouts(connection)
        self._readings: dict[str, list[Reading]] = {}
        self._spans: dict[str, list[Span]] = {}
        self._excursions: dict[tuple[str, Range], list[Excursion]] = {}

    def allowed(self, gtin: str) -> Range | None:
        """Give the storage range of a product; None where the chain knows none."""
        if gtin not in self._ranges:
            found = self._products.product(gtin) if gtin else None
            known: Range | None = None
            if found is not None and found.lowest is not None and found.highest is not None:
                convert = temperatures.from_celsius
                known = Range(convert(found.lowest), convert(found.highest))
            self._ranges[gtin] = known
        return self._ranges[gtin]

    def budget(self, gtin: str) -> Budget:
        """Give the budget of a product: none at all where nothing was said."""
        if gtin not in self._budgets:
            query = sql.select(budgets_table).where(budgets_table.c.gtin == gtin)
            found = self.connection.execute(query).first()
            self._budgets[gtin] = Budget(0) if found is None else Budget(*found[1:])
        return self._budgets[gtin]

    def readings(self, carrier: str) -> list[Reading]:
        """List what was measured of a carrier."""
        if carrier not in self._readings:
            self._readings[carrier] = read(self.connection, carrier)
            self._spans[carrier] = temperatures.spans(self._readings[carrier])
        return self._readings[carrier]

    def excursions(self, carrier: str, allowed: Range) -> list[Excursion]:
        """List when a carrier was out of a range."""
        known = self._excursions.get((carrier, allowed))
        if known is None:
            self.readings(carrier)
            known = temperatures.excursions(self._spans[carrier], allowed)
            self._excursions[(carrier, allowed)] = known
        return known

    def course(self, unit: str) -> list[Span]:
        """List what was measured where a unit was while it was there, in order of time."""
        spans: list[Span] = []
        for stay in self.whereabouts.stays(unit):
            if self.readings(stay.carrier):
                parts = (_cut(each, stay) for each in self._spans[stay.carrier])
                spans += [each for each in parts if each is not None]
        return sorted(spans, key=lambda each: each.start)

    def keeping(self, unit: str, allowed: Range | None) -> Keeping:
        """Give what a unit went through, for a range."""
        spans: list[Span] = []
        found: list[tuple[Excursion, str]] = []
        newest = 0
        for stay in self.whereabouts.stays(unit):
            here = self.readings(stay.carrier)
            if not here:
                continue
            newest = max(newest, self._newest(here, stay))
            parts = (_cut(each, stay) for each in self._spans[stay.carrier])
            spans += [each for each in parts if each is not None]
            for each in self.excursions(stay.carrier, allowed) if allowed else ():
                part = temperatures.clipped(each, stay.start, stay.end)
                # A device that tells nothing any more says nothing of what comes long after.
                stale = each.end is None and stay.start >= here[-1].at + SILENCE
                if part is not None and not stale:
                    found.append((part, stay.carrier))
        united = tuple(temperatures.united(each for each, _ in found))
        ends = [newest if each.end is None else each.end for each in united]
        outside = sum(max(0, end - each.start) for each, end in zip(united, ends, strict=True))
        first = min(found, key=lambda each: each[0].start)[1] if found else ""
        ongoing = any(each.end is None for each in united)
        return Keeping(tuple(spans), united, outside, first, ongoing)

    @staticmethod
    def _newest(readings: Sequence[Reading], stay: Stay) -> int:
        newest = max(each.until or each.at for each in readings)
        return newest if stay.end is None else min(newest, stay.end)

    def conforms(self, kept: Keeping, budget: Budget) -> bool:
        """Tell whether a budget covers what a unit went through."""
        if not kept.excursions:
            return True
        if not budget.outside or kept.outside > budget.outside:
            return False
        low, high = budget.floor, budget.ceiling
        convert = temperatures.from_celsius
        cold = low is not None and any(each.low < convert(low) for each in kept.excursions)
        hot = high is not None and any(each.high > convert(high) for each in kept.excursions)
        return not (cold or hot)

    def report(self, row: UnitRow) -> Report:
        """Say how a unit was kept."""
        allowed, budget = self.allowed(row.gtin), self.budget(row.gtin)
        kept = self.keeping(row.id, allowed)
        celsius = temperatures.to_celsius
        mean = temperatures.mean_kinetic_temperature(
            (celsius(each.mean), float(each.weight)) for each in kept.spans
        )
        lows = [each.low for each in kept.spans]
        highs = [each.high for each in kept.spans]
        return Report(
            unit=row.id,
            readings=len(kept.spans),
            lowest=temperatures.hundredths(celsius(min(lows))) if lows else None,
            highest=temperatures.hundredths(celsius(max(highs))) if highs else None,
            mean_kinetic=None if mean is None else temperatures.hundredths(mean),
            excursions=kept.excursions,
            outside=kept.outside if allowed else None,
            left=max(0, budget.outside - kept.outside) if allowed else None,
            conforms=self.conforms(kept, budget),
            ongoing=kept.ongoing,
            silent=tuple(temperatures.silences(self._during(row.id), SILENCE)),
        )

    def _during(self, unit: str) -> list[Reading]:
        return [
            each
            for stay in self.whereabouts.stays(unit)
            for each in self.readings(stay.carrier)
            if each.at >= stay.start and (stay.end is None or each.at < stay.end)
        ]


def _cut(span: Span, stay: Stay) -> Span | None:
    """The part of a reading that a stay shares, and what it counts for."""
    if stay.end is not None and span.start >= stay.end:
        return None
    if span.end is not None and span.end <= stay.start:
        return None
    weight = span.weight
    if span.end is not None:
        end = span.end if stay.end is None else min(span.end, stay.end)
        weight = end - max(span.start, stay.start)
    return span._replace(weight=weight)


def measured(connection: sql.Connection, carriers: Iterable[str]) -> bool:
    """Tell whether anything was ever measured of one of these."""
    for some in chunks(sorted(set(carriers))):
        query = sql.select(subjects_table.c.subject).where(subjects_table.c.subject.in_(some))
        if connection.scalar(query.limit(1)) is not None:
            return True
    return False


def read(connection: sql.Connection, carrier: str) -> list[Reading]:
    """List the readings of a carrier in order of time."""
    of, rows = subjects_table.c, readings_table.c
    query = (
        sql.select(rows.device, rows.at, rows.until, rows.low, rows.high, rows.mean)
        .join_from(subjects_table, readings_table, rows.sequence == of.sequence)
        .where(of.subject == carrier)
        .order_by(rows.at)
    )
    return [_reading(row) for row in connection.execute(query)]


def before(connection: sql.Connection, carrier: str, reading: Reading) -> Reading | None:
    """Find what a device measured of a carrier before a reading: its last, or one before that."""
    of, rows = subjects_table.c, readings_table.c
    query = (
        sql.select(rows.device, rows.at, rows.until, rows.low, rows.high, rows.mean)
        .join_from(subjects_table, readings_table, rows.sequence == of.sequence)
        .where(of.subject == carrier, of.first < reading.at)
        .where(rows.device == reading.device, rows.at < reading.at)
        .order_by(of.first.desc(), rows.at.desc())
    )
    found = connection.execute(query.limit(1)).first()
    return None if found is None else _reading(found)


def _reading(row: Sequence[Any]) -> Reading:
    device, at, until, low, high, mean = row
    return Reading(device, at, until, Decimal(low), Decimal(high), Decimal(mean))
