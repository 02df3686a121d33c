"""Which ids are one person: links that can be undone, and are known off the chain alone.

The chain has a link's id and a salted commitment to its terms (`identity.Link`). Here both ids are
sealed and found by keyed marks, so that a copy of the database does not join two hospitals' ids.
Standing links form a forest: between two ids of one person there is exactly one way, so that ending
a link always separates what it joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.desk_formats import DESK_ROW_DAMAGED, checked_id, written
from yilian.vault.envelope import Format, binding, commitment, new_id, new_salt
from yilian.vault.keystore import Keystore
from yilian.vault.marks import Marks
from yilian.vault.records import Damage

LINK_TO_ITSELF = code(9355, "desk_link_to_itself", 400, "person")
LINK_STANDS = code(9356, "desk_link_stands", 409, "link")
LINK_CIRCLE = code(9357, "desk_link_makes_a_circle", 409)
LINK_UNKNOWN = code(9358, "desk_link_unknown", 404, "link")
LINK_ENDED = code(9359, "desk_link_ended", 409, "link")

MAX_ASKED = 1000
_CHUNK = 500

Ground = Literal["card", "document", "duplicate", "provisional", "statement"]
"""Why two ids are held to be one person."""


class LinkTerms(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-link/1"):
    """That `other` is the person of `kept`, on what ground and by which practitioner's word."""

    link: Id
    kept: Id
    other: Id
    ground: Ground
    witness: Id
    time: Millis


class Link(NamedTuple):
    """A link: its terms, the salt and commitment for the chain, and how it ended (ms, by whom)."""

    terms: LinkTerms
    salt: bytes
    commitment: str
    ended: int | None
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class _LinkRow:
    link: str
    kept: str
    other: str
    since: int
    ended: int | None
    sealed: bytes


class _Kept(Format, frozen=True, kw_only=True):
    terms: LinkTerms
    salt: Digest
    ended_by: Id | None = None


_links = table("desk_links", _LinkRow, ["link"])
sql.Index("desk_links_kept", _links.c.kept)
sql.Index("desk_links_other", _links.c.other)
_decoder = codec.decoder(_Kept)


class Links:
    """The links of one organisation. Safe for threads."""

    def __init__(
        self,
        keystore: Keystore,
        database: Database,
        marks: Marks,
        clock: Callable[[], int],
        staff: Callable[[str], object],
    ) -> None:
        """`staff` refuses a practitioner who is not known here."""
        self._keystore = keystore
        self._database = database
        self._marks = marks
        self._clock = clock
        self._staff = staff

    def link(self, kept: str, other: str, ground: Ground, witness: str) -> Link:
        """Join two ids of one person; what it gives is for `identity.Link` on the chain.

        Refuses `desk_link_to_itself`, `desk_link_stands` (the same two, either way round),
        `desk_link_makes_a_circle` (they are one person by way of others), `desk_staff_unknown`,
        `malformed`.
        """
        if checked_id(kept) == checked_id(other):
            raise LINK_TO_ITSELF(person=kept)
        self._staff(witness)
        with self._database.write() as connection:
            for each in self._touching([kept]):
                if each.ended is None and other in (each.terms.kept, each.terms.other):
                    raise LINK_STANDS(link=each.terms.link)
            if other in self.one_person([kept]):
                raise LINK_CIRCLE()
            now = self._clock()
            terms = LinkTerms(
                link=new_id(), kept=kept, other=other, ground=ground, witness=witness, time=now
            )
            made = _Kept(terms=terms, salt=codec.to_text(new_salt()))
            row = self._sealed(made, None)
            connection.execute(sql.insert(_links).values(**values(row)))
        return _shown(made, None)

    def unlink(self, link: str, witness: str) -> Link:
        """End a link; refuses `desk_link_unknown`, `desk_link_ended`, `desk_staff_unknown`."""
        self._staff(witness)
        with self._database.write() as connection:
            query = sql.select(_links).where(_links.c.link == checked_id(link))
            row = self._database.one(_LinkRow, query)
            if row is None:
                raise LINK_UNKNOWN(link=link)
            if row.ended is not None:
                raise LINK_ENDED(link=link)
            ended = max(self._clock(), row.since)
            made = msgspec.structs.replace(self._opened(row), ended_by=witness)
            new = self._sealed(made, ended)
            change = sql.update(_links).where(_links.c.link == link)
            connection.execute(change.values(ended=ended, sealed=new.sealed))
        return _shown(made, ended)

    def get(self, link: str) -> Link:
        """Give a link; refuses `desk_link_unknown`."""
        query = sql.select(_links).where(_links.c.link == checked_id(link))
        row = self._database.one(_LinkRow, query)
        if row is None:
            raise LINK_UNKNOWN(link=link)
        return _shown(self._opened(row), row.ended)

    def of(self, person: str) -> list[Link]:
        """List the links that name an id, ended ones too, oldest first; the person sees these."""
        found = self._touching([checked_id(person)])
        return sorted(found, key=lambda each: (each.terms.time, each.terms.link))

    def one_person(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Give these ids and all that standing links join to them, in order.

        Refuses `malformed` for what is no id, and for more than `MAX_ASKED`.
        """
        asked = [checked_id(each) for each in ids]
        if len(asked) > MAX_ASKED:
            raise MALFORMED()
        found = set(asked)
        edge = sorted(found)
        while edge:
            ends = {
                end
                for each in self._touching(edge, standing=True)
                for end in (each.terms.kept, each.terms.other)
            }
            edge = sorted(ends - found)
            found |= ends
        return tuple(sorted(found))

    def damaged(self) -> Iterator[Damage]:
        """Walk all links; name those that do not open."""
        for row in self._database.rows(_LinkRow, sql.select(_links).order_by(_links.c.link)):
            try:
                self._opened(row)
            except Refusal as refusal:
                yield Damage("link", row.link, "", refusal.code.name)

    def _touching(self, ids: Sequence[str], *, standing: bool = False) -> list[Link]:
        rows: dict[str, _LinkRow] = {}
        for start in range(0, len(ids), _CHUNK):
            marks = [self._marks.of("link", each) for each in ids[start : start + _CHUNK]]
            for column in (_links.c.kept, _links.c.other):
                query = sql.select(_links).where(column.in_(marks))
                if standing:
                    query = query.where(_links.c.ended.is_(None))
                rows |= {row.link: row for row in self._database.rows(_LinkRow, query)}
        return [_shown(self._opened(row), row.ended) for row in rows.values()]

    def _sealed(self, made: _Kept, ended: int | None) -> _LinkRow:
        terms = made.terms
        data = written(_decoder, made)
        row = _LinkRow(
            link=terms.link,
            kept=self._marks.of("link", terms.kept),
            other=self._marks.of("link", terms.other),
            since=terms.time,
            ended=ended,
            sealed=b"",
        )
        sealer = self._keystore.sealer("desk-link", terms.link)
        return replace(row, sealed=sealer.seal(data, _bound(row)))

    def _opened(self, row: _LinkRow) -> _Kept:
        try:
            sealer = self._keystore.sealer("desk-link", row.link)
            found = codec.decode_with(_decoder, sealer.open(row.sealed, _bound(row)))
        except Refusal:
            raise DESK_ROW_DAMAGED(row=row.link) from None
        assert isinstance(found, _Kept)
        return found


def _shown(made: _Kept, ended: int | None) -> Link:
    salt = codec.to_bytes(made.salt)
    return Link(made.terms, salt, link_commitment(salt, made.terms), ended, made.ended_by)


def link_commitment(salt: bytes, terms: LinkTerms) -> str:
    """Commit to a link's terms (`envelope.commitment` over their canonical bytes)."""
    return commitment(salt, codec.encode(terms))


def _bound(row: _LinkRow) -> bytes:
    """The seal vouches for the columns the row is found by, and for whether it has ended."""
    return binding(
        "desk-link",
        link=row.link,
        kept=row.kept,
        other=row.other,
        since=row.since,
        ended=-1 if row.ended is None else row.ended,
    )
