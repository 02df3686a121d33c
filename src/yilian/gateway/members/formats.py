"""The questions between members, and their answers, as they travel (MessagePack). Pure.

Each is read strictly: unknown fields, ids of another form and lists beyond their bounds refuse.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec

from yilian.gateway.practice.treatment import ShownEncounter
from yilian.ledger.codec import Digest, Id, Name, Whole
from yilian.vault.asks import AskTerms
from yilian.vault.envelope import Format
from yilian.vault.packages import MAX_RECORDS, Released
from yilian.vault.receiving import OpenedSession
from yilian.vault.relations import ReferralTerms

MIB = 1024 * 1024
MAX_NAMES = 200
MAX_PACKAGE = 4 * MIB
MAX_PRIVATE = 5 * MIB
MAX_SHIPMENT = 64 * MIB
MAX_CLAIMS = 64
MAX_INTERVALS = 100
MAX_EVENTS = 500

Some = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_RECORDS)]
Package = Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_PACKAGE)]
PointBytes = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Parameter = Annotated[str, msgspec.Meta(max_length=200)] | Whole


class Nothing(Format, frozen=True, kw_only=True):
    """An answer that says no more than: done."""


class ReleaseAsked(Format, frozen=True, kw_only=True):
    """Release what a session opens, or of it `wanted`; `shown` is an encounter of the asker's."""

    session: OpenedSession
    wanted: Some | None = None
    shown: ShownEncounter | None = None


class ReleaseAnswer(Format, frozen=True, kw_only=True):
    """What was released, and which records did not fit and are to be asked for by name."""

    released: Annotated[tuple[Released, ...], msgspec.Meta(max_length=MAX_RECORDS)]
    more: tuple[Id, ...] = ()


class GrantNamed(Format, frozen=True, kw_only=True):
    """A grant to the asker, whose package is wanted anew."""

    grant: Id


class PackageAnswer(Format, frozen=True, kw_only=True):
    """The package; None where the grant does not stand on the terms that the holder has."""

    package: Package | None


class PackageSent(Format, frozen=True, kw_only=True):
    """A grant's package for the grantee."""

    grant: Id
    package: Package


class AskSent(Format, frozen=True, kw_only=True):
    """A question for access, opened to the holder."""

    terms: AskTerms
    salt: Digest


class NoticeSent(Format, frozen=True, kw_only=True):
    """Word for a reader of the other organisation. Carries no health data."""

    reader: Id
    kind: Literal["ask_refused", "copies_erased", "result_shared"]
    parameters: Annotated[dict[Name, Parameter], msgspec.Meta(max_length=8)]
    cause: Annotated[str, msgspec.Meta(min_length=22, max_length=43)]


class PersonSought(Format, frozen=True, kw_only=True):
    """For an emergency: whose id belongs to a number, asked by a licensed practitioner."""

    system: Word
    number: Word
    reader: Id

    def __repr__(self) -> str:
        return "<PersonSought>"


class PersonAnswer(Format, frozen=True, kw_only=True):
    """An id in any case: of the person, or of nobody."""

    person: Id


class SharePackage(Format, frozen=True, kw_only=True):
    """A share of an emergency key for the other's escrow service."""

    package: Package


class PairNamed(Format, frozen=True, kw_only=True):
    """An emergency key that was replaced: its share is to be dropped."""

    pair: Id


class Blinded(Format, frozen=True, kw_only=True):
    """A blinded point, to be multiplied by the member's share (`vault/duplicates.py`)."""

    point: PointBytes


class PartialAnswer(Format, frozen=True, kw_only=True):
    """The member's part: its share's number, the point times its scalar, how many are needed."""

    index: Annotated[int, msgspec.Meta(ge=1, le=255)]
    point: PointBytes
    threshold: Annotated[int, msgspec.Meta(ge=1, le=255)]


class ReferralNamed(Format, frozen=True, kw_only=True):
    """A referral to the asker, whose terms are wanted."""

    referral: Id


class ReferralAnswer(Format, frozen=True, kw_only=True):
    """A referral opened."""

    terms: ReferralTerms
    salt: Digest


class StaffNamed(Format, frozen=True, kw_only=True):
    """Practitioners of the other organisation whose names are wanted."""

    practitioners: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_NAMES)]


class StaffAnswer(Format, frozen=True, kw_only=True):
    """Names by id, of those whom the staff directory has."""

    names: Annotated[
        dict[Id, Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=MAX_NAMES)
    ]


class SliceAsked(Format, frozen=True, kw_only=True):
    """A slice of a large object that a session released; the asker has opened its manifest."""

    session: Id
    manifest: Annotated[bytes, msgspec.Meta(max_length=4096)]
    index: Whole

    def __repr__(self) -> str:
        return f"<SliceAsked {self.index} in {self.session}>"


class PrivateSent(Format, frozen=True, kw_only=True):
    """A document for the other organisation (`vault/private_documents.py`)."""

    document: Id
    package: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_PRIVATE)]


class ClaimsAsked(Format, frozen=True, kw_only=True):
    """Holder keys are wanted, for notes that the asker will give (`gateway/supply/notes.py`)."""

    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_CLAIMS)]


class ClaimsAnswer(Format, frozen=True, kw_only=True):
    """Holder keys, each for one note."""

    keys: Annotated[tuple[PointBytes, ...], msgspec.Meta(max_length=MAX_CLAIMS)]


class ShipmentSent(Format, frozen=True, kw_only=True):
    """A shipment for the other organisation (`gateway/supply/shipments.py`)."""

    shipment: Id
    package: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_SHIPMENT)]


class HistoryAsked(Format, frozen=True, kw_only=True):
    """Events of a shipment's packs are wanted, from a place on (`gateway/supply/shown.py`)."""

    shipment: Id
    after: Whole


class HistoryAnswer(Format, frozen=True, kw_only=True):
    """The next events; `next` is where to go on, 0 after the last."""

    events: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=MAX_EVENTS)]
    next: Whole


class OpeningsAsked(Format, frozen=True, kw_only=True):
    """Openings of the other's posts are wanted by a regulator (`gateway/supply/openings.py`)."""

    intervals: Annotated[tuple[Whole, ...], msgspec.Meta(min_length=1, max_length=MAX_INTERVALS)]


class OpeningsAnswer(Format, frozen=True, kw_only=True):
    """Sealed openings in the order asked, as many as fit; empty where nothing was posted."""

    sealed: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=MAX_INTERVALS)]


class Known(NamedTuple):
    """An operation's bounds: the largest question and answer (bytes), the longest wait (s)."""

    asked: int
    answer: int
    seconds: float
