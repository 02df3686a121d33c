"""Objects too large for one payload, in slices: imaging studies, whole genomes, videos.

The *record* of such an object is its manifest, a small canonical JSON text that is deposited,
granted and released like any other content. It holds a random object key: whoever may open the
record may open the slices, and nobody else. So the slices need no keys of their own.

Each slice is sealed (AES-256-GCM, NIST SP 800-38D) under a key derived from the object key, bound
to the record and to its place, and stands in a payload store by the digest of its ciphertext. The
manifest holds the root of the Merkle tree (RFC 6962, section 2.1) over salted commitments to the
slices, in order; so a slice that was altered, exchanged, moved or cut off is named by its number,
and a reader elsewhere checks a single slice by its path. The salts are derived from the object key.

Erasure: destroying the record's keys destroys the object key. Slices are sealed once more at rest
where `outer` gives a seal for (patient, record), whose loss makes them unreadable by itself, to
whoever kept the manifest too. An upload in progress keeps its object key under that seal as well.

The payload store is one of their own: `sweep` removes from it whatever nothing names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from threading import RLock
from typing import NamedTuple, Protocol

import sqlalchemy as sql

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import (
    MediaType,
    binding,
    commitment,
    new_key,
)
from yilian.vault.keystore import Keystore
from yilian.vault.large_manifest import (
    CHUNK,
    CHUNK_DAMAGED,
    LEAST_CHUNK,
    MAX_CHUNKS,
    MIB,
    MOST_CHUNK,
    Manifest,
    ObjectKeys,
    SealedChunk,
    chunk_binding,
    chunk_leaf,
    chunk_root,
    read_manifest,
)
from yilian.vault.payload_errors import OUTAGES
from yilian.vault.payloads import PackStore

LARGE_UNKNOWN = code(9392, "large_object_unknown", 404, "record")
LARGE_EXISTS = code(9393, "large_object_exists", 409, "record")
LARGE_OFFSET = code(9394, "large_offset_differs", 409, "record", "expected")
LARGE_TOO_LARGE = code(9396, "large_object_too_large", 413, "limit")
RANGE_REFUSED = code(9397, "large_range_refused", 416, "size")
LARGE_DIFFERS = code(9398, "large_content_differs", 409, "record")
CHUNK_SIZE_REFUSED = code(9399, "large_chunk_size_refused", 400, "least", "most")

MAX_PIECE = 64 * MIB
"""The most that one `append` takes: it is in memory as a whole."""

_ASKED = 500

MEDIA_TYPE = "application/vnd.yilian.large+json"
"""The media type of a record whose content is a manifest."""


class Seal(Protocol):
    """What seals and opens bytes at rest; `keystore.Sealer` is one."""

    def seal(self, content: bytes, associated: bytes, /) -> bytes:
        """Encrypt."""

    def open(self, sealed: bytes, associated: bytes, /) -> bytes:
        """Decrypt; raises a `Refusal` where the key is gone or the bytes differ."""


class Outer(Protocol):
    """The seals at rest; `large_keys.LargeKeys` is one."""

    def __call__(self, patient: str, record: str, /) -> Seal:
        """Give an object's seal; raises a `Refusal` once it is erased."""

    def make(self, patient: str, record: str, /) -> None:
        """Make an object's seal; one that is there stays as it is."""

    def destroy(self, record: str, /) -> None:
        """Destroy an object's seal: the erasure. None there is fine."""


class Stored(NamedTuple):
    """A finished object: its manifest, to be deposited as the record, and its slices' addresses."""

    manifest: bytes
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LargeRow:
    """An object: `key` is sealed while it is being uploaded, and empty once it is finished."""

    record: str
    patient: str
    media_type: str
    chunk: int
    size: int
    count: int
    begun: int
    key: bytes


@dataclass(frozen=True, slots=True)
class LargeChunkRow:
    """A slice: where its ciphertext is, and the commitment that is its leaf."""

    record: str
    number: int
    address: str
    commitment: str


_objects = table("large_objects", LargeRow, ["record"])
sql.Index("large_objects_of_patient", _objects.c.patient)
_chunks = table("large_chunks", LargeChunkRow, ["record", "number"])
sql.Index("large_chunks_of_address", _chunks.c.address)

_start_decoder = codec.decoder(tuple[Id, Id, MediaType])


class LargeObjects:
    """The large objects of one organisation. Safe for threads."""

    def __init__(
        self,
        keystore: Keystore,
        database: Database,
        payloads: PackStore,
        clock: Callable[[], int],
        outer: Outer | None = None,
    ) -> None:
        """`payloads` holds nothing else; `clock` gives milliseconds of UTC."""
        self._keystore = keystore
        self._database = database
        self._payloads = payloads
        self._clock = clock
        self._outer = outer
        # Between a slice's payload and its row, `sweep` must not take it for rubbish.
        self._storing = RLock()

    def close(self) -> None:
        """Close the payload store."""
        self._payloads.close()

    # Taking in

    def begin(self, record: str, patient: str, media_type: str, chunk: int = CHUNK) -> None:
        """Begin the upload of a record's object in slices of `chunk` bytes.

        Refuses `malformed`, `large_object_exists` and `large_chunk_size_refused`.
        """
        codec.decode_with(_start_decoder, codec.encode((record, patient, media_type)))
        if not LEAST_CHUNK <= chunk <= MOST_CHUNK:
            raise CHUNK_SIZE_REFUSED(least=LEAST_CHUNK, most=MOST_CHUNK)
        kept = self._keystore.sealer("large-upload", record).seal(new_key(), _key_binding(record))
        with self._storing:
            if self._found(record) is not None:
                raise LARGE_EXISTS(record=record)
            if self._outer is not None:
                self._outer.make(patient, record)
                kept = self._outer(patient, record).seal(kept, _key_binding(record))
            row = LargeRow(record, patient, media_type, chunk, 0, 0, self._clock(), kept)
            with self._database.write() as database:
                database.execute(sql.insert(_objects), [values(row)])

    def upload(self, record: str) -> LargeRow:
        """Find an object by its record, still uploading or not; refuses `large_object_unknown`."""
        return self._row(record)

    def received(self, record: str) -> int:
        """Say how many bytes of an upload are on the disk: where to go on after any break."""
        return self._row(record).size

    def append(self, record: str, offset: int, data: bytes) -> int:
        """Take the bytes at `offset`; durable on return, which says where to go on.

        Any number of whole slices, and only the last piece may end in a shorter one. Refuses
        `large_object_unknown`, `large_offset_differs` (a repeated, late or early piece, also after
        a short one or after the end), `large_object_too_large`.
        """
        row = self._row(record)
        self._require_next(row, offset)
        if len(data) > MAX_PIECE:
            raise LARGE_TOO_LARGE(limit=MAX_PIECE)
        numbers = range(row.count, row.count - (-len(data) // row.chunk))
        if numbers.stop > MAX_CHUNKS:
            raise LARGE_TOO_LARGE(limit=MAX_CHUNKS * row.chunk)
        keys = ObjectKeys(self._upload_key(row))
        outer = self._at_rest(row)
        with self._storing:
            at_rest: list[bytes] = []
            committed: list[str] = []
            for number in numbers:
                at = (number - row.count) * row.chunk
                content = data[at : at + row.chunk]
                sealed = keys.seal(record, number, content)
                at_rest.append(outer.seal(sealed, chunk_binding(record, number)))
                committed.append(commitment(keys.salt(number), content))
            addresses = self._payloads.put_many(at_rest)
            rows = map(LargeChunkRow, repeat(record), numbers, addresses, committed)
            self._keep(row, offset, len(data), list(rows))
        return offset + len(data)

    def _keep(self, row: LargeRow, offset: int, size: int, rows: Sequence[LargeChunkRow]) -> None:
        """Note slices; of two pieces for one place the second is refused, and `sweep` takes it."""
        with self._database.write() as database:
            self._require_next(self._row(row.record), offset)
            if rows:
                database.execute(sql.insert(_chunks), [values(each) for each in rows])
            change = sql.update(_objects).where(_objects.c.record == row.record)
            database.execute(change.values(size=offset + size, count=row.count + len(rows)))

    def _require_next(self, row: LargeRow, offset: int) -> None:
        whole = row.size == row.count * row.chunk
        if not row.key or offset != row.size or not whole:
            raise LARGE_OFFSET(record=row.record, expected=row.size)

    def finish(self, record: str, sha256: str | None = None) -> Stored:
        """End an upload: `sum_up` and `end` in one; refuses as they do.

        Finished once; an upload whose manifest was lost is deleted and begun again.
        """
        stored = self.sum_up(record, sha256)
        self.end(record, stored)
        return stored

    def end(self, record: str, stored: Stored) -> None:
        """Forget the object key of an upload once its manifest is in safe hands; again is fine.

        Refuses `large_offset_differs` where more came in since.
        """
        known = read_manifest(stored.manifest)
        with self._database.write() as database:
            row = self._row(record)
            if (row.size, row.count) != (known.size, known.count):
                raise LARGE_OFFSET(record=record, expected=row.size)
            change = sql.update(_objects).where(_objects.c.record == record)
            database.execute(change.values(key=b""))

    def sum_up(self, record: str, sha256: str | None = None) -> Stored:
        """Read an upload back, and give the manifest to deposit as the record; changes nothing.

        `sha256` is what the sender says the whole content has. Refuses `large_object_unknown`,
        `large_object_exists` for one that ended, `large_content_differs`, and
        `large_chunk_damaged` where a slice cannot be read back.
        """
        row = self._row(record)
        if not row.key:
            raise LARGE_EXISTS(record=record)
        key = self._upload_key(row)
        rows = self._chunk_rows(record)
        whole, tree = hashlib.sha256(), merkle.Frontier()
        reader = _Reader(self, ObjectKeys(key), row.record, self._at_rest(row))
        for number, each in enumerate(rows):
            whole.update(reader.content(number, each))
            tree.append(chunk_leaf(number, each.commitment))
        digest = codec.to_text(whole.digest())
        if sha256 not in (None, digest):
            raise LARGE_DIFFERS(record=record)
        manifest = Manifest(
            record=record,
            media_type=row.media_type,
            size=row.size,
            chunk=row.chunk,
            count=len(rows),
            root=codec.to_text(tree.root()),
            sha256=digest,
            key=codec.to_text(key),
        )
        return Stored(codec.encode(manifest), tuple(each.address for each in rows))

    def put(
        self,
        record: str,
        patient: str,
        media_type: str,
        stream: Iterable[bytes],
        chunk: int = CHUNK,
    ) -> Stored:
        """Take in a whole object from pieces of any size; in memory is one slice at a time.

        What a broken stream leaves is deleted. Refuses as `begin` and `append` do.
        """
        self.begin(record, patient, media_type, chunk)
        try:
            offset, waiting = 0, bytearray()
            for piece in stream:
                waiting += piece
                while len(waiting) >= chunk:
                    offset = self.append(record, offset, bytes(waiting[:chunk]))
                    del waiting[:chunk]
            self.append(record, offset, bytes(waiting))
            return self.finish(record)
        except BaseException:
            self.delete(record)
            raise

    # Reading

    def open(self, manifest: bytes) -> Iterator[bytes]:
        """Give an object's slices in order, each checked against the manifest's root.

        Where one is missing the root cannot be reached, and the others are checked by their seals.
        In memory is one slice, and one row for every other. Refuses `malformed`,
        `large_object_unknown`, and `large_chunk_damaged` at the slice that does not check.
        """
        known = read_manifest(manifest)
        return self.read(manifest, 0, known.size)

    def read(self, manifest: bytes, start: int, length: int) -> Iterator[bytes]:
        """Give `length` bytes from `start` on, in slices or parts of them; refuses as `open`.

        Also refuses `large_range_refused` where the range is not inside of the object. All but a
        damaged slice is refused before the first piece.
        """
        known = read_manifest(manifest)
        if start < 0 or length < 0 or start + length > known.size:
            raise RANGE_REFUSED(size=known.size)
        rows, doubtful = self._judged(known)
        reader = self._reader(known)
        return self._pieces(known, rows, doubtful, reader, start, start + length)

    @staticmethod
    def _pieces(
        known: Manifest,
        rows: dict[int, LargeChunkRow],
        doubtful: Collection[int],
        reader: _Reader,
        start: int,
        end: int,
    ) -> Iterator[bytes]:
        if start == end:
            return
        for number in range(start // known.chunk, -(-end // known.chunk)):
            if number in doubtful or number not in rows:
                raise CHUNK_DAMAGED(record=known.record, chunk=number)
            content = reader.content(number, rows[number])
            if len(content) != known.length(number):
                raise CHUNK_DAMAGED(record=known.record, chunk=number)
            at = number * known.chunk
            yield content[max(0, start - at) : end - at]

    def addresses(self, manifest: bytes) -> tuple[str, ...]:
        """List the payload addresses of an object's slices, in order."""
        known = read_manifest(manifest)
        return tuple(each.address for each in self._chunk_rows(known.record))

    def sealed(self, manifest: bytes, index: int) -> SealedChunk:
        """Give one slice for a reader elsewhere, who checks and opens it by `open_chunk`.

        Refuses `large_range_refused` for a slice that is not there, `large_chunk_damaged`.
        """
        known = read_manifest(manifest)
        if not 0 <= index < known.count:
            raise RANGE_REFUSED(size=known.size)
        rows, doubtful = self._judged(known)
        if doubtful or len(rows) != known.count:
            raise CHUNK_DAMAGED(record=known.record, chunk=index)
        leaves = [chunk_leaf(number, rows[number].commitment) for number in range(known.count)]
        path = merkle.inclusion(leaves, index)
        return SealedChunk(
            record=known.record,
            chunk=index,
            sealed=self._reader(known).sealed(index, rows[index]),
            path=tuple(codec.to_text(step) for step in path),
        )

    # Integrity

    def check(self, manifest: bytes) -> list[int]:
        """Name the slices that are missing, altered, moved or not those of the manifest.

        Empty where all is well. One slice is in memory at a time. Refuses `large_object_unknown`
        where nothing at all is kept, and as the seal at rest does where it is erased.
        """
        known = read_manifest(manifest)
        rows, doubtful = self._judged(known)
        reader = self._reader(known)
        damaged = set(doubtful)
        for number in range(known.count):
            row = rows.get(number)
            try:
                if row is None or len(reader.content(number, row)) != known.length(number):
                    damaged.add(number)
            except Refusal as refusal:
                _pass_outage(refusal)
                damaged.add(number)
        return sorted(damaged)

    def _judged(self, known: Manifest) -> tuple[dict[int, LargeChunkRow], frozenset[int]]:
        """Find the rows of slices, and the slices that are not to be believed.

        The commitments in the rows are as good as the root that they lead to. Where they do not,
        each is made again from its slice: if those lead to the root, only rows were altered; if
        not, whoever changed a slice had the object's key, and no row can tell which one.
        """
        self._row(known.record)
        rows = {each.number: each for each in self._chunk_rows(known.record)}
        rows = {number: row for number, row in rows.items() if number < known.count}
        if len(rows) != known.count:
            # A slice is gone, so the root cannot be reached: the seals alone vouch for the rest.
            return rows, frozenset(range(known.count)) - frozenset(rows)
        if chunk_root(rows[number].commitment for number in range(known.count)) == known.root:
            return rows, frozenset()
        return self._remade(known, rows)

    def _remade(
        self, known: Manifest, rows: dict[int, LargeChunkRow]
    ) -> tuple[dict[int, LargeChunkRow], frozenset[int]]:
        reader = self._reader(known)
        keys = ObjectKeys(codec.to_bytes(known.key))
        made: dict[int, LargeChunkRow] = {}
        differing: set[int] = set()
        for number, row in rows.items():
            try:
                content = reader.opened(number, row)
            except Refusal as refusal:
                _pass_outage(refusal)
                differing.add(number)
                continue
            committed = commitment(keys.salt(number), content)
            made[number] = LargeChunkRow(row.record, number, row.address, committed)
            if committed != row.commitment:
                differing.add(number)
        if len(made) == known.count:
            if chunk_root(made[number].commitment for number in range(known.count)) == known.root:
                return made, frozenset()
            return made, frozenset(differing or made)
        return made, frozenset(differing)

    # Erasure and order

    def delete(self, record: str) -> None:
        """Remove an object and all its slices durably; again, or of a half-deleted one, is fine.

        The seal at rest goes first: from then on nothing of it opens, whatever a crash leaves.
        """
        with self._storing:
            if self._outer is not None:
                self._outer.destroy(record)
            self._payloads.delete_many(each.address for each in self._chunk_rows(record))
            with self._database.write() as database:
                database.execute(sql.delete(_chunks).where(_chunks.c.record == record))
                database.execute(sql.delete(_objects).where(_objects.c.record == record))

    def erased(self, records: Sequence[str], extent: str) -> None:
        """Delete the objects of records that are destroyed; one of `Erasure.listeners`."""
        if extent != "destroyed":
            return
        for start in range(0, len(records), _ASKED):
            some = list(records[start : start + _ASKED])
            query = sql.select(_objects).where(_objects.c.record.in_(some))
            for row in self._database.rows(LargeRow, query):
                self.delete(row.record)

    def objects_of(self, patient: str) -> list[str]:
        """List the records of a patient that have large objects here, uploads too."""
        query = sql.select(_objects).where(_objects.c.patient == patient)
        rows = self._database.rows(LargeRow, query.order_by(_objects.c.record))
        return [each.record for each in rows]

    def sweep(self, before: int, held: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Remove what crashes and broken uploads left; gives the number of objects and slices.

        That is payloads that no row names, and objects begun before the moment `before` (ms) whose
        record was never deposited: `held` tells which of the records it is given are
        (`Catalogue.present`).
        """
        query = sql.select(_objects).where(_objects.c.begun < before)
        old = [each.record for each in self._database.rows(LargeRow, query)]
        kept = set(held(old))
        given_up = [each for each in old if each not in kept]
        for record in given_up:
            self.delete(record)
        removed = len(given_up)
        with self._storing:
            names = self._payloads.addresses()
            while some := list(islice(names, _ASKED)):
                query = sql.select(_chunks).where(_chunks.c.address.in_(some))
                named = {each.address for each in self._database.rows(LargeChunkRow, query)}
                unnamed = [name for name in some if name not in named]
                self._payloads.delete_many(unnamed)
                removed += len(unnamed)
        return removed

    # Rows and keys

    def _row(self, record: str) -> LargeRow:
        row = self._found(record)
        if row is None:
            raise LARGE_UNKNOWN(record=record)
        return row

    def _found(self, record: str) -> LargeRow | None:
        query = sql.select(_objects).where(_objects.c.record == record)
        return self._database.one(LargeRow, query)

    def _chunk_rows(self, record: str) -> list[LargeChunkRow]:
        query = sql.select(_chunks).where(_chunks.c.record == record)
        return self._database.rows(LargeChunkRow, query.order_by(_chunks.c.number))

    def _upload_key(self, row: LargeRow) -> bytes:
        kept = row.key
        if self._outer is not None:
            kept = self._outer(row.patient, row.record).open(kept, _key_binding(row.record))
        return self._keystore.sealer("large-upload", row.record).open(
            kept, _key_binding(row.record)
        )

    def _at_rest(self, row: LargeRow) -> Seal:
        return _Bare() if self._outer is None else self._outer(row.patient, row.record)

    def _reader(self, known: Manifest) -> _Reader:
        row = self._row(known.record)
        return _Reader(self, ObjectKeys(codec.to_bytes(known.key)), row.record, self._at_rest(row))

    def stored(self, name: str) -> bytes:
        """Read one slice as it lies in the payload store; refuses as the store does."""
        return self._payloads.get(name)


class _Reader:
    """Opens the slices of one object; whatever is wrong with one, it is `large_chunk_damaged`."""

    def __init__(self, objects: LargeObjects, keys: ObjectKeys, record: str, outer: Seal) -> None:
        self._objects = objects
        self._keys = keys
        self._record = record
        self._outer = outer

    def sealed(self, number: int, row: LargeChunkRow) -> bytes:
        try:
            at_rest = self._objects.stored(row.address)
            return self._outer.open(at_rest, chunk_binding(self._record, number))
        except Refusal as refusal:
            _pass_outage(refusal)
            raise CHUNK_DAMAGED(record=self._record, chunk=number) from None

    def opened(self, number: int, row: LargeChunkRow) -> bytes:
        sealed = self.sealed(number, row)
        try:
            return self._keys.open(self._record, number, sealed)
        except Refusal:
            raise CHUNK_DAMAGED(record=self._record, chunk=number) from None

    def content(self, number: int, row: LargeChunkRow) -> bytes:
        content = self.opened(number, row)
        if commitment(self._keys.salt(number), content) != row.commitment:
            raise CHUNK_DAMAGED(record=self._record, chunk=number)
        return content


class _Bare:
    """No second seal at rest."""

    def seal(self, content: bytes, _: bytes, /) -> bytes:
        return content

    def open(self, sealed: bytes, _: bytes, /) -> bytes:
        return sealed


def _pass_outage(refusal: Refusal) -> None:
    """Raise again what says that the store cannot be asked: that tells nothing about a slice."""
    if refusal.code in OUTAGES:
        raise refusal


def _key_binding(record: str) -> bytes:
    return binding("large-upload-key", record=record)
