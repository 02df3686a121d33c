"""GS1 element strings: application identifiers and what they say of a pack.

GS1 General Specifications, section 3 (application identifiers), 7.8 (concatenation with FNC1),
7.9 (check digits) and 7.12 (the century of a date).
"""

from __future__ import annotations

import calendar
import re
from functools import lru_cache
from urllib.parse import quote

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_application_identifiers import GS1ApplicationIdentifier

from yilian.gateway.epcis import identifiers
from yilian.gateway.supply.code_form import Code, unreadable

Elements = tuple[tuple[str, str], ...]
"""Application identifiers with their values, in order."""

SEPARATOR = "\x1d"
"""FNC1 as a scanner sends it."""
CANONICAL = "https://id.gs1.org"

_BRACKETED = re.compile(r"(?:\([0-9]{2,4}\)[^()]+)+")
_BRACKET = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_RUN_IN = re.compile(r"17([0-9]{6})(?:$|10|21|11|7)")
"""An expiry date, at the end or with another field behind it."""
_DATES = ("11", "12", "13", "15", "16", "17")
_GTINS = ("01", "02", "03")
_MAX_ELEMENTS = 32


def read_elements(text: str, year: int, *, marked: bool) -> Elements:
    """Read a concatenated string; refuses `supply.code_unreadable`.

    `marked`: the text shows that its separators were kept (a symbology identifier, or one of them).
    Where it does not, a value that holds another field is refused: its FNC1 was lost.
    """
    found: list[tuple[str, str]] = []
    rest = text.lstrip(SEPARATOR)
    while rest:
        kind = _identifier(rest[:4])
        if kind is None or len(found) == _MAX_ELEMENTS:
            raise unreadable("element_string", "structure")
        if kind.separator_required:
            piece, _, rest = rest.partition(SEPARATOR)
        else:
            size = _fixed_size(kind)
            piece, rest = rest[:size], rest[size:]
        value = _value(kind, piece)
        if kind.separator_required and not marked and _runs_in(value, year):
            raise unreadable("element_string", "separator_missing")
        found.append((kind.ai, value))
        rest = rest.lstrip(SEPARATOR)
    return _checked(found, year)


def read_bracketed(text: str, year: int) -> Elements:
    """Read the printed form, `(01)...(21)...`; refuses `supply.code_unreadable`."""
    if not _BRACKETED.fullmatch(text):
        raise unreadable("element_string", "structure")
    return read_pairs(_BRACKET.findall(text), year)


def read_pairs(pairs: list[tuple[str, str]], year: int) -> Elements:
    """Check identifiers and values that stand apart already."""
    found: list[tuple[str, str]] = []
    for name, value in pairs[: _MAX_ELEMENTS + 1]:
        kind = _identifier(name)
        if kind is None or kind.ai != name or len(found) == _MAX_ELEMENTS:
            raise unreadable("element_string", "structure")
        found.append((name, _value(kind, name + value)))
    return _checked(found, year)


def from_elements(elements: Elements, year: int) -> Code:
    """Say what a pack's elements mean; refuses elements that name neither a pack nor a product."""
    said = dict(elements)
    text = bracketed(elements)
    if "00" in said and "01" not in said:
        sscc = said["00"]
        return Code(kind="sscc", text=text, number=sscc, id=f"{CANONICAL}/00/{sscc}")
    if "01" not in said or "00" in said:
        raise unreadable("element_string", "no_pack")
    gtin, serial, lot = said["01"], said.get("21", ""), said.get("10", "")
    expiry = said.get("17") or said.get("7003", "")[:6]
    return Code(
        kind="gs1",
        text=text,
        gtin=gtin,
        serial=serial,
        lot=lot,
        expiry=date_of(expiry, year) if expiry else "",
        made=date_of(said["11"], year) if "11" in said else "",
        udi=text,
        id=link_of(gtin, serial, lot),
    )


def link_of(gtin: str, serial: str = "", lot: str = "") -> str:
    """Write the canonical Digital Link of a pack, or without a serial number of a lot or product.

    As `identifiers.canonical` spells it, whatever the code was written in.
    """
    number, value = ("21", serial) if serial else ("10", lot)
    rest = f"/{number}/{quote(value, safe='')}" if value else ""
    return identifiers.canonical(f"{CANONICAL}/01/{gtin}{rest}")


def bracketed(elements: Elements) -> str:
    """Write elements as they are printed beside a symbol."""
    return "".join(f"({name}){value}" for name, value in elements)


def has_check_digit(digits: str) -> bool:
    """Tell whether the last digit is the check digit of those before (section 7.9.1)."""
    return gs1_standard_check_digit(digits[:-1]) == int(digits[-1])


def date_of(digits: str, year: int) -> str:
    """Read `YYMMDD` as a date; day 00 is the month's last.

    The century is the one that brings the date nearest to `year`: 50 years ahead at most, 49 back
    (section 7.12). Refuses a day that the calendar does not have.
    """
    two, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    ahead = two - year % 100
    full = year - year % 100 + two + (-100 if ahead >= 51 else 100 if ahead <= -50 else 0)
    if not 1 <= month <= 12:
        raise unreadable("element_string", "date")
    last = calendar.monthrange(full, month)[1]
    if day > last:
        raise unreadable("element_string", "date")
    return f"{full:04d}-{month:02d}-{day or last:02d}"


@lru_cache(maxsize=4096)
def _identifier(start: str) -> GS1ApplicationIdentifier | None:
    try:
        return GS1ApplicationIdentifier.extract(start)
    except ParseError:
        return None


@lru_cache(maxsize=1024)
def _fixed_size(kind: GS1ApplicationIdentifier) -> int:
    """Add up the lengths that a fixed format such as `N2+N14` names."""
    return sum(int(part[1:]) for part in kind.format.split("+"))


def _value(kind: GS1ApplicationIdentifier, piece: str) -> str:
    if not re.fullmatch(kind.pattern, piece):
        raise unreadable("element_string", "structure")
    return piece[len(kind.ai) :]


def _runs_in(value: str, year: int) -> bool:
    for found in _RUN_IN.finditer(value):
        month, day = int(found[1][2:4]), int(found[1][4:6])
        if found.start() > 0 and 1 <= month <= 12 and day <= 31:
            ahead = (int(found[1][:2]) - year) % 100
            if ahead <= 15 or ahead >= 90:
                return True
    return False


def _checked(found: list[tuple[str, str]], year: int) -> Elements:
    said: dict[str, str] = {}
    for name, value in found:
        if said.setdefault(name, value) != value:
            raise unreadable("element_string", "repeated")
        if name in _GTINS and not has_check_digit(value):
            raise unreadable("gtin", "check_digit")
        if name == "00" and not has_check_digit(value):
            raise unreadable("sscc", "check_digit")
        if name in _DATES:
            date_of(value, year)
    return tuple(said.items())
