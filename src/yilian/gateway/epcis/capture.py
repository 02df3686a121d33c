"""Capture jobs: what was handed in, durable at once, and carried out by one thread in its order.

A job's events are stored a thousand at a time, unseen, and shown all together in its last
transaction: with `rollback` all of them or none, and another writer waits for one step or for the
showing. What a crash leaves of a job is removed at the next start, and the job done again from its
stored input.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis import store
from yilian.gateway.epcis.document import Document, Event, Fault, Mode
from yilian.gateway.epcis.errors import (
    CAPTURE_BUSY,
    JOB_UNKNOWN,
    TOO_LARGE,
    TOO_MANY_EPCS,
    TOO_MANY_EVENTS,
)
from yilian.gateway.epcis.validation import validate
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.vault.database import position, values

Behaviour = Literal["rollback", "proceed"]

STEP = 1_000
"""How many events are stored in one transaction of a large capture."""
MAX_FAULTS = 1_000
"""How many faults of one capture are told."""
WAITING = 200
"""How many captures may wait to be carried out."""
EXISTS = "event_exists"
INTERNAL = "internal"

_log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """What one capture may bring: events, bytes of their canonical JSON, and units of one event."""

    events: int = 100_000
    bytes: int = 64 * 1024 * 1024
    epcs: int = 100_000


_UNITS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")


def require_few(events: Iterable[Event | None], limits: Limits) -> None:
    """Refuse an event that names more units than one may (`epcis.too_many_epcs`)."""
    for each in events:
        lists = (() if each is None else each.get(name) for name in _UNITS)
        if sum(len(listed) for listed in lists if isinstance(listed, list)) > limits.epcs:
            raise TOO_MANY_EPCS(limit=limits.epcs)


class Job(NamedTuple):
    """A capture and where it stands; times in milliseconds of UTC.

    `success` is False as soon as one fault was found; `captured` counts the events that were
    stored. `faults` are in the order of the document, at most `MAX_FAULTS`.
    """

    id: str
    submitter: str
    behaviour: Behaviour
    created: int
    finished: int | None
    running: bool
    success: bool
    captured: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _JobRow:
    job: str
    submitter: str
    behaviour: str
    fingerprint: str
    created: int
    finished: int | None
    success: int
    captured: int
    faults: bytes
    content: bytes


_jobs = table("epcis_jobs", _JobRow, [], position(), sql.UniqueConstraint("job"))
sql.Index("epcis_jobs_sent", _jobs.c.submitter, _jobs.c.fingerprint)
sql.Index("epcis_jobs_running", _jobs.c.position, sqlite_where=_jobs.c.finished.is_(None))


class _Input(msgspec.Struct, array_like=True):
    """What a job was given: its events, None where one could not be read, and faults so far."""

    events: list[msgspec.Raw]
    faults: list[Fault]


_input_decoder = msgspec.json.Decoder(_Input)
_faults_decoder = msgspec.json.Decoder(list[Fault])
_event_decoder = msgspec.json.Decoder(Event | None, float_hook=Decimal)


class Capture:
    """The captures of one repository. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        mode: Mode,
        now: Callable[[], int],
        tell: Callable[[], None],
        limits: Limits,
    ) -> None:
        """`tell` is called after events were shown."""
        self.limits = limits
        self._database = database
        self._mode: Mode = mode
        self._now = now
        self._tell = tell
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # The thread

    def start(self) -> None:
        """Take up what waits; again is fine."""
        with self._changed:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="epcis-capture", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop after the step under way; what is not done is done again at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            waiting = self._next()
            if waiting is None:
                return
            try:
                self._carry_out(waiting)
            except _Stopped:
                return
            except Exception:
                _log.exception("capture %s could not be carried out", waiting.job)
                self._give_up(waiting)

    def _next(self) -> _JobRow | None:
        """Wait for the oldest job that is not done; None when it is time to stop."""
        query = (
            sql.select(_jobs).where(_jobs.c.finished.is_(None)).order_by(_jobs.c.position).limit(1)
        )
        with self._changed:
            while not self._stopping:
                found = self._database.one(_JobRow, query)
                if found is not None:
                    return found
                self._changed.wait()
        return None

    # Handing in

    def capture(self, document: Document, behaviour: Behaviour, submitter: str) -> Job:
        """Take a document in; durable on return. The same again gives the job of the first time.

        Refuses `epcis.too_many_events`, `epcis.too_many_epcs`, `epcis.too_large`,
        `epcis.capture_busy`.
        """
        if len(document.events) > self.limits.events:
            raise TOO_MANY_EVENTS(limit=self.limits.events)
        require_few(document.events, self.limits)
        events = [b"null" if each is None else store.encode(each) for each in document.events]
        if sum(map(len, events)) > self.limits.bytes:
            raise TOO_LARGE(limit=self.limits.bytes)
        content = msgspec.json.encode(
            _Input([msgspec.Raw(each) for each in events], list(document.faults))
        )
        row = _JobRow(
            job=str(uuid4()),
            submitter=submitter,
            behaviour=behaviour,
            fingerprint=store.fingerprint([behaviour.encode(), content]),
            created=self._now(),
            finished=None,
            success=1,
            captured=0,
            faults=b"[]",
            content=content,
        )
        with self._database.write() as connection:
            job = self._sent_before(connection, row)
            if job is None:
                waiting = sql.select(sql.func.count()).where(_jobs.c.finished.is_(None))
                if (connection.scalar(waiting) or 0) >= WAITING:
                    raise CAPTURE_BUSY(limit=WAITING)
                connection.execute(sql.insert(_jobs), values(row))
                job = _job(row)
        self.start()
        with self._changed:
            self._changed.notify_all()
        return job

    def _sent_before(self, connection: sql.Connection, row: _JobRow) -> Job | None:
        found = connection.execute(
            sql.select(*_TOLD)
            .where(_jobs.c.submitter == row.submitter, _jobs.c.fingerprint == row.fingerprint)
            .order_by(_jobs.c.position.desc())
        ).first()
        known = None if found is None else _job(found)
        if known is not None and any(each.reason == INTERNAL for each in known.faults):
            return None
        return known

    # Looking up

    def job(self, job: str) -> Job:
        """Find a capture; refuses `epcis.job_unknown`."""
        with self._database.read() as connection:
            found = connection.execute(sql.select(*_TOLD).where(_jobs.c.job == job)).first()
        if found is None:
            raise JOB_UNKNOWN()
        return _job(found)

    def jobs(
        self, cursor: int | None, limit: int, submitter: str | None = None
    ) -> tuple[list[Job], int | None]:
        """List captures, newest first, and the cursor of those after them, if there are any."""
        query = sql.select(*_TOLD, _jobs.c.position).order_by(_jobs.c.position.desc())
        if cursor is not None:
            query = query.where(_jobs.c.position < cursor)
        if submitter is not None:
            query = query.where(_jobs.c.submitter == submitter)
        with self._database.read() as connection:
            found = connection.execute(query.limit(limit + 1)).all()
        more = int(found[limit - 1].position) if len(found) > limit else None
        return [_job(each) for each in found[:limit]], more

    def wait(self, job: str, seconds: float) -> Job:
        """Wait until a capture is done, or so many seconds have passed; gives how it stands."""
        until = time.monotonic() + seconds
        with self._changed:
            while True:
                found = self.job(job)
                left = until - time.monotonic()
                if not found.running or left <= 0 or self._stopping:
                    return found
                self._changed.wait(left)

    # Carrying out

    def _carry_out(self, row: _JobRow) -> None:
        self._clear(row.job)
        given = _input_decoder.decode(row.content)
        task = _Task(row, sorted(given.faults, key=_place), len(given.events))
        for start in range(0, len(given.events), STEP):
            if self._stopping:
                raise _Stopped
            some = [_event_decoder.decode(each) for each in given.events[start : start + STEP]]
            self._step(task, start, some)
        if task.failed:
            self._clear(row.job)
        self._finish(task)
        if task.captured:
            self._tell()

    def _step(self, task: _Task, start: int, events: Sequence[Event | None]) -> None:
        """Judge some events of a job, and store the valid ones unseen."""
        prepared = list(self._prepared(task, start, events))
        if task.failed:
            if not task.told:
                self._tell_failure(task)
            return
        with self._database.write() as connection:
            store.insert(connection, prepared, task.row.submitter, task.row.job)
            if task.events <= STEP:
                self._show(connection, task)
        if start and start + STEP >= task.events:
            # Apart from the last step, so that others wait for one of the two alone.
            with self._database.write() as connection:
                self._show(connection, task)

    def _prepared(
        self, task: _Task, start: int, events: Sequence[Event | None]
    ) -> Iterator[store.Prepared]:
        for place, event in enumerate(events, start):
            if event is None:
                continue
            faults = validate(event, self._mode)
            if faults:
                task.faults.extend(each._replace(event=place) for each in faults)
                continue
            prepared = store.prepare(event, place)
            if not prepared.may_follow(task.holders.get(prepared.event_id)):
                task.faults.append(Fault(place, "eventID", EXISTS))
                continue
            task.holders[prepared.event_id] = prepared.holder
            if not task.failed:
                yield prepared

    def _show(self, connection: sql.Connection, task: _Task) -> None:
        """Show all events of a job, and with them that it is done, in one transaction."""
        taken = store.taken(connection, task.row.job)
        task.faults.extend(Fault(place, "eventID", EXISTS) for _, place in taken)
        if task.failed:
            return
        store.withdraw(connection, [row for row, _ in taken])
        task.captured = store.publish_job(connection, task.row.job, self._now())
        self._write_end(connection, task)

    def _finish(self, task: _Task) -> None:
        """Note how a job ended, unless that was done when its events were shown."""
        if not task.ended:
            with self._database.write() as connection:
                self._write_end(connection, task)
        with self._changed:
            self._changed.notify_all()

    def _write_end(self, connection: sql.Connection, task: _Task) -> None:
        faults = sorted(task.faults, key=_place)[:MAX_FAULTS]
        connection.execute(
            sql.update(_jobs)
            .where(_jobs.c.job == task.row.job)
            .values(
                finished=max(self._now(), task.row.created),
                success=int(not faults),
                captured=task.captured,
                faults=msgspec.json.encode(faults),
                content=b"",
            )
        )
        task.ended = True

    def _tell_failure(self, task: _Task) -> None:
        with self._database.write() as connection:
            connection.execute(
                sql.update(_jobs).where(_jobs.c.job == task.row.job).values(success=0)
            )
        task.told = True

    def _clear(self, job: str) -> None:
        """Remove what a job has stored so far, some hundred events at a time."""
        with self._database.read() as connection:
            rows = store.rows_of(connection, job)
        for start in range(0, len(rows), STEP):
            with self._database.write() as connection:
                store.withdraw(connection, rows[start : start + STEP])

    def _give_up(self, row: _JobRow) -> None:
        """End a job that this node could not carry out; it may be sent again."""
        try:
            self._clear(row.job)
            self._finish(_Task(row, [Fault(None, "", INTERNAL)], 0))
        except Exception:
            # Nothing can be written: the job is taken up again at the next start.
            _log.exception("capture %s stays open", row.job)
            with self._changed:
                self._thread = None
            raise


class _Stopped(Exception):
    """The repository is being closed in the middle of a job."""


class _Task:
    """A job while it is carried out."""

    def __init__(self, row: _JobRow, faults: list[Fault], events: int) -> None:
        self.row = row
        self.faults = faults
        self.events = events
        self.holders: dict[str, store.Holder] = {}
        self.captured = 0
        self.told = False
        self.ended = False

    @property
    def failed(self) -> bool:
        """All or nothing, and there is a fault."""
        return bool(self.faults) and self.row.behaviour == "rollback"


_TOLD = [
    _jobs.c[name]
    for name in (
        "job",
        "submitter",
        "behaviour",
        "created",
        "finished",
        "success",
        "captured",
        "faults",
    )
]


def _job(row: Any) -> Job:
    return Job(
        id=row.job,
        submitter=row.submitter,
        behaviour=row.behaviour,
        created=row.created,
        finished=row.finished,
        running=row.finished is None,
        success=bool(row.success),
        captured=row.captured,
        faults=tuple(_faults_decoder.decode(row.faults)),
    )


def _place(fault: Fault) -> int:
    return -1 if fault.event is None else fault.event
