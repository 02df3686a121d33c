"""What the vault holds, in SQL: records, batches, grants, sessions, journal. Ids and seals only.

SQLAlchemy Core on SQLite (WAL, synchronous=FULL: a commit is on the disk when it returns). In clear
stand random ids, category codes, months, addresses, commitments and heights; salts, terms and
journal lines are sealed by the caller. Resource types and search values are not here at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError

from yilian.vault import durable
from yilian.vault.errors import (
    BATCH_ANCHORED,
    BATCH_UNKNOWN,
    RECORD_EXISTS,
    SESSION_EXISTS,
    VAULT_FORMAT,
    VAULT_OF_OTHER,
)

FORMAT = 1
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record: where its ciphertext is, which batch and leaf prove it, how its key is wrapped.

    `salt` is sealed under the master key, `data_key` under the batch key of `category_key`.
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


@dataclass(frozen=True, slots=True)
class BatchKeyRow:
    """A batch's key for the records under one category key: one HPKE wrap for all of them."""

    batch: str
    category_key: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of records or of journal lines: its root, and where the chain took it.

    `leaves` is ids and commitments end to end (16 + 32 bytes each; 16 for journal lines), so that a
    proof needs one row and a missing row is missed by name.
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
    session: str | None
    grant_id: str | None
    record: str
    time: int
    outcome: str
    line: bytes
    batch: str | None


_metadata = sql.MetaData()
_SQL_TYPES: dict[str, type[sql.types.TypeEngine[Any]]] = {
    "str": sql.Text,
    "str | None": sql.Text,
    "bytes": sql.LargeBinary,
    "int": sql.BigInteger,
    "int | None": sql.BigInteger,
}


def _table(
    name: str, row: type[Any], key: Sequence[str], *extra: sql.schema.SchemaItem
) -> sql.Table:
    """Make a table whose columns are the fields of its row type, so that the two cannot differ."""
    columns = [
        sql.Column(
            each.name,
            _SQL_TYPES[str(each.type)],
            primary_key=each.name in key,
            nullable=str(each.type).endswith("None"),
        )
        for each in fields(row)
    ]
    return sql.Table(name, _metadata, *columns, *extra)


def _position() -> sql.Column[int]:
    return sql.Column("position", sql.Integer, primary_key=True, autoincrement=True)


_meta = sql.Table(
    "meta",
    _metadata,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
_records = _table("records", RecordRow, ["record"], sql.Index("records_of_batch", "batch", "leaf"))
sql.Index("records_of_patient", _records.c.patient)
_batch_keys = _table("batch_keys", BatchKeyRow, ["batch", "category_key"])
_batches = _table("batches", BatchRow, [], _position(), sql.UniqueConstraint("batch"))
_given = _table("grants_given", GivenRow, ["grant_id"])
_sent = sql.Table(
    "keys_sent",
    _metadata,
    sql.Column("grant_id", sql.Text, primary_key=True),
    sql.Column("category_key", sql.Text, primary_key=True),
)
_received = _table("grants_received", ReceivedRow, ["grant_id"])
_received_keys = _table("keys_received", ReceivedKeyRow, ["grant_id", "category_key"])
_sessions = _table("sessions", SessionRow, ["session"])
_journal = _table("journal", JournalRow, [], _position(), sql.UniqueConstraint("disclosure"))
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
_ONE_GIVEN = sql.select(_given).where(_given.c.grant_id == sql.bindparam("grant"))

R = TypeVar("R")


class Catalogue:
    """The vault's tables. Safe for threads; one process at a time (the vault's lock)."""

    def __init__(self, path: Path, organisation: str) -> None:
        """Open or start the catalogue of an organisation.

        Refuses `vault_of_other_organisation` and `vault_format_unknown`.
        """
        durable.touch(path)
        # Parameters never reach a log, however the host configures SQLAlchemy's loggers.
        self._engine = sql.create_engine(f"sqlite:///{path}", hide_parameters=True)
        sql.event.listen(self._engine, "connect", _configure)
        self._lock = RLock()
        _metadata.create_all(self._engine)
        for name, value, refusal in (
            ("format", str(FORMAT), VAULT_FORMAT(format=FORMAT)),
            ("organisation", organisation, VAULT_OF_OTHER()),
        ):
            if self._meta(name, value) != value:
                self.close()
                raise refusal

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _meta(self, name: str, value: str) -> str:
        with self._write() as database:
            row = database.execute(sql.select(_meta.c.value).where(_meta.c.name == name)).first()
            if row is None:
                database.execute(sql.insert(_meta).values(name=name, value=value))
                return value
            return str(row[0])

    @contextmanager
    def _write(self) -> Iterator[sql.Connection]:
        """One writer at a time, one transaction: all of it is on the disk, or none."""
        with self._lock, self._engine.begin() as database:
            yield database

    def _rows(
        self, kind: type[R], query: sql.Select[Any], asked: dict[str, Any] | None = None
    ) -> list[R]:
        with self._engine.connect() as database:
            found = database.execute(query, asked).all()
        # The columns of a table stand in the order of its row type; `position` comes after.
        width = len(fields(kind))  # type: ignore[arg-type]
        return [kind(*row[:width]) for row in found]

    def _one(
        self, kind: type[R], query: sql.Select[Any], asked: dict[str, Any] | None = None
    ) -> R | None:
        return next(iter(self._rows(kind, query, asked)), None)

    # Records and batches

    def present(self, records: Sequence[str]) -> list[str]:
        """Tell which of these records are held, in order."""
        return sorted(row.record for row in self.records(records))

    def records(self, records: Sequence[str]) -> list[RecordRow]:
        """Find those of these records that are held, in no particular order."""
        found: list[RecordRow] = []
        for start in range(0, len(records), _CHUNK):
            asked = list(records[start : start + _CHUNK])
            found += self._rows(RecordRow, _SOME_RECORDS, {"asked": asked})
        return found

    def deposit(
        self, batch: BatchRow, keys: Sequence[BatchKeyRow], records: Sequence[RecordRow]
    ) -> None:
        """Take in a whole batch in one transaction; refuses `record_exists` and then keeps none."""
        try:
            with self._write() as database:
                database.execute(sql.insert(_batches), [_values(batch)])
                database.execute(sql.insert(_batch_keys), [_values(each) for each in keys])
                database.execute(sql.insert(_records), [_values(each) for each in records])
        except IntegrityError:
            held = self.present([each.record for each in records])
            raise RECORD_EXISTS(record=held[0] if held else records[0].record) from None

    def record(self, record: str) -> RecordRow | None:
        """Find a record."""
        return next(iter(self.records([record])), None)

    def records_of_batch(self, batch: str) -> list[RecordRow]:
        """List a batch's records by leaf."""
        query = sql.select(_records).where(_records.c.batch == batch).order_by(_records.c.leaf)
        return self._rows(RecordRow, query)

    def records_of_patient(self, patient: str) -> list[str]:
        """List the ids of a patient's records."""
        query = sql.select(_records.c.record).where(_records.c.patient == patient)
        with self._engine.connect() as database:
            return sorted(database.execute(query).scalars())

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
        found = self._one(BatchKeyRow, _ONE_BATCH_KEY, asked)
        return found.wrapped if found else None

    def batch(self, batch: str) -> BatchRow | None:
        """Find a batch."""
        return self._one(BatchRow, sql.select(_batches).where(_batches.c.batch == batch))

    def batches(self) -> list[BatchRow]:
        """List all batches in the order they were made."""
        return self._rows(BatchRow, sql.select(_batches).order_by(_batches.c.position))

    def unanchored(self) -> list[BatchRow]:
        """List the batches the chain has not taken yet, oldest first."""
        query = sql.select(_batches).where(_batches.c.height.is_(None))
        return self._rows(BatchRow, query.order_by(_batches.c.position))

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
            with self._write() as database:
                change = sql.update(_batches).where(_batches.c.batch == batch)
                database.execute(change.values(**values))

    # Grants and sessions

    def give(self, row: GivenRow | None, grant: str, sent: Sequence[str]) -> None:
        """Keep a grant given (or, with None, an extension) and which category keys went along."""
        known = self.sent(grant)
        new = [{"grant_id": grant, "category_key": key} for key in sent if key not in known]
        with self._write() as database:
            if row is not None:
                database.execute(sql.insert(_given).prefix_with("OR REPLACE"), [_values(row)])
            if new:
                database.execute(sql.insert(_sent), new)

    def given(self, grant: str) -> GivenRow | None:
        """Find a grant that this organisation gave."""
        return self._one(GivenRow, _ONE_GIVEN, {"grant": grant})

    def sent(self, grant: str) -> frozenset[str]:
        """Tell which category keys were sent under a grant."""
        query = sql.select(_sent.c.category_key).where(_sent.c.grant_id == grant)
        with self._engine.connect() as database:
            return frozenset(database.execute(query).scalars())

    def receive(self, row: ReceivedRow | None, keys: Sequence[ReceivedKeyRow]) -> None:
        """Keep a grant received (None: known already) and the keys that are new."""
        with self._write() as database:
            if row is not None:
                database.execute(sql.insert(_received), [_values(row)])
            for each in keys:
                database.execute(
                    sql.insert(_received_keys).prefix_with("OR IGNORE"), [_values(each)]
                )

    def received(self, grant: str) -> ReceivedRow | None:
        """Find a grant that this organisation received."""
        return self._one(ReceivedRow, sql.select(_received).where(_received.c.grant_id == grant))

    def received_keys(self, grant: str) -> list[ReceivedKeyRow]:
        """List the category keys received under a grant."""
        query = sql.select(_received_keys).where(_received_keys.c.grant_id == grant)
        return self._rows(ReceivedKeyRow, query.order_by(_received_keys.c.category_key))

    def open_session(self, row: SessionRow) -> None:
        """Keep a session opened here; refuses `vault_session_exists`."""
        try:
            with self._write() as database:
                database.execute(sql.insert(_sessions), [_values(row)])
        except IntegrityError:
            raise SESSION_EXISTS(session=row.session) from None

    def session(self, session: str) -> SessionRow | None:
        """Find a session opened here."""
        return self._one(SessionRow, sql.select(_sessions).where(_sessions.c.session == session))

    # Journal

    def write_journal(self, lines: Sequence[JournalRow]) -> None:
        """Write journal lines; they are on the disk when this returns."""
        with self._write() as database:
            database.execute(sql.insert(_journal), [_values(each) for each in lines])

    def unbatched_lines(self, limit: int) -> list[JournalRow]:
        """List the oldest journal lines that are in no batch yet."""
        query = sql.select(_journal).where(_journal.c.batch.is_(None))
        return self._rows(JournalRow, query.order_by(_journal.c.position).limit(limit))

    def batch_journal(self, batch: BatchRow, lines: Sequence[JournalRow]) -> None:
        """Put journal lines into a batch, in one transaction."""
        with self._write() as database:
            database.execute(sql.insert(_batches), [_values(batch)])
            change = sql.update(_journal).where(_journal.c.disclosure == sql.bindparam("line_id"))
            database.execute(
                change.values(batch=batch.batch), [{"line_id": each.disclosure} for each in lines]
            )

    def lines_of_batch(self, batch: str) -> list[JournalRow]:
        """List a disclosure batch's lines in the order of its leaves."""
        query = sql.select(_journal).where(_journal.c.batch == batch)
        return self._rows(JournalRow, query.order_by(_journal.c.position))

    def lines_of_record(self, record: str) -> list[JournalRow]:
        """List the journal lines about a record, oldest first."""
        query = sql.select(_journal).where(_journal.c.record == record)
        return self._rows(JournalRow, query.order_by(_journal.c.position))

    def line(self, disclosure: str) -> JournalRow | None:
        """Find a journal line."""
        return self._one(
            JournalRow, sql.select(_journal).where(_journal.c.disclosure == disclosure)
        )


def _values(row: Any) -> dict[str, Any]:
    return {each.name: getattr(row, each.name) for each in fields(row)}


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute("PRAGMA " + pragma)
