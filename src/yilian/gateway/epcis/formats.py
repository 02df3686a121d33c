"""The simple types of EPCIS: URIs, times, numbers, text. A check gives a reason word, or nothing.

EPCIS 2.0, section 10.1 (formats of the JSON binding), RFC 3986 and RFC 3339. Reasons are stable
words that a person's language turns into a sentence; all of them are in `REASONS`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from yilian.gateway.epcis.identifiers import LONGEST, canonical

_OF_A_DOCUMENT = ("bad_charset", "bad_context", "bad_json", "duplicate_key", "not_an_object")
_OF_A_SIZE = ("too_deep", "too_large", "too_long", "unknown_document")
_OF_A_VALUE = (
    "bad_action",
    "bad_offset",
    "bad_number",
    "bad_text",
    "bad_time",
    "bad_unit",
    "bad_hex",
)
_OF_A_WORD = ("bad_uri", "bad_version", "unknown_word", "wrong_type", "repeated", "empty")
_OF_A_FIELD = ("required", "unknown_field", "undeclared_prefix", "not_allowed")
_OF_A_KEY = ("bad_partition", "check_digit", "bad_character", "bad_length", "bad_escape")
_OF_A_KEY_FORM = ("unknown_scheme", "bad_digital_link")
_STRICT = ("event_hash_id_mismatch", "sensor_field_in_both", "sensor_time_after_event")

REASONS: Final = frozenset[str]().union(
    *(_OF_A_DOCUMENT, _OF_A_SIZE, _OF_A_VALUE, _OF_A_WORD, _OF_A_FIELD, _OF_A_KEY),
    *(_OF_A_KEY_FORM, _STRICT),
)
"""Every reason that reading and validating a JSON document gives."""

GREATEST_EXPONENT: Final = 400
_MOST_DIGITS: Final = 800

_URI = re.compile(r"[A-Za-z][\w+.\-]*:[^\s\x00-\x1f\x7f\ud800-\udfff]+")
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,40})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
# What XML 1.0 can't hold: an event must have the same content in both bindings.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=1 << 15)
def _uri(value: str) -> str:
    if not _URI.fullmatch(value):
        return "bad_uri"
    try:
        canonical(value)
    except ValueError as error:
        return str(error)
    return ""


def uri(value: Any) -> str:
    """A URI; where it is a GS1 key, with right partition, length, characters and check digit."""
    if not isinstance(value, str):
        return "wrong_type"
    return _uri(value) if len(value) <= LONGEST else "too_long"


def is_uri(value: str) -> bool:
    """Whether it has the form of a URI, whatever it names."""
    return len(value) <= LONGEST and _URI.fullmatch(value) is not None


def time(value: Any) -> str:
    """A point in time with its offset from UTC (xsd:dateTimeStamp), of a day that exists.

    The first and the last year that a calendar of four digits has are refused: such a moment is of
    a year before or after them at another offset.
    """
    if not isinstance(value, str):
        return "wrong_type"
    found = _TIME.fullmatch(value)
    if found is None:
        return "bad_time"
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (1 < year < 9999 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return "bad_time"
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return "bad_time" if month == 2 and day == 29 and not leap else ""


def moment(value: str) -> tuple[datetime, str]:
    """Give a valid time as something that compares: its second in UTC, then its fraction."""
    text, fraction = value.upper(), ""
    whole, dot, rest = text.partition(".")
    if dot:
        digits = re.match(r"\d+", rest)
        fraction = digits[0].rstrip("0") if digits else ""
        text = whole + rest[len(digits[0]) if digits else 0 :]
    local = datetime.fromisoformat(text[:19])
    if text.endswith("Z"):
        return local.replace(tzinfo=timezone.utc), fraction  # noqa: UP017
    shift = timedelta(hours=int(text[20:22]), minutes=int(text[23:25]))
    zone = timezone(-shift if text[19] == "-" else shift)
    return local.replace(tzinfo=zone), fraction


def number(value: Any) -> str:
    """An exact number, neither infinite nor longer than any measurement."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return "wrong_type"
    if isinstance(value, int):
        return "" if value.bit_length() < GREATEST_EXPONENT else "bad_number"
    if not value.is_finite() or abs(value.adjusted()) > GREATEST_EXPONENT:
        return "bad_number"
    return "" if len(value.as_tuple().digits) <= _MOST_DIGITS else "bad_number"


def text(value: Any) -> str:
    """A text that both bindings can hold: no control characters but tab and line ends."""
    if not isinstance(value, str):
        return "wrong_type"
    return "bad_text" if _CONTROL.search(value) else ""
