"""Schedules: what the standard's words mean, against a plain search, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.scale import scale
from yilian.gateway.epcis import schedule
from yilian.ledger.errors import Refusal


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def following(fields: dict[str, object], moment: str) -> str:
    found = schedule.read(fields).next_after(ms(moment))
    assert found is not None
    return datetime.fromtimestamp(found / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    ("fields", "moment", "expected"),
    [
        ({"hour": "1", "minute": "5"}, "2026-11-22T00:00:00", "2026-11-22T01:05:00"),
        ({"hour": "1", "minute": "5"}, "2026-11-22T01:05:00", "2026-11-23T01:05:00"),
        ({"hour": 1, "minute": 5}, "2026-11-22T01:04:59.999", "2026-11-22T01:05:00"),
        ({"second": "0/30"}, "2026-11-22T01:04:31", "2026-11-22T01:05:00"),
        ({"second": "0,30"}, "2026-11-22T01:04:29", "2026-11-22T01:04:30"),
        ({"second": "*"}, "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ({"minute": "[10-12]"}, "2026-11-22T01:12:00", "2026-11-22T02:10:00"),
        ({"dayOfWeek": "1"}, "2026-11-22T10:00:00", "2026-11-23T00:00:00"),
        ({"dayOfWeek": "[6-7]", "hour": "9"}, "2026-11-20T10:00:00", "2026-11-21T09:00:00"),
        ({"dayOfWeek": "1", "month": "2"}, "2026-01-30T10:00:00", "2026-02-02T00:00:00"),
        ({"dayOfMonth": "31"}, "2026-02-01T00:00:00", "2026-03-31T00:00:00"),
        ({"month": "3"}, "2026-04-01T00:00:00", "2027-03-01T00:00:00"),
        ({"month": "2", "dayOfMonth": "29"}, "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ({"dayOfMonth": "13", "dayOfWeek": "5"}, "2026-04-01T00:00:00", "2026-11-13T00:00:00"),
        (
            {"month": "2", "dayOfMonth": "29", "dayOfWeek": "1"},
            "2024-03-01T00:00:00",
            "2044-02-29T00:00:00",
        ),
    ],
)
def test_the_next_moment(fields: dict[str, object], moment: str, expected: str) -> None:
    assert following(fields, moment) == expected


def readable(fields: dict[str, object]) -> schedule.Schedule:
    """Read a schedule, and leave out the one kind that never comes: the 30th of February."""
    try:
        return schedule.read(fields)
    except Refusal:
        assume(not {"month", "dayOfMonth"} <= fields.keys())
        raise


def lists(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    pair = st.tuples(number, number).map(lambda each: f"[{min(each)}-{max(each)}]")
    return st.lists(st.one_of(number.map(str), pair), min_size=1, max_size=3).map(",".join)


@settings(max_examples=scale(60, 1_000), deadline=None)
@given(
    fields=st.fixed_dictionaries(
        {}, optional={name: lists(*bounds) for name, bounds in schedule.FIELDS.items()}
    ).filter(bool),
    moment=st.integers(ms("2024-02-27T00:00:00"), ms("2024-03-03T00:00:00")),
)
def test_against_a_search_second_by_second(fields: dict[str, object], moment: int) -> None:
    """Nothing that matches is passed over, and what is given matches every field."""
    made = readable(fields)
    found = made.next_after(moment)
    assert found is not None
    assert found > moment
    assert found % 1000 == 0

    def matches(at: int) -> bool:
        each = datetime.fromtimestamp(at / 1000, UTC)
        parts = (each.second, each.minute, each.hour, each.day, each.month, each.isoweekday())
        return all(part in values for part, values in zip(parts, made, strict=True))

    assert matches(found)
    first = moment // 1000 * 1000 + 1000
    for at in range(first, min(found, first + 4_000_000), 1000):
        assert not matches(at)
    # And minute by minute up to the end, at the seconds that count.
    for at in range(first, min(found, first + 90 * 86_400_000), 61_000):
        assert not matches(at)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "schedule", "empty"),
        ({"year": "2026"}, "schedule.year", "unknown"),
        ({"second": "60"}, "schedule.second", "out_of_range"),
        ({"hour": "24"}, "schedule.hour", "out_of_range"),
        ({"dayOfMonth": "0"}, "schedule.dayOfMonth", "out_of_range"),
        ({"month": "13"}, "schedule.month", "out_of_range"),
        ({"dayOfWeek": "8"}, "schedule.dayOfWeek", "out_of_range"),
        ({"minute": "[12-10]"}, "schedule.minute", "out_of_range"),
        ({"minute": "0/0"}, "schedule.minute", "out_of_range"),
        ({"minute": ""}, "schedule.minute", "malformed"),
        ({"minute": "5,"}, "schedule.minute", "malformed"),
        ({"minute": "-5"}, "schedule.minute", "malformed"),
        ({"minute": "٥"}, "schedule.minute", "malformed"),
        ({"minute": "1," * 200 + "1"}, "schedule.minute", "malformed"),
        ({"minute": True}, "schedule.minute", "malformed"),
        ({"minute": None}, "schedule.minute", "malformed"),
        ({"minute": ["5"]}, "schedule.minute", "malformed"),
        ({"month": "2", "dayOfMonth": "30"}, "schedule", "never"),
    ],
)
def test_what_is_no_schedule(fields: dict[str, object], field: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        schedule.read(fields)
    assert caught.value.code.name == "epcis.subscription_controls"
    assert caught.value.parameters == {"field": field, "reason": reason}
