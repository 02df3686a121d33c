"""The export file `yilian-export/1`: one person's record with its proofs, in one ZIP.

    README.txt             how to check it, in two languages
    records/<id>.json      the exact bytes of a record (`.bin` where it is no JSON)
    proofs/<id>.json       that the record is in its batch, with the salt (`RecordProof`)
    origins/<id>.json      where an imported record came from, with the proofs of that place
    batches/<id>.json      the state proof of a batch: its root, as the chain has it
    journal/<id>.json      who saw what: a line of the disclosure journal, proved (`JournalProof`)
    manifest.json          what this is, whose, of which chain, and the list of all files

Reading trusts nothing: names are of these forms or refused, sizes are bounded before a byte is
unpacked, and nothing is ever written to a path that the file names.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Annotated, BinaryIO

import msgspec

from yilian.gateway.content.errors import (
    EXPORT_DAMAGED,
    EXPORT_EXPANDS,
    EXPORT_MALFORMED,
    EXPORT_NAME,
    EXPORT_REPEATED,
    EXPORT_TOO_LARGE,
)
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import Format, MediaType, Period, RecordProof
from yilian.vault.records import Kind
from yilian.vault.retention import DEFAULT

MANIFEST = "manifest.json"
README = "README.txt"
MAX_RECORDS = 100_000
MAX_ENTRIES = 500_000
MAX_ENTRY = 256 << 20
MAX_MANIFEST = 128 << 20
MAX_TOTAL = 16 << 30
MAX_RATIO = 200
"""How far a large entry may expand; a writer stores uncompressed what would go beyond."""
SMALL = 1 << 20
"""Entries up to this size may expand as they like."""

_DIRECTORY_ENTRY = 160
_PIECE = 1 << 18
_NAME = re.compile(
    r"manifest\.json|README\.txt"
    r"|records/[A-Za-z0-9_-]{21}[AQgw]\.(json|bin)"
    r"|(proofs|origins|batches|journal)/[A-Za-z0-9_-]{21}[AQgw]\.json"
)

Source = Path | bytes
"""An export as a file, or as bytes that never touch a disk."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Holder(Format, frozen=True, kw_only=True):
    """An organisation, and the id that it knows the person by."""

    organisation: Id
    patient: Id


class Labels(Format, frozen=True, kw_only=True):
    """One record: whose, and how it was kept. The proofs do not cover these labels."""

    record: Id
    organisation: Id
    patient: Id
    batch: Id
    category: Name
    sensitivity: Name
    period: Period
    media_type: MediaType
    kind: Kind = "record"
    retention: Name = DEFAULT
    author: Id | None = None
    replaces: Id | None = None
    origins: Whole = 0


class Withheld(Format, frozen=True, kw_only=True):
    """A record of the person that is not in the export, and the code that says why."""

    record: Id
    reason: Text


class File(Format, frozen=True, kw_only=True):
    """A file of the export: its size in bytes and the SHA-256 of its content."""

    name: Text
    size: Whole
    sha256: Digest


class Manifest(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-export/1"):
    """What the export is and when it was made. `pending` counts journal lines too new for it."""

    chain: Text
    time: Millis
    holders: Annotated[tuple[Holder, ...], msgspec.Meta(max_length=1_000)]
    records: Annotated[tuple[Labels, ...], msgspec.Meta(max_length=MAX_RECORDS)]
    withheld: Annotated[tuple[Withheld, ...], msgspec.Meta(max_length=MAX_RECORDS)] = ()
    files: Annotated[tuple[File, ...], msgspec.Meta(max_length=MAX_ENTRIES)]
    pending: Whole = 0


class Origin(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-origin/1"):
    """Where a record was before it was imported, with everything that proves it there.

    `batch` is a state proof (`yilian-state-proof/1`) as JSON text; None if it was not anchored.
    """

    chain: Text
    organisation: Id
    patient: Id
    proof: RecordProof
    batch: str | None


class Origins(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-origins/1"):
    """All origins of one record, the nearest first."""

    origins: Annotated[tuple[Origin, ...], msgspec.Meta(max_length=64)]


def content_name(labels: Labels) -> str:
    """Name the file that holds a record's content."""
    plain = labels.media_type.partition(";")[0].strip()
    ending = "json" if plain == "application/json" or plain.endswith("+json") else "bin"
    return f"records/{labels.record}.{ending}"


def digest(content: bytes) -> str:
    """Give the SHA-256 of a content in base64url."""
    return codec.to_text(hashlib.sha256(content).digest())


class Bundle:
    """An export file, opened for reading. Use it as a context manager."""

    def __init__(self, source: Source) -> None:
        """Open and check the outer shape and the manifest; contents are checked when read.

        Refuses `export.malformed`, `export.too_large`, `export.expands`, `export.name` (anything
        but the names above, so also every path that leads out), `export.repeated`.
        """
        self._file = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        try:
            size = _check_directory(self._file)
            self._zip = _opened(self._file)
            self.entries = _checked(self._zip.infolist(), size)
            if MANIFEST not in self.entries:
                raise EXPORT_MALFORMED()
            self.manifest = self._manifest()
        except BaseException:
            self._file.close()
            raise
        self.files = {each.name: each for each in self.manifest.files}

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()

    def read(self, name: str) -> bytes:
        """Read a file's bytes, held against the manifest.

        Refuses `export.damaged` (by id) where it is missing, not listed, or not what is listed.
        """
        listed = self.files.get(name)
        if listed is None or name not in self.entries:
            raise EXPORT_DAMAGED(id=_id(name))
        content = self._content(name)
        if len(content) != listed.size or digest(content) != listed.sha256:
            raise EXPORT_DAMAGED(id=_id(name))
        return content

    def damaged(self) -> Iterator[str]:
        """Name the files that are missing, not listed, or damaged."""
        for name in sorted(self.entries.keys() | self.files.keys()):
            if name == MANIFEST:
                continue
            try:
                self.read(name)
            except Refusal:
                yield name

    def _manifest(self) -> Manifest:
        if self.entries[MANIFEST].file_size > MAX_MANIFEST:
            raise EXPORT_TOO_LARGE(limit=MAX_MANIFEST)
        try:
            manifest = codec.decode(self._content(MANIFEST), Manifest)
        except Refusal:
            raise EXPORT_MALFORMED() from None
        for names in (
            [each.name for each in manifest.files],
            [each.record for each in manifest.records],
        ):
            if len(set(names)) != len(names):
                raise EXPORT_MALFORMED()
        return manifest

    def _content(self, name: str) -> bytes:
        entry = self.entries[name]
        pieces: list[bytes] = []
        left = entry.file_size
        try:
            with self._zip.open(entry) as file:
                # One byte more than is declared shows an entry that does not keep to it.
                while piece := file.read(min(_PIECE, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise EXPORT_EXPANDS(limit=entry.file_size)
                    pieces.append(piece)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            raise EXPORT_DAMAGED(id=_id(name)) from None
        return b"".join(pieces)


def _id(name: str) -> str:
    """Give the id in a checked file name, so that nothing else of it gets into a message."""
    return name.rpartition("/")[2].partition(".")[0]


def _checked(entries: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    if len(entries) > MAX_ENTRIES:
        raise EXPORT_TOO_LARGE(limit=MAX_ENTRIES)
    found: dict[str, zipfile.ZipInfo] = {}
    total = packed = 0
    for place, each in enumerate(entries):
        if not _NAME.fullmatch(each.orig_filename) or each.filename != each.orig_filename:
            raise EXPORT_NAME(entry=place)
        if each.filename in found:
            raise EXPORT_REPEATED(entry=place)
        if each.flag_bits & 0x1 or each.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise EXPORT_MALFORMED()
        total += each.file_size
        packed += each.compress_size
        if each.file_size > MAX_ENTRY or total > MAX_TOTAL:
            raise EXPORT_TOO_LARGE(limit=MAX_ENTRY)
        if each.file_size > SMALL and each.file_size > MAX_RATIO * max(1, each.compress_size):
            raise EXPORT_EXPANDS(limit=MAX_RATIO)
        found[each.filename] = each
    # Entries that share bytes make a small file expand without bound.
    if packed > size:
        raise EXPORT_EXPANDS(limit=MAX_RATIO)
    return found


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise EXPORT_MALFORMED() from None


def _check_directory(file: BinaryIO) -> int:
    """Bound the central directory before anything reads it whole; gives the file's size.

    APPNOTE 4.3.14 to 4.3.16.
    """
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - 98))
    tail = file.read()
    end = tail[-22:]
    if len(end) < 22 or end[:4] != b"PK\x05\x06" or end[20:] != b"\0\0":
        raise EXPORT_MALFORMED()
    length = int.from_bytes(end[12:16], "little")
    if tail[-42:-38] == b"PK\x06\x07":
        # The larger record counts wherever its locator stands, whatever the small one says.
        large = tail[-98:-42]
        if large[:4] != b"PK\x06\x06":
            raise EXPORT_MALFORMED()
        length = max(length & 0xFFFFFFFE, int.from_bytes(large[40:48], "little"))
    if length > min(size, MAX_ENTRIES * _DIRECTORY_ENTRY):
        raise EXPORT_TOO_LARGE(limit=MAX_ENTRIES)
    return size
