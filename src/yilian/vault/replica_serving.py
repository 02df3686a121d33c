"""Answering from a replica in its holder's place: decided, journalled, and only then released.

Whether a record is released is decided here as its holder decides (`decision.py`): from opened
terms, and from what this organisation's own node has on the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from yilian.ledger import codec
from yilian.vault.decision import (
    ABOUT_THE_RECORD,
    ChainView,
    Decision,
    Facts,
    decide,
    told,
)
from yilian.vault.envelope import (
    JournalLine,
    KeyName,
    Terms,
    new_id,
    session_commitment,
    terms_commitment,
)
from yilian.vault.packages import ByReplica, NotReleased, Released, ReleasedRecord, Request
from yilian.vault.replica_giving import ReplicasGiven
from yilian.vault.replicas import Found, RecordCopyRow, ReplicasKept, ReplicasKnown


class ReplicasServed:
    """Releases from the replicas that one organisation keeps. Holds nothing itself."""

    def __init__(
        self,
        organisation: str,
        kept: ReplicasKept,
        journal: Callable[[Sequence[JournalLine]], None],
        clock: Callable[[], int],
    ) -> None:
        """`journal` writes lines durably, `clock` gives milliseconds of UTC."""
        self._organisation = organisation
        self._kept = kept
        self._journal = journal
        self._clock = clock

    def opened_by(self, found: Found) -> dict[str, int]:
        """List the records of a replica that a grant's terms open, with their sizes, by id."""
        rows = self._kept.records(found.kept.allowance, None)
        return {row.record: row.size for row in rows if _within(found.grant.terms, row)}

    def release(
        self,
        found: Found,
        request: Request,
        view: ChainView,
        caller: str,
        encounter: bool,
        erased: Callable[[str], bool],
    ) -> tuple[Released, list[JournalLine]]:
        """Decide each record and journal every answer durably, in the holder's place.

        Gives the lines of records that are in the replica too, for the holder. `erased` tells by a
        record's mark whether the chain has its erasure. See `Holder.release` for all else.
        """
        codec.decode(codec.encode(request), Request)
        rows = {
            row.record: row for row in self._kept.records(found.kept.allowance, request.records)
        }
        answers: dict[str, ReleasedRecord | Decision] = {}
        for record in request.records:
            row = rows.get(record)
            facts = self._facts(found, request, view, caller, encounter, record, row, erased)
            decision = decide(found.grant.terms, facts)
            if row is None:
                answers[record] = _absent(decision)
            else:
                answers[record] = self._released(found, row) if decision.permit else decision
        now = max(view.block_time, self._clock())
        lines = [_line(request, record, each, now) for record, each in answers.items()]
        self._journal(lines)
        released = Released(
            holder=found.kept.holder,
            grant=request.session.grant,
            session=request.session.session,
            records=tuple(e for e in answers.values() if isinstance(e, ReleasedRecord)),
            refused=tuple(
                NotReleased(record=record, reasons=told(each.reasons))
                for record, each in answers.items()
                if isinstance(each, Decision)
            ),
            replica=self._organisation,
            as_of=found.as_of,
        )
        return released, [line for line in lines if line.record in rows]

    def _facts(
        self,
        found: Found,
        request: Request,
        view: ChainView,
        caller: str,
        encounter: bool,
        record: str,
        row: RecordCopyRow | None,
        erased: Callable[[str], bool],
    ) -> Facts:
        name = None
        gone = row is not None and erased(row.mark)
        if row is not None and not gone:
            name = KeyName(
                patient=found.kept.patient,
                category=row.category,
                sensitivity=row.sensitivity,
                period=row.period,
            )
        salt, terms = codec.to_bytes(found.grant.salt), found.grant.terms
        return Facts(
            chain=view,
            clock=self._clock(),
            caller=caller,
            grant=request.session.grant,
            terms_commitment=terms_commitment(salt, terms),
            session=request.session,
            session_commitment=session_commitment(codec.to_bytes(request.salt), request.session),
            record=record,
            name=name,
            standing="erased" if gone else "kept",
            encounter=encounter,
        )

    def _released(self, found: Found, row: RecordCopyRow) -> ReleasedRecord | Decision:
        released = self._kept.content(found, row)
        if released is None:
            return Decision(False, ("payload_unreadable",))
        if found.grant.terms.records is None:
            return released
        for each in found.grant.keys:
            if each.record == row.record:
                keys = ByReplica(recipient=each.recipient, data_key=each.data_key)
                return msgspec.structs.replace(released, keys=keys)
        return Decision(False, ("not_in_replica",))


class ReplicaParts(NamedTuple):
    """The sides of replicas: of one's own records, of others' kept and served, and as a grantee."""

    given: ReplicasGiven
    kept: ReplicasKept
    served: ReplicasServed
    known: ReplicasKnown


def _absent(decision: Decision) -> Decision:
    """Say of a record that is not in the replica just that, whether there is one or not."""
    rest = (each for each in decision.reasons if each not in ABOUT_THE_RECORD)
    return Decision(False, (*rest, "not_in_replica"))


def _within(terms: Terms, row: RecordCopyRow) -> bool:
    if row.category in terms.denied:
        return False
    if terms.records is not None:
        return row.record in terms.records
    return row.category in terms.categories and row.sensitivity in terms.sensitivities


def _line(
    request: Request, record: str, answer: ReleasedRecord | Decision, now: int
) -> JournalLine:
    denied = isinstance(answer, Decision)
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
        outcome="deny" if denied else "permit",
        reasons=answer.reasons if isinstance(answer, Decision) else (),
    )
