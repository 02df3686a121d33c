"""What anybody may see who holds a pack and scans its code: no login, nothing about persons.

Shown are product, maker, lot, expiry, one word of judgement with what to do, the kinds of parties
that the pack went through with the day, and how it was kept. Never who has it now, nor any name but
the maker's, unless a member chose to show its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec

from yilian.gateway.supply.codes import Code
from yilian.gateway.supply.directory import Directory, Listing
from yilian.gateway.supply.scan_errors import NO_SERIAL
from yilian.gateway.supply.unit import Unit
from yilian.gateway.supply.verdict import Concern, Question, Reason, Verdict
from yilian.gateway.supply.verification import Answer
from yilian.ledger.errors import Refusal

Word = Literal[
    "genuine",
    "dispensed",
    "expired",
    "on_hold",
    "check",
    "recalled",
    "suspect",
    "not_verified",
]
Colour = Literal["green", "blue", "amber", "red", "grey"]
Short = Annotated[str, msgspec.Meta(max_length=40)]
MAX_STEPS = 50

COLOURS: dict[Word, Colour] = {
    "genuine": "green",
    "dispensed": "blue",
    "expired": "amber",
    "on_hold": "amber",
    "check": "amber",
    "recalled": "red",
    "suspect": "red",
    "not_verified": "grey",
}
_WORDS: dict[Reason, Word] = {
    "verified": "genuine",
    "dispensed": "dispensed",
    "partially_dispensed": "dispensed",
    "recalled": "recalled",
    "expired": "expired",
    "quarantined": "on_hold",
    "returned": "on_hold",
}
_BY_CONCERN: dict[Concern, Word] = {
    "none": "genuine",
    "data_error": "check",
    "suspected_fake": "suspect",
    "not_for_sale": "on_hold",
}


class RouteStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a pack's way: what happened, on which day, at which kind of party.

    `name` is there where that party chose to show it.
    """

    step: Short
    day: Short
    party: Short
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a pack was kept: readings, their range and mean kinetic temperature (1/100 degree C).

    `minutes_outside` counts the time outside of the product's storage range.
    """

    readings: int
    lowest: int | None = None
    highest: int | None = None
    mean_kinetic: int | None = None
    minutes_outside: int = 0


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the responder adds to what the chain says. Travels between members as it is."""

    verified: bool
    reason: Reason
    concern: Concern
    recall: Short = ""
    lot: Short = ""
    expiry: Short = ""
    route: Annotated[tuple[RouteStep, ...], msgspec.Meta(max_length=MAX_STEPS)] = ()
    kept: Kept | None = None


class View(NamedTuple):
    """What is shown of a pack; `responder` is what it said, None where it could not be asked.

    `why` is the refusal then.
    """

    word: Word
    colour: Colour
    reason: Reason | Literal["responder_unreachable", "product_only"]
    code: Code
    listing: Listing
    lot: str
    expiry: str
    recall: str
    responder: Shown | None
    why: Refusal | None


class Looking(Protocol):
    """Where an organisation answers the public (`verification.Verification`)."""

    def look(self, question: Question) -> Answer:
        """Answer without keeping who asked."""


class Finding(Protocol):
    """Where an organisation finds its packs (`packs.Packs`)."""

    def find_serial(self, gtin14: str, serial: str) -> Unit | None:
        """Find a pack by the GTIN and serial number on it."""


class Ways(Protocol):
    """Where a pack's way is known."""

    def steps(self, unit: str, listing: Listing) -> Sequence[RouteStep]:
        """List the steps of a unit's way, the oldest first."""


class Temperatures(Protocol):
    """Where it is known how packs were kept."""

    def kept(self, unit: str) -> Kept | None:
        """Sum up how a unit was kept; None where nothing was measured."""


class PublicAnswers:
    """What a responder adds for the public."""

    def __init__(
        self,
        verification: Looking,
        packs: Finding,
        ways: Ways | None = None,
        temperatures: Temperatures | None = None,
    ) -> None:
        self._verification = verification
        self._packs = packs
        self.ways = ways
        self.temperatures = temperatures

    def show(self, question: Question) -> Shown:
        """Say what this organisation knows of a pack; refuses as `Verification.look`.

        Of a serial number that is unknown here, or whose lot or expiry is another, nothing is told
        but that.
        """
        answer = self._verification.look(question)
        verdict = answer.verdict
        said = Shown(
            verified=verdict.verified,
            reason=verdict.reason,
            concern=verdict.concern,
            recall=verdict.recall or "",
        )
        unit = self._packs.find_serial(question.gtin, question.serial)
        if unit is None or verdict.reason.endswith(("differs", "differ")):
            return said
        return msgspec.structs.replace(
            said,
            lot=unit.lot,
            expiry=unit.expiry,
            route=self._route(unit, answer.listing),
            kept=None if self.temperatures is None else self.temperatures.kept(unit.id),
        )

    def _route(self, unit: Unit, listing: Listing) -> tuple[RouteStep, ...]:
        steps = () if self.ways is None else tuple(self.ways.steps(unit.id, listing))
        return steps[-MAX_STEPS:]


Asks = Callable[[Listing, Question], Shown]
"""Asks the responder of a product, at this node or at its own; refuses where it is not reached."""


class Scanning:
    """Looking at a code for the public: the chain first, then the responder."""

    def __init__(self, directory: Directory, ask: Asks) -> None:
        self._directory = directory
        self._ask = ask

    def look(self, code: Code) -> View:
        """Show what is known of the pack that a code names.

        Refuses `supply.gtin_not_listed`, `supply.drug_code_not_listed`, and `supply.no_serial` for
        a code that names no product either. Where the responder is not reached, what the chain
        alone knows is shown, recalls among it.
        """
        if not code.gtin and not code.drug_code:
            raise NO_SERIAL()
        listing = self._directory.find(code)
        recall = self._directory.recalled(listing.gtin, code.lot, code.serial) or ""
        if not code.serial:
            word: Word = "recalled" if recall else "not_verified"
            return _view(word, "product_only", code, listing, recall, None, None)
        question = Question(
            gtin=listing.gtin,
            serial=code.serial,
            lot=code.lot or None,
            expiry=code.expiry or None,
        )
        try:
            said = self._ask(listing, question)
        except Refusal as refusal:
            word = "recalled" if recall else "not_verified"
            return _view(word, "responder_unreachable", code, listing, recall, None, refusal)
        verdict = _verdict(said)
        recall = recall or verdict.recall or ""
        return _view(word_of(verdict, recall), verdict.reason, code, listing, recall, said, None)


def word_of(verdict: Verdict, recall: str) -> Word:
    """Give the one word of a judgement; a recall outweighs all but a suspicion."""
    if verdict.concern == "suspected_fake" and verdict.reason not in _WORDS:
        return "suspect"
    if recall:
        return "recalled"
    return _WORDS.get(verdict.reason) or _BY_CONCERN[verdict.concern]


def _verdict(said: Shown) -> Verdict:
    return Verdict(said.verified, said.reason, said.concern, said.recall or None)


def _view(
    word: Word,
    reason: Reason | Literal["responder_unreachable", "product_only"],
    code: Code,
    listing: Listing,
    recall: str,
    said: Shown | None,
    why: Refusal | None,
) -> View:
    return View(
        word=word,
        colour=COLOURS[word],
        reason=reason,
        code=code,
        listing=listing,
        lot=code.lot or ("" if said is None else said.lot),
        expiry=code.expiry or ("" if said is None else said.expiry),
        recall=recall,
        responder=said,
        why=why,
    )
