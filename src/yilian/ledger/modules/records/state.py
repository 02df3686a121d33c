"""What `records` remembers: which organisation anchored which commitment or root, and when."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.state import Table


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """One record's commitment, anchored at a height and block time (ms)."""

    organisation: codec.Id
    commitment: codec.Digest
    since: codec.Whole
    time: codec.Millis


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The root over a batch of records or of journal lines."""

    organisation: codec.Id
    of: Literal["records", "disclosures"]
    root: codec.Digest
    size: codec.Whole
    since: codec.Whole
    time: codec.Millis


ANCHORS = Table("records/anchor/", Anchor)
BATCHES = Table("records/batch/", Batch)
TABLES = (ANCHORS, BATCHES)
