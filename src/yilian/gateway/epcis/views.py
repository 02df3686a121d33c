"""What each partner sees of the log: decided here, for every way in.

A partner has a log of its own: what it was shown, in the order in which it was shown, each event
whole or as parts that leave out what is not for it. A part is kept as events are, with terms of its
own; so questions, trees, pages and followers of a partner are answered from what it sees, and what
it may not see can neither match nor be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sql

from yilian.gateway.epcis import browse, store
from yilian.gateway.epcis.store import Stored, events_table, visible_table

View = Callable[[Sequence[Stored], str, sql.Connection], Sequence[Sequence[bytes]]]
"""Gives for each event, as canonical JSON, what a partner may see of it now: itself, parts with ids
of their own, or nothing."""

_FIELDS = [visible_table.c[name] for name in ("sequence", "place", "row", "own")]


class _Seen(NamedTuple):
    """A line of a partner's log; `content` is what it sees."""

    sequence: int
    place: int
    row: int
    own: int
    content: bytes


class _New(NamedTuple):
    """What is to be shown: of which event, in which row, and whether it stays."""

    sequence: int
    row: int
    own: int
    content: bytes


def whole(
    events: Sequence[Stored], partner: str, connection: sql.Connection
) -> Sequence[Sequence[bytes]]:
    """Show events as they are: where nothing is known of packs and of who gets them."""
    return [(each.content,) for each in events]


class Views:
    """The partners' logs of one repository; all within the caller's transaction."""

    def __init__(self, view: View) -> None:
        self._view = view

    def show(self, partner: str, sequences: Iterable[int], connection: sql.Connection) -> None:
        """Let a partner see of events what it may see now, and no more what it may not; again is
        fine.
        """
        for some in _chunks(sequences):
            seen = _seen(connection, some, partner)
            own = {each.sequence for each in seen if each.own}
            events = store.read(connection, events_table.c.sequence.in_(some))
            events = [each for each in events if each.sequence not in own]
            contents = self._view(events, partner, connection)
            wanted = {
                (stored.sequence, content): stored
                for stored, parts in zip(events, contents, strict=True)
                for content in parts
            }
            there = {(each.sequence, each.content): each for each in seen if not each.own}
            _hide(connection, partner, [each for key, each in there.items() if key not in wanted])
            missing = [(each, key[1]) for key, each in wanted.items() if key not in there]
            _add(connection, partner, _kept(connection, missing, own=0))

    def show_own(self, partner: str, sequences: Iterable[int], connection: sql.Connection) -> None:
        """Let a partner see events as they are, for good: those that it told of itself."""
        for some in _chunks(sequences):
            there = {each.sequence for each in _seen(connection, some, partner) if each.own}
            events = store.read(connection, events_table.c.sequence.in_(some))
            missing = [(each, each.content) for each in events if each.sequence not in there]
            _add(connection, partner, _kept(connection, missing, own=1))

    def declare(self, follows: Mapping[int, Stored], connection: sql.Connection) -> None:
        """Let whoever sees an event see, of as much of it, what declares an error in it.

        `follows` gives the declarations by the sequences of the events. Both stay as they are.
        """
        for some in _chunks(follows):
            originals = {
                each.sequence: each.content
                for each in store.read(connection, events_table.c.sequence.in_(some))
            }
            for partner, seen in _by_partner(connection, some).items():
                told: list[tuple[Stored, bytes]] = []
                for each in seen:
                    declared = follows[each.sequence]
                    if each.content == originals[each.sequence]:
                        told.append((declared, declared.content))
                        continue
                    said = store.decode(declared.content)["errorDeclaration"]
                    part = store.decode(each.content) | {"errorDeclaration": said}
                    told.append((declared, store.encode(part)))
                _add(connection, partner, _kept(connection, told, own=1))
                places = [each.place for each in seen]
                connection.execute(
                    sql.update(visible_table)
                    .where(visible_table.c.partner == partner, visible_table.c.place.in_(places))
                    .values(own=1)
                )


def newest(connection: sql.Connection, partner: str) -> int:
    """Give the place of the newest line of a partner's log; 0 where there is none."""
    last = sql.select(sql.func.max(visible_table.c.place)).where(visible_table.c.partner == partner)
    return int(connection.scalar(last) or 0)


def partners(connection: sql.Connection, sequences: Iterable[int]) -> set[str]:
    """Name the partners who see something of these events."""
    return {each for some in _chunks(sequences) for each in _by_partner(connection, some)}


def _seen(connection: sql.Connection, sequences: Sequence[int], partner: str) -> list[_Seen]:
    return _by_partner(connection, sequences, visible_table.c.partner == partner).get(partner, [])


def _by_partner(
    connection: sql.Connection, sequences: Sequence[int], *conditions: sql.ColumnElement[bool]
) -> dict[str, list[_Seen]]:
    found: dict[str, list[_Seen]] = {}
    query = (
        sql.select(visible_table.c.partner, *_FIELDS, events_table.c.content)
        .join_from(visible_table, events_table, events_table.c.row == visible_table.c.row)
        .where(visible_table.c.sequence.in_(sequences), *conditions)
        .order_by(visible_table.c.partner, visible_table.c.place)
    )
    for partner, *seen in connection.execute(query):
        found.setdefault(partner, []).append(_Seen(*seen))
    return found


def _kept(
    connection: sql.Connection, told: Sequence[tuple[Stored, bytes]], *, own: int
) -> list[_New]:
    """Give the rows of what is told: an event's own, or a new one for a part of it."""
    sequences = [stored.sequence for stored, content in told if content == stored.content]
    found = connection.execute(
        sql.select(events_table.c.sequence, events_table.c.row).where(
            events_table.c.sequence.in_(sequences)
        )
    )
    rows = {int(sequence): int(row) for sequence, row in found}
    parts = [each for each in told if each[1] != each[0].content]
    made = iter(store.insert_parts(connection, parts))
    return [
        _New(
            stored.sequence,
            rows[stored.sequence] if content == stored.content else next(made),
            own,
            content,
        )
        for stored, content in told
    ]


def _add(connection: sql.Connection, partner: str, told: Sequence[_New]) -> None:
    if not told:
        return
    first = newest(connection, partner) + 1
    connection.exec_driver_sql(
        "INSERT INTO epcis_visible (partner, place, sequence, row, own) VALUES (?, ?, ?, ?, ?)",
        [
            (partner, first + number, each.sequence, each.row, each.own)
            for number, each in enumerate(told)
        ],
    )
    browse.note(connection, partner, (each.content for each in told))


def _hide(connection: sql.Connection, partner: str, gone: Sequence[_Seen]) -> None:
    """Take lines out; their places stay empty, so that who follows loses none of those to come."""
    if not gone:
        return
    connection.execute(
        sql.update(visible_table)
        .where(visible_table.c.partner == partner)
        .where(visible_table.c.place.in_([each.place for each in gone]))
        .values(row=None)
    )
    store.withdraw(connection, [each.row for each in gone])
    browse.forget(connection, partner, (each.content for each in gone))


def _chunks(sequences: Iterable[int]) -> Iterator[list[int]]:
    wanted = sorted(set(sequences))
    for start in range(0, len(wanted), store.VIEWED):
        yield wanted[start : start + store.VIEWED]
