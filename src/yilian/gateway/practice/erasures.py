"""Erasing a person's records, and holding what must stay: planned, put on the chain, carried out.

    plan       what may go is destroyed, what must be kept is sealed (`vault/erasure.py`)
    prepare    the plan is on the disk
    chain      one `records.Erase` for each of its parts, by the organisation's agent in its own
               name: a transaction on behalf of the person would tie the marks to their id
    tell       the person, and the readers elsewhere who received copies
    carry out  keys and payloads go; what is worked out from them goes with them

`resume` finishes what a crash left at any of these steps, and is called before a node serves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.practice import notices
from yilian.gateway.training.store import TrainingStore
from yilian.ledger.errors import Refusal, code
from yilian.ledger.modules.records import messages as records
from yilian.ledger.modules.records.state import ERASURES, HOLDS, MARKS
from yilian.ledger.state import Reader
from yilian.vault.catalogue import KEPT, SEALED
from yilian.vault.certificates import Certificate, Extent, Part, Plan
from yilian.vault.envelope import new_id
from yilian.vault.holds import Ground, Held

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

ERASURE_UNKNOWN = code(9426, "erasing.unknown", 404)

MESSAGES = 32
"""How many messages one transaction may carry (architecture, section 5)."""

log = logging.getLogger("yilian.gateway")


class Erased(NamedTuple):
    """An erasure that was carried out, and the organisations that were told of it."""

    plan: Plan
    told: tuple[str, ...]


class HeldRecords(NamedTuple):
    """A hold, each record's own hold on the chain, and the height of the last change of them."""

    hold: str
    entries: tuple[Held, ...]
    height: int


class Erasures:
    """The erasures and holds of one organisation. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._engine = organisation.engine
        self._vault = organisation.vault
        self._lock = threading.RLock()
        organisation.vault.erasure.listeners.append(self._forget)

    # -- erasing -------------------------------------------------------------------------------

    def erase(self, person: str, chosen: Sequence[str] | None) -> Erased:
        """Erase records of a person, or all of them (None); what must be kept is sealed.

        The chain has it when this returns, and the records are gone; the organisations that
        received copies are told. Refuses as `vault.plan_erasure` and `records.Erase` do; nothing
        is erased then.
        """
        with self._lock:
            self.resume()
            plan = self._vault.plan_erasure(person, chosen)
            self._vault.erasure.prepare(plan)
            try:
                self._write(plan)
            except Refusal:
                if not self._on_chain(plan):
                    self._vault.erasure.withdraw(plan.plan)
                raise
            return self._carry_out(plan)

    def resume(self) -> None:
        """Finish every erasure that was begun; one that the chain refuses whole is forgotten."""
        with self._lock:
            for plan in self._vault.erasure.unfinished():
                try:
                    self._write(plan)
                    self._carry_out(plan)
                except Refusal as refusal:
                    log.warning("erasure %s: %s", plan.plan, refusal.code.name)
                    if not self._on_chain(plan):
                        self._vault.erasure.withdraw(plan.plan)

    def find(self, name: str) -> Plan:
        """Find an erasure that was carried out, by the id of its plan or of one of its parts.

        Refuses `erasing.unknown`.
        """
        for plan in self._vault.erasure.done():
            if name in (plan.plan, *(part.certificate.erasure for part in plan.parts)):
                return plan
        raise ERASURE_UNKNOWN()

    def height(self, part: Part) -> int | None:
        """Tell where the chain has a part of an erasure."""
        found = ERASURES.get(self._engine.state(), part.certificate.erasure)
        return None if found is None else found.since

    def _write(self, plan: Plan) -> None:
        """Put on the chain what is not there yet, part by part."""
        for part in plan.parts:
            if ERASURES.get(self._engine.state(), part.certificate.erasure) is None:
                self._organisation.write(
                    records.Erase(
                        erasure=part.certificate.erasure,
                        marks=list(part.marks),
                        extent=part.certificate.extent,
                        certificate=part.commitment,
                        until=part.certificate.until,
                    )
                )

    def _on_chain(self, plan: Plan) -> bool:
        return any(self.height(part) is not None for part in plan.parts)

    def _carry_out(self, plan: Plan) -> Erased:
        """Do what the chain has. All before the last step may come again after a crash."""
        certificates = [part.certificate for part in plan.parts]
        self._inform(plan.patient, certificates)
        told = self._tell(certificates)
        open_ = self._vault.catalogue.records_of_patient(plan.patient, (KEPT,))
        if set(open_) <= {*plan.records("destroyed"), *plan.records("sealed")}:
            # What the law keeps is their records; quizzes and their credentials it does not.
            TrainingStore(self._vault.catalogue).forget(plan.patient)
        held = self._vault.catalogue.records_of_patient(plan.patient, (KEPT, SEALED))
        if set(held) <= set(plan.records("destroyed")):
            # Nothing is left of the person here: name, cards, questions to them, and copies of
            # their category keys for emergencies and guardians go too.
            self._organisation.emergencies.forget(plan.patient)
            self._vault.asks.forget(plan.patient)
            self._vault.introductions.forget(plan.patient)
            self._vault.key_requests.forget(plan.patient)
            self._vault.desk.remove_person(plan.patient)
            if self._organisation.supply is not None:
                self._organisation.supply.recalling.patients.agree(plan.patient, False)
        self._vault.erase(plan)
        self._organisation.content.settle(plan.patient)
        self._organisation.replicas.touched(plan.patient)
        return Erased(plan, told)

    def _inform(self, person: str, certificates: Sequence[Certificate]) -> None:
        for each in certificates:
            notices.tell(
                self._organisation, person, "erasure_done", _about(each), cause=each.erasure
            )

    def _tell(self, certificates: Sequence[Certificate]) -> tuple[str, ...]:
        """Tell the readers of other organisations who received copies, once each.

        What they do with their copies is theirs; the certificate names them in any case.
        """
        told: set[str] = set()
        for each in certificates:
            for copy in each.copies:
                name = copy.organisation
                if name is None or name == self._organisation.id:
                    continue
                about, cause = _about(each), each.erasure
                if notices.tell_at(
                    self._organisation, name, copy.reader, "copies_erased", about, cause
                ):
                    told.add(name)
        return tuple(sorted(told))

    def _forget(self, names: Sequence[str], extent: Extent) -> None:
        """Let the content index go with the records; a sealed one is found by nothing either."""
        self._organisation.content.index.forget(names)
        if extent == "destroyed":
            self._organisation.content.origins.forget(names)

    # -- holding -------------------------------------------------------------------------------

    def hold(self, chosen: Sequence[str], ground: Ground, name: str | None = None) -> HeldRecords:
        """Forbid the destruction of records, here at once and then on the chain.

        The same `name` again finishes what was interrupted. Refuses as `vault.hold`.
        """
        with self._lock:
            return self._hold(chosen, ground, name or new_id())

    def _hold(self, chosen: Sequence[str], ground: Ground, name: str) -> HeldRecords:
        held = self._vault.hold(name, chosen, ground)
        missing = [each for each in held if HOLDS.get(self._engine.state(), each.entry) is None]
        mark = self._vault.erasure.mark
        return self._in_turn(
            name,
            held,
            [
                records.Hold(hold=each.entry, mark=mark(each.record), ground=ground)
                for each in missing
            ],
        )

    def lift(self, name: str) -> HeldRecords:
        """End a hold; again is fine. Refuses `vault_hold_unknown`."""
        with self._lock:
            return self._lift(name)

    def _lift(self, name: str) -> HeldRecords:
        held = self._vault.lift(name)
        state = self._engine.state()
        standing = [
            each
            for each in held
            if (found := HOLDS.get(state, each.entry)) is not None and found.lifted is None
        ]
        return self._in_turn(name, held, [records.LiftHold(hold=each.entry) for each in standing])

    def _in_turn(
        self, name: str, held: Sequence[Held], messages: Sequence[records.Message]
    ) -> HeldRecords:
        for at in range(0, len(messages), MESSAGES):
            self._organisation.write(*messages[at : at + MESSAGES])
        state = self._engine.state()
        found = [HOLDS.require(state, each.entry) for each in held]
        height = max(each.since if each.lifted is None else each.lifted for each in found)
        return HeldRecords(name, tuple(held), height)


def marks_of(reader: Reader, organisation: str) -> dict[str, tuple[str, int | None]]:
    """Give what the chain says of an organisation's erased records, for a restore: by mark.

    `reader` is committed state, of a node that is down too.
    """
    start = MARKS.key(f"{organisation}/")
    found: dict[str, tuple[str, int | None]] = {}
    for key, value in reader.scan(start):
        marked = MARKS.decode(value)
        if marked.extent is not None:
            found[key.removeprefix(start).decode("ascii")] = (marked.extent, marked.until)
    return found


def _about(certificate: Certificate) -> dict[str, str | int]:
    return {
        "erasure": certificate.erasure,
        "organisation": certificate.organisation,
        "time": certificate.time,
    }
