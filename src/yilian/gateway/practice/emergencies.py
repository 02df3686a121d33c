"""Emergencies of one organisation: break the glass, answer as holder, keep shares, review.

The reader's organisation prepares an access, and the practitioner puts it on the chain with a key
of their own (`consent.BreakGlass`). Reading asks the holder for the emergency set and the keepers
for their shares; who holds the records answers its own staff too. A person who is not known at the
holder, one without such records, and one who closed their set are one answer: nothing is there.

Without finality the hospital's own vault opens by itself, into a hash-chained log that is anchored
before anything else when the chain is back (`resume`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from yilian.gateway.members.errors import ELSEWHERE
from yilian.gateway.practice.escrow import gather, keepers_of
from yilian.gateway.practice.finality import NO_FINALITY, Finality
from yilian.gateway.practice.notices import tell
from yilian.ledger import codec, transaction
from yilian.ledger.errors import OK, Refusal, by_number, code
from yilian.ledger.modules.consent.messages import BreakGlass, Finding
from yilian.ledger.modules.consent.state import EMERGENCIES
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE
from yilian.ledger.modules.identity.state import KEY_SERVICES, SUBJECTS, TAGS, licensed, standing
from yilian.ledger.modules.records.state import BATCHES
from yilian.vault.duplicates import normalise
from yilian.vault.emergency import REFUSED, EmergencyRead
from yilian.vault.emergency_access import (
    EmergencyReleased,
    EmergencyRequest,
    EmergencySet,
    EmergencyState,
    EmergencyView,
    EscrowAnswer,
    OpenedEmergency,
    ShareRequest,
)
from yilian.vault.emergency_keys import KEEP, Outgoing
from yilian.vault.emergency_register import Entry
from yilian.vault.envelope import EmergencyReason, binding, emergency_commitment, new_id
from yilian.vault.outage import LOG_DAMAGED, OutageFacts
from yilian.vault.packages import MAX_RECORDS, NotReleased, ReleasedRecord
from yilian.vault.records import Item
from yilian.vault.shares import Keepers

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

UNKNOWN = code(9435, "emergencies.unknown", 404)
TRANSACTION_DIFFERS = code(9437, "emergencies.transaction_differs", 409)

QUIET = frozenset({"emergency_not_prepared", "emergency_set_closed"})
"""What a reader is not told apart from "nothing there"."""

MINUTE_MS = 60_000
DUE_EVERY_MS = MINUTE_MS
AT_ONCE = 100
_SUITE_BYTE = b"\x01"

Status = Literal["open", "closed", "ended"]
Told = Callable[[str, str, Mapping[str, str | int]], None]
"""Tells a person: kind of notice, person, parameters (`vault/notice.py`)."""

log = logging.getLogger("yilian.gateway")


class Asked(NamedTuple):
    """What a reader asks for: whose records (`person`, or by number), why, where, how long."""

    person: str | None
    number: tuple[str, str] | None
    reason: EmergencyReason
    text: str
    place: str | None
    minutes: int


class Found(NamedTuple):
    """What an access opened. `alone`: one keeper suffices; `anchored`: the chain has the access."""

    contents: dict[str, bytes]
    refused: tuple[NotReleased, ...]
    alone: bool
    anchored: bool


class Listed(NamedTuple):
    """An access as it stands; `finding` is None until its review, `anchored` as in `Found`."""

    entry: Entry
    status: Status
    ends: int
    finding: Finding | None
    reviewer: str | None
    review: str | None
    anchored: bool
    outage: bool


class Emergencies:
    """The emergencies of one organisation. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self.id = organisation.id
        self.finality = Finality(organisation.engine)
        self.told: Told = self._put_notice
        self._organisation = organisation
        self._engine = organisation.engine
        self._parts = organisation.vault.emergencies
        self._lock = threading.RLock()
        self._looked = 0
        self._kept_by: Keepers | None = None
        self._place: int | None = 0

    # -- the reader's side ---------------------------------------------------------------------

    def prepare(self, holder: str, reader: str, asked: Asked) -> OpenedEmergency:
        """Prepare an access for a practitioner of this organisation, to be put on the chain.

        `holder` is the organisation that keeps the records. Refuses
        `identity.licence_not_in_force`, `malformed`, and `emergencies.no_finality` for another
        organisation's records while the chain has none; and as `Organisation.counterpart`.
        """
        now = self._engine.now()
        if not licensed(self._engine.state(), reader, now):
            raise LICENCE_NOT_IN_FORCE()
        if holder != self.id and self.finality.lost():
            raise NO_FINALITY()
        at = self._organisation.counterpart(holder)
        patient = asked.person
        if patient is None and asked.number is not None:
            patient = at.find(*asked.number, reader)
        opened = self._parts.requester.prepare(
            patient=patient or new_id(),
            holder=holder,
            reader=reader,
            reason=asked.reason,
            text=asked.text,
            place=asked.place,
            ends=now + asked.minutes * MINUTE_MS,
        )
        self._parts.register.note(opened, "reader", now)
        return opened

    def prepared(self, access: str, reader: str) -> OpenedEmergency:
        """Find an access that a reader prepared here; refuses `emergencies.unknown`."""
        opened = self._parts.requester.prepared(access)
        if opened is None or opened.terms.reader != reader:
            raise UNKNOWN()
        return opened

    def read(self, opened: OpenedEmergency, raw: bytes | None = None) -> Found:
        """Read the emergency set under an access; every answer is journalled before it leaves.

        `raw` is the reader's signed `consent.BreakGlass`, handed in here, or kept until the chain
        is back. Refuses `emergency_refused`, `outage_refused`, `emergencies.no_finality`,
        `emergencies.transaction_differs`, and what `Requester.open` and the holder's node refuse.
        """
        own = opened.terms.holder == self.id
        if raw is not None:
            _require_same(raw, opened)
        if self.finality.lost():
            if not own:
                raise NO_FINALITY()
            return self._read_in_outage(opened, raw)
        if raw is not None and EMERGENCIES.get(self._engine.state(), opened.terms.access) is None:
            self._hand_in(raw)
        return self._read_own(opened) if own else self._read_elsewhere(opened)

    def _read_own(self, opened: OpenedEmergency) -> Found:
        view = self._view(opened.terms.access)

        def some(names: tuple[str, ...] | None) -> EmergencyRead:
            return self._parts.holder.read_own(opened.request(names), view)

        try:
            contents, refused = _all(some)
        except Refusal as refusal:
            reasons = str(refusal.parameters.get("reasons", ""))
            if refusal.code is not REFUSED or reasons not in QUIET:
                raise
            contents, refused = {}, ()
        self._note(opened)
        return Found(contents, refused, self.keepers().alone, anchored=True)

    def _read_elsewhere(self, opened: OpenedEmergency) -> Found:
        holder = self._organisation.counterpart(opened.terms.holder)

        def some(names: tuple[str, ...] | None) -> EmergencyRead:
            released = holder.emergency(opened.request(names))
            if released.reasons:
                raise REFUSED(reasons=", ".join(released.reasons))
            contents: dict[str, bytes] = {}
            if released.records and released.pair is not None:
                answers = gather(self._organisation, opened.share(released.pair), released)
                roots = self._roots(released.records)
                contents = self._parts.requester.open(released, answers, roots)
            return EmergencyRead(contents, released.refused, released.more)

        contents, refused = _all(some)
        alone = keepers_of(self._organisation, holder.id).alone
        return Found(contents, refused, alone, anchored=True)

    def _read_in_outage(self, opened: OpenedEmergency, raw: bytes | None) -> Found:
        outage, access = self._parts.outage, opened.terms.access
        facts = self._outage_facts(opened.terms.reader)
        outage.break_glass(opened, facts)
        if raw is not None:
            self._parts.register.keep(access, raw)

        def some(names: tuple[str, ...] | None) -> EmergencyRead:
            return outage.read(access, facts, names)

        contents, refused = _all(some)
        self._note(opened)
        return Found(contents, refused, self.keepers().alone, anchored=False)

    def _outage_facts(self, reader: str) -> OutageFacts:
        state = self._engine.state()
        return OutageFacts(
            waiting_since=self.finality.waiting_since(),
            standing=standing(state, reader) is not None,
            licensed=licensed(state, reader, self._engine.now()),
        )

    def _roots(self, released: Iterable[ReleasedRecord]) -> dict[str, str]:
        state = self._engine.state()
        names = sorted({each.proof.batch for each in released})
        found = {name: BATCHES.get(state, name) for name in names}
        return {name: batch.root for name, batch in found.items() if batch is not None}

    # -- the holder's side ---------------------------------------------------------------------

    def find(self, system: str, number: str) -> str | None:
        """Find a person of this organisation by a number; None for one who is not enrolled."""
        place = f"{self.id}/{self._organisation.tag(system, number)}"
        mark = TAGS.get(self._engine.state(), place)
        return None if mark is None else mark.subject

    def find_or_nobody(self, system: str, number: str) -> str:
        """Find a person by a number; for one who is not here, an id of nobody, always the same.

        Reading nobody's finds what reading an empty set finds. Refuses `duplicate_number_refused`.
        """
        found = self.find(system, number)
        if found is not None:
            return found
        text = binding("emergency-nobody", system=system, number=normalise(number))
        drawn = self._organisation.vault.keystore.mac("emergency-nobody", text)[:16]
        return codec.to_text(bytes((drawn[0] & 0x7F,)) + drawn[1:])

    def release(self, request: EmergencyRequest, caller: str) -> EmergencyReleased:
        """Answer another organisation as holder; the patient is told, and the access registered.

        Decided by this organisation's own node. What is not there and who is not here look alike.
        """
        patient = request.terms.patient
        if self._at_home(patient):
            self.refresh(patient)
        view = self._view(request.terms.access)
        released = self._parts.holder.release(request, view, caller)
        if set(released.reasons) - QUIET:
            return released
        salt = codec.to_bytes(request.salt)
        committed = emergency_commitment(salt, request.terms)
        self._note(OpenedEmergency(terms=request.terms, salt=request.salt, commitment=committed))
        if not released.records and not released.refused:
            return EmergencyReleased(holder=self.id, access=request.terms.access, patient=patient)
        return released

    def _view(self, access: str) -> EmergencyView:
        state = self._engine.state()
        found = EMERGENCIES.get(state, access)
        if found is None:
            return EmergencyView(emergency=None, recipient=None, block_time=self._engine.tip.time)
        service = KEY_SERVICES.get(state, found.organisation)
        return EmergencyView(
            emergency=EmergencyState(
                reader=found.reader,
                organisation=found.organisation,
                open=found.closed is None,
                ends=found.ends,
                commitment=found.terms,
                standing=standing(state, found.reader) is not None,
                licensed=licensed(state, found.reader, self._engine.now()),
            ),
            recipient=None if service is None else _SUITE_BYTE + codec.to_bytes(service.public),
            block_time=self._engine.tip.time,
        )

    def _note(self, opened: OpenedEmergency) -> None:
        """Register an access to a patient of this organisation, and tell them, once."""
        terms, now = opened.terms, self._engine.now()
        if not self._at_home(terms.patient):
            return
        known = self._parts.register.find(terms.access, "holder")
        if known is not None:
            return
        about = {"access": terms.access, "organisation": terms.organisation}
        self.told("glass_broken", terms.patient, {**about, "time": now})
        self._parts.register.note(opened, "holder", now)

    def _put_notice(self, kind: str, person: str, parameters: Mapping[str, str | int]) -> None:
        tell(self._organisation, person, kind, parameters, cause=str(parameters["access"]))

    def _at_home(self, person: str) -> bool:
        found = SUBJECTS.get(self._engine.state(), person)
        return found is not None and (found.kind, found.organisation) == ("person", self.id)

    # -- keys and shares -----------------------------------------------------------------------

    def keepers(self) -> Keepers:
        """Name who keeps shares of this organisation's emergency keys, and how many suffice.

        Members whose nodes can be reached, by the chain; on an embedded chain its own escrow
        service alone: one of one.
        """
        return keepers_of(self._organisation, self.id)

    def share(self, request: ShareRequest, caller: str) -> EscrowAnswer:
        """Answer as escrow service, by rule alone and by this organisation's own node."""
        return self._parts.escrow.release(request, self._view(request.terms.access), caller)

    def deposited(self, items: Iterable[Item]) -> None:
        """Prepare for emergencies what was taken in."""
        for person in sorted({each.patient for each in items}):
            self.refresh(person)

    def refresh(self, person: str) -> None:
        """Wrap a patient's new keys for emergencies; for after a deposit and after a rotation."""
        self._renew(person, self._parts.keys.refresh)

    def _renew(self, person: str, renew: Callable[[str, Keepers], object]) -> None:
        """Renew a patient's pair and hand out its shares.

        Where a used pair is replaced, the category keys end too; those that follow reach the
        grants that stand with the first records under them (`results.py`).
        """
        with self._lock:
            renew(person, self.keepers())
            self._deliver()

    def _deliver(self) -> None:
        """Carry to the escrow services of this node what they are to be told; wake the courier."""
        keys = self._parts.keys
        while here := [name for name in keys.receivers() if self._organisation.hosted(name)]:
            for name in here:
                for each in keys.outgoing(name):
                    self._hand(each)
        if keys.receivers():
            self._organisation.courier.wake()

    def _hand(self, each: Outgoing) -> None:
        keeper = self._organisation.counterpart(each.keeper)
        if each.act == KEEP:
            keeper.keep_share(each.package)
        else:
            keeper.drop_share(each.pair)
        self._parts.keys.delivered(each)

    def to_tell(self) -> set[str]:
        """Name the keepers at other nodes that are to be told of shares."""
        names = self._parts.keys.receivers()
        return {name for name in names if self._organisation.hosted(name) is None}

    def carry(self, keeper: str) -> None:
        """Tell a keeper at another node what it is to be told; refuses as it does.

        A share that it refuses for good is given up: the pair stands with those of the others.
        """
        while waiting := self._parts.keys.outgoing(keeper, AT_ONCE):
            for each in waiting:
                try:
                    self._hand(each)
                except Refusal as refusal:
                    if refusal.code in ELSEWHERE:
                        raise
                    log.warning("a share is not kept elsewhere: %s", refusal.code.name)
                    self._parts.keys.refused(each)

    def give_up(self, keeper: str) -> None:
        """Forget what a keeper that has ended was to be told."""
        while waiting := self._parts.keys.outgoing(keeper, AT_ONCE):
            for each in waiting:
                self._parts.keys.refused(each)

    def categories(self, person: str) -> EmergencySet:
        """Give what an emergency opens of a patient."""
        return self._parts.keys.categories(person)

    def set_categories(
        self, person: str, categories: Sequence[str], sensitivities: Sequence[str]
    ) -> EmergencySet:
        """Widen, narrow or (no categories) close what an emergency opens; refuses `malformed`."""
        with self._lock:
            made = self._parts.keys.set_emergency_categories(person, categories, sensitivities)
        self.refresh(person)
        return made

    def forget(self, person: str) -> None:
        """Delete keys, shares, set, register and recovery bundles of one who is erased."""
        with self._lock:
            self._parts.keys.forget(person)
            self._deliver()
        self._parts.register.forget(person)
        self._parts.recovery.forget(person)

    # -- by itself -----------------------------------------------------------------------------

    def resume(self) -> None:
        """After an outage: anchor its log before anything else, then break the glass on chain.

        Does nothing while the chain is without finality. A kept transaction that the chain refuses
        (its access has ended meanwhile) is dropped; the log still tells of it.
        """
        if self.finality.lost():
            return
        try:
            for batch in self._parts.outage.unanchored():
                self._organisation.anchor(batch, self._parts.outage.anchored)
        except Refusal as refusal:
            # A damaged log must not hold up all other anchoring; `integrity` names its place.
            if refusal.code is not LOG_DAMAGED:
                raise
            log.error("the outage log of %s is damaged and stays unanchored", self.id)
        for kept in self._parts.register.kept():
            try:
                self._hand_in(kept.transaction)
            except Refusal as refusal:
                log.warning("emergency %s is not on the chain: %s", kept.access, refusal.code.name)
            self._parts.register.handed_in(kept.access)

    def tend(self) -> None:
        """Replace keys whose use has ended or whose month is over; call it every second or so."""
        now = self._engine.now()
        self.finality.waiting_since()
        for each in self._parts.register.unsettled():
            if not self._open(each, now):
                self._settle(each)
        if now - self._looked >= DUE_EVERY_MS:
            self._looked = now
            for person in self._parts.keys.due():
                self.refresh(person)
        self._follow_keepers()

    def _follow_keepers(self) -> None:
        """Make new pairs, some at a time, where members have come or gone."""
        keepers = self.keepers()
        if keepers != self._kept_by:
            self._kept_by, self._place = keepers, 0
        if self._place is None:
            return
        found, self._place = self._parts.keys.kept_otherwise(keepers, self._place, AT_ONCE)
        for person in found:
            self.refresh(person)

    def _open(self, entry: Entry, now: int) -> bool:
        found = EMERGENCIES.get(self._engine.state(), entry.opened.terms.access)
        return now < entry.opened.terms.ends if found is None else found.open_at(now)

    def _settle(self, entry: Entry) -> None:
        patient = entry.opened.terms.patient
        found = self._parts.keys.standing(patient)
        if found is not None and found[0].used_until is not None:
            self._renew(patient, self._parts.keys.rotate)
        self._parts.register.settle(entry.opened.terms.access)

    def _hand_in(self, raw: bytes) -> None:
        outcome = self._engine.submit(raw).result()
        if outcome.code != OK:
            raise Refusal(by_number(outcome.code), outcome.parameters)

    # -- review --------------------------------------------------------------------------------

    def accesses(self, side: str, person: str | None = None) -> list[Listed]:
        """List accesses that were made, newest first: `reader` by our staff, `holder` to patients.

        One that was prepared and never put on the chain is not listed.
        """
        named = self._parts.register.entries("reader" if side == "reader" else "holder", person)
        if not named:
            return []
        outage = {
            each.entry.access: each.height is not None
            for each in self._parts.outage.entries()
            if each.entry.opened is not None
        }
        found = [self._listed(each, outage) for each in named]
        return [each for each in found if each is not None]

    def _listed(self, entry: Entry, outage: Mapping[str, bool]) -> Listed | None:
        terms, now = entry.opened.terms, self._engine.now()
        found = EMERGENCIES.get(self._engine.state(), terms.access)
        in_outage = terms.access in outage
        if found is None:
            if not in_outage:
                return None
            status: Status = "open" if now < terms.ends else "ended"
            anchored = outage[terms.access]
            return Listed(entry, status, terms.ends, None, None, None, anchored, outage=True)
        status = "closed" if found.closed is not None else "open" if now < found.ends else "ended"
        words = None
        if found.reasons is not None:
            words = self._parts.register.review(terms.access, found.reasons)
        return Listed(
            entry,
            status,
            found.ends,
            found.finding,
            found.reviewer,
            words,
            anchored=True,
            outage=in_outage,
        )

    def write_review(self, access: str, text: str) -> str:
        """Keep why an access is judged as it is; gives the commitment for the reviewer to sign.

        Refuses `emergencies.unknown` for an access that no reader of ours put on the chain.
        """
        known = self._parts.register.find(access, "reader")
        if known is None or EMERGENCIES.get(self._engine.state(), access) is None:
            raise UNKNOWN()
        return self._parts.register.write_review(access, text)


def _all(
    some: Callable[[tuple[str, ...] | None], EmergencyRead],
) -> tuple[dict[str, bytes], tuple[NotReleased, ...]]:
    """Read in portions until nothing is left to be asked for by name."""
    contents: dict[str, bytes] = {}
    refused: list[NotReleased] = []
    names: tuple[str, ...] | None = None
    while True:
        found = some(None if names is None else names[:MAX_RECORDS])
        contents.update(found.contents)
        refused.extend(found.refused)
        names = found.more if names is None else names[MAX_RECORDS:]
        if not names:
            return contents, tuple(refused)


def _require_same(raw: bytes, opened: OpenedEmergency) -> None:
    """Refuse a transaction that is not the reader's own breaking of this glass."""
    body = transaction.decode(raw).body
    terms = opened.terms
    wanted = BreakGlass(access=terms.access, terms=opened.commitment, ends=terms.ends)
    if body.sender != terms.reader or list(body.messages) != [wanted]:
        raise TRANSACTION_DIFFERS()
