"""What two vaults send each other: grant packages, release requests, released records. Pure.

`bytes` fields are base64 in JSON and plain in MessagePack; msgspec writes both.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from yilian.ledger.codec import Digest, Id, Millis
from yilian.vault.envelope import (
    Format,
    MediaType,
    Names,
    RecordProof,
    SessionTerms,
    Terms,
    WrappedCategoryKey,
)

MAX_RECORDS = 1000


class GrantContent(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-grant-content/1"
):
    """The inside of a grant package: opened terms with their salt, and the keys they open.

    `patient` is the holder's id of the person.
    """

    patient: Id
    salt: Digest
    terms: Terms
    keys: tuple[WrappedCategoryKey, ...]


class GrantPackage(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-grant-package/1"
):
    """A `GrantContent` that only the grantee organisation opens (HPKE to its key service)."""

    holder: Id
    grantee: Id
    grant: Id
    recipient: Id
    sealed: bytes


class Request(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-release-request/1"
):
    """A grantee asks a holder for records inside a session; opens the session's commitment."""

    session: SessionTerms
    salt: Digest
    records: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_RECORDS)]

    def __post_init__(self) -> None:
        if len(set(self.records)) < len(self.records):
            raise ValueError("a request names each record once")


class UnderCategory(Format, frozen=True, kw_only=True, tag_field="route", tag="category"):
    """Category key -> batch key (HPKE) -> data key: the grantee has the category key already."""

    category_key: Id
    batch_key: bytes
    data_key: bytes


class ToGrantee(Format, frozen=True, kw_only=True, tag_field="route", tag="record"):
    """Data key wrapped to the grantee's key service (HPKE) for this session.

    For grants of single records, for copies, and where the category key has not been sent yet.
    """

    recipient: Id
    data_key: bytes


class ByReplica(Format, frozen=True, kw_only=True, tag_field="route", tag="replica"):
    """Data key wrapped to the grantee's key service (HPKE) by the holder, handed on by a replica.

    For grants of single records; it is for no certain session, since the holder knew of none.
    """

    recipient: Id
    data_key: bytes


class ReleasedRecord(Format, frozen=True, kw_only=True):
    """One record: ciphertext, how to reach its key, the sealed salt, and its place in the batch.

    With `redacted` it is a copy from which these labels are taken out, under a key of its own, and
    `copy` is the salted commitment of the copy, which the holder's journal line has too. `proof`
    is the original's, without its salt, for that would let guesses of what is missing be tested.
    It proves that a record of this id stands in its batch, and the journal line that this copy
    was sent for it. That the copy says what the original says is the holder's word: only who has
    the original can compare.
    """

    media_type: MediaType
    address: Digest
    ciphertext: bytes
    keys: UnderCategory | ToGrantee | ByReplica
    salt: bytes
    proof: RecordProof
    redacted: Names = ()
    copy: Digest | None = None

    def __post_init__(self) -> None:
        if bool(self.redacted) != (self.copy is not None):
            raise ValueError("a copy names its commitment and the labels taken out")


class NotReleased(Format, frozen=True, kw_only=True):
    """One record that was not released, and why, as far as the asker may know."""

    record: Id
    reasons: Names


class Released(
    Format,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="format",
    tag="yilian-released/2",
):
    """The holder's answer; a journal line for each record named here is already on its disk.

    Where `replica` answered in the holder's place, the line is on that member's disk, and the
    replica had everything up to `as_of` (ms).
    """

    holder: Id
    grant: Id
    session: Id
    records: tuple[ReleasedRecord, ...]
    refused: tuple[NotReleased, ...]
    replica: Id | None = None
    as_of: Millis | None = None
