"""What an emergency access is made of: the formats that travel, and the pure decision.

1. The reader commits to `EmergencyTerms` on the chain (`consent.BreakGlass`).
2. The holder decides on the opened terms and what its own node says, journals, and sends the
   ciphertexts of the emergency set, with their category keys wrapped to the emergency key
   (`emergency.py`).
3. Escrow services decide likewise, each by its own node, and re-wrap their shares (`escrow.py`).
4. At the requester the shares give the emergency key, and it opens category, batch and data keys
   in turn (`emergency_requester.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from yilian.ledger.codec import Digest, Id, Millis, Whole
from yilian.vault.decision import ABOUT_THE_RECORD, Decision
from yilian.vault.envelope import (
    EmergencyTerms,
    Format,
    JournalLine,
    KeyName,
    Names,
    WrappedCategoryKey,
    binding,
    new_id,
)
from yilian.vault.packages import MAX_RECORDS, NotReleased, ReleasedRecord

PURPOSE = "emergency"


class EmergencyRequest(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-emergency-request/1"
):
    """A requester opens its commitment to the holder; without `records` the whole set is meant."""

    terms: EmergencyTerms
    salt: Digest
    records: (
        Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_RECORDS)] | None
    ) = None

    def __post_init__(self) -> None:
        if self.records is not None and len(set(self.records)) < len(self.records):
            raise ValueError("a request names each record once")


class ShareRequest(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-share-request/1"
):
    """A requester opens its commitment to an escrow service, for the share of one pair."""

    terms: EmergencyTerms
    salt: Digest
    pair: Id


class EmergencyState(msgspec.Struct, frozen=True, kw_only=True):
    """A `consent.BreakGlass` as this organisation's own node has it, with its reader.

    `standing`: the reader is enrolled and not suspended; `licensed`: with a licence in force.
    """

    reader: Id
    organisation: Id
    open: bool
    ends: Millis
    commitment: Digest
    standing: bool
    licensed: bool


class EmergencyView(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest block says about the access asked for; None where it has none.

    `recipient` is the key-service key of the reader's organisation, as the chain has it, never as
    the asker says. `stale_after`: as in `decision.ChainView`.
    """

    emergency: EmergencyState | None
    recipient: bytes | None
    block_time: Millis
    stale_after: Millis | None = None


class EmergencyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision about an emergency looks at, besides the opened terms.

    `caller` is whom the connection is authenticated as, `commitment` that of the opened terms.
    `here` is the organisation that decides as holder; None at an escrow service.
    """

    view: EmergencyView
    clock: Millis
    caller: Id
    commitment: Digest
    here: Id | None


class EmergencySet(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-set/1"):
    """What opens in an emergency, as the patient has it; no categories: nothing does."""

    categories: Names
    sensitivities: Names = ("normal",)

    def opens(self, name: KeyName) -> bool:
        """Tell whether a category key belongs to the set."""
        return name.category in self.categories and name.sensitivity in self.sensitivities


def decide_emergency(terms: EmergencyTerms, facts: EmergencyFacts) -> Decision:
    """Decide whether an emergency access stands now, with every reason why not.

    Moments are judged by the later of block time and this clock. Which records then open is
    `decide_record`'s.
    """
    view, found = facts.view, facts.view.emergency
    now = max(view.block_time, facts.clock)
    reasons: list[str] = []
    if view.stale_after is not None and facts.clock - view.block_time > view.stale_after:
        reasons.append("chain_outdated")
    if facts.caller != terms.organisation:
        reasons.append("organisation_not_requester")
    if facts.here is not None and facts.here != terms.holder:
        reasons.append("holder_differs")
    if view.recipient is None and facts.caller != facts.here:
        reasons.append("key_service_unknown")
    if now >= (terms.ends if found is None else min(terms.ends, found.ends)):
        reasons.append("emergency_ended")
    if found is None:
        return Decision(False, (*reasons, "emergency_not_on_chain"))
    if found.commitment != facts.commitment:
        reasons.append("emergency_differs_from_chain")
    if not found.open:
        reasons.append("emergency_closed")
    if (found.reader, found.organisation) != (terms.reader, terms.organisation):
        reasons.append("reader_differs")
    if not found.standing:
        reasons.append("reader_not_standing")
    if not found.licensed:
        reasons.append("reader_not_licensed")
    return Decision(not reasons, tuple(reasons))


def decide_record(
    patient: str, opened: EmergencySet, name: KeyName | None, standing: str = "kept"
) -> Decision:
    """Decide one record of an access that stands; `name` is where it is kept, None: unknown.

    `standing`: `kept`, or `sealed` or `erased` after an erasure.
    """
    if standing != "kept":
        return Decision(False, ("record_erased" if standing == "erased" else "record_sealed",))
    if name is None or name.patient != patient:
        return Decision(False, ("record_not_of_patient",))
    if not opened.opens(name):
        return Decision(False, ("not_in_emergency_set",))
    return Decision(True, ())


def told(reasons: Sequence[str]) -> tuple[str, ...]:
    """Fold what an asker may hear of a record: "no such" and "not in the set" are one answer."""
    hidden = ABOUT_THE_RECORD | {"not_in_emergency_set"}
    return tuple(dict.fromkeys("record_not_open" if each in hidden else each for each in reasons))


def line(terms: EmergencyTerms, record: str, reasons: Sequence[str], now: int) -> JournalLine:
    """Write the journal line of one answer in an emergency; its session is the access."""
    return JournalLine(
        disclosure=new_id(),
        basis="emergency",
        session=terms.access,
        grant=None,
        record=record,
        reader=terms.reader,
        purpose=PURPOSE,
        time=now,
        outcome="deny" if reasons else "permit",
        reasons=tuple(reasons),
    )


# What travels


class EmergencyReleased(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-emergency-released/1"
):
    """The holder's answer; a journal line for each record named here is already on its disk.

    `pair` is the emergency key whose shares are to be asked for: `set` is their set, `keepers` who
    has them, `threshold` how many suffice. `reasons` say why nothing was released, `refused` why a
    record was not; `more` are records that did not fit and can be asked for by name.
    """

    holder: Id
    access: Id
    patient: Id
    pair: Id | None = None
    key: Id | None = None
    set: Id | None = None
    threshold: Whole = 0
    keepers: tuple[Id, ...] = ()
    keys: tuple[WrappedCategoryKey, ...] = ()
    records: tuple[ReleasedRecord, ...] = ()
    refused: tuple[NotReleased, ...] = ()
    reasons: Names = ()
    more: tuple[Id, ...] = ()

    @property
    def alone(self) -> bool:
        """Tell whether one keeper's share is enough (an embedded chain: 1 of 1)."""
        return self.threshold == 1


class EscrowAnswer(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-escrow-answer/1"
):
    """An escrow service's answer: its share, wrapped to the requester, or all reasons why not."""

    keeper: Id
    access: Id
    pair: Id
    reasons: Names = ()
    recipient: Id | None = None
    wrapped: bytes = b""


def pair_binding(holder: str, patient: str, pair: str) -> bytes:
    """Say whose emergency key is derived from a secret."""
    return binding("emergency-pair", holder=holder, pair=pair, patient=patient)


def emergency_key_binding(holder: str, pair: str, category_key: str) -> bytes:
    """Say what a category key wrapped to an emergency key is for."""
    return binding("emergency-key", category_key=category_key, holder=holder, pair=pair)


def answer_binding(answer: EscrowAnswer, organisation: str) -> bytes:
    """Say for which access, and for whom, a share was re-wrapped."""
    return binding(
        "escrow-answer",
        access=answer.access,
        keeper=answer.keeper,
        organisation=organisation,
        pair=answer.pair,
    )


class OpenedEmergency(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-opened-emergency/1"
):
    """An emergency to be put on chain by its commitment, and shown opened to holder and escrow."""

    terms: EmergencyTerms
    salt: Digest
    commitment: Digest

    def request(self, records: tuple[str, ...] | None = None) -> EmergencyRequest:
        """Ask the holder for the emergency set, or for records of it."""
        return EmergencyRequest(terms=self.terms, salt=self.salt, records=records)

    def share(self, pair: str) -> ShareRequest:
        """Ask an escrow service for its share of a pair."""
        return ShareRequest(terms=self.terms, salt=self.salt, pair=pair)
