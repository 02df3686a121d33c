"""Labels of medicine that are none of GS1's: HIBC of devices, ISBT 128 donation numbers.

ANSI/HIBC 2 (Supplier Labeling Standard): `+`, labeler, product, unit of measure, and, behind a
slash, lot or serial number and dates; the last character checks all before it (modulo 43).
ISBT 128 (ICCBBA ST-001): only the 13-character donation identification number is read, with its
ISO/IEC 7064 mod 37-2 check character; what its product and facility codes mean is licensed.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

from yilian.gateway.supply.code_form import Code, unreadable
from yilian.gateway.supply.element_strings import date_of
from yilian.ledger.errors import Refusal

_CODE_39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
_MOD_37 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_MAX_HIBC = 160

_PRIMARY = re.compile(r"[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]")
_VALUE = re.compile(r"[A-Z0-9 .%-]{0,20}")
_DATED = (
    (re.compile(r"([01][0-9])([0-9]{2})"), "{1}{0}00"),
    (re.compile(r"2([0-9]{2})([0-9]{2})([0-9]{2})"), "{2}{0}{1}"),
    (re.compile(r"3([0-9]{2})([0-9]{2})([0-9]{2})"), "{0}{1}{2}"),
    (re.compile(r"4([0-9]{2})([0-9]{2})([0-9]{2})[0-9]{2}"), "{0}{1}{2}"),
)
"""Flags and forms of a date, and how each is written as YYMMDD (day 00: the month's last)."""
_DAY_OF_YEAR = re.compile(r"(?:5([0-9]{2})([0-9]{3})|6([0-9]{2})([0-9]{3})[0-9]{2})")
_PLAIN_DAY_OF_YEAR = re.compile(r"([0-9]{2})([0-9]{3})")
_QUANTITY = re.compile(r"8[0-9]{2}|9[0-9]{5}")
_WHOLE_DATE = re.compile(r"(1[46])D([0-9]{4})([0-9]{2})([0-9]{2})")

_DONATION = r"([A-NP-Z1-9][A-NP-Z0-9][0-9]{3}[0-9]{8})"
_DONATION_LABEL = re.compile("=" + _DONATION + "([0-9A-Z]{2})")
_DONATION_TYPED = re.compile(_DONATION + "([0-9A-Z*])")


def read_hibc(text: str, *, padded: bool, year: int) -> Code:
    """Read a HIBC label with its product; refuses `supply.code_unreadable`.

    `padded`: a space stood behind the text, which may be the check character; in print it is `_`.
    """
    if len(text) > _MAX_HIBC:
        raise unreadable("hibc", "too_long")
    if text.endswith("_"):
        text = text[:-1] + " "
    elif padded and not _is_hibc(text):
        text += " "
    if not all(each in _CODE_39 for each in text):
        raise unreadable("hibc", "characters")
    if not _is_hibc(text):
        raise unreadable("hibc", "check_character")
    primary, _, rest = text[1:-1].partition("/")
    if not primary[:1].isalpha():
        raise unreadable("hibc", "no_pack")
    if not _PRIMARY.fullmatch(primary):
        raise unreadable("hibc", "structure")
    said = _secondary(rest, year) if rest else {}
    return Code(kind="hibc", text=text, number=primary, udi=text, **said)


def check_43(text: str) -> str:
    """Give the check character of a HIBC label: the sum of its characters' values, modulo 43."""
    return _CODE_39[sum(map(_CODE_39.index, text)) % 43]


def check_37(text: str) -> str:
    """Give the ISO/IEC 7064 mod 37-2 check character of digits and capital letters."""
    total = 0
    for each in text:
        total = (total + _MOD_37.index(each)) * 2 % 37
    return _MOD_37[(38 - total) % 37]


def read_isbt(text: str) -> Code:
    """Read a donation identification number, from its symbol or as typed with its check character.

    Refuses `supply.code_unreadable`.
    """
    label = _DONATION_LABEL.fullmatch(text)
    if label is not None:
        number, flags = label.groups()
        # Flags 60 to 96 are the check character's value and 60; others control the process.
        if flags.isdigit() and 60 <= int(flags) <= 96:
            _require_check(number, _MOD_37[int(flags) - 60])
        return Code(kind="isbt128", text=text, number=number)
    typed = _DONATION_TYPED.fullmatch(text)
    if typed is None:
        raise unreadable("isbt128" if text.startswith("=") else "text", "structure")
    _require_check(typed[1], typed[2])
    return Code(kind="isbt128", text=text, number=typed[1])


def _require_check(number: str, check: str) -> None:
    if check_37(number) != check:
        raise unreadable("isbt128", "check_character")


def _is_hibc(text: str) -> bool:
    return (
        len(text) > 2 and all(each in _CODE_39 for each in text) and check_43(text[:-1]) == text[-1]
    )


def _secondary(text: str, year: int) -> dict[str, str]:
    """Read lot, serial number and dates; what comes twice must say the same."""
    said: dict[str, str] = {}
    first, *others = text.split("/")
    pieces = _first(first, year) if first[:1] in "$0123456789" and first[2:3] != "D" else None
    for name, value in [*(pieces or [_other(first)]), *map(_other, others)]:
        if value and said.setdefault(name, value) != value:
            raise unreadable("hibc", "repeated")
    return said


def _first(text: str, year: int) -> list[tuple[str, str]]:
    """Read the field that names the lot (or, with a plus, the serial number) and its expiry."""
    found = re.fullmatch(r"(\$\$\+?|\$\+?|)(.*)", text)
    if found is None:
        raise unreadable("hibc", "structure")
    flag, rest = found.groups()
    expiry = ""
    if flag.startswith("$$"):
        expiry, rest = _dated(rest, year)
    elif not flag:
        day = _PLAIN_DAY_OF_YEAR.match(rest)
        if day is None:
            raise unreadable("hibc", "structure")
        expiry, rest = _nth_day(day[1], day[2], year), rest[day.end() :]
    if not _VALUE.fullmatch(rest):
        raise unreadable("hibc", "structure")
    return [("expiry", expiry), ("serial" if flag.endswith("+") else "lot", rest)]


def _dated(text: str, year: int) -> tuple[str, str]:
    quantity = _QUANTITY.match(text)
    if quantity is not None:
        text = text[quantity.end() :]
    if text.startswith("7"):
        return "", text[1:]
    for form, order in _DATED:
        found = form.match(text)
        if found is not None:
            return _date(order.format(*found.groups()), year), text[found.end() :]
    day = _DAY_OF_YEAR.match(text)
    if day is not None:
        return _nth_day(day[1] or day[3], day[2] or day[4], year), text[day.end() :]
    if quantity is not None and not text:
        return "", ""
    raise unreadable("hibc", "structure")


def _other(text: str) -> tuple[str, str]:
    """Read a supplementary field; a quantity says nothing of the pack."""
    whole = _WHOLE_DATE.fullmatch(text)
    if whole is not None:
        name = "expiry" if whole[1] == "14" else "made"
        month = int(whole[3])
        if not 1 <= month <= 12 or not (
            1 <= int(whole[4]) <= calendar.monthrange(max(1, int(whole[2])), month)[1]
        ):
            raise unreadable("hibc", "date")
        return name, f"{whole[2]}-{whole[3]}-{whole[4]}"
    if text.startswith("S") and len(text) > 1 and _VALUE.fullmatch(text[1:]):
        return "serial", text[1:]
    if re.fullmatch(r"Q[0-9]{1,5}", text):
        return "lot", ""
    raise unreadable("hibc", "structure")


def _date(digits: str, year: int) -> str:
    try:
        return date_of(digits, year)
    except Refusal:
        raise unreadable("hibc", "date") from None


def _nth_day(two: str, day: str, year: int) -> str:
    first = date.fromisoformat(_date(two + "0101", year))
    made = first + timedelta(days=int(day) - 1)
    if made.year != first.year:
        raise unreadable("hibc", "date")
    return made.isoformat()
