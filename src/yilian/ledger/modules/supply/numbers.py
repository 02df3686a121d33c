"""Public numbers of the trade: GTIN, GLN and company prefixes, and the marks of serials and lots.

GS1 General Specifications: section 7.9 (check digit), 7.11 (the 82 characters of a lot).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import msgspec

from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.ledger.modules.supply.errors import BAD_CHECK_DIGIT, BAD_PREFIX

Gtin = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{14}$", min_length=14, max_length=14)]
"""A trade item number with 14 digits; a shorter one has zeros in front."""

Gln = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{13}$", min_length=13, max_length=13)]
"""A party's or place's number."""

Prefix = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6,12}$(?!\n)", min_length=6, max_length=12)]
"""A GS1 company prefix: all numbers that begin with it are its company's to give."""

DrugCode = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{7}$", min_length=7, max_length=7)]
"""The drug identification code: the first 7 digits of a Chinese 20-digit trace code."""

Lot = Annotated[str, msgspec.Meta(pattern=r'^[!"%-?A-Z_a-z]+$(?!\n)', min_length=1, max_length=20)]
"""A batch or lot, in the characters that GS1 allows (AI 10)."""

LEAST_PREFIX, MOST_PREFIX = 6, 12
_SHORT_NUMBERS = "00000"
_SERIAL_DOMAIN = b"yilian/supply/serial\n"


def check_digit(digits: str) -> str:
    """Give the last digit of a GS1 key from those before it.

    Modulo 10, weights 3 and 1 from the right (GS1 General Specifications, section 7.9).
    """
    odd = sum(map(int, digits[-1::-2]))
    even = sum(map(int, digits[-2::-2]))
    return str(-(3 * odd + even) % 10)


def require_check_digit(number: str) -> None:
    """Refuse a GTIN or GLN whose last digit does not follow from the others."""
    if check_digit(number[:-1]) != number[-1]:
        raise BAD_CHECK_DIGIT(number=number)


def require_prefix(prefix: str) -> None:
    """Refuse a prefix in the range of the eight-digit GTINs, which no company has."""
    if prefix.startswith(_SHORT_NUMBERS):
        raise BAD_PREFIX(prefix=prefix)


def ascends(listed: list[str]) -> bool:
    """Tell whether a list is sorted and holds nothing twice."""
    return all(one < two for one, two in pairwise(listed))


def serial_digest(gtin: str, serial: str) -> str:
    """Give the mark by which a recall names one serial of a product.

    It is no secret: who knows the serial finds it, and a recall is public.
    """
    return codec.to_text(sha256(_SERIAL_DOMAIN + f"{gtin}\n{serial}".encode()))
