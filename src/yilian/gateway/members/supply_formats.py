"""The questions about recalls, ends and traces between members, as they travel (MessagePack).

Pure.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from yilian.ledger.codec import Id, Millis, Whole
from yilian.vault.envelope import Format

MAX_UNITS = 2_000
MAX_MOMENTS = 1_000
MAX_ENDS = 8 * 1024 * 1024

UnitId = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Word = Annotated[str, msgspec.Meta(max_length=512)]


class MadeOfRecalled(Format, frozen=True, kw_only=True):
    """Packs shipped to the other that were made of recalled ones (`gateway/supply/recalls.py`)."""

    recall: Id
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1, max_length=MAX_UNITS)]


class EndsSent(Format, frozen=True, kw_only=True):
    """Word of packs that ended, for their responder (`gateway/supply/ends.py`)."""

    parcel: Id
    package: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_ENDS)]


class TraceAsked(Format, frozen=True, kw_only=True):
    """What the other saw of a pack (`gateway/supply/tracing.py`)."""

    unit: UnitId


class SeenMoment(Format, frozen=True, kw_only=True):
    """One event that a member told of itself; `cases` counts those that the pack was in."""

    at: Millis
    act: Word
    standing: Word
    cases: Whole
    place: Word


class TraceAnswer(Format, frozen=True, kw_only=True):
    """What a member saw, in order; `to` is the organisation that it shipped the pack to last.

    `to` is empty where it shipped none, or where it is not the asker's to know.
    """

    moments: Annotated[tuple[SeenMoment, ...], msgspec.Meta(max_length=MAX_MOMENTS)]
    to: Word
    made_from: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=MAX_UNITS)] = ()
    made_into: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=MAX_UNITS)] = ()
