"""What has come in since: the log of events as a standing query follows it, and the waking of it.

For the organisation itself the place of an event is its sequence. A partner may be shown an event
long after it came in, so a partner follows the order in which events were shown to it, which a
trigger of the database notes (`epcis_shown`): nothing can be shown and not noted.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sql

from yilian.gateway.epcis import query, query_sql, store
from yilian.gateway.epcis.query import Identified, Moment, Query
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.store import Stored, visible_table
from yilian.gateway.supply.database import METADATA, SupplyDatabase

CHUNK = 400
"""How many events that a partner was shown are looked at in one question."""
_UNMEANT = ("orderBy", "orderDirection", "eventCountLimit", "maxEventCount")

_shown = sql.Table(
    "epcis_shown",
    METADATA,
    sql.Column("place", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("partner", sql.Text, nullable=False),
    sql.Column("sequence", sql.Integer, nullable=False),
    sqlite_autoincrement=True,
)
sql.Index("epcis_shown_partner", _shown.c.partner, _shown.c.place)
_shown.add_is_dependent_on(visible_table)
sql.event.listen(
    _shown,
    "after_create",
    sql.DDL(  # type: ignore[no-untyped-call]
        "CREATE TRIGGER epcis_visible_noted AFTER INSERT ON epcis_visible BEGIN"
        " INSERT INTO epcis_shown (partner, sequence) VALUES (NEW.partner, NEW.sequence); END"
    ),
)


class Item(NamedTuple):
    """An event and its place in the order that its follower sees."""

    place: int
    stored: Stored


class Found(NamedTuple):
    """Items in their order, and the place up to which everything was looked at."""

    items: list[Item]
    reached: int


class News:
    """The log of one repository, for its followers. Safe for threads."""

    def __init__(self, database: SupplyDatabase, repository: Repository) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.AbstractEventLoop, set[asyncio.Event]] = {}
        repository.listeners.append(self._told)

    def newest(self, viewer: str | None) -> int:
        """Give the place of the newest event that a viewer sees; 0 where there is none."""
        with self._database.read() as connection:
            if viewer is None:
                return store.newest(connection)
            newest = sql.select(sql.func.max(_shown.c.place)).where(_shown.c.partner == viewer)
            return int(connection.scalar(newest) or 0)

    def read(
        self,
        parameters: Mapping[str, Any],
        viewer: str | None,
        *,
        after: int,
        limit: int,
        since: int = 0,
    ) -> Found:
        """Read the events behind a place that match a query, in their order, at most `limit`.

        `since` (ms) is the least record time. What a query says of order and number is not meant:
        a standing query gives all, in the order they came. Refuses as `Repository.query` does.
        """
        asked = query.read({n: v for n, v in parameters.items() if n not in _UNMEANT})
        asked = asked._replace(conditions=(*asked.conditions, Moment("record_time", since, None)))
        with self._database.read() as connection:
            if viewer is None:
                upto = store.newest(connection)
                page = query_sql.run(
                    connection, asked, page=None, limit=limit, viewer=None, after=after
                )
                items = [Item(each.sequence, each) for each in page.events]
                return Found(items, items[-1].place if len(items) == limit else max(upto, after))
            return _shown_to(connection, viewer, asked, after, limit)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """Give an event that is set, in the running loop, whenever the log has grown."""
        loop, grown = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiting.setdefault(loop, set()).add(grown)
        try:
            yield grown
        finally:
            with self._lock:
                self._waiting[loop].discard(grown)
                if not self._waiting[loop]:
                    del self._waiting[loop]

    def _told(self, _: int) -> None:
        with self._lock:
            waiting = [(loop, list(each)) for loop, each in self._waiting.items()]
        for loop, events in waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has ended waits no more
                loop.call_soon_threadsafe(_set_all, events)


def _shown_to(
    connection: sql.Connection, viewer: str, asked: Query, after: int, limit: int
) -> Found:
    items: list[Item] = []
    while True:
        shown = connection.execute(
            sql.select(_shown.c.place, _shown.c.sequence)
            .where(_shown.c.partner == viewer, _shown.c.place > after)
            .order_by(_shown.c.place)
            .limit(CHUNK)
        ).all()
        if not shown:
            return Found(items, after)
        # Not by their ids: an event and what declares an error in it may have the same.
        among = Identified("sequence", tuple(sorted(sequence for _, sequence in shown)))
        page = query_sql.run(
            connection,
            asked._replace(conditions=(*asked.conditions, among)),
            page=None,
            limit=CHUNK,
            viewer=viewer,
        )
        matching = {each.sequence: each for each in page.events}
        for place, sequence in shown:
            after = int(place)
            if sequence in matching:
                items.append(Item(after, matching[sequence]))
                if len(items) == limit:
                    return Found(items, after)


def _set_all(events: Sequence[asyncio.Event]) -> None:
    for each in events:
        each.set()
