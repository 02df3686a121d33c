"""Training: attempts at a quiz, their result, and the credentials of those who passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import Caller
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import query, require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.training import errors
from yilian.gateway.training.check import CredentialFile
from yilian.gateway.training.courses import COURSES, MAX_ATTEMPTS, CourseName, offered, passed
from yilian.gateway.training.credential import Band, Reason
from yilian.gateway.training.store import answers_of, drawn_of
from yilian.gateway.training.tables import AttemptRow, CredentialRow
from yilian.gateway.training.training import Learner, Training
from yilian.ledger.codec import Id, Millis, Name, Positive, Whole
from yilian.ledger.errors import MALFORMED
from yilian.text import negotiate, say

BASE = "/v1/organisations/{organisation}/training"
EVERYBODY = (*STAFF, "person")
ATTEMPT = path_id("attempt", "The attempt's id.")
CREDENTIAL = path_id("credential", "The credential's id.")
Word = Annotated[str, msgspec.Meta(max_length=64)]


class AttemptRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin the quiz of a course."""

    course: Name


class AnswerSheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One answer for each question of the attempt, by their words."""

    answers: Annotated[dict[Word, Word], msgspec.Meta(max_length=32)]


class WithdrawalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Withdraw a credential, and why."""

    reason: Reason


class QuizOption(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that may be chosen, in the reader's language."""

    option: str
    text: str


class QuizQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question, in the reader's language, with its answers in the order of this attempt."""

    question: str
    text: str
    options: tuple[QuizOption, ...]


class JudgedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen and what is right, with the reason and the lesson that teaches it."""

    question: str
    chosen: str
    right: str
    why: str
    lesson: str


class QuizResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt; `credential` where it was passed."""

    passed: bool
    correct: Whole
    answers: tuple[JudgedAnswer, ...]
    credential: Id | None


class QuizAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt: its questions until `expires` (ms), its result once it was answered."""

    attempt: Id
    course: CourseName
    version: Positive
    state: Literal["open", "over", "expired"]
    started: Millis
    expires: Millis
    questions: tuple[QuizQuestion, ...]
    result: QuizResult | None


class OfferedCourse(msgspec.Struct, frozen=True, kw_only=True):
    """A course that the caller may take, and how many attempts are left within 24 hours."""

    course: CourseName
    version: Positive
    left: Whole


class IssuedCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it stands: who completed which course, when, and how well."""

    credential: Id
    subject: Id
    course: CourseName
    version: Positive
    band: Band
    issued: Millis
    height: Whole | None
    withdrawn: Millis | None
    reason: Reason | None


class OwnTraining(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's courses and credentials, the newest first."""

    courses: tuple[OfferedCourse, ...]
    credentials: tuple[IssuedCredential, ...]


class IssuedCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """All credentials that the organisation issued, the newest first."""

    credentials: tuple[IssuedCredential, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    makers = (_own, _begin, _attempt, _answer, _all, _file, _withdraw)
    return routes_of(*(make(rooms) for make in makers))


def _own(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE,
        tag="organisations",
        summary="List one's own courses and credentials",
        parameters=COMMON,
        answers=answers(OwnTraining, "What the caller may learn, and has."),
        problems=(FORBIDDEN,),
    )
    async def own(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *EVERYBODY)
        query(request)
        training = Training(organisation)

        def read() -> OwnTraining:
            now = training.now()
            courses = tuple(
                OfferedCourse(
                    course=each.name,
                    version=each.version,
                    left=max(0, MAX_ATTEMPTS - training.store.taken(caller.sender, each.name, now)),
                )
                for each in offered(caller.subject.kind)
            )
            mine = tuple(map(_issued, training.credentials(caller.sender)))
            return OwnTraining(courses=courses, credentials=mine)

        return answer(request, await to_thread.run_sync(read))

    return own


def _begin(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE + "/attempts",
        tag="organisations",
        summary="Begin a course's quiz, or go on with the attempt that is open",
        parameters=COMMON,
        body=AttemptRequest,
        answers=answers(QuizAttempt, "The questions, without what is right."),
        problems=(MALFORMED, errors.COURSE_UNKNOWN, errors.NO_ATTEMPT_LEFT, FORBIDDEN),
    )
    async def begin(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *EVERYBODY)
        query(request)
        asked = await body(request, AttemptRequest)
        training = Training(organisation)
        row = await to_thread.run_sync(training.begin, _learner(caller), asked.course)
        return answer(request, _shown(request, row, training.now()))

    return begin


def _attempt(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE + "/attempts/{attempt}",
        tag="organisations",
        summary="Read an attempt of one's own: its questions, or its result",
        parameters=(*COMMON, ATTEMPT),
        answers=answers(QuizAttempt, "The attempt."),
        problems=(errors.ATTEMPT_UNKNOWN, FORBIDDEN),
    )
    async def attempt(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *EVERYBODY)
        query(request)
        name = require_id(request.path_params["attempt"], "attempt")
        training = Training(organisation)
        row = await to_thread.run_sync(training.attempt, _learner(caller), name)
        return answer(request, _shown(request, row, training.now()))

    return attempt


def _answer(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE + "/attempts/{attempt}/answers",
        tag="organisations",
        summary="Hand in an answer sheet, once; who passes gets a credential",
        parameters=(*COMMON, ATTEMPT),
        body=AnswerSheet,
        answers=answers(QuizAttempt, "The result, with what is right and why."),
        problems=(
            MALFORMED,
            errors.ATTEMPT_UNKNOWN,
            errors.ATTEMPT_OVER,
            errors.ATTEMPT_EXPIRED,
            errors.SHEET_DIFFERS,
            FORBIDDEN,
        ),
    )
    async def hand_in(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *EVERYBODY)
        query(request)
        name = require_id(request.path_params["attempt"], "attempt")
        sheet = await body(request, AnswerSheet)
        training = Training(organisation)
        row = await to_thread.run_sync(training.answer, _learner(caller), name, sheet.answers)
        return answer(request, _shown(request, row, training.now()))

    return hand_in


def _all(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE + "/credentials",
        tag="organisations",
        summary="List the training credentials that the organisation issued",
        parameters=COMMON,
        answers=answers(IssuedCredentials, "All of them, the newest first."),
        problems=(FORBIDDEN,),
    )
    async def listed(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        query(request)
        found = await to_thread.run_sync(Training(organisation).credentials)
        return answer(request, IssuedCredentials(credentials=tuple(map(_issued, found))))

    return listed


def _file(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE + "/credentials/{credential}",
        tag="organisations",
        summary="Give a training credential with its proofs, for whoever is to check it",
        parameters=(*COMMON, CREDENTIAL),
        answers=answers(CredentialFile, "The credential file."),
        problems=(errors.CREDENTIAL_UNKNOWN, FORBIDDEN),
    )
    async def file(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *EVERYBODY)
        query(request)
        name = require_id(request.path_params["credential"], "credential")
        subject = None if caller.subject.kind in OPERATORS else caller.sender
        training = Training(organisation)

        def read() -> CredentialFile:
            return training.file(training.credential(name, subject))

        return answer(request, await to_thread.run_sync(read))

    return file


def _withdraw(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE + "/credentials/{credential}/withdrawal",
        tag="organisations",
        summary="Withdraw a training credential, for everybody who checks it",
        parameters=(*COMMON, CREDENTIAL),
        body=WithdrawalRequest,
        answers=answers(IssuedCredential, "The chain has the withdrawal."),
        problems=(MALFORMED, errors.CREDENTIAL_UNKNOWN, errors.WITHDRAWN_ALREADY, FORBIDDEN),
    )
    async def withdraw(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        query(request)
        name = require_id(request.path_params["credential"], "credential")
        asked = await body(request, WithdrawalRequest)
        row = await to_thread.run_sync(Training(organisation).withdraw, name, asked.reason)
        return answer(request, _issued(row))

    return withdraw


def _learner(caller: Caller) -> Learner:
    return Learner(caller.sender, caller.subject.kind)


def _shown(request: Request, row: AttemptRow, now: int) -> QuizAttempt:
    language = negotiate(request.headers.get("accept-language"))
    # The questions of an older version of a course may not be there any more.
    known = row.version == COURSES[row.course].version
    open_ = row.ended is None and row.expires > now and known
    return QuizAttempt(
        attempt=row.attempt,
        course=row.course,  # type: ignore[arg-type]
        version=row.version,
        state="open" if open_ else "over" if row.ended is not None else "expired",
        started=row.started,
        expires=row.expires,
        questions=_questions(row, language) if known else (),
        result=None if row.ended is None else _result(row, language, known=known),
    )


def _questions(row: AttemptRow, language: str) -> tuple[QuizQuestion, ...]:
    def words(question: str, part: str) -> str:
        return say(language, "training", f"{row.course}/{question}/{part}")

    return tuple(
        QuizQuestion(
            question=each.question,
            text=words(each.question, "question"),
            options=tuple(
                QuizOption(option=letter, text=words(each.question, letter))
                for letter in each.options
            ),
        )
        for each in drawn_of(row)
    )


def _result(row: AttemptRow, language: str, *, known: bool) -> QuizResult:
    course, chosen, drawn = COURSES[row.course], answers_of(row), drawn_of(row)
    return QuizResult(
        passed=passed(row.correct or 0, len(drawn)),
        correct=row.correct or 0,
        answers=tuple(
            JudgedAnswer(
                question=each.question,
                chosen=chosen[each.question],
                right=course.questions[each.question].right,
                why=say(language, "training", f"{row.course}/{each.question}/why"),
                lesson=course.questions[each.question].lesson,
            )
            for each in (drawn if known else ())
        ),
        credential=row.credential,
    )


def _issued(row: CredentialRow) -> IssuedCredential:
    return IssuedCredential(
        credential=row.credential,
        subject=row.subject,
        course=row.course,  # type: ignore[arg-type]
        version=row.version,
        band=row.band,  # type: ignore[arg-type]
        issued=row.issued,
        height=row.height,
        withdrawn=row.withdrawn,
        reason=row.reason,  # type: ignore[arg-type]
    )
