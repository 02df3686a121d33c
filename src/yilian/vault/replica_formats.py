"""What a holder hands a replica, and what both call the same. Pure.

A replica's items are records and grants. Each has a `state`, a digest that the holder makes and the
replica keeps: by the digest over all of them (`digest_of`) both know whether they have the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Whole
from yilian.ledger.errors import code
from yilian.vault.envelope import Format, KeyName, Terms, binding
from yilian.vault.packages import MAX_RECORDS, ReleasedRecord

REPLICA_NOT_POSSIBLE = code(9731, "replicas.not_possible", 409)
REPLICA_NONE = code(9732, "replicas.none_here", 404)
REPLICA_TOO_OLD = code(9733, "replicas.too_old", 409, "as_of")
REPLICA_NOT_ALLOWED = code(9734, "replicas.not_allowed", 409)

RECORD, GRANT = "record", "grant"
MAX_RECORD = 16 * 1024 * 1024
"""Bytes; what is larger is not replicated."""
_DIGEST = b"yilian/replica/1\0"


class ReplicaRecord(Format, frozen=True, kw_only=True):
    """A record as any grantee with its category key gets it; who has no such key reads nothing.

    `mark` is what the chain calls it when it is erased (`Erasure.mark`).
    """

    name: KeyName
    mark: Digest
    released: ReleasedRecord

    def __repr__(self) -> str:
        return f"<ReplicaRecord {self.released.proof.record}>"


class SingleKey(Format, frozen=True, kw_only=True):
    """The key of one record, wrapped to a grantee's key service (`replica_key_binding`)."""

    record: Id
    recipient: Id
    data_key: Annotated[bytes, msgspec.Meta(max_length=4096)]


class ReplicaGrant(Format, frozen=True, kw_only=True):
    """A grant that a replica answers for: opened terms, and keys that only its grantee opens.

    `package` is the grant's package (`packages.GrantPackage`); `keys` are for terms that name
    single records. Both are empty where the terms have labels taken out.
    """

    grant: Id
    salt: Digest
    terms: Terms
    state: Digest
    package: Annotated[bytes, msgspec.Meta(max_length=4 * 1024 * 1024)] | None
    keys: Annotated[tuple[SingleKey, ...], msgspec.Meta(max_length=MAX_RECORDS)] = ()

    def __repr__(self) -> str:
        return f"<ReplicaGrant {self.grant}>"


class Changes(NamedTuple):
    """What a replica is to be told of one allowance; `anew`: forget all that was there before."""

    records: tuple[ReplicaRecord, ...] = ()
    grants: tuple[ReplicaGrant, ...] = ()
    gone_records: tuple[str, ...] = ()
    gone_grants: tuple[str, ...] = ()
    anew: bool = False


class Item(NamedTuple):
    """One item of a replica: `record` or `grant`, its id, and its state."""

    kind: str
    id: str
    state: str


def digest_of(items: Iterable[Item]) -> str:
    """Name a replica by all that is in it, in whatever order it came."""
    made = hashlib.sha256(_DIGEST)
    for each in sorted(items):
        made.update(codec.encode([each.kind, each.id, each.state]))
    return codec.to_text(made.digest())


def state_of(*parts: str | tuple[str, ...] | Whole) -> str:
    """Make an item's state from what it depends on."""
    return codec.to_text(hashlib.sha256(_DIGEST + codec.encode(list(parts))).digest())


def replica_key_binding(holder: str, grant: str, record: str) -> bytes:
    """Say what a record's key is for that a replica hands on: no session is known yet."""
    return binding("replica-record-key", grant=grant, holder=holder, record=record)
