"""Which account a sign-in elsewhere opens: by issuer and `sub`, never by a name or an address.

Kept is a digest of both; the `sub` itself, which may be a number of staff, is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sql

from yilian.gateway.auth.database import METADATA, AccountsDatabase
from yilian.gateway.auth.oidc_errors import LINKED_ALREADY, LINKED_ELSEWHERE, NOT_LINKED
from yilian.gateway.auth.oidc_token import IdToken
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.vault.database import table, values


@dataclass(frozen=True, slots=True)
class OutsideLink:
    """A sign-in elsewhere and the account that it opens; `who` is a digest."""

    who: str
    issuer: str
    subject: str
    organisation: str
    created: int
    used: int | None


LINKS = table(
    "outside_links",
    OutsideLink,
    ["who"],
    sql.UniqueConstraint("subject", "issuer"),
    tables=METADATA,
)


class OutsideLinks:
    """The links of all accounts. Safe for threads."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def find(self, token: IdToken) -> OutsideLink | None:
        """Find the link of who a token is about."""
        query = sql.select(LINKS).where(LINKS.c.who == _digest(token))
        return self._database.one(OutsideLink, query)

    def of(self, subject: str) -> list[OutsideLink]:
        """List the links of an account, the oldest first."""
        query = sql.select(LINKS).where(LINKS.c.subject == subject).order_by(LINKS.c.created)
        return self._database.rows(OutsideLink, query)

    def add(
        self,
        connection: sql.Connection,
        token: IdToken,
        subject: str,
        organisation: str,
        now: int,
    ) -> None:
        """Link an account; again the same is fine.

        Refuses `outside.linked_elsewhere` and `outside.linked_already`.
        """
        made = OutsideLink(_digest(token), token.iss, subject, organisation, now, None)
        same_who = sql.select(LINKS.c.subject).where(LINKS.c.who == made.who)
        row = connection.execute(same_who).first()
        if row is not None:
            if row[0] != subject:
                raise LINKED_ELSEWHERE()
            return
        own = sql.select(LINKS.c.who).where(LINKS.c.subject == subject, LINKS.c.issuer == token.iss)
        if connection.execute(own).first() is not None:
            raise LINKED_ALREADY()
        connection.execute(sql.insert(LINKS).values(**values(made)))

    def use(self, connection: sql.Connection, link: OutsideLink, now: int) -> None:
        """Note that a link let somebody in; refuses `outside.not_linked` where it is gone."""
        done = connection.execute(
            sql.update(LINKS)
            .where(LINKS.c.who == link.who, LINKS.c.subject == link.subject)
            .values(used=now)
        )
        if done.rowcount != 1:
            raise NOT_LINKED()

    def remove(self, connection: sql.Connection, subject: str, issuer: str) -> None:
        """Unlink an account from a provider; refuses `outside.not_linked`."""
        this = (LINKS.c.subject == subject, LINKS.c.issuer == issuer)
        if connection.execute(sql.delete(LINKS).where(*this)).rowcount == 0:
            raise NOT_LINKED()

    def remove_all(self, connection: sql.Connection, subject: str) -> None:
        """Forget all links of an account."""
        connection.execute(sql.delete(LINKS).where(LINKS.c.subject == subject))


def _digest(token: IdToken) -> str:
    return codec.to_text(
        sha256(b"yilian/outside-link/1\n" + codec.encode({"iss": token.iss, "sub": token.sub}))
    )
