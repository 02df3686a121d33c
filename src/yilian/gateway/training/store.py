"""Rows of attempts and credentials. Every change is one transaction.

What may happen once only (an attempt more, an answer sheet) is judged inside the transaction that
writes it, so that of two at the same instant one comes first and the other finds it done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sql

from yilian.gateway.training.courses import DAY_MS, MAX_ATTEMPTS, Drawn
from yilian.gateway.training.errors import NO_ATTEMPT_LEFT
from yilian.gateway.training.tables import ATTEMPTS, CREDENTIALS, AttemptRow, CredentialRow
from yilian.vault.catalogue import Catalogue
from yilian.vault.database import values


def drawn_of(row: AttemptRow) -> tuple[Drawn, ...]:
    """Read which questions an attempt has, and their answers in the order shown."""
    return msgspec.json.decode(row.drawn, type=tuple[Drawn, ...])


def answers_of(row: AttemptRow) -> dict[str, str]:
    """Read what was answered, by question; nothing before the end."""
    return {} if row.answers is None else msgspec.json.decode(row.answers, type=dict[str, str])


class TrainingStore:
    """Attempts and credentials of one organisation. Safe for threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    # -- attempts ------------------------------------------------------------------------------

    def begin(self, made: AttemptRow) -> AttemptRow:
        """Keep a new attempt, or give the one of this course that is open still.

        Refuses `training.no_attempt_left`.
        """
        own = sql.select(ATTEMPTS).where(
            ATTEMPTS.c.subject == made.subject, ATTEMPTS.c.course == made.course
        )
        open_ = own.where(ATTEMPTS.c.ended.is_(None), ATTEMPTS.c.expires > made.started)
        with self._catalogue.write() as database:
            found = database.execute(open_).first()
            if found is not None:
                return AttemptRow(*found)
            if _taken(database, made.subject, made.course, made.started) >= MAX_ATTEMPTS:
                raise NO_ATTEMPT_LEFT(limit=MAX_ATTEMPTS)
            database.execute(sql.insert(ATTEMPTS), [values(made)])
        return made

    def taken(self, subject: str, course: str, now: int) -> int:
        """Count the attempts of a subject at a course that began within the last 24 hours."""
        with self._catalogue.read() as database:
            return _taken(database, subject, course, now)

    def attempt(self, attempt: str) -> AttemptRow | None:
        """Find an attempt."""
        query = sql.select(ATTEMPTS).where(ATTEMPTS.c.attempt == attempt)
        return self._catalogue.one(AttemptRow, query)

    def end(
        self,
        attempt: str,
        now: int,
        answers: Mapping[str, str],
        correct: int,
        credential: CredentialRow | None,
    ) -> bool:
        """End an attempt and keep its credential with it; tells whether it was open still."""
        change = sql.update(ATTEMPTS).where(
            ATTEMPTS.c.attempt == attempt, ATTEMPTS.c.ended.is_(None), ATTEMPTS.c.expires > now
        )
        told: dict[str, Any] = {
            "ended": now,
            "answers": msgspec.json.encode(dict(answers)).decode(),
            "correct": correct,
            "credential": None if credential is None else credential.credential,
        }
        with self._catalogue.write() as database:
            if database.execute(change.values(**told)).rowcount != 1:
                return False
            if credential is not None:
                database.execute(sql.insert(CREDENTIALS), [values(credential)])
        return True

    # -- credentials ---------------------------------------------------------------------------

    def credential(self, credential: str) -> CredentialRow | None:
        """Find a credential."""
        query = sql.select(CREDENTIALS).where(CREDENTIALS.c.credential == credential)
        return self._catalogue.one(CredentialRow, query)

    def credentials(self, subject: str | None = None) -> list[CredentialRow]:
        """List credentials, the newest first: a subject's, or all."""
        query = sql.select(CREDENTIALS)
        if subject is not None:
            query = query.where(CREDENTIALS.c.subject == subject)
        newest = query.order_by(CREDENTIALS.c.issued.desc(), CREDENTIALS.c.credential)
        return self._catalogue.rows(CredentialRow, newest)

    def anchored(self, credential: str, height: int) -> None:
        """Note where the chain took a credential's commitment."""
        self._change(credential, height=height)

    def withdrawn(self, credential: str, now: int, reason: str) -> None:
        """Note that a credential was withdrawn; the first reason stays."""
        change = sql.update(CREDENTIALS).where(
            CREDENTIALS.c.credential == credential, CREDENTIALS.c.withdrawn.is_(None)
        )
        with self._catalogue.write() as database:
            database.execute(change.values(withdrawn=now, reason=reason))

    def forget(self, subject: str) -> None:
        """Forget what is kept of a subject, for an erasure; again is fine.

        A credential that they took away still verifies: the chain has its commitment alone.
        """
        with self._catalogue.write() as database:
            for each in (ATTEMPTS, CREDENTIALS):
                database.execute(sql.delete(each).where(each.c.subject == subject))

    def _change(self, credential: str, **told: Any) -> None:
        change = sql.update(CREDENTIALS).where(CREDENTIALS.c.credential == credential)
        with self._catalogue.write() as database:
            database.execute(change.values(**told))


def _taken(database: sql.Connection, subject: str, course: str, now: int) -> int:
    count = sql.select(sql.func.count()).select_from(ATTEMPTS)
    found = database.execute(
        count.where(
            ATTEMPTS.c.subject == subject,
            ATTEMPTS.c.course == course,
            ATTEMPTS.c.started > now - DAY_MS,
        )
    ).scalar_one()
    return int(found)
