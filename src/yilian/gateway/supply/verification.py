"""Answering whether a pack is real, and keeping proof that it was asked and what was answered.

The organisation that the directory names as responder answers for the packs of a product. Each
answer to a requester is kept, durable before it leaves, under a salted digest that an anchored tree
can hold; the requester gets a receipt, signed by the responder's agent.

The message is that of the GS1 Lightweight Messaging Standard for Verification of Product
Identifiers 1.1.0.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.directory import Directory, Listing
from yilian.gateway.supply.scan_errors import EVIDENCE_UNKNOWN, GTIN_NOT_LISTED, NOT_RESPONDER
from yilian.gateway.supply.verdict import Question, Reason, Serials, Verdict, judge
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.vault.database import position, values
from yilian.vault.envelope import new_id

__all__ = ["Answer", "Evidence", "Question", "Seen", "Verdict", "Verification", "message"]

RETURN = "dscsaSaleableReturn"
"""The standard's word for asking whether a pack that came back may be sold again."""
LEAF_DOMAIN = b"yilian/supply/verification\n"
RECEIPT_DOMAIN = b"yilian/supply/verification-receipt\n"
_FAILURES: dict[Reason, str] = {
    "serial_unknown": "No_match_GTIN_Serial",
    "lot_differs": "No_match_GTIN_Serial_Lot",
    "expiry_differs": "No_match_GTIN_Serial_Expiry",
    "lot_and_expiry_differ": "No_match_GTIN_Serial_Lot_Expiry",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question and its answer as they are kept: `content` is canonical JSON, `at` is ms.

    `requester` is the location number of who asked; `digest` covers `salt` and `content`.
    """

    verification: str
    at: int
    requester: str
    content: bytes
    salt: bytes
    digest: bytes


EVIDENCE = table(
    "supply_verifications", Evidence, [], position(), sql.UniqueConstraint("verification")
)


class Answer(NamedTuple):
    """What a responder says at `at` (ms); `receipt` is empty where nobody asked by name."""

    verification: str
    at: int
    responder: str
    verdict: Verdict
    listing: Listing
    receipt: str


class Seen(NamedTuple):
    """That somebody had a pack's code in hand: who (a location number, or empty), and when (ms).

    `verification` is the answer's id, empty for the public.
    """

    question: Question
    requester: str
    verdict: Verdict
    at: int
    verification: str = ""


class Verification:
    """One organisation's answers, as responder. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        directory: Directory,
        packs: Serials,
        *,
        now: Callable[[], int],
        sign: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """`now` gives milliseconds of UTC; `sign` signs with the key of the organisation's agent.

        Without `sign` receipts are empty.
        """
        self._organisation = organisation
        self._database = database
        self._directory = directory
        self._packs = packs
        self._now = now
        self._sign = sign
        self.listeners: list[Callable[[Seen], object]] = []
        """Told of each pack that was asked for, after the answer was kept."""

    def answer(
        self, question: Question, requester: str, *, context: str = "", asked_by: str = ""
    ) -> Answer:
        """Answer who asks under a location number, and keep the answer; durable on return.

        `context` is why it is asked, in the standard's words; `asked_by` is what shows that it was
        asked: the requester's signed request, or the id of their token. Refuses
        `supply.gtin_not_listed` and `supply.not_responder`.
        """
        listing, gln, verdict, at = self._judge(question, returning=context == RETURN)
        content = codec.encode(
            {
                "answer": _plain(verdict),
                "asked_by": asked_by,
                "at": at,
                "context": context,
                "question": question,
                "requester": requester,
                "responder": gln,
                "version": 1,
            }
        )
        salt = secrets.token_bytes(32)
        kept = Evidence(new_id(), at, requester, content, salt, leaf(salt, content))
        with self._database.write() as connection:
            connection.execute(sql.insert(EVIDENCE).values(**values(kept)))
        self._tell(Seen(question, requester, verdict, at, kept.verification))
        return Answer(kept.verification, at, gln, verdict, listing, self._receipt(content))

    def look(self, question: Question) -> Answer:
        """Answer without keeping who asked: for the public. Refuses as `answer`."""
        listing, gln, verdict, at = self._judge(question)
        self._tell(Seen(question, "", verdict, at))
        return Answer("", at, gln, verdict, listing, "")

    def evidence(self, verification: str) -> Evidence:
        """Give what was kept of an answer; refuses `supply.evidence_unknown`."""
        query = sql.select(EVIDENCE).where(EVIDENCE.c.verification == verification)
        found = self._database.one(Evidence, query)
        if found is None:
            raise EVIDENCE_UNKNOWN()
        return found

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Give the next leaves to be anchored: position and salt with digest, in order."""
        columns = EVIDENCE.c
        query = (
            sql.select(columns.position, columns.salt, columns.digest)
            .where(columns.position > after)
            .order_by(columns.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row[0], row[1] + row[2]) for row in connection.execute(query)]

    def _judge(
        self, question: Question, *, returning: bool = False
    ) -> tuple[Listing, str, Verdict, int]:
        listing = self._directory.product(question.gtin)
        if listing is None:
            raise GTIN_NOT_LISTED(gtin=question.gtin)
        if listing.responder != self._organisation:
            raise NOT_RESPONDER(gtin=question.gtin)
        at = self._now()
        verdict = judge(question, self._packs, self._directory, day(at), returning=returning)
        return listing, self._directory.gln_of(self._organisation) or listing.gln, verdict, at

    def _tell(self, seen: Seen) -> None:
        for each in self.listeners:
            each(seen)

    def _receipt(self, content: bytes) -> str:
        if self._sign is None:
            return ""
        signature = self._sign(RECEIPT_DOMAIN + content)
        return f"{codec.to_text(content)}.{codec.to_text(signature)}"


def leaf(salt: bytes, content: bytes) -> bytes:
    """Give the salted digest under which an answer is anchored."""
    return sha256(LEAF_DOMAIN + salt + content)


def day(at: int) -> str:
    """Give the UTC day of a moment (ms), as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


def message(answer: Answer, correlation: str) -> dict[str, Any]:
    """Write an answer as the standard's response message, section 4.2.

    `verified` is true only of a pack that may be sold: where the numbers match a pack that may not,
    no reason is given but that of a recall. So a program that looks at `verified` alone sells none.
    """
    verdict = answer.verdict
    data: dict[str, Any] = {"verified": verdict.verified}
    if not verdict.verified:
        data["verificationFailureReason"] = _FAILURES.get(verdict.reason, "No_reason_provided")
    if verdict.recall is not None or verdict.reason == "recalled":
        data["additionalInfo"] = "recalled"
    return {
        "verificationTimestamp": moment(answer.at),
        "responderGLN": answer.responder,
        "data": data,
        "corrUUID": correlation,
    }


def moment(at: int) -> str:
    """Write a moment (ms) as RFC 3339 in UTC."""
    whole = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at % 1000:03d}Z"


def _plain(verdict: Verdict) -> dict[str, Any]:
    said = msgspec.to_builtins(verdict._asdict())
    return {name: value for name, value in said.items() if value is not None}
