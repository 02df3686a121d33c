"""Bearer tokens for programs that cannot sign: a warehouse system, an ERP, a partner's gateway.

A token is `<id>.<secret>`, told once and kept as SHA-256. It may capture, or query, or both, until
it expires or is revoked; one with a partner sees only what that partner may see. RFC 6750.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import sqlalchemy as sql

from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, code
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.vault.database import position, values

TOKEN_REFUSED = code(9620, "epcis.token_refused", 401)
TOKEN_EXPIRED = code(9621, "epcis.token_expired", 401)
TOKEN_UNKNOWN = code(9622, "epcis.token_unknown", 404)
TOO_MANY_TOKENS = code(9623, "epcis.too_many_tokens", 409, "limit")

Right = Literal["capture", "query"]
RIGHTS: tuple[Right, ...] = get_args(Right)
MAX_TOKENS = 500
"""Tokens of an organisation that are neither expired nor revoked."""
MAX_NAME = 100
MAX_LIFE_MS = 400 * 86_400_000
SECRET_BYTES = 32

_ID = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_TEXT = re.compile(rf"({_ID.pattern})\.([A-Za-z0-9_-]{{43}})")
_GLN = re.compile(r"[0-9]{13}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: who may do what, from and until when (ms of UTC)."""

    token: str
    name: str
    rights: str
    partner: str | None
    created: int
    expires: int
    revoked: int | None
    digest: bytes = field(repr=False)

    def may(self, right: Right) -> bool:
        """Tell whether the token carries a right."""
        return right in self.rights.split()


class Issued(NamedTuple):
    """A new token: what is kept, and the text that its bearer shows, which is told only now."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"Issued({self.token!r}, ...)"


_TOKENS = table("epcis_tokens", Token, [], position(), sql.UniqueConstraint("token"))


class Tokens:
    """The tokens of one organisation. Safe for threads."""

    def __init__(self, database: SupplyDatabase, now: Callable[[], int]) -> None:
        """`now` gives milliseconds of UTC."""
        self._database = database
        self._now = now

    def issue(
        self, name: str, rights: Sequence[Right], partner: str | None, expires: int
    ) -> Issued:
        """Make a token.

        `partner` is an organisation's id or a GLN of 13 digits. Refuses `malformed` for a name or
        partner that cannot be, no right or one twice, an expiry (ms) that is past or more than 400
        days ahead; `epcis.too_many_tokens`.
        """
        now = self._now()
        wanted = [each for each in RIGHTS if each in rights]
        if not wanted or len(wanted) != len(rights) or not _is_name(name):
            raise MALFORMED()
        if not now < expires <= now + MAX_LIFE_MS or not (partner is None or is_partner(partner)):
            raise MALFORMED()
        secret = codec.to_text(secrets.token_bytes(SECRET_BYTES))
        token = Token(
            token=codec.to_text(secrets.token_bytes(16)),
            name=name,
            rights=" ".join(wanted),
            partner=partner,
            created=now,
            expires=expires,
            revoked=None,
            digest=_digest(secret),
        )
        living = sql.select(sql.func.count()).where(
            _TOKENS.c.revoked.is_(None), _TOKENS.c.expires > now
        )
        with self._database.write() as connection:
            if connection.execute(living).scalar_one() >= MAX_TOKENS:
                raise TOO_MANY_TOKENS(limit=MAX_TOKENS)
            connection.execute(sql.insert(_TOKENS).values(**values(token)))
        return Issued(token, f"{token.token}.{secret}")

    def all(self) -> list[Token]:
        """List all tokens, revoked and expired ones too, the newest first."""
        return self._database.rows(Token, sql.select(_TOKENS).order_by(_TOKENS.c.position.desc()))

    def revoke(self, token: str) -> Token:
        """Revoke a token, at once and for good; again is fine. Refuses `epcis.token_unknown`."""
        with self._database.write() as connection:
            connection.execute(
                sql.update(_TOKENS)
                .where(_TOKENS.c.token == token, _TOKENS.c.revoked.is_(None))
                .values(revoked=self._now())
            )
        found = self.find(token)
        if found is None:
            raise TOKEN_UNKNOWN()
        return found

    def judge(self, text: str) -> Token:
        """Find the token of a text that a caller showed.

        Refuses `epcis.token_refused` alike for what is no token of this organisation, a wrong
        secret and a revoked one, and `epcis.token_expired` only to who knows the secret.
        """
        match = _TEXT.fullmatch(text)
        found = None if match is None else self.find(match[1])
        if match is None or found is None:
            raise TOKEN_REFUSED()
        if not hmac.compare_digest(_digest(match[2]), found.digest) or found.revoked is not None:
            raise TOKEN_REFUSED()
        if found.expires <= self._now():
            raise TOKEN_EXPIRED()
        return found

    def partner(self, token: str) -> str | None:
        """Name the partner that a token was issued to, living or not; None for none."""
        found = self.find(token)
        return None if found is None else found.partner

    def require_living(self, token: str) -> None:
        """Refuse what has ended since: `epcis.token_refused`, `epcis.token_expired`."""
        found = self.find(token)
        if found is None or found.revoked is not None:
            raise TOKEN_REFUSED()
        if found.expires <= self._now():
            raise TOKEN_EXPIRED()

    def standing(self, token: str) -> Literal["living", "expired", "revoked"]:
        """Tell how a token stands; an expired one lives while its partner has another to query."""
        found = self.find(token)
        if found is None or found.revoked is not None:
            return "revoked"
        query = sql.select(_TOKENS.c.rights).where(
            _TOKENS.c.partner.is_not_distinct_from(found.partner),
            _TOKENS.c.revoked.is_(None),
            _TOKENS.c.expires > self._now(),
        )
        with self._database.read() as connection:
            living = any("query" in rights.split() for rights in connection.scalars(query))
        return "living" if living else "expired"

    def find(self, token: str) -> Token | None:
        """Find a token by its id, living or not."""
        return self._database.one(Token, sql.select(_TOKENS).where(_TOKENS.c.token == token))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def is_partner(text: str) -> bool:
    """Tell whether a text names a partner: an organisation's id, or a GLN that checks."""
    if _GLN.fullmatch(text):
        return check_digit(text[:-1]) == text[-1]
    return _ID.fullmatch(text) is not None


def _is_name(text: str) -> bool:
    return 0 < len(text.strip()) <= MAX_NAME and text.isprintable()
