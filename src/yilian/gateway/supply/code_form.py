"""What a code says once it is read, and the refusal of one that cannot be read."""

from __future__ import annotations

from typing import Literal, NamedTuple

from yilian.ledger.errors import Refusal, code

CODE_UNREADABLE = code(9690, "supply.code_unreadable", 400, "reason", "seen")

Kind = Literal["gs1", "sscc", "trace_code", "hibc", "isbt128"]

Seen = Literal[
    "text",
    "digits",
    "element_string",
    "digital_link",
    "epc_urn",
    "gtin",
    "sscc",
    "hibc",
    "isbt128",
]
"""What a text looked like."""

Reason = Literal[
    "empty",
    "too_long",
    "characters",
    "check_digit",
    "check_character",
    "structure",
    "date",
    "repeated",
    "no_pack",  # it names a place, a document or a date, but no pack and no product
    "separator_missing",  # the scanner dropped FNC1: two fields run into one
    "trace_code_or_gs1",
    "compressed",  # it looks like a compressed Digital Link, which is not read
]
"""Why it could not be read."""


class Code(NamedTuple):
    """A code that was read. What it does not say is empty.

    `gtin` has 14 digits; `expiry` and `made` are `YYYY-MM-DD`; `drug_code` is the part of a Chinese
    trace code that identifies the drug; `number` is the SSCC, trace code, HIBC primary identifier
    or donation number. `udi` is the device identification as it is printed (GS1 with brackets).
    `id` is the canonical Digital Link of the pack, else of the lot or the product.
    """

    kind: Kind
    text: str
    gtin: str = ""
    serial: str = ""
    lot: str = ""
    expiry: str = ""
    made: str = ""
    drug_code: str = ""
    number: str = ""
    udi: str = ""
    id: str = ""


def unreadable(seen: Seen, reason: Reason) -> Refusal:
    """Make the refusal `supply.code_unreadable`."""
    return CODE_UNREADABLE(seen=seen, reason=reason)
