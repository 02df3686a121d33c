"""The questions about replicas between members, and their answers, as they travel. Pure.

Read as strictly as all others (`formats.py`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from yilian.gateway.members.formats import Some
from yilian.gateway.practice.treatment import ShownEncounter
from yilian.ledger.codec import Digest, Id, Millis
from yilian.vault.envelope import Format, JournalLine
from yilian.vault.packages import MAX_RECORDS
from yilian.vault.receiving import OpenedSession
from yilian.vault.replica_formats import ReplicaGrant, ReplicaRecord

MAX_COPIES = 500
MAX_MEMBERS = 64

Names = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_RECORDS)]


class ReplicaPut(Format, frozen=True, kw_only=True):
    """What changed of a replica that the other keeps; `anew`: forget what was there before."""

    allowance: Id
    records: Annotated[tuple[ReplicaRecord, ...], msgspec.Meta(max_length=MAX_RECORDS)] = ()
    grants: Annotated[tuple[ReplicaGrant, ...], msgspec.Meta(max_length=MAX_RECORDS)] = ()
    gone_records: Names = ()
    gone_grants: Names = ()
    anew: bool = False


class ReplicaCopy(Format, frozen=True, kw_only=True):
    """A replica by the digest of what is in it."""

    allowance: Id
    digest: Digest


class ReplicasFresh(Format, frozen=True, kw_only=True):
    """These replicas had everything at `time` (ms)."""

    time: Millis
    copies: Annotated[tuple[ReplicaCopy, ...], msgspec.Meta(max_length=MAX_COPIES)]


class ReplicasDiffer(Format, frozen=True, kw_only=True):
    """Which of them are otherwise where they are kept, and are to be filled anew."""

    differ: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_COPIES)]


class ReplicaNamed(Format, frozen=True, kw_only=True):
    """A replica that is to be destroyed."""

    allowance: Id


class ReplicaAsked(Format, frozen=True, kw_only=True):
    """Release what a session opens of a holder's records that the other keeps a replica of."""

    holder: Id
    session: OpenedSession
    wanted: Some | None = None
    shown: ShownEncounter | None = None


class ReplicaPackageAsked(Format, frozen=True, kw_only=True):
    """The package of a grant to the asker is wanted, from a replica."""

    holder: Id
    grant: Id


class ReplicasTold(Format, frozen=True, kw_only=True):
    """Which members keep a replica for a grant that the other holds."""

    grant: Id
    members: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_MEMBERS)]


class ReplicaLines(Format, frozen=True, kw_only=True):
    """Journal lines of what a replica answered inside a session, for the holder of the records."""

    session: OpenedSession
    lines: Annotated[tuple[JournalLine, ...], msgspec.Meta(min_length=1, max_length=MAX_RECORDS)]
