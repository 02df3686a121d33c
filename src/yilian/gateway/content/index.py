"""The content index: which of a person's records say what, found without reading them all.

Encrypted at rest. A row holds the record's id, the person's id and a sealed blob of what the record
says (`extract.Values`); blind tokens of type, codes, categories and months stand beside it for
equality search. Both are under the person's own key (`keys.py`): destroying that key erases the
person's index in the database and in every copy of it. The index is disposable: `rebuild` makes it
again from the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.gateway.content.database import Tables, insert
from yilian.gateway.content.errors import CONTENT_ASKED, CONTENT_OF_ANOTHER
from yilian.gateway.content.extract import Values, extract
from yilian.gateway.content.keys import ContentKey, ContentKeys
from yilian.gateway.content.moments import months
from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal
from yilian.vault.database import metadata, position, table
from yilian.vault.envelope import binding

MAX_MONTHS = 24
"""A record or question that spans more months is filed, or asked for, without its months."""

_CHUNK = 500
_PAGE = 5_000
_WIDE = "month=*"
_ids = codec.decoder(Id)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One record of a person, and what it says, sealed."""

    record: str
    patient: str
    sealed: bytes


_items = table(
    "content_items",
    ItemRow,
    (),
    position(),
    sql.UniqueConstraint("record"),
    sql.Index("content_items_of_patient", "patient"),
)
_tokens = sql.Table(
    "content_tokens",
    metadata,
    sql.Column("token", sql.LargeBinary, primary_key=True),
    sql.Column("item", sql.Integer, primary_key=True),
    sql.Index("content_tokens_of_item", "item"),
    sqlite_with_rowid=False,
)

_decoder = msgspec.msgpack.Decoder(Values)
_encoder = msgspec.msgpack.Encoder()

Content = tuple[str, str, bytes]
"""A record to index: its id, its media type, its exact bytes."""


class Found(NamedTuple):
    """A record that was found, and what it says."""

    record: str
    values: Values


class ContentIndex:
    """The content index of one organisation. Safe for threads."""

    def __init__(self, database: Tables, keys: ContentKeys, offset: int = 0) -> None:
        """Open the index in the vault's database, or in one of its own.

        `offset`: minutes east of UTC for dates written without a time zone, +480 in China.
        """
        self._database = database
        self._keys = keys
        self._offset = offset
        with database.write() as connection:
            metadata.create_all(connection, tables=[_items, _tokens])

    def add(self, patient: str, records: Iterable[Content]) -> int:
        """Index records of a person in one transaction; a record indexed before is replaced.

        What cannot be read is filed with no values, so that the index knows every record. Gives the
        number of records. Refuses `malformed` ids, and `content.of_another` for a record that is
        another person's; nothing is indexed then.
        """
        taken = _checked(records)
        if not taken:
            return 0
        key = self._keys.current(patient)
        rows = [(name, self._values(media, content)) for name, (media, content) in taken.items()]
        with self._database.write() as connection:
            _refuse_others(connection, patient, list(taken))
            _drop(connection, _items.c.record, list(taken))
            _insert(connection, key, patient, rows)
        return len(rows)

    def _values(self, media_type: str, content: bytes) -> Values:
        try:
            return extract(media_type, content, self._offset)
        except Refusal:
            return Values()

    def find(
        self,
        patient: str,
        *,
        type: str | None = None,  # noqa: A002 (the FHIR word)
        code: str | None = None,
        category: str | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> list[Found]:
        """Find a person's records by FHIR type, code, category and time; all that is given holds.

        `code` and `category` are `system|code`, or a code of any system. `since` and `until` are
        milliseconds of UTC, `until` not included; a record fits when its time overlaps, and one
        without a time never does. In order of time, those without one last. Refuses
        `content.asked` for `since` that is not below `until`, `content.seal_broken`.
        """
        if since is not None and until is not None and since >= until:
            raise CONTENT_ASKED()
        key = self._keys.find(patient)
        if key is None:
            return []
        words = [f"type={type}"] if type is not None else []
        words += [f"code={code}"] if code is not None else []
        words += [f"category={category}"] if category is not None else []
        query = sql.select(_items).where(_items.c.patient == patient)
        for word in words:
            query = query.where(_items.c.position.in_(_having([key.token(word)])))
        if since is not None and until is not None:
            asked = list(islice(months(since, until), MAX_MONTHS + 1))
            if len(asked) <= MAX_MONTHS:
                buckets = [key.token(f"month={each}") for each in asked] + [key.token(_WIDE)]
                query = query.where(_items.c.position.in_(_having(buckets)))
        rows = self._database.rows(ItemRow, query)
        found = (Found(row.record, _opened(key, row)) for row in rows)
        return sorted((each for each in found if _within(each, since, until)), key=_order)

    def records_of(self, patient: str) -> list[str]:
        """List which of a person's records are filed."""
        with self._database.read() as connection:
            query = sql.select(_items.c.record).where(_items.c.patient == patient)
            return list(connection.execute(query).scalars())

    def filed(self, patient: str | None = None) -> Iterator[list[str]]:
        """List the records that are filed, of a person or of all, some thousand at a time."""
        last = 0
        while True:
            query = sql.select(_items.c.position, _items.c.record).where(_items.c.position > last)
            if patient is not None:
                query = query.where(_items.c.patient == patient)
            with self._database.read() as connection:
                rows = connection.execute(query.order_by(_items.c.position).limit(_PAGE)).all()
            if not rows:
                return
            last = rows[-1].position
            yield [row.record for row in rows]

    def forget(self, records: Sequence[str]) -> None:
        """Remove records from the index; unknown ones are fine."""
        with self._database.write() as connection:
            _drop(connection, _items.c.record, list(records))
        self._database.empty_log()

    def forget_patient(self, patient: str) -> None:
        """Erase a person from the index: their key first, so that a crash leaves nothing readable.

        The key is also that of the person's origins (`origins.py`): those are gone with it.
        """
        self._keys.destroy(patient)
        with self._database.write() as connection:
            _drop(connection, _items.c.patient, [patient])
        self._database.empty_log()

    def rebuild(self, persons: Iterable[tuple[str, Iterable[Content]]]) -> int:
        """Make the index again from the vault, person by person; others are removed from it.

        Gives the number of records. While it runs, each person is found as before or as after.
        """
        count = 0
        seen: set[str] = set()
        for patient, records in persons:
            seen.add(patient)
            count += self._replace(patient, records)
        with self._database.read() as connection:
            known = connection.execute(sql.select(_items.c.patient).distinct()).scalars().all()
        with self._database.write() as connection:
            _drop(connection, _items.c.patient, [each for each in known if each not in seen])
        self._database.empty_log()
        return count

    def _replace(self, patient: str, records: Iterable[Content]) -> int:
        taken = _checked(records)
        rows = [(name, self._values(media, content)) for name, (media, content) in taken.items()]
        key = self._keys.current(patient)
        with self._database.write() as connection:
            _drop(connection, _items.c.patient, [patient])
            # Whatever a damaged index says: the vault knows whose records these are.
            _drop(connection, _items.c.record, list(taken))
            _insert(connection, key, patient, rows)
        return len(rows)


def _checked(records: Iterable[Content]) -> dict[str, tuple[str, bytes]]:
    taken: dict[str, tuple[str, bytes]] = {}
    for record, media_type, content in records:
        codec.decode_with(_ids, codec.encode(record))
        taken[record] = (media_type, content)
    return taken


def _refuse_others(connection: sql.Connection, patient: str, records: list[str]) -> None:
    for chunk in _chunks(records):
        query = sql.select(_items.c.record).where(
            _items.c.record.in_(chunk), _items.c.patient != patient
        )
        other = connection.execute(query).scalars().first()
        if other is not None:
            raise CONTENT_OF_ANOTHER(record=other)


def _drop(connection: sql.Connection, column: sql.Column[str], names: list[str]) -> None:
    """Remove the items where `column` has one of these values; SQLite overwrites them."""
    for chunk in _chunks(names):
        which = sql.select(_items.c.position).where(column.in_(chunk))
        connection.execute(sql.delete(_tokens).where(_tokens.c.item.in_(which)))
        connection.execute(sql.delete(_items).where(column.in_(chunk)))


def _insert(
    connection: sql.Connection, key: ContentKey, patient: str, rows: list[tuple[str, Values]]
) -> None:
    if not rows:
        return
    last = connection.execute(sql.select(sql.func.max(_items.c.position))).scalar() or 0
    items, tokens = [], []
    blind: dict[str, bytes] = {}
    for place, (record, said) in enumerate(rows, last + 1):
        sealed = key.seal(_encoder.encode(said), _binding(record, patient))
        items.append((record, patient, sealed, place))
        for word in set(_words(said)):
            if word not in blind:
                blind[word] = key.token(word)
            tokens.append((blind[word], place))
    insert(connection, _items, items)
    if tokens:
        insert(connection, _tokens, sorted(tokens))


def _words(said: Values) -> Iterator[str]:
    """List what a record is found by; a code both with its system and alone."""
    if said.type:
        yield f"type={said.type}"
    for name, codes in (("code", said.codes), ("category", said.categories)):
        for each in codes:
            yield f"{name}={each.key()}"
            yield f"{name}={each.code}"
    if said.time is None or said.time.low is None or said.time.high is None:
        return
    touched = list(islice(months(said.time.low, said.time.high), MAX_MONTHS + 1))
    wide = len(touched) > MAX_MONTHS
    yield from [_WIDE] if wide else [f"month={each}" for each in touched]


def _having(tokens: list[bytes]) -> sql.Select[tuple[int]]:
    return sql.select(_tokens.c.item).where(_tokens.c.token.in_(tokens))


def _opened(key: ContentKey, row: ItemRow) -> Values:
    data = key.open(row.sealed, _binding(row.record, row.patient), row.record)
    return _decoder.decode(data)


def _within(found: Found, since: int | None, until: int | None) -> bool:
    if since is None and until is None:
        return True
    time = found.values.time
    if time is None or time.low is None or time.high is None:
        return False
    return (since is None or time.high > since) and (until is None or time.low < until)


def _order(found: Found) -> tuple[bool, int, str]:
    time = found.values.time
    low = None if time is None else time.low
    return low is None, low or 0, found.record


def _binding(record: str, patient: str) -> bytes:
    return binding("content", record=record, patient=patient)


def _chunks(names: list[str]) -> Iterator[list[str]]:
    return (names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK))
