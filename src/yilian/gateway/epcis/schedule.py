"""When a standing query runs: the schedule of EPCIS 2.0, section 8.2.5.3, which is like cron's.

A field is a list of whole numbers and ranges (`5`, `0,30`, `[1-5]`); `*` is any value, and `0/30`
is every thirtieth from 0 on, as in the standard's own example. A moment matches where every field
that is given matches. Fields left out are any value where they are coarser than the finest one
given, and the least value where they are finer: `{"hour": "1", "minute": "5"}` is 01:05:00 daily,
as the standard explains it. All times are UTC.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from yilian.gateway.epcis.subscription_errors import SUBSCRIPTION_CONTROLS

FIELDS: dict[str, tuple[int, int]] = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
"""The fields, the finest first, and their least and greatest values; Monday is 1."""

MAX_FIELD = 200
LOOK_AHEAD_DAYS = 366 * 41
"""Beyond this no schedule that can match at all has a first match (29 February on a Monday)."""

_DAYS = ("dayOfMonth", "month")
"""Any value beside a `dayOfWeek`: a schedule of Mondays is weekly, not each month's first day."""
_NUMBER = re.compile(r"[0-9]{1,2}")
_RANGE = re.compile(r"\[?([0-9]{1,2})-([0-9]{1,2})\]?")
_STEP = re.compile(r"(\*|[0-9]{1,2})/([0-9]{1,2})")


class Schedule(NamedTuple):
    """The values that match, sorted, for each field."""

    second: tuple[int, ...]
    minute: tuple[int, ...]
    hour: tuple[int, ...]
    day_of_month: tuple[int, ...]
    month: tuple[int, ...]
    day_of_week: tuple[int, ...]

    def next_after(self, moment: int) -> int | None:
        """Give the first moment (ms of UTC) that matches and is later; None where none ever is."""
        start = datetime.fromtimestamp(moment // 1000 + 1, UTC)
        of_day = self._time_from(start.hour, start.minute, start.second)
        if of_day is not None and self._matches(start.date()):
            return _ms(start.date(), of_day)
        day = start.date()
        for _ in range(LOOK_AHEAD_DAYS):
            day += timedelta(days=1)
            if self._matches(day):
                return _ms(day, (self.hour[0], self.minute[0], self.second[0]))
        return None

    def _matches(self, day: date) -> bool:
        return (
            day.month in self.month
            and day.day in self.day_of_month
            and day.isoweekday() in self.day_of_week
        )

    def _time_from(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """Give the first matching time of a day that is not before the one given."""
        if hour in self.hour:
            if minute in self.minute and (found := _from(self.second, second)) is not None:
                return hour, minute, found
            if (later := _from(self.minute, minute + 1)) is not None:
                return hour, later, self.second[0]
        following = _from(self.hour, hour + 1)
        return None if following is None else (following, self.minute[0], self.second[0])


def read(fields: Mapping[str, object]) -> Schedule:
    """Read a schedule as a subscription gives it: field names and their values as text.

    Refuses `epcis.subscription_controls`, naming the field: unknown, malformed, out of its range,
    no field at all, or days that no calendar has.
    """
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise SUBSCRIPTION_CONTROLS(field=f"schedule.{unknown[0][:40]}", reason="unknown")
    if not fields:
        raise SUBSCRIPTION_CONTROLS(field="schedule", reason="empty")
    names = list(FIELDS)
    finest = min(names.index(name) for name in fields)
    values = []
    for place, (name, (least, most)) in enumerate(FIELDS.items()):
        if name in fields:
            values.append(_values(name, fields[name]))
        elif place < finest and not (name in _DAYS and "dayOfWeek" in fields):
            values.append((least,))
        else:
            values.append(tuple(range(least, most + 1)))
    made = Schedule(*values)
    if made.next_after(0) is None:
        raise SUBSCRIPTION_CONTROLS(field="schedule", reason="never")
    return made


def _values(name: str, given: object) -> tuple[int, ...]:
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(text, str) or len(text) > MAX_FIELD:
        raise SUBSCRIPTION_CONTROLS(field=f"schedule.{name}", reason="malformed")
    least, most = FIELDS[name]
    found: set[int] = set()
    for element in text.split(","):
        found.update(_element(name, element.strip(), least, most))
    return tuple(sorted(found))


def _element(name: str, text: str, least: int, most: int) -> range:
    if text == "*":
        return range(least, most + 1)
    if _NUMBER.fullmatch(text):
        low, high, step = int(text), int(text), 1
    elif match := _RANGE.fullmatch(text):
        low, high, step = int(match[1]), int(match[2]), 1
    elif match := _STEP.fullmatch(text):
        low, high, step = least if match[1] == "*" else int(match[1]), most, int(match[2])
    else:
        raise SUBSCRIPTION_CONTROLS(field=f"schedule.{name}", reason="malformed")
    if not least <= low <= high <= most or step < 1:
        raise SUBSCRIPTION_CONTROLS(field=f"schedule.{name}", reason="out_of_range")
    return range(low, high + 1, step)


def _from(values: tuple[int, ...], least: int) -> int | None:
    at = bisect_left(values, least)
    return values[at] if at < len(values) else None


def _ms(day: date, time: tuple[int, int, int]) -> int:
    hour, minute, second = time
    made = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
    return int(made.timestamp()) * 1000
