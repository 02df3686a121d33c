"""The audit trail: one entry per call, on the disk before its answer leaves, and soon on the chain.

An entry holds ids and codes alone: its types leave no room for a name, a number of a person, a
token or a text. It is sealed; who asked and about whom is found by keyed marks.

Entries are numbered without gaps and each carries the digest of the one before, so that one that
was taken out, put elsewhere or made afterwards is found by `damaged`. The number and digest of the
last stand sealed beside them, so that a cut-off end is found too. Not found here: a whole older
copy of the database put back; the batches on the chain show that one.

Durable group commit: whoever comes while a sync runs waits for the next one with all others.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Condition, Lock
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Digest, Id, Millis, Name, Positive, Whole
from yilian.ledger.errors import Refusal, code
from yilian.vault.batch_tree import BatchTree, BatchTrees
from yilian.vault.catalogue import BatchRow
from yilian.vault.database import Database, metadata, table, values
from yilian.vault.envelope import Format, MerklePath, binding, new_id
from yilian.vault.errors import BATCH_NOT_ANCHORED, ROW_DAMAGED
from yilian.vault.keystore import Keystore, Sealer
from yilian.vault.records import Batch, Damage, batch_of

AUDIT_NOT_WRITTEN = code(9390, "audit_not_written", 503)
AUDIT_ENTRY_UNKNOWN = code(9391, "audit_entry_unknown", 404, "entry")

AUDIT = "audit"
ANONYMOUS = "anonymous"
MAX_ENTRIES = 10_000
"""Entries in one batch."""
EVEN = (1_024, 16_384)
"""Leaves in a batch that is filled up; who has more calls than the first holds in an interval of
posts (10 s, unless members set it) is seen to be that busy, and no more."""
MAX_IDS = 1_000
"""Ids of one kind in one entry."""
PAGE = 1_000
NOTHING = codec.to_text(bytes(32))
"""What the first entry carries in the place of a digest."""

Actor = Annotated[
    str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]{21}[AQgw]|anonymous)$(?!\n)", max_length=22)
]
"""A subject's id, or `anonymous` where nobody proved to be one."""
OperationId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]*$(?!\n)", max_length=128)]
"""The `operationId` of the OpenAPI document, or `unmatched`."""
TransactionHash = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", min_length=64, max_length=64)
]
RequestId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]+$(?!\n)", min_length=1, max_length=32)]
Ids = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_IDS)]

_DAY = 86_400_000


class Call(Format, frozen=True, kw_only=True):
    """One call and how it ended: who asked for what, about whom, and what was answered.

    `subjects` are ids of persons at this organisation, `transaction` a SHA-256 in hex, `refusal`
    the name of a code. `others` counts ids of records that found no place.
    """

    actor: Actor
    on_behalf_of: Id | None = None
    operation: OperationId
    subjects: Ids = ()
    transaction: TransactionHash | None = None
    sessions: Ids = ()
    grants: Ids = ()
    records: Ids = ()
    others: Whole = 0
    purpose: Name | None = None
    outcome: Literal["permit", "deny", "error"]
    status: Annotated[int, msgspec.Meta(ge=100, le=599)]
    refusal: Name | None = None
    request: RequestId


class AuditEntry(Call, frozen=True, kw_only=True, tag_field="format", tag="yilian-audit/1"):
    """A call in the trail: its canonical JSON bytes are a leaf of an audit batch.

    The random entry id hides it from whoever sees only hashes of it. `previous` is the SHA-256 of
    the bytes of the entry with the number before.
    """

    entry: Id
    organisation: Id
    number: Positive
    previous: Digest
    time: Millis


class AuditProof(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-audit-proof/1"):
    """That an entry is in an audit batch (RFC 6962 path, leaf to root)."""

    entry: AuditEntry
    batch: Id
    index: Whole
    total: Whole
    path: MerklePath


class _Head(Format, frozen=True, kw_only=True):
    """Where the trail ends: the number and digest of its last entry."""

    number: Whole
    digest: Digest


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry: sealed, with the ids and codes it is found by; `actor` is a keyed mark."""

    number: int
    entry: str
    time: int
    actor: str
    operation: str
    transaction_hash: str | None
    outcome: str
    line: bytes
    batch: str | None


@dataclass(frozen=True, slots=True)
class AuditSubjectRow:
    """That an entry is about a person; `subject` is a keyed mark."""

    subject: str
    number: int


@dataclass(frozen=True, slots=True)
class AuditHeadRow:
    """The end of the trail, sealed; there is one row."""

    name: str
    line: bytes


_audit = table("audit", AuditRow, ["number"], sql.UniqueConstraint("entry"))
sql.Index("audit_of_batch", _audit.c.batch, _audit.c.number)
sql.Index("audit_of_actor", _audit.c.actor, _audit.c.number)
sql.Index("audit_of_operation", _audit.c.operation, _audit.c.number)
sql.Index("audit_of_transaction", _audit.c.transaction_hash)
sql.Index("audit_of_time", _audit.c.time)
_subjects = table("audit_subjects", AuditSubjectRow, ["subject", "number"])
sql.Index("audit_subjects_of_entry", _subjects.c.number)
_head = table("audit_head", AuditHeadRow, ["name"])
_batches = metadata.tables["batches"]

# Built once: these run for every call.
_INSERT = sql.insert(_audit)
_INSERT_SUBJECTS = sql.insert(_subjects)
_KEEP_HEAD = sql.insert(_head).prefix_with("OR REPLACE")

_call_decoder = codec.decoder(Call)
_entry_decoder = codec.decoder(AuditEntry)
_head_decoder = codec.decoder(_Head)
_HEAD_BINDING = binding("audit-head")


class _Waiting:
    """A call that waits for its sync."""

    __slots__ = ("call", "entry", "failed")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.entry: AuditEntry | None = None
        self.failed = False


class AuditTrail:
    """The audit trail of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        database: Database,
        clock: Callable[[], int],
    ) -> None:
        """`clock` gives milliseconds of UTC."""
        self._organisation = organisation
        self._keystore = keystore
        self._database = database
        self._clock = clock
        self._ends = keystore.sealer("audit")
        self._marking = keystore.mac("audit-mark", organisation.encode("ascii"))
        self._day = ("", self._ends)
        self._last: _Head | None = None
        self._changed = Condition(Lock())
        self._queue: list[_Waiting] = []
        self._writing = False
        self._batching = Lock()
        self._trees = BatchTrees()

    # Writing

    def write(self, call: Call) -> AuditEntry:
        """Write one entry; it is on the disk when this returns.

        Refuses `malformed` for a call that breaks its types, and `audit_not_written` where the
        disk did not take it: then nothing may be answered.
        """
        codec.decode_with(_call_decoder, codec.encode(call))
        mine = _Waiting(call)
        with self._changed:
            self._queue.append(mine)
            while self._writing and mine.entry is None and not mine.failed:
                self._changed.wait()
            leading = mine.entry is None and not mine.failed
            if leading:
                self._writing = True
                taken, self._queue = self._queue, []
        if leading:
            self._lead(taken)
        if mine.entry is None:
            raise AUDIT_NOT_WRITTEN()
        return mine.entry

    def _lead(self, taken: list[_Waiting]) -> None:
        """Write for all who wait; whatever happens, each of them learns how it ended."""
        written: list[AuditEntry] = []
        try:
            written = self._commit([each.call for each in taken])
        except Exception as error:
            raise AUDIT_NOT_WRITTEN() from error
        finally:
            with self._changed:
                if not written:
                    self._last = None  # what the disk has is read again before the next entry
                for place, each in enumerate(taken):
                    each.entry = written[place] if written else None
                    each.failed = not written
                self._writing = False
                self._changed.notify_all()

    def _commit(self, calls: Sequence[Call]) -> list[AuditEntry]:
        time = self._clock()
        sealer = self._of_day(time)
        made: list[AuditEntry] = []
        rows: list[dict[str, Any]] = []
        with self._database.write() as database:
            last = self._last or self._end(database)
            for call in calls:
                entry = self._entry(call, last, time)
                data = codec.encode(entry)
                row = self._row(entry)
                rows.append(values(replace(row, line=sealer.seal(data, _row_binding(row)))))
                made.append(entry)
                last = _Head(number=entry.number, digest=codec.to_text(merkle.sha256(data)))
            database.execute(_INSERT, rows)
            links = [
                {"subject": subject, "number": entry.number}
                for entry in made
                for subject in self._subjects(entry)
            ]
            if links:
                database.execute(_INSERT_SUBJECTS, links)
            head = self._ends.seal(codec.encode(last), _HEAD_BINDING)
            database.execute(_KEEP_HEAD, [{"name": "head", "line": head}])
        self._last = last
        return made

    def _entry(self, call: Call, last: _Head, time: int) -> AuditEntry:
        return AuditEntry(
            entry=new_id(),
            organisation=self._organisation,
            number=last.number + 1,
            previous=last.digest,
            time=time,
            **{name: getattr(call, name) for name in Call.__struct_fields__},
        )

    def _row(self, entry: AuditEntry) -> AuditRow:
        return AuditRow(
            number=entry.number,
            entry=entry.entry,
            time=entry.time,
            actor=self._mark(entry.actor),
            operation=entry.operation,
            transaction_hash=entry.transaction,
            outcome=entry.outcome,
            line=b"",
            batch=None,
        )

    def _subjects(self, entry: AuditEntry) -> list[str]:
        return sorted({self._mark(each) for each in entry.subjects})

    def _mark(self, subject: str) -> str:
        """Name somebody in clear: a copy of the database does not tell who asked about whom."""
        made = hmac.digest(self._marking, subject.encode("utf-8", "surrogatepass"), "sha256")
        return codec.to_text(made)

    def _of_day(self, time: int) -> Sealer:
        """Give the seal of a day; the last one asked for is kept."""
        day, sealer = self._day
        asked = str(time // _DAY)
        if day != asked:
            sealer = self._keystore.sealer("audit", asked)
            self._day = (asked, sealer)
        return sealer

    def _end(self, database: sql.Connection) -> _Head:
        """Find where to go on. A damaged end does not stop the trail; `damaged` names it."""
        highest = database.execute(sql.select(sql.func.max(_audit.c.number))).scalar() or 0
        line = database.execute(sql.select(_head.c.line)).scalar()
        head = self._open_head(line)
        if head is None or head.number < highest:
            return _Head(number=highest, digest=NOTHING)
        return head

    def _open_head(self, line: bytes | None) -> _Head | None:
        if line is None:
            return None
        try:
            data = self._ends.open(line, _HEAD_BINDING)
        except Refusal:
            return None
        head = codec.decode_with(_head_decoder, data)
        assert isinstance(head, _Head)
        return head

    # Reading

    def search(
        self,
        *,
        subject: str | None = None,
        actor: str | None = None,
        transaction: str | None = None,
        operation: str | None = None,
        since: int | None = None,
        until: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """List the entries that fit everything given, oldest first, with numbers above `after`.

        `since` and `until` are milliseconds; `until` is the first moment left out. Refuses
        `catalogue_row_damaged` where one of them cannot be read.
        """
        query = sql.select(_audit).where(_audit.c.number > after)
        for column, wanted in (
            (_audit.c.actor, None if actor is None else self._mark(actor)),
            (_audit.c.transaction_hash, transaction),
            (_audit.c.operation, operation),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if subject is not None:
            mark = self._mark(subject)
            about = sql.select(_subjects.c.number).where(_subjects.c.subject == mark)
            query = query.where(_audit.c.number.in_(about))
        if since is not None:
            query = query.where(_audit.c.time >= since)
        if until is not None:
            query = query.where(_audit.c.time < until)
        found = self._database.rows(AuditRow, query.order_by(_audit.c.number).limit(limit))
        return [self._open(row) for row in found]

    def accounting(self, person: str, since: int | None = None) -> Iterator[AuditEntry]:
        """List every call about a person, refused ones too, oldest first: who saw what and why."""
        after = 0
        while found := self.search(subject=person, since=since, after=after, limit=PAGE):
            yield from found
            after = found[-1].number

    def _open(self, row: AuditRow) -> AuditEntry:
        try:
            data = self._of_day(row.time).open(row.line, _row_binding(row))
        except Refusal:
            raise ROW_DAMAGED(record=row.entry) from None
        entry = codec.decode_with(_entry_decoder, data)
        assert isinstance(entry, AuditEntry)
        return entry

    # Batches for the chain: rows of the same table and form as those of the disclosure journal

    def batch(self) -> Batch | None:
        """Put the oldest entries that are in no batch into one; None when there are none.

        Like a disclosure batch it is then `Catalogue.unanchored` until the chain has taken it.
        """
        with self._batching:
            query = sql.select(_audit).where(_audit.c.batch.is_(None))
            query = query.order_by(_audit.c.number).limit(MAX_ENTRIES)
            rows = self._database.rows(AuditRow, query)
            return self._put(new_id(), rows, len(rows)) if rows else None

    def even_batch(self, name: str) -> Batch:
        """Put the oldest entries that are in no batch into one named `name`, and fill it up.

        Its size is the first of `EVEN` that they fit into, also where there are none; so is the
        path of every proof. What fills it up looks like nothing else, and cannot be an entry.
        """
        with self._batching:
            query = sql.select(_audit).where(_audit.c.batch.is_(None))
            query = query.order_by(_audit.c.number).limit(EVEN[-1])
            rows = self._database.rows(AuditRow, query)
            return self._put(name, rows, next(each for each in EVEN if len(rows) <= each))

    def _put(self, name: str, rows: Sequence[AuditRow], size: int) -> Batch:
        leaves = [*self._leaves(rows), *self._filling(name, size - len(rows))]
        made = BatchRow(
            batch=name,
            kind=AUDIT,
            root=codec.to_text(merkle.root(leaves)),
            size=size,
            leaves=b"".join(codec.to_bytes(row.entry) for row in rows),
            transaction_hash=None,
            height=None,
        )
        with self._database.write() as database:
            database.execute(sql.insert(_batches), [values(made)])
            if rows:
                change = sql.update(_audit).where(
                    _audit.c.batch.is_(None), _audit.c.number <= rows[-1].number
                )
                database.execute(change.values(batch=name))
        return batch_of(made)

    def _filling(self, batch: str, count: int) -> list[bytes]:
        """Work out what fills a batch up, the same each time, and known to nobody else."""
        seed = self._keystore.mac("audit-filling", batch.encode("ascii"))
        return [merkle.sha256(seed + number.to_bytes(4, "big")) for number in range(count)]

    def proof(self, entry: str) -> AuditProof:
        """Prove that an entry is in its batch.

        Refuses `audit_entry_unknown`, and `deposit_batch_not_anchored` while it is in no batch.
        """
        row = self._database.one(AuditRow, sql.select(_audit).where(_audit.c.entry == entry))
        if row is None:
            raise AUDIT_ENTRY_UNKNOWN(entry=entry)
        if row.batch is None:
            raise BATCH_NOT_ANCHORED(batch="")
        batch = row.batch
        place = self._trees.get(batch, lambda: self._tree(batch)).place(entry)
        return AuditProof(entry=self._open(row), batch=batch, **place)

    def _tree(self, batch: str) -> BatchTree:
        rows = self._of_batch(batch)
        found = self._database.one(BatchRow, sql.select(_batches).where(_batches.c.batch == batch))
        size = len(rows) if found is None else found.size
        leaves = [*self._leaves(rows), *self._filling(batch, size - len(rows))]
        return BatchTree([each.entry for each in rows], leaves)

    def _of_batch(self, batch: str) -> list[AuditRow]:
        query = sql.select(_audit).where(_audit.c.batch == batch).order_by(_audit.c.number)
        return self._database.rows(AuditRow, query)

    def _leaves(self, rows: Sequence[AuditRow]) -> list[bytes]:
        return [codec.encode(self._open(row)) for row in rows]

    # Integrity

    def damaged(self) -> Iterator[Damage]:
        """Walk all entries and batches and name what does not check.

        An entry is named by its id; where an entry is gone and no batch knows its id, the gap is
        named by its numbers, `first-last`.
        """
        yield from self._damaged_batches()
        yield from self._damaged_chain()

    def _damaged_batches(self) -> Iterator[Damage]:
        query = sql.select(_batches).where(_batches.c.kind == AUDIT)
        for batch in self._database.rows(BatchRow, query.order_by(_batches.c.position)):
            rows = self._of_batch(batch.batch)
            present = {row.entry for row in rows}
            named = batch_of(batch).records
            missing = [each for each in named if each not in present]
            for entry in missing:
                yield Damage(AUDIT, entry, batch.batch, "row_missing")
            try:
                leaves = self._leaves(rows)
            except Refusal:
                continue  # the walk along the chain names the entry
            leaves += self._filling(batch.batch, batch.size - len(named))
            root = codec.to_text(merkle.root(leaves))
            if not missing and (root != batch.root or len(leaves) != batch.size):
                yield Damage("batch", batch.batch, batch.batch, "root_differs")

    def _damaged_chain(self) -> Iterator[Damage]:
        head = self._stored_head()
        number, previous = 0, NOTHING
        for page in self._pages():
            links = self._links(page[0].number, page[-1].number)
            for row in page:
                batch = row.batch or ""
                try:
                    entry = self._open(row)
                except Refusal as refusal:
                    # Its number is not to be believed, and the next entry has nothing to hold to.
                    yield Damage(AUDIT, row.entry, batch, refusal.code.name)
                    number, previous = row.number, ""
                    continue
                if entry.number != number + 1:
                    yield _gap(number + 1, entry.number - 1)
                elif previous not in ("", entry.previous):
                    yield Damage(AUDIT, row.entry, batch, "chain_broken")
                if links.get(entry.number, []) != self._subjects(entry):
                    yield Damage(AUDIT, row.entry, batch, "subjects_differ")
                number, previous = entry.number, _digest(entry)
        if head is None and number:
            yield Damage(AUDIT, "head", "", "row_missing")
        elif head is not None and head.number > number:
            yield _gap(number + 1, head.number)

    def _stored_head(self) -> _Head | None:
        found = self._database.one(AuditHeadRow, sql.select(_head))
        return None if found is None else self._open_head(found.line)

    def _pages(self) -> Iterator[list[AuditRow]]:
        after = 0
        while True:
            query = sql.select(_audit).where(_audit.c.number > after).order_by(_audit.c.number)
            rows = self._database.rows(AuditRow, query.limit(PAGE))
            if not rows:
                return
            yield rows
            after = rows[-1].number

    def _links(self, first: int, last: int) -> dict[int, list[str]]:
        query = sql.select(_subjects).where(_subjects.c.number.between(first, last))
        found: dict[int, list[str]] = {}
        for row in self._database.rows(AuditSubjectRow, query.order_by(_subjects.c.subject)):
            found.setdefault(row.number, []).append(row.subject)
        return found


def _gap(first: int, last: int) -> Damage:
    return Damage(AUDIT, f"{first}-{last}", "", "row_missing")


def _digest(entry: AuditEntry) -> str:
    return codec.to_text(merkle.sha256(codec.encode(entry)))


def _row_binding(row: AuditRow) -> bytes:
    """The sealed line vouches for the columns it is found by."""
    return binding(
        "audit-entry",
        entry=row.entry,
        number=row.number,
        time=row.time,
        actor=row.actor,
        operation=row.operation,
        transaction=row.transaction_hash or "",
        outcome=row.outcome,
    )
