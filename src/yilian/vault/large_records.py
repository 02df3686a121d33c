"""Large objects beside the records whose content their manifests are: opened, walked, swept."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sql

from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import ERASED, Catalogue, RecordRow
from yilian.vault.database import metadata
from yilian.vault.keystore import Keystore
from yilian.vault.large import MEDIA_TYPE, LargeObjects
from yilian.vault.large_keys import LargeKeys
from yilian.vault.payload_stores import PayloadStores
from yilian.vault.records import Damage, Opened, Records

FOLDER = "large"
SLICE = "slice"

_records = metadata.tables["records"]
_PAGE = 100


def open_large(
    stores: PayloadStores, keystore: Keystore, catalogue: Catalogue, clock: Callable[[], int]
) -> LargeObjects:
    """Open the large objects of a vault, their slices in `stores`; close them with it."""
    slices = stores.open(FOLDER)
    return LargeObjects(keystore, catalogue, slices, clock, LargeKeys(keystore.erasure))


def damaged_slices(
    objects: LargeObjects, records: Records, catalogue: Catalogue
) -> Iterator[Damage]:
    """Walk the objects of all records and name each damaged slice, `<record>/<number>` from 0.

    A record whose manifest does not open is named by the walk along the records.
    """
    for row in _with_objects(catalogue):
        [opened] = records.open([row], sealed=True)
        if isinstance(opened, Opened):
            yield from _damaged_in(objects, opened)


def _damaged_in(objects: LargeObjects, opened: Opened) -> Iterator[Damage]:
    record, batch = opened.row.record, opened.row.batch
    try:
        for number in objects.check(opened.content):
            yield Damage(SLICE, f"{record}/{number}", batch, "large_chunk_damaged")
    except Refusal as refusal:
        yield Damage("object", record, batch, refusal.code.name)


def _with_objects(catalogue: Catalogue) -> Iterator[RecordRow]:
    last = ""
    while True:
        query = sql.select(_records).where(
            _records.c.media_type == MEDIA_TYPE,
            _records.c.standing != ERASED,
            _records.c.record > last,
        )
        rows = catalogue.rows(RecordRow, query.order_by(_records.c.record).limit(_PAGE))
        if not rows:
            return
        yield from rows
        last = rows[-1].record
