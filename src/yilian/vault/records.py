"""Records in custody: deposit, opening, proof, and the walk that names what is damaged.

Keys are in three layers, so that bulk is cheap: each content has its own data key (AES-256-GCM);
the data keys of one batch and one category key are sealed under a batch key; only that batch key is
wrapped to the category's public key (HPKE, about 0.1 ms). A bundle of 300 resources under ten
category keys costs ten wraps. Whoever holds the category key opens all of them, as a grant means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Id, Name
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault.catalogue import BatchKeyRow, BatchRow, Catalogue, RecordRow
from yilian.vault.envelope import (
    Format,
    KeyName,
    MediaType,
    Period,
    RecordProof,
    address,
    binding,
    commitment,
    leaf,
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
    DEPOSIT_EMPTY,
    DEPOSIT_TOO_LARGE,
    RECORD_EXISTS,
    RECORD_UNKNOWN,
    ROW_DAMAGED,
)
from yilian.vault.keystore import CategoryKey, Keystore
from yilian.vault.payloads import MAX_PAYLOAD, FolderStore

MAX_BATCH = 10_000
MAX_BATCH_BYTES = MAX_PAYLOAD
RECORDS = "records"
_LEAF = 16 + 32


class Item(Format, frozen=True, kw_only=True):
    """A content to deposit, exactly as it arrived. `period` is its month, YYYY-MM."""

    record: Id
    patient: Id
    category: Name
    sensitivity: Name
    period: Period
    media_type: MediaType
    content: bytes

    def name(self) -> KeyName:
        """Say which category key the item goes under."""
        return KeyName(
            patient=self.patient,
            category=self.category,
            sensitivity=self.sensitivity,
            period=self.period,
        )


class _Labels(Format, frozen=True, kw_only=True):
    record: Id
    name: KeyName
    media_type: MediaType


_labels_decoder = codec.decoder(_Labels)


class Batch(NamedTuple):
    """What is to be anchored: `root` over the leaves of `records` and `commitments`, in order.

    `kind` is `records` or `journal`; a journal batch names disclosures and has no commitments.
    """

    batch: str
    kind: str
    root: str
    size: int
    records: tuple[str, ...]
    commitments: tuple[str, ...]


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


class Records:
    """The records of one organisation: payload store, catalogue and key store joined."""

    def __init__(
        self, organisation: str, keystore: Keystore, payloads: FolderStore, catalogue: Catalogue
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._payloads = payloads
        self._catalogue = catalogue

    def deposit(self, items: Iterable[Item]) -> Batch:
        """Take in a batch, all or nothing. Keys first, then payloads, then the catalogue.

        A crash in between leaves ciphertexts that nothing names and no key opens.
        """
        taken = _checked(items)
        held = self._catalogue.present([each.record for each in taken])
        if held:
            raise RECORD_EXISTS(record=held[0])
        keys = self._keystore.current_category_keys(each.name() for each in taken)
        batch = new_id()
        batch_keys = {name: new_key() for name in keys}
        salts = self._keystore.sealer("salts", batch)
        rows: list[RecordRow] = []
        ciphertexts: list[bytes] = []
        for index, item in enumerate(taken):
            name = item.name()
            row, ciphertext = self._sealed(item, batch, index, keys[name].key, batch_keys[name])
            rows.append(replace(row, salt=salts.seal(row.salt, _row_binding(row))))
            ciphertexts.append(ciphertext)
        wraps = [self._wrapped(batch, keys[name], batch_keys[name]) for name in sorted(keys)]
        made = _batch_row(batch, rows)
        self._payloads.put_many(ciphertexts)
        self._catalogue.deposit(made, wraps, rows)
        return batch_of(made)

    def _sealed(
        self, item: Item, batch: str, index: int, category_key: str, batch_key: bytes
    ) -> tuple[RecordRow, bytes]:
        """Encrypt one content; the row's salt is still open, and never stored so."""
        data_key, salt = new_key(), new_salt()
        ciphertext = seal(data_key, item.content, content_binding(self._organisation, item.record))
        row = RecordRow(
            record=item.record,
            patient=item.patient,
            category=item.category,
            sensitivity=item.sensitivity,
            period=item.period,
            media_type=item.media_type,
            size=len(item.content),
            address=address(ciphertext),
            commitment=commitment(salt, item.content),
            salt=salt,
            data_key=seal(batch_key, data_key, _data_key_binding(batch, item.record)),
            category_key=category_key,
            batch=batch,
            leaf=index,
        )
        return row, ciphertext

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
        try:
            return self._keystore.sealer("salts", row.batch).open(row.salt, _row_binding(row))
        except Refusal:
            raise ROW_DAMAGED(record=row.record) from None

    def open(self, rows: Sequence[RecordRow]) -> Iterator[Opened | Refusal]:
        """Open records for their holder, in order; a Refusal stands where one does not open.

        The content is held against its commitment, so what comes out is what was deposited.
        """
        batch_keys: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        for row in rows:
            try:
                at = (row.batch, row.category_key)
                if at not in batch_keys:
                    batch_keys[at] = self._batch_key(row)
                yield self._open(row, *batch_keys[at])
            except Refusal as refusal:
                yield refusal

    def _open(self, row: RecordRow, wrapped: bytes, batch_key: bytes) -> Opened:
        salt = self.salt(row)
        ciphertext = self._payloads.get(row.address)
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
        """Prove that a record's commitment is in its batch; with the salt for who may know it."""
        row = self.row(record)
        return self.proof_of(row, codec.to_text(self.salt(row)) if with_salt else None)

    def proof_of(self, row: RecordRow, salt: str | None = None) -> RecordProof:
        """Prove that the record of a row is in its batch."""
        batch = self._catalogue.batch(row.batch)
        if batch is None or not 0 <= row.leaf < batch.size:
            raise ROW_DAMAGED(record=row.record)
        return RecordProof(
            record=row.record,
            commitment=row.commitment,
            batch=row.batch,
            index=row.leaf,
            total=batch.size,
            path=_path(batch.leaves, row.leaf),
            salt=salt,
        )

    # Integrity

    def damaged(self) -> Iterator[Damage]:
        """Walk all batches of records and name what does not check, oldest batch first."""
        for batch in self._catalogue.batches():
            if batch.kind == RECORDS:
                yield from self._damaged_in(batch)
        for record, named in self._catalogue.records_without_batch():
            yield Damage("record", record, named, "batch_missing")

    def _damaged_in(self, batch: BatchRow) -> Iterator[Damage]:
        rows = self._catalogue.records_of_batch(batch.batch)
        if not _root_is(batch, _leaves(batch.leaves)):
            yield Damage("batch", batch.batch, batch.batch, "root_differs")
        found = {row.leaf: row for row in rows}
        for index, (record, committed) in enumerate(_entries(batch.leaves)):
            row = found.pop(index, None)
            if row is None:
                yield Damage("record", record, batch.batch, "row_missing")
            elif (row.record, row.commitment) != (record, committed):
                yield Damage("record", row.record, batch.batch, "row_differs_from_batch")
        for row in found.values():
            yield Damage("record", row.record, batch.batch, "row_not_in_batch")
        for row, opened in zip(rows, self.open(rows), strict=True):
            if isinstance(opened, Refusal):
                yield Damage("record", row.record, batch.batch, opened.code.name)


def batch_key_binding(organisation: str, batch: str, category_key: str) -> bytes:
    """Say what a wrapped batch key is for."""
    return binding("batch-key", organisation=organisation, batch=batch, category_key=category_key)


def content_binding(organisation: str, record: str) -> bytes:
    """Say whose record a ciphertext is."""
    return binding("content", organisation=organisation, record=record)


def open_data_key(batch_key: bytes, sealed: bytes, batch: str, record: str) -> bytes:
    """Open a record's data key with its batch key."""
    return open_sealed(batch_key, sealed, _data_key_binding(batch, record))


def batch_of(row: BatchRow) -> Batch:
    """Show a batch of records or of journal lines as what is to be anchored."""
    if row.kind == RECORDS:
        entries = _entries(row.leaves)
        ids = tuple(record for record, _ in entries)
        return Batch(row.batch, row.kind, row.root, row.size, ids, tuple(c for _, c in entries))
    ids = tuple(codec.to_text(row.leaves[at : at + 16]) for at in range(0, len(row.leaves), 16))
    return Batch(row.batch, row.kind, row.root, row.size, ids, ())


def _data_key_binding(batch: str, record: str) -> bytes:
    return binding("data-key", batch=batch, record=record)


def _row_binding(row: RecordRow) -> bytes:
    """The sealed salt vouches for the rest of its row: change a label, and it does not open."""
    return binding(
        "salt",
        record=row.record,
        patient=row.patient,
        category=row.category,
        sensitivity=row.sensitivity,
        period=row.period,
        media_type=row.media_type,
        size=row.size,
        address=row.address,
        commitment=row.commitment,
        category_key=row.category_key,
        batch=row.batch,
        leaf=row.leaf,
    )


def _checked(items: Iterable[Item]) -> list[Item]:
    """Refuse an empty, oversized, malformed or repetitive batch before anything is written."""
    taken: list[Item] = []
    seen: set[str] = set()
    total = 0
    for item in items:
        codec.decode_with(_labels_decoder, codec.encode(_labels(item)))
        if type(item.content) is not bytes:
            raise MALFORMED()
        if item.record in seen:
            raise RECORD_EXISTS(record=item.record)
        seen.add(item.record)
        total += len(item.content)
        if len(taken) == MAX_BATCH:
            raise DEPOSIT_TOO_LARGE(limit=MAX_BATCH)
        if total > MAX_BATCH_BYTES:
            raise DEPOSIT_TOO_LARGE(limit=MAX_BATCH_BYTES)
        taken.append(item)
    if not taken:
        raise DEPOSIT_EMPTY()
    return taken


def _labels(item: Item) -> _Labels:
    return _Labels(record=item.record, name=item.name(), media_type=item.media_type)


def _batch_row(batch: str, rows: Sequence[RecordRow]) -> BatchRow:
    leaves = [leaf(row.record, row.commitment) for row in rows]
    return BatchRow(
        batch=batch,
        kind=RECORDS,
        root=codec.to_text(merkle.root(leaves)),
        size=len(rows),
        leaves=b"".join(
            codec.to_bytes(row.record) + codec.to_bytes(row.commitment) for row in rows
        ),
        transaction_hash=None,
        height=None,
    )


def _entries(packed: bytes) -> list[tuple[str, str]]:
    return [
        (codec.to_text(packed[at : at + 16]), codec.to_text(packed[at + 16 : at + _LEAF]))
        for at in range(0, len(packed), _LEAF)
    ]


def _leaves(packed: bytes) -> list[bytes]:
    return [leaf(record, committed) for record, committed in _entries(packed)]


@lru_cache(maxsize=16)
def _levels(packed: bytes) -> tuple[tuple[bytes, ...], ...]:
    """All levels of a batch's tree (RFC 6962), kept: one session reads many records of a batch.

    `merkle.inclusion` walks the whole tree for each path; a test holds the two against each other.
    """
    levels = [tuple(merkle.sha256(b"\x00" + each) for each in _leaves(packed))]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [merkle.sha256(b"\x01" + left + right) for left, right in pairs]
        levels.append((*above, *below[len(above) * 2 :]))
    return tuple(levels)


def _path(packed: bytes, index: int) -> tuple[str, ...]:
    path: list[str] = []
    for level in _levels(packed)[:-1]:
        if index ^ 1 < len(level):
            path.append(codec.to_text(level[index ^ 1]))
        index >>= 1
    return tuple(path)


def _root_is(batch: BatchRow, leaves: Sequence[bytes]) -> bool:
    return len(leaves) == batch.size and codec.to_text(merkle.root(leaves)) == batch.root
