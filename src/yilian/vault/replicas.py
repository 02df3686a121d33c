"""Replicas that an organisation keeps of other members' records, to answer while those are down.

What lies here opens with no key of this organisation: ciphertexts under keys that only grantees
have, and grant packages sealed to them. Around each record is one more layer under an erasure key
of this vault, so that what is dropped is gone from backups too, as with its own records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger.codec import Id
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault.catalogue import Catalogue, ReceivedRow
from yilian.vault.database import table, values
from yilian.vault.envelope import (
    Terms,
    address,
    binding,
    new_id,
)
from yilian.vault.keystore import Keystore
from yilian.vault.packages import (
    ReleasedRecord,
    UnderCategory,
)
from yilian.vault.replica_formats import (
    GRANT,
    RECORD,
    REPLICA_NONE,
    REPLICA_NOT_ALLOWED,
    REPLICA_TOO_OLD,
    Changes,
    Item,
    ReplicaGrant,
    ReplicaRecord,
    digest_of,
)
from yilian.vault.replica_terms import allows_replica, covers

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A replica kept here, by the grant that allows it; `fresh` as in `AllowedRow`."""

    allowance: str
    holder: str
    patient: str
    fresh: int | None


@dataclass(frozen=True, slots=True)
class RecordCopyRow:
    """A record of a replica: what finds and judges it in clear, the rest sealed.

    `batch` names the erasure keys here, `mark` is what the chain calls it when it is erased.
    """

    allowance: str
    record: str
    category: str
    sensitivity: str
    period: str
    size: int
    mark: str
    batch: str
    state: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _GrantCopyRow:
    """A grant of a replica, sealed."""

    allowance: str
    grant_id: str
    state: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _KnownRow:
    """A member that has a replica for a grant held here."""

    grant_id: str
    member: str


_kept = table("replicas_kept", KeptRow, ["allowance"])
_records = table("replica_records", RecordCopyRow, ["allowance", "record"])
_grants = table("replica_grants", _GrantCopyRow, ["allowance", "grant_id"])
sql.Index("replica_grants_by_grant", _grants.c.grant_id)
_known = table("replicas_known", _KnownRow, ["grant_id", "member"])


class Found(NamedTuple):
    """A grant in a replica: of which allowance, how old (`as_of`, ms), and its opened terms."""

    kept: KeptRow
    as_of: int
    grant: ReplicaGrant


class Size(NamedTuple):
    """How much a replica has."""

    records: int
    bytes: int


class ReplicasKept:
    """The replicas that one organisation keeps for others. Safe for threads."""

    def __init__(
        self,
        keystore: Keystore,
        catalogue: Catalogue,
        clock: Callable[[], int],
    ) -> None:
        """`clock` gives milliseconds of UTC."""
        self._keystore = keystore
        self._catalogue = catalogue
        self._clock = clock
        self._lock = RLock()

    # Taking in

    def put(self, held: ReceivedRow, terms: Terms, changes: Changes) -> None:
        """Take what changed of a replica, durable on return; again is fine.

        `held` is the allowance as it was received, `terms` are its own. Refuses `malformed` for
        what is not as it says, and `replicas.not_allowed` for what the terms do not cover.
        """
        for each in changes.records:
            _check_record(each, held.patient, terms)
        for grant in changes.grants:
            _check_grant(grant)
        allowance = held.grant_id
        with self._lock:
            if changes.anew:
                self.drop(allowance)
            # What comes again gets another erasure key, so the one before must not stay behind.
            again = [each.released.proof.record for each in changes.records]
            self._remove(allowance, [*changes.gone_records, *again])
            row = KeptRow(allowance, held.holder, held.patient, None)
            records = self._sealed_records(held, changes.records)
            grants = [self._sealed_grant(held, each) for each in changes.grants]
            gone = _grants.c.grant_id.in_(changes.gone_grants)
            with self._catalogue.write() as database:
                database.execute(sql.insert(_kept).prefix_with("OR IGNORE"), [values(row)])
                database.execute(sql.delete(_grants).where(_grants.c.allowance == allowance, gone))
                if records:
                    insert = sql.insert(_records).prefix_with("OR REPLACE")
                    database.execute(insert, [values(each) for each in records])
                if grants:
                    insert = sql.insert(_grants).prefix_with("OR REPLACE")
                    database.execute(insert, [values(each) for each in grants])

    def _sealed_records(
        self, held: ReceivedRow, records: Sequence[ReplicaRecord]
    ) -> list[RecordCopyRow]:
        if not records:
            return []
        batch = new_id()
        erasure = self._keystore.erasure
        erasure.make(batch, {held.patient})
        made = []
        for each in records:
            released, name = each.released, each.name
            record = released.proof.record
            sealer = erasure.key(batch, held.patient, record)
            assert sealer is not None
            sealed = sealer.seal(
                msgspec.msgpack.encode(released), _record_binding(held.grant_id, record)
            )
            made.append(
                RecordCopyRow(
                    allowance=held.grant_id,
                    record=record,
                    category=name.category,
                    sensitivity=name.sensitivity,
                    period=name.period,
                    size=len(released.ciphertext),
                    mark=each.mark,
                    batch=batch,
                    state=released.address,
                    sealed=sealed,
                )
            )
        return made

    def _sealed_grant(self, held: ReceivedRow, grant: ReplicaGrant) -> _GrantCopyRow:
        sealed = self._keystore.sealer("replica-grants").seal(
            msgspec.msgpack.encode(grant), _grant_binding(held.grant_id, grant.grant)
        )
        return _GrantCopyRow(held.grant_id, grant.grant, grant.state, sealed)

    def fresh(self, holder: str, time: int, copies: Mapping[str, str]) -> list[str]:
        """Note that replicas were complete at a moment (ms); gives those that are not, by id.

        `copies`: the digest of each as its holder has it.
        """
        differ = []
        for allowance, digest in copies.items():
            row = self.row(allowance)
            if row is None or row.holder != holder or self.digest(allowance) != digest:
                differ.append(allowance)
                continue
            if row.fresh is None or row.fresh < time:
                change = sql.update(_kept).where(_kept.c.allowance == allowance)
                with self._catalogue.write() as database:
                    database.execute(change.values(fresh=min(time, self._clock())))
        return differ

    def digest(self, allowance: str) -> str:
        """Name a replica by what is in it."""
        with self._catalogue.read() as database:
            records = database.execute(
                sql.select(_records.c.record, _records.c.state).where(
                    _records.c.allowance == allowance
                )
            ).all()
            grants = database.execute(
                sql.select(_grants.c.grant_id, _grants.c.state).where(
                    _grants.c.allowance == allowance
                )
            ).all()
        items = [Item(RECORD, row[0], row[1]) for row in records]
        return digest_of([*items, *(Item(GRANT, row[0], row[1]) for row in grants)])

    # Dropping

    def drop(self, allowance: str) -> None:
        """Destroy all of a replica, durable on return; none there is fine."""
        with self._lock:
            query = sql.select(_records.c.batch).distinct()
            query = query.where(_records.c.allowance == allowance)
            with self._catalogue.read() as database:
                batches = list(database.execute(query).scalars())
            for batch in batches:
                self._keystore.erasure.destroy(batch)
            with self._catalogue.write() as database:
                for each in (_records, _grants, _kept):
                    database.execute(sql.delete(each).where(each.c.allowance == allowance))
            if batches:
                self._catalogue.empty_log()

    def remove(self, allowance: str, records: Sequence[str]) -> None:
        """Destroy records of a replica, durable on return; absent ones are fine."""
        with self._lock:
            self._remove(allowance, records)

    def _remove(self, allowance: str, records: Sequence[str]) -> None:
        row = self.row(allowance)
        for start in range(0, len(records), _CHUNK):
            some = list(records[start : start + _CHUNK])
            which = sql.and_(_records.c.allowance == allowance, _records.c.record.in_(some))
            rows = self._catalogue.rows(RecordCopyRow, sql.select(_records).where(which))
            if row is None or not rows:
                continue
            gone = {each.record for each in rows}
            for batch in sorted({each.batch for each in rows}):
                query = sql.select(_records.c.record).where(_records.c.batch == batch)
                with self._catalogue.read() as database:
                    left = set(database.execute(query).scalars()) - gone
                pairs = [(row.patient, record) for record in sorted(left)]
                self._keystore.erasure.keep_only(batch, pairs)
            with self._catalogue.write() as database:
                database.execute(sql.delete(_records).where(which))
            self._catalogue.empty_log()

    # Finding

    def row(self, allowance: str) -> KeptRow | None:
        """Find a replica."""
        return self._catalogue.one(KeptRow, sql.select(_kept).where(_kept.c.allowance == allowance))

    def rows(self) -> list[KeptRow]:
        """List all replicas, by their allowances."""
        return self._catalogue.rows(KeptRow, sql.select(_kept).order_by(_kept.c.allowance))

    def marks(self, allowance: str) -> dict[str, str]:
        """Give what the chain would call each record of a replica, by record."""
        query = sql.select(_records.c.record, _records.c.mark)
        with self._catalogue.read() as database:
            found = database.execute(query.where(_records.c.allowance == allowance)).all()
        return {str(row[0]): str(row[1]) for row in found}

    def size(self, allowance: str) -> Size:
        """Tell how much a replica has."""
        query = sql.select(
            sql.func.count(_records.c.record), sql.func.coalesce(sql.func.sum(_records.c.size), 0)
        )
        with self._catalogue.read() as database:
            row = database.execute(query.where(_records.c.allowance == allowance)).one()
        return Size(int(row[0]), int(row[1]))

    def find(self, holder: str, grant: str, stands: Callable[[KeptRow], bool]) -> Found:
        """Find a grant of a holder's in the newest replica that may serve (`stands`).

        Refuses `replicas.none_here`, and `replicas.too_old` where none was ever complete.
        """
        query = sql.select(_grants).where(_grants.c.grant_id == grant)
        old = False
        best: Found | None = None
        for row in self._catalogue.rows(_GrantCopyRow, query):
            kept = self.row(row.allowance)
            if kept is None or kept.holder != holder or not stands(kept):
                continue
            old = True
            if kept.fresh is not None and (best is None or best.as_of < kept.fresh):
                best = Found(kept, kept.fresh, self._opened_grant(row))
        if best is None:
            raise REPLICA_TOO_OLD(as_of=0) if old else REPLICA_NONE()
        return best

    def _opened_grant(self, row: _GrantCopyRow) -> ReplicaGrant:
        data = self._keystore.sealer("replica-grants").open(
            row.sealed, _grant_binding(row.allowance, row.grant_id)
        )
        return msgspec.msgpack.decode(data, type=ReplicaGrant)

    def records(self, allowance: str, records: Sequence[str] | None) -> list[RecordCopyRow]:
        """List the records of a replica, all or those named."""
        query = sql.select(_records).where(_records.c.allowance == allowance)
        if records is None:
            return self._catalogue.rows(RecordCopyRow, query.order_by(_records.c.record))
        rows: list[RecordCopyRow] = []
        for start in range(0, len(records), _CHUNK):
            some = list(records[start : start + _CHUNK])
            rows += self._catalogue.rows(RecordCopyRow, query.where(_records.c.record.in_(some)))
        return rows

    def content(self, found: Found, row: RecordCopyRow) -> ReleasedRecord | None:
        """Take a record out of the layer around it here; None where it is gone or damaged."""
        try:
            sealer = self._keystore.erasure.key(row.batch, found.kept.patient, row.record)
            if sealer is None:
                return None
            data = sealer.open(row.sealed, _record_binding(row.allowance, row.record))
        except Refusal:
            return None
        return msgspec.msgpack.decode(data, type=ReleasedRecord)


class ReplicasKnown:
    """Which members keep replicas for the grants that an organisation holds."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def tell(self, grant: str, members: Sequence[str]) -> None:
        """Note which members have a replica for a grant now, in place of what was known."""
        rows = [values(_KnownRow(grant, each)) for each in members]
        with self._catalogue.write() as database:
            database.execute(sql.delete(_known).where(_known.c.grant_id == grant))
            if rows:
                database.execute(sql.insert(_known), rows)

    def members(self, grant: str) -> list[str]:
        """Name the members that have a replica for a grant, by id."""
        query = sql.select(_known.c.member).where(_known.c.grant_id == grant)
        with self._catalogue.read() as database:
            return sorted(database.execute(query).scalars())


def _check_record(each: ReplicaRecord, patient: Id, terms: Terms) -> None:
    released, name = each.released, each.name
    if not isinstance(released.keys, UnderCategory) or released.redacted:
        raise MALFORMED()
    if released.proof.salt is not None or address(released.ciphertext) != released.address:
        raise MALFORMED()
    if name.patient != patient or not covers(terms, name.category, name.sensitivity):
        raise REPLICA_NOT_ALLOWED()


def _check_grant(grant: ReplicaGrant) -> None:
    if allows_replica(grant.terms):
        raise MALFORMED()
    if (grant.package is None) != bool(grant.terms.redact):
        raise MALFORMED()


def _record_binding(allowance: str, record: str) -> bytes:
    return binding("replica-record", allowance=allowance, record=record)


def _grant_binding(allowance: str, grant: str) -> bytes:
    return binding("replica-grant", allowance=allowance, grant=grant)
