"""Records in custody: deposit, opening, proof, and the walk that names what is damaged.

Keys are in three layers, so that bulk is cheap: each content has its own data key (AES-256-GCM);
the data keys of one batch and one category key are sealed under a batch key; only that batch key is
wrapped to the category's public key (HPKE, about 0.1 ms). A bundle of 300 resources under ten
category keys costs ten wraps. Whoever holds the category key opens all of them, as a grant means.

Around each ciphertext at rest lies one more layer, under the record's erasure key, which never
leaves the key store (`erasure_keys.py`); the record's salt is sealed under the same key. Without it
neither the payload opens nor can a guess of the content be held against the commitment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any, NamedTuple

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import leaves, retention
from yilian.vault.bindings import (
    batch_key_binding as batch_key_binding,
)
from yilian.vault.bindings import (
    content_binding as content_binding,
)
from yilian.vault.bindings import (
    data_key_binding,
    outer_binding,
    row_binding,
    tombstone_binding,
)
from yilian.vault.bindings import (
    open_data_key as open_data_key,
)
from yilian.vault.catalogue import (
    ERASED,
    KEPT,
    SEALED,
    BatchKeyRow,
    BatchRow,
    Catalogue,
    RecordRow,
)
from yilian.vault.clock import utc_now
from yilian.vault.envelope import (
    KeyName,
    RecordProof,
    address,
    commitment,
    new_id,
    new_key,
    new_salt,
    open_sealed,
    seal,
    unwrap,
    wrap,
)
from yilian.vault.errors import (
    CATEGORY_KEY_MISSING,
    CONTENT_DIFFERS,
    ERASURE_KEY_MISSING,
    OUTER_LAYER_DAMAGED,
    RECORD_ERASED,
    RECORD_EXISTS,
    RECORD_SEALED,
    RECORD_UNKNOWN,
    ROW_DAMAGED,
)
from yilian.vault.items import Item as Item
from yilian.vault.items import Kind as Kind
from yilian.vault.items import check_corrections, checked
from yilian.vault.keystore import CategoryKey, Keystore
from yilian.vault.payloads import PackStore
from yilian.vault.sealer import Sealer

RECORDS = "records"
_RECENT = 16


class Batch(NamedTuple):
    """What is to be anchored: `root` over the leaves of `records` and `commitments`, in order.

    `kind` is `records` or `journal`; a journal batch names disclosures and has no commitments.
    `replaces` has, for each record, the one that it corrects; it is empty where none does.
    """

    batch: str
    kind: str
    root: str
    size: int
    records: tuple[str, ...]
    commitments: tuple[str, ...]
    replaces: tuple[str | None, ...] = ()


class Version(NamedTuple):
    """One version of a record. `kind` is empty and `author` unknown once it is erased."""

    record: str
    kind: str
    author: str | None
    deposited: int
    standing: str


class Damage(NamedTuple):
    """Something damaged: a `record`, `disclosure` or `batch` by id, and a stable reason."""

    subject: str
    id: str
    batch: str
    reason: str


class Opened(NamedTuple):
    """A record opened by its holder; `batch_key` is still wrapped to the category key."""

    row: RecordRow
    batch_key: bytes
    ciphertext: bytes
    data_key: bytes
    salt: bytes
    content: bytes


class _Encrypted(NamedTuple):
    """A content in both layers, with the keys of each and the address of the inner one."""

    data_key: bytes
    outer_key: Sealer
    address: str
    outer: bytes


class _Place(NamedTuple):
    """Where and when a new record goes, and under which keys."""

    batch: str
    leaf: int
    time: int
    category_key: str
    batch_key: bytes


class Records:
    """The records of one organisation: payload store, catalogue and key store joined."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        payloads: PackStore,
        catalogue: Catalogue,
        clock: Callable[[], int] = utc_now,
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._payloads = payloads
        self._catalogue = catalogue
        self._clock = clock
        self._lock = RLock()
        self._under_way: Counter[str] = Counter()
        self._recent: dict[str, BatchRow] = {}

    def deposit(self, items: Iterable[Item]) -> Batch:
        """Take in a batch, all or nothing. Keys first, then payloads, then the catalogue.

        A crash in between leaves ciphertexts that nothing names and no key opens. Refuses, beside
        what every deposit is refused for, a correction of a record that is not here
        (`vault_record_unknown`, `vault_record_erased`, `vault_record_sealed`), is another patient's
        (`record_of_another_patient`), is corrected already (`record_already_replaced`) or may not
        be corrected so (`note_may_not_replace`), and `retention_class_unknown`.
        """
        taken = checked(items)
        held = self._catalogue.present([each.record for each in taken])
        if held:
            raise RECORD_EXISTS(record=held[0])
        check_corrections(taken, self._catalogue)
        batch = new_id()
        names = [each.name() for each in taken]
        with self._category_keys(set(names)) as keys:
            self._keystore.erasure.make(batch, {each.patient for each in taken})
            return self._deposit(batch, taken, names, keys)

    def _deposit(
        self,
        batch: str,
        taken: Sequence[Item],
        names: Sequence[KeyName],
        keys: dict[KeyName, CategoryKey],
    ) -> Batch:
        batch_keys = {name: new_key() for name in keys}
        now = self._clock()
        encrypted = [self._encrypted(item, batch) for item in taken]
        stored = self._payloads.put_many([each.outer for each in encrypted])
        rows = [
            _new_row(item, _Place(batch, index, now, keys[name].key, batch_keys[name]), each, at)
            for index, (item, name, each, at) in enumerate(
                zip(taken, names, encrypted, stored, strict=True)
            )
        ]
        wraps = [self._wrapped(batch, keys[name], batch_keys[name]) for name in sorted(keys)]
        made = _batch_row(batch, rows)
        self._catalogue.deposit(made, wraps, rows)
        return batch_of(made)

    @contextmanager
    def _category_keys(self, names: set[KeyName]) -> Iterator[dict[KeyName, CategoryKey]]:
        """Give the current keys, and keep an erasure from destroying them in the meantime."""
        with self._lock:
            keys = self._keystore.current_category_keys(names)
            used = [each.key for each in keys.values()]
            self._under_way.update(used)
        try:
            yield keys
        finally:
            with self._lock:
                self._under_way.subtract(used)

    def _encrypted(self, item: Item, batch: str) -> _Encrypted:
        """Encrypt one content in both layers."""
        data_key = new_key()
        ciphertext = seal(data_key, item.content, content_binding(self._organisation, item.record))
        named = address(ciphertext)
        key = self._keystore.erasure.key(batch, item.patient, item.record)
        if key is None:
            raise ERASURE_KEY_MISSING(record=item.record)
        outer = key.seal(ciphertext, outer_binding(item.record, named))
        return _Encrypted(data_key, key, named, outer)

    def _wrapped(self, batch: str, key: CategoryKey, batch_key: bytes) -> BatchKeyRow:
        info = batch_key_binding(self._organisation, batch, key.key)
        return BatchKeyRow(batch, key.key, wrap(key.private.public, batch_key, info))

    def row(self, record: str) -> RecordRow:
        """Find a record's row; refuses `vault_record_unknown`."""
        row = self._catalogue.record(record)
        if row is None:
            raise RECORD_UNKNOWN(record=record)
        return row

    def salt(self, row: RecordRow) -> bytes:
        """Open a record's salt; refuses `catalogue_row_damaged` if any field of the row changed."""
        return self._salt(row, self._outer_key(row))

    def _salt(self, row: RecordRow, key: Sealer) -> bytes:
        try:
            return key.open(row.salt, row_binding(row))
        except Refusal:
            raise ROW_DAMAGED(record=row.record) from None

    def _outer_key(self, row: RecordRow) -> Sealer:
        key = self._keystore.erasure.key(row.batch, row.patient, row.record)
        if key is None:
            raise ERASURE_KEY_MISSING(record=row.record)
        return key

    def open(
        self, rows: Sequence[RecordRow], *, sealed: bool = False
    ) -> Iterator[Opened | Refusal]:
        """Open records for their holder, in order; a Refusal stands where one does not open.

        The content is held against its commitment, so what comes out is what was deposited. What
        is erased does not open (`vault_record_erased`), and what is sealed only with `sealed`, for
        the purposes `retention.DUTIES` (`vault_record_sealed`).
        """
        batch_keys: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        for row in rows:
            try:
                _check_standing(row, sealed)
                at = (row.batch, row.category_key)
                if at not in batch_keys:
                    batch_keys[at] = self._batch_key(row)
                yield self._open(row, *batch_keys[at])
            except Refusal as refusal:
                yield refusal

    def _open(self, row: RecordRow, wrapped: bytes, batch_key: bytes) -> Opened:
        key = self._outer_key(row)
        salt = self._salt(row, key)
        stored = self._payloads.get(row.stored)
        try:
            ciphertext = key.open(stored, outer_binding(row.record, row.address))
        except Refusal:
            raise OUTER_LAYER_DAMAGED(record=row.record) from None
        data_key = open_data_key(batch_key, row.data_key, row.batch, row.record)
        info = content_binding(self._organisation, row.record)
        content = open_sealed(data_key, ciphertext, info)
        if commitment(salt, content) != row.commitment:
            raise CONTENT_DIFFERS(record=row.record)
        return Opened(row, wrapped, ciphertext, data_key, salt, content)

    def _batch_key(self, row: RecordRow) -> tuple[bytes, bytes]:
        wrapped = self._catalogue.batch_key(row.batch, row.category_key)
        if wrapped is None:
            raise CATEGORY_KEY_MISSING(key=row.category_key)
        info = batch_key_binding(self._organisation, row.batch, row.category_key)
        private = self._keystore.category_key(row.patient, row.category_key).private
        return wrapped, unwrap(private, wrapped, info)

    def proof(self, record: str, *, with_salt: bool = False) -> RecordProof:
        """Prove that a record's commitment is in its batch; with the salt for who may know it.

        Of an erased record the proof stays and the salt is gone (`vault_record_erased`); that of a
        sealed one is not given (`vault_record_sealed`).
        """
        row = self.row(record)
        if not with_salt:
            return self.proof_of(row)
        _check_standing(row, sealed=False)
        return self.proof_of(row, codec.to_text(self.salt(row)))

    def _batch(self, row: RecordRow) -> BatchRow:
        """Find the batch of a record, as it was made: what is asked of it here never changes."""
        batch = self._recent.get(row.batch) or self._catalogue.batch(row.batch)
        if batch is None or not 0 <= row.leaf < batch.size:
            raise ROW_DAMAGED(record=row.record)
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[row.batch] = batch
        return batch

    def proof_of(self, row: RecordRow, salt: str | None = None) -> RecordProof:
        """Prove that the record of a row is in its batch."""
        batch = self._batch(row)
        return RecordProof(
            record=row.record,
            commitment=row.commitment,
            batch=row.batch,
            index=row.leaf,
            total=batch.size,
            path=leaves.path(batch.leaves, row.leaf),
            salt=salt,
            replaces=row.replaces,
        )

    def versions(self, record: str) -> list[Version]:
        """List all versions of a record, oldest first, whichever of them is named."""
        row = self.row(record)
        chain = [row]
        seen = {row.record}
        while chain[0].replaces is not None and chain[0].replaces not in seen:
            chain.insert(0, self.row(chain[0].replaces))
            seen.add(chain[0].record)
        while (later := self._catalogue.replacement(chain[-1].record)) and later.record not in seen:
            chain.append(later)
            seen.add(later.record)
        return [Version(r.record, r.kind, r.author, r.deposited, r.standing) for r in chain]

    # Erasure, row by row: the whole of it is in `erasure.py`

    def sealed_row(self, row: RecordRow, until: int) -> RecordRow:
        """Write a record's row anew as sealed; its salt vouches for that too.

        A damaged row stays as damaged as it was: it opens for nobody, sealed or not.
        """
        made = replace(row, standing=SEALED, until=until)
        try:
            key = self._outer_key(row)
            return replace(made, salt=key.seal(self._salt(row, key), row_binding(made)))
        except Refusal:
            return made

    def tombstone(self, row: RecordRow) -> RecordRow:
        """Write a record's row anew as a tombstone that still says what is to be cleared away."""
        vouched = self._keystore.sealer("tombstones", row.batch).seal(b"", tombstone_binding(row))
        return replace(
            row,
            category="",
            sensitivity="",
            period="",
            media_type="",
            size=0,
            address="",
            salt=vouched,
            data_key=b"",
            kind="",
            author=None,
            retention="",
            deposited=0,
            standing=ERASED,
            until=None,
        )

    def drop_category_keys(self, patient: str, keys: Iterable[str]) -> None:
        """Destroy those of a patient's category keys that no record is under, or about to be."""
        with self._lock:
            used = self._catalogue.category_keys_in_use(patient)
            gone = [key for key in keys if key not in used and not self._under_way[key]]
            self._keystore.destroy_category_keys(patient, gone)

    # Integrity

    def damaged(self) -> Iterator[Damage]:
        """Walk all batches of records and name what does not check, oldest batch first.

        What was erased is no damage; a tombstone that nothing vouches for is.
        """
        for batch in self._catalogue.batches():
            if batch.kind == RECORDS:
                yield from self._damaged_in(batch)
        for record, named in self._catalogue.records_without_batch():
            yield Damage("record", record, named, "batch_missing")

    def _damaged_in(self, batch: BatchRow) -> Iterator[Damage]:
        rows = self._catalogue.records_of_batch(batch.batch)
        entries = leaves.unpack(batch.leaves)
        if len(entries) != batch.size or leaves.root(entries) != batch.root:
            yield Damage("batch", batch.batch, batch.batch, "root_differs")
        found = {row.leaf: row for row in rows}
        for index, entry in enumerate(entries):
            row = found.pop(index, None)
            if row is None:
                yield Damage("record", entry.record, batch.batch, "row_missing")
            elif _entry(row) != entry:
                yield Damage("record", row.record, batch.batch, "row_differs_from_batch")
        for row in found.values():
            yield Damage("record", row.record, batch.batch, "row_not_in_batch")
        live = [row for row in rows if row.standing != ERASED]
        for row, opened in zip(live, self.open(live, sealed=True), strict=True):
            if isinstance(opened, Refusal):
                yield Damage("record", row.record, batch.batch, opened.code.name)
        for row in rows:
            if row.standing == ERASED and not self._vouched(row):
                yield Damage("record", row.record, batch.batch, ROW_DAMAGED.name)

    def _vouched(self, row: RecordRow) -> bool:
        try:
            self._keystore.sealer("tombstones", row.batch).open(row.salt, tombstone_binding(row))
        except Refusal:
            return False
        return True


def batch_of(row: BatchRow) -> Batch:
    """Show a batch of records or of journal lines as what is to be anchored."""
    if row.kind == RECORDS:
        entries = leaves.unpack(row.leaves)
        return Batch(
            batch=row.batch,
            kind=row.kind,
            root=row.root,
            size=row.size,
            records=tuple(each.record for each in entries),
            commitments=tuple(each.commitment for each in entries),
            replaces=tuple(each.replaces for each in entries)
            if any(each.replaces for each in entries)
            else (),
        )
    ids = tuple(codec.to_text(row.leaves[at : at + 16]) for at in range(0, len(row.leaves), 16))
    return Batch(row.batch, row.kind, row.root, row.size, ids, ())


def _new_row(item: Item, place: _Place, encrypted: _Encrypted, stored: str) -> RecordRow:
    salt = new_salt()
    fields: dict[str, Any] = {
        "record": item.record,
        "patient": item.patient,
        "category": item.category,
        "sensitivity": item.sensitivity,
        "period": item.period,
        "media_type": item.media_type,
        "size": len(item.content),
        "address": encrypted.address,
        "commitment": commitment(salt, item.content),
        "category_key": place.category_key,
        "batch": place.batch,
        "leaf": place.leaf,
        "stored": stored,
        "kind": item.kind,
        "author": item.author,
        "replaces": item.replaces,
        "retention": retention.NOTE if item.kind == "note" else item.retention,
        "deposited": place.time,
        "standing": KEPT,
        "until": None,
    }
    return RecordRow(
        salt=encrypted.outer_key.seal(salt, codec.encode({"purpose": "salt", **fields})),
        data_key=seal(
            place.batch_key, encrypted.data_key, data_key_binding(place.batch, item.record)
        ),
        **fields,
    )


def _check_standing(row: RecordRow, sealed: bool) -> None:
    if row.standing == ERASED:
        raise RECORD_ERASED(record=row.record)
    if row.standing != KEPT and not sealed:
        raise RECORD_SEALED(record=row.record)


def _batch_row(batch: str, rows: Sequence[RecordRow]) -> BatchRow:
    entries = [_entry(row) for row in rows]
    return BatchRow(
        batch=batch,
        kind=RECORDS,
        root=leaves.root(entries),
        size=len(rows),
        leaves=leaves.pack(entries),
        transaction_hash=None,
        height=None,
    )


def _entry(row: RecordRow) -> leaves.Entry:
    return leaves.Entry(row.record, row.commitment, row.replaces)
