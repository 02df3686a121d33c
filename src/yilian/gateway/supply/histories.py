"""The trees of an organisation's own posts, and the pedigrees of its packs, from what it keeps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import sqlalchemy as sql

from yilian.gateway.supply import notes, title_rows
from yilian.gateway.supply.arrivals import read_document
from yilian.gateway.supply.notes import TitleTree
from yilian.gateway.supply.pedigree import (
    Composer,
    Document,
    End,
    Ended,
    EndWord,
    Note,
    Place,
    Shown,
    Spend,
)
from yilian.gateway.supply.plans import edges_of
from yilian.gateway.supply.title_rows import (
    POSTED,
    ArrivalRow,
    EdgeRow,
    NoteRow,
    PostRow,
    SpendRow,
)
from yilian.gateway.supply.title_secrets import TitleSecrets
from yilian.vault import leaves

_KEPT = 4

Chain = tuple[Spend, ...]


class Content(NamedTuple):
    """What stands under the root of a post, and the nullifiers of its real places."""

    events_root: bytes
    titles: TitleTree
    nullifiers: list[bytes]

    @property
    def root(self) -> bytes:
        """The root that goes on the chain."""
        return notes.post_root(self.events_root, self.titles.root)


class Histories:
    """Works out trees and pedigrees; keeps the last ones. Safe for threads."""

    def __init__(self, secrets: TitleSecrets) -> None:
        self._secrets = secrets
        self._organisation = secrets.organisation
        self._lock = threading.Lock()
        self._contents: OrderedDict[int, Content] = OrderedDict()
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    # Posts

    def content(self, connection: sql.Connection, post: PostRow) -> Content:
        """Work out what stands under a post's root."""
        with self._lock:
            kept = self._contents.get(post.post)
        if kept is not None:
            return kept
        made = self._build(connection, post)
        if post.state == POSTED:
            with self._lock:
                self._contents[post.post] = made
                while len(self._contents) > _KEPT:
                    self._contents.popitem(last=False)
        return made

    def _build(self, connection: sql.Connection, post: PostRow) -> Content:
        given = spends_of(connection, post.post)
        opened = {each.spend: self._spent(connection, each) for each in given}
        values = {each.note: commitment(each) for each in notes_of(connection, post.post)}
        blind, (key, value) = notes.noise(post.seed)
        found = {key: value}
        made = {each.spend for each in given if each.note is None}
        for edge in edges_of(connection, post.post):
            if edge.spend is None:
                continue
            nullifier = opened[edge.spend]
            name = notes.origin_key if edge.spend in made else notes.title_key
            value = values[edge.note]
            for unit in title_rows.unpack(edge.units):
                found[name(nullifier, unit)] = value
        root = events_levels(blind, post.leaves)[-1][0]
        return Content(root, TitleTree(found), [opened[each.spend] for each in given])

    def _spent(self, connection: sql.Connection, spend: SpendRow) -> bytes:
        return notes.nullifier(self._organisation, self.secret(connection, spend))

    def secret(self, connection: sql.Connection, spend: SpendRow) -> bytes:
        """Open the secret of a spend."""
        if spend.note is None:
            return self._secrets.open_origin(spend.secret)
        row = note_row(connection, spend.note)
        return self._secrets.open(row.key, row.secret)

    # Pedigrees

    def compose(self, connection: sql.Connection, wanted: Mapping[int, Sequence[str]]) -> Document:
        """Write the pedigree of packs, given by the note that they are in now."""
        return self._composed(connection, wanted).document()

    def compose_ended(
        self, connection: sql.Connection, wanted: Mapping[int, Sequence[str]]
    ) -> Ended:
        """Write the pedigree of ended packs, given by their ends."""
        return self._composed(connection, wanted).ended()

    def _composed(
        self, connection: sql.Connection, wanted: Mapping[int, Sequence[str]]
    ) -> Composer:
        composer, places, received = Composer(), dict[Place, None](), dict[str, None]()
        for number, units in wanted.items():
            row = note_row(connection, number)
            into = _into(row)
            for chain, names in self._chains(connection, row, units, received):
                composer.line(chain, into, names)
                places.update(dict.fromkeys(each.place for each in chain))
        for place in places:
            own = post_at(connection, place[1]) if place[0] == self._organisation else None
            if own is not None:
                content = self.content(connection, own)
                composer.tree(place, content.events_root, content.titles)
                continue
            for shipment in received:
                known = self._shipment(connection, shipment).trees.get(place)
                if known is not None:
                    composer.tree(place, *known)
        return composer

    def _chains(
        self,
        connection: sql.Connection,
        row: NoteRow,
        units: Iterable[str],
        received: dict[str, None],
    ) -> Iterator[tuple[Chain, list[str]]]:
        """Group packs by the spends that brought them into a note; notes where they came from."""
        wanted = set(units)
        query = sql.select(title_rows.edges).where(title_rows.edges.c.note == row.note)
        for edge in title_rows.found(connection, EdgeRow, query):
            names = [each for each in title_rows.unpack(edge.units) if each in wanted]
            if not names:
                continue
            if edge.spend is None:
                shipment = row.shipment or ""
                received[shipment] = None
                yield from self._shipment(connection, shipment).chains(names)
                continue
            last, parent = self._spend(connection, edge.spend)
            if parent is None:
                yield (last,), names
                continue
            for chain, some in self._chains(connection, parent, names, received):
                yield (*chain, last), some

    def _spend(self, connection: sql.Connection, spend: int) -> tuple[Spend, NoteRow | None]:
        query = sql.select(title_rows.spends).where(title_rows.spends.c.spend == spend)
        row = title_rows.found(connection, SpendRow, query)[0]
        found = sql.select(title_rows.posts.c.interval).where(title_rows.posts.c.post == row.post)
        parent = None if row.note is None else note_row(connection, row.note)
        opened = Spend(
            organisation=self._organisation,
            interval=connection.execute(found).scalar_one(),
            secret=self.secret(connection, row),
            salt=None if parent is None else parent.salt,
        )
        return opened, parent

    def _shipment(self, connection: sql.Connection, shipment: str) -> Shown:
        with self._lock:
            kept = self._shown.get(shipment)
        if kept is not None:
            return kept
        table = title_rows.arrivals
        query = sql.select(table).where(table.c.shipment == shipment)
        row = title_rows.found(connection, ArrivalRow, query)[0]
        made = Shown(read_document(row))
        with self._lock:
            self._shown[shipment] = made
            while len(self._shown) > _KEPT:
                self._shown.popitem(last=False)
        return made


def _into(row: NoteRow) -> Note | End:
    if row.word:
        # Written from an EndWord.
        return End(word=cast(EndWord, row.word), salt=row.salt)
    return Note(holder=row.holder, key=row.key, salt=row.salt)


def commitment(row: NoteRow) -> bytes:
    """Give the value that a note or an end has in a tree."""
    if row.word:
        return notes.end(row.word, row.salt)
    return notes.note(notes.claim(row.holder, row.key), row.salt)


def events_levels(blind: bytes, hashed: bytes) -> tuple[tuple[bytes, ...], ...]:
    """Give the levels of the tree over a post's events (RFC 6962), the blinding leaf first.

    `hashed` are the events' leaf hashes end to end; the root is the last level's one.
    """
    first = notes.blind_leaf(blind)
    each = range(0, len(hashed), notes.BYTES)
    return leaves.levels((first, *(hashed[at : at + notes.BYTES] for at in each)))


def spends_of(connection: sql.Connection, post: int) -> list[SpendRow]:
    """List a post's spends by their places."""
    query = sql.select(title_rows.spends).where(title_rows.spends.c.post == post)
    return title_rows.found(connection, SpendRow, query.order_by(title_rows.spends.c.slot))


def notes_of(connection: sql.Connection, post: int) -> list[NoteRow]:
    """List the notes that a post made."""
    query = sql.select(title_rows.notes).where(title_rows.notes.c.made == post)
    return title_rows.found(connection, NoteRow, query.order_by(title_rows.notes.c.note))


def note_row(connection: sql.Connection, note: int) -> NoteRow:
    """Read a note that is there."""
    query = sql.select(title_rows.notes).where(title_rows.notes.c.note == note)
    return title_rows.found(connection, NoteRow, query)[0]


def post_row(connection: sql.Connection, post: int) -> PostRow:
    """Read a post that is there."""
    query = sql.select(title_rows.posts).where(title_rows.posts.c.post == post)
    return title_rows.found(connection, PostRow, query)[0]


def post_at(connection: sql.Connection, interval: int) -> PostRow | None:
    """Find what was posted for an interval; None where nothing happened in it."""
    table = title_rows.posts
    query = sql.select(table).where(table.c.interval == interval, table.c.state == POSTED)
    return next(iter(title_rows.found(connection, PostRow, query)), None)
