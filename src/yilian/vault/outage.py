"""Breaking the glass at home while the chain has no finality: a hash-chained log, anchored later.

Care does not wait for a network. When a transaction has waited `FINALITY_MS` without finality, a
hospital's own licensed practitioner may open the emergency set in the hospital's OWN vault, and
nothing else. Each entry holds the digest of the one before, is on the disk before anything is
shown, and counts as not yet anchored until its batch is on the chain: `unanchored` first on
return, then `waiting` accesses as `consent.BreakGlass`, for review like any other.

    digest = SHA-256(domain | canonical JSON of the entry), the first `previous` is 32 zero bytes

A sealed head (count, digest) stands beside the entries, so that a missing last one is missed too.
Putting an older copy of the whole database back is not detected here; an anchored batch tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Digest, Id, Millis, Positive, Whole
from yilian.ledger.errors import Refusal, code
from yilian.ledger.modules.consent.state import EMERGENCY_LIMIT_MS
from yilian.vault.database import Database, table, values
from yilian.vault.emergency import Emergency, EmergencyRead
from yilian.vault.emergency_access import OpenedEmergency
from yilian.vault.envelope import (
    EmergencyTerms,
    Format,
    Names,
    binding,
    emergency_commitment,
    new_id,
)
from yilian.vault.errors import BATCH_ANCHORED, BATCH_UNKNOWN
from yilian.vault.keystore import Keystore
from yilian.vault.records import Batch, Damage

OUTAGE_REFUSED = code(9344, "outage_refused", 403, "reasons")
LOG_DAMAGED = code(9345, "outage_log_damaged", 500, "sequence")

FINALITY_MS = 5_000
"""How long a transaction waits before the chain counts as without finality."""

LIMIT_MS = EMERGENCY_LIMIT_MS
"""How long an access in an outage may last: as an emergency on the chain."""

OUTAGE = "outage"
_DIGEST = b"yilian/outage-entry/1\0"
_START = codec.to_text(bytes(32))


class OutageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What this organisation's node says: since when a transaction waits; the last known reader.

    `waiting_since` is None where nothing waits. `standing` and `licensed` are of the newest block.
    """

    waiting_since: Millis | None
    standing: bool
    licensed: bool


class OutageEntry(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-outage/1"):
    """One thing that happened in an outage; `opened` stands where the glass was broken."""

    entry: Id
    sequence: Positive
    previous: Digest
    time: Millis
    act: Literal["opened", "read", "refused"]
    access: Id
    commitment: Digest
    opened: OpenedEmergency | None = None
    records: tuple[Id, ...] = ()
    reasons: Names = ()


class _Head(Format, frozen=True, kw_only=True):
    count: Whole
    digest: Digest


class Logged(NamedTuple):
    """An entry with its digest and the batch it is in; `height` is None: not yet anchored."""

    entry: OutageEntry
    digest: str
    batch: str | None
    height: int | None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry: sealed, with what it is found by; `opened` is 1 where it broke the glass."""

    sequence: int
    entry: str
    access: str
    opened: int
    time: int
    digest: str
    sealed: bytes
    batch: str | None


@dataclass(frozen=True, slots=True)
class OutageBatchRow:
    """A batch of entries, as it is anchored."""

    first: int
    batch: str
    root: str
    size: int
    transaction_hash: str | None
    height: int | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The end of the log, sealed."""

    name: str
    sealed: bytes


_entries = table("outage_entries", EntryRow, ["sequence"])
_batches = table("outage_batches", OutageBatchRow, ["first"])
_heads = table("outage_head", HeadRow, ["name"])


def decide_outage(
    terms: EmergencyTerms, facts: OutageFacts, here: str, clock: int
) -> tuple[str, ...]:
    """List every reason why the glass may not be broken without the chain; none: it may."""
    waited = None if facts.waiting_since is None else clock - facts.waiting_since
    reasons: list[str] = []
    if waited is None or waited < FINALITY_MS:
        reasons.append("chain_has_finality")
    if not terms.holder == terms.organisation == here:
        reasons.append("not_own_vault")
    if clock >= terms.ends:
        reasons.append("emergency_ended")
    if terms.ends > clock + LIMIT_MS:
        reasons.append("emergency_too_long")
    if not facts.standing:
        reasons.append("reader_not_standing")
    if not facts.licensed:
        reasons.append("reader_not_licensed")
    return tuple(reasons)


class OutageLog:
    """The log of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        database: Database,
        emergency: Emergency,
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._sealer = keystore.sealer("outage-log")
        self._database = database
        self._emergency = emergency
        self._clock = clock
        self._lock = RLock()

    def break_glass(self, opened: OpenedEmergency, facts: OutageFacts) -> None:
        """Open an access; it is in the log when this returns. Again for the same one is fine.

        Refuses `outage_refused` with all reasons, logged too; `outage_log_damaged`; `malformed`.
        """
        codec.decode(codec.encode(opened), OpenedEmergency)
        with self._lock:
            reasons = list(self._decided(opened, facts))
            known = self._access(opened.terms.access)
            if known is not None and known != opened:
                reasons.append("emergency_differs")
            self._require(opened, tuple(reasons))
            if known is None:
                self._append("opened", opened, opened=opened)

    def read(
        self, access: str, facts: OutageFacts, records: Sequence[str] | None = None
    ) -> EmergencyRead:
        """Read the emergency set under an access of this log; decided anew, logged, journalled.

        Refuses `outage_refused`: with `access_unknown`, with `chain_has_finality` once the chain is
        back (then the ordinary way is open), else as `break_glass`.
        """
        with self._lock:
            opened = self._access(access)
            if opened is None:
                raise OUTAGE_REFUSED(reasons="access_unknown")
            patient = opened.terms.patient
            reasons = list(self._decided(opened, facts))
            if not self._emergency.keys.categories(patient).categories:
                reasons.append("emergency_set_closed")
            self._require(opened, tuple(reasons))
            asked = self._emergency.opened_by(patient) if records is None else list(records)
            line = self._append("read", opened, records=tuple(asked))
        return self._emergency.read_decided(opened.terms, asked, line.time)

    # Anchoring

    def unanchored(self) -> list[Batch]:
        """List the batches to anchor, oldest first; entries that are in none are put into one."""
        with self._lock:
            self._batch()
            query = sql.select(_batches).where(_batches.c.height.is_(None))
            rows = self._database.rows(OutageBatchRow, query.order_by(_batches.c.first))
            return [self._shown(row) for row in rows]

    def anchored(self, batch: str, transaction_hash: str, height: int) -> None:
        """Note where the chain took a batch; again with the same values is fine.

        Refuses `deposit_batch_unknown`, and `deposit_batch_anchored` with other values.
        """
        with self._lock:
            query = sql.select(_batches).where(_batches.c.batch == batch)
            row = self._database.one(OutageBatchRow, query)
            if row is None:
                raise BATCH_UNKNOWN(batch=batch)
            if row.height is not None:
                if (row.transaction_hash, row.height) != (transaction_hash, height):
                    raise BATCH_ANCHORED(batch=batch)
                return
            change = sql.update(_batches).where(_batches.c.batch == batch)
            with self._database.write() as database:
                database.execute(change.values(transaction_hash=transaction_hash, height=height))

    def waiting(self) -> list[OpenedEmergency]:
        """List accesses whose batch is not yet anchored, oldest first.

        Each wants its `consent.BreakGlass` (where it has not ended meanwhile), its review, and a
        notice to the patient.
        """
        return [
            each.entry.opened
            for each in self.entries()
            if each.entry.opened is not None and each.height is None
        ]

    def entries(self) -> list[Logged]:
        """List the whole log, oldest first; refuses `outage_log_damaged` if it does not check."""
        for damage in self.damaged():
            raise LOG_DAMAGED(sequence=int(damage.id))
        heights = {
            row.batch: row.height
            for row in self._database.rows(OutageBatchRow, sql.select(_batches))
        }
        return [
            Logged(self._open(row), row.digest, row.batch, heights.get(row.batch or ""))
            for row in self._rows()
        ]

    def damaged(self) -> Iterator[Damage]:
        """Walk the log and name, by sequence, what is missing, changed or out of the chain."""
        previous, expected = _START, 1
        for row in self._rows():
            if row.sequence != expected:
                yield _damage(expected, "row_missing")
                return
            try:
                entry = self._open(row)
            except Refusal as refusal:
                yield _damage(expected, refusal.code.name)
                return
            if entry.previous != previous or row.digest != _digest(entry):
                yield _damage(expected, "chain_broken")
                return
            previous, expected = row.digest, expected + 1
        head = self._head()
        if (head.count, head.digest) != (expected - 1, previous):
            yield _damage(expected, "row_missing")

    # The log

    def _decided(self, opened: OpenedEmergency, facts: OutageFacts) -> tuple[str, ...]:
        salt = codec.to_bytes(opened.salt)
        differs = emergency_commitment(salt, opened.terms) != opened.commitment
        reasons = decide_outage(opened.terms, facts, self._organisation, self._clock())
        return (*reasons, *(("emergency_differs",) if differs else ()))

    def _require(self, opened: OpenedEmergency, reasons: tuple[str, ...]) -> None:
        if reasons:
            self._append("refused", opened, reasons=reasons)
            raise OUTAGE_REFUSED(reasons=", ".join(reasons))

    def _append(
        self,
        act: Literal["opened", "read", "refused"],
        about: OpenedEmergency,
        *,
        opened: OpenedEmergency | None = None,
        records: tuple[str, ...] = (),
        reasons: tuple[str, ...] = (),
    ) -> OutageEntry:
        head = self._head()
        last = self._last()
        if (head.count, head.digest) != ((last.sequence, last.digest) if last else (0, _START)):
            raise LOG_DAMAGED(sequence=head.count)
        entry = OutageEntry(
            entry=new_id(),
            sequence=head.count + 1,
            previous=head.digest,
            time=max(self._clock(), last.time if last else 0),
            act=act,
            access=about.terms.access,
            commitment=about.commitment,
            opened=opened,
            records=records,
            reasons=reasons,
        )
        data = codec.encode(entry)
        codec.decode(data, OutageEntry)
        row = EntryRow(
            sequence=entry.sequence,
            entry=entry.entry,
            access=entry.access,
            opened=int(opened is not None),
            time=entry.time,
            digest=_digest(entry),
            sealed=self._sealer.seal(data, _binding(entry.sequence)),
            batch=None,
        )
        ahead = codec.encode(_Head(count=row.sequence, digest=row.digest))
        sealed = HeadRow("head", self._sealer.seal(ahead, binding("outage-head")))
        with self._database.write() as database:
            database.execute(sql.insert(_entries), [values(row)])
            database.execute(sql.insert(_heads).prefix_with("OR REPLACE"), [values(sealed)])
        return entry

    def _batch(self) -> None:
        rows = [row for row in self._rows() if row.batch is None]
        if not rows:
            return
        leaves = [codec.encode(self._open(row)) for row in rows]
        made = OutageBatchRow(
            first=rows[0].sequence,
            batch=new_id(),
            root=codec.to_text(merkle.root(leaves)),
            size=len(rows),
            transaction_hash=None,
            height=None,
        )
        change = sql.update(_entries).where(_entries.c.batch.is_(None))
        with self._database.write() as database:
            database.execute(sql.insert(_batches), [values(made)])
            database.execute(change.values(batch=made.batch))

    def _shown(self, row: OutageBatchRow) -> Batch:
        ids = tuple(each.entry for each in self._rows() if each.batch == row.batch)
        return Batch(row.batch, OUTAGE, row.root, row.size, ids, ())

    def _access(self, access: str) -> OpenedEmergency | None:
        query = sql.select(_entries).where(_entries.c.access == access, _entries.c.opened == 1)
        row = self._database.one(EntryRow, query)
        return None if row is None else self._open(row).opened

    def _rows(self) -> list[EntryRow]:
        return self._database.rows(EntryRow, sql.select(_entries).order_by(_entries.c.sequence))

    def _last(self) -> EntryRow | None:
        query = sql.select(_entries).order_by(_entries.c.sequence.desc()).limit(1)
        return self._database.one(EntryRow, query)

    def _head(self) -> _Head:
        row = self._database.one(HeadRow, sql.select(_heads))
        if row is None:
            return _Head(count=0, digest=_START)
        return codec.decode(self._sealer.open(row.sealed, binding("outage-head")), _Head)

    def _open(self, row: EntryRow) -> OutageEntry:
        try:
            data = self._sealer.open(row.sealed, _binding(row.sequence))
        except Refusal:
            raise LOG_DAMAGED(sequence=row.sequence) from None
        return codec.decode(data, OutageEntry)


def _digest(entry: OutageEntry) -> str:
    return codec.to_text(hashlib.sha256(_DIGEST + codec.encode(entry)).digest())


def _binding(sequence: int) -> bytes:
    return binding("outage-entry", sequence=sequence)


def _damage(sequence: int, reason: str) -> Damage:
    return Damage(OUTAGE, str(sequence), "", reason)
