"""What is worked out from one organisation's records, in one place: content index and origins.

    <vault>/content/<xx>/<person>.sealed   one key per person for both (`keys.py`)

Both follow the vault: `deposited` files what came in, `settle` takes out what the vault has no
more. An erasure calls `settle` for the person; every start settles all, so that a
crash between an erasure and its call, or a backup from before it, leaves nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import sqlalchemy as sql

from yilian.gateway.content.database import PostgreSQL
from yilian.gateway.content.index import ContentIndex
from yilian.gateway.content.keys import ContentKeys
from yilian.gateway.content.origins import OriginStore
from yilian.gateway.index.errors import INDEX_UNAVAILABLE
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import ERASED, KEPT, SEALED
from yilian.vault.database import metadata
from yilian.vault.records import Item
from yilian.vault.vault import Vault

FOLDER = "content"
_AT_ONCE = 200
_CHUNK = 500

log = logging.getLogger("yilian.gateway")
_records = metadata.tables["records"]
_items = metadata.tables["content_items"]
_origins = metadata.tables["content_origins"]


class ContentStores:
    """The content index and the origins of one organisation. Safe for threads."""

    def __init__(
        self, vault: Vault, offset: int = 0, *, url: str | None = None, folder: Path = Path()
    ) -> None:
        """Open both in the vault's folder and database, and settle them.

        `offset`: minutes east of UTC for dates written without a time zone, +480 in China. `url`:
        the PostgreSQL database for the index, if it is not to stand beside the records; relative
        paths in it begin at `folder`. Refuses as `database.PostgreSQL` does.
        """
        self._vault = vault
        self._quiet = RLock()
        self.keys = ContentKeys(vault.folder / FOLDER, vault.keystore)
        self.origins = OriginStore(vault.catalogue, self.keys)
        self.offset = offset
        self._server = None if url is None else PostgreSQL(url, vault.organisation, folder)
        try:
            self.index = ContentIndex(self._server or vault.catalogue, self.keys, offset)
            self.settle()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database of the index, where it has one of its own; again is fine."""
        if self._server is not None:
            self._server.close()

    def deposited(self, items: Sequence[Item]) -> None:
        """File records that the vault took in.

        They are safe by then. Where the index's database does not answer they are filed when they
        are next asked for (`complete`).
        """
        persons: dict[str, list[Item]] = {}
        for each in items:
            persons.setdefault(each.patient, []).append(each)
        try:
            for person, found in persons.items():
                self.index.add(
                    person, ((each.record, each.media_type, each.content) for each in found)
                )
        except Refusal as refusal:
            if refusal.code is not INDEX_UNAVAILABLE:
                raise
            log.warning("the content index does not answer: records are filed later")

    def complete(self, person: str, reader: str) -> None:
        """File a person's records that are not filed yet, after a crash or a restore.

        They are read for it, which is journalled in the name of `reader`, a program.
        """
        filed = set(self.index.records_of(person))
        missing = [each for each in self._vault.records_of(person) if each not in filed]
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            contents = self._vault.read_own(some, reader, "operate")
            rows = self._vault.catalogue.records(some)
            self.index.add(
                person, ((row.record, row.media_type, contents[row.record]) for row in rows)
            )

    def forget(self, records: Iterable[str]) -> None:
        """Forget what is known of records; unknown ones are fine."""
        names = list(records)
        self.index.forget(names)
        self.origins.forget(names)

    def forget_person(self, person: str) -> None:
        """Forget a person: the key first, so that no copy of the database opens any more."""
        self.index.forget_patient(person)
        self.origins.forget_patient(person)

    def settle(self, person: str | None = None) -> None:
        """Take out what the vault has no more or keeps sealed, of one person or of all.

        A person's key goes with their last record. A sealed record is found by nothing here, but
        where it came from stays provable.
        """
        with self.quiet():
            for some in self._unnamed(person):
                self.index.forget(some)
            gone = self._gone(_origins, (KEPT, SEALED), person)
            if gone:
                self.origins.forget(gone)
            keyed = set(self.keys.persons() if person is None else [person])
            held = self._names(_records.c.patient, _records.c.standing != ERASED, distinct=True)
            for each in sorted(keyed.difference(held)):
                self.forget_person(each)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep `settle` waiting, for who keeps origins first and deposits the records then."""
        with self._quiet:
            yield

    def _unnamed(self, person: str | None) -> Iterator[list[str]]:
        """List what the index holds and the vault does not keep, or keeps sealed."""
        if self._server is None:
            gone = self._gone(_items, (KEPT,), person)
            if gone:
                yield gone
            return
        for filed in self.index.filed(person):
            kept: set[str] = set()
            for start in range(0, len(filed), _CHUNK):
                some = _records.c.record.in_(filed[start : start + _CHUNK])
                kept.update(self._names(_records.c.record, some & (_records.c.standing == KEPT)))
            gone = [each for each in filed if each not in kept]
            if gone:
                yield gone

    def _gone(self, table: sql.Table, standing: Sequence[str], person: str | None) -> list[str]:
        kept = sql.select(_records.c.record).where(_records.c.standing.in_(standing))
        which: sql.ColumnElement[bool] = table.c.record.not_in(kept)
        if person is not None:
            which = sql.and_(which, table.c.patient == person)
        return self._names(table.c.record, which)

    def _names(
        self, column: sql.Column[str], which: sql.ColumnElement[bool], *, distinct: bool = False
    ) -> list[str]:
        query = sql.select(column).where(which)
        with self._vault.catalogue.read() as database:
            return list(database.execute(query.distinct() if distinct else query).scalars())
