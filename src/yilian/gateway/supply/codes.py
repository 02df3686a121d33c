"""What a scanner read or a person typed, turned into the pack that it names.

Read are GS1 element strings (GS1 General Specifications, sections 3 and 7.8), as a scanner gives
them or with brackets; GS1 Digital Link URIs of any domain, not compressed; EPC URNs (EPC Tag Data
Standard, section 6); bare GTINs and SSCCs; the 20-digit Chinese drug trace code; HIBC labels
(ANSI/HIBC 2) and ISBT 128 donation numbers. Nothing is guessed: what two of these would read
differently is refused, and so is what none reads.
"""

from __future__ import annotations

import re
import time
from typing import Literal

from yilian.gateway.supply.code_form import Code, Kind, unreadable
from yilian.gateway.supply.element_strings import (
    SEPARATOR,
    from_elements,
    has_check_digit,
    read_bracketed,
    read_elements,
)
from yilian.gateway.supply.health_labels import read_hibc, read_isbt
from yilian.gateway.supply.links import read_link, read_urn
from yilian.ledger.errors import Refusal

__all__ = ["Code", "Kind", "Prefer", "read"]

MAX_LENGTH = 512
Prefer = Literal["gs1", "trace_code"]

_GS1_SYMBOLS = ("]C1", "]d2", "]e0", "]J1", "]Q3")
"""AIM symbology identifiers of the symbols whose first character is FNC1."""
_SYMBOL = re.compile(r"\][A-Za-z][0-9]")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u202f\u3000\t"), " ")
_FORMS = _INVISIBLE | _FULL_WIDTH | _SPACES
_TRACE_CODE = re.compile(r"[0-9]{20}")
_GTIN_LENGTHS = (8, 12, 13, 14)
_SSCC_LENGTH = 18


def read(text: str, *, year: int | None = None, prefer: Prefer | None = None) -> Code:
    """Read a code; refuses `supply.code_unreadable` with what it looked like and why.

    `year` decides the century of dates (now, unless given). `prefer` decides between a 20-digit
    Chinese trace code and a GS1 code of 20 digits, where the digits alone do not.
    """
    if len(text) > MAX_LENGTH:
        raise unreadable("text", "too_long")
    year = time.gmtime().tm_year if year is None else year
    plain = text.translate(_FORMS)
    stripped = plain.strip(" \r\n")
    if not stripped:
        raise unreadable("text", "empty")
    if not all(" " <= each <= "~" or each == SEPARATOR for each in stripped):
        raise unreadable("text", "characters")
    symbol = _SYMBOL.match(stripped)
    if symbol is not None:
        rest = stripped[3:]
        if symbol[0] in _GS1_SYMBOLS:
            return from_elements(read_elements(_close(rest), year, marked=True), year)
        return _read_plain(rest, plain, year, prefer)
    return _read_plain(stripped, plain, year, prefer)


def _read_plain(text: str, whole: str, year: int, prefer: Prefer | None) -> Code:
    """Read what no symbology identifier explains; `whole` still has its outer spaces."""
    if text.startswith("+"):
        return read_hibc(text, padded=whole.rstrip("\r\n").endswith(" "), year=year)
    lowered = text[:8].lower()
    if lowered.startswith(("http://", "https://")):
        return read_link(text, year)
    if lowered.startswith("urn:"):
        return read_urn(text, year)
    text = _close(text)
    if text.startswith("="):
        return read_isbt(text)
    if text.startswith("("):
        return from_elements(read_bracketed(text, year), year)
    if text.startswith(SEPARATOR):
        return from_elements(read_elements(text, year, marked=True), year)
    if text.isdigit():
        return _read_digits(text, year, prefer)
    if text[:1].isalpha():
        return read_isbt(text)
    return from_elements(read_elements(text, year, marked=SEPARATOR in text), year)


def _read_digits(digits: str, year: int, prefer: Prefer | None) -> Code:
    """Read a text of digits alone: its length and its check digit say what it is."""
    if _TRACE_CODE.fullmatch(digits):
        return _read_twenty(digits, year, prefer)
    if len(digits) in _GTIN_LENGTHS:
        if not has_check_digit(digits):
            raise unreadable("gtin", "check_digit")
        return from_elements((("01", digits.zfill(14)),), year)
    if len(digits) == _SSCC_LENGTH:
        if not has_check_digit(digits):
            raise unreadable("sscc", "check_digit")
        return from_elements((("00", digits),), year)
    return from_elements(read_elements(digits, year, marked=False), year)


def _read_twenty(digits: str, year: int, prefer: Prefer | None) -> Code:
    """Tell a Chinese trace code from a GS1 code of as many digits.

    How the trace code's check digits are made is not published, so only its structure is judged:
    7 digits that identify the drug, 13 that identify the pack.
    """
    code = Code(
        kind="trace_code", text=digits, drug_code=digits[:7], serial=digits[7:], number=digits
    )
    if prefer == "trace_code" or not digits.startswith(("00", "01")):
        return code
    try:
        other = from_elements(read_elements(digits, year, marked=False), year)
    except Refusal:
        if prefer == "gs1":
            raise
        return code
    if prefer == "gs1":
        return other
    raise unreadable("digits", "trace_code_or_gs1")


def _close(text: str) -> str:
    """Take out spaces, which no such code contains."""
    return text.replace(" ", "")
