"""What a repository keeps: its events in the order they came in, and what they are found by.

One row per event. `sequence` counts from 1 without gaps in the order in which events became
visible; a row without one belongs to a capture that is still under way, and nobody sees it, or it
is the part of an event that a partner sees (`views.py`), and nobody else does. Beside the rows
stands one table of terms, (name, value, row), which every question of the query language
is answered from; it is worked out from the events alone (`terms.py`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis import event_hash
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.terms import microseconds, terms
from yilian.gateway.supply.database import METADATA

VIEWED = 500
"""How many values are bound in one statement at most."""

events_table = sql.Table(
    "epcis_events",
    METADATA,
    sql.Column("row", sql.Integer, primary_key=True),
    sql.Column("sequence", sql.Integer, unique=True),
    sql.Column("event_id", sql.Text, nullable=False),
    sql.Column("event_time", sql.BigInteger, nullable=False),
    sql.Column("record_time", sql.BigInteger),
    sql.Column("digest", sql.LargeBinary, nullable=False),
    sql.Column("declares", sql.Integer, nullable=False),
    sql.Column("salt", sql.LargeBinary, nullable=False),
    sql.Column("submitter", sql.Text, nullable=False),
    sql.Column("job", sql.Text),
    sql.Column("place", sql.Integer),
    sql.Column("content", sql.LargeBinary, nullable=False),
)
"""`event_time` in microseconds, `record_time` in milliseconds; `declares`: whether it declares an
error; `job` and `place` (the number of the event within its document) of a capture that is under
way; `content` is canonical JSON."""
# None of these holds the sequence, so that publishing a large capture touches few pages.
sql.Index("epcis_events_id", events_table.c.event_id)
sql.Index("epcis_events_time", events_table.c.event_time)
sql.Index("epcis_events_job", events_table.c.job, sqlite_where=events_table.c.job.is_not(None))

terms_table = sql.Table(
    "epcis_terms",
    METADATA,
    sql.Column("name", sql.BigInteger, primary_key=True, autoincrement=False),
    sql.Column("value", sql.Text, primary_key=True),
    sql.Column("row", sql.Integer, primary_key=True),
    sqlite_with_rowid=False,
)

visible_table = sql.Table(
    "epcis_visible",
    METADATA,
    sql.Column("partner", sql.Text, primary_key=True),
    sql.Column("place", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("sequence", sql.Integer, nullable=False),
    sql.Column("row", sql.Integer),
    sql.Column("own", sql.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What a partner sees, in the order in which it was shown: `place` counts from 1 for each of them.

`sequence` is the event that it is of, `row` what is shown: the event's own, or that of a part of
it; NULL where it was taken back. `own`: it is no part of a pack's life, and stays as it is.
"""
sql.Index("epcis_visible_row", visible_table.c.partner, visible_table.c.row)
sql.Index("epcis_visible_sequence", visible_table.c.sequence, visible_table.c.partner)

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Stored(NamedTuple):
    """An event of the repository.

    `record_time` in milliseconds of UTC; `digest` is that of its CBV 2.0 hash; `salt` is random and
    its own; `content` is its canonical JSON, without `recordTime`.
    """

    sequence: int
    event_id: str
    record_time: int
    digest: bytes
    salt: bytes
    content: bytes
    submitter: str

    @property
    def event(self) -> Event:
        """The event itself, read anew at each use, with its `recordTime`."""
        event: Event = _decoder.decode(self.content)
        event["recordTime"] = timestamp(self.record_time)
        return event


class Holder(NamedTuple):
    """What an event id stands for: the newest event under it, if that declares an error or not."""

    digest: bytes
    declares: bool


class Prepared(NamedTuple):
    """An event that was judged and may be stored; `place`: its number within its document."""

    place: int
    event_id: str
    event_time: int
    digest: bytes
    declares: bool
    content: bytes
    terms: frozenset[tuple[int, str]]

    @property
    def holder(self) -> Holder:
        """What its id stands for once it is stored."""
        return Holder(self.digest, self.declares)

    def may_follow(self, holder: Holder | None) -> bool:
        """Tell whether it may come under an id that stands for `holder` (None: for nothing).

        An event and the declaration of an error in it have the same id, and differ in nothing but
        the declaration and the record time (EPCIS 2.0, section 7.4.1.4). Nothing else comes twice.
        """
        if holder is None:
            return True
        return self.declares and not holder.declares and self.digest == holder.digest


STORED = [
    events_table.c[name]
    for name in ("sequence", "event_id", "record_time", "digest", "salt", "content", "submitter")
]


def timestamp(moment: int) -> str:
    """Write milliseconds of UTC as EPCIS does."""
    text = datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment % 1000:03d}Z"


def encode(event: Event) -> bytes:
    """Write an event as canonical JSON: sorted names, numbers as they were written."""
    return _encoder.encode(event)


def decode(content: bytes) -> Event:
    """Read an event that `encode` wrote."""
    event: Event = _decoder.decode(content)
    return event


def prepare(event: Event, place: int = 0) -> Prepared:
    """Work out all that is stored of a valid event; it gets an `eventID` if it has none."""
    kept = {name: value for name, value in event.items() if name != "recordTime"}
    event_id = kept.get("eventID") or f"urn:uuid:{uuid4()}"
    kept["eventID"] = event_id
    return Prepared(
        place,
        event_id,
        microseconds(kept["eventTime"]),
        event_hash.digest(event, "2.0"),
        kept.get("errorDeclaration") is not None,
        encode(kept),
        frozenset(terms(kept)),
    )


def insert(
    connection: sql.Connection, prepared: Sequence[Prepared], submitter: str, job: str | None
) -> list[int]:
    """Store events that nobody sees yet (`publish`); gives their rows."""
    if not prepared:
        return []
    first = int(connection.scalar(sql.select(sql.func.max(events_table.c.row))) or 0) + 1
    connection.exec_driver_sql(
        "INSERT INTO epcis_events (row, event_id, event_time, digest, declares, salt, submitter,"
        " job, place, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                first + number,
                each.event_id,
                each.event_time,
                each.digest,
                int(each.declares),
                secrets.token_bytes(32),
                submitter,
                job,
                each.place,
                each.content,
            )
            for number, each in enumerate(prepared)
        ],
    )
    # Sorted, so that neighbours in the table are written together.
    found = sorted(
        (name, value, first + number)
        for number, each in enumerate(prepared)
        for name, value in each.terms
    )
    if found:
        connection.exec_driver_sql(
            "INSERT INTO epcis_terms (name, value, row) VALUES (?, ?, ?)", found
        )
    return list(range(first, first + len(prepared)))


def publish(connection: sql.Connection, rows: Sequence[int], now: int) -> tuple[int, int]:
    """Give rows their place in the log, in the order given; tells their first and last sequence.

    Their record time is the same for all, and never before that of the event before them.
    """
    last, moment = _end_of_log(connection, now)
    connection.exec_driver_sql(
        "UPDATE epcis_events SET sequence = ?, record_time = ? WHERE row = ?",
        [(last + 1 + number, moment, row) for number, row in enumerate(rows)],
    )
    return last + 1, last + len(rows)


def publish_job(connection: sql.Connection, job: str, now: int) -> int:
    """Publish all that a capture has stored, in the order of its document; tells how many."""
    last, moment = _end_of_log(connection, now)
    done = connection.exec_driver_sql(
        "UPDATE epcis_events SET sequence = ? + stored.number, record_time = ?, job = NULL,"
        " place = NULL FROM (SELECT row AS of_row, ROW_NUMBER() OVER (ORDER BY place) AS number"
        " FROM epcis_events WHERE job = ?) AS stored WHERE row = stored.of_row",
        (last, moment, job),
    )
    return done.rowcount


def _end_of_log(connection: sql.Connection, now: int) -> tuple[int, int]:
    last = newest(connection)
    before = connection.scalar(
        sql.select(events_table.c.record_time).where(events_table.c.sequence == last)
    )
    return last, max(now, int(before or 0))


def taken(connection: sql.Connection, job: str) -> list[tuple[int, int]]:
    """Give row and place of what a capture has stored under event ids that are taken meanwhile.

    See `Prepared.may_follow`.
    """
    own, other = events_table.c, events_table.alias()
    may_not_follow = sql.or_(own.declares == 0, other.c.declares == 1, other.c.digest != own.digest)
    found = connection.execute(
        sql.select(own.row, own.place)
        .where(
            own.job == job,
            sql.exists().where(
                other.c.event_id == own.event_id, other.c.sequence.is_not(None), may_not_follow
            ),
        )
        .order_by(own.place)
    )
    return [(int(row), int(place)) for row, place in found]


def newest(connection: sql.Connection) -> int:
    """Give the sequence of the newest event; 0 where there is none."""
    return int(connection.scalar(sql.select(sql.func.max(events_table.c.sequence))) or 0)


def withdraw(connection: sql.Connection, rows: Sequence[int]) -> None:
    """Remove rows that were not published, and their terms."""
    for some in _chunks(rows):
        found = connection.execute(
            sql.select(events_table.c.row, events_table.c.content).where(
                events_table.c.row.in_(some), events_table.c.sequence.is_(None)
            )
        ).all()
        gone = [(name, value, row) for row, content in found for name, value in found_by(content)]
        if gone:
            connection.exec_driver_sql(
                "DELETE FROM epcis_terms WHERE name = ? AND value = ? AND row = ?", gone
            )
        connection.execute(
            sql.delete(events_table).where(
                events_table.c.row.in_(some), events_table.c.sequence.is_(None)
            )
        )


def found_by(content: bytes) -> Iterator[tuple[int, str]]:
    """Work out again what a stored event is found by."""
    yield from frozenset(terms(_decoder.decode(content)))


def rows_of(connection: sql.Connection, job: str) -> list[int]:
    """Give the rows of a capture that is under way, in the order of its document."""
    return list(
        connection.scalars(
            sql.select(events_table.c.row)
            .where(events_table.c.job == job)
            .order_by(events_table.c.place)
        )
    )


def holders(connection: sql.Connection, event_ids: Iterable[str]) -> dict[str, Holder]:
    """Tell what those of these event ids stand for that are taken."""
    event = events_table.c
    found: dict[str, Holder] = {}
    for some in _chunks(list(event_ids)):
        taken_ids = connection.execute(
            sql.select(event.event_id, event.digest, event.declares)
            .where(event.event_id.in_(some), event.sequence.is_not(None))
            .order_by(event.sequence)
        )
        for event_id, digest, declares in taken_ids:
            found[event_id] = Holder(digest, bool(declares))
    return found


def read(connection: sql.Connection, *conditions: sql.ColumnElement[bool]) -> list[Stored]:
    """Read events of the log in the order they came in."""
    found = connection.execute(
        sql.select(*STORED)
        .where(events_table.c.sequence.is_not(None), *conditions)
        .order_by(events_table.c.sequence)
    )
    return [Stored(*row) for row in found]


def read_seen(
    connection: sql.Connection, viewer: str, *conditions: sql.ColumnElement[bool]
) -> list[Stored]:
    """Read what a partner sees, in the order in which it was shown; `sequence` is the log's."""
    seen = visible_table.c
    found = connection.execute(
        sql.select(seen.sequence, *STORED[1:])
        .join_from(visible_table, events_table, events_table.c.row == seen.row)
        .where(seen.partner == viewer, *conditions)
        .order_by(seen.place)
    )
    return [Stored(*row) for row in found]


def insert_parts(connection: sql.Connection, parts: Sequence[tuple[Stored, bytes]]) -> list[int]:
    """Store parts of events, each as canonical JSON with an id of its own; gives their rows.

    They are recorded when their event was, and have no place in the log.
    """
    prepared = [prepare(_decoder.decode(content)) for _, content in parts]
    rows: list[int] = []
    for each, (stored, _) in zip(prepared, parts, strict=True):
        rows += insert(connection, [each], stored.submitter, None)
    if rows:
        connection.exec_driver_sql(
            "UPDATE epcis_events SET record_time = ? WHERE row = ?",
            [(stored.record_time, row) for row, (stored, _) in zip(rows, parts, strict=True)],
        )
    return rows


def fingerprint(parts: Iterable[bytes]) -> str:
    """Give one digest of several byte strings, each with its length."""
    digest = hashlib.sha256()
    for each in parts:
        digest.update(len(each).to_bytes(8, "big"))
        digest.update(each)
    return digest.hexdigest()


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), VIEWED):
        yield values[start : start + VIEWED]
