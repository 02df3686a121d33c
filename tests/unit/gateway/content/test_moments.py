"""FHIR dates and times: partial ones, zones, and what is no date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.gateway.content.moments import Span, months, span

DAY = 86_400_000
ZONES = st.integers(-14 * 60, 14 * 60)
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9998, 12, 29)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)
)


def ms(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(  # type: ignore[misc,arg-type]
        milliseconds=1
    )


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2020", ms(2020, 1, 1), ms(2021, 1, 1)),
        ("2020-02", ms(2020, 2, 1), ms(2020, 3, 1)),
        ("2020-12", ms(2020, 12, 1), ms(2021, 1, 1)),
        ("2020-02-29", ms(2020, 2, 29), ms(2020, 3, 1)),
        ("1931-05-06", ms(1931, 5, 6), ms(1931, 5, 7)),
        ("2020-02-29T08:00+08:00", ms(2020, 2, 29), ms(2020, 2, 29, 0, 1)),
        ("2020-02-29T00:00:00Z", ms(2020, 2, 29), ms(2020, 2, 29, 0, 0, 1)),
        ("2020-02-28T19:00:00-05:00", ms(2020, 2, 29), ms(2020, 2, 29, 0, 0, 1)),
        ("2020-02-29T00:00:00.996+00:00", ms(2020, 2, 29) + 996, ms(2020, 2, 29) + 997),
        ("2020-02-29T00:00:00.5Z", ms(2020, 2, 29) + 500, ms(2020, 2, 29) + 501),
        ("2016-12-31T23:59:60Z", ms(2016, 12, 31, 23, 59, 59), ms(2017, 1, 1)),
    ],
)
def test_a_moment_means_a_span(text: str, low: int, high: int) -> None:
    assert span(text) == Span(low, high)


def test_what_has_no_zone_is_read_in_the_organisations() -> None:
    assert span("2020-02-29", 480) == Span(ms(2020, 2, 28, 16), ms(2020, 2, 29, 16))
    assert span("2020-02-29T08:00:00", 480) == span("2020-02-29T00:00:00Z")
    assert span("2020-02-29T08:00:00Z", 480) == span("2020-02-29T08:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "2020-13",
        "2020-00",
        "2021-02-29",
        "2020-02-29T24:00:00Z",
        "2020-02-29T10:60:00Z",
        "2020-02-29T10:00:61Z",
        "2020-02-29T10:00:00+15:00",
        "2020-02-29T10Z",
        "2020-02-29 10:00:00Z",
        "2020-02-29T10:00:00z",
        "2020-02-29\n",
        "0000",
        "9999",
        "２０２０",
        "yesterday",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert span(text) is None


@given(MOMENTS, ZONES)
def test_spans_agree_with_the_calendar(moment: datetime, zone: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=zone)))
    found = span(aware.isoformat(timespec="milliseconds"))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert found == Span(expected, expected + 1)


@given(st.integers(-10 * 365 * DAY, 100 * 365 * DAY), st.integers(1, 900 * DAY))
def test_months_cover_a_span_without_a_gap(low: int, length: int) -> None:
    found = list(months(low, low + length))
    days = range(low // DAY, (low + length - 1) // DAY + 1)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert found == sorted({f"{start + timedelta(days=each):%Y-%m}" for each in days})
