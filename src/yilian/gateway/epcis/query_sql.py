"""Queries answered by SQL: the condition that finds least is looked up, the others are checked.

Pages are taken from the log as it was at the first of them: a token holds that length and the last
event given, so what is captured meanwhile neither repeats an event nor loses one. A partner asks
its own log (`views.py`): what it may not see is in none of the tables that are joined for it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis import store, views
from yilian.gateway.epcis.errors import PAGE_TOKEN, QUERY_TOO_LARGE
from yilian.gateway.epcis.patterns import Range
from yilian.gateway.epcis.query import (
    Among,
    Condition,
    Described,
    Identified,
    Moment,
    Query,
    Within,
)
from yilian.gateway.epcis.store import Stored

FEW = 2_000
"""A condition that finds fewer events is looked up first; with more, the log is read in order."""

_EVENT = ", ".join(f"e.{column.name}" for column in store.STORED[1:])
_DEEPEST = 20


class PageToken(NamedTuple):
    """Where the next page of a query begins.

    `snapshot` is the newest place in the viewer's log at the first page; `key` and `place` are
    those of the last event given, of `given` so far; `query` names the query and its viewer.
    """

    snapshot: int
    key: int | str | None
    place: int
    given: int
    query: str

    def text(self) -> str:
        """Write the token for a URL."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> PageToken:
        """Read a token that `text` wrote. Refuses `epcis.page_token`."""
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return msgspec.json.decode(content, type=PageToken)
        except (ValueError, msgspec.MsgspecError):
            raise PAGE_TOKEN() from None


class Page(NamedTuple):
    """Events of a query in its order, and the token of the next page if there is one.

    `places` are those of the events in the viewer's log.
    """

    events: list[Stored]
    next: PageToken | None
    places: list[int]


_FIRST_VALUE = (
    "LEFT JOIN (SELECT row, MIN(value) AS value FROM epcis_terms WHERE name = ?"
    " AND (value < 'm' OR value >= 'n') GROUP BY row) AS o ON o.row = e.row"
)
"""The value that orders by an extension's field; `m` repeats numbers, for equality alone."""


class _Sql(NamedTuple):
    """A piece of SQL with its values."""

    text: str
    values: tuple[Any, ...] = ()


class _Source(NamedTuple):
    """Tables to read, and conditions that must all hold."""

    tables: list[_Sql]
    where: list[_Sql]

    def text(self) -> str:
        tables = " ".join(each.text for each in self.tables)
        return tables + " WHERE " + " AND ".join(each.text for each in self.where)

    def values(self) -> tuple[Any, ...]:
        return tuple(value for each in (*self.tables, *self.where) for value in each.values)


def run(
    connection: sql.Connection,
    query: Query,
    *,
    page: PageToken | None,
    limit: int,
    viewer: str | None,
    after: int = 0,
) -> Page:
    """Give a page of at most `limit` events of a viewer's log, behind place `after`.

    Refuses `epcis.page_token` for a token of another query, and `epcis.query_too_large`.
    """
    told = store.fingerprint([query.fingerprint.encode(), repr((viewer, after)).encode()])[:32]
    if page is not None and page.query != told:
        raise PAGE_TOKEN()
    snapshot = newest(connection, viewer) if page is None else page.snapshot
    source = _source(connection, query, viewer, after, snapshot)
    if page is None and query.most is not None:
        _require_at_most(connection, source, query.most)
    given = 0 if page is None else page.given
    wanted = limit if query.first is None else min(limit, query.first - given)
    if wanted <= 0:
        return Page([], None, [])
    found = _select(connection, query, source, page, wanted + 1, viewer)
    events = [Stored(*row[:-2]) for row in found[:wanted]]
    places = [int(row[-1]) for row in found[:wanted]]
    given += len(events)
    if len(found) <= wanted or (query.first is not None and given >= query.first):
        return Page(events, None, places)
    token = PageToken(snapshot, found[wanted - 1][-2], places[-1], given, told)
    return Page(events, token, places)


def newest(connection: sql.Connection, viewer: str | None) -> int:
    """Give the newest place in a viewer's log; 0 where there is none."""
    return store.newest(connection) if viewer is None else views.newest(connection, viewer)


def _require_at_most(connection: sql.Connection, source: _Source, most: int) -> None:
    # Every part of these texts is written in this module; every value is bound.
    text = f"SELECT COUNT(*) FROM (SELECT 1 {source.text()} LIMIT ?)"  # noqa: S608
    found = connection.exec_driver_sql(text, (*source.values(), most + 1)).scalar()
    if int(found or 0) > most:
        raise QUERY_TOO_LARGE(limit=most)


def _select(
    connection: sql.Connection,
    query: Query,
    source: _Source,
    page: PageToken | None,
    limit: int,
    viewer: str | None,
) -> Sequence[Any]:
    direction = "DESC" if query.descending else "ASC"
    place = _place(viewer)
    if query.order == "sequence" or (query.order == "record_time" and viewer is None):
        # Record times never go back along the log, so its order is theirs.
        key, order = place, f"{place} {direction}"
    elif query.order in ("event_time", "record_time"):
        key = f"e.{query.order}"
        order = f"{key} {direction}, {place} {direction}"
    else:
        key = "o.value"
        # What lacks the field comes last, whichever way the others go.
        order = f"o.value IS NULL, o.value {direction}, {place} {direction}"
        source.tables.append(_Sql(_FIRST_VALUE, (query.order,)))
    if page is not None:
        source.where.append(_past(key, place, page, "<" if query.descending else ">"))
    sequence = "e.sequence" if viewer is None else "v.sequence"
    columns = f"{sequence}, {_EVENT}, {key}, {place}"
    text = f"SELECT {columns} {source.text()} ORDER BY {order} LIMIT ?"
    return connection.exec_driver_sql(text, (*source.values(), limit)).all()


def _place(viewer: str | None) -> str:
    """Name the column that has the place of an event in a viewer's log."""
    return "e.sequence" if viewer is None else "v.place"


def _past(key: str, place: str, page: PageToken, sign: str) -> _Sql:
    """Give the condition that leaves what comes after a page."""
    if page.key is None:
        return _Sql(f"{key} IS NULL AND {place} {sign} ?", (page.place,))
    after = f"({key}, {place}) {sign} (?, ?)"
    missing = " OR o.value IS NULL" if key == "o.value" else ""
    return _Sql(f"({after}{missing})", (page.key, page.place))


# -- conditions ---------------------------------------------------------------------------------


def _source(
    connection: sql.Connection, query: Query, viewer: str | None, after: int, snapshot: int
) -> _Source:
    """Give tables and conditions, the one that finds fewest events first if they are few."""
    source = _Source([], [])
    looked_up: list[tuple[_Sql, _Sql]] = []
    for each in query.conditions:
        if not isinstance(each, Moment):
            rows = _rows(each)
            looked_up.append((rows, _check(each, rows)))
        elif each.column == "event_time" or viewer is not None:
            source.where.append(_moment(each))
        elif each.low is not None:
            after = max(after, _recorded_before(connection, each.low))
        elif each.high is not None:
            snapshot = min(snapshot, _recorded_before(connection, each.high))
    # The plus keeps SQLite from reading along the log where another order is wanted.
    column = f"+{_place(viewer)}" if query.order == "event_time" else _place(viewer)
    source.where.append(_Sql(f"{column} > ? AND {column} <= ?", (after, snapshot)))
    sizes = [_size(connection, rows) for rows, _ in looked_up]
    first = min(range(len(sizes)), key=sizes.__getitem__, default=None)
    few = None if first is None or sizes[first] >= FEW else looked_up.pop(first)[0]
    source.tables.extend(_tables(connection, query, viewer, few))
    source.where.extend(check for _, check in looked_up)
    return source


def _tables(
    connection: sql.Connection, query: Query, viewer: str | None, few: _Sql | None
) -> list[_Sql]:
    """Give the tables of a viewer's log; CROSS JOIN keeps SQLite from choosing another order."""
    events = _Sql("epcis_events AS e")
    seen = [] if viewer is None else [_Sql("epcis_visible AS v ON v.partner = ?", (viewer,))]
    if few is not None:
        found = _Sql(f"FROM (SELECT DISTINCT row FROM ({few.text})) AS f", few.values)  # noqa: S608
        of_row = [_Sql(f"CROSS JOIN {each.text} AND v.row = f.row", each.values) for each in seen]
        return [found, *of_row, _Sql(f"CROSS JOIN {events.text} ON e.row = f.row")]
    if viewer is None:
        return [_Sql(f"FROM {events.text}")]
    shown = _Sql("SELECT 1 FROM epcis_visible WHERE partner = ?", (viewer,))
    if query.order == "event_time" and _size(connection, shown) >= FEW:
        # Who sees much is asked for event by event, in the order of an index.
        of_event = [_Sql(f"CROSS JOIN {each.text} AND v.row = e.row", each.values) for each in seen]
        return [_Sql(f"FROM {events.text}"), *of_event]
    lines = _Sql("FROM (SELECT * FROM epcis_visible WHERE partner = ?) AS v", (viewer,))
    return [lines, _Sql(f"CROSS JOIN {events.text} ON e.row = v.row")]


def _size(connection: sql.Connection, rows: _Sql) -> int:
    text = f"SELECT COUNT(*) FROM ({rows.text} LIMIT ?)"  # noqa: S608
    return int(connection.exec_driver_sql(text, (*rows.values, FEW)).scalar() or 0)


def _moment(condition: Moment) -> _Sql:
    if condition.low is not None:
        return _Sql(f"e.{condition.column} >= ?", (condition.low,))
    return _Sql(f"e.{condition.column} < ?", (condition.high,))


def _recorded_before(connection: sql.Connection, moment: int) -> int:
    """Give the sequence of the last event that was recorded before a moment; 0 for none.

    Record times never go back along the log, which has no gaps: it is searched by halves.
    """
    low, high = 0, store.newest(connection)
    while low < high:
        middle = (low + high + 1) // 2
        text = "SELECT record_time FROM epcis_events WHERE sequence = ?"
        if int(connection.exec_driver_sql(text, (middle,)).scalar_one()) < moment:
            low = middle
        else:
            high = middle - 1
    return low


def _rows(condition: Condition) -> _Sql:
    """Give the query for the rows that meet a condition on terms or ids."""
    if isinstance(condition, Identified):
        marks = _marks(condition.values)
        return _Sql(
            f"SELECT row FROM epcis_events WHERE event_id IN ({marks})",  # noqa: S608
            condition.values,
        )
    names, values = _terms(condition)
    text = f"SELECT row FROM epcis_terms AS t WHERE {names.text}{values.text}"  # noqa: S608
    return _Sql(text, (*names.values, *values.values))


def _check(condition: Condition, rows: _Sql) -> _Sql:
    """Give the condition on one event: looked up by its own terms, or among all rows found."""
    if isinstance(condition, Identified):
        return _Sql(f"e.event_id IN ({_marks(condition.values)})", condition.values)
    if isinstance(condition, Among) and condition.exact and not condition.ranges:
        names, values = _terms(condition)
        text = f"SELECT 1 FROM epcis_terms AS t WHERE {names.text}{values.text}"  # noqa: S608
        return _Sql(f"EXISTS ({text} AND t.row = e.row)", (*names.values, *values.values))
    return _Sql(f"e.row IN ({rows.text})", rows.values)


def _terms(condition: Condition) -> tuple[_Sql, _Sql]:
    """Give the conditions on the names of terms, and on their values."""
    if isinstance(condition, Among):
        names = condition.names
        values = _either(condition.exact, condition.ranges) if condition[1:] != ((), ()) else None
    elif isinstance(condition, Within):
        names = (condition.name,)
        inside = _Sql(f"t.value IN ({_inside(condition.places)})", (*condition.places, _DEEPEST))
        values = _any([_either(condition.places, condition.ranges), inside])
    else:
        assert isinstance(condition, Described)
        names, values = condition.names, _described(condition)
    named = _Sql(f"t.name IN ({_marks(names)})", tuple(names))
    return named, _Sql("") if values is None else _Sql(" AND " + values.text, values.values)


def _either(exact: Sequence[str], ranges: Sequence[Range]) -> _Sql:
    found = []
    if exact:
        found.append(_Sql(f"t.value IN ({_marks(exact)})", tuple(exact)))
    for low, high, glob in ranges:
        if glob is None:
            found.append(_Sql("t.value >= ? AND t.value < ?", (low, high)))
        else:
            found.append(_Sql("t.value >= ? AND t.value < ? AND t.value GLOB ?", (low, high, glob)))
    return _any(found)


def _any(found: Sequence[_Sql]) -> _Sql:
    return _Sql(
        _or([each.text for each in found]), tuple(value for each in found for value in each.values)
    )


def _or(texts: Sequence[str]) -> str:
    """Join conditions by halves: SQLite bounds how deep an expression may be."""
    if len(texts) == 1:
        return f"({texts[0]})"
    middle = len(texts) // 2
    return f"({_or(texts[:middle])} OR {_or(texts[middle:])})"


def _inside(places: Sequence[str]) -> str:
    """Give the query for all places inside some, by the master data."""
    return (
        "WITH RECURSIVE inside(id, depth) AS"  # noqa: S608
        f" (SELECT id, 1 FROM epcis_places WHERE parent IN ({_marks(places)})"
        " UNION SELECT p.id, depth + 1 FROM epcis_places AS p JOIN inside ON p.parent = inside.id"
        " WHERE depth < ?) SELECT id FROM inside"
    )


def _described(condition: Described) -> _Sql:
    text = (
        "SELECT ? || a.id FROM epcis_attributes AS a"  # noqa: S608
        f" WHERE a.name IN ({_marks(condition.attributes)})"
    )
    values: tuple[Any, ...] = (condition.mark, *condition.attributes)
    if condition.values:
        text += f" AND a.value IN ({_marks(condition.values)})"
        values += condition.values
    return _Sql(f"t.value IN ({text})", values)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
