"""What `records` remembers: who anchored which commitment or root, and what is held or erased."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.modules.records.messages import Extent, Ground
from yilian.ledger.state import State, Table


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


class Hold(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """That `organisation` may not destroy a record, since a height and until another."""

    organisation: codec.Id
    mark: codec.Digest
    ground: Ground
    since: codec.Whole
    time: codec.Millis
    lifted: codec.Whole | None = None


class Erasure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """That `organisation` destroyed or sealed `size` records; sealed ones are kept until `until`.

    `certificate` commits to the certificate, which the organisation hands to the person.
    """

    organisation: codec.Id
    extent: Extent
    size: codec.Whole
    certificate: codec.Digest
    since: codec.Whole
    time: codec.Millis
    until: codec.Millis | None = None


class Marked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What stands about one record of an organisation: its holds, and its last erasure."""

    holds: codec.Whole = 0
    erasure: codec.Id | None = None
    extent: Extent | None = None
    until: codec.Millis | None = None


ANCHORS = Table("records/anchor/", Anchor)
BATCHES = Table("records/batch/", Batch)
HOLDS = Table("records/hold/", Hold)
ERASURES = Table("records/erasure/", Erasure)
MARKS = Table("records/mark/", Marked)
TABLES = (ANCHORS, BATCHES, HOLDS, ERASURES, MARKS)


def marked(state: State, organisation: str, mark: str) -> Marked:
    """Read what stands about a record; nothing stands about most."""
    return MARKS.get(state, f"{organisation}/{mark}") or Marked()
