"""The conditions of a grant: what they say, and whether they are met now. Pure.

    encounter                     an encounter is open, or a referral accepted, between the patient
                                  and the reader's organisation
    hours:08:00-18:00+08:00       from 08:00 until just before 18:00 at that offset from UTC; where
                                  the end is not after the start the span passes midnight
    days:mon-fri+08:00            on these days at that offset; `sat-mon` passes the week's end, and
                                  one day stands alone (`days:mon+08:00`)
    place:ward-3                  the session says that the reader is there

Offsets are fixed, so that nobody's summer-time table decides. All conditions of a grant must be
met. Hours and days are judged apart: on `days:mon` with `hours:22:00-06:00` Monday's first hours
are open and Tuesday's are not. A place is what the reader's organisation states: it is committed
to on the chain and journalled, not proved. What is not in this grammar is met never.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from yilian.ledger.codec import Millis, Name
from yilian.ledger.errors import code

CONDITION_UNKNOWN = code(9320, "grant_condition_unknown", 400, "index")
"""Terms name a condition outside the grammar; `index` is its place in their list, from 0."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_OFFSET = r"([+-])([01][0-9]):([0-5][0-9])"
_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_HOURS = re.compile(rf"hours:{_CLOCK}-{_CLOCK}{_OFFSET}", re.ASCII)
_DAYS = re.compile(rf"days:({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?{_OFFSET}", re.ASCII)
_PLACE = re.compile(r"place:([a-z][a-z0-9]*(?:[._-][a-z0-9]+)*)", re.ASCII)
_MINUTE = 60_000
_DAY_MINUTES = 24 * 60
_WEST, _EAST = -12 * 60, 14 * 60
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What conditions are judged by: the moment (ms UTC), the place stated, the relation proved."""

    now: Millis
    place: Name | None = None
    encounter: bool = False


def kind(condition: str) -> str:
    """Name a condition's kind: `encounter`, `hours`, `days`, `place`, or `unknown`."""
    if condition == "encounter":
        return condition
    for name, read in (("hours", _read_hours), ("days", _read_days), ("place", _read_place)):
        if read(condition) is not None:
            return name
    return "unknown"


def check(conditions: Sequence[str]) -> None:
    """Refuse `grant_condition_unknown` for the first condition outside the grammar."""
    for index, condition in enumerate(conditions):
        if kind(condition) == "unknown":
            raise CONDITION_UNKNOWN(index=index)


def met(condition: str, situation: Situation) -> bool:
    """Tell whether one condition is met; what is not in the grammar is not."""
    if condition == "encounter":
        return situation.encounter
    minute = situation.now // _MINUTE
    if (hours := _read_hours(condition)) is not None:
        start, end, offset = hours
        at = (minute + offset) % _DAY_MINUTES
        return start <= at < end if start < end else at >= start or at < end
    if (days := _read_days(condition)) is not None:
        first, last, offset = days
        day = ((minute + offset) // _DAY_MINUTES + _EPOCH_WEEKDAY) % 7
        return (day - first) % 7 <= (last - first) % 7
    place = _read_place(condition)
    return place is not None and place == situation.place


def unmet(conditions: Sequence[str], situation: Situation) -> tuple[str, ...]:
    """Name each condition that is not met as a reason: `condition_not_met.<kind>.<index>`.

    The index is its place in the terms, from 0, so that two conditions of a kind are told apart.
    """
    return tuple(
        f"condition_not_met.{kind(condition)}.{index}"
        for index, condition in enumerate(conditions)
        if not met(condition, situation)
    )


def _read_hours(condition: str) -> tuple[int, int, int] | None:
    """Read start and end in minutes of the day, and the offset in minutes."""
    found = _HOURS.fullmatch(condition)
    if found is None:
        return None
    start = int(found[1]) * 60 + int(found[2])
    end = int(found[3]) * 60 + int(found[4])
    offset = _offset(found[5], found[6], found[7])
    # Equal ends could mean all day or never: neither is guessed.
    return None if offset is None or start == end else (start, end, offset)


def _read_days(condition: str) -> tuple[int, int, int] | None:
    """Read the first and last day (0 is Monday), and the offset in minutes."""
    found = _DAYS.fullmatch(condition)
    if found is None:
        return None
    offset = _offset(found[3], found[4], found[5])
    first = DAYS.index(found[1])
    return None if offset is None else (first, DAYS.index(found[2] or found[1]), offset)


def _read_place(condition: str) -> str | None:
    found = _PLACE.fullmatch(condition)
    return None if found is None or len(found[1]) > 64 else found[1]


def _offset(sign: str, hours: str, minutes: str) -> int | None:
    """Give minutes east of UTC; None outside -12:00 to +14:00, where no place is."""
    offset = int(hours) * 60 + int(minutes)
    signed = -offset if sign == "-" else offset
    return signed if _WEST <= signed <= _EAST else None
