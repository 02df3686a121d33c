"""The training of one organisation's people: attempts judged here, credentials issued and ended.

begin      questions are drawn; one attempt of a course is open at a time, five begin in 24 hours
answer     once, in time, with an answer for each question and no others
issue      at passing the agent signs a credential; its commitment goes on the chain by
           `records.Anchor`, under the credential's own random id
withdraw   another `records.Anchor`, under the id that the credential names as its status

The right answers leave with the result and never before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from yilian.gateway.links.bundle import instant
from yilian.gateway.training import credential as form
from yilian.gateway.training.check import CredentialFile, Proofs
from yilian.gateway.training.courses import ATTEMPT_MS, COURSES, course_for, draw, judge, passed
from yilian.gateway.training.credential import Band, Facts, Reason
from yilian.gateway.training.errors import (
    ATTEMPT_EXPIRED,
    ATTEMPT_OVER,
    ATTEMPT_UNKNOWN,
    CREDENTIAL_UNKNOWN,
    WITHDRAWN_ALREADY,
)
from yilian.gateway.training.store import TrainingStore, drawn_of
from yilian.gateway.training.tables import AttemptRow, CredentialRow
from yilian.ledger import errors
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.modules.records.state import ANCHORS
from yilian.vault.envelope import binding, new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yilian.gateway.organisation import Organisation


class Learner(NamedTuple):
    """Who learns: the id on the chain, and the kind of subject."""

    subject: str
    kind: str


class Training:
    """The training of one organisation. It keeps nothing in memory; safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self.store = TrainingStore(organisation.vault.catalogue)

    def now(self) -> int:
        """Give the later of block time and this machine's clock, in ms."""
        return self.organisation.engine.now()

    # -- attempts ------------------------------------------------------------------------------

    def begin(self, learner: Learner, course: str) -> AttemptRow:
        """Begin an attempt, or go on with the one that is open.

        Refuses `training.course_unknown` and `training.no_attempt_left`.
        """
        found, now = course_for(course, learner.kind), self.now()
        row = AttemptRow(
            attempt=new_id(),
            subject=learner.subject,
            course=found.name,
            version=found.version,
            drawn=msgspec.json.encode(draw(found)).decode(),
            started=now,
            expires=now + ATTEMPT_MS,
            ended=None,
            answers=None,
            correct=None,
            credential=None,
        )
        return self.store.begin(row)

    def attempt(self, learner: Learner, attempt: str) -> AttemptRow:
        """Give an attempt of one's own; refuses `training.attempt_unknown`, another's too."""
        row = self.store.attempt(attempt)
        if row is None or row.subject != learner.subject:
            raise ATTEMPT_UNKNOWN(attempt=attempt)
        return row

    def answer(self, learner: Learner, attempt: str, answers: Mapping[str, str]) -> AttemptRow:
        """Judge an answer sheet; at passing, a credential is issued.

        Refuses `training.attempt_unknown`, `training.attempt_over` (a sheet that comes again),
        `training.attempt_expired` and `training.sheet_differs`; the attempt stays as it was.
        """
        row, now = self.attempt(learner, attempt), self.now()
        if row.ended is not None:
            raise ATTEMPT_OVER(attempt=attempt)
        course = COURSES[row.course]
        if row.expires <= now or row.version != course.version:
            raise ATTEMPT_EXPIRED(attempt=attempt)
        drawn = drawn_of(row)
        correct = judge(course, drawn, answers)
        made = self._made(row, correct, now) if passed(correct, len(drawn)) else None
        if not self.store.end(attempt, now, answers, correct, made):
            raise ATTEMPT_OVER(attempt=attempt)
        if made is not None:
            self._anchored(made)
        return self.attempt(learner, attempt)

    # -- credentials ---------------------------------------------------------------------------

    def _made(self, row: AttemptRow, correct: int, now: int) -> CredentialRow:
        organisation = self.organisation
        band = _band(correct * 100 // len(drawn_of(row)))
        facts = Facts(
            chain=organisation.engine.genesis.chain,
            credential=new_id(),
            status=new_id(),
            organisation=organisation.id,
            agent=organisation.agent.subject,
            key=organisation.agent.key,
            subject=row.subject,
            course=row.course,
            version=row.version,
            band=band,
            issued=instant(now),
        )
        signed = form.unsigned(facts)
        signature = organisation.vault.keystore.sign(facts.key, signed)
        return CredentialRow(
            credential=facts.credential,
            subject=row.subject,
            course=row.course,
            version=row.version,
            band=band,
            issued=now,
            status=facts.status,
            token=self._sealed(facts.credential, form.token(signed, signature)),
            height=None,
            withdrawn=None,
            reason=None,
        )

    def _anchored(self, row: CredentialRow) -> int:
        """Put a credential's commitment on the chain, and note where; again is fine."""
        if row.height is not None:
            return row.height
        height = self._anchor(row.credential, form.commitment(self.token(row)))
        self.store.anchored(row.credential, height)
        return height

    def _anchor(self, record: str, commitment: str) -> int:
        organisation = self.organisation
        if not ANCHORS.has(organisation.engine.state(), record):
            # The record's id is the nonce too: after a crash it cannot go in twice.
            raw = organisation.sign([Anchor(record=record, commitment=commitment)], nonce=record)
            outcome = organisation.engine.submit(raw).result()
            taken = ANCHORS.has(organisation.engine.state(), record)
            if outcome.code != errors.OK and not taken:
                raise errors.Refusal(errors.by_number(outcome.code), outcome.parameters)
        return ANCHORS.require(organisation.engine.state(), record).since

    def credentials(self, subject: str | None = None) -> list[CredentialRow]:
        """List credentials, the newest first; of one subject, or of all."""
        return self.store.credentials(subject)

    def credential(self, credential: str, subject: str | None = None) -> CredentialRow:
        """Give a credential; refuses `training.credential_unknown`, one of another `subject` too.

        One that a crash kept from the chain is anchored now.
        """
        row = self.store.credential(credential)
        if row is None or (subject is not None and row.subject != subject):
            raise CREDENTIAL_UNKNOWN(credential=credential)
        if row.height is None:
            self._anchored(row)
            return self.credential(credential, subject)
        return row

    def token(self, row: CredentialRow) -> str:
        """Open a credential's `vc+jwt`."""
        key = self.organisation.vault.keystore.sealer("training-credential", row.credential)
        return key.open(row.token, _bound(row.credential)).decode("ascii")

    def file(self, row: CredentialRow) -> CredentialFile:
        """Give a credential with all that a stranger needs to check it, as things stand now."""
        agent = self.organisation.agent
        parsed = form.parse(self.token(row)).facts
        proofs = Proofs(
            anchor=self._proof(ANCHORS.key(row.credential)),
            key=self._proof(KEYS.key(parsed.key)),
            agent=self._proof(SUBJECTS.key(agent.subject)),
            organisation=self._proof(SUBJECTS.key(self.organisation.id)),
            withdrawal=self._proof(ANCHORS.key(row.status)),
        )
        return CredentialFile(credential=self.token(row), proofs=proofs)

    def withdraw(self, credential: str, reason: Reason) -> CredentialRow:
        """Withdraw a credential, on the chain and here.

        Refuses `training.credential_unknown` and `training.withdrawn_already`.
        """
        row = self.credential(credential)
        if row.withdrawn is not None:
            raise WITHDRAWN_ALREADY(credential=credential)
        self._anchor(row.status, form.ending(row.status, reason))
        self.store.withdrawn(credential, self.now(), reason)
        return self.credential(credential)

    def _proof(self, key: bytes) -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(self.organisation.engine.state_proof(key)))

    def _sealed(self, credential: str, token: str) -> bytes:
        key = self.organisation.vault.keystore.sealer("training-credential", credential)
        return key.seal(token.encode("ascii"), _bound(credential))


def _band(percent: int) -> Band:
    return "100" if percent == 100 else "90-99" if percent >= 90 else "80-89"


def _bound(credential: str) -> bytes:
    return binding("training-credential", credential=credential)
