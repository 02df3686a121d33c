"""Temperatures over time: conversion, excursions against brute force, mean kinetic temperature."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.temperatures import (
    Excursion,
    Range,
    Reading,
    clipped,
    excursions,
    from_celsius,
    hundredths,
    mean_kinetic_temperature,
    readings_of,
    silences,
    spans,
    to_celsius,
    united,
)

COLD = Range(from_celsius(200), from_celsius(800))
HORIZON = 200


def reading(at: int, celsius: int, device: str = "", until: int | None = None) -> Reading:
    value = from_celsius(celsius)
    return Reading(device, at, until, value, value, value)


def report(told: dict[str, object], about: dict[str, str] | None = None) -> list[Reading]:
    event: Event = {
        "type": "ObjectEvent",
        "eventTime": "2026-01-01T01:00:00Z",
        "sensorElementList": [
            {"sensorMetadata": about or {}, "sensorReport": [{"type": "Temperature"} | told]}
        ],
    }
    return readings_of(event)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([5, 5, 5], "5.00"),
        ([5, 5, 5, 5, 20], "10.70"),
        ([25, 25, 25, 40], "31.28"),
        ([-70], "-70.00"),
    ],
)
def test_mean_kinetic_temperature(readings: list[int], expected: str) -> None:
    """Figures of the acceptance check; the default activation energy is 83.144 kJ/mol."""
    found = mean_kinetic_temperature((float(each), 1.0) for each in readings)
    assert found is not None
    assert f"{found:.2f}" == expected


@given(st.lists(st.tuples(st.floats(-80, 60), st.floats(0.1, 1e6)), min_size=1, max_size=30))
def test_mean_kinetic_temperature_lies_between_the_mean_and_the_highest(
    samples: list[tuple[float, float]],
) -> None:
    found = mean_kinetic_temperature(samples)
    assert found is not None
    weights = sum(weight for _, weight in samples)
    mean = sum(celsius * weight for celsius, weight in samples) / weights
    assert mean - 1e-6 <= found <= max(celsius for celsius, _ in samples) + 1e-6


def test_no_readings_have_no_mean() -> None:
    assert mean_kinetic_temperature([]) is None
    assert mean_kinetic_temperature([(5.0, 0.0)]) is None


def test_another_activation_energy() -> None:
    low = mean_kinetic_temperature([(5.0, 1), (20.0, 1)], activation_energy=60)
    high = mean_kinetic_temperature([(5.0, 1), (20.0, 1)], activation_energy=120)
    assert low is not None
    assert high is not None
    assert low < high


@pytest.mark.parametrize(
    ("value", "uom"),
    [("8", "CEL"), ("281.15", "KEL"), ("46.4", "FAH"), ("506.07", "A48")],
)
def test_eight_degrees_are_eight_in_every_unit(value: str, uom: str) -> None:
    found = report({"value": Decimal(value), "uom": uom})
    assert [each.high for each in found] == [COLD.high]
    assert excursions(spans(found), COLD) == []
    above = report({"value": Decimal(value) + Decimal("0.0001"), "uom": uom})
    assert len(excursions(spans(above), COLD)) == 1


def test_what_is_no_temperature_is_left_out() -> None:
    assert report({"value": 5, "uom": "KGM"}) == []
    assert report({"value": 5}) == []
    assert report({"value": -1, "uom": "KEL"}) == []
    assert report({"stringValue": "warm", "uom": "CEL"}) == []
    assert report({"type": "RelativeHumidity", "value": 5, "uom": "P1"}) == []


def test_when_a_reading_was_taken() -> None:
    moment = 1_767_225_600_000
    at = {"time": "2026-01-01T00:00:00Z"}
    for found in (report({"value": 5, "uom": "CEL"} | at), report({"value": 5, "uom": "CEL"}, at)):
        assert [(each.at, each.until) for each in found] == [(moment, None)]
    span = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T08:30:00+08:00"}
    found = report({"minValue": 3, "maxValue": Decimal("9.5"), "uom": "CEL"}, span)
    assert [(each.at, each.until) for each in found] == [(moment, moment + 1_800_000)]
    assert (hundredths(to_celsius(found[0].low)), hundredths(to_celsius(found[0].high))) == (
        300,
        950,
    )
    assert [each.at for each in report({"value": 5, "uom": "CEL"})] == [moment + 3_600_000]


def test_an_excursion_lasts_until_the_next_reading_in_range() -> None:
    held = spans([reading(0, 500), reading(10, 900), reading(20, 1000), reading(30, 800)])
    low, high = from_celsius(900), from_celsius(1000)
    assert excursions(held, COLD) == [Excursion(10, 30, low, high)]


def test_an_excursion_goes_on_where_nothing_follows() -> None:
    assert excursions(spans([reading(0, 500), reading(10, 100)]), COLD)[0].end is None


def test_a_reading_over_a_span_ends_with_it() -> None:
    found = excursions(spans([reading(10, 900, until=15), reading(40, 500)]), COLD)
    assert [(each.start, each.end) for each in found] == [(10, 15)]


DEVICES = st.sampled_from(("", "a", "b"))
READINGS = st.lists(
    st.builds(
        lambda at, celsius, device, length: reading(
            at, celsius, device, at + length if length else None
        ),
        st.integers(0, HORIZON - 1),
        st.integers(-300, 1500),
        DEVICES,
        st.sampled_from((0, 0, 0, 1, 7, 40)),
    ),
    max_size=25,
)


def out(readings: list[Reading], moment: int) -> bool:
    """Brute force: does any device say, at this moment, that it is out of range?"""
    for device in {each.device for each in readings}:
        own = [each for each in readings if each.device == device]
        newest = max((each.at for each in own if each.at <= moment), default=None)
        for each in own:
            spanned = each.until is not None and each.at <= moment < each.until
            last = each.until is None and each.at == newest
            if (spanned or last) and not COLD.low <= each.high <= COLD.high:
                return True
    return False


@settings(max_examples=300, deadline=None)
@given(READINGS)
def test_excursions_equal_brute_force(readings: list[Reading]) -> None:
    found = excursions(spans(readings), COLD)
    told = {
        moment
        for each in found
        for moment in range(each.start, HORIZON if each.end is None else min(each.end, HORIZON))
    }
    assert told == {moment for moment in range(HORIZON) if out(readings, moment)}
    for one, two in pairwise(found):
        assert one.end is not None
        assert one.end < two.start


@settings(max_examples=200, deadline=None)
@given(READINGS, st.integers(0, HORIZON), st.integers(1, HORIZON))
def test_clipping_equals_brute_force(readings: list[Reading], start: int, length: int) -> None:
    end = start + length
    parts = [clipped(each, start, end) for each in excursions(spans(readings), COLD)]
    told = {
        moment
        for each in parts
        if each is not None and each.end is not None
        for moment in range(each.start, min(each.end, HORIZON))
    }
    expected = {m for m in range(start, min(end, HORIZON)) if out(readings, m)}
    assert told == expected


def test_excursions_that_touch_are_one() -> None:
    low, high = Decimal(1), Decimal(2)
    found = united([Excursion(10, 20, low, low), Excursion(0, 10, high, high)])
    assert found == [Excursion(0, 20, low, high)]
    open_end = united([Excursion(0, None, low, low), Excursion(5, 6, high, high)])
    assert open_end == [Excursion(0, None, low, high)]


def test_silence_is_told() -> None:
    found = [reading(0, 500), reading(10, 500, until=40), reading(60, 500), reading(62, 500)]
    assert silences(found, 9) == [(0, 10), (40, 60)]
    assert silences(found, 20) == []
    assert silences([], 1) == []
