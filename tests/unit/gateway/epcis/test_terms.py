from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.gateway.epcis.terms import (
    FIXED,
    microseconds,
    number_of,
    number_value,
    read_number,
    terms,
    text_value,
    time_value,
)
from yilian.gateway.epcis.units_of_measure import unit

numbers = st.one_of(
    st.integers(-(10**30), 10**30).map(Decimal),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.decimals(-10, 10, places=3),
)


@given(numbers, numbers)
def test_numbers_sort_as_their_texts_do(one: Decimal, other: Decimal) -> None:
    first, second = number_value(one), number_value(other)
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_no_number_has_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        number_value(Decimal(text))


@given(st.datetimes(), st.datetimes())
def test_times_sort_as_their_texts_do(one: object, other: object) -> None:
    first, second = (microseconds(f"{each.isoformat()}+00:00") for each in (one, other))  # type: ignore[attr-defined]
    assert (time_value(first) < time_value(second)) == (one < other)  # type: ignore[operator]


def test_times_count_microseconds_wherever_they_were_written() -> None:
    assert microseconds("1970-01-01T08:00:00.000001+08:00") == 1
    assert microseconds("1970-01-01T00:00:00.0000019Z") == 1
    for text in ("1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "now", ""):
        with pytest.raises(ValueError, match=r"format|1970|month"):
            microseconds(text)


@given(st.text(max_size=900), st.text(max_size=900))
def test_texts_are_equal_when_their_values_are(one: str, other: str) -> None:
    assert (text_value(one) == text_value(other)) == (one == other)


def test_long_texts_that_begin_alike_are_told_apart() -> None:
    assert text_value("x" * 900) != text_value("x" * 901)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", "12"), ("-0.50", "-0.5"), ("+1e3", "1000"), (".5", "0.5"), ("5.", "5")],
)
def test_texts_that_are_numbers(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "x", "1_0", "１２", "NaN", "Infinity", "1 ", "-", ".", "1" * 61]
)
def test_texts_that_are_none(text: str) -> None:
    assert read_number(text) is None


def test_names_keep_their_numbers() -> None:
    assert [number_of(each) for each in FIXED[:3]] == [0, 1, 2]
    assert number_of("ILMD|https://x.example#lot") == number_of("ILMD|https://x.example#lot")
    assert number_of("ILMD|https://x.example#lot") > 1_000
    assert len({number_of(each) for each in FIXED}) == len(FIXED)


def test_terms_of_an_event_hold_no_duplicates_of_meaning() -> None:
    event = {
        "type": "ObjectEvent",
        "eventTime": "2026-01-01T00:00:00Z",
        "epcList": [
            "urn:epc:id:sgtin:9520001.000001.7",
            "https://id.gs1.org/01/09520001000010/21/7",
        ],
    }
    found = {value for name, value in terms(event) if name == number_of("epc")}
    assert found == {"https://id.gs1.org/01/09520001000010/21/7"}


# UN/ECE Recommendation 20, Annex: one of a unit in another.
FACTS = [
    ("TNE", 1, "GRM", 10**6),
    ("LBR", 1, "KGM", Fraction("0.45359237")),
    ("LTR", 1, "CMQ", 1000),
    ("CEL", -40, "FAH", -40),
    ("CEL", 0, "KEL", Fraction("273.15")),
    ("FAH", 32, "CEL", 0),
    ("A48", Fraction("491.67"), "CEL", 0),
    ("HUR", 2, "MIN", 120),
    ("BAR", 1, "A97", 1000),
    ("ATM", 1, "PAL", 101325),
    ("P1", 5, "59", 50000),
    ("M1", 1, "KMQ", Fraction(1, 1000)),
    ("DD", 1, "D62", 3600),
    ("MTS", 10, "KMH", 36),
    ("HTZ", 1, "RPM", 60),
    ("KWH", 1, "3B", Fraction("3.6")),
    ("AD", 1, "A99", 8),
    ("P71", 1, "P66", Fraction(1, 3600)),
    ("CUR", 1, "GBQ", 37),
    ("GM", 1000, "28", 1),
]


@pytest.mark.parametrize(("one", "amount", "other", "same"), FACTS)
def test_units(one: str, amount: Fraction, other: str, same: Fraction) -> None:
    def sized(code: str, value: Fraction) -> Fraction:
        found = unit(code)
        return Fraction(value) * Fraction(found.factor) + Fraction(found.offset)

    assert unit(one).base == unit(other).base
    assert sized(one, amount) == sized(other, same)


def test_conversion_rounds_nothing() -> None:
    value = Decimal("4." + "1234567890" * 10)
    exact = (Fraction(value) + Fraction("273.15")) * 9
    assert Fraction(unit("CEL").to_base(value)) == exact
    assert Fraction(unit("CEL").to_base(value, difference=True)) == Fraction(value) * 9
