"""What of the training is kept in the vault's database.

    training_attempts     one row for an attempt at a quiz: what was drawn, answered and right
    training_credentials  one row for a credential; the credential itself is sealed

In clear stand ids, times, counts and words of the courses. Nothing of it is about health.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sql

from yilian.vault.database import table


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt. Times in ms; `drawn` and `answers` are JSON (`store.py`).

    `answers`, `correct` and `ended` are set together; `credential` where it was passed.
    """

    attempt: str
    subject: str
    course: str
    version: int
    drawn: str
    started: int
    expires: int
    ended: int | None
    answers: str | None
    correct: int | None
    credential: str | None


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """A credential. `height` is where the chain took its commitment, None until it did.

    `status` is the id under which a withdrawal is anchored; `token` is sealed.
    """

    credential: str
    subject: str
    course: str
    version: int
    band: str
    issued: int
    status: str
    token: bytes
    height: int | None
    withdrawn: int | None
    reason: str | None


ATTEMPTS = table("training_attempts", AttemptRow, ["attempt"])
sql.Index("training_attempts_of_subject", ATTEMPTS.c.subject, ATTEMPTS.c.course)
CREDENTIALS = table("training_credentials", CredentialRow, ["credential"])
sql.Index("training_credentials_of_subject", CREDENTIALS.c.subject)
