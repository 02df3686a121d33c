from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.ledger.errors import Refusal
from yilian.vault import conditions
from yilian.vault.conditions import DAYS, Situation, check, kind, met, unmet


def at(text: str) -> Situation:
    """The moment of an ISO 8601 text."""
    return Situation(now=int(datetime.fromisoformat(text).timestamp() * 1000))


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-11-22T08:00:00+08:00", True),
        ("2026-11-22T07:59:59.999+08:00", False),
        ("2026-11-22T17:59:59.999+08:00", True),
        ("2026-11-22T18:00:00+08:00", False),
        ("2026-11-22T00:00:00+00:00", True),
        ("2026-11-22T12:00:00+00:00", False),
    ],
)
def test_hours_at_a_fixed_offset(moment: str, open_: bool) -> None:
    assert met("hours:08:00-18:00+08:00", at(moment)) is open_


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-11-22T21:59:00-05:30", False),
        ("2026-11-22T22:00:00-05:30", True),
        ("2026-11-22T23:59:59-05:30", True),
        ("2026-11-22T00:00:00-05:30", True),
        ("2026-11-22T05:59:59-05:30", True),
        ("2026-11-22T06:00:00-05:30", False),
    ],
)
def test_hours_may_pass_midnight(moment: str, open_: bool) -> None:
    assert met("hours:22:00-06:00-05:30", at(moment)) is open_


@pytest.mark.parametrize(
    ("condition", "moment", "open_"),
    [
        # 2026-11-20 was a Friday.
        ("days:mon-fri+08:00", "2026-11-20T23:59:00+08:00", True),
        ("days:mon-fri+08:00", "2026-11-20T16:00:00+00:00", False),
        ("days:mon-fri+00:00", "2026-11-20T16:00:00+00:00", True),
        ("days:mon-fri+08:00", "2026-11-22T15:59:00+00:00", False),
        ("days:mon-fri+08:00", "2026-11-22T16:00:00+00:00", True),
        ("days:sat-mon+00:00", "2026-11-23T12:00:00+00:00", True),
        ("days:sat-mon+00:00", "2026-11-24T12:00:00+00:00", False),
        ("days:fri+00:00", "2026-11-20T12:00:00+00:00", True),
        ("days:fri+00:00", "2026-11-21T00:00:00+00:00", False),
    ],
)
def test_days_at_a_fixed_offset(condition: str, moment: str, open_: bool) -> None:
    assert met(condition, at(moment)) is open_


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),
    st.integers(-12 * 60, 14 * 60),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(DAYS),
    st.sampled_from(DAYS),
)
def test_hours_and_days_are_those_of_the_calendar(
    moment: datetime, offset: int, start: int, end: int, first: str, last: str
) -> None:
    """Python's own calendar, asked minute by minute and day by day, is the model."""
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    now = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    local = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset)))
    hours = f"hours:{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}{zone}"
    span = {(start + each) % 1440 for each in range((end - start) % 1440)}
    assert met(hours, Situation(now=now)) == (local.hour * 60 + local.minute in span)
    week = [*DAYS, *DAYS]
    named = week[week.index(first) :]
    days = named[: named.index(last) + 1]
    assert met(f"days:{first}-{last}{zone}", Situation(now=now)) == (DAYS[local.weekday()] in days)


def test_an_encounter_and_a_place_are_facts_handed_in() -> None:
    assert not met("encounter", Situation(now=0))
    assert met("encounter", Situation(now=0, encounter=True))
    assert met("place:ward-3", Situation(now=0, place="ward-3"))
    assert not met("place:ward-3", Situation(now=0, place="ward-4"))
    assert not met("place:ward-3", Situation(now=0))


WRONG = [
    "",
    "Encounter",
    "encounter.open",
    "encounter\n",
    "hours:08:00-18:00",
    "hours:8:00-18:00+08:00",
    "hours:08:00-24:00+08:00",
    "hours:08:00-08:00+08:00",
    "hours:08:00-18:00+15:00",
    "hours:08:00-18:00-12:01",
    "hours:08:00-18:00+08:60",
    "hours:08:00-18:00+08:00\n",
    "hours:٠٨:00-18:00+08:00",
    "days:mon-fri",
    "days:monday+08:00",
    "days:mon-fri-sun+08:00",
    "days:mon-fri+14:01",
    "place:",
    "place:Ward",
    "place:a b",
    "place:" + "a" * 65,
    "moon:full",
]


@pytest.mark.parametrize("condition", WRONG)
def test_what_is_not_in_the_grammar_is_refused_and_met_never(condition: str) -> None:
    assert kind(condition) == "unknown"
    everything = Situation(now=0, place="ward", encounter=True)
    assert not met(condition, everything)
    with pytest.raises(Refusal) as caught:
        check(["encounter", condition])
    assert caught.value.code is conditions.CONDITION_UNKNOWN
    assert caught.value.parameters == {"index": 1}


def test_each_unmet_condition_is_named() -> None:
    asked = ("days:sat+00:00", "encounter", "hours:00:00-12:00+00:00", "moon", "place:ward")
    check([each for each in asked if each != "moon"])
    assert unmet(asked, at("2026-11-20T13:00:00+00:00")) == (
        "condition_not_met.days.0",
        "condition_not_met.encounter.1",
        "condition_not_met.hours.2",
        "condition_not_met.unknown.3",
        "condition_not_met.place.4",
    )
    good = Situation(now=at("2026-11-21T11:00:00+00:00").now, place="ward", encounter=True)
    assert unmet(asked, good) == ("condition_not_met.unknown.3",)


@given(st.text(max_size=40), st.integers(0, 2**53 - 1), st.booleans())
def test_any_text_is_judged(text: str, now: int, encounter: bool) -> None:
    situation = Situation(now=now, place="ward", encounter=encounter)
    assert not met(text, situation) or kind(text) != "unknown"
