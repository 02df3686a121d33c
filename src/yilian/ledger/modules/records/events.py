"""What `records` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability
from yilian.ledger.modules.records.messages import Extent, Ground


class Event(_Event, frozen=True, tag=capability("records")):
    """An event of this capability."""


class Anchored(Event, frozen=True):
    """A record's commitment stands."""

    record: codec.Id
    organisation: codec.Id


class BatchAnchored(Event, frozen=True):
    """A batch of records stands."""

    batch: codec.Id
    organisation: codec.Id
    size: codec.Whole


class DisclosuresAnchored(Event, frozen=True):
    """A batch of journal lines stands."""

    batch: codec.Id
    organisation: codec.Id
    size: codec.Whole


class Held(Event, frozen=True):
    """A record may not be destroyed."""

    hold: codec.Id
    organisation: codec.Id
    ground: Ground


class HoldLifted(Event, frozen=True):
    """A hold ended."""

    hold: codec.Id
    organisation: codec.Id


class Erased(Event, frozen=True):
    """An organisation destroyed or sealed records."""

    erasure: codec.Id
    organisation: codec.Id
    extent: Extent
    size: codec.Whole


ALL = (Anchored, BatchAnchored, DisclosuresAnchored, Held, HoldLifted, Erased)
