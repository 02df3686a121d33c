"""The outbox: what a person is to be told, by which channels, and where each of them stands.

A notice is on the disk before it is sent, and each channel is tried until it takes the notice or
is given up. Every step is a line of the history (`notice_history`), which can be proved. Parameters
are sealed; in clear stand random ids, codes and times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Millis, Name
from yilian.ledger.errors import Refusal, code
from yilian.vault import notice as notices
from yilian.vault.database import Database, position, table, values
from yilian.vault.desk_formats import DESK_ROW_DAMAGED, checked_digest, checked_id, written
from yilian.vault.envelope import binding, new_id
from yilian.vault.keystore import Keystore
from yilian.vault.notice_history import Event, History
from yilian.vault.records import Damage
from yilian.vault.sealer import Sealer

NOTICE_UNKNOWN = code(9364, "notice_unknown", 404, "notice")
DELIVERY_UNKNOWN = code(9365, "notice_delivery_unknown", 404, "notice")
DELIVERY_CLOSED = code(9367, "notice_delivery_closed", 409, "notice")

INBOX = "inbox"
MAX_ATTEMPTS = 8
FIRST_WAIT = 60_000
LONGEST_WAIT = 6 * 3_600_000

WAITING, DELIVERED, GIVEN_UP = "waiting", "delivered", "given_up"


class Notice(NamedTuple):
    """A notice: for whom, what, from when (ms) it is due, and when it was read."""

    notice: str
    person: str
    kind: str
    parameters: dict[str, Any]
    at: int
    read: int | None


class Due(NamedTuple):
    """A notice to be sent by one channel now; `attempt` counts from 1."""

    notice: Notice
    channel: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a notice stands in one channel: `waiting`, `delivered` or `given_up`.

    `due` and `changed` are milliseconds, `attempts` those that failed.
    """

    notice: str
    channel: str
    state: str
    attempts: int
    due: int
    changed: int


@dataclass(frozen=True, slots=True)
class _NoticeRow:
    notice: str
    person: str
    kind: str
    cause: str | None
    at: int
    read: int | None
    sealed: bytes


_notices = table("notices", _NoticeRow, [], position(), sql.UniqueConstraint("notice"))
sql.Index("notices_of_person", _notices.c.person)
sql.Index("notices_of_cause", _notices.c.person, _notices.c.kind, _notices.c.cause, unique=True)
_deliveries = table("notice_deliveries", Delivery, ["notice", "channel"])
sql.Index("notice_deliveries_due", _deliveries.c.state, _deliveries.c.due)
_name_decoder = codec.decoder(Name)
_time_decoder = codec.decoder(Millis)
_ID_LETTERS = 22


class Outbox:
    """The notices of one organisation. Safe for threads; one process at a time."""

    def __init__(
        self,
        keystore: Keystore,
        database: Database,
        clock: Callable[[], int],
        channels: Callable[[str], tuple[str, ...]],
    ) -> None:
        """`channels` names a person's channels besides the inbox (see `desk.Desk.channels`)."""
        self._keystore = keystore
        self._database = database
        self._clock = clock
        self._channels = channels
        self.on_put: list[Callable[[], None]] = []
        """Called after a notice was queued, in the thread that did it."""
        self.history = History(keystore, database, clock)

    def now(self) -> int:
        """Read the clock by which notices are due (ms of UTC)."""
        return self._clock()

    # Writing

    def put(
        self,
        person: str,
        kind: str,
        parameters: notices.Parameters,
        at: int,
        cause: str | None = None,
    ) -> str:
        """Queue a notice, due at `at` (ms), durably; returns its id.

        `cause` is an id or digest of what brought it about (a transaction's hash): the same person,
        kind and cause again give the notice there is, so that a restart tells nothing twice.
        Refuses `notice_kind_unknown`, `notice_parameters_differ`, `malformed`.
        """
        data = notices.checked(kind, parameters)
        written(_time_decoder, at)
        if cause is not None:
            checked_id(cause) if len(cause) == _ID_LETTERS else checked_digest(cause)
        row = _NoticeRow(new_id(), checked_id(person), kind, cause, at, None, b"")
        row = replace(row, sealed=self._sealer(row.notice).seal(data, _notice_bound(row)))
        ways = dict.fromkeys((INBOX, *self._channels(person)))
        with self._database.write() as connection:
            known = self._caused(row) if cause is not None else None
            if known is not None:
                return known.notice
            now = self._clock()
            connection.execute(sql.insert(_notices).values(**values(row)))
            connection.execute(
                sql.insert(_deliveries),
                [values(Delivery(row.notice, way, WAITING, 0, at, now)) for way in ways],
            )
            self.history.append(connection, row.notice, "queued", told=_told(kind, data))
        for call in self.on_put:
            call()
        return row.notice

    def delivered(self, notice: str, channel: str, proof: str | None = None) -> None:
        """Record that a channel took a notice; again changes nothing.

        `proof` is a digest of what the channel gave for it. Refuses `notice_delivery_unknown`,
        `notice_delivery_closed` (given up before), `malformed`.
        """
        if proof is not None:
            checked_digest(proof)
        with self._database.write() as connection:
            found = self._delivery(notice, channel)
            if found.state == DELIVERED:
                return
            if found.state == GIVEN_UP:
                raise DELIVERY_CLOSED(notice=notice)
            self._change(connection, replace(found, state=DELIVERED))
            self.history.append(connection, notice, "delivered", channel=channel, proof=proof)

    def failed(self, notice: str, channel: str, reason: str, *, final: bool = False) -> Delivery:
        """Record that a channel did not take a notice, and when it is tried again.

        Waits grow fourfold from a minute to six hours; after `MAX_ATTEMPTS`, or at once where
        `final`, the channel is given up. `reason` is a code, never a text of others. Refuses
        `notice_delivery_unknown`, `notice_delivery_closed`, `malformed`.
        """
        written(_name_decoder, reason)
        with self._database.write() as connection:
            found = self._delivery(notice, channel)
            if found.state != WAITING:
                raise DELIVERY_CLOSED(notice=notice)
            attempts = found.attempts + 1
            ended = final or attempts >= MAX_ATTEMPTS
            wait = min(FIRST_WAIT * 4 ** (attempts - 1), LONGEST_WAIT)
            changed = replace(
                found,
                attempts=attempts,
                state=GIVEN_UP if ended else WAITING,
                due=self._clock() + wait,
            )
            changed = self._change(connection, changed)
            event: Event = "given_up" if ended else "failed"
            self.history.append(connection, notice, event, channel=channel, reason=reason)
        return changed

    def read(self, notice: str, person: str) -> None:
        """Record that a person opened a notice in the inbox; again changes nothing.

        Refuses `notice_unknown`, also for another person's notice and for one that is not due yet.
        """
        with self._database.write() as connection:
            row = self._row(notice)
            now = self._clock()
            if row.person != person or row.at > now:
                raise NOTICE_UNKNOWN(notice=notice)
            if row.read is not None:
                return
            change = sql.update(_notices).where(_notices.c.notice == notice)
            connection.execute(change.values(read=now))
            self.history.append(connection, notice, "read", channel=INBOX)

    # Reading

    def due(self, now: int, limit: int = 100) -> list[Due]:
        """List what is to be sent by `now` (ms), the longest due first.

        A notice that does not open is given up, so that it holds up no other.
        """
        query = sql.select(_deliveries).where(
            _deliveries.c.state == WAITING, _deliveries.c.due <= now
        )
        ordered = query.order_by(_deliveries.c.due, _deliveries.c.notice, _deliveries.c.channel)
        found: list[Due] = []
        for row in self._database.rows(Delivery, ordered.limit(limit)):
            try:
                found.append(Due(self.notice(row.notice), row.channel, row.attempts + 1))
            except Refusal:
                self.failed(row.notice, row.channel, "row-damaged", final=True)
        return found

    def next_due(self) -> int | None:
        """Tell when (ms) the next notice is due; None when none waits."""
        query = sql.select(sql.func.min(_deliveries.c.due)).where(_deliveries.c.state == WAITING)
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else int(found)

    def notice(self, notice: str) -> Notice:
        """Give a notice; refuses `notice_unknown`."""
        return self._opened(self._row(notice))

    def inbox(self, person: str, limit: int = 100) -> list[Notice]:
        """List a person's notices that are due, newest first."""
        query = sql.select(_notices).where(
            _notices.c.person == person, _notices.c.at <= self._clock()
        )
        newest = query.order_by(_notices.c.at.desc(), _notices.c.position.desc()).limit(limit)
        return [self._opened(row) for row in self._database.rows(_NoticeRow, newest)]

    def deliveries(self, notice: str) -> list[Delivery]:
        """Tell where a notice stands in each of its channels; refuses `notice_unknown`."""
        self._row(notice)
        query = sql.select(_deliveries).where(_deliveries.c.notice == notice)
        return self._database.rows(Delivery, query.order_by(_deliveries.c.channel))

    def damaged(self) -> Iterator[Damage]:
        """Walk notices and their history; name what does not check."""
        for notice in self._database.rows(_NoticeRow, sql.select(_notices)):
            try:
                self._opened(notice)
            except Refusal as refusal:
                yield Damage("notice", notice.notice, "", refusal.code.name)
        yield from self.history.damaged()

    # Rows

    def _change(self, connection: sql.Connection, delivery: Delivery) -> Delivery:
        changed = replace(delivery, changed=self._clock())
        connection.execute(
            sql.update(_deliveries)
            .where(
                _deliveries.c.notice == delivery.notice, _deliveries.c.channel == delivery.channel
            )
            .values(**values(changed))
        )
        return changed

    def _caused(self, row: _NoticeRow) -> _NoticeRow | None:
        same = (
            _notices.c.person == row.person,
            _notices.c.kind == row.kind,
            _notices.c.cause == row.cause,
        )
        return self._database.one(_NoticeRow, sql.select(_notices).where(*same))

    def _row(self, notice: str) -> _NoticeRow:
        query = sql.select(_notices).where(_notices.c.notice == checked_id(notice))
        found = self._database.one(_NoticeRow, query)
        if found is None:
            raise NOTICE_UNKNOWN(notice=notice)
        return found

    def _delivery(self, notice: str, channel: str) -> Delivery:
        query = sql.select(_deliveries).where(
            _deliveries.c.notice == checked_id(notice), _deliveries.c.channel == channel
        )
        found = self._database.one(Delivery, query)
        if found is None:
            raise DELIVERY_UNKNOWN(notice=notice)
        return found

    def _sealer(self, notice: str) -> Sealer:
        return self._keystore.sealer("notice", notice)

    def _opened(self, row: _NoticeRow) -> Notice:
        try:
            data = self._sealer(row.notice).open(row.sealed, _notice_bound(row))
            parameters = notices.opened(row.kind, data)
        except Refusal:
            raise DESK_ROW_DAMAGED(row=row.notice) from None
        return Notice(row.notice, row.person, row.kind, parameters, row.at, row.read)


def told(kind: str, parameters: notices.Parameters) -> str:
    """Give the digest that the line of a queued notice names: SHA-256 of kind and parameters."""
    return _told(kind, notices.checked(kind, parameters))


def _told(kind: str, data: bytes) -> str:
    return codec.to_text(hashlib.sha256(kind.encode() + b"\0" + data).digest())


def _notice_bound(row: _NoticeRow) -> bytes:
    return binding(
        "notice",
        notice=row.notice,
        person=row.person,
        kind=row.kind,
        cause=row.cause or "",
        at=row.at,
    )
