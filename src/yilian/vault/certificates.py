"""The formats of an erasure: its plan, and the certificates that say what was done."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from yilian.ledger.codec import Digest, Id, Millis, Name, Positive
from yilian.vault.envelope import Format
from yilian.vault.holds import Ground

MAX_MARKS = 1000
"""How many marks one `records.Erase` may name."""

Extent = Literal["destroyed", "sealed"]


class ErasedRecord(Format, frozen=True, kw_only=True):
    """One record of a certificate: its batch and commitment, its class, and what still holds it.

    `ends`: when its term of retention is over (milliseconds).
    """

    record: Id
    batch: Id
    commitment: Digest
    retention: Name
    ends: Millis
    grounds: tuple[Ground, ...] = ()


class Copy(Format, frozen=True, kw_only=True):
    """Who received copies of records of a certificate: how often, from when to when.

    `organisation` is the grantee where the grant's terms name one. A reader of the organisation
    itself has neither grant nor organisation.
    """

    basis: Name
    reader: Id
    grant: Id | None
    organisation: Id | None
    first: Millis
    last: Millis
    times: Positive


class Certificate(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-erasure-certificate/1"
):
    """What was erased, how far, until when it is sealed, and who had received copies.

    Its canonical JSON bytes, with a salt, are what the chain has a commitment to.
    """

    erasure: Id
    organisation: Id
    patient: Id
    time: Millis
    extent: Extent
    until: Millis | None
    records: tuple[ErasedRecord, ...]
    copies: tuple[Copy, ...]


class Part(Format, frozen=True, kw_only=True):
    """What one `records.Erase` says: at most 1,000 marks of one extent with one end."""

    marks: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1, max_length=MAX_MARKS)]
    salt: Digest
    commitment: Digest
    certificate: Certificate


class Plan(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-erasure-plan/1"):
    """An erasure of records of one patient, before or after it was carried out."""

    plan: Id
    patient: Id
    time: Millis
    parts: Annotated[tuple[Part, ...], msgspec.Meta(min_length=1)]

    def records(self, extent: Extent) -> list[str]:
        """List the records that are destroyed, or sealed, by the plan."""
        return [
            each.record
            for part in self.parts
            if part.certificate.extent == extent
            for each in part.certificate.records
        ]
