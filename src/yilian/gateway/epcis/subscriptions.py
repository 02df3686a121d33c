"""Standing queries that are posted to a subscriber: at once (`stream`), or by a schedule.

EPCIS 2.0, sections 8.2.5 and 12.8. A subscription keeps how far it was delivered; that moves, in
one transaction, only once the receiver answered 2xx: each event arrives at least once and in order,
after a crash too. Every subscription has a task of its own, so a dead receiver holds up no other;
what it did not take is tried again, at first after a second and at last once an hour.

What was asked for by a token ends with the token's revocation. It rests once the token is expired,
and goes on from there when its partner has another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, cast
from uuid import uuid4

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis import schedule as schedules
from yilian.gateway.epcis.named import NamedQueries
from yilian.gateway.epcis.news import Found, Item, News
from yilian.gateway.epcis.presentation import (
    EpcFormat,
    PrefixLength,
    query_document,
    translated,
    unknown_prefix,
)
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.epcis.subscription_errors import (
    DESTINATION_REFUSED,
    SUBSCRIPTION_UNKNOWN,
    TOO_MANY_SUBSCRIPTIONS,
)
from yilian.gateway.epcis.webhook import Carrier, NotSent, delivery_headers
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.ledger.errors import Refusal
from yilian.vault.database import position, values

MAX_SUBSCRIPTIONS = 200
MAX_OF_PARTNER = 20
"""One partner cannot take the places of all others."""
MAX_BATCH = 100
MAX_BATCH_BYTES = 1_048_576
"""What is posted at once, counted as stored; one event alone may be more."""
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 3_600_000
LONGEST_SLEEP = 5.0
"""Seconds after which a stream looks again though nobody woke it: what was shown to a partner."""
GATHER_SECONDS = 0.05
"""How long a stream lets events gather before it posts them."""
LONGEST_WAIT = 60.0
"""Seconds after which the clock is looked at again, however far off the moment is."""
UNNOTED = 1_000
"""How many events that do not match are passed over before that is kept."""
READERS = 4

T = TypeVar("T")
Standing = Callable[[str], Literal["living", "expired", "revoked"]]
"""Tells how a token stands; an expired one lives as long as its partner has another."""
Find = Callable[[str, str | None], Mapping[str, Any] | None]
"""Gives the parameters of a named query, as its viewer named it; None where there is none."""

_log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What a subscriber asks for; `initial` is a record time (ms), without it only what is new."""

    dest: str
    token: str | None
    schedule: Mapping[str, str] | None
    report_if_empty: bool
    initial: int | None
    epc_format: EpcFormat


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it is kept; times in ms of UTC.

    `by` is the token that asked for it (None: a signed request did), `done` the place up to which
    all was delivered, `due` the moment of the next attempt (0: as
    soon as there is something), `sent` whether this run told something, `ended` why nothing is sent
    any more.
    """

    subscription: str
    query: str
    viewer: str | None
    by: str | None
    dest: str = field(repr=False)
    token: str | None = field(repr=False)
    schedule: str | None
    report_if_empty: int
    epc_format: str
    created: int
    initial: int | None
    done: int
    due: int
    executed: int | None
    notified: int | None
    sent: int
    attempts: int
    batch: int
    ended: str | None


_subscriptions = table(
    "epcis_subscriptions", Subscription, [], position(), sql.UniqueConstraint("subscription")
)


class Subscriptions:
    """The webhook subscriptions of one organisation: kept always, sent between start and stop."""

    def __init__(
        self,
        database: SupplyDatabase,
        news: News,
        find: Find,
        carrier: Carrier,
        now: Callable[[], int],
        prefix_length: PrefixLength = unknown_prefix,
        standing: Standing = lambda _: "living",
    ) -> None:
        """`carrier` posts and guards; `now` gives milliseconds of UTC."""
        self._prefix_length = prefix_length
        self._standing = standing
        self._database = database
        self._news = news
        self._find = find
        self._carrier = carrier
        self._now = now
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._stopping = asyncio.Event()

    # What is kept

    def add(
        self, query: str, viewer: str | None, wanted: Wanted, by: str | None = None
    ) -> Subscription:
        """Subscribe to a named query; `by` is the token that was shown, if one was.

        Refuses `epcis.destination_refused` (a private address, plain http, an unknown name),
        `epcis.subscription_controls` for a schedule that is none, `epcis.too_many_subscriptions`.
        """
        now = self._now()
        due = 0
        if wanted.schedule is not None:
            due = schedules.read(wanted.schedule).next_after(now) or 0
        try:
            asyncio.run(self._carrier.check(wanted.dest))
        except NotSent as refused:
            raise DESTINATION_REFUSED(reason=refused.reason) from None
        made = Subscription(
            subscription=str(uuid4()),
            query=query,
            viewer=viewer,
            by=by,
            dest=wanted.dest,
            token=wanted.token,
            schedule=None
            if wanted.schedule is None
            else msgspec.json.encode(dict(wanted.schedule)).decode(),
            report_if_empty=int(wanted.report_if_empty),
            epc_format=wanted.epc_format,
            created=now,
            initial=wanted.initial,
            done=self._news.newest(viewer) if wanted.initial is None else 0,
            due=due,
            executed=None,
            notified=None,
            sent=0,
            attempts=0,
            batch=MAX_BATCH,
            ended=None,
        )
        with self._database.write() as connection:
            count = sql.select(sql.func.count()).select_from(_subscriptions)
            if connection.execute(count).scalar_one() >= MAX_SUBSCRIPTIONS:
                raise TOO_MANY_SUBSCRIPTIONS(limit=MAX_SUBSCRIPTIONS)
            own = count.where(_subscriptions.c.viewer == viewer)
            if viewer is not None and connection.execute(own).scalar_one() >= MAX_OF_PARTNER:
                raise TOO_MANY_SUBSCRIPTIONS(limit=MAX_OF_PARTNER)
            connection.execute(sql.insert(_subscriptions).values(**values(made)))
        self._call(self._begin, made.subscription)
        return made

    def all(self, query: str, viewer: str | None) -> list[Subscription]:
        """List the subscriptions of a query, the oldest first; a viewer's own alone."""
        chosen = sql.select(_subscriptions).where(*_of(query, viewer))
        return self._database.rows(Subscription, chosen.order_by(_subscriptions.c.position))

    def get(self, query: str, viewer: str | None, subscription: str) -> Subscription:
        """Find one of them. Refuses `epcis.subscription_unknown`."""
        chosen = sql.select(_subscriptions).where(
            *_of(query, viewer), _subscriptions.c.subscription == subscription
        )
        found = self._database.one(Subscription, chosen)
        if found is None:
            raise SUBSCRIPTION_UNKNOWN()
        return found

    def remove(self, query: str, viewer: str | None, subscription: str) -> None:
        """End one of them. Refuses `epcis.subscription_unknown`."""
        self._remove([self.get(query, viewer, subscription)])

    def remove_all(self, query: str, viewer: str | None) -> None:
        """End all of a query that is removed."""
        self._remove(self.all(query, viewer))

    def _remove(self, gone: Sequence[Subscription]) -> None:
        names = [each.subscription for each in gone]
        with self._database.write() as connection:
            connection.execute(
                sql.delete(_subscriptions).where(_subscriptions.c.subscription.in_(names))
            )
        for name in names:
            self._call(self._end, name)

    # Sending

    def start(self) -> None:
        """Start to send, in a thread of its own; again is fine."""
        with self._lock:
            if self._thread is not None:
                return
            started = threading.Event()
            self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="yilian-epcis-read")
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._run(started)), name="yilian-epcis", daemon=True
            )
            self._thread.start()
            started.wait()

    def stop(self) -> None:
        """Stop sending; what was not answered is sent again after the next start. Again is fine."""
        with self._lock:
            if self._thread is None or self._pool is None:
                return
            self._call(self._stopping.set)
            self._thread.join()
            self._pool.shutdown()
            self._thread = self._pool = None

    async def _run(self, started: threading.Event) -> None:
        self._stopping = asyncio.Event()  # it belongs to this loop
        self._loop = asyncio.get_running_loop()
        chosen = sql.select(_subscriptions).where(_subscriptions.c.ended.is_(None))
        for each in self._database.rows(Subscription, chosen):
            self._begin(each.subscription)
        started.set()
        await self._stopping.wait()
        self._loop = None
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _call(self, what: Callable[..., object], *arguments: object) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it ended just now, and reads all at a start
                loop.call_soon_threadsafe(what, *arguments)

    def _begin(self, name: str) -> None:
        if name not in self._tasks and not self._stopping.is_set():
            self._tasks[name] = asyncio.create_task(self._follow(name))

    def _end(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    async def _read(self, what: Callable[..., T], *arguments: Any) -> T:
        assert self._loop is not None
        return await self._loop.run_in_executor(self._pool, lambda: what(*arguments))

    async def _follow(self, name: str) -> None:
        with self._news.waiting() as grown:
            while True:
                grown.clear()
                try:
                    row = await self._read(self._load, name)
                    if row is None or row.ended is not None:
                        return
                    rests = await self._step(row)
                except Exception as error:
                    # A full disk must not end a subscription; the text may hold an address.
                    _log.error("subscription %s: %s", name, type(error).__name__)
                    await asyncio.sleep(LONGEST_SLEEP)
                else:
                    if rests:
                        await _grown(grown)

    def _load(self, name: str) -> Subscription | None:
        chosen = sql.select(_subscriptions).where(_subscriptions.c.subscription == name)
        return self._database.one(Subscription, chosen)

    async def _step(self, row: Subscription) -> bool:
        """Wait for the moment, or send one batch; tells whether a stream found nothing to send."""
        now = self._now()
        if row.due > now:
            await asyncio.sleep(min((row.due - now) / 1000, LONGEST_WAIT))
            return False
        standing = "living" if row.by is None else await self._read(self._standing, row.by)
        if standing == "revoked":
            await self._read(self._note, row, {"ended": "token_revoked"})
            return False
        if standing == "expired":
            return True
        parameters = await self._read(self._find, row.query, row.viewer)
        if parameters is None:
            await self._read(self._note, row, {"ended": "query_removed"})
            return False
        try:
            items, reached = await self._read(self._batch, row, parameters)
        except Refusal as refusal:
            await self._read(self._note, row, {"ended": refusal.code.name})
            return False
        if items or (row.schedule is not None and row.report_if_empty and not row.sent):
            await self._send(row, items)
            return False
        if row.schedule is not None:
            await self._read(self._note, row, {**self._ran(row), "done": reached})
            return False
        if reached - row.done > UNNOTED:
            await self._read(self._note, row, {"done": reached})
        return True

    def _batch(self, row: Subscription, parameters: Mapping[str, Any]) -> Found:
        found = self._news.read(
            parameters, row.viewer, after=row.done, limit=row.batch, since=row.initial or 0
        )
        size = 0
        for number, each in enumerate(found.items):
            size += len(each.stored.content)
            if number and size > MAX_BATCH_BYTES:
                return Found(found.items[:number], found.items[number - 1].place)
        return found

    async def _send(self, row: Subscription, items: Sequence[Item]) -> None:
        data = await self._read(self._document, row, items)
        first, last = (items[0].place, items[-1].place) if items else (row.due, row.due)
        headers = delivery_headers(f"{row.subscription}/{first}-{last}", row.token, data)
        try:
            await self._carrier.post(row.dest, data, headers)
        except NotSent as failure:
            await self._read(self._note, row, self._failed(row, failure, len(items)))
            return
        now = self._now()
        changes = {"notified": now, "executed": now, "attempts": 0}
        if items:
            changes |= {"done": last, "due": 0 if row.schedule is None else row.due, "sent": 1}
        else:
            changes |= self._ran(row)
        await self._read(self._note, row, changes)

    def _document(self, row: Subscription, items: Sequence[Item]) -> bytes:
        epc_format = cast(EpcFormat, row.epc_format)
        return query_document(
            (translated(each.stored.event, epc_format, self._prefix_length) for each in items),
            query=row.query,
            subscription=row.subscription,
            created=timestamp(self._now()),
        )

    def _ran(self, row: Subscription) -> dict[str, Any]:
        """Give what changes when a run by the schedule has told all there was."""
        now = self._now()
        assert row.schedule is not None
        due = schedules.read(msgspec.json.decode(row.schedule)).next_after(now)
        return {"executed": now, "due": due or now + LONGEST_PAUSE_MS, "sent": 0, "attempts": 0}

    def _failed(self, row: Subscription, failure: NotSent, size: int) -> dict[str, Any]:
        if failure.reason == "gone":
            return {"ended": failure.reason}
        changes: dict[str, Any] = {"attempts": row.attempts + 1}
        if failure.reason == "status-413" and size > 1:
            changes["batch"] = size // 2
        pause = min(FIRST_PAUSE_MS << min(row.attempts, 20), LONGEST_PAUSE_MS)
        return {**changes, "due": self._now() + pause}

    def _note(self, row: Subscription, changes: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(
                sql.update(_subscriptions)
                .where(_subscriptions.c.subscription == row.subscription)
                .values(**changes)
            )


def find_in(queries: NamedQueries) -> Find:
    """Find named queries where a repository keeps them; a viewer's are its own."""

    def find(name: str, viewer: str | None) -> Mapping[str, Any] | None:
        try:
            return queries.get(name, viewer or "").parameters
        except Refusal:
            return None

    return find


async def _grown(grown: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SLEEP):
            await grown.wait()
    await asyncio.sleep(GATHER_SECONDS)


def _of(query: str, viewer: str | None) -> list[sql.ColumnElement[bool]]:
    return [_subscriptions.c.query == query, _subscriptions.c.viewer.is_not_distinct_from(viewer)]
