"""One-time codes of professionals: RFC 6238 (TOTP), SHA-1, six digits, thirty seconds.

These are what every authenticator app reads. A code serves once; the ones before and after are
taken too, for clocks that differ (RFC 6238, section 5.2).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from urllib.parse import quote

import sqlalchemy as sql
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from yilian.gateway.auth.database import FACTORS, AccountsDatabase, Factor
from yilian.gateway.auth.errors import (
    FACTOR_MISSING,
    FACTOR_NOT_WANTED,
    FACTOR_USED,
    FACTOR_WRONG,
)
from yilian.vault.database import values
from yilian.vault.sealer import Sealer

DIGITS = 6
SECONDS = 30
SECRET_BYTES = 20
APART = 1
"""How many steps of thirty seconds a clock may be off."""
ISSUER = "Yilian"


class Factors:
    """The one-time-code secrets of all accounts, sealed. Safe for threads."""

    def __init__(self, database: AccountsDatabase, sealer: Callable[[str], Sealer]) -> None:
        """`sealer` gives the sealer of an organisation's key store."""
        self._database = database
        self._sealer = sealer

    def find(self, subject: str) -> Factor | None:
        """Find the factor of an account, confirmed or not."""
        return self._database.one(Factor, sql.select(FACTORS).where(FACTORS.c.subject == subject))

    def enrol(self, subject: str, organisation: str, session: str, secret: bytes) -> None:
        """Keep a secret until its owner confirms it in this session.

        Refuses `sign_in.factor_not_wanted` where one is confirmed already.
        """
        sealed = self._sealer(organisation).seal(secret, _bound(subject))
        made = Factor(subject, organisation, sealed, 0, session, None)
        with self._database.write() as connection:
            kept = connection.execute(
                sql.select(FACTORS.c.confirmed).where(FACTORS.c.subject == subject)
            ).first()
            if kept is not None and kept[0] is not None:
                raise FACTOR_NOT_WANTED()
            self.remove(connection, subject)
            connection.execute(sql.insert(FACTORS).values(**values(made)))

    def use(
        self, connection: sql.Connection, subject: str, session: str, code: str, now: int
    ) -> None:
        """Use a code up, which confirms the secret.

        Refuses `sign_in.factor_missing`, `sign_in.factor_wrong`, `sign_in.factor_used`.
        """
        row = connection.execute(sql.select(FACTORS).where(FACTORS.c.subject == subject)).first()
        if row is None:
            raise FACTOR_MISSING()
        factor = Factor(*row)
        if factor.confirmed is None and factor.session != session:
            raise FACTOR_MISSING()
        secret = self._sealer(factor.organisation).open(factor.sealed, _bound(subject))
        step = _step(secret, code, now)
        if step is None:
            raise FACTOR_WRONG()
        if step <= factor.step:
            raise FACTOR_USED()
        confirmed = factor.confirmed if factor.confirmed is not None else now
        connection.execute(
            sql.update(FACTORS)
            .where(FACTORS.c.subject == subject)
            .values(step=step, confirmed=confirmed)
        )

    def remove(self, connection: sql.Connection, subject: str) -> None:
        """Forget the factor of an account."""
        connection.execute(sql.delete(FACTORS).where(FACTORS.c.subject == subject))


def base32(secret: bytes) -> str:
    """Write a secret as authenticator apps take it when it is typed."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, label: str) -> str:
    """Write a secret as the `otpauth:` address that apps read from a QR code."""
    return (
        f"otpauth://totp/{ISSUER}:{quote(label, safe='')}?secret={base32(secret)}"
        f"&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period={SECONDS}"
    )


def code_at(secret: bytes, now: int) -> str:
    """Give the code of a moment (ms)."""
    return TOTP(secret, DIGITS, SHA1(), SECONDS).generate(now // 1000).decode()  # noqa: S303


def _step(secret: bytes, code: str, now: int) -> int | None:
    """Find the step that a code is of; each is compared, in constant time."""
    here = now // 1000 // SECONDS
    found = None
    for step in range(here - APART, here + APART + 1):
        expected = code_at(secret, step * SECONDS * 1000)
        if hmac.compare_digest(expected.encode(), code.encode()):
            found = step
    return found


def _bound(subject: str) -> bytes:
    return b"yilian/second-factor/1\n" + subject.encode()
