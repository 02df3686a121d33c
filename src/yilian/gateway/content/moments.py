"""FHIR dates and times as they are written, and the span of time that each of them means.

FHIR R4, section 2.24.0.1 (date, dateTime, instant): a value may stop at the year, the month or the
day, and then means all of it. What is written is never changed; the span is only for comparing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

_SHAPE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})"
    r"(?:\.([0-9]{1,12}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_SECOND, _MINUTE, _DAY = 1_000, 60_000, 86_400_000
_LAST_YEAR = 9_998
"""Years above have no day after their last one in Python's calendar."""


class Span(NamedTuple):
    """From the first millisecond of a moment (UTC) up to, not including, the first one after."""

    low: int
    high: int


def span(text: str, offset: int = 0) -> Span | None:
    """Give the span that a FHIR date, dateTime or instant means; None where it is none.

    `offset` is minutes east of UTC, for what is written without a time zone.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        first, after = _days(int(year), month, day)
        if hour is None:
            return Span(first * _DAY - offset * _MINUTE, after * _DAY - offset * _MINUTE)
        start = first * _DAY + _clock(int(hour), int(minute), int(second or 0))
        start -= _offset(zone, offset) * _MINUTE
    except ValueError:
        return None
    start += int(((fraction or "") + "000")[:3])
    length = 1 if fraction else _SECOND if second else _MINUTE
    return Span(start, start + length)


def months(low: int, high: int) -> Iterator[str]:
    """List the calendar months (UTC, YYYY-MM) that a span touches, from first to last."""
    year, month = _month(low)
    last = _month(max(low, high - 1))
    while (year, month) <= last:
        yield f"{year:04d}-{month:02d}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _days(year: int, month: str | None, day: str | None) -> tuple[int, int]:
    if not 1 <= year <= _LAST_YEAR:
        raise ValueError(year)
    if month is None:
        first, after = date(year, 1, 1), date(year + 1, 1, 1)
    elif day is None:
        first = date(year, int(month), 1)
        after = date(year + int(month) // 12, int(month) % 12 + 1, 1)
    else:
        first = date(year, int(month), int(day))
        return first.toordinal() - _EPOCH, first.toordinal() + 1 - _EPOCH
    return first.toordinal() - _EPOCH, after.toordinal() - _EPOCH


def _clock(hour: int, minute: int, second: int) -> int:
    # A leap second (60) is counted as the second before it: POSIX time has no place for it.
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(hour)
    return hour * 3_600_000 + minute * _MINUTE + min(second, 59) * _SECOND


def _offset(zone: str | None, otherwise: int) -> int:
    if zone is None:
        return otherwise
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)


def _month(moment: int) -> tuple[int, int]:
    # An offset can carry a moment just below year 1; such a one counts as the first month.
    found = date.fromordinal(max(1, moment // _DAY + _EPOCH))
    return found.year, found.month
