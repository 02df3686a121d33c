"""What the seals around a record are for: the ids that each of them is bound to."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.vault.catalogue import RecordRow
from yilian.vault.database import values
from yilian.vault.envelope import binding, open_sealed


def batch_key_binding(organisation: str, batch: str, category_key: str) -> bytes:
    """Say what a wrapped batch key is for."""
    return binding("batch-key", organisation=organisation, batch=batch, category_key=category_key)


def content_binding(organisation: str, record: str) -> bytes:
    """Say whose record a ciphertext is."""
    return binding("content", organisation=organisation, record=record)


def open_data_key(batch_key: bytes, sealed: bytes, batch: str, record: str) -> bytes:
    """Open a record's data key with its batch key."""
    return open_sealed(batch_key, sealed, data_key_binding(batch, record))


def data_key_binding(batch: str, record: str) -> bytes:
    return binding("data-key", batch=batch, record=record)


def row_binding(row: RecordRow) -> bytes:
    """The sealed salt vouches for the rest of its row: change a label, and it does not open."""
    vouched = values(row)
    del vouched["salt"], vouched["data_key"]
    return codec.encode({"purpose": "salt", **vouched})


def tombstone_binding(row: RecordRow) -> bytes:
    return binding(
        "tombstone",
        record=row.record,
        commitment=row.commitment,
        replaces=row.replaces or "",
        batch=row.batch,
        leaf=row.leaf,
    )


def outer_binding(record: str, named: str) -> bytes:
    return binding("at-rest", record=record, address=named)
