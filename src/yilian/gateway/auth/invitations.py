"""Invitations: how somebody who is on the chain first comes to sign in.

An organisation gives a one-time code to one of its own; whoever has it makes a passkey for that
account, once. Of the code only the SHA-256 is kept, so nobody who reads the file can use it.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import sqlalchemy as sql

from yilian.gateway.auth.database import INVITATIONS, AccountsDatabase, Invitation
from yilian.gateway.auth.errors import (
    INVITATION_ENDED,
    INVITATION_UNKNOWN,
    INVITATION_USED,
    TOO_MANY,
)
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.vault.database import values

MINUTE_MS = 60_000
LEAST_MINUTES = 15
MOST_MINUTES = 7 * 24 * 60
CODE_BYTES = 16
MAX_OPEN = 10_000
"""Invitations of an organisation that may stand open at once."""


class Issued(NamedTuple):
    """A new invitation, and its code, which is told only now."""

    invitation: Invitation
    code: str

    def __repr__(self) -> str:
        return f"Issued({self.invitation!r}, ...)"


class Invitations:
    """The invitations of all organisations of a node. Safe for threads."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def issue(
        self, organisation: str, subject: str, by: str, minutes: int, renews: bool, now: int
    ) -> Issued:
        """Make an invitation; older ones of the same account end. Refuses `sign_in.too_many`."""
        code = codec.to_text(secrets.token_bytes(CODE_BYTES))
        made = Invitation(
            invitation=codec.to_text(secrets.token_bytes(16)),
            organisation=organisation,
            subject=subject,
            by=by,
            renews=int(renews),
            created=now,
            expires=now + minutes * MINUTE_MS,
            used=None,
            revoked=None,
            digest=_digest(code),
        )
        living = (
            INVITATIONS.c.organisation == organisation,
            INVITATIONS.c.used.is_(None),
            INVITATIONS.c.revoked.is_(None),
            INVITATIONS.c.expires > now,
        )
        with self._database.write() as connection:
            self.revoke_all(connection, subject, now)
            count = sql.select(sql.func.count()).where(*living)
            if connection.execute(count).scalar_one() >= MAX_OPEN:
                raise TOO_MANY(limit=MAX_OPEN)
            connection.execute(sql.insert(INVITATIONS).values(**values(made)))
        return Issued(made, code)

    def by_code(self, code: str, now: int) -> Invitation:
        """Find the invitation of a code, as long as it may be used.

        Refuses `sign_in.invitation_unknown`, and to who knows the code `sign_in.invitation_used`
        and `sign_in.invitation_ended`.
        """
        return _living(self._find(INVITATIONS.c.digest == _digest(code)), now)

    def by_id(self, invitation: str, now: int) -> Invitation:
        """Find an invitation by its id, as long as it may be used; refuses as `by_code`."""
        return _living(self._find(INVITATIONS.c.invitation == invitation), now)

    def use(self, connection: sql.Connection, invitation: str, now: int) -> Invitation:
        """Use an invitation up; refuses as `by_code`."""
        this = INVITATIONS.c.invitation == invitation
        row = connection.execute(sql.select(INVITATIONS).where(this)).first()
        found = _living(None if row is None else _read(row), now)
        connection.execute(sql.update(INVITATIONS).where(this).values(used=now))
        return found

    def of(self, organisation: str) -> list[Invitation]:
        """List the newest invitations of an organisation, those that ended too."""
        query = (
            sql.select(INVITATIONS)
            .where(INVITATIONS.c.organisation == organisation)
            .order_by(INVITATIONS.c.position.desc())
            .limit(500)
        )
        return self._database.rows(Invitation, query)

    def revoke(self, organisation: str, invitation: str, now: int) -> Invitation:
        """End an invitation; again is fine. Refuses unknown and used ones."""
        this = (
            INVITATIONS.c.invitation == invitation,
            INVITATIONS.c.organisation == organisation,
        )
        with self._database.write() as connection:
            row = connection.execute(sql.select(INVITATIONS).where(*this)).first()
            if row is None:
                raise INVITATION_UNKNOWN()
            if _read(row).used is not None:
                raise INVITATION_USED()
            unrevoked = INVITATIONS.c.revoked.is_(None)
            connection.execute(sql.update(INVITATIONS).where(*this, unrevoked).values(revoked=now))
            return _read(connection.execute(sql.select(INVITATIONS).where(*this)).one())

    def revoke_all(self, connection: sql.Connection, subject: str, now: int) -> None:
        """End all open invitations of an account."""
        connection.execute(
            sql.update(INVITATIONS)
            .where(
                INVITATIONS.c.subject == subject,
                INVITATIONS.c.used.is_(None),
                INVITATIONS.c.revoked.is_(None),
            )
            .values(revoked=now)
        )

    def _find(self, *where: sql.ColumnElement[bool]) -> Invitation | None:
        return self._database.one(Invitation, sql.select(INVITATIONS).where(*where))


def _living(found: Invitation | None, now: int) -> Invitation:
    if found is None:
        raise INVITATION_UNKNOWN()
    if found.used is not None:
        raise INVITATION_USED()
    if found.revoked is not None or found.expires <= now:
        raise INVITATION_ENDED()
    return found


def _read(row: sql.Row[Any]) -> Invitation:
    # `position` is the last column and no field.
    columns: tuple[Any, ...] = tuple(row)
    return Invitation(*columns[:-1])


def _digest(code: str) -> bytes:
    return sha256(b"yilian/invitation/1\n" + code.encode())
