"""The disclosure journal: a line is on the disk before a payload leaves, and soon on the chain.

A durable write waits for the disk, so lines of writers that wait at the same time go together: one
transaction for all of them. In clear stand ids, basis, time and outcome, by which lines are found;
the reader as a keyed mark. Purpose, reasons and all else are sealed, and what a record is about is
not here at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Lock

import sqlalchemy as sql

from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault.batch_tree import BatchTree, BatchTrees
from yilian.vault.catalogue import BatchRow, Catalogue, JournalRow
from yilian.vault.database import metadata
from yilian.vault.envelope import JournalLine, JournalProof, binding, new_id
from yilian.vault.errors import BATCH_NOT_ANCHORED, DISCLOSURE_UNKNOWN, ROW_DAMAGED
from yilian.vault.keystore import Keystore
from yilian.vault.records import Batch, Damage, batch_of

JOURNAL = "journal"
MAX_LINES = 10_000
_DAY = 86_400_000
_decoder = codec.decoder(JournalLine)

_journal = metadata.tables["journal"]
_batches = metadata.tables["batches"]
for _name in ("reader", "grant_id", "session", "time"):
    sql.Index(f"journal_of_{_name}", _journal.c[_name])


class _Waiting:
    """Lines of one writer, until they are on the disk or could not be written."""

    __slots__ = ("done", "error", "rows")

    def __init__(self, rows: list[JournalRow]) -> None:
        self.rows = rows
        self.done = False
        self.error: BaseException | None = None


class Journal:
    """The disclosure journal of one organisation. Safe for threads."""

    def __init__(self, keystore: Keystore, catalogue: Catalogue) -> None:
        self._keystore = keystore
        self._catalogue = catalogue
        self._waiting: list[_Waiting] = []
        self._queue = Lock()
        self._writing = Lock()
        self._trees = BatchTrees()
        self._batching = Lock()

    def write(self, lines: Sequence[JournalLine]) -> None:
        """Write lines durably, all or none; they are on the disk when this returns."""
        rows: list[JournalRow] = []
        for line in lines:
            row = JournalRow(
                disclosure=line.disclosure,
                basis=line.basis,
                session=line.session,
                grant_id=line.grant,
                record=line.record,
                reader=self._mark(line.reader),
                time=line.time,
                outcome=line.outcome,
                line=b"",
                batch=None,
            )
            data = codec.encode(line)
            codec.decode_with(_decoder, data)
            sealed = self._keystore.sealer("journal", _day(row)).seal(data, _row_binding(row))
            rows.append(replace(row, line=sealed))
        if rows:
            self._write(_Waiting(rows))

    def _write(self, mine: _Waiting) -> None:
        """Wait for one's turn; whoever has it writes what all others have brought meanwhile."""
        with self._queue:
            self._waiting.append(mine)
        with self._writing:
            if not mine.done:
                with self._queue:
                    together, self._waiting = self._waiting, []
                self._commit(together)
        if mine.error is not None:
            raise mine.error

    def _commit(self, together: Sequence[_Waiting]) -> None:
        """Write all at once; if that fails, each alone: nobody fails for another's lines."""
        try:
            self._catalogue.write_journal([row for each in together for row in each.rows])
        except BaseException as error:
            if isinstance(error, Exception) and len(together) > 1:
                for each in together:
                    self._commit([each])
            else:
                # Also what ends this thread alone: those who waited must not believe in a commit.
                for each in together:
                    each.error = error
        for each in together:
            each.done = True

    # Finding

    def about(self, record: str) -> list[JournalLine]:
        """List all lines about a record, oldest first."""
        return [self._open(row) for row in self._catalogue.lines_of_record(record)]

    def about_patient(
        self,
        records: Sequence[str],
        since: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> list[JournalLine]:
        """List all lines about a patient's records (their ids are handed in), oldest first.

        Times as in `search`.
        """
        asked = sql.func.json_each(codec.encode(list(records)).decode()).table_valued("value")
        about = _journal.c.record.in_(sql.select(asked.c.value))
        return self._found(about, *_between(since, until), limit=limit)

    def search(
        self,
        *,
        reader: str | None = None,
        grant: str | None = None,
        session: str | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int = 1000,
    ) -> list[JournalLine]:
        """List lines by who read, under which grant or session, and when; oldest first.

        Times in milliseconds, `until` not included. To go on, ask again from the last line's time.
        """
        mark = None if reader is None else self._mark(reader)
        named = {"reader": mark, "grant_id": grant, "session": session}
        tests = [_journal.c[name] == value for name, value in named.items() if value is not None]
        return self._found(*tests, *_between(since, until), limit=limit)

    def anchored(self, disclosures: Sequence[str]) -> frozenset[str]:
        """Tell which of these lines are in a batch that the chain has."""
        asked = sql.func.json_each(codec.encode(list(disclosures)).decode()).table_valued("value")
        query = sql.select(_journal.c.disclosure).join(
            _batches, _batches.c.batch == _journal.c.batch
        )
        query = query.where(
            _journal.c.disclosure.in_(sql.select(asked.c.value)), _batches.c.height.is_not(None)
        )
        with self._catalogue.read() as database:
            return frozenset(database.execute(query).scalars())

    def _found(
        self, *tests: sql.ColumnElement[bool], limit: int | None = None
    ) -> list[JournalLine]:
        query = sql.select(_journal).where(*tests)
        query = query.order_by(_journal.c.time, _journal.c.position).limit(limit)
        return [self._open(row) for row in self._catalogue.rows(JournalRow, query)]

    def _mark(self, reader: str) -> str:
        """Name a reader in clear: a copy of the database does not tell who read what."""
        return codec.to_text(self._keystore.mac("journal-reader", reader.encode("utf-8")))

    # Batches

    def batch(self) -> Batch | None:
        """Put the oldest lines that are in no batch into one; None when there are none.

        Like a batch of records it is then `unanchored` until the chain has taken it.
        """
        with self._batching:
            return self._batch()

    def _batch(self) -> Batch | None:
        rows = self._catalogue.unbatched_lines(MAX_LINES)
        if not rows:
            return None
        made = BatchRow(
            batch=new_id(),
            kind=JOURNAL,
            root=codec.to_text(merkle.root(self._leaves(rows))),
            size=len(rows),
            leaves=b"".join(codec.to_bytes(row.disclosure) for row in rows),
            transaction_hash=None,
            height=None,
        )
        self._catalogue.batch_journal(made, rows)
        return batch_of(made)

    def proof(self, disclosure: str) -> JournalProof:
        """Prove that a line is in its disclosure batch.

        Refuses `disclosure_unknown`, and `deposit_batch_not_anchored` while it is in no batch.
        """
        row = self._catalogue.line(disclosure)
        if row is None:
            raise DISCLOSURE_UNKNOWN(disclosure=disclosure)
        if row.batch is None:
            raise BATCH_NOT_ANCHORED(batch="")
        batch = row.batch
        place = self._trees.get(batch, lambda: self._tree(batch)).place(disclosure)
        return JournalProof(line=self._open(row), batch=batch, **place)

    def _tree(self, batch: str) -> BatchTree:
        rows = self._catalogue.lines_of_batch(batch)
        return BatchTree([each.disclosure for each in rows], self._leaves(rows))

    def damaged(self) -> Iterator[Damage]:
        """Walk all lines and disclosure batches and name what does not check."""
        for batch in self._catalogue.batches():
            if batch.kind != JOURNAL:
                continue
            rows = self._catalogue.lines_of_batch(batch.batch)
            present = {row.disclosure for row in rows}
            missing = [each for each in batch_of(batch).records if each not in present]
            for disclosure in missing:
                yield Damage("disclosure", disclosure, batch.batch, "row_missing")
            damaged = list(self._unreadable(rows, batch.batch))
            yield from damaged
            if not missing and not damaged:
                root = codec.to_text(merkle.root(self._leaves(rows)))
                if root != batch.root or len(rows) != batch.size:
                    yield Damage("batch", batch.batch, batch.batch, "root_differs")
        yield from self._unreadable(self._catalogue.unbatched_lines(2**31), "")

    def _unreadable(self, rows: Sequence[JournalRow], batch: str) -> Iterator[Damage]:
        for row in rows:
            try:
                self._open(row)
            except Refusal as refusal:
                yield Damage("disclosure", row.disclosure, batch, refusal.code.name)

    def _leaves(self, rows: Sequence[JournalRow]) -> list[bytes]:
        return [codec.encode(self._open(row)) for row in rows]

    def _open(self, row: JournalRow) -> JournalLine:
        try:
            data = self._keystore.sealer("journal", _day(row)).open(row.line, _row_binding(row))
        except Refusal:
            raise ROW_DAMAGED(record=row.record) from None
        line = codec.decode_with(_decoder, data)
        assert isinstance(line, JournalLine)
        return line


def _between(since: int | None, until: int | None) -> list[sql.ColumnElement[bool]]:
    tests: list[sql.ColumnElement[bool]] = []
    if since is not None:
        tests.append(_journal.c.time >= since)
    if until is not None:
        tests.append(_journal.c.time < until)
    return tests


def _day(row: JournalRow) -> str:
    return str(row.time // _DAY)


def _row_binding(row: JournalRow) -> bytes:
    """The sealed line vouches for the columns it is found by."""
    return binding(
        "journal-line",
        disclosure=row.disclosure,
        basis=row.basis,
        session=row.session or "",
        grant=row.grant_id or "",
        record=row.record,
        reader=row.reader,
        time=row.time,
        outcome=row.outcome,
    )
