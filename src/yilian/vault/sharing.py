"""The holder's side of sharing: release records inside a session, as far as a grant goes.

Whoever has the category key gets ciphertexts; for everything else one record's data key is wrapped
for that session. Where terms have labels taken out, no key of the record is released at all, and
the grantee gets a redacted copy under a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import Catalogue, GivenRow, RecordRow
from yilian.vault.decision import ChainView, Decision, Facts, decide, told
from yilian.vault.envelope import (
    JournalLine,
    KeyName,
    Names,
    PublicKey,
    Terms,
    address,
    binding,
    copy_commitment,
    new_id,
    new_key,
    new_salt,
    seal,
    session_commitment,
    terms_commitment,
    wrap,
)
from yilian.vault.giving import Changed, Given, Giver, OpenedTerms, Rewrapped
from yilian.vault.journal import Journal
from yilian.vault.keystore import Keystore
from yilian.vault.packages import (
    NotReleased,
    Released,
    ReleasedRecord,
    Request,
    ToGrantee,
    UnderCategory,
)
from yilian.vault.records import Opened, Records

__all__ = ["Changed", "Given", "Holder", "OpenedTerms", "Redact", "Rewrapped", "no_copies"]

Redact = Callable[[bytes, str, Names], bytes | None]
"""Makes a copy of a content (of a media type) without what has one of the labels, or None."""


def no_copies(content: bytes, media_type: str, labels: Names) -> bytes | None:
    """Redact nothing: where no redaction is at hand, nothing leaves under terms that ask for it."""
    return None


class _Answer(NamedTuple):
    decision: Decision
    released: ReleasedRecord | None


class _Asked(NamedTuple):
    """What is the same for all records of one request."""

    request: Request
    row: GivenRow
    terms: Terms
    sent: frozenset[str]


class Holder(Giver):
    """The holder's side of one organisation's vault."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        catalogue: Catalogue,
        records: Records,
        journal: Journal,
        clock: Callable[[], int],
        redact: Redact = no_copies,
    ) -> None:
        super().__init__(organisation, keystore, catalogue, clock)
        self._records = records
        self._journal = journal
        self._redact = redact

    # Release

    def release(
        self, request: Request, view: ChainView, caller: str, encounter: bool = False
    ) -> Released:
        """Decide each record, journal every answer durably, and only then return.

        `view` comes from this organisation's own node, `caller` from the authenticated
        connection; `encounter`: one is open, or a referral accepted, between the patient and the
        caller. A record whose payload or row is damaged is refused and journalled as such, and so
        is every record asked for under a grant that is not known here. Raises nothing for a
        denial: `refused` names the records, and a caller that looks at `records` only finds them
        absent.
        """
        codec.decode(codec.encode(request), Request)
        row = self._catalogue.given(request.session.grant)
        clock = self._clock()
        if row is None:
            unknown = _Answer(Decision(False, ("grant_unknown",)), None)
            answers = dict.fromkeys(request.records, unknown)
        else:
            row = self._standing_row(row, view.grant.commitment if view.grant else None)
            opened = self._opened(row)
            facts = self._facts(request, view, caller, clock, opened)
            facts = msgspec.structs.replace(facts, encounter=encounter)
            sent = self._catalogue.sent(row.grant_id)
            answers = self._answers(facts, _Asked(request, row, opened.terms, sent))
        now = max(view.block_time, clock)
        self._journal.write([_line(request, record, answers[record], now) for record in answers])
        return Released(
            holder=self._organisation,
            grant=request.session.grant,
            session=request.session.session,
            records=tuple(each.released for each in answers.values() if each.released),
            refused=tuple(
                NotReleased(record=record, reasons=told(each.decision.reasons))
                for record, each in answers.items()
                if each.released is None
            ),
        )

    def opened_by(self, grant: str, commitment: str | None = None) -> list[str]:
        """List the records that a grant's terms open; refuses `grant_not_given_here`.

        For answering "all that I may read": the decision is taken again at `release`. The current
        terms count, or the earlier ones that have this commitment.
        """
        row = self._standing_row(self._given(grant), commitment)
        terms = self._opened(row).terms
        held = self._catalogue.records(self._catalogue.records_of_patient(row.patient))
        return sorted(each.record for each in held if _within(terms, each))

    def _facts(
        self, request: Request, view: ChainView, caller: str, clock: int, opened: OpenedTerms
    ) -> Facts:
        """Gather the facts that are the same for all records of a request."""
        return Facts(
            chain=view,
            clock=clock,
            caller=caller,
            grant=request.session.grant,
            terms_commitment=terms_commitment(codec.to_bytes(opened.salt), opened.terms),
            session=request.session,
            session_commitment=session_commitment(codec.to_bytes(request.salt), request.session),
            record=request.session.session,
            name=None,
        )

    def _answers(self, base: Facts, asked: _Asked) -> dict[str, _Answer]:
        answers: dict[str, _Answer] = {}
        permitted: list[RecordRow] = []
        rows = {row.record: row for row in self._catalogue.records(asked.request.records)}
        for record in asked.request.records:
            facts = msgspec.structs.replace(base, record=record, **_found(rows.get(record)))
            decision = decide(asked.terms, facts)
            answers[record] = _Answer(decision, None)
            if decision.permit:
                permitted.append(rows[record])
        for held, found in zip(permitted, self._records.open(permitted), strict=True):
            answers[held.record] = self._answer(found, asked)
        return answers

    def _answer(self, found: Opened | Refusal, asked: _Asked) -> _Answer:
        if isinstance(found, Refusal):
            return _Answer(Decision(False, ("payload_unreadable",)), None)
        if asked.terms.redact:
            return self._copy(found, asked)
        keys: UnderCategory | ToGrantee
        if asked.terms.records is None and found.row.category_key in asked.sent:
            keys = UnderCategory(
                category_key=found.row.category_key,
                batch_key=found.batch_key,
                data_key=found.row.data_key,
            )
        else:
            keys = self._to_grantee(found.row.record, found.data_key, asked)
        released = ReleasedRecord(
            media_type=found.row.media_type,
            address=found.row.address,
            ciphertext=found.ciphertext,
            keys=keys,
            salt=seal(found.data_key, found.salt, salt_binding(found.row.record)),
            proof=self._records.proof_of(found.row),
        )
        return _Answer(Decision(True, ()), released)

    def _copy(self, found: Opened, asked: _Asked) -> _Answer:
        """Send a redacted copy under a fresh key; nothing of the record's own keys or salt."""
        row, labels = found.row, asked.terms.redact
        copy = self._redact(found.content, row.media_type, labels)
        if copy is None:
            return _Answer(Decision(False, ("cannot_redact",)), None)
        key, salt = new_key(), new_salt()
        session = asked.request.session
        ids = (self._organisation, asked.row.grant_id, session.session, row.record)
        ciphertext = seal(key, copy, copy_binding(*ids))
        released = ReleasedRecord(
            media_type=row.media_type,
            address=address(ciphertext),
            ciphertext=ciphertext,
            keys=self._to_grantee(row.record, key, asked),
            salt=seal(key, salt, salt_binding(row.record)),
            proof=self._records.proof_of(row),
            redacted=labels,
            copy=copy_commitment(salt, copy),
        )
        return _Answer(Decision(True, ()), released)

    def _to_grantee(self, record: str, key: bytes, asked: _Asked) -> ToGrantee:
        public = PublicKey(asked.row.recipient)
        session = asked.request.session
        info = record_key_binding(self._organisation, asked.row.grant_id, session.session, record)
        return ToGrantee(recipient=public.id, data_key=wrap(public, key, info))


def record_key_binding(holder: str, grant: str, session: str, record: str) -> bytes:
    """Say what a singly wrapped key (of a record, or of a copy of it) is for."""
    return binding("record-key", grant=grant, holder=holder, record=record, session=session)


def copy_binding(holder: str, grant: str, session: str, record: str) -> bytes:
    """Say whose redacted copy a ciphertext is, and for which session it was made."""
    return binding("copy", grant=grant, holder=holder, record=record, session=session)


def salt_binding(record: str) -> bytes:
    """Say whose salt travels beside a released record."""
    return binding("released-salt", record=record)


def _within(terms: Terms, row: RecordRow) -> bool:
    if row.category in terms.denied:
        return False
    if terms.records is not None:
        return row.record in terms.records
    return row.category in terms.categories and row.sensitivity in terms.sensitivities


def _found(row: RecordRow | None) -> dict[str, object]:
    """Give the facts that differ from record to record; a tombstone has a standing and no name."""
    if row is None:
        return {"name": None, "standing": "kept"}
    if row.standing == "erased":
        return {"name": None, "standing": row.standing}
    name = KeyName(
        patient=row.patient,
        category=row.category,
        sensitivity=row.sensitivity,
        period=row.period,
    )
    return {"name": name, "standing": row.standing}


def _line(request: Request, record: str, answer: _Answer, now: int) -> JournalLine:
    return JournalLine(
        disclosure=new_id(),
        basis="grant",
        session=request.session.session,
        grant=request.session.grant,
        record=record,
        reader=request.session.reader,
        on_behalf_of=request.session.on_behalf_of,
        purpose=request.session.purpose,
        time=now,
        outcome="permit" if answer.decision.permit else "deny",
        reasons=answer.decision.reasons,
        copy=answer.released.copy if answer.released else None,
    )
