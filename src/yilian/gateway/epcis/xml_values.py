"""Text of XML as values: the simple types that EPCIS uses (XML Schema 1.0 part 2).

A check returns the reason word of a fault, or nothing; the words are those of `formats`. Whitespace
around a value is no part of it, except where the type is a string or a list of words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

SPACE: Final = " \t\r\n"

REASONS: Final = frozenset(("bad_xml", "document_type", "order"))
"""Reasons of documents in XML that those in JSON do not have."""

_DATE_TIME = re.compile(
    r"(-?(?:[1-9]\d{3,}|0\d{3}))-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?"
    r"(Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?",
    re.ASCII,
)
_DOUBLE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|-?INF|NaN", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
# Characters that a URI may not hold stand for themselves in an anyURI: they would be escaped.
_ESCAPED = re.compile(r"[^\x21-\x7e]|[<>\"{}|\\^`]")
_PATH = r"[\w.\-~!$&'()*+,;=@]|%[0-9A-Fa-f]{2}"
_URI = re.compile(
    rf"(?:[A-Za-z][A-Za-z0-9+.\-]*:|(?!(?:{_PATH})*:))"
    r"(?://(?:(?:[\w.\-~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:\[[0-9A-Fa-f:.]*\]|(?:[\w.\-~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::\d*)?(?=[/?#]|$)|(?!//))"
    rf"(?:[:/]|{_PATH})*"
    rf"(?:\?(?:[:/?\[\]]|{_PATH})*)?"
    rf"(?:#(?:[:/?]|{_PATH})*)?",
    re.ASCII,
)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LARGEST_EXPONENT = 400  # a double ends at 10^308


def collapsed(text: str | None) -> str:
    """The text without the whitespace around it."""
    return (text or "").strip(SPACE)


def number(text: str) -> int | Decimal | None:
    """A decimal or double as an exact number; None where JSON has no such number (INF, NaN)."""
    value = text.strip(SPACE)
    if _INTEGER.fullmatch(value) and len(value) <= _LARGEST_EXPONENT:
        return int(value)
    if not _DOUBLE.fullmatch(value) or value[-1] in "FN":
        return None
    exact = Decimal(value)
    return exact if abs(exact.adjusted()) <= _LARGEST_EXPONENT else None


def truth(text: str) -> bool:
    """A boolean, written `true`, `false`, `1` or `0`."""
    return text.strip(SPACE) in ("true", "1")


def _time(value: str) -> re.Match[str] | None:
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if month == 2 and day == 29 and not leap:
        return None
    if hour == 24:
        return None if minute or second or (match[7] or "").strip(".0") else match
    return match if hour < 24 and minute < 60 and second < 60 else None


def _is_time(text: str) -> str:
    return "" if _time(text.strip(SPACE)) else "bad_time"


def _is_stamp(text: str) -> str:
    match = _time(text.strip(SPACE))
    good = match and match[8] and len(match[1]) == 4 and match[4] != "24"
    return "" if good else "bad_time"


def is_uri(text: str) -> str:
    """The reason word `bad_uri`, unless the text is an address, also a relative one."""
    value = _ESCAPED.sub("_", text.strip(SPACE))
    return "" if _URI.fullmatch(value) else "bad_uri"


def _pattern(pattern: re.Pattern[str], reason: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        return "" if pattern.fullmatch(text.strip(SPACE)) else reason

    return check


def _words(words: tuple[str, ...], reason: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        return "" if text in words else reason

    return check


def _is_int(text: str) -> str:
    value = text.strip(SPACE)
    fits = _INTEGER.fullmatch(value) and len(value) <= 40 and -(2**31) <= int(value) < 2**31
    return "" if fits else "bad_number"


def _is_string(text: str) -> str:
    return ""


def _is_boolean(text: str) -> str:
    return "" if text.strip(SPACE) in ("true", "false", "1", "0") else "wrong_type"


CHECKS: Final[dict[str, Callable[[str], str]]] = {
    "string": _is_string,
    "uri": is_uri,
    "time": _is_time,
    "stamp": _is_stamp,
    "decimal": _pattern(_DECIMAL, "bad_number"),
    "quantity": _pattern(_DECIMAL, "bad_number"),
    "double": _pattern(_DOUBLE, "bad_number"),
    "integer": _pattern(_INTEGER, "bad_number"),
    "int": _is_int,
    "boolean": _is_boolean,
    "hex": _pattern(_HEX, "bad_text"),
    "action": _words(("ADD", "OBSERVE", "DELETE"), "bad_action"),
    "service": _words(
        ("RequestingServiceTransaction", "RespondingServiceTransaction"), "unknown_word"
    ),
    "typed": is_uri,
    "party": is_uri,
    "authority": _is_string,
    "metadata": _is_string,
    "report": _is_string,
}
"""What the text of each simple type must be."""

_FREE = (
    "string normalizedString token language Name NCName NMTOKEN QName date time gYear gYearMonth"
    " gMonthDay gDay gMonth duration base64Binary anySimpleType ID IDREF"
)

BUILT_IN: Final = {
    **dict.fromkeys(_FREE.split(), CHECKS["string"]),
    **dict.fromkeys(("long", "short", "byte", "nonNegativeInteger"), CHECKS["integer"]),
    **dict.fromkeys(("positiveInteger", "unsignedInt", "unsignedLong"), CHECKS["integer"]),
    "integer": CHECKS["integer"],
    "int": CHECKS["int"],
    "decimal": CHECKS["decimal"],
    "double": CHECKS["double"],
    "float": CHECKS["double"],
    "dateTime": CHECKS["time"],
    "boolean": CHECKS["boolean"],
    "anyURI": is_uri,
    "hexBinary": CHECKS["hex"],
}
"""Types that an extension may claim for its text by `xsi:type`."""
