"""Is this pack what it says it is, and may it be sold or used? Decided from what is known of it.

Three concerns are kept apart, because they want different people: a code that was read or typed
wrong (`data_error`), a pack that may be a fake (`suspected_fake`), and a genuine pack that must not
be sold (`not_for_sale`). In Europe false alarms outnumbered fakes forty to one.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec

from yilian.gateway.supply.unit import Standing, Unit

Reason = Literal[
    "verified",
    "gtin_unknown",
    "serial_unknown",
    "lot_differs",
    "expiry_differs",
    "lot_and_expiry_differ",
    "recalled",
    "expired",
    "quarantined",
    "returned",
    "partially_dispensed",
    "dispensed",
    "destroyed",
    "stolen",
    "lost",
    "sampled",
    "exported",
    "decommissioned",
]
Concern = Literal["none", "data_error", "suspected_fake", "not_for_sale"]

_BY_STANDING: dict[Standing, tuple[Reason, Concern]] = {
    "dispensed": ("dispensed", "suspected_fake"),
    "destroyed": ("destroyed", "suspected_fake"),
    "stolen": ("stolen", "suspected_fake"),
    "sampled": ("sampled", "suspected_fake"),
    "exported": ("exported", "suspected_fake"),
    "decommissioned": ("decommissioned", "suspected_fake"),
    "lost": ("lost", "suspected_fake"),
    "recalled": ("recalled", "not_for_sale"),
    "quarantined": ("quarantined", "not_for_sale"),
    "returned": ("returned", "not_for_sale"),
    "partially_dispensed": ("partially_dispensed", "not_for_sale"),
}
"""What each standing means for who has the pack in hand; from the others it may be sold."""

_LOOKALIKES = str.maketrans({"O": "0", "Q": "0", "I": "1", "L": "1", "S": "5", "B": "8", "Z": "2"})
_TEXT = r'^[!"%-?A-Z_a-z]{1,20}$(?!\n)'
"""The characters of a serial number or lot (GS1 General Specifications, section 7.11)."""
_DAY = r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
_NOISE = str.maketrans(dict.fromkeys("-_./ "))


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack as its code says it is; `lot` and `expiry` (`YYYY-MM-DD`) where they were read."""

    gtin: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{14}$", max_length=14)]
    serial: Annotated[str, msgspec.Meta(pattern=_TEXT)]
    lot: Annotated[str, msgspec.Meta(pattern=_TEXT)] | None = None
    expiry: Annotated[str, msgspec.Meta(pattern=_DAY, max_length=10)] | None = None


class Verdict(NamedTuple):
    """What is to be thought of a pack: `recall` is the id of the recall that it falls under."""

    verified: bool
    reason: Reason
    concern: Concern
    recall: str | None = None


class Serials(Protocol):
    """Where an organisation finds its packs."""

    def find_serial(self, gtin14: str, serial: str) -> Unit | None:
        """Find a pack by the GTIN and serial number on it."""


class Recalls(Protocol):
    """What the chain says is recalled."""

    def recalled(self, gtin: str, lot: str, serial: str) -> str | None:
        """Give the id of the recall that a pack falls under now."""


def judge(
    question: Question, packs: Serials, recalls: Recalls, today: str, *, returning: bool = False
) -> Verdict:
    """Judge a pack on `today` (`YYYY-MM-DD`); it may be used until the end of its expiry day.

    `returning`: it is asked whether a pack that came back may be sold again, so that it came back
    does not speak against it.
    """
    unit = packs.find_serial(question.gtin, question.serial)
    if unit is None:
        recall = recalls.recalled(question.gtin, question.lot or "", question.serial)
        return Verdict(False, "serial_unknown", _unknown(question, packs), recall)
    recall = recalls.recalled(question.gtin, unit.lot, question.serial)
    differs = _mismatch(question, unit)
    if differs is not None:
        return Verdict(False, *differs, recall)
    if recall is not None:
        return Verdict(False, "recalled", "not_for_sale", recall)
    named = _BY_STANDING.get(unit.standing)
    if named is not None and not (returning and unit.standing == "returned"):
        return Verdict(False, *named)
    # Where the responder knows no date, the print has the word.
    expiry = unit.expiry or question.expiry
    if expiry and expiry < today:
        return Verdict(False, "expired", "not_for_sale")
    return Verdict(True, "verified", "none")


def _unknown(question: Question, packs: Serials) -> Concern:
    """Tell a serial number that was read with the capital lock on from one that nobody made."""
    turned = question.serial.swapcase()
    if turned != question.serial and packs.find_serial(question.gtin, turned) is not None:
        return "data_error"
    return "suspected_fake"


def _mismatch(question: Question, unit: Unit) -> tuple[Reason, Concern] | None:
    lot = question.lot is not None and unit.lot != "" and question.lot != unit.lot
    expiry = question.expiry is not None and unit.expiry != "" and question.expiry != unit.expiry
    if lot and expiry:
        # One slip is an error of data; two fields that both differ are another pack's.
        return "lot_and_expiry_differ", "suspected_fake"
    if lot:
        slip = _is_slip(question.lot or "", unit.lot)
        return "lot_differs", "data_error" if slip else "suspected_fake"
    if expiry:
        slip = _is_date_slip(question.expiry or "", unit.expiry)
        return "expiry_differs", "data_error" if slip else "suspected_fake"
    return None


def _is_slip(given: str, known: str) -> bool:
    """Tell a lot that was typed wrong: case, look-alikes, punctuation, or one character."""
    plain = [each.upper().translate(_NOISE).translate(_LOOKALIKES) for each in (given, known)]
    return plain[0].lstrip("0") == plain[1].lstrip("0") or _one_slip(*plain)


def _one_slip(given: str, known: str) -> bool:
    """Tell two texts that differ by one character more, less or other, or by two neighbours turned.

    In a text of fewer than five characters every other one is as near as that.
    """
    if abs(len(given) - len(known)) > 1 or min(len(given), len(known)) < 5:
        return False
    start = 0
    while start < min(len(given), len(known)) and given[start] == known[start]:
        start += 1
    ours, theirs = given[start:], known[start:]
    return (
        ours[1:] == theirs[1:]
        or ours[1:] == theirs
        or ours == theirs[1:]
        or (ours[:2] == theirs[1::-1] and ours[2:] == theirs[2:])
    )


def _is_date_slip(given: str, known: str) -> bool:
    """Tell an expiry whose day alone differs (labels may give the month only) or that was turned.

    `YYMMDD` read as `DDMMYY` or with day and month turned.
    """
    if given[:7] == known[:7]:
        return True
    year, month, day = known[2:4], known[5:7], known[8:10]
    read = given[2:4], given[5:7], given[8:10]
    return read in {(day, month, year), (year, day, month)}
