"""Writing an export: one person's records, their proofs, and who saw them, as one ZIP.

The file goes out as it is made, one record in memory at a time; see `bundle.py` for its form.
"""

from __future__ import annotations

import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from yilian.gateway.content.bundle import (
    MANIFEST,
    MAX_ENTRIES,
    MAX_ENTRY,
    MAX_MANIFEST,
    MAX_RATIO,
    MAX_RECORDS,
    README,
    SMALL,
    File,
    Holder,
    Labels,
    Manifest,
    Origin,
    Origins,
    Withheld,
    content_name,
    digest,
)
from yilian.gateway.content.errors import EXPORT_TOO_LARGE
from yilian.gateway.content.origins import OriginStore
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.records.state import BATCHES
from yilian.node.engine import Engine
from yilian.text import LANGUAGES, say
from yilian.vault.catalogue import Catalogue, RecordRow
from yilian.vault.envelope import Basis, JournalProof, RecordProof
from yilian.vault.errors import BATCH_NOT_ANCHORED
from yilian.vault.vault import Vault

_LEVEL = 6
_AT_ONCE = 100

StateProof = Mapping[str, Any]
BatchProof = Callable[[str], StateProof | None]
"""Gives the state proof of a batch by id, or None while the chain does not have it."""


class About(NamedTuple):
    """What an export is of: chain, time (ms UTC), and the ids that holders know the person by."""

    chain: str
    time: int
    holders: tuple[Holder, ...]
    pending: int = 0


class Exported(NamedTuple):
    """A record to export. `proof` carries the salt; `origins` are those of an imported record."""

    labels: Labels
    content: bytes
    proof: RecordProof
    origins: tuple[Origin, ...] = ()


class Stream(Protocol):
    """What an export is written to; nothing is read back or sought."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


def write_export(
    stream: Stream,
    about: About,
    records: Iterable[Exported | Withheld],
    journal: Iterable[JournalProof],
    batch_proof: BatchProof,
) -> None:
    """Write an export to a stream; as `pieces`."""
    for piece in pieces(about, records, journal, batch_proof):
        stream.write(piece)


def pieces(
    about: About,
    records: Iterable[Exported | Withheld],
    journal: Iterable[JournalProof],
    batch_proof: BatchProof,
) -> Iterator[bytes]:
    """Give an export piece by piece, for an answer that is sent while it is made.

    Records whose batch is not on the chain yet are in it without that proof, and a check says so;
    journal lines that are not on the chain yet are counted as pending and left for the next export.
    Refuses `export.too_large`.
    """
    writer = _Writer(about)
    yield from writer.add(README, _readme(about))
    labels: list[Labels] = []
    withheld: list[Withheld] = []
    for each in records:
        if isinstance(each, Withheld):
            withheld.append(each)
            continue
        labels.append(msgspec.structs.replace(each.labels, origins=len(each.origins)))
        if len(labels) > MAX_RECORDS:
            raise EXPORT_TOO_LARGE(limit=MAX_RECORDS)
        yield from writer.record(each)
    proved: dict[str, bool] = {}
    for batch in sorted({each.batch for each in labels}):
        yield from writer.batch(batch, batch_proof, proved)
    pending = about.pending
    for line in journal:
        yield from writer.batch(line.batch, batch_proof, proved)
        if proved[line.batch]:
            yield from writer.add(f"journal/{line.line.disclosure}.json", codec.encode(line))
        else:
            pending += 1
    manifest = Manifest(
        chain=about.chain,
        time=about.time,
        holders=about.holders,
        records=tuple(labels),
        withheld=tuple(withheld),
        files=tuple(writer.files),
        pending=pending,
    )
    yield from writer.finish(manifest)


class _Sink:
    """Collects what the ZIP writer gives out until it is handed on."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def close(self) -> None:
        """What is still here is taken by `take`."""

    def take(self) -> bytes:
        taken, self._waiting = b"".join(self._waiting), []
        return taken


class _Writer:
    def __init__(self, about: About) -> None:
        self.files: list[File] = []
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", allowZip64=True)
        moment = time.gmtime(max(about.time // 1000, 315_532_800))
        self._moment = (*moment[:5], moment.tm_sec // 2 * 2)

    def add(self, name: str, content: bytes) -> Iterator[bytes]:
        if len(content) > MAX_ENTRY:
            raise EXPORT_TOO_LARGE(limit=MAX_ENTRY)
        if len(self.files) >= MAX_ENTRIES - 1:
            raise EXPORT_TOO_LARGE(limit=MAX_ENTRIES)
        self.files.append(File(name=name, size=len(content), sha256=digest(content)))
        yield self._put(name, content)

    def record(self, each: Exported) -> Iterator[bytes]:
        yield from self.add(content_name(each.labels), each.content)
        yield from self.add(f"proofs/{each.labels.record}.json", codec.encode(each.proof))
        if each.origins:
            name = f"origins/{each.labels.record}.json"
            yield from self.add(name, codec.encode(Origins(origins=each.origins)))

    def batch(
        self, batch: str, batch_proof: BatchProof, proved: dict[str, bool]
    ) -> Iterator[bytes]:
        if batch in proved:
            return
        found = batch_proof(batch)
        proved[batch] = found is not None
        if found is not None:
            yield from self.add(f"batches/{batch}.json", msgspec.json.encode(found))

    def finish(self, manifest: Manifest) -> Iterator[bytes]:
        content = codec.encode(manifest)
        if len(content) > MAX_MANIFEST:
            raise EXPORT_TOO_LARGE(limit=MAX_MANIFEST)
        yield self._put(MANIFEST, content)
        self._zip.close()
        yield self._sink.take()

    def _put(self, name: str, content: bytes) -> bytes:
        entry = zipfile.ZipInfo(name, self._moment)
        entry.compress_type = _compression(content)
        entry.external_attr = 0o600 << 16
        self._zip.writestr(entry, content, compresslevel=_LEVEL)
        return self._sink.take()


def _compression(content: bytes) -> int:
    """Store what would expand further than a reader lets it."""
    if len(content) > SMALL and len(content) > MAX_RATIO * len(zlib.compress(content, _LEVEL)):
        return zipfile.ZIP_STORED
    return zipfile.ZIP_DEFLATED


def _readme(about: About) -> bytes:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about.time // 1000))
    texts = [say(each, "export", "readme", chain=about.chain, time=moment) for each in LANGUAGES]
    return "\n\n".join(texts).encode() + b"\n"


# What an organisation exports


def gather(
    vault: Vault,
    catalogue: Catalogue,
    patient: str,
    reader: str,
    purpose: str,
    origins: OriginStore | None = None,
    records: Sequence[str] | None = None,
    *,
    basis: Basis = "own",
    on_behalf_of: str | None = None,
) -> Iterator[Exported | Withheld]:
    """Read a person's records for an export, each reading journalled before it leaves the vault.

    `reader` is the subject id of who asks, `records` some of the person's records (all without it).
    `basis` and `on_behalf_of` are those of the journal lines.
    A record that does not open (sealed, destroyed, damaged) is named as withheld with the reason.
    """
    wanted = None if records is None else set(records)

    def read(records: list[str]) -> dict[str, bytes]:
        return vault.read_own(records, reader, purpose, basis=basis, on_behalf_of=on_behalf_of)

    held = vault.records_of(patient)
    asked = [each for each in held if wanted is None or each in wanted]
    for start in range(0, len(asked), _AT_ONCE):
        chunk = asked[start : start + _AT_ONCE]
        rows = {row.record: row for row in catalogue.records(chunk)}
        for record, content in _opened(chunk, read):
            if isinstance(content, Refusal):
                yield Withheld(record=record, reason=content.code.name)
                continue
            kept = origins.of(patient, record) if origins is not None else ()
            proof = vault.proof(record, with_salt=True)
            yield Exported(_labels(vault.organisation, rows[record]), content, proof, kept)


def _opened(
    records: list[str], read: Callable[[list[str]], dict[str, bytes]]
) -> Iterator[tuple[str, bytes | Refusal]]:
    try:
        found = read(records)
    except Refusal as refusal:
        if len(records) == 1:
            yield records[0], refusal
            return
        for each in records:
            yield from _opened([each], read)
        return
    for each in records:
        yield each, found[each]


def _labels(organisation: str, row: RecordRow) -> Labels:
    return msgspec.convert(
        {
            "record": row.record,
            "organisation": organisation,
            "patient": row.patient,
            "batch": row.batch,
            "category": row.category,
            "sensitivity": row.sensitivity,
            "period": row.period,
            "media_type": row.media_type,
            "kind": row.kind,
            "retention": row.retention,
            "author": row.author,
            "replaces": row.replaces,
        },
        Labels,
    )


def gather_journal(vault: Vault, records: Iterable[str]) -> tuple[list[JournalProof], int]:
    """Prove the journal lines about records; with how many are in no batch yet.

    Call it before `gather`, or the export's own reading counts among the pending lines.
    """
    proofs: list[JournalProof] = []
    pending = 0
    for record in records:
        for line in vault.journal_about(record):
            try:
                proofs.append(vault.journal_proof(line.disclosure))
            except Refusal as refusal:
                if refusal.code is not BATCH_NOT_ANCHORED:
                    raise
                pending += 1
    return proofs, pending


def batch_proofs(engine: Engine) -> BatchProof:
    """Give the state proofs of batches from a node, all at one height while it can prove it."""
    height: list[int] = []

    def proof(batch: str) -> StateProof | None:
        key = BATCHES.key(batch)
        try:
            found = engine.state_proof(key, height[0] if height else None)
        except KeyError:
            # The chain went on for more heights than it can prove back.
            height.clear()
            found = engine.state_proof(key)
        if found["value"] is None:
            return None
        height[:] = [int(found["header"]["height"]) - 1]
        return found

    return proof
