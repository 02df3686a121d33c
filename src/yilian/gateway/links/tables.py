"""What of links is kept in the vault's database.

    health_links          one row for a link: how often it may be opened, how often it was, its end
    health_link_files     its ciphertext, as long as it may be needed
    health_link_records   the records in it, each with a share of the link's key at rest
    health_link_openings  one row for an opening; what the recipient said is sealed

In clear stand ids, times and counts. An address is kept as a keyed mark, so that a copy of the
database opens no link.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sql

from yilian.vault.database import table


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link. Times in ms; `facts` are sealed, and empty once they are gone.

    `epoch` names the life of the database that it was made in (`epoch.py`); `why` is set with
    `ended`.
    """

    link: str
    person: str
    address: str
    epoch: str
    made: int
    expires: int
    allowed: int
    opened: int
    last: int | None
    failures: int
    ended: int | None
    why: str | None
    facts: bytes


@dataclass(frozen=True, slots=True)
class LinkFileRow:
    """A link's file, sealed; apart from the link, so that looking at links does not read it."""

    link: str
    content: bytes


@dataclass(frozen=True, slots=True)
class LinkRecordRow:
    """A record in a link, in the order of the shares."""

    link: str
    place: int
    record: str
    share: bytes


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """An opening: `ticket` marks a file address that still serves once, until `until` (ms)."""

    opening: str
    link: str
    time: int
    said: bytes
    ticket: str | None
    until: int


LINKS = table("health_links", LinkRow, ["link"])
sql.Index("health_links_of_person", LINKS.c.person)
sql.Index("health_links_of_address", LINKS.c.address, unique=True)
FILES = table("health_link_files", LinkFileRow, ["link"])
RECORDS = table("health_link_records", LinkRecordRow, ["link", "place"])
sql.Index("health_link_records_of_record", RECORDS.c.record)
OPENINGS = table("health_link_openings", OpeningRow, ["opening"])
sql.Index("health_link_openings_of_link", OPENINGS.c.link)
sql.Index("health_link_openings_of_ticket", OPENINGS.c.ticket)
