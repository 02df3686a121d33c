"""Questions for access, opened: who asks whom for what and why, sealed at both organisations.

The chain has the status of each and a salted commitment to its terms (`consent.Ask`). Who asks
names the person by a number or a card; the holder keeps the question with the person it found. The
person's mark is keyed, so a copy of the database does not tell who was asked.

A person may refuse. The chain learns nothing of it; the holder keeps when and, sealed, the person's
own words, and who asked is told when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name
from yilian.ledger.errors import Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import Format, binding, commitment, new_salt
from yilian.vault.keystore import Keystore
from yilian.vault.marks import Marks

ASK_UNKNOWN = code(9416, "ask_unknown", 404)
ASK_DIFFERS = code(9417, "ask_differs_from_chain", 409, "ask")
ASK_ROW_DAMAGED = code(9418, "ask_row_damaged", 500, "ask")
ASK_REFUSED = code(9427, "ask_refused", 409)

Names = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Side = Literal["asker", "holder"]


class ByNumber(Format, frozen=True, kw_only=True, tag_field="by", tag="number"):
    """A person by a number of theirs: the system's URI, and the number."""

    system: Text
    number: Text

    def __repr__(self) -> str:
        return "<ByNumber>"


class ByCard(Format, frozen=True, kw_only=True, tag_field="by", tag="card"):
    """A person by the text of a card that the holder gave them."""

    card: Text

    def __repr__(self) -> str:
        return "<ByCard>"


class AskTerms(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-ask/1"):
    """What is asked: `asker` of `organisation` asks a person at `holder` to let them read.

    `reason` is a code. `days` is how long the grant should last, `ends` (ms) how long the question
    waits. Lists are sorted.
    """

    ask: Id
    asker: Id
    organisation: Id
    holder: Id
    whom: ByNumber | ByCard
    categories: Names
    purposes: Names
    reason: Name
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)]
    ends: Millis


class _Opened(Format, frozen=True, kw_only=True):
    salt: Digest
    terms: AskTerms


class Kept(NamedTuple):
    """A question as it is kept: `answer` is the grant that answers it, if one was prepared.

    `refused` is when the person refused (ms); `words` why, known to the holder alone.
    """

    terms: AskTerms
    salt: str
    commitment: str
    answer: str | None
    refused: int | None = None
    words: str = ""

    def __repr__(self) -> str:
        return f"<Kept {self.terms.ask}>"


@dataclass(frozen=True, slots=True)
class _Row:
    ask: str
    side: str
    person: str
    commitment: str
    sealed: bytes
    answer: str | None


@dataclass(frozen=True, slots=True)
class _RefusalRow:
    ask: str
    side: str
    person: str
    time: int
    sealed: bytes


_asks = table("asks", _Row, ["ask", "side"])
sql.Index("asks_of_person", _asks.c.person)
_refusals = table("ask_refusals", _RefusalRow, ["ask", "side"])
_decoder = codec.decoder(_Opened)


class Asks:
    """The questions of one organisation, asked and received. Safe for threads."""

    def __init__(self, organisation: str, keystore: Keystore, database: Database) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._database = database
        self._marks = Marks("asks", keystore, database)

    def ask(self, terms: AskTerms) -> Kept:
        """Keep a question that somebody here asks; its commitment belongs on the chain.

        Refuses `malformed`.
        """
        return self._keep("asker", terms, new_salt(), self._marks.of("asker", terms.asker))

    def receive(self, kept: Kept, committed: str, person: str) -> None:
        """Keep a question that came in for a person of this organisation; again changes nothing.

        `committed` is the chain's. Refuses `ask_differs_from_chain` where the terms are not what
        was committed to, or are for another holder; `malformed`.
        """
        data = codec.encode(kept.terms)
        codec.decode(data, AskTerms)
        salt = codec.to_bytes(kept.salt)
        if (
            kept.terms.holder != self._organisation
            or len(salt) != len(new_salt())
            or commitment(salt, data) != committed
        ):
            raise ASK_DIFFERS(ask=kept.terms.ask)
        self._keep("holder", kept.terms, salt, self._marks.of("person", person))

    def asked(self, ask: str, asker: str) -> Kept:
        """Find a question that somebody asked here; refuses `ask_unknown` for another's too."""
        row = self._row(ask, "asker")
        if row is None:
            raise ASK_UNKNOWN()
        kept = self._open(row)
        if kept.terms.asker != asker:
            raise ASK_UNKNOWN()
        return kept

    def of_person(self, person: str) -> list[Kept]:
        """List the questions that a person of this organisation was asked, by id."""
        return self._of(self._marks.of("person", person))

    def of_asker(self, asker: str) -> list[Kept]:
        """List the questions that somebody here asked, by id."""
        return self._of(self._marks.of("asker", asker))

    def received(self, ask: str, person: str) -> Kept:
        """Find a question that a person was asked; refuses `ask_unknown` for another's too."""
        return self._open(self._require(ask, person))

    def answer(self, ask: str, person: str, grant: str) -> None:
        """Note which grant answers a question.

        Refuses `ask_unknown` for another person's, and `ask_refused` for one that was refused.
        """
        self._require(ask, person)
        change = sql.update(_asks).where(_asks.c.ask == ask, _asks.c.side == "holder")
        with self._database.write() as connection:
            if self._refusal(ask, "holder") is not None:
                raise ASK_REFUSED()
            connection.execute(change.values(answer=grant))

    def refuse(self, ask: str, person: str, words: str, now: int) -> int:
        """Note that a person refused a question, and why; gives when (ms).

        Again changes nothing, and gives the first time. Refuses `ask_unknown` for another's.
        """
        return self._put_refusal(ask, "holder", self._require(ask, person).person, words, now)

    def hear_refusal(self, ask: str, asker: str, time: int) -> None:
        """Note that a question asked here was refused; refuses `ask_unknown` for another's."""
        self.asked(ask, asker)
        self._put_refusal(ask, "asker", self._marks.of("asker", asker), "", time)

    def forget(self, person: str) -> None:
        """Forget the questions that a person was asked, for an erasure; again is fine."""
        mark = self._marks.of("person", person)
        with self._database.write() as connection:
            for each in (_asks, _refusals):
                connection.execute(sql.delete(each).where(each.c.person == mark))

    def _of(self, mark: str) -> list[Kept]:
        query = sql.select(_asks).where(_asks.c.person == mark).order_by(_asks.c.ask)
        return [self._open(row) for row in self._database.rows(_Row, query)]

    def _require(self, ask: str, person: str) -> _Row:
        row = self._row(ask, "holder")
        if row is None or row.person != self._marks.of("person", person):
            raise ASK_UNKNOWN()
        return row

    def _refusal(self, ask: str, side: str) -> _RefusalRow | None:
        query = sql.select(_refusals).where(_refusals.c.ask == ask, _refusals.c.side == side)
        return self._database.one(_RefusalRow, query)

    def _put_refusal(self, ask: str, side: Side, mark: str, words: str, time: int) -> int:
        bare = _RefusalRow(ask, side, mark, time, b"")
        sealed = self._keystore.sealer("asks").seal(words.encode(), _refusal_binding(bare))
        with self._database.write() as connection:
            found = self._refusal(ask, side)
            if found is not None:
                return found.time
            row = {**values(bare), "sealed": sealed}
            connection.execute(sql.insert(_refusals).values(**row))
        return time

    def _row(self, ask: str, side: Side) -> _Row | None:
        query = sql.select(_asks).where(_asks.c.ask == ask, _asks.c.side == side)
        return self._database.one(_Row, query)

    def _keep(self, side: Side, terms: AskTerms, salt: bytes, person: str) -> Kept:
        data = codec.encode(terms)
        codec.decode(data, AskTerms)
        kept = Kept(terms, codec.to_text(salt), commitment(salt, data), None)
        row = _Row(terms.ask, side, person, kept.commitment, b"", None)
        opened = codec.encode(_Opened(salt=kept.salt, terms=terms))
        sealed = self._keystore.sealer("asks").seal(opened, _row_binding(row))
        with self._database.write() as connection:
            connection.execute(
                sql.insert(_asks).prefix_with("OR IGNORE"), [{**values(row), "sealed": sealed}]
            )
        return kept

    def _open(self, row: _Row) -> Kept:
        sealer, refusal = self._keystore.sealer("asks"), self._refusal(row.ask, row.side)
        words = b""
        try:
            data = sealer.open(row.sealed, _row_binding(row))
            if refusal is not None:
                words = sealer.open(refusal.sealed, _refusal_binding(refusal))
        except Refusal:
            raise ASK_ROW_DAMAGED(ask=row.ask) from None
        opened: _Opened = codec.decode_with(_decoder, data)
        kept = Kept(opened.terms, opened.salt, row.commitment, row.answer)
        if refusal is None:
            return kept
        return kept._replace(refused=refusal.time, words=words.decode())


def _row_binding(row: _Row) -> bytes:
    return binding("ask", ask=row.ask, side=row.side, person=row.person, commitment=row.commitment)


def _refusal_binding(row: _RefusalRow) -> bytes:
    return binding("ask-refusal", ask=row.ask, side=row.side, person=row.person, time=str(row.time))
