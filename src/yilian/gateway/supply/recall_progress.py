"""The progress of a recall for who issued it: which members have not been heard of, and what others
found.

Every member that trades is expected to answer, also one that never had such a pack: who had one is
not known beforehand, and silence says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.supply import recall_answers
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.recall_answers import ANSWER_DIFFERS, RecallAnswer, SignedAnswer
from yilian.ledger import codec
from yilian.ledger.modules.identity.state import standing
from yilian.ledger.modules.supply import errors
from yilian.ledger.modules.supply.state import PARTIES, RECALLS
from yilian.ledger.state import State
from yilian.vault.database import values

Heard = Literal["silent", "told", "answered"]
"""Nothing came; the member's node has set aside what it has; its people have looked as well."""


@dataclass(frozen=True)
class AnswerRow:
    """An answer that came in, as it was signed; `interval`: for which its event was posted."""

    recall: str
    organisation: str
    number: int
    content: bytes
    key: str
    signature: bytes
    proof: bytes
    interval: int | None
    came: int


_answers = table("supply_recall_answers", AnswerRow, ("recall", "organisation", "number"))


class Row(NamedTuple):
    """One member in the table; times in ms. `answer` is its newest; None where it is silent.

    `first`: when it was first heard of. `interval`: the post that has the newest answer's event.
    """

    organisation: str
    heard: Heard
    first: int | None
    answer: RecallAnswer | None
    interval: int | None


class Progress:
    """The answers that came to one organisation's recalls. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        state: Callable[[], State],
        now: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._database = database
        self._state = state
        self._now = now

    def take(self, caller: str, signed: SignedAnswer) -> None:
        """Take a member's answer; the same again, or one that is older, changes nothing newer.

        Refuses `members.not_about_caller` for a recall that is not this organisation's,
        `supply.recall_answer_differs` for another content under a number that was given, and as
        `recall_answers.check`.
        """
        state = self._state()
        answer, interval = recall_answers.check(signed, caller, state)
        recall = RECALLS.get(state, answer.recall)
        if recall is None or recall.issuer != self._organisation or recall.gtin != answer.gtin:
            raise NOT_ABOUT_YOU()
        row = AnswerRow(
            answer.recall,
            caller,
            answer.number,
            signed.content,
            signed.key,
            signed.signature,
            signed.proof or b"",
            interval,
            self._now(),
        )
        with self._database.write() as connection:
            same = _answers.select().where(
                _answers.c.recall == row.recall,
                _answers.c.organisation == caller,
                _answers.c.number == row.number,
            )
            known = connection.execute(same).first()
            if known is not None and known.content != row.content:
                raise ANSWER_DIFFERS(recall=answer.recall)
            if known is None or (known.interval is None and interval is not None):
                kept = row if known is None else AnswerRow(**values(row) | {"came": known.came})
                made = insert(_answers).values(**values(kept))
                shown = {"proof": kept.proof, "interval": interval}
                connection.execute(
                    made.on_conflict_do_update(
                        index_elements=("recall", "organisation", "number"), set_=shown
                    )
                )

    def table(self, recall: str) -> list[Row]:
        """Tell how far a recall is, by organisation.

        Refuses `supply.unknown_recall`, and `supply.not_your_recall` for another's.
        """
        state = self._state()
        found = RECALLS.get(state, recall)
        if found is None:
            raise errors.UNKNOWN_RECALL(id=recall)
        if found.issuer != self._organisation:
            raise errors.NOT_YOUR_RECALL(id=recall)
        query = sql.select(_answers).where(_answers.c.recall == recall)
        came: dict[str, list[AnswerRow]] = {}
        for row in self._database.rows(AnswerRow, query.order_by(_answers.c.number)):
            came.setdefault(row.organisation, []).append(row)
        expected = {name for name, _ in PARTIES.scan(state) if standing(state, name) is not None}
        return [_row(name, came.get(name, [])) for name in sorted(expected | set(came))]

    def answers(self, recall: str, organisation: str) -> list[SignedAnswer]:
        """Give a member's answers as it signed them, oldest first, as evidence."""
        query = sql.select(_answers).where(
            _answers.c.recall == recall, _answers.c.organisation == organisation
        )
        return [
            SignedAnswer(
                content=row.content, key=row.key, signature=row.signature, proof=row.proof or None
            )
            for row in self._database.rows(AnswerRow, query.order_by(_answers.c.number))
        ]


def _row(organisation: str, rows: list[AnswerRow]) -> Row:
    if not rows:
        return Row(organisation, "silent", None, None, None)
    newest = rows[-1]
    answer = codec.decode(newest.content, RecallAnswer)
    heard: Heard = "answered" if answer.confirmed else "told"
    return Row(organisation, heard, min(row.came for row in rows), answer, newest.interval)
