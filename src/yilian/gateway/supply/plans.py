"""What one post will do: which notes it spends, into which new ones, and what becomes of that.

A plan's rows are written first, then its tree is built and it is sent. `settle` makes it so, once
the chain has the post; `release` takes it back, once no block can take it any more. There is one
plan at a time.

Packs that stay when others leave their note go into notes of half, a quarter, an eighth of them and
so on: a pack then goes through few notes of one holder, however many times others leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sql

from yilian.gateway.supply import notes, title_rows
from yilian.gateway.supply.title_rows import (
    CANCELLED,
    DONE,
    PLANNED,
    POSTED,
    POSTING,
    QUEUED,
    SHIP,
    ActionRow,
    EdgeRow,
    EndRow,
    NoteRow,
    PostRow,
    SpendRow,
    UnitRow,
)
from yilian.gateway.supply.title_secrets import TitleSecrets
from yilian.vault.database import values

NOTE_UNITS = 1_000
"""Packs in one note at most."""

SMALL = 16
"""Packs that stay together rather than being halved once more."""

MADE_AT_ONCE = 100_000
"""Packs commissioned by one post at most."""


class Anchored(NamedTuple):
    """Events that a post anchors: the first one's sequence, and the hashes of their leaves."""

    first: int
    leaves: tuple[bytes, ...]


class _Spend(NamedTuple):
    """A nullifier: the packs that stay or (`made`) are made here, and which leave by what."""

    spend: int
    made: bool
    staying: list[str]
    leaving: dict[str, list[str]]


class Plans:
    """The plans of one organisation; every method is given the connection of a write."""

    def __init__(self, secrets_: TitleSecrets) -> None:
        self._secrets = secrets_
        self._organisation = secrets_.organisation

    # Making

    def make(self, connection: sql.Connection, slots: int, anchored: Anchored | None) -> int | None:
        """Plan the next post, of at most so many nullifiers; gives its number.

        None where there is nothing to do.
        """
        post = title_rows.next_key(connection, title_rows.posts.c.post)
        work = _Work(connection, self._secrets, post)
        work.commission()
        for note, eligible in _chosen(connection, slots - work.slots):
            work.spend(note, eligible)
        work.hand_out()
        if not work.slots and anchored is None:
            return None
        row = PostRow(
            post=post,
            state=PLANNED,
            interval=None,
            seed=secrets.token_bytes(notes.BYTES),
            root=b"",
            slots=work.slots,
            events=anchored.first if anchored else 0,
            leaves=b"".join(anchored.leaves) if anchored else b"",
            raw=b"",
            expires=0,
        )
        connection.execute(sql.insert(title_rows.posts), [values(row)])
        return post

    # What becomes of it

    def settle(self, connection: sql.Connection, post: int) -> None:
        """Make it so: the chain has the post."""
        tables = title_rows
        made = {
            each.note: each
            for each in title_rows.found(
                connection, NoteRow, sql.select(tables.notes).where(tables.notes.c.made == post)
            )
        }
        leaving: dict[str, int] = {}
        for edge in edges_of(connection, post):
            child, names = made[edge.note], title_rows.unpack(edge.units)
            if child.shipment is None:
                title_rows.change_units(connection, names, note=child.note)
            else:
                title_rows.change_units(connection, names, note=child.note, move=None, gone=1)
                leaving[child.shipment] = leaving.get(child.shipment, 0) + len(names)
            if child.word:
                row = EndRow(child.note, "", edge.units)
                connection.execute(sql.insert(tables.ends).values(**values(row)))
        spent = sql.select(tables.spends.c.note).where(tables.spends.c.post == post)
        connection.execute(
            sql.update(tables.notes).where(tables.notes.c.note.in_(spent)).values(spent=post)
        )
        for action, count in leaving.items():
            _leave(connection, action, count)
        connection.execute(
            sql.update(tables.posts)
            .where(tables.posts.c.post == post)
            .values(state=POSTED, raw=b"")
        )

    def release(self, connection: sql.Connection, post: int) -> None:
        """Take a plan back: no block has taken it, and none will."""
        tables = title_rows
        made = title_rows.found(
            connection, NoteRow, sql.select(tables.notes).where(tables.notes.c.made == post)
        )
        given = [
            {"holder": each.holder, "key": each.key}
            for each in made
            if each.shipment is not None and not each.word
        ]
        if given:
            connection.execute(sql.insert(tables.claims).prefix_with("OR IGNORE"), given)
        for each in (tables.edges, tables.spends, tables.posts):
            connection.execute(sql.delete(each).where(each.c.post == post))
        connection.execute(sql.delete(tables.notes).where(tables.notes.c.made == post))
        connection.execute(
            sql.update(tables.actions)
            .where(
                tables.actions.c.state == POSTING, tables.actions.c.left == tables.actions.c.units
            )
            .values(state=QUEUED)
        )


class _Work:
    """A plan while it is made."""

    def __init__(self, connection: sql.Connection, secrets_: TitleSecrets, post: int) -> None:
        self._connection = connection
        self._secrets = secrets_
        self._post = post
        self._spends: list[_Spend] = []
        self._note = title_rows.next_key(connection, title_rows.notes.c.note)
        self._edge = title_rows.next_key(connection, title_rows.edges.c.edge)
        self._next = title_rows.next_key(connection, title_rows.spends.c.spend)

    @property
    def slots(self) -> int:
        """Count the nullifiers so far."""
        return len(self._spends)

    def commission(self) -> None:
        """Take in packs that were made here and are in no note yet."""
        table = title_rows.units
        waiting = (
            sql.select(table.c.unit)
            .where(table.c.note.is_(None), table.c.gone == 0)
            .order_by(table.c.position)
            .limit(MADE_AT_ONCE)
        )
        made = list(self._connection.scalars(waiting))
        if made:
            self._add(None, self._secrets.new_origin()[1], made, {})

    def spend(self, note: int, eligible: frozenset[str]) -> None:
        """Spend a note: packs whose action is eligible leave, the others stay."""
        table = title_rows.units
        query = sql.select(table).where(table.c.note == note, table.c.gone == 0)
        staying: list[str] = []
        leaving: dict[str, list[str]] = {}
        ordered = query.order_by(table.c.position)
        for row in title_rows.found(self._connection, UnitRow, ordered):
            if row.move in eligible:
                leaving.setdefault(row.move or "", []).append(row.unit)
            else:
                staying.append(row.unit)
        self._add(note, b"", staying, leaving)

    def _add(
        self, note: int | None, secret: bytes, staying: list[str], leaving: dict[str, list[str]]
    ) -> None:
        row = SpendRow(self._next, self._post, len(self._spends), note, secret)
        self._connection.execute(sql.insert(title_rows.spends), [values(row)])
        self._spends.append(_Spend(self._next, note is None, staying, leaving))
        self._next += 1

    def hand_out(self) -> None:
        """Make the notes that everything goes into."""
        made: list[NoteRow] = []
        edges: list[EdgeRow] = []
        for each in self._spends:
            for stay in _parts(each.staying, whole=each.made):
                made.append(self._own())
                edges.append(self._edge_to(made[-1], each.spend, stay))
        actions = sorted({action for each in self._spends for action in each.leaving})
        for action in actions:
            from_ = [(each.spend, each.leaving.get(action, [])) for each in self._spends]
            for portion in _portions(from_):
                made.append(self._given(action))
                edges += [self._edge_to(made[-1], spend, part) for spend, part in portion]
        connection = self._connection
        if made:
            connection.execute(sql.insert(title_rows.notes), [values(each) for each in made])
            connection.execute(sql.insert(title_rows.edges), [values(each) for each in edges])
        for part in title_rows.some(actions):
            named = title_rows.actions.c.action.in_(part)
            connection.execute(sql.update(title_rows.actions).where(named).values(state=POSTING))

    def _own(self) -> NoteRow:
        key, secret = self._secrets.new()
        return self._row(holder=self._secrets.organisation, secret=secret, key=key)

    def _given(self, action: str) -> NoteRow:
        found = _action(self._connection, action)
        if found.kind != SHIP:
            return self._row(word=found.to, shipment=action)
        table = title_rows.claims
        claim = self._connection.execute(
            sql.select(table.c.position, table.c.key)
            .where(table.c.holder == found.to)
            .order_by(table.c.position)
            .limit(1)
        ).one()
        self._connection.execute(sql.delete(table).where(table.c.position == claim.position))
        return self._row(holder=found.to, key=claim.key, shipment=action)

    def _row(self, **fields: Any) -> NoteRow:
        made: dict[str, Any] = {
            "note": self._note,
            "holder": "",
            "secret": b"",
            "key": b"",
            "salt": secrets.token_bytes(notes.BYTES),
            "word": "",
            "made": self._post,
            "spent": None,
            "shipment": None,
        }
        self._note += 1
        return NoteRow(**(made | fields))

    def _edge_to(self, note: NoteRow, spend: int, names: Sequence[str]) -> EdgeRow:
        self._edge += 1
        return EdgeRow(self._edge - 1, self._post, spend, note.note, title_rows.pack(names))


def _parts(names: list[str], *, whole: bool) -> Iterator[list[str]]:
    """Cut packs that stay: into full notes, or into halves of halves where others left."""
    if whole:
        for at in range(0, len(names), NOTE_UNITS):
            yield names[at : at + NOTE_UNITS]
        return
    while len(names) > SMALL:
        half = len(names) // 2
        yield names[half:]
        names = names[:half]
    if names:
        yield names


def _portions(
    from_: Sequence[tuple[int, list[str]]],
) -> Iterator[list[tuple[int, list[str]]]]:
    """Cut packs of several spends into notes."""
    portion: list[tuple[int, list[str]]] = []
    room = NOTE_UNITS
    for spend, names in from_:
        at = 0
        while at < len(names):
            portion.append((spend, names[at : at + room]))
            taken = len(portion[-1][1])
            at += taken
            room -= taken
            if not room:
                yield portion
                portion, room = [], NOTE_UNITS
    if portion:
        yield portion


def _chosen(connection: sql.Connection, slots: int) -> list[tuple[int, frozenset[str]]]:
    """Choose the notes to spend, those of the oldest actions first, and which actions may use them.

    A shipment whose receiver gave too few claims waits, and holds up nobody.
    """
    units, chosen, eligible = title_rows.units, dict[int, None](), set[str]()
    claims: dict[str, int] = {}
    for action in open_actions(connection):
        query = sql.select(units.c.note).where(
            units.c.move == action.action, units.c.note.is_not(None)
        )
        held = list(connection.scalars(query.distinct().order_by(units.c.note)))
        if len(chosen) >= slots:
            # Another action has a note spent all the same: these packs go along.
            held = [each for each in held if each in chosen]
        if not held or not _claimed(connection, action, claims):
            continue
        eligible.add(action.action)
        for note in held:
            if note in chosen or len(chosen) < slots:
                chosen[note] = None
    return [(note, frozenset(eligible)) for note in chosen]


def _claimed(connection: sql.Connection, action: ActionRow, claims: dict[str, int]) -> bool:
    """Tell whether there are claims for all of a shipment, and set them aside."""
    if action.kind != SHIP:
        return True
    if action.to not in claims:
        claims[action.to] = count_claims(connection, action.to)
    needed = claims_needed(action.left)
    if claims[action.to] < needed:
        return False
    claims[action.to] -= needed
    return True


def claims_needed(count: int) -> int:
    """Tell how many notes so many packs need at most, in one post."""
    return -(-count // NOTE_UNITS)


def count_claims(connection: sql.Connection, holder: str) -> int:
    """Count the claims that are left for notes to an organisation."""
    table = title_rows.claims
    query = sql.select(sql.func.count()).select_from(table).where(table.c.holder == holder)
    return int(connection.scalar(query) or 0)


def open_actions(connection: sql.Connection) -> list[ActionRow]:
    """List the actions that have packs left, oldest first."""
    table = title_rows.actions
    query = sql.select(table).where(table.c.state.in_((QUEUED, POSTING)))
    return title_rows.found(connection, ActionRow, query.order_by(table.c.position))


def edges_of(connection: sql.Connection, post: int) -> list[EdgeRow]:
    """List what a post did to packs, in order."""
    query = sql.select(title_rows.edges).where(title_rows.edges.c.post == post)
    return title_rows.found(connection, EdgeRow, query.order_by(title_rows.edges.c.edge))


def _action(connection: sql.Connection, action: str) -> ActionRow:
    query = sql.select(title_rows.actions).where(title_rows.actions.c.action == action)
    return title_rows.found(connection, ActionRow, query)[0]


def _leave(connection: sql.Connection, action: str, count: int) -> None:
    found = _action(connection, action)
    left = found.left - count
    state = found.state if left else DONE
    if found.state == CANCELLED:
        raise RuntimeError("a cancelled shipment was posted")
    connection.execute(
        sql.update(title_rows.actions)
        .where(title_rows.actions.c.action == action)
        .values(left=left, state=state)
    )
