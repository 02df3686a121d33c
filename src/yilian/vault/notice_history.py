"""The history of notices: who was told, when, by which channel, when they read it; provable.

Each line names the digest of the one before it, so that none is changed or left out between two
others; lines go to the chain in batches (`lines_for_anchor`), so that the newest are not cut off
unseen either. Lines are sealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import sqlalchemy as sql

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.desk_formats import DESK_ROW_DAMAGED, checked_id, written
from yilian.vault.envelope import Format, MerklePath, binding, new_id
from yilian.vault.keystore import Keystore
from yilian.vault.records import Damage

NOTICE_BATCH_REFUSED = code(9368, "notice_batch_refused", 409, "batch")

MAX_LINES = 10_000
START = codec.to_text(bytes(32))
Event = Literal["queued", "delivered", "failed", "given_up", "read"]


class NoticeLine(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-notice/1"):
    """One step of one notice. `previous` is the SHA-256 of the line before (zeroes for the first).

    Its canonical JSON bytes are the leaf of a batch; the random `line` hides it from whoever sees
    only hashes of it. `told` (when queued) is the SHA-256 of kind and parameters, `proof` what the
    channel gave for the delivery, `reason` why it failed.
    """

    line: Id
    number: Whole
    previous: Digest
    notice: Id
    event: Event
    channel: Name | None = None
    time: Millis
    told: Digest | None = None
    proof: Digest | None = None
    reason: Name | None = None


class NoticeProof(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-notice-proof/1"
):
    """That a line is in an anchored batch (RFC 6962 path, leaf to root)."""

    line: NoticeLine
    batch: Id
    index: Whole
    total: Whole
    path: MerklePath


@dataclass(frozen=True, slots=True)
class LineBatch:
    """A batch of lines to anchor: its root over them, and where the chain took it."""

    batch: str
    root: str
    first: int
    size: int
    transaction_hash: str | None
    height: int | None


@dataclass(frozen=True, slots=True)
class _LineRow:
    number: int
    notice: str
    sealed: bytes
    batch: str | None


_lines = table("notice_lines", _LineRow, ["number"])
sql.Index("notice_lines_of_notice", _lines.c.notice)
sql.Index("notice_lines_of_batch", _lines.c.batch)
_batches = table("notice_batches", LineBatch, ["batch"])
_line_decoder = codec.decoder(NoticeLine)


class History:
    """The lines of all notices of one organisation. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database, clock: Callable[[], int]) -> None:
        self._keystore = keystore
        self._database = database
        self._clock = clock

    def append(
        self,
        connection: sql.Connection,
        notice: str,
        event: Event,
        *,
        channel: str | None = None,
        told: str | None = None,
        proof: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Add a line within a transaction that writes (`Database.write`); one line for each."""
        query = sql.select(_lines).order_by(_lines.c.number.desc()).limit(1)
        last = self._database.one(_LineRow, query)
        line = NoticeLine(
            line=new_id(),
            number=last.number + 1 if last else 0,
            previous=line_digest(self._opened(last)) if last else START,
            notice=notice,
            event=event,
            channel=channel,
            time=self._clock(),
            told=told,
            proof=proof,
            reason=reason,
        )
        row = _LineRow(line.number, notice, b"", None)
        sealer = self._keystore.sealer("notice-line", notice)
        sealed = sealer.seal(written(_line_decoder, line), _bound(row))
        connection.execute(sql.insert(_lines).values(**values(replace(row, sealed=sealed))))

    def of(self, notice: str) -> list[NoticeLine]:
        """List all steps of a notice, oldest first."""
        return [self._opened(row) for row in self._rows_of(notice)]

    def lines_for_anchor(self) -> list[LineBatch]:
        """Put lines that are in no batch into one, and list the batches that the chain has not.

        A batch is anchored like one of disclosures, by id, root and size; then call `anchored`.
        """
        with self._database.write() as connection:
            query = sql.select(_lines).where(_lines.c.batch.is_(None)).order_by(_lines.c.number)
            rows = self._database.rows(_LineRow, query.limit(MAX_LINES))
            if rows:
                root = codec.to_text(merkle.root(self._leaves(rows)))
                made = LineBatch(new_id(), root, rows[0].number, len(rows), None, None)
                connection.execute(sql.insert(_batches).values(**values(made)))
                loose = _lines.c.batch.is_(None), _lines.c.number <= rows[-1].number
                connection.execute(sql.update(_lines).where(*loose).values(batch=made.batch))
        waiting = sql.select(_batches).where(_batches.c.height.is_(None))
        return self._database.rows(LineBatch, waiting.order_by(_batches.c.first))

    def anchored(self, batch: str, transaction_hash: str, height: int) -> None:
        """Note where the chain took a batch of lines; again with the same values is fine.

        Refuses `notice_batch_refused`: unknown, or anchored elsewhere.
        """
        query = sql.select(_batches).where(_batches.c.batch == checked_id(batch))
        with self._database.write() as connection:
            found = self._database.one(LineBatch, query)
            place = (transaction_hash, height)
            if found is None or (
                found.height is not None and (found.transaction_hash, found.height) != place
            ):
                raise NOTICE_BATCH_REFUSED(batch=batch)
            change = sql.update(_batches).where(_batches.c.batch == batch)
            connection.execute(change.values(transaction_hash=transaction_hash, height=height))

    def proofs(self, notice: str) -> list[NoticeProof]:
        """Prove those steps of a notice that are in batches; check each with `check_line`."""
        made: list[NoticeProof] = []
        for row in self._rows_of(notice):
            if row.batch is None:
                continue
            rows = self._rows_in(row.batch)
            index = [each.number for each in rows].index(row.number)
            path = merkle.inclusion(self._leaves(rows), index)
            made.append(
                NoticeProof(
                    line=self._opened(row),
                    batch=row.batch,
                    index=index,
                    total=len(rows),
                    path=tuple(codec.to_text(step) for step in path),
                )
            )
        return made

    def damaged(self) -> Iterator[Damage]:
        """Walk the chain of lines and the batches; name what does not check."""
        previous, number = START, 0
        for row in self._database.rows(_LineRow, sql.select(_lines).order_by(_lines.c.number)):
            try:
                line = self._opened(row)
            except Refusal as refusal:
                yield Damage("notice", row.notice, row.batch or "", refusal.code.name)
            else:
                if (line.previous, line.number) != (previous, number):
                    yield Damage("notice", row.notice, row.batch or "", "chain_broken")
                previous = line_digest(line)
            number = row.number + 1
        for batch in self._database.rows(LineBatch, sql.select(_batches)):
            rows = self._rows_in(batch.batch)
            try:
                root = codec.to_text(merkle.root(self._leaves(rows)))
            except Refusal:
                continue
            if (root, len(rows)) != (batch.root, batch.size):
                yield Damage("batch", batch.batch, batch.batch, "root_differs")

    def _rows_of(self, notice: str) -> list[_LineRow]:
        query = sql.select(_lines).where(_lines.c.notice == notice)
        return self._database.rows(_LineRow, query.order_by(_lines.c.number))

    def _rows_in(self, batch: str) -> list[_LineRow]:
        query = sql.select(_lines).where(_lines.c.batch == batch)
        return self._database.rows(_LineRow, query.order_by(_lines.c.number))

    def _leaves(self, rows: list[_LineRow]) -> list[bytes]:
        return [codec.encode(self._opened(row)) for row in rows]

    def _opened(self, row: _LineRow) -> NoticeLine:
        try:
            data = self._keystore.sealer("notice-line", row.notice).open(row.sealed, _bound(row))
            found = codec.decode_with(_line_decoder, data)
        except Refusal:
            raise DESK_ROW_DAMAGED(row=row.notice) from None
        assert isinstance(found, NoticeLine)
        return found


def line_digest(line: NoticeLine) -> str:
    """Give the digest by which the next line names this one: SHA-256 of its canonical bytes."""
    return codec.to_text(hashlib.sha256(codec.encode(line)).digest())


def check_line(proof: NoticeProof, root: str) -> bool:
    """Tell whether a line is in the batch whose root the chain has."""
    path = [codec.to_bytes(step) for step in proof.path]
    leaf = codec.encode(proof.line)
    found = merkle.root_from_inclusion(leaf, proof.index, proof.total, path)
    return found is not None and codec.to_text(found) == root


def _bound(row: _LineRow) -> bytes:
    return binding("notice-line", number=row.number, notice=row.notice)
