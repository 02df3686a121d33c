"""The holder's side of replicas: who may keep one, what belongs in it, and what it has by now.

A replica is brought to what it should be by differences: what belongs in it is worked out from the
records and grants there are, and held against the items that it has taken. So nothing that was
erased waits anywhere to be sent, and an interrupted transfer simply goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sql

from yilian.vault.catalogue import Catalogue, RecordRow
from yilian.vault.database import table, values
from yilian.vault.envelope import KeyName, PublicKey, Terms, seal, wrap
from yilian.vault.giving import Giver, WholeGrant
from yilian.vault.large import MEDIA_TYPE
from yilian.vault.packages import ReleasedRecord, UnderCategory
from yilian.vault.records import Opened, Records
from yilian.vault.replica_formats import (
    GRANT,
    MAX_RECORD,
    RECORD,
    Item,
    ReplicaGrant,
    ReplicaRecord,
    SingleKey,
    digest_of,
    replica_key_binding,
    state_of,
)
from yilian.vault.replica_terms import allows_replica, covers
from yilian.vault.sharing import salt_binding


@dataclass(frozen=True, slots=True)
class AllowedRow:
    """A replica that was allowed by the grant `allowance`: which member keeps it, and of whom.

    `fresh`: the last moment (ms) at which the member had everything. `dropped`: when it said that
    it keeps nothing of it any more.
    """

    allowance: str
    member: str
    patient: str
    fresh: int | None
    dropped: int | None


@dataclass(frozen=True, slots=True)
class _ItemRow:
    """One item that a replica has taken, in the state in which it has it."""

    allowance: str
    kind: str
    item: str
    state: str


@dataclass(frozen=True, slots=True)
class _ToldRow:
    """Which replicas the grantee of a grant was told of last: ids, joined by commas."""

    grant_id: str
    members: str


@dataclass(frozen=True, slots=True)
class _ReportRow:
    """A journal line that a replica brought: who answered in this organisation's place."""

    disclosure: str
    member: str


_allowed = table("replicas_allowed", AllowedRow, ["allowance"])
sql.Index("replicas_allowed_patient", _allowed.c.patient)
_items = table("replica_items", _ItemRow, ["allowance", "kind", "item"])
_told = table("replicas_told", _ToldRow, ["grant_id"])
_reports = table("replica_reports", _ReportRow, ["disclosure"])


class Wanted(NamedTuple):
    """What belongs in a replica now: the state of each record and grant, and how to make them."""

    records: Mapping[str, str]
    grants: Mapping[str, str]
    rows: Mapping[str, RecordRow]
    given: Mapping[str, WholeGrant]

    def items(self) -> set[Item]:
        """List all as items."""
        found = {Item(RECORD, name, state) for name, state in self.records.items()}
        return found | {Item(GRANT, name, state) for name, state in self.grants.items()}


class ReplicasGiven:
    """The replicas of one organisation's records. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        catalogue: Catalogue,
        records: Records,
        giver: Giver,
        mark: Callable[[str], str],
    ) -> None:
        """`mark` names a record for the chain (`Erasure.mark`)."""
        self._organisation = organisation
        self._catalogue = catalogue
        self._records = records
        self._giver = giver
        self._mark = mark

    # Who

    def allow(self, allowance: str, member: str, patient: str) -> None:
        """Note a replica that is allowed; again is fine, and after a drop it begins anew."""
        row = AllowedRow(allowance, member, patient, None, None)
        over = sql.and_(_allowed.c.allowance == allowance, _allowed.c.dropped.is_not(None))
        with self._catalogue.write() as database:
            database.execute(sql.delete(_allowed).where(over))
            database.execute(sql.insert(_allowed).prefix_with("OR IGNORE"), [values(row)])

    def allowed(self, *, member: str | None = None, patient: str | None = None) -> list[AllowedRow]:
        """List replicas that were ever allowed, of a member or a patient where one is named."""
        query = sql.select(_allowed).order_by(_allowed.c.allowance)
        if member is not None:
            query = query.where(_allowed.c.member == member)
        if patient is not None:
            query = query.where(_allowed.c.patient == patient)
        return self._catalogue.rows(AllowedRow, query)

    def is_allowance(self, grant: str) -> bool:
        """Tell whether a grant given here allows a replica by its current terms."""
        patient = self._giver.patient(grant)
        if patient is None:
            return False
        return allows_replica(self._giver.of_patient(patient)[grant][1])

    def was_allowed(self, member: str, patient: str) -> bool:
        """Tell whether a member keeps or kept a replica of a patient's records."""
        return any(each.patient == patient for each in self.allowed(member=member))

    def fresh(self, allowances: Sequence[str], time: int) -> None:
        """Note that replicas had everything at a moment (ms)."""
        change = sql.update(_allowed).where(_allowed.c.allowance.in_(allowances))
        with self._catalogue.write() as database:
            database.execute(change.values(fresh=time))

    def dropped(self, allowance: str, time: int) -> None:
        """Note that the member keeps nothing any more; durable on return."""
        change = sql.update(_allowed).where(_allowed.c.allowance == allowance)
        with self._catalogue.write() as database:
            database.execute(sql.delete(_items).where(_items.c.allowance == allowance))
            database.execute(change.values(dropped=time))

    # What it has

    def items(self, allowance: str) -> set[Item]:
        """List what a replica has taken."""
        query = sql.select(_items).where(_items.c.allowance == allowance)
        rows = self._catalogue.rows(_ItemRow, query)
        return {Item(each.kind, each.item, each.state) for each in rows}

    def digest(self, allowance: str) -> str:
        """Name a replica by what it has taken."""
        return digest_of(self.items(allowance))

    def taken(self, allowance: str, items: Iterable[Item]) -> None:
        """Note items that the replica has now."""
        rows = [values(_ItemRow(allowance, each.kind, each.id, each.state)) for each in items]
        if rows:
            with self._catalogue.write() as database:
                database.execute(sql.insert(_items).prefix_with("OR REPLACE"), rows)

    def gone(self, allowance: str, kind: str, names: Sequence[str]) -> None:
        """Note items that the replica has no more."""
        which = sql.and_(
            _items.c.allowance == allowance, _items.c.kind == kind, _items.c.item.in_(names)
        )
        with self._catalogue.write() as database:
            database.execute(sql.delete(_items).where(which))

    def forget_items(self, allowance: str) -> None:
        """Forget what a replica has: it is to be filled anew, or is no more."""
        with self._catalogue.write() as database:
            database.execute(sql.delete(_items).where(_items.c.allowance == allowance))

    def holding(self, grant: str) -> list[str]:
        """Name the members whose replicas have a grant, by id."""
        query = sql.select(_allowed.c.member).distinct()
        query = query.join(_items, _items.c.allowance == _allowed.c.allowance)
        query = query.where(_items.c.kind == GRANT, _items.c.item == grant)
        with self._catalogue.read() as database:
            return sorted(database.execute(query).scalars())

    def told(self, grant: str) -> list[str]:
        """Name the members of which a grant's grantee was told last."""
        query = sql.select(_told).where(_told.c.grant_id == grant)
        row = self._catalogue.one(_ToldRow, query)
        return row.members.split(",") if row is not None and row.members else []

    def tell(self, grant: str, members: Sequence[str]) -> None:
        """Note of which members a grant's grantee is told."""
        row = _ToldRow(grant, ",".join(members))
        with self._catalogue.write() as database:
            database.execute(sql.insert(_told).prefix_with("OR REPLACE"), [values(row)])

    # What belongs in it

    def wanted(self, patient: str, allowance: Terms, grants: Mapping[str, str]) -> Wanted:
        """Work out what belongs in a replica under the terms of an allowance.

        `grants`: the patient's standing grants with the commitments that the chain has. Records
        that are anchored, covered and not too large; grants that open one of them.
        """
        rows = self._covered(patient, allowance)
        given: dict[str, WholeGrant] = {}
        states: dict[str, str] = {}
        for grant, commitment in sorted(grants.items()):
            whole = self._giver.whole(grant, commitment)
            if whole is None or allows_replica(whole.opened.terms):
                continue
            if _meets(whole.opened.terms, rows, allowance):
                single = _single(whole.opened.terms, rows)
                given[grant] = whole
                states[grant] = state_of(commitment, whole.recipient.id, whole.keys, single)
        return Wanted({name: row.address for name, row in rows.items()}, states, rows, given)

    def _covered(self, patient: str, allowance: Terms) -> dict[str, RecordRow]:
        held = self._catalogue.records(self._catalogue.records_of_patient(patient))
        anchored: dict[str, bool] = {}
        found: dict[str, RecordRow] = {}
        for row in sorted(held, key=lambda each: each.record):
            if not covers(allowance, row.category, row.sensitivity):
                continue
            if row.media_type == MEDIA_TYPE or row.size > MAX_RECORD:
                continue
            if row.batch not in anchored:
                batch = self._catalogue.batch(row.batch)
                anchored[row.batch] = batch is not None and batch.height is not None
            if anchored[row.batch]:
                found[row.record] = row
        return found

    # Making it

    def records(self, wanted: Wanted, names: Sequence[str]) -> Iterator[ReplicaRecord]:
        """Make records of a replica; one that is damaged here is left out."""
        rows = [wanted.rows[name] for name in names]
        for opened in self._records.open(rows):
            if isinstance(opened, Opened):
                yield self._record(opened)

    def _record(self, opened: Opened) -> ReplicaRecord:
        row = opened.row
        released = ReleasedRecord(
            media_type=row.media_type,
            address=row.address,
            ciphertext=opened.ciphertext,
            keys=UnderCategory(
                category_key=row.category_key, batch_key=opened.batch_key, data_key=row.data_key
            ),
            salt=seal(opened.data_key, opened.salt, salt_binding(row.record)),
            proof=self._records.proof_of(row),
        )
        name = KeyName(
            patient=row.patient,
            category=row.category,
            sensitivity=row.sensitivity,
            period=row.period,
        )
        return ReplicaRecord(name=name, mark=self._mark(row.record), released=released)

    def grant(self, wanted: Wanted, grant: str) -> ReplicaGrant:
        """Make a grant of a replica."""
        whole = wanted.given[grant]
        terms = whole.opened.terms
        single = [wanted.rows[name] for name in _single(terms, wanted.rows)]
        return ReplicaGrant(
            grant=grant,
            salt=whole.opened.salt,
            terms=terms,
            state=wanted.grants[grant],
            package=None if terms.redact else whole.package(),
            keys=tuple(
                self._single_key(grant, whole.recipient, each)
                for each in self._records.open(single)
                if isinstance(each, Opened)
            ),
        )

    def _single_key(self, grant: str, recipient: PublicKey, opened: Opened) -> SingleKey:
        record = opened.row.record
        info = replica_key_binding(self._organisation, grant, record)
        wrapped = wrap(recipient, opened.data_key, info)
        return SingleKey(record=record, recipient=recipient.id, data_key=wrapped)

    # What it answered

    def reported(self, disclosures: Sequence[str], member: str) -> None:
        """Note which member brought journal lines; again is fine."""
        rows = [values(_ReportRow(each, member)) for each in disclosures]
        if rows:
            with self._catalogue.write() as database:
                database.execute(sql.insert(_reports).prefix_with("OR IGNORE"), rows)

    def reporters(self, disclosures: Sequence[str]) -> dict[str, str]:
        """Tell which of these journal lines a replica brought, and which member it was."""
        found: dict[str, str] = {}
        for start in range(0, len(disclosures), 500):
            some = list(disclosures[start : start + 500])
            query = sql.select(_reports).where(_reports.c.disclosure.in_(some))
            for row in self._catalogue.rows(_ReportRow, query):
                found[row.disclosure] = row.member
        return found


def _single(terms: Terms, rows: Mapping[str, RecordRow]) -> tuple[str, ...]:
    """List the covered records that terms name one by one, where keys may leave under them."""
    if terms.records is None or terms.redact:
        return ()
    return tuple(
        name for name in terms.records if name in rows and rows[name].category not in terms.denied
    )


def _meets(terms: Terms, rows: Mapping[str, RecordRow], allowance: Terms) -> bool:
    """Tell whether terms open something that an allowance covers, be it with labels taken out."""
    if terms.records is not None:
        return any(name in rows for name in terms.records)
    return any(
        covers(terms, category, sensitivity) and covers(allowance, category, sensitivity)
        for category in allowance.categories
        for sensitivity in allowance.sensitivities
    )
