"""Sessions: a browser's key that stands for somebody who signed in, until it ends.

A session is worth nothing without its private key, which stays in the browser. It ends by signing
out, by time, and at once when the chain says that its subject, or a key that took part in the
sign-in, no longer stands.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sql

from yilian.gateway.auth import claim
from yilian.gateway.auth.database import SESSIONS, AccountsDatabase, Session
from yilian.gateway.auth.errors import (
    SESSION_ENDED,
    SESSION_EXPIRED,
    SESSION_KEY_DIFFERS,
    SESSION_REVOKED,
    SESSION_UNKNOWN,
)
from yilian.ledger import codec
from yilian.ledger.modules.identity.state import KEYS, Subject, standing
from yilian.ledger.state import State
from yilian.node.config import SignIn
from yilian.vault.database import values

IN = 2
"""The level of a session that is in; a professional's begins at 1."""
FIRST_MS = 600_000
"""How long a professional has for the second factor."""
JOINING_MS = 3_600_000
"""How long a professional who joins has to set the second factor up."""
SEEN_EVERY_MS = 60_000
"""`seen` is written this often at most."""
MAX_SESSIONS = 20
"""Sessions of one account; one more ends the one that rested longest."""
KEPT_MS = 30 * 86_400_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class Sessions:
    """The sessions of all accounts. Safe for threads."""

    def __init__(self, database: AccountsDatabase, times: SignIn) -> None:
        self._database = database
        self._times = times

    def begin(
        self,
        connection: sql.Connection,
        public: bytes,
        name: str,
        subject: Subject,
        now: int,
        *,
        way: str,
        joined: bool = False,
        key: str | None = None,
    ) -> Session:
        """Begin a session: a person is in, a professional must give the second factor."""
        person = subject.kind == "person"
        first = JOINING_MS if joined else FIRST_MS
        made = Session(
            session=codec.to_text(secrets.token_bytes(16)),
            public=public,
            subject=name,
            organisation=name if subject.kind == "organisation" else subject.organisation,
            level=IN if person else 1,
            way=way,
            joined=int(joined),
            key=key,
            created=now,
            seen=now,
            idle=self._idle(person) if person else first,
            expires=now + (self._times.person_days * DAY_MS if person else first),
            ended=None,
            reason=None,
        )
        self._make_room(connection, name, now)
        connection.execute(sql.insert(SESSIONS).values(**values(made)))
        return made

    def let_in(self, connection: sql.Connection, session: Session, now: int, **more: str) -> None:
        """Let a professional in who gave the second factor; `more` is the key that gave it."""
        connection.execute(
            sql.update(SESSIONS)
            .where(SESSIONS.c.session == session.session, SESSIONS.c.ended.is_(None))
            .values(
                level=IN,
                seen=now,
                idle=self._idle(person=False),
                expires=session.created + self._times.staff_hours * HOUR_MS,
                **more,
            )
        )

    def find(self, session: str) -> Session | None:
        """Find a session by its id."""
        return self._database.one(
            Session, sql.select(SESSIONS).where(SESSIONS.c.session == session)
        )

    def of(self, subject: str, now: int) -> list[Session]:
        """List the living sessions of an account, the last one used first."""
        query = sql.select(SESSIONS).where(SESSIONS.c.subject == subject, *_living(now))
        return self._database.rows(Session, query.order_by(SESSIONS.c.seen.desc()))

    def end(self, subject: str, now: int, reason: str, *which: sql.ColumnElement[bool]) -> int:
        """End living sessions of an account, all or those `which` names; gives how many."""
        with self._database.write() as connection:
            return self.end_in(connection, subject, now, reason, *which)

    def end_in(
        self,
        connection: sql.Connection,
        subject: str,
        now: int,
        reason: str,
        *which: sql.ColumnElement[bool],
    ) -> int:
        """End them within a transaction."""
        done = connection.execute(
            sql.update(SESSIONS)
            .where(SESSIONS.c.subject == subject, *_living(now), *which)
            .values(ended=now, reason=reason)
        )
        return done.rowcount

    def require(self, named: str) -> Session:
        """Find a session, whoever names it; refuses `sign_in.session_unknown`."""
        found = self.find(named)
        if found is None:
            raise SESSION_UNKNOWN()
        return found

    @staticmethod
    def require_signed(session: Session, signed: bytes, signature: bytes) -> None:
        """Refuse `sign_in.session_key_differs` for what another key signed."""
        if not claim.verifies(session.public, signed, signature):
            raise SESSION_KEY_DIFFERS()

    def require_living(self, session: Session, state: State, now: int) -> Subject:
        """Give the subject of a session that goes on.

        Refuses `sign_in.session_ended`, `sign_in.session_expired`, and `sign_in.session_revoked`,
        which ends it for good.
        """
        if session.ended is not None:
            raise SESSION_REVOKED() if session.reason == "revoked" else SESSION_ENDED()
        if now >= session.expires or now - session.seen >= session.idle:
            raise SESSION_EXPIRED()
        subject = standing(state, session.subject)
        key = None if session.key is None else KEYS.get(state, session.key)
        gone = session.key is not None and (
            key is None or key.until is not None or key.owner != session.subject
        )
        if subject is None or gone:
            self.end(session.subject, now, "revoked", SESSIONS.c.session == session.session)
            raise SESSION_REVOKED()
        return subject

    def touch(self, session: Session, now: int) -> None:
        """Note that a session was used, at most once a minute."""
        if now - session.seen >= SEEN_EVERY_MS:
            with self._database.write() as connection:
                connection.execute(
                    sql.update(SESSIONS)
                    .where(SESSIONS.c.session == session.session)
                    .values(seen=now)
                )

    def _idle(self, person: bool) -> int:
        times = self._times
        return times.person_idle_days * DAY_MS if person else times.staff_idle_minutes * MINUTE_MS

    def _make_room(self, connection: sql.Connection, subject: str, now: int) -> None:
        connection.execute(sql.delete(SESSIONS).where(SESSIONS.c.expires < now - KEPT_MS))
        living = (
            sql.select(SESSIONS.c.session)
            .where(SESSIONS.c.subject == subject, *_living(now))
            .order_by(SESSIONS.c.seen.desc())
            .offset(MAX_SESSIONS - 1)
        )
        for (old,) in connection.execute(living).all():
            self.end_in(connection, subject, now, "too_many", SESSIONS.c.session == old)


def _living(now: int) -> tuple[sql.ColumnElement[bool], ...]:
    return (
        SESSIONS.c.ended.is_(None),
        SESSIONS.c.expires > now,
        SESSIONS.c.seen + SESSIONS.c.idle > now,
    )
