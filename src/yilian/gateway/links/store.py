"""Rows of links: written, found, opened one by one, ended. Every change is one transaction.

What may happen once only (an opening, a guess at a passcode, a file address) is one `UPDATE` with
its own condition, so that of two at the same instant one comes first and the other finds it done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sql

from yilian.gateway.links.tables import (
    FILES,
    LINKS,
    OPENINGS,
    RECORDS,
    LinkFileRow,
    LinkRecordRow,
    LinkRow,
    OpeningRow,
)
from yilian.vault.catalogue import Catalogue
from yilian.vault.database import values

MAX_FAILURES = 10
"""Wrong passcodes in the whole life of a link."""

Why = Literal["erased", "expired", "guessed", "restored", "revoked", "used"]


class LinkStore:
    """The links of one organisation. Safe for threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def keep(self, row: LinkRow, content: bytes, records: Sequence[LinkRecordRow]) -> None:
        """Keep a new link with its sealed file, durable on return."""
        with self._catalogue.write() as database:
            database.execute(sql.insert(LINKS), [values(row)])
            database.execute(sql.insert(FILES), [values(LinkFileRow(row.link, content))])
            database.execute(sql.insert(RECORDS), [values(each) for each in records])

    # Finding

    def find(self, link: str) -> LinkRow | None:
        """Find a link by its id."""
        return self._catalogue.one(LinkRow, sql.select(LINKS).where(LINKS.c.link == link))

    def at(self, address: str) -> LinkRow | None:
        """Find a link by the mark of its address."""
        return self._catalogue.one(LinkRow, sql.select(LINKS).where(LINKS.c.address == address))

    def content(self, link: str) -> bytes | None:
        """Give a link's sealed file; None once it is gone."""
        query = sql.select(FILES).where(FILES.c.link == link)
        found = self._catalogue.one(LinkFileRow, query)
        return None if found is None else found.content

    def of(self, person: str) -> list[LinkRow]:
        """List a person's links, the newest first."""
        query = sql.select(LINKS).where(LINKS.c.person == person)
        return self._catalogue.rows(LinkRow, query.order_by(LINKS.c.made.desc(), LINKS.c.link))

    def standing(self, person: str) -> int:
        """Count a person's links that have not ended."""
        query = sql.select(sql.func.count()).select_from(LINKS)
        with self._catalogue.read() as database:
            found = database.execute(
                query.where(LINKS.c.person == person, LINKS.c.ended.is_(None))
            ).scalar_one()
        return int(found)

    def records(self, link: str) -> list[LinkRecordRow]:
        """List a link's records, in order."""
        query = sql.select(RECORDS).where(RECORDS.c.link == link).order_by(RECORDS.c.place)
        return self._catalogue.rows(LinkRecordRow, query)

    def with_records(self, records: Sequence[str]) -> list[str]:
        """List the links that hold one of these records, those that ended too."""
        found: set[str] = set()
        with self._catalogue.read() as database:
            for start in range(0, len(records), 500):
                some = RECORDS.c.record.in_(records[start : start + 500])
                query = sql.select(RECORDS.c.link).where(some)
                found.update(database.execute(query.distinct()).scalars())
        return sorted(found)

    def openings(self, link: str) -> list[OpeningRow]:
        """List a link's openings, oldest first."""
        query = sql.select(OPENINGS).where(OPENINGS.c.link == link)
        return self._catalogue.rows(OpeningRow, query.order_by(OPENINGS.c.time, OPENINGS.c.opening))

    def ticket(self, ticket: str) -> OpeningRow | None:
        """Find the opening that a file address belongs to, by its mark."""
        query = sql.select(OPENINGS).where(OPENINGS.c.ticket == ticket)
        return self._catalogue.one(OpeningRow, query)

    # What happens once

    def guess(self, link: str) -> bool:
        """Count a guess at a passcode before it is judged; tells whether one was left."""
        change = sql.update(LINKS).where(
            LINKS.c.link == link, LINKS.c.ended.is_(None), LINKS.c.failures < MAX_FAILURES
        )
        with self._catalogue.write() as database:
            done = database.execute(change.values(failures=LINKS.c.failures + 1))
        return done.rowcount == 1

    def claim(self, made: OpeningRow, *, guessed: bool) -> bool:
        """Use one opening up and note it; tells whether one was left. Durable on return.

        `guessed`: a guess was counted that turned out right.
        """
        change = sql.update(LINKS).where(
            LINKS.c.link == made.link,
            LINKS.c.ended.is_(None),
            LINKS.c.opened < LINKS.c.allowed,
            LINKS.c.expires > made.time,
        )
        with self._catalogue.write() as database:
            done = database.execute(
                change.values(
                    opened=LINKS.c.opened + 1,
                    failures=LINKS.c.failures - int(guessed),
                    last=made.time,
                )
            )
            if done.rowcount != 1:
                return False
            database.execute(sql.insert(OPENINGS), [values(made)])
        return True

    def take(self, ticket: str, now: int) -> bool:
        """Use a file address up; tells whether it was still good."""
        change = sql.update(OPENINGS).where(OPENINGS.c.ticket == ticket, OPENINGS.c.until > now)
        with self._catalogue.write() as database:
            return database.execute(change.values(ticket=None)).rowcount == 1

    # Ending

    def end(self, link: str, why: Why, now: int, *, content: bool = True) -> bool:
        """End a link; the first reason stays. Tells whether it had not ended.

        With `content` its ciphertext goes, and what it said of itself.
        """
        change = sql.update(LINKS).where(LINKS.c.link == link, LINKS.c.ended.is_(None))
        with self._catalogue.write() as database:
            done = database.execute(change.values(ended=now, why=why)).rowcount == 1
            if content:
                database.execute(sql.delete(FILES).where(FILES.c.link == link))
                tickets = sql.update(OPENINGS).where(OPENINGS.c.link == link)
                database.execute(tickets.values(ticket=None))
        return done

    def forget(self, link: str) -> None:
        """Take out all that a link said, and its shares; ids, times and counts stay."""
        with self._catalogue.write() as database:
            database.execute(sql.update(LINKS).where(LINKS.c.link == link).values(facts=b""))
            database.execute(sql.delete(FILES).where(FILES.c.link == link))
            database.execute(sql.delete(RECORDS).where(RECORDS.c.link == link))
            tickets = sql.update(OPENINGS).where(OPENINGS.c.link == link)
            database.execute(tickets.values(ticket=None))

    def over(self, now: int, epoch: str) -> list[tuple[str, Why]]:
        """List the links that have to end: expired, or of another epoch."""
        late = sql.select(LINKS.c.link).where(LINKS.c.ended.is_(None), LINKS.c.expires <= now)
        other = sql.select(LINKS.c.link).where(LINKS.c.ended.is_(None), LINKS.c.epoch != epoch)
        with self._catalogue.read() as database:
            restored: list[tuple[str, Why]] = [
                (each, "restored") for each in database.execute(other).scalars()
            ]
            known = {link for link, _ in restored}
            expired = [each for each in database.execute(late).scalars() if each not in known]
        return [*restored, *((each, "expired") for each in expired)]

    def spent(self, now: int) -> list[str]:
        """List the links that ended and still have a ciphertext that no file address needs."""
        needed = sql.select(OPENINGS.c.link).where(
            OPENINGS.c.ticket.is_not(None), OPENINGS.c.until > now
        )
        query = (
            sql.select(LINKS.c.link)
            .join(FILES, FILES.c.link == LINKS.c.link)
            .where(LINKS.c.ended.is_not(None), LINKS.c.link.not_in(needed))
        )
        with self._catalogue.read() as database:
            return list(database.execute(query).scalars())
