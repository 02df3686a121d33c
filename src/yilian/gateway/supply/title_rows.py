"""What an organisation keeps of its titles, in its supply database.

    posts        one for each interval in which something happened; idle ones leave no row
    notes        made here or received; secrets are sealed
    edges        which packs went into a note, and out of which spend
    units        the packs that were ever held here, and the note each is in
    actions      shipments and ends of life that were asked for
    claims       holder keys of others, for notes to them
    promises     secrets of notes to come, whose keys others were given
    arrivals     shipments that came in
    ends         packs that ended, of which nobody was told yet

A post's rows are written before it is sent, and stand behind `posts.state`; units change hands only
once the chain has the post.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sql

from yilian.gateway.supply.database import table
from yilian.vault.database import position

PLANNED, SENT, POSTED = "planned", "sent", "posted"
QUEUED, POSTING, DONE, BROUGHT, CANCELLED = "queued", "posting", "done", "brought", "cancelled"
WAITING, ACCEPTED, DECLINED, REFUSED = "waiting", "accepted", "declined", "refused"
SHIP, END = "ship", "end"
AT_ONCE = 500
"""Values in one statement."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post; `leaves` are the hashes of its events' leaves, `slots` how many places are real.

    `raw` is the transaction until the chain has decided, `events` 0 where it anchors none, else the
    first sequence.
    """

    post: int
    state: str
    interval: int | None
    seed: bytes
    root: bytes
    slots: int
    events: int
    leaves: bytes
    raw: bytes
    expires: int


@dataclass(frozen=True, slots=True)
class SpendRow:
    """A nullifier of a post: of a note, or (None) of packs made; `secret` is sealed."""

    spend: int
    post: int
    slot: int
    note: int | None
    secret: bytes


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note or an end (`word`); whose it is, and in which post it was given and given away.

    `shipment` is the one it came by or goes by; `secret` is sealed, empty for others' notes.
    """

    note: int
    holder: str
    secret: bytes
    key: bytes
    salt: bytes
    word: str
    made: int | None
    spent: int | None
    shipment: str | None


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """Packs that went into a note: out of a spend, or (None) by a shipment that came in."""

    edge: int
    post: int | None
    spend: int | None
    note: int
    units: bytes


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A pack; `note` is None until its commissioning is posted, `gone` 1 once it left."""

    unit: str
    note: int | None
    move: str | None
    gone: int


@dataclass(frozen=True, slots=True)
class ActionRow:
    """Packs that are to leave: shipped to an organisation, or ended with a word (`to`).

    `units` counts them, `left` those that no post has yet; `at` is ms.
    """

    action: str
    kind: str
    to: str
    state: str
    units: int
    left: int
    at: int


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A holder key that another organisation gave for one note."""

    holder: str
    key: bytes


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """A secret made for a note that `giver` may give; `shipment` is the one that used it."""

    key: bytes
    secret: bytes
    giver: str
    shipment: str | None


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """A shipment that came in: its pedigree, and the code of what is wrong with it."""

    shipment: str
    sender: str
    state: str
    fault: str
    units: int
    at: int
    document: bytes


@dataclass(frozen=True, slots=True)
class EndRow:
    """Packs of an end that is posted, for `responder`; empty until the chain is asked who it is."""

    note: int
    responder: str
    units: bytes


posts = table("title_posts", PostRow, ["post"])
spends = table("title_spends", SpendRow, ["spend"])
notes = table("title_notes", NoteRow, ["note"])
edges = table("title_edges", EdgeRow, ["edge"])
units = table("title_units", UnitRow, [], position(), sql.UniqueConstraint("unit"))
actions = table("title_actions", ActionRow, [], position(), sql.UniqueConstraint("action"))
claims = table("title_claims", ClaimRow, [], position(), sql.UniqueConstraint("holder", "key"))
promises = table("title_promises", PromiseRow, ["key"])
arrivals = table("title_arrivals", ArrivalRow, [], position(), sql.UniqueConstraint("shipment"))
ends = table("title_ends", EndRow, [], position())
sql.Index("title_posts_interval", posts.c.interval)
sql.Index("title_posts_state", posts.c.state)
sql.Index("title_posts_events", posts.c.events)
sql.Index("title_spends_post", spends.c.post)
sql.Index("title_edges_note", edges.c.note)
sql.Index("title_edges_post", edges.c.post)
sql.Index("title_notes_shipment", notes.c.shipment)
sql.Index("title_notes_held", notes.c.spent, notes.c.holder)
sql.Index("title_units_note", units.c.note)
sql.Index("title_units_move", units.c.move, units.c.note)
sql.Index("title_actions_state", actions.c.state)
sql.Index("title_ends_responder", ends.c.responder)
sql.Index("title_promises_giver", promises.c.giver, promises.c.shipment)


def pack(names: Sequence[str]) -> bytes:
    """Write unit ids."""
    return zlib.compress("\n".join(names).encode("utf-8"), 6)


def unpack(data: bytes) -> list[str]:
    """Read unit ids, in their order."""
    return zlib.decompress(data).decode("utf-8").split("\n")


def some(values: Sequence[R]) -> Iterator[Sequence[R]]:
    """Cut values into portions for one statement each."""
    for at in range(0, len(values), AT_ONCE):
        yield values[at : at + AT_ONCE]


def found(connection: sql.Connection, kind: type[R], query: sql.Select[Any]) -> list[R]:
    """Read rows of a type; `query` selects its table."""
    width = len(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    return [kind(*row[:width]) for row in connection.execute(query).all()]


def units_named(connection: sql.Connection, names: Sequence[str]) -> dict[str, UnitRow]:
    """Find units by their ids."""
    rows: dict[str, UnitRow] = {}
    for part in some(names):
        query = sql.select(units).where(units.c.unit.in_(part))
        rows.update((each.unit, each) for each in found(connection, UnitRow, query))
    return rows


def change_units(connection: sql.Connection, names: Iterable[str], **fields: Any) -> None:
    """Change the rows of units."""
    for part in some(list(names)):
        connection.execute(sql.update(units).where(units.c.unit.in_(part)).values(**fields))


def next_key(connection: sql.Connection, column: sql.Column[Any]) -> int:
    """Give a number for a new row; the writer is alone."""
    return int(connection.scalar(sql.select(sql.func.max(column))) or 0) + 1
