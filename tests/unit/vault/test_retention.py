from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.ledger.errors import Refusal
from yilian.vault import retention

DAY = 86_400_000


def at(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("name", "deposited", "ends"),
    [
        ("outpatient", (2026, 3, 17, 8), (2041, 4, 1)),
        ("outpatient", (2026, 12, 31, 23), (2042, 1, 1)),
        ("inpatient", (2024, 2, 29), (2054, 3, 1)),
        ("prescription", (2026, 1, 1), (2027, 2, 1)),
        ("trial", (2026, 6, 30), (2031, 7, 1)),
    ],
)
def test_a_term_ends_with_the_month(
    name: str, deposited: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    assert retention.ends(name, at(*deposited)) == at(*ends)


@pytest.mark.parametrize("name", ["patient-note", "none"])
def test_what_nobody_must_keep_may_go_at_once(name: str) -> None:
    assert retention.ends(name, 12_345) == 12_345


@given(st.sampled_from(sorted(retention.CLASSES)), st.integers(0, at(2200, 1, 1)))
def test_no_term_is_shorter_than_its_years_nor_longer_than_a_month_more(
    name: str, deposited: int
) -> None:
    years = retention.CLASSES[name].years
    kept = retention.ends(name, deposited) - deposited
    if years:
        assert (365 * years + years // 4 - 1) * DAY <= kept <= (366 * years + 32) * DAY
    else:
        assert kept == 0


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
def test_a_later_deposit_never_ends_earlier(one: int, two: int) -> None:
    first, second = sorted((one, two))
    assert retention.ends("inpatient", first) <= retention.ends("inpatient", second)


@given(st.integers(0, at(9000, 1, 1)))
def test_a_hold_is_looked_at_again_within_two_months(now: int) -> None:
    assert now + 30 * DAY - DAY < retention.review(now) <= now + 62 * DAY


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        retention.ends("forever", 0)
    assert caught.value.code.name == "retention_class_unknown"


def test_each_class_names_its_source() -> None:
    assert all(each.source for each in retention.CLASSES.values())
    assert retention.CLASSES["outpatient"].years == 15
    assert retention.CLASSES["inpatient"].years == 30
