"""The accounts of a node: one SQLite file in its folder, for all organisations that it works for.

    <node folder>/accounts.sqlite

Ids, public keys, digests and moments; the name of a newcomer is sealed. What could be used to sign
in is not here: a code of an invitation is kept as SHA-256, a secret of a second factor sealed under
the key store of the organisation that its owner belongs to, a session's private key is in the
browser.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sql

from yilian.vault import database
from yilian.vault.database import position, table

METADATA = sql.MetaData()
FILE = "accounts.sqlite"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey: its credential id, whose, its COSE key (RFC 9053), and how often it signed."""

    credential: str
    subject: str
    organisation: str
    handle: bytes
    public: bytes
    counter: int
    created: int
    used: int | None


@dataclass(frozen=True, slots=True)
class Factor:
    """A one-time-code secret, sealed; `step` is the last one that served.

    `confirmed`: when its owner showed that they have it; until then only `session` may.
    """

    subject: str
    organisation: str
    sealed: bytes = field(repr=False)
    step: int
    session: str
    confirmed: int | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A way in, once: for whom, by whom, until when; `renews` ends all that was before."""

    invitation: str
    organisation: str
    subject: str
    by: str
    renews: int
    created: int
    expires: int
    used: int | None
    revoked: int | None
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who an invitation is for that is not on the chain yet: name, role and tag, sealed."""

    invitation: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its public key, whose it is, how far they came (`level` 2 is in), until when.

    `way` is `passkey`, `key` or `outside`, `key` the id of a key on the chain that took part.
    `joined`: begun by an invitation. `idle` is how long it may rest (ms).
    """

    session: str
    public: bytes
    subject: str
    organisation: str
    level: int
    way: str
    joined: int
    key: str | None
    created: int
    seen: int
    idle: int
    expires: int
    ended: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """One wrong try: at which door (a digest, nothing that names anybody), and when."""

    door: str
    time: int


PASSKEYS = table(
    "passkeys", Passkey, ["credential"], sql.Index("passkey_of", "subject"), tables=METADATA
)
FACTORS = table("factors", Factor, ["subject"], tables=METADATA)
INVITATIONS = table(
    "invitations",
    Invitation,
    [],
    position(),
    sql.UniqueConstraint("invitation"),
    sql.UniqueConstraint("digest"),
    tables=METADATA,
)
NEWCOMERS = table("newcomers", Newcomer, ["invitation"], tables=METADATA)
SESSIONS = table(
    "sessions", Session, ["session"], sql.Index("session_of", "subject"), tables=METADATA
)
FAILURES = table(
    "failures", Failure, [], position(), sql.Index("failure_at", "door", "time"), tables=METADATA
)


class AccountsDatabase(database.Database):
    """The tables of the file. Safe for threads; one process at a time."""

    FORMAT = 1
    TABLES = METADATA
