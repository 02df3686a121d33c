"""The front door of the repository: capture, look up, ask, browse, follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sql

from yilian.gateway.epcis import browse, master_data, query, query_sql, store, views
from yilian.gateway.epcis.browse import Names, Tree
from yilian.gateway.epcis.capture import Behaviour, Capture, Job, Limits, require_few
from yilian.gateway.epcis.document import Document, Event, Mode
from yilian.gateway.epcis.errors import EVENT_EXISTS, INVALID
from yilian.gateway.epcis.named import NamedQueries
from yilian.gateway.epcis.query_sql import Page, PageToken
from yilian.gateway.epcis.store import Stored, events_table, visible_table
from yilian.gateway.epcis.validation import validate
from yilian.gateway.epcis.views import View, Views
from yilian.gateway.supply.database import SupplyDatabase

__all__ = ["Repository", "Stored"]


class Repository:
    """The events of one organisation. Safe for threads; one process at a time.

    Refusals are `epcis.*`. Nothing here knows of a chain.
    """

    def __init__(
        self,
        database: SupplyDatabase,
        *,
        mode: Mode = "default",
        now: Callable[[], int],
        limits: Limits | None = None,
        view: View = views.whole,
    ) -> None:
        """`now` gives milliseconds of UTC, `view` what a partner may see of an event.

        What waits to be captured goes on at `start`.
        """
        self._database = database
        self._mode: Mode = mode
        self._now = now
        self.listeners: list[Callable[[int], None]] = []
        """Called with the newest sequence after a commit, in the thread that made it."""
        self.queries = NamedQueries(database)
        self._views = Views(view)
        self._capture = Capture(database, mode, now, self.tell, limits or Limits())

    def start(self) -> None:
        """Carry on with captures that were taken in and not done."""
        self._capture.start()

    def stop(self) -> None:
        """End the thread that captures; what it had under way is done again at the next start."""
        self._capture.stop()

    @property
    def limits(self) -> Limits:
        """What one capture may bring."""
        return self._capture.limits

    # Capture

    def capture(self, document: Document, *, behaviour: Behaviour, submitter: str) -> Job:
        """Take a document in; durable on return. The same again gives the job of the first time.

        `rollback` stores all events or none, `proceed` every valid one. Refuses
        `epcis.too_many_events`, `epcis.too_many_epcs`, `epcis.too_large`, `epcis.capture_busy`.
        """
        return self._capture.capture(document, behaviour, submitter)

    def job(self, job: str) -> Job:
        """Find a capture; refuses `epcis.job_unknown`."""
        return self._capture.job(job)

    def jobs(
        self, cursor: int | None, limit: int, submitter: str | None = None
    ) -> tuple[list[Job], int | None]:
        """List captures, newest first, and the cursor of those after them, if there are any."""
        return self._capture.jobs(cursor, limit, submitter)

    def wait(self, job: str, seconds: float) -> Job:
        """Wait until a capture is done, or so many seconds have passed; gives how it stands."""
        return self._capture.wait(job, seconds)

    def capture_one(self, event: Event, submitter: str) -> Stored:
        """Store one event; durable on return.

        Refuses `epcis.too_many_epcs`, `epcis.invalid`, `epcis.event_exists`.
        """
        require_few([event], self.limits)
        with self._database.write() as connection:
            stored = self.put([event], submitter, connection)[0]
        self.tell()
        return stored

    def put(
        self, events: Sequence[Event], submitter: str, connection: sql.Connection
    ) -> list[Stored]:
        """Store events inside the caller's transaction, for actions of this node itself.

        Call `tell` once that transaction is committed. Refuses `epcis.invalid` and
        `epcis.event_exists`, and then the caller's transaction must be rolled back. An id may come
        again once: with the declaration of an error in the very same event.
        """
        for event in events:
            faults = validate(event, self._mode)
            if faults:
                first = faults[0]
                raise INVALID(path=first.path[:200], reason=first.reason, faults=len(faults))
        prepared = [store.prepare(each, place) for place, each in enumerate(events)]
        holders = store.holders(connection, [each.event_id for each in prepared])
        for each in prepared:
            if not each.may_follow(holders.get(each.event_id)):
                raise EVENT_EXISTS(event=each.event_id[:300])
            holders[each.event_id] = each.holder
        rows = store.insert(connection, prepared, submitter, None)
        first_sequence, last = store.publish(connection, rows, self._now())
        return store.read(connection, events_table.c.sequence.between(first_sequence, last))

    # Followers and partners

    def tell(self) -> None:
        """Tell those who follow the log that it has grown, or that more of it is shown."""
        newest = self.newest()
        for each in self.listeners:
            each(newest)

    def show(
        self,
        partner: str,
        sequences: Iterable[int],
        connection: sql.Connection | None = None,
    ) -> None:
        """Let a partner (an organisation's id, or a GLN) see what it may of events; again is fine.

        What it may see of them no more is taken out. `connection`: of the transaction that the
        caller is in, if he is; he calls `tell` once that is committed.
        """
        if connection is None:
            with self._database.write() as own:
                self._views.show(partner, sequences, own)
            self.tell()
            return
        self._views.show(partner, sequences, connection)

    def show_own(self, partner: str, sequences: Iterable[int]) -> None:
        """Let a partner see the events that it told of itself, as they are."""
        with self._database.write() as connection:
            self._views.show_own(partner, sequences, connection)
        self.tell()

    def show_declared(
        self, declared: Mapping[int, Stored], about: Iterable[int], connection: sql.Connection
    ) -> None:
        """Let whoever sees an event see what declares an error in it, by the event's sequence.

        Of the events `about` they see from now on what they may without those. As `show`, inside
        the caller's transaction.
        """
        partners = views.partners(connection, declared)
        self._views.declare(declared, connection)
        sequences = sorted(set(about))
        for each in sorted(partners):
            self._views.show(each, sequences, connection)

    def seen(
        self, viewer: str, sequences: Sequence[int], connection: sql.Connection
    ) -> list[Stored]:
        """Give what a partner sees of some events, in their order; `sequence` is the event's."""
        found = store.read_seen(connection, viewer, visible_table.c.sequence.in_(sequences))
        return sorted(found, key=lambda each: each.sequence)

    def describe(
        self, identifier: str, attributes: Mapping[str, str], parent: str | None = None
    ) -> None:
        """Keep master data of an identifier, and which place it is inside; replaces all of it.

        Raises ValueError as `identifiers.canonical` does.
        """
        with self._database.write() as connection:
            master_data.describe(connection, identifier, attributes, parent)

    # Reading

    def event(self, event_id: str, viewer: str | None = None) -> Stored | None:
        """Find an event; None also where the viewer may not see it.

        Where an error in it was declared under the same id, that declaration is given.
        """
        found = self.events(event_id, viewer)
        return found[-1] if found else None

    def events(self, event_id: str, viewer: str | None = None) -> list[Stored]:
        """Give the event under an id, and behind it what declares an error in it, if anything."""
        named = events_table.c.event_id == event_id
        with self._database.read() as connection:
            if viewer is None:
                return store.read(connection, named)
            return store.read_seen(connection, viewer, named)

    def after(self, sequence: int, limit: int) -> list[Stored]:
        """Give the next events of the log, for those who follow it."""
        upto = events_table.c.sequence.between(sequence + 1, sequence + limit)
        with self._database.read() as connection:
            return store.read(connection, upto)

    def newest(self) -> int:
        """Give the sequence of the newest event; 0 where there is none."""
        with self._database.read() as connection:
            return store.newest(connection)

    def query(
        self,
        parameters: Mapping[str, Any],
        *,
        page: PageToken | None = None,
        limit: int,
        viewer: str | None = None,
        after: int = 0,
    ) -> Page:
        """Give a page of the events that match a query (EPCIS 2.0, section 8.2.7.1).

        A viewer asks its own log: what was shown to it. `after` leaves what is behind that place in
        it, for standing queries. Refuses `epcis.query_parameter`, `epcis.query_too_complex`,
        `epcis.query_too_large`, `epcis.page_token`.
        """
        understood = query.read(parameters)
        with self._database.read() as connection:
            return query_sql.run(
                connection, understood, page=page, limit=limit, viewer=viewer, after=after
            )

    def browse(self, tree: Tree, page: str | None, limit: int, viewer: str | None = None) -> Names:
        """Give at most `limit` names of a tree after `page`, the last of the page before."""
        with self._database.read() as connection:
            return browse.browse(connection, tree, page, limit, viewer)
