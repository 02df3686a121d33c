"""What the vault holds, in SQL: records, batches, grants, sessions, journal. Ids and seals only.

SQLAlchemy Core on SQLite (WAL, synchronous=FULL: a commit is on the disk when it returns). In clear
stand random ids, category codes, months, retention classes, addresses, commitments and heights;
salts, terms and journal lines are sealed by the caller. Resource types and search values are not
here at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError

from yilian.vault.database import Database, metadata, position, table, values
from yilian.vault.errors import (
    BATCH_ANCHORED,
    BATCH_UNKNOWN,
    RECORD_EXISTS,
    RECORD_REPLACED,
    SESSION_EXISTS,
)

_CHUNK = 500
KEPT, SEALED, ERASED = "kept", "sealed", "erased"


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record: where its ciphertext is, which batch and leaf prove it, how its key is wrapped.

    `salt` is sealed under the record's erasure key, `data_key` under the batch key of
    `category_key`. `address` is the digest of the ciphertext that is released, `stored` that of
    what is at rest: the same inside the second layer. `deposited` and `until` in milliseconds.

    `standing`: `kept`; `sealed` (nobody reads it but for a duty, `until` then); or `erased`: a
    tombstone, which has the fields that its batch's leaf has and no others, and in `salt` a seal
    that vouches for it.
    """

    record: str
    patient: str
    category: str
    sensitivity: str
    period: str
    media_type: str
    size: int
    address: str
    commitment: str
    salt: bytes
    data_key: bytes
    category_key: str
    batch: str
    leaf: int
    stored: str
    kind: str
    author: str | None
    replaces: str | None
    retention: str
    deposited: int
    standing: str
    until: int | None


@dataclass(frozen=True, slots=True)
class BatchKeyRow:
    """A batch's key for the records under one category key: one HPKE wrap for all of them."""

    batch: str
    category_key: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of records or of journal lines: its root, and where the chain took it.

    `leaves` is ids and commitments end to end (a byte that is 1 where a replaced record is named,
    then 16 + 32 bytes, then 16 for the replaced one; 16 for journal lines), so that a proof needs
    one row and a missing row is missed by name.
    """

    batch: str
    kind: str
    root: str
    size: int
    leaves: bytes
    transaction_hash: str | None
    height: int | None


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A grant this organisation gave: sealed terms and salt, and the grantee's key-service key."""

    grant_id: str
    patient: str
    recipient: bytes
    terms: bytes
    commitment: str


@dataclass(frozen=True, slots=True)
class ReceivedRow:
    """A grant this organisation received; patient is the holder's id of the person."""

    grant_id: str
    holder: str
    patient: str
    terms: bytes
    commitment: str


@dataclass(frozen=True, slots=True)
class ReceivedKeyRow:
    """A category key that came with a grant, still wrapped to our key service."""

    grant_id: str
    category_key: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class SessionRow:
    """An access session this organisation opened as a grantee."""

    session: str
    grant_id: str
    terms: bytes
    commitment: str
    ends: int


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A journal line: sealed, with the ids it is found by; `batch` is None until it is batched."""

    disclosure: str
    basis: str
    session: str | None
    grant_id: str | None
    record: str
    reader: str
    time: int
    outcome: str
    line: bytes
    batch: str | None


_records = table("records", RecordRow, ["record"], sql.Index("records_of_batch", "batch", "leaf"))
sql.Index("records_of_patient", _records.c.patient)
_CORRECTS = _records.c.replaces.is_not(None)
sql.Index("record_replaced_once", _records.c.replaces, unique=True, sqlite_where=_CORRECTS)
_UNSETTLED = sql.and_(_records.c.standing == ERASED, _records.c.stored != "")
sql.Index("records_unsettled", _records.c.record, sqlite_where=_UNSETTLED)
_SEALED_UNTIL = _records.c.until.is_not(None)
sql.Index("records_until", _records.c.until, sqlite_where=_SEALED_UNTIL)
_batch_keys = table("batch_keys", BatchKeyRow, ["batch", "category_key"])
_batches = table("batches", BatchRow, [], position(), sql.UniqueConstraint("batch"))
_given = table("grants_given", GivenRow, ["grant_id"])
_sent = sql.Table(
    "keys_sent",
    metadata,
    sql.Column("grant_id", sql.Text, primary_key=True),
    sql.Column("category_key", sql.Text, primary_key=True),
)
_received = table("grants_received", ReceivedRow, ["grant_id"])
_received_keys = table("keys_received", ReceivedKeyRow, ["grant_id", "category_key"])
_sessions = table("sessions", SessionRow, ["session"])
_journal = table("journal", JournalRow, [], position(), sql.UniqueConstraint("disclosure"))
sql.Index("journal_of_record", _journal.c.record)
sql.Index("journal_of_batch", _journal.c.batch)

# Built once: these run for every record that is released.
_SOME_RECORDS = sql.select(_records).where(
    _records.c.record.in_(sql.bindparam("asked", expanding=True))
)
_ONE_BATCH_KEY = sql.select(_batch_keys).where(
    _batch_keys.c.batch == sql.bindparam("batch"),
    _batch_keys.c.category_key == sql.bindparam("category_key"),
)
_ONE_BATCH = sql.select(_batches).where(_batches.c.batch == sql.bindparam("batch"))
_SENT_UNDER = sql.select(_sent.c.category_key).where(_sent.c.grant_id == sql.bindparam("grant"))
_ONE_GIVEN = sql.select(_given).where(_given.c.grant_id == sql.bindparam("grant"))


class Catalogue(Database):
    """What is held and given, received and read. Safe for threads."""

    # Records and batches

    def present(self, records: Sequence[str]) -> list[str]:
        """Tell which of these records are held, in order."""
        return sorted(row.record for row in self.records(records))

    def records(self, records: Sequence[str]) -> list[RecordRow]:
        """Find those of these records that are held, in no particular order."""
        found: list[RecordRow] = []
        for start in range(0, len(records), _CHUNK):
            asked = list(records[start : start + _CHUNK])
            found += self.rows(RecordRow, _SOME_RECORDS, {"asked": asked})
        return found

    def deposit(
        self, batch: BatchRow, keys: Sequence[BatchKeyRow], records: Sequence[RecordRow]
    ) -> None:
        """Take in a whole batch in one transaction; refuses `record_exists` and then keeps none."""
        try:
            with self.write() as database:
                database.execute(sql.insert(_batches), [values(batch)])
                database.execute(sql.insert(_batch_keys), [values(each) for each in keys])
                database.execute(sql.insert(_records), [values(each) for each in records])
        except IntegrityError:
            held = self.present([each.record for each in records])
            replaced = self.replaced([each.replaces for each in records if each.replaces])
            if replaced and not held:
                raise RECORD_REPLACED(record=replaced[0]) from None
            raise RECORD_EXISTS(record=held[0] if held else records[0].record) from None

    def record(self, record: str) -> RecordRow | None:
        """Find a record."""
        return next(iter(self.records([record])), None)

    def records_of_batch(self, batch: str) -> list[RecordRow]:
        """List a batch's records by leaf."""
        query = sql.select(_records).where(_records.c.batch == batch).order_by(_records.c.leaf)
        return self.rows(RecordRow, query)

    def records_of_patient(self, patient: str, standing: Sequence[str] = (KEPT,)) -> list[str]:
        """List the ids of a patient's records; sealed ones only where `standing` names them."""
        query = sql.select(_records.c.record).where(
            _records.c.patient == patient, _records.c.standing.in_(standing)
        )
        with self._engine.connect() as database:
            return sorted(database.execute(query).scalars())

    def replaced(self, records: Sequence[str]) -> list[str]:
        """Tell which of these records are replaced by a later one, in order."""
        return sorted(str(row.replaces) for row in self._replacing(records))

    def replacement(self, record: str) -> RecordRow | None:
        """Find the record that replaces this one."""
        return next(iter(self._replacing([record])), None)

    def _replacing(self, records: Sequence[str]) -> list[RecordRow]:
        found: list[RecordRow] = []
        for start in range(0, len(records), _CHUNK):
            some = list(records[start : start + _CHUNK])
            found += self.rows(RecordRow, sql.select(_records).where(_records.c.replaces.in_(some)))
        return found

    # Erasure

    def put_records(self, rows: Sequence[RecordRow]) -> None:
        """Write changed rows over their older selves, in one transaction."""
        if rows:
            change = sql.insert(_records).prefix_with("OR REPLACE")
            with self.write() as database:
                database.execute(change, [values(each) for each in rows])

    def after(self, record: str, limit: int) -> list[RecordRow]:
        """List records that are kept or sealed, by id, from the one after this id."""
        query = sql.select(_records).where(
            _records.c.record > record, _records.c.standing != ERASED
        )
        return self.rows(RecordRow, query.order_by(_records.c.record).limit(limit))

    def unsettled(self) -> list[RecordRow]:
        """List tombstones whose payload and keys are not known to be gone yet."""
        query = sql.select(_records).where(_UNSETTLED)
        return self.rows(RecordRow, query.order_by(_records.c.record))

    def sealed_until(self, now: int) -> list[RecordRow]:
        """List sealed records whose time to keep is over."""
        query = sql.select(_records).where(_SEALED_UNTIL, _records.c.until <= now)
        return self.rows(RecordRow, query.order_by(_records.c.record))

    def category_keys_in_use(self, patient: str) -> set[str]:
        """Name the category keys that records of a patient are under."""
        query = sql.select(_records.c.category_key).distinct()
        query = query.where(_records.c.patient == patient, _records.c.standing != ERASED)
        with self._engine.connect() as database:
            return set(database.execute(query).scalars())

    def drop_batch_keys(self, batch: str) -> None:
        """Remove a batch's wrapped keys that no record of it is under any more."""
        used = sql.select(_records.c.category_key)
        used = used.where(_records.c.batch == batch, _records.c.standing != ERASED)
        gone = sql.delete(_batch_keys).where(
            _batch_keys.c.batch == batch, _batch_keys.c.category_key.not_in(used)
        )
        with self.write() as database:
            database.execute(gone)

    def records_without_batch(self) -> list[tuple[str, str]]:
        """List records (with the batch they name) whose batch row is gone."""
        known = sql.select(_batches.c.batch)
        query = sql.select(_records.c.record, _records.c.batch)
        with self._engine.connect() as database:
            found = database.execute(query.where(_records.c.batch.not_in(known))).all()
        return sorted((str(row[0]), str(row[1])) for row in found)

    def batch_key(self, batch: str, category_key: str) -> bytes | None:
        """Find the wrapped batch key for the records under one category key."""
        asked = {"batch": batch, "category_key": category_key}
        found = self.one(BatchKeyRow, _ONE_BATCH_KEY, asked)
        return found.wrapped if found else None

    def batch(self, batch: str) -> BatchRow | None:
        """Find a batch."""
        return self.one(BatchRow, _ONE_BATCH, {"batch": batch})

    def batches(self) -> list[BatchRow]:
        """List all batches in the order they were made."""
        return self.rows(BatchRow, sql.select(_batches).order_by(_batches.c.position))

    def unanchored(self) -> list[BatchRow]:
        """List the batches the chain has not taken yet, oldest first."""
        query = sql.select(_batches).where(_batches.c.height.is_(None))
        return self.rows(BatchRow, query.order_by(_batches.c.position))

    def anchored(self, batch: str, transaction_hash: str, height: int) -> None:
        """Note where the chain took a batch; again with the same values is fine.

        Refuses `deposit_batch_unknown`, and `deposit_batch_anchored` with other values.
        """
        with self._lock:
            found = self.batch(batch)
            if found is None:
                raise BATCH_UNKNOWN(batch=batch)
            if found.height is not None:
                if (found.transaction_hash, found.height) != (transaction_hash, height):
                    raise BATCH_ANCHORED(batch=batch)
                return
            values = {"transaction_hash": transaction_hash, "height": height}
            with self.write() as database:
                change = sql.update(_batches).where(_batches.c.batch == batch)
                database.execute(change.values(**values))

    def unanchor_above(self, height: int) -> int:
        """Forget that the chain took batches above a height, for it was taken back to there.

        Returns how many; they are `unanchored` again.
        """
        change = sql.update(_batches).where(_batches.c.height > height)
        with self.write() as database:
            return database.execute(change.values(transaction_hash=None, height=None)).rowcount

    # Grants and sessions

    def give(self, row: GivenRow | None, grant: str, sent: Sequence[str]) -> None:
        """Keep a grant given (or, with None, an extension) and which category keys went along."""
        known = self.sent(grant)
        new = [{"grant_id": grant, "category_key": key} for key in sent if key not in known]
        with self.write() as database:
            if row is not None:
                database.execute(sql.insert(_given).prefix_with("OR REPLACE"), [values(row)])
            if new:
                database.execute(sql.insert(_sent), new)

    def given(self, grant: str) -> GivenRow | None:
        """Find a grant that this organisation gave."""
        return self.one(GivenRow, _ONE_GIVEN, {"grant": grant})

    def sent(self, grant: str) -> frozenset[str]:
        """Tell which category keys were sent under a grant."""
        with self._engine.connect() as database:
            return frozenset(database.execute(_SENT_UNDER, {"grant": grant}).scalars())

    def receive(self, row: ReceivedRow | None, keys: Sequence[ReceivedKeyRow]) -> None:
        """Keep a grant received (None: known already) and the keys that are new."""
        with self.write() as database:
            if row is not None:
                # Two deliveries of one package may come at once; they say the same.
                database.execute(sql.insert(_received).prefix_with("OR IGNORE"), [values(row)])
            for each in keys:
                database.execute(
                    sql.insert(_received_keys).prefix_with("OR IGNORE"), [values(each)]
                )

    def received(self, grant: str) -> ReceivedRow | None:
        """Find a grant that this organisation received."""
        return self.one(ReceivedRow, sql.select(_received).where(_received.c.grant_id == grant))

    def all_received(self) -> list[ReceivedRow]:
        """List every grant that this organisation received, by id."""
        return self.rows(ReceivedRow, sql.select(_received).order_by(_received.c.grant_id))

    def received_keys(self, grant: str) -> list[ReceivedKeyRow]:
        """List the category keys received under a grant."""
        query = sql.select(_received_keys).where(_received_keys.c.grant_id == grant)
        return self.rows(ReceivedKeyRow, query.order_by(_received_keys.c.category_key))

    def open_session(self, row: SessionRow) -> None:
        """Keep a session opened here; refuses `vault_session_exists`."""
        try:
            with self.write() as database:
                database.execute(sql.insert(_sessions), [values(row)])
        except IntegrityError:
            raise SESSION_EXISTS(session=row.session) from None

    def session(self, session: str) -> SessionRow | None:
        """Find a session opened here."""
        return self.one(SessionRow, sql.select(_sessions).where(_sessions.c.session == session))

    # Journal

    def write_journal(self, lines: Sequence[JournalRow]) -> None:
        """Write journal lines; they are on the disk when this returns."""
        with self.write() as database:
            database.execute(sql.insert(_journal), [values(each) for each in lines])

    def unbatched_lines(self, limit: int) -> list[JournalRow]:
        """List the oldest journal lines that are in no batch yet."""
        query = sql.select(_journal).where(_journal.c.batch.is_(None))
        return self.rows(JournalRow, query.order_by(_journal.c.position).limit(limit))

    def batch_journal(self, batch: BatchRow, lines: Sequence[JournalRow]) -> None:
        """Put journal lines into a batch, in one transaction."""
        with self.write() as database:
            database.execute(sql.insert(_batches), [values(batch)])
            change = sql.update(_journal).where(_journal.c.disclosure == sql.bindparam("line_id"))
            database.execute(
                change.values(batch=batch.batch), [{"line_id": each.disclosure} for each in lines]
            )

    def lines_of_batch(self, batch: str) -> list[JournalRow]:
        """List a disclosure batch's lines in the order of its leaves."""
        query = sql.select(_journal).where(_journal.c.batch == batch)
        return self.rows(JournalRow, query.order_by(_journal.c.position))

    def lines_of_record(self, record: str) -> list[JournalRow]:
        """List the journal lines about a record, oldest first."""
        query = sql.select(_journal).where(_journal.c.record == record)
        return self.rows(JournalRow, query.order_by(_journal.c.position))

    def line(self, disclosure: str) -> JournalRow | None:
        """Find a journal line."""
        return self.one(JournalRow, sql.select(_journal).where(_journal.c.disclosure == disclosure))
