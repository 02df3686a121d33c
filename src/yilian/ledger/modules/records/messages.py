"""What may be asked of `records`: salted commitments and Merkle roots, never content."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability
from yilian.ledger.modules.records.errors import BAD_EXTENT, BAD_MARKS

Ground = Literal["dispute", "law", "trial"]
Extent = Literal["destroyed", "sealed"]
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


class Hold(Message, frozen=True):
    """Forbid the destruction of a record that a dispute, a law or a trial still needs.

    `mark` names the record under the keeper's secret, so that it tells nobody else anything.
    """

    hold: codec.Id
    mark: codec.Digest
    ground: Ground


class LiftHold(Message, frozen=True):
    """End a hold; the record may be destroyed once no other hold stands."""

    hold: codec.Id


class Erase(Message, frozen=True):
    """Record that copies of records were destroyed, or sealed until their time to keep is over.

    `marks` are sorted and name the records as `Hold` does; `until` (ms) belongs to what is sealed;
    `certificate` commits to what was erased, on what ground, and who had received copies.
    """

    erasure: codec.Id
    marks: Annotated[list[codec.Digest], msgspec.Meta(min_length=1, max_length=1_000)]
    extent: Extent
    certificate: codec.Digest
    until: codec.Millis | None = None

    def check(self) -> None:
        """Refuse marks that are out of order or repeated, and an end that does not belong."""
        if any(one >= two for one, two in zip(self.marks, self.marks[1:], strict=False)):
            raise BAD_MARKS()
        if (self.extent == "sealed") != (self.until is not None):
            raise BAD_EXTENT()


ALL = (Anchor, AnchorBatch, AnchorDisclosures, Hold, LiftHold, Erase)
