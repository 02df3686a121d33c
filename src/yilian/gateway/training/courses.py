"""The courses: which questions may be asked, which answer is right, and who may take them.

The sentences stand in `text/*/training.json`, which no page of the portal is given; the answers of
a question have the letters a, b and c there, and are shown in another order in each attempt.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from secrets import SystemRandom
from typing import Literal, NamedTuple

import msgspec

from yilian.gateway.training.errors import COURSE_UNKNOWN, SHEET_DIFFERS

CourseName = Literal["patient", "pharmacist", "doctor", "desk"]
Letter = Literal["a", "b", "c"]
LETTERS: tuple[Letter, ...] = ("a", "b", "c")
ASKED = 8
"""Questions of one attempt."""
PASS_PERCENT = 80
MAX_ATTEMPTS = 5
"""Attempts of one subject at one course within 24 hours."""
MINUTE_MS = 60_000
DAY_MS = 86_400_000
ATTEMPT_MS = 30 * MINUTE_MS
STAFF = frozenset({"organisation", "agent", "practitioner"})


class Question(NamedTuple):
    """A question's right answer, and the lesson that teaches it."""

    right: Letter
    lesson: str


class Course(NamedTuple):
    """A course. `version` changes with its lessons or questions; `kinds` of subject may take it."""

    name: CourseName
    version: int
    kinds: frozenset[str]
    questions: Mapping[str, Question]


class Drawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question of one attempt, with its answers in the order in which they are shown."""

    question: str
    options: tuple[Letter, ...]


_PATIENT = {
    "who_decides": Question("b", "see"),
    "standing": Question("a", "see"),
    "own_hospital": Question("c", "see"),
    "before_allowing": Question("c", "share"),
    "sensitive": Question("a", "share"),
    "thirty_days": Question("b", "share"),
    "stop_effect": Question("a", "stop"),
    "stop_again": Question("c", "stop"),
    "stranger": Question("b", "looked"),
    "programs": Question("c", "looked"),
    "red_badge": Question("b", "proof"),
    "green_badge": Question("a", "proof"),
    "recalled": Question("c", "scan"),
    "suspect": Question("a", "scan"),
}
_PHARMACIST = {
    "first_scan": Question("a", "verdicts"),
    "green": Question("b", "verdicts"),
    "expired": Question("c", "verdicts"),
    "dispensed": Question("b", "verdicts"),
    "recalled": Question("b", "recall"),
    "recall_patient": Question("a", "recall"),
    "lot_slip": Question("c", "slip"),
    "two_differ": Question("a", "slip"),
    "no_serial": Question("c", "slip"),
    "verify": Question("b", "verify"),
    "no_answer": Question("a", "verify"),
    "offline": Question("c", "offline"),
    "offline_browser": Question("a", "offline"),
    "offline_refused": Question("b", "offline"),
}
_DOCTOR = {
    "whose_record": Question("c", "queue"),
    "same_name": Question("b", "queue"),
    "seen_by_patient": Question("a", "queue"),
    "sign_elsewhere": Question("b", "elsewhere"),
    "closed_records": Question("c", "elsewhere"),
    "colleague_key": Question("a", "elsewhere"),
    "ask_how_much": Question("b", "ask"),
    "ask_refused": Question("c", "ask"),
    "when_emergency": Question("a", "urgent"),
    "emergency_words": Question("b", "urgent"),
    "emergency_fear": Question("c", "urgent"),
    "correct_old": Question("a", "correct"),
    "review_own": Question("b", "review"),
    "review_curious": Question("c", "review"),
}
_DESK = {
    "who_is_it": Question("b", "find"),
    "card_of_another": Question("c", "find"),
    "lookup_noted": Question("a", "find"),
    "first_time": Question("b", "enrol"),
    "no_papers": Question("c", "enrol"),
    "outside_name": Question("a", "enrol"),
    "typing": Question("b", "enrol"),
    "link_name": Question("c", "link"),
    "link_undo": Question("a", "link"),
    "visit_why": Question("b", "visit"),
    "visit_end": Question("c", "visit"),
    "invite_whom": Question("a", "invite"),
    "witness_who": Question("b", "witness"),
    "witness_no": Question("c", "witness"),
}
COURSES: Mapping[str, Course] = {
    "patient": Course("patient", 1, STAFF | {"person"}, _PATIENT),
    "pharmacist": Course("pharmacist", 1, STAFF, _PHARMACIST),
    "doctor": Course("doctor", 1, STAFF, _DOCTOR),
    "desk": Course("desk", 1, STAFF, _DESK),
}


def offered(kind: str) -> tuple[Course, ...]:
    """List the courses for a kind of subject."""
    return tuple(each for each in COURSES.values() if kind in each.kinds)


def course_for(name: str, kind: str) -> Course:
    """Find a course for a kind of subject; refuses `training.course_unknown`."""
    found = COURSES.get(name)
    if found is None or kind not in found.kinds:
        raise COURSE_UNKNOWN(course=name if name in COURSES else "-")
    return found


def draw(course: Course, chance: random.Random | None = None) -> tuple[Drawn, ...]:
    """Draw the questions of an attempt; without `chance`, by the machine's own randomness."""
    chance = chance or SystemRandom()
    asked = chance.sample(sorted(course.questions), ASKED)
    return tuple(Drawn(each, tuple(chance.sample(LETTERS, len(LETTERS)))) for each in asked)


def judge(course: Course, drawn: tuple[Drawn, ...], answers: Mapping[str, str]) -> int:
    """Count the right answers; refuses `training.sheet_differs` for a sheet of other questions."""
    if {each.question for each in drawn} != answers.keys():
        raise SHEET_DIFFERS()
    if not all(answers[each.question] in each.options for each in drawn):
        raise SHEET_DIFFERS()
    return sum(answers[each.question] == course.questions[each.question].right for each in drawn)


def passed(correct: int, asked: int) -> bool:
    """Tell whether so many right answers are enough."""
    return correct * 100 >= asked * PASS_PERCENT
