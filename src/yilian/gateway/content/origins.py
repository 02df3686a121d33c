"""Import: records from another instance, and where they came from, kept so that it stays provable.

A record that is imported gets a new id, a new commitment and a new batch here. Its proof at the
place it came from (with that place's salt and state proof) is its origin. Origins tell which
hospital knows the person by which id, so they are sealed under the person's own key (`keys.py`) and
go with it. Unlike the index they cannot be made again: their database rows and that key must both
be in a backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sql

from yilian.gateway.content.bundle import (
    Bundle,
    Labels,
    Origin,
    Origins,
    Source,
    content_name,
    digest,
)
from yilian.gateway.content.errors import CONTENT_SEAL_BROKEN, EXPORT_MALFORMED, ORIGIN_DIFFERS
from yilian.gateway.content.keys import ContentKeys
from yilian.ledger import codec
from yilian.ledger.codec import Digest
from yilian.vault.database import Database, metadata, table, values
from yilian.vault.envelope import Format, RecordProof, binding, new_id
from yilian.vault.records import Item

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class OriginRow:
    """Where one record came from, sealed."""

    record: str
    patient: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class OriginBatchRow:
    """A state proof that many origins of a person share, sealed; found by a blind token."""

    token: bytes
    patient: str
    sealed: bytes


_origins = table(
    "content_origins", OriginRow, ("record",), sql.Index("content_origins_of_patient", "patient")
)
_batches = table("content_origin_batches", OriginBatchRow, ("token",))


class _Kept(Format, frozen=True, kw_only=True):
    origin: Origin
    batch: Digest | None


_decoder = codec.decoder(tuple[_Kept, ...])


class Imported(NamedTuple):
    """A record read from an export, with its origins, the place it was exported from first."""

    labels: Labels
    content: bytes
    origins: tuple[Origin, ...]


def read_export(source: Source) -> Iterator[Imported]:
    """Read the records of an export, each held against the manifest's digests.

    What the proofs are worth is another question: `check.verify_export` answers it. Refuses as
    `bundle.Bundle`, and `export.origin_differs` where a proof is of another record.
    """
    with Bundle(source) as bundle:
        for labels in bundle.manifest.records:
            yield _imported(bundle, labels)


def _imported(bundle: Bundle, labels: Labels) -> Imported:
    content = bundle.read(content_name(labels))
    try:
        proof = codec.decode(bundle.read(f"proofs/{labels.record}.json"), RecordProof)
        older: tuple[Origin, ...] = ()
        if labels.origins:
            older = codec.decode(bundle.read(f"origins/{labels.record}.json"), Origins).origins
        name = f"batches/{labels.batch}.json"
        batch = bundle.read(name).decode() if name in bundle.files else None
    except UnicodeDecodeError:
        raise ORIGIN_DIFFERS(id=labels.record) from None
    if (proof.record, proof.batch) != (labels.record, labels.batch):
        raise ORIGIN_DIFFERS(id=labels.record)
    own = Origin(
        chain=bundle.manifest.chain,
        organisation=labels.organisation,
        patient=labels.patient,
        proof=proof,
        batch=batch,
    )
    return Imported(labels, content, (own, *older))


def import_items(source: Source, patient: str) -> Iterator[tuple[Item, tuple[Origin, ...]]]:
    """Give an export's records as items to deposit for a person here, each with its origins.

    They get new ids; a correction comes after what it corrects, if that is in the export. Authors
    are ids of another instance and nothing proves them: the person's own notes stay theirs, other
    notes get an author id that nobody has, and records none.

    Keep the origins first (`OriginStore.keep`) and deposit then: a crash between leaves origins
    that no record has. That the export is of this person is for the caller to know. Refuses as
    `read_export`, and `export.malformed` where records correct one another in a circle.
    """
    with Bundle(source) as bundle:
        ordered = _ordered(bundle.manifest.records)
        names = {each.record: new_id() for each in ordered}
        authors = {each.patient: patient for each in ordered}
        for labels in ordered:
            found = _imported(bundle, labels)
            author = None
            if labels.kind == "note":
                author = authors.setdefault(labels.author or "", new_id())
            item = Item(
                record=names[labels.record],
                patient=patient,
                category=labels.category,
                sensitivity=labels.sensitivity,
                period=labels.period,
                media_type=labels.media_type,
                content=found.content,
                kind=labels.kind,
                author=author,
                replaces=names.get(labels.replaces or ""),
                retention=labels.retention,
            )
            yield item, found.origins


def _ordered(records: Iterable[Labels]) -> list[Labels]:
    """Put what is corrected before what corrects it, else in the order of the file."""
    known = {each.record: each for each in records}
    done: dict[str, Labels] = {}
    for each in known.values():
        chain: dict[str, Labels] = {}
        step: Labels | None = each
        while step is not None and step.record not in done:
            if step.record in chain:
                raise EXPORT_MALFORMED()
            chain[step.record] = step
            step = known.get(step.replaces or "")
        done.update(reversed(chain.items()))
    return list(done.values())


class OriginStore:
    """Where the imported records of one organisation came from. Safe for threads."""

    def __init__(self, database: Database, keys: ContentKeys) -> None:
        """Open the store in the vault's database."""
        self._database = database
        self._keys = keys
        with database.write() as connection:
            metadata.create_all(connection, tables=[_origins, _batches])

    def keep(self, patient: str, origins: Mapping[str, tuple[Origin, ...]]) -> None:
        """Keep the origins of a person's records, by their ids here; durable on return."""
        key = self._keys.current(patient)
        rows: list[OriginRow] = []
        batches: dict[bytes, OriginBatchRow] = {}
        for record, found in origins.items():
            kept: list[_Kept] = []
            for each in found:
                name = None if each.batch is None else digest(each.batch.encode())
                if each.batch is not None:
                    token = key.token(f"batch={name}")
                    sealed = key.seal(each.batch.encode(), _batch_place(patient, token))
                    batches.setdefault(token, OriginBatchRow(token, patient, sealed))
                kept.append(_Kept(origin=_without(each), batch=name))
            sealed = key.seal(codec.encode(tuple(kept)), _place(patient, record))
            rows.append(OriginRow(record, patient, sealed))
        with self._database.write() as connection:
            for target, made in ((_origins, rows), (_batches, list(batches.values()))):
                if made:
                    insert = sql.insert(target).prefix_with("OR REPLACE")
                    connection.execute(insert, [values(each) for each in made])

    def of(self, patient: str, record: str) -> tuple[Origin, ...]:
        """Give a record's origins, none for a record that was made here.

        Refuses `content.seal_broken`.
        """
        key = self._keys.find(patient)
        query = sql.select(_origins).where(
            _origins.c.record == record, _origins.c.patient == patient
        )
        row = self._database.one(OriginRow, query)
        if key is None or row is None:
            return ()
        data = key.open(row.sealed, _place(patient, record), record)
        kept: tuple[_Kept, ...] = codec.decode_with(_decoder, data)
        return tuple(self._whole(patient, record, each) for each in kept)

    def _whole(self, patient: str, record: str, kept: _Kept) -> Origin:
        key = self._keys.find(patient)
        if kept.batch is None or key is None:
            return kept.origin
        token = key.token(f"batch={kept.batch}")
        query = sql.select(_batches).where(_batches.c.token == token)
        row = self._database.one(OriginBatchRow, query)
        if row is None:
            raise CONTENT_SEAL_BROKEN(record=record)
        text = key.open(row.sealed, _batch_place(patient, token), record).decode()
        return _with(kept.origin, text)

    def forget(self, records: Iterable[str]) -> None:
        """Remove the origins of records; unknown ones are fine."""
        names = list(records)
        with self._database.write() as connection:
            for at in range(0, len(names), _CHUNK):
                chosen = _origins.c.record.in_(names[at : at + _CHUNK])
                connection.execute(sql.delete(_origins).where(chosen))
        self._database.empty_log()

    def forget_patient(self, patient: str) -> None:
        """Erase a person's origins; the key that opens them is destroyed first."""
        self._keys.destroy(patient)
        with self._database.write() as connection:
            for target in (_origins, _batches):
                connection.execute(sql.delete(target).where(target.c.patient == patient))
        self._database.empty_log()


def _without(origin: Origin) -> Origin:
    return _with(origin, None)


def _with(origin: Origin, batch: str | None) -> Origin:
    return Origin(
        chain=origin.chain,
        organisation=origin.organisation,
        patient=origin.patient,
        proof=origin.proof,
        batch=batch,
    )


def _place(patient: str, record: str) -> bytes:
    return binding("origin", patient=patient, record=record)


def _batch_place(patient: str, token: bytes) -> bytes:
    return binding("origin-batch", patient=patient, token=codec.to_text(token))
