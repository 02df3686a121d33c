"""Every event of the repository is committed to by a post, and can be proved and audited by it.

The leaf of an event is `salt | digest | text`: the digest of its CBV 2.0 event hash, and that of
its canonical JSON, which also covers its id and what declares an error. A post's leaves stand in
the order in which the events came in, behind one that only blinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple, Protocol

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis import event_hash
from yilian.gateway.epcis.store import Stored
from yilian.gateway.supply import notes, title_rows
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.histories import Histories, events_levels
from yilian.gateway.supply.on_chain import TitleView
from yilian.gateway.supply.pedigree import Bytes32
from yilian.gateway.supply.plans import Anchored
from yilian.gateway.supply.title_errors import EVENT_DIFFERS, EVENT_NOT_ANCHORED, PROOF_MALFORMED
from yilian.gateway.supply.title_rows import POSTED, PostRow
from yilian.ledger import merkle
from yilian.ledger.codec import Id, Whole
from yilian.ledger.state import State
from yilian.vault import leaves
from yilian.vault.envelope import Format

HASH = r"^ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0$(?!\n)"
AT_ONCE = 100_000
"""Events in one post."""

_PAGE = 1_000


class Log(Protocol):
    """The repository, as anchoring follows it."""

    def events(self, event_id: str, viewer: str | None = None) -> list[Stored]:
        """Give the event under an id, and behind it what declares an error in it."""

    def after(self, sequence: int, limit: int) -> list[Stored]:
        """Give the next events."""


class EventProof(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-event-proof/1"):
    """That an organisation had an event when it posted for an interval.

    `event_hash` is the event's CBV 2.0 hash, `text` the SHA-256 of its canonical JSON; `path` leads
    from its leaf, the `index`-th of `total`, to the events' root (RFC 6962); with `titles_root`
    that gives the root on the chain.
    """

    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    event_hash: Annotated[str, msgspec.Meta(pattern=HASH)]
    text: Bytes32
    salt: Bytes32
    organisation: Id
    interval: Whole
    index: Whole
    total: Whole
    path: Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=64)]
    titles_root: Bytes32


class Changed(NamedTuple):
    """An event that is not the one that was anchored; "" where a post's own record was altered."""

    sequence: int
    event_id: str
    interval: int


class Anchors:
    """The anchored events of one organisation. Safe for threads."""

    def __init__(
        self, organisation: str, database: SupplyDatabase, log: Log, histories: Histories
    ) -> None:
        self._organisation = organisation
        self._database = database
        self._log = log
        self._histories = histories

    def pending(self) -> Anchored | None:
        """Give the events that no post has yet, as many as go into one."""
        table = title_rows.posts
        last = sql.select(table).where(table.c.events > 0).order_by(table.c.events.desc()).limit(1)
        with self._database.read() as connection:
            rows = title_rows.found(connection, PostRow, last)
        first = rows[0].events + len(rows[0].leaves) // notes.BYTES if rows else 1
        found: list[bytes] = []
        while len(found) < AT_ONCE:
            page = self._log.after(first - 1 + len(found), _PAGE)
            found += [_leaf(each) for each in page]
            if len(page) < _PAGE:
                break
        return Anchored(first, tuple(found)) if found else None

    def proof(self, event_id: str) -> bytes:
        """Prove that an event was here when a post was made; gives JSON, bytes in base64.

        Where an error in it was declared under the same id, the event itself is proved: what was
        proved once stays proved, and the declaration changes nothing of what was posted.
        Refuses `supply.event_not_anchored` for an event that is not here, or not in a post yet.
        """
        stored = next(iter(self._log.events(event_id)), None)
        with self._database.read() as connection:
            row = None if stored is None else _post_with(connection, stored.sequence)
            if stored is None or row is None or row.interval is None:
                raise EVENT_NOT_ANCHORED()
            content = self._histories.content(connection, row)
        levels = events_levels(notes.noise(row.seed)[0], row.leaves)
        index = stored.sequence - row.events + 1
        made = EventProof(
            event_id=event_id,
            event_hash=_named(stored.digest),
            text=merkle.sha256(stored.content),
            salt=stored.salt,
            organisation=self._organisation,
            interval=row.interval,
            index=index,
            total=len(levels[0]),
            path=tuple(leaves.steps(levels, index)),
            titles_root=content.titles.root,
        )
        return msgspec.json.encode(made, order="sorted")

    def audit(self, state: State) -> Iterator[Changed]:
        """Work out every anchored event anew and name those that are not what the chain has.

        A changed event is named by itself. Where the record of a post was changed as well, so that
        it cannot be told which event it was, the post is named with all of its events.
        """
        view, row = TitleView(state), self._next(0)
        while row is not None:
            with self._database.read() as connection:
                titles = self._histories.content(connection, row).titles.root
            events = events_levels(notes.noise(row.seed)[0], row.leaves)[-1][0]
            posted = view.root(self._organisation, row.interval or 0)
            yield from self._audited(row, notes.post_root(events, titles) == posted)
            row = self._next(row.events)

    def _next(self, events: int) -> PostRow | None:
        """Give the first post that anchors events behind this sequence."""
        table = title_rows.posts
        query = sql.select(table).where(table.c.state == POSTED, table.c.events > events)
        with self._database.read() as connection:
            ordered = query.order_by(table.c.events).limit(1)
            return next(iter(title_rows.found(connection, PostRow, ordered)), None)

    def _audited(self, row: PostRow, whole: bool) -> Iterator[Changed]:
        interval, count = row.interval or 0, len(row.leaves) // notes.BYTES
        if not whole:
            yield Changed(row.events, "", interval)
        seen = 0
        while seen < count:
            page = self._log.after(row.events - 1 + seen, min(_PAGE, count - seen))
            if not page:
                break
            for each in page:
                at = (each.sequence - row.events) * notes.BYTES
                if not _unchanged(each, row.leaves[at : at + notes.BYTES]):
                    yield Changed(each.sequence, each.event_id, interval)
            seen = page[-1].sequence - row.events + 1
        if seen < count:
            yield Changed(row.events + seen, "", interval)


def _leaf(stored: Stored) -> bytes:
    return notes.event_leaf(stored.salt, stored.digest, merkle.sha256(stored.content))


def _unchanged(stored: Stored, leaf: bytes) -> bool:
    """Tell whether an event is what its leaf says, its own digest included."""
    try:
        digest = event_hash.digest(stored.event, "2.0")
    except Exception:
        # Whatever was done to it, it cannot be read as an event any more.
        return False
    return digest == stored.digest and _leaf(stored) == leaf


def _named(digest: bytes) -> str:
    return f"ni:///sha-256;{digest.hex()}?ver=CBV2.0"


def _post_with(connection: sql.Connection, sequence: int) -> PostRow | None:
    table = title_rows.posts
    query = (
        sql.select(table)
        .where(table.c.events.between(1, sequence), table.c.state == POSTED)
        .order_by(table.c.events.desc())
        .limit(1)
    )
    row = next(iter(title_rows.found(connection, PostRow, query)), None)
    if row is None or sequence >= row.events + len(row.leaves) // notes.BYTES:
        return None
    return row


def verify(proof: bytes, state: State) -> EventProof:
    """Check a proof against the chain; gives what it says.

    That an event at hand is the one meant is for the caller to see: its own event hash must be
    `event_hash`. Refuses `supply.proof_malformed`, `supply.event_not_anchored` for a post that the
    chain has not, `supply.event_differs`.
    """
    try:
        said = msgspec.json.decode(proof, type=EventProof)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise PROOF_MALFORMED() from None
    root = TitleView(state).root(said.organisation, said.interval)
    if root is None:
        raise EVENT_NOT_ANCHORED()
    digest = bytes.fromhex(said.event_hash[len("ni:///sha-256;") :][:64])
    leaf = said.salt + digest + said.text
    found = merkle.root_from_inclusion(leaf, said.index, said.total, said.path)
    if found is None or notes.post_root(found, said.titles_root) != root:
        raise EVENT_DIFFERS()
    return said
