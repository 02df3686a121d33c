"""Numbers of the trade: check digits, prefixes, lots and the marks of serials."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases import raises
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import errors
from yilian.ledger.modules.supply.numbers import (
    Gln,
    Gtin,
    Lot,
    Prefix,
    ascends,
    check_digit,
    require_check_digit,
    require_prefix,
    serial_digest,
)

DIGITS = st.text("0123456789", min_size=13, max_size=13)


@pytest.mark.parametrize(
    "number",
    [
        "4006381333931",  # an EAN-13 in many textbooks
        "09506000134352",  # GS1's own example GTIN
        "9506000134352",
        "629104150021" + "3",  # GS1 General Specifications, figure 7.9-2
        "00000000000000",
    ],
)
def test_published_numbers_have_their_check_digit(number: str) -> None:
    require_check_digit(number)


@given(DIGITS, st.integers(0, 13), st.integers(1, 9))
def test_a_single_wrong_digit_is_always_caught(digits: str, place: int, step: int) -> None:
    number = digits + check_digit(digits)
    require_check_digit(number)
    other = str((int(number[place]) + step) % 10)
    with pytest.raises(Refusal) as caught:
        require_check_digit(number[:place] + other + number[place + 1 :])
    assert caught.value.code is errors.BAD_CHECK_DIGIT


@given(DIGITS)
def test_zeros_in_front_change_no_check_digit(digits: str) -> None:
    assert check_digit("0" + digits) == check_digit(digits)


@raises(errors.BAD_PREFIX)
def test_short_numbers_have_no_prefix() -> None:
    require_prefix("000012")
    require_prefix("0000012")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Gtin, "0" * 14, ["0" * 13, "0" * 15, "0" * 13 + "x", "０" * 14, "0" * 14 + "\n"]),
        (Gln, "0" * 13, ["0" * 12, "0" * 14, "0" * 13 + "\n"]),
        (Prefix, "690123", ["69012", "6" * 13, "690123\n", "69012x", ""]),
        (Lot, "A!\"%&'()*+,-./:;<=>?_z9", ["", "a b", "批号", "a#b", "a\n", "x" * 21, "a@b"]),
    ],
)
def test_what_a_number_may_look_like(kind: object, good: str, bad: list[str]) -> None:
    whole = good[:20] if kind is Lot else good
    assert msgspec.convert(whole, kind) == whole
    for each in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(each, kind)


def test_lists_ascend() -> None:
    assert ascends([])
    assert ascends(["a"])
    assert ascends(["a", "b"])
    assert not ascends(["a", "a"])
    assert not ascends(["b", "a"])


def test_a_serials_mark_depends_on_both() -> None:
    marks = {serial_digest(gtin, serial) for gtin in ("0" * 14, "1" * 14) for serial in ("1", "11")}
    assert len(marks) == 4
    assert serial_digest("0" * 14, "1") in marks
