"""Recalls at a member: what it has of the recalled packs is found, set aside, told of, answered.

A recall on the chain names lots or serials. Packs that were made of such ones are concerned too,
though nothing on the chain names them: whoever made them tells those it shipped them to (`words`),
and they do alike. What is found is looked at again with every event, so that a pack which arrives
later is set aside then, and the answer is given anew. Nothing is released by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import NamedTuple, Protocol

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis.repository import Repository
from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.supply import end_rows, recall_answers, steps
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.folding import is_item
from yilian.gateway.supply.pack_rows import chunks, history_table, steps_table
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.recall_answers import RecallAnswer
from yilian.gateway.supply.recall_rows import (
    ConcernedRow,
    FollowedRow,
    concerned_table,
    followed_table,
    passed_table,
    words_table,
)
from yilian.gateway.supply.trace import Place, Trace, Where
from yilian.ledger import codec
from yilian.ledger.errors import code
from yilian.ledger.keys import sha256
from yilian.ledger.modules.supply import errors
from yilian.ledger.modules.supply.state import RECALLS, RECALLS_OF, Recall, recalls_of, trades
from yilian.ledger.state import State
from yilian.vault.database import values

TOO_MANY_WORDS = code(9713, "supply.too_many_recalled", 413, "limit")

MAX_WORDS = 2_000
"""Packs in one word to a receiver."""

MOST_WORDS = 100_000
"""Packs that one sender may have named for one recall."""

AT_ONCE = 1_000
"""Packs that are set aside in one transaction."""


class Out(Protocol):
    """What leaves: to the issuer, to receivers, to people. All durable, and again is fine."""

    def answer(self, issuer: str, answer: RecallAnswer, proof: bytes | None) -> None:
        """Give the issuer an answer, signed; with the proof of its event, once there is one."""

    def word(self, receiver: str, recall: str, units: Sequence[str]) -> None:
        """Tell a receiver that packs shipped to it were made of recalled ones."""

    def people(self, recall: str, issuer: str) -> None:
        """Tell the people who work here."""

    def persons(self, recall: str, units: Sequence[str]) -> int:
        """Tell those to whom any of these were handed out; gives how many were told in all."""

    def proof(self, event_id: str) -> bytes | None:
        """Prove that the chain has an event; None as long as it has not."""

    def party(self, name: str) -> str | None:
        """Name the organisation behind a party; None for what is not known."""


class Found(NamedTuple):
    """A recalled pack here."""

    place: Place
    derived: bool

    @property
    def where(self) -> Where:
        """Where it is."""
        return self.place.where


class Finding(NamedTuple):
    """What a recall concerns here. `answer` is the newest; `confirmed_by` who has looked."""

    recall: str
    terms: Recall
    found: tuple[Found, ...]
    answer: RecallAnswer | None
    confirmed_by: str


class Recalls:
    """Follows recalls for one organisation. Safe for threads; one at a time goes on."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        repository: Repository,
        packs: Packs,
        trace: Trace,
        out: Out,
        *,
        state: Callable[[], State],
        now: Callable[[], int],
    ) -> None:
        """Call `follow` with every event and every block; `now` gives ms of UTC."""
        self._organisation = organisation
        self._database = database
        self._repository = repository
        self._packs = packs
        self._trace = trace
        self._out = out
        self._state = state
        self._now = now
        self._turn = Lock()
        self._seen: dict[str, tuple[Recall, int, int]] = {}

    # Following

    def follow(self) -> None:
        """Do what the recalls that stand ask for; again is fine."""
        with self._turn:
            state, now = self._state(), self._now()
            for gtin, _ in list(RECALLS_OF.scan(state)):
                for name, recall in recalls_of(state, gtin, now):
                    self._follow_one(name, recall)
            self._end_others(state, now)

    def _follow_one(self, name: str, recall: Recall) -> None:
        newest, words = self._repository.newest(), self._count_words(name)
        mark = (recall, newest, words)
        row = self._row(name)
        if row is None or self._seen.get(name) != mark:
            row = row or self._begin(name)
            if self._hold(name, self._find(name, recall)):
                self._repository.tell()
            found = self._find(name, recall)
            self._pass_on(name, found)
            row = self._answer(row, recall, found)
            # What came in meanwhile, this part's own events too, is looked at in the next round.
            self._seen[name] = mark
        self._prove(row, recall)

    def _begin(self, name: str) -> FollowedRow:
        row = FollowedRow(name, self._now(), 0, 0, b"", 0, 0, "", "")
        with self._database.write() as connection:
            connection.execute(insert(followed_table).values(**values(row)))
        return row

    def _end_others(self, state: State, now: int) -> None:
        for row in self._database.rows(FollowedRow, sql.select(followed_table)):
            recall = RECALLS.get(state, row.recall)
            if recall is None:
                continue
            if not row.ended and not recall.stands(now):
                self._update(row.recall, ended=now)
            self._prove(row, recall)

    # Finding

    def _find(self, name: str, recall: Recall) -> list[Found]:
        """Find what a recall concerns here, and note it."""
        concerned = self._trace.concerned(recall.gtin, recall.lots, recall.serials)
        derived = set(concerned.derived) | (self._told(name) - concerned.direct)
        with self._database.write() as connection:
            derived |= self._trace.below(derived, connection) - concerned.direct
            units = sorted(each for each in concerned.direct | derived if is_item(each))
            rows = [values(ConcernedRow(name, unit, int(unit in derived), 0)) for unit in units]
            if rows:
                connection.execute(insert(concerned_table).on_conflict_do_nothing(), rows)
        places = self._with_ended(self._trace.places(units))
        return [Found(each, each.row.id in derived) for each in places]

    def _with_ended(self, places: Sequence[Place]) -> list[Place]:
        """Keep packs that ended at a later holder as what they are here: shipped, and to whom.

        Word of their end reaches who answers for them. Whoever they were shipped to must hear of
        the recall all the same, and people need not look again.
        """
        ended = [each.row.id for each in places if each.where == "elsewhere"]
        with self._database.read() as connection:
            sent = _shipped_by(self._organisation, ended, connection)
        return [
            each._replace(where="away", other=sent[each.row.id]) if each.row.id in sent else each
            for each in places
        ]

    def _told(self, name: str) -> set[str]:
        """Give the packs that their senders named: only what came from just that sender."""
        found: set[str] = set()
        with self._database.read() as connection:
            query = sql.select(words_table.c.sender, words_table.c.unit).where(
                words_table.c.recall == name
            )
            by_sender: dict[str, list[str]] = {}
            for sender, unit in connection.execute(query):
                by_sender.setdefault(sender, []).append(unit)
            for sender, units in by_sender.items():
                found |= _came_from(sender, units, connection)
        return found

    # Setting aside

    def _hold(self, name: str, found: Sequence[Found]) -> bool:
        """Set aside what is here and was not yet, once for each pack; tells whether any was."""
        here = [each.place.row.id for each in found if each.where == "held"]
        wrote = False
        for start in range(0, len(here), AT_ONCE):
            with self._database.write() as connection:
                done = _held(name, connection)
                # Read again: people have worked on meanwhile, and wait while this is written.
                places = self._trace.places(here[start : start + AT_ONCE])
                rows = [x.row for x in places if x.where == "held" and x.row.id not in done]
                events = [
                    recall_answers.setting_aside(name, x.id, max(self._now(), x.since), x.place)
                    for x in rows
                    if x.standing in _HOLDS
                ]
                if events:
                    stored = self._repository.put(events, self._organisation, connection)
                    for each in stored:
                        self._packs.apply(each, connection)
                for some in chunks([row.id for row in rows]):
                    connection.execute(
                        sql.update(concerned_table)
                        .where(concerned_table.c.recall == name, concerned_table.c.unit.in_(some))
                        .values(held=1)
                    )
            wrote = wrote or bool(events)
        return wrote

    # Telling

    def _pass_on(self, name: str, found: Sequence[Found]) -> None:
        """Tell receivers of packs that were made of recalled ones: nobody else can tell them."""
        by: dict[str, list[str]] = {}
        for each in found:
            if each.derived and each.where == "away":
                receiver = self._out.party(each.place.other)
                if receiver is not None and receiver != self._organisation:
                    by.setdefault(receiver, []).append(each.place.row.id)
        for receiver, units in sorted(by.items()):
            done = self._passed(name, receiver)
            waiting = [each for each in sorted(units) if each not in done]
            for start in range(0, len(waiting), MAX_WORDS):
                some = waiting[start : start + MAX_WORDS]
                self._out.word(receiver, name, some)
                rows = [{"recall": name, "receiver": receiver, "unit": unit} for unit in some]
                with self._database.write() as connection:
                    connection.execute(insert(passed_table).on_conflict_do_nothing(), rows)

    def _answer(self, row: FollowedRow, recall: Recall, found: Sequence[Found]) -> FollowedRow:
        """Give the issuer an answer, where there is none or it is another one now."""
        touched = [each for each in found if each.where != "elsewhere"]
        said = touched or row.content or row.confirmed
        if not said and not trades(self._state(), self._organisation):
            return row  # who has no part in the trade is not waited for
        persons = 0
        if touched:
            self._out.people(row.recall, recall.issuer)
            # Also a pack that is here may have been handed out: in part, or it came back.
            persons = self._out.persons(row.recall, [each.place.row.id for each in touched])
        last = codec.decode(row.content, RecallAnswer) if row.content else None
        made = self._made(row, recall, touched, persons)
        if last is None or _said(made) != _said(last):
            row = self._give(row, made)
        if not row.sent:
            self._out.answer(recall.issuer, codec.decode(row.content, RecallAnswer), None)
            row = self._update(row.recall, sent=1)
        return row

    def _made(
        self, row: FollowedRow, recall: Recall, touched: Sequence[Found], persons: int
    ) -> RecallAnswer:
        counts = dict.fromkeys(("held", "away", "coming", "dispensed", "ended"), 0)
        for each in touched:
            counts[each.where] += 1
        return RecallAnswer(
            recall=row.recall,
            gtin=recall.gtin,
            organisation=self._organisation,
            number=row.number + 1,
            at=self._now(),
            derived=sum(each.derived for each in touched),
            persons=persons,
            confirmed=bool(row.confirmed) and row.seen == _digest(touched),
            **counts,
        )

    def _give(self, row: FollowedRow, answer: RecallAnswer) -> FollowedRow:
        """Keep a new answer, and commit to it by an event, in one transaction."""
        with self._database.write() as connection:
            self._repository.put([recall_answers.event(answer)], self._organisation, connection)
            connection.execute(
                sql.update(followed_table)
                .where(followed_table.c.recall == row.recall)
                .values(number=answer.number, content=recall_answers.write(answer), sent=0, shown=0)
            )
        self._repository.tell()
        return self._require(row.recall)

    def _prove(self, row: FollowedRow, recall: Recall) -> None:
        """Show the issuer that the chain has the newest answer, once it has."""
        if not row.sent or row.shown:
            return
        answer = codec.decode(row.content, RecallAnswer)
        proof = self._out.proof(recall_answers.event_id(answer))
        if proof is not None:
            self._out.answer(recall.issuer, answer, proof)
            self._update(row.recall, shown=1)

    # What people and others say

    def confirm(self, recall: str, who: str) -> RecallAnswer:
        """Note that somebody has looked and found what is said here; gives the answer.

        It holds for the packs as they are now: when others turn up, people must look again.
        Refuses `supply.unknown_recall`, `supply.recall_ended`.
        """
        with self._turn:
            state = self._state()
            terms = RECALLS.get(state, recall)
            if terms is None:
                raise errors.UNKNOWN_RECALL(id=recall)
            if not terms.stands(self._now()):
                raise errors.RECALL_ENDED(id=recall)
            self._follow_one(recall, terms)
            found = self._find(recall, terms)
            touched = [each for each in found if each.where != "elsewhere"]
            row = self._update(recall, confirmed=who, seen=_digest(touched))
            row = self._answer(row, terms, found)
            return codec.decode(row.content, RecallAnswer)

    def hear(self, sender: str, recall: str, units: Iterable[str]) -> None:
        """Take a sender's word that packs it shipped here were made of recalled ones.

        It counts for packs that came from that sender, and when they come. Refuses
        `members.not_about_caller` for a recall that does not stand, `supply.too_many_recalled`.
        """
        terms = RECALLS.get(self._state(), recall)
        if terms is None or not terms.stands(self._now()):
            raise NOT_ABOUT_YOU()
        named = sorted({steps.canonical(each) for each in units})
        with self._database.write() as connection:
            count = sql.select(sql.func.count()).where(
                words_table.c.recall == recall, words_table.c.sender == sender
            )
            if int(connection.scalar(count) or 0) + len(named) > MOST_WORDS:
                raise TOO_MANY_WORDS(limit=MOST_WORDS)
            rows = [{"recall": recall, "sender": sender, "unit": unit} for unit in named]
            if rows:
                connection.execute(insert(words_table).on_conflict_do_nothing(), rows)

    # Reading

    def every(self) -> list[tuple[str, Recall, RecallAnswer | None]]:
        """List the recalls that were followed here with the newest answers, newest recall first."""
        state = self._state()
        found = []
        for row in self._database.rows(FollowedRow, sql.select(followed_table)):
            terms = RECALLS.get(state, row.recall)
            if terms is not None:
                answer = codec.decode(row.content, RecallAnswer) if row.content else None
                found.append((row.recall, terms, answer))
        return sorted(found, key=lambda each: (-each[1].issued, each[0]))

    def finding(self, recall: str) -> Finding:
        """Tell what a recall concerns here now; refuses `supply.unknown_recall`."""
        row, terms = self._row(recall), RECALLS.get(self._state(), recall)
        if row is None or terms is None:
            raise errors.UNKNOWN_RECALL(id=recall)
        found = tuple(self._find(recall, terms))
        answer = codec.decode(row.content, RecallAnswer) if row.content else None
        confirmed = row.confirmed if answer is not None and answer.confirmed else ""
        return Finding(recall, terms, found, answer, confirmed)

    def concerning(self, unit: str) -> list[str]:
        """Name the recalls that stand and concern a pack here."""
        query = sql.select(concerned_table.c.recall).where(concerned_table.c.unit == unit)
        with self._database.read() as connection:
            named = sorted(connection.scalars(query))
        state, now = self._state(), self._now()
        found = ((each, RECALLS.get(state, each)) for each in named)
        return [name for name, each in found if each is not None and each.stands(now)]

    # Rows

    def _row(self, recall: str) -> FollowedRow | None:
        query = sql.select(followed_table).where(followed_table.c.recall == recall)
        return self._database.one(FollowedRow, query)

    def _require(self, recall: str) -> FollowedRow:
        row = self._row(recall)
        assert row is not None
        return row

    def _update(self, recall: str, **fields: object) -> FollowedRow:
        with self._database.write() as connection:
            connection.execute(
                sql.update(followed_table).where(followed_table.c.recall == recall).values(**fields)
            )
        return self._require(recall)

    def _count_words(self, recall: str) -> int:
        with self._database.read() as connection:
            query = sql.select(sql.func.count()).where(words_table.c.recall == recall)
            return int(connection.scalar(query) or 0)

    def _passed(self, recall: str, receiver: str) -> set[str]:
        query = sql.select(passed_table.c.unit).where(
            passed_table.c.recall == recall, passed_table.c.receiver == receiver
        )
        with self._database.read() as connection:
            return set(connection.scalars(query))


_HOLDS = frozenset(("active", "partially_dispensed", "returned", "quarantined", "lost"))


def _held(recall: str, connection: sql.Connection) -> set[str]:
    query = sql.select(concerned_table.c.unit).where(
        concerned_table.c.recall == recall, concerned_table.c.held == 1
    )
    return set(connection.scalars(query))


def _shipped_by(
    organisation: str, units: Sequence[str], connection: sql.Connection
) -> dict[str, str]:
    """Give to whom packs that ended at others were shipped last, as far as events tell."""
    found: dict[str, str] = {}
    rows, step, proof = history_table.c, steps_table.c, end_rows.ended_table.c
    for some in chunks(sorted(units)):
        proved = sql.select(proof.unit).where(
            proof.unit.in_(some), proof.organisation != organisation
        )
        query = (
            sql.select(rows.unit, step.destination)
            .join_from(history_table, steps_table, step.sequence == rows.sequence)
            .where(rows.unit.in_(proved), step.act == "ship")
            .order_by(rows.moment, rows.sequence)
        )
        found.update((row.unit, row.destination) for row in connection.execute(query))
    return found


def _came_from(sender: str, units: Sequence[str], connection: sql.Connection) -> set[str]:
    """Give those of some packs of which a sender's events are here."""
    found: set[str] = set()
    for some in chunks(sorted(units)):
        query = (
            sql.select(history_table.c.unit)
            .join(steps_table, steps_table.c.sequence == history_table.c.sequence)
            .where(history_table.c.unit.in_(some), steps_table.c.submitter == sender)
        )
        found |= set(connection.scalars(query.distinct()))
    return found


def _said(answer: RecallAnswer) -> tuple[object, ...]:
    """What an answer says, without its number and time."""
    fields = answer.__struct_fields__
    return tuple(getattr(answer, name) for name in fields if name not in ("number", "at"))


def _digest(touched: Iterable[Found]) -> str:
    """Give a digest of which packs people have looked for."""
    lines = sorted(each.place.row.id for each in touched)
    return codec.to_text(sha256("\n".join(lines).encode()))
