"""The disclosure journal: a line is on the disk before a payload leaves, and soon on the chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import BatchRow, Catalogue, JournalRow
from yilian.vault.envelope import JournalLine, JournalProof, binding, new_id
from yilian.vault.errors import BATCH_NOT_ANCHORED, DISCLOSURE_UNKNOWN, ROW_DAMAGED
from yilian.vault.keystore import Keystore
from yilian.vault.records import Batch, Damage, batch_of

JOURNAL = "journal"
MAX_LINES = 10_000
_DAY = 86_400_000
_decoder = codec.decoder(JournalLine)


class Journal:
    """The disclosure journal of one organisation."""

    def __init__(self, keystore: Keystore, catalogue: Catalogue) -> None:
        self._keystore = keystore
        self._catalogue = catalogue

    def write(self, lines: Sequence[JournalLine]) -> None:
        """Write lines durably, all or none; they are on the disk when this returns."""
        rows: list[JournalRow] = []
        for line in lines:
            row = JournalRow(
                disclosure=line.disclosure,
                session=line.session,
                grant_id=line.grant,
                record=line.record,
                time=line.time,
                outcome=line.outcome,
                line=b"",
                batch=None,
            )
            data = codec.encode(line)
            codec.decode_with(_decoder, data)
            sealed = self._keystore.sealer("journal", _day(row)).seal(data, _row_binding(row))
            rows.append(replace(row, line=sealed))
        self._catalogue.write_journal(rows)

    def about(self, record: str) -> list[JournalLine]:
        """List all lines about a record, oldest first."""
        return [self._open(row) for row in self._catalogue.lines_of_record(record)]

    def batch(self) -> Batch | None:
        """Put the oldest lines that are in no batch into one; None when there are none.

        Like a batch of records it is then `unanchored` until the chain has taken it.
        """
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
        rows = self._catalogue.lines_of_batch(row.batch)
        index = [each.disclosure for each in rows].index(disclosure)
        path = merkle.inclusion(self._leaves(rows), index)
        return JournalProof(
            line=self._open(row),
            batch=row.batch,
            index=index,
            total=len(rows),
            path=tuple(codec.to_text(step) for step in path),
        )

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


def _day(row: JournalRow) -> str:
    return str(row.time // _DAY)


def _row_binding(row: JournalRow) -> bytes:
    """The sealed line vouches for the columns it is found by."""
    return binding(
        "journal-line",
        disclosure=row.disclosure,
        session=row.session or "",
        grant=row.grant_id or "",
        record=row.record,
        time=row.time,
        outcome=row.outcome,
    )
