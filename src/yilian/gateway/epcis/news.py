"""What has come in since: the log of events as a standing query follows it, and the waking of it.

Each viewer follows its own log. For the organisation itself the place of an event is its sequence;
a partner may be shown an event long after it came in, and follows the order in which that was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from yilian.gateway.epcis import query, query_sql
from yilian.gateway.epcis.query import Moment
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.store import Stored
from yilian.gateway.supply.database import SupplyDatabase

_UNMEANT = ("orderBy", "orderDirection", "eventCountLimit", "maxEventCount")


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
            return query_sql.newest(connection, viewer)

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
            upto = query_sql.newest(connection, viewer)
            page = query_sql.run(
                connection, asked, page=None, limit=limit, viewer=viewer, after=after
            )
        items = [Item(*each) for each in zip(page.places, page.events, strict=True)]
        return Found(items, items[-1].place if len(items) == limit else max(upto, after))

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


def _set_all(events: Sequence[asyncio.Event]) -> None:
    for each in events:
        each.set()
