"""What may be asked of `records`: salted commitments and Merkle roots, never content."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability

BatchSize = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Message(_Message, frozen=True, tag=capability("records")):
    """A message of this capability."""


class Anchor(Message, frozen=True):
    """Record that one record exists, by a salted commitment to its exact bytes."""

    machine_only: ClassVar[bool] = True

    record: codec.Id
    commitment: codec.Digest


class AnchorBatch(Message, frozen=True):
    """Record that `size` records exist, by the Merkle root (RFC 6962) over their commitments."""

    machine_only: ClassVar[bool] = True

    batch: codec.Id
    root: codec.Digest
    size: BatchSize


class AnchorDisclosures(Message, frozen=True):
    """Record who-read-what lines of a vault's journal, by the Merkle root over them."""

    machine_only: ClassVar[bool] = True

    batch: codec.Id
    root: codec.Digest
    size: BatchSize


ALL = (Anchor, AnchorBatch, AnchorDisclosures)
