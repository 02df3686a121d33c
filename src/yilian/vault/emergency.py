"""The holder's side of an emergency: decide, journal, and release the emergency set.

Who holds the record is who answers, also for its own readers: a practitioner without a treatment
relation breaks the glass at home as elsewhere (`read_own`). Everything is journalled with basis
`emergency` before it leaves; where an access as a whole is refused, one line stands with the
patient's id in the place of a record's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from yilian.ledger import codec
from yilian.ledger.errors import Refusal, code
from yilian.vault.catalogue import Catalogue, RecordRow
from yilian.vault.decision import Decision
from yilian.vault.emergency_access import (
    EmergencyFacts,
    EmergencyReleased,
    EmergencyRequest,
    EmergencySet,
    EmergencyView,
    decide_emergency,
    decide_record,
    line,
    told,
)
from yilian.vault.emergency_keys import EmergencyKeys
from yilian.vault.envelope import (
    EmergencyTerms,
    JournalLine,
    KeyName,
    emergency_commitment,
    seal,
)
from yilian.vault.packages import MAX_RECORDS, NotReleased, ReleasedRecord, UnderCategory
from yilian.vault.records import Opened, Records
from yilian.vault.sharing import salt_binding

REFUSED = code(9337, "emergency_refused", 403, "reasons")


class EmergencyRead(NamedTuple):
    """Records read in an emergency: exact bytes by id, those that stayed shut, and what is left."""

    contents: dict[str, bytes]
    refused: tuple[NotReleased, ...]
    more: tuple[str, ...]


class _Answers(NamedTuple):
    opened: dict[str, Opened]
    refused: dict[str, tuple[str, ...]]
    more: tuple[str, ...]


class Emergency:
    """The holder's side of emergencies of one organisation; its keys are `keys`."""

    def __init__(
        self,
        organisation: str,
        keys: EmergencyKeys,
        catalogue: Catalogue,
        records: Records,
        journal: Callable[[Sequence[JournalLine]], None],
        clock: Callable[[], int],
    ) -> None:
        self.keys = keys
        self._organisation = organisation
        self._catalogue = catalogue
        self._records = records
        self._journal = journal
        self._clock = clock

    def opened_by(self, patient: str) -> list[str]:
        """List the records of a patient that an emergency opens now, without corrected ones.

        A version that was corrected misleads whoever has a minute; it opens when asked for by id.
        """
        opened = self.keys.categories(patient)
        held = self._catalogue.records(self._catalogue.records_of_patient(patient))
        corrected = set(self._catalogue.replaced([row.record for row in held]))
        return sorted(
            row.record for row in held if row.record not in corrected and opened.opens(_name(row))
        )

    def release(
        self, request: EmergencyRequest, view: EmergencyView, caller: str
    ) -> EmergencyReleased:
        """Decide the access and each record, journal every answer durably, and only then return.

        `view` comes from this organisation's own node, `caller` from the authenticated connection.
        What is sent opens with the emergency key alone: ask its keepers. Raises nothing for a
        denial: `reasons` say why the access does not stand, `refused` names records.
        """
        codec.decode(codec.encode(request), EmergencyRequest)
        terms = request.terms
        decision = self._decided(request, view, caller)
        now = max(self._clock(), view.block_time)
        found = self.keys.standing(terms.patient)
        reasons = decision.reasons or self._unprepared(terms.patient, ready=found is not None)
        if reasons or found is None or view.emergency is None:
            self._journal([line(terms, terms.patient, reasons, now)])
            return EmergencyReleased(
                holder=self._organisation,
                access=terms.access,
                patient=terms.patient,
                reasons=reasons,
            )
        row, pair = found
        answers = self._answers(terms.patient, request.records)
        released = [self._released(each) for each in answers.opened.values()]
        if released:
            # Before the wraps are read: a pair retired in between then has none to give.
            self.keys.used(row, min(terms.ends, view.emergency.ends))
        keys = self.keys.wrapped(row, {each.row.category_key for each in answers.opened.values()})
        self._note(terms, answers, now)
        return EmergencyReleased(
            holder=self._organisation,
            access=terms.access,
            patient=terms.patient,
            pair=row.pair,
            key=pair.key,
            set=pair.set,
            threshold=pair.threshold,
            keepers=tuple(each.id for each in pair.keepers),
            keys=tuple(keys),
            records=tuple(released),
            refused=_refused(answers),
            more=answers.more,
        )

    def read_own(self, request: EmergencyRequest, view: EmergencyView) -> EmergencyRead:
        """Read the emergency set of this organisation's own vault; no keeper is asked.

        Refuses `emergency_refused` with all reasons. A record that does not open keeps no other
        one back.
        """
        codec.decode(codec.encode(request), EmergencyRequest)
        terms = request.terms
        reasons = self._decided(request, view, self._organisation).reasons
        reasons = reasons or self._unprepared(terms.patient, ready=True)
        now = max(self._clock(), view.block_time)
        if reasons:
            self._journal([line(terms, terms.patient, reasons, now)])
            raise REFUSED(reasons=", ".join(reasons))
        return self.read_decided(terms, request.records, now)

    def read_decided(
        self, terms: EmergencyTerms, records: Sequence[str] | None, now: int
    ) -> EmergencyRead:
        """Journal and read, for an access that the caller has decided (`outage.OutageLog`)."""
        answers = self._answers(terms.patient, records)
        self._note(terms, answers, now)
        contents = {record: each.content for record, each in answers.opened.items()}
        return EmergencyRead(contents, _refused(answers), answers.more)

    def _decided(self, request: EmergencyRequest, view: EmergencyView, caller: str) -> Decision:
        facts = EmergencyFacts(
            view=view,
            clock=self._clock(),
            caller=caller,
            commitment=emergency_commitment(codec.to_bytes(request.salt), request.terms),
            here=self._organisation,
        )
        return decide_emergency(request.terms, facts)

    def _unprepared(self, patient: str, *, ready: bool) -> tuple[str, ...]:
        """Say what the patient or the keepers keep shut; told only for an access that stands."""
        if not self.keys.categories(patient).categories:
            return ("emergency_set_closed",)
        return () if ready else ("emergency_not_prepared",)

    def _answers(self, patient: str, records: Sequence[str] | None) -> _Answers:
        names = self.opened_by(patient) if records is None else list(records)
        asked, more = names[:MAX_RECORDS], tuple(names[MAX_RECORDS:])
        rows = {row.record: row for row in self._catalogue.records(asked)}
        opened_set = self.keys.categories(patient)
        refused: dict[str, tuple[str, ...]] = {}
        permitted: list[RecordRow] = []
        for record in asked:
            row = rows.get(record)
            decided = _decided(patient, opened_set, row)
            if decided.permit and row is not None:
                permitted.append(row)
            else:
                refused[record] = decided.reasons
        opened: dict[str, Opened] = {}
        for row, found in zip(permitted, self._records.open(permitted), strict=True):
            if isinstance(found, Refusal):
                refused[row.record] = ("payload_unreadable",)
            else:
                opened[row.record] = found
        return _Answers(opened, refused, more)

    def _released(self, found: Opened) -> ReleasedRecord:
        record = found.row.record
        return ReleasedRecord(
            media_type=found.row.media_type,
            address=found.row.address,
            ciphertext=found.ciphertext,
            keys=UnderCategory(
                category_key=found.row.category_key,
                batch_key=found.batch_key,
                data_key=found.row.data_key,
            ),
            salt=seal(found.data_key, found.salt, salt_binding(record)),
            proof=self._records.proof_of(found.row),
        )

    def _note(self, terms: EmergencyTerms, answers: _Answers, now: int) -> None:
        lines = [line(terms, record, (), now) for record in answers.opened]
        lines += [line(terms, each, why, now) for each, why in answers.refused.items()]
        self._journal(lines or [line(terms, terms.patient, (), now)])


def _refused(answers: _Answers) -> tuple[NotReleased, ...]:
    return tuple(
        NotReleased(record=record, reasons=told(reasons))
        for record, reasons in answers.refused.items()
    )


def _decided(patient: str, opened: EmergencySet, row: RecordRow | None) -> Decision:
    if row is None:
        return decide_record(patient, opened, None)
    return decide_record(patient, opened, _name(row), row.standing)


def _name(row: RecordRow) -> KeyName:
    return KeyName(
        patient=row.patient,
        category=row.category,
        sensitivity=row.sensitivity,
        period=row.period,
    )
