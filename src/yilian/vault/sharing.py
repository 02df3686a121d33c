"""The holder's side of sharing: give and extend grants, release records inside a session.

A grant re-wraps category keys to the grantee organisation's key service, so it is one operation
however many records it opens. Terms that name single records hand over no category key: each such
record's data key is wrapped at its release, for that session alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock
from typing import NamedTuple

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import Catalogue, GivenRow, RecordRow
from yilian.vault.decision import ChainView, Decision, Facts, decide, told
from yilian.vault.envelope import (
    Format,
    JournalLine,
    KeyName,
    PublicKey,
    Terms,
    WrappedCategoryKey,
    binding,
    checked,
    new_id,
    new_salt,
    seal,
    session_commitment,
    terms_commitment,
    wrap,
)
from yilian.vault.errors import GRANT_EXISTS, GRANT_NOT_GIVEN
from yilian.vault.journal import Journal
from yilian.vault.keystore import CategoryKey, Keystore
from yilian.vault.packages import (
    GrantContent,
    GrantPackage,
    NotReleased,
    Released,
    ReleasedRecord,
    Request,
    ToGrantee,
    UnderCategory,
)
from yilian.vault.records import Opened, Records


class Given(NamedTuple):
    """A grant given: the commitment belongs on the chain, the package goes to the grantee."""

    grant: str
    commitment: str
    package: bytes


class OpenedTerms(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-opened-terms/1"
):
    """Terms with their salt, as they are kept sealed on both sides."""

    salt: str
    terms: Terms


class _Answer(NamedTuple):
    decision: Decision
    released: ReleasedRecord | None


class Holder:
    """The holder's side of one organisation's vault."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        catalogue: Catalogue,
        records: Records,
        journal: Journal,
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._catalogue = catalogue
        self._records = records
        self._journal = journal
        self._clock = clock
        self._lock = RLock()

    def give(self, terms: Terms, grant: str, patient: str, recipient: bytes) -> Given:
        """Give a grant: keep its terms, wrap every key they open, seal the package.

        Again with the same terms it makes the whole package anew (for one that was lost, or a
        grantee that rotated its key); with others it refuses `grant_exists_with_other_terms`.
        """
        checked(terms)
        with self._lock:
            return self._give(terms, grant, patient, PublicKey(recipient))

    def _give(self, terms: Terms, grant: str, patient: str, public: PublicKey) -> Given:
        known = self._catalogue.given(grant)
        if known is None:
            salt = new_salt()
            committed = terms_commitment(salt, terms)
            opened = OpenedTerms(salt=codec.to_text(salt), terms=terms)
            sealed = self._keystore.sealer("grants").seal(
                codec.encode(opened), _terms_binding(grant, patient, committed)
            )
            row = GivenRow(grant, patient, public.data, sealed, committed)
        else:
            opened = self._opened(known)
            if opened.terms != terms or known.patient != patient:
                raise GRANT_EXISTS(grant=grant)
            row = GivenRow(grant, patient, public.data, known.terms, known.commitment)
        keys = self._keys_of(terms, patient)
        package = self._package(row, opened, keys)
        # Also on a repeat: later extensions go to the key service that asked last.
        self._catalogue.give(row, grant, [each.key for each in keys])
        return Given(grant, row.commitment, package)

    def extend(self, grant: str) -> bytes | None:
        """Package the category keys made since the last package; None when there are none."""
        with self._lock:
            return self._extend(grant)

    def _extend(self, grant: str) -> bytes | None:
        row = self._given(grant)
        opened = self._opened(row)
        sent = self._catalogue.sent(grant)
        keys = [each for each in self._keys_of(opened.terms, row.patient) if each.key not in sent]
        if not keys:
            return None
        package = self._package(row, opened, keys)
        self._catalogue.give(None, grant, [each.key for each in keys])
        return package

    def _keys_of(self, terms: Terms, patient: str) -> list[CategoryKey]:
        if terms.records is not None:
            return []
        return [
            each
            for each in self._keystore.category_keys(patient)
            if each.name.category in terms.categories
            and each.name.category not in terms.denied
            and each.name.sensitivity in terms.sensitivities
        ]

    def _package(self, row: GivenRow, opened: OpenedTerms, keys: Sequence[CategoryKey]) -> bytes:
        public = PublicKey(row.recipient)
        ids = {
            "grant": row.grant_id,
            "grantee": opened.terms.grantee,
            "holder": self._organisation,
        }
        content = GrantContent(
            patient=row.patient,
            salt=opened.salt,
            terms=opened.terms,
            keys=tuple(
                WrappedCategoryKey(
                    key=each.key,
                    name=each.name,
                    generation=each.generation,
                    recipient=public.id,
                    wrapped=wrap(
                        public,
                        each.private.export(),
                        binding("category-key", category_key=each.key, **ids),
                    ),
                )
                for each in keys
            ),
        )
        sealed = wrap(public, codec.encode(content), binding("grant-package", **ids))
        return codec.encode(GrantPackage(**ids, recipient=public.id, sealed=sealed))

    def _given(self, grant: str) -> GivenRow:
        row = self._catalogue.given(grant)
        if row is None:
            raise GRANT_NOT_GIVEN(grant=grant)
        return row

    def _opened(self, row: GivenRow) -> OpenedTerms:
        associated = _terms_binding(row.grant_id, row.patient, row.commitment)
        data = self._keystore.sealer("grants").open(row.terms, associated)
        return codec.decode(data, OpenedTerms)

    # Release

    def release(
        self, request: Request, view: ChainView, caller: str, met: frozenset[str] = frozenset()
    ) -> Released:
        """Decide each record, journal every answer durably, and only then return.

        `view` comes from this organisation's own node, `caller` from the authenticated
        connection, `met` are the grant's conditions shown to be met. A record whose payload or
        row is damaged is refused and journalled as such, and so is every record asked for under a
        grant that is not known here. Raises nothing for a denial: `refused` names the records,
        and a caller that looks at `records` only finds them absent.
        """
        codec.decode(codec.encode(request), Request)
        row = self._catalogue.given(request.session.grant)
        clock = self._clock()
        if row is None:
            unknown = _Answer(Decision(False, ("grant_unknown",)), None)
            answers = dict.fromkeys(request.records, unknown)
        else:
            base = self._facts(request, view, caller, met, clock, self._opened(row))
            answers = self._answers(request, base, row, self._opened(row).terms)
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

    def opened_by(self, grant: str) -> list[str]:
        """List the records that a grant's terms open now; refuses as `extend` for an unknown one.

        For answering "all that I may read": the decision is taken again at `release`.
        """
        row = self._given(grant)
        terms = self._opened(row).terms
        opened = []
        for record in self._catalogue.records_of_patient(row.patient):
            held = self._catalogue.record(record)
            if held is None or held.category in terms.denied:
                continue
            if terms.records is not None:
                if record in terms.records:
                    opened.append(record)
            elif held.category in terms.categories and held.sensitivity in terms.sensitivities:
                opened.append(record)
        return opened

    def _facts(
        self,
        request: Request,
        view: ChainView,
        caller: str,
        met: frozenset[str],
        clock: int,
        opened: OpenedTerms,
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
            met=met,
        )

    def _answers(
        self, request: Request, base: Facts, row: GivenRow, terms: Terms
    ) -> dict[str, _Answer]:
        answers: dict[str, _Answer] = {}
        permitted: list[RecordRow] = []
        rows = {row.record: row for row in self._catalogue.records(request.records)}
        for record in request.records:
            held = rows.get(record)
            name = None if held is None else _name(held)
            decision = decide(terms, msgspec.structs.replace(base, record=record, name=name))
            answers[record] = _Answer(decision, None)
            if decision.permit and held is not None:
                permitted.append(held)
        for held, found in zip(permitted, self._records.open(permitted), strict=True):
            answers[held.record] = self._answer(found, request, row, terms)
        return answers

    def _answer(
        self, found: Opened | Refusal, request: Request, row: GivenRow, terms: Terms
    ) -> _Answer:
        if isinstance(found, Refusal):
            return _Answer(Decision(False, ("payload_unreadable",)), None)
        record = found.row.record
        keys: UnderCategory | ToGrantee
        if terms.records is None:
            keys = UnderCategory(
                category_key=found.row.category_key,
                batch_key=found.batch_key,
                data_key=found.row.data_key,
            )
        else:
            public = PublicKey(row.recipient)
            info = record_key_binding(
                self._organisation, row.grant_id, request.session.session, record
            )
            keys = ToGrantee(recipient=public.id, data_key=wrap(public, found.data_key, info))
        released = ReleasedRecord(
            media_type=found.row.media_type,
            address=found.row.address,
            ciphertext=found.ciphertext,
            keys=keys,
            salt=seal(found.data_key, found.salt, salt_binding(record)),
            proof=self._records.proof_of(found.row),
        )
        return _Answer(Decision(True, ()), released)


def record_key_binding(holder: str, grant: str, session: str, record: str) -> bytes:
    """Say what a singly wrapped data key is for."""
    return binding("record-key", grant=grant, holder=holder, record=record, session=session)


def salt_binding(record: str) -> bytes:
    """Say whose salt travels beside a released record."""
    return binding("released-salt", record=record)


def _terms_binding(grant: str, patient: str, committed: str) -> bytes:
    return binding("terms-given", grant=grant, patient=patient, commitment=committed)


def _name(row: RecordRow) -> KeyName:
    return KeyName(
        patient=row.patient,
        category=row.category,
        sensitivity=row.sensitivity,
        period=row.period,
    )


def _line(request: Request, record: str, answer: _Answer, now: int) -> JournalLine:
    return JournalLine(
        disclosure=new_id(),
        session=request.session.session,
        grant=request.session.grant,
        record=record,
        reader=request.session.reader,
        purpose=request.session.purpose,
        time=now,
        outcome="permit" if answer.decision.permit else "deny",
        reasons=answer.decision.reasons,
    )
