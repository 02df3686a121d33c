"""Temperatures over time: what was measured, when it was out of range, and what that adds up to.

A reading holds until the next one of the same device; one over a span (`until`) holds for its span.
A place with several devices was out of range when any of them says so. Temperatures are kept in
ninths of a kelvin, in which degrees Celsius and Fahrenheit are whole decimals, so that no reading
at the very limit is misjudged by rounding.

Mean kinetic temperature: USP <1079>, ICH Q1A(R2) glossary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from yilian.gateway.epcis import names
from yilian.gateway.epcis.document import Event, Namespaces
from yilian.gateway.epcis.terms import microseconds
from yilian.gateway.epcis.units_of_measure import unit

ACTIVATION_ENERGY = 83.144
"""Delta H of the mean kinetic temperature by default, in kJ/mol."""

GAS_CONSTANT = 8.3144
"""In J/(mol K)."""

_ZERO_CELSIUS = Decimal("2458.35")
_KELVIN = 273.15


class Reading(NamedTuple):
    """What a device measured at `at`, or from then until before `until` (ms of UTC).

    `low`, `high` and `mean` in ninths of a kelvin.
    """

    device: str
    at: int
    until: int | None
    low: Decimal
    high: Decimal
    mean: Decimal


class Span(NamedTuple):
    """A reading with the time it holds for; `end` is None as long as no other follows.

    `weight` is what it counts in a mean, in ms: a last reading counts like the one before it.
    """

    start: int
    end: int | None
    low: Decimal
    high: Decimal
    mean: Decimal
    weight: int


class Excursion(NamedTuple):
    """A time out of range, up to before `end` (None: it goes on), and the extremes in it."""

    start: int
    end: int | None
    low: Decimal
    high: Decimal


class Range(NamedTuple):
    """From and up to which temperature a product may be kept, in ninths of a kelvin."""

    low: Decimal
    high: Decimal


def from_celsius(hundredths: int) -> Decimal:
    """Give hundredths of a degree Celsius in ninths of a kelvin, exactly."""
    return Decimal(hundredths) * 9 / 100 + _ZERO_CELSIUS


def to_celsius(value: Decimal) -> float:
    """Give ninths of a kelvin in degrees Celsius."""
    return float((value - _ZERO_CELSIUS) / 9)


def hundredths(celsius: float) -> int:
    """Round degrees Celsius to hundredths."""
    return round(celsius * 100)


# Reading events


def readings_of(event: Event) -> list[Reading]:
    """List the temperatures that an event reports (EPCIS 2.0, section 7.3.7).

    What has no unit of temperature, or lies below absolute zero, is left out.
    """
    namespaces = names.context_of(event)
    found: list[Reading] = []
    for element in event.get("sensorElementList") or ():
        about = element.get("sensorMetadata") or {}
        for report in element.get("sensorReport") or ():
            reading = _reading(event, about, report, namespaces)
            if reading is not None:
                found.append(reading)
    return found


def _reading(
    event: Event, about: Mapping[str, Any], report: Mapping[str, Any], namespaces: Namespaces
) -> Reading | None:
    if names.word("measurement", str(report.get("type", "")), namespaces) != "Temperature":
        return None
    scale = unit(str(report.get("uom", "")))
    if scale.base != "temperature":
        return None
    told = {
        name: scale.to_base(report[name])
        for name in ("value", "minValue", "maxValue", "meanValue")
        if isinstance(report.get(name), Decimal | int)
    }
    if not told or min(told.values()) < 0:
        return None
    at, until = _time(event, about, report)
    high = max(told.values())
    mean = told.get("meanValue", told.get("value", high))
    device = str(report.get("deviceID") or about.get("deviceID") or "")
    return Reading(device, at, until, min(told.values()), high, mean)


def _time(
    event: Event, about: Mapping[str, Any], report: Mapping[str, Any]
) -> tuple[int, int | None]:
    moment = report.get("time") or about.get("time")
    if moment is None and about.get("startTime") and about.get("endTime"):
        start, end = _ms(about["startTime"]), _ms(about["endTime"])
        return (start, end) if start < end else (end, None)
    return _ms(moment or about.get("endTime") or event["eventTime"]), None


def _ms(text: str) -> int:
    return microseconds(text) // 1000


# What follows from readings


def spans(readings: Iterable[Reading]) -> list[Span]:
    """Give each reading the time it holds for, by device; in order of their start."""
    by_device: dict[str, list[Reading]] = {}
    for each in readings:
        by_device.setdefault(each.device, []).append(each)
    found: list[Span] = []
    for device in by_device.values():
        found += _spans(sorted(device, key=lambda each: each.at))
    return sorted(found, key=lambda each: each.start)


def _spans(readings: Sequence[Reading]) -> Iterator[Span]:
    starts = sorted({each.at for each in readings})
    following = dict(pairwise(starts))
    before = {later: earlier for earlier, later in following.items()}
    for each in readings:
        end = each.until or following.get(each.at)
        counted = each.at - before.get(each.at, each.at - 1)
        weight = counted if end is None else end - each.at
        yield Span(each.at, end, each.low, each.high, each.mean, weight)


def excursions(held: Iterable[Span], allowed: Range) -> list[Excursion]:
    """Find the times out of range; those that touch are one."""
    out = [each for each in held if each.low < allowed.low or each.high > allowed.high]
    return united(Excursion(each.start, each.end, each.low, each.high) for each in out)


def united(found: Iterable[Excursion]) -> list[Excursion]:
    """Make one excursion of those that overlap or touch."""
    merged: list[Excursion] = []
    for each in sorted(found, key=lambda one: one.start):
        last = merged[-1] if merged else None
        if last is None or (last.end is not None and each.start > last.end):
            merged.append(each)
            continue
        end = None if last.end is None or each.end is None else max(last.end, each.end)
        merged[-1] = Excursion(last.start, end, min(last.low, each.low), max(last.high, each.high))
    return merged


def clipped(each: Excursion, start: int, end: int | None) -> Excursion | None:
    """Give the part of an excursion from `start` to before `end`, if there is one."""
    first = max(each.start, start)
    last = each.end if end is None else end if each.end is None else min(each.end, end)
    if last is not None and last <= first:
        return None
    return each._replace(start=first, end=last)


def mean_kinetic_temperature(
    samples: Iterable[tuple[float, float]],
    *,
    activation_energy: float = ACTIVATION_ENERGY,
) -> float | None:
    """Give the one temperature that would have aged a product as much, in degrees Celsius.

    `samples` are (degrees Celsius, weight); weights are times, or 1 for readings evenly spaced.
    None where there are none. `activation_energy` in kJ/mol (USP <1079>).
    """
    slope = activation_energy * 1000 / GAS_CONSTANT
    total = weights = 0.0
    for celsius, weight in samples:
        total += weight * math.exp(-slope / (celsius + _KELVIN))
        weights += weight
    if weights <= 0 or total <= 0:
        return None
    return slope / -math.log(total / weights) - _KELVIN


def silences(readings: Iterable[Reading], longest: int) -> list[tuple[int, int]]:
    """List the times longer than `longest` ms in which nothing was measured."""
    found: list[tuple[int, int]] = []
    known: int | None = None
    for each in sorted(readings, key=lambda one: one.at):
        if known is not None and each.at - known > longest:
            found.append((known, each.at))
        seen = each.until or each.at
        known = seen if known is None else max(known, seen)
    return found
