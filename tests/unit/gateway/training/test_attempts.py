"""A quiz is drawn, answered once and in time, and judged by the server alone."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sql
from hypothesis import given
from hypothesis import strategies as st

from tests.rows.consenting import Actor
from tests.rows.served import Served
from tests.unit.gateway.training.learning import (
    ask,
    begin,
    hand_in,
    passing,
    refused,
    sheet,
    training,
)
from yilian.gateway.training.courses import (
    ASKED,
    COURSES,
    DAY_MS,
    LETTERS,
    MAX_ATTEMPTS,
    draw,
    passed,
)
from yilian.gateway.training.tables import ATTEMPTS, AttemptRow
from yilian.text import LANGUAGES, say


@given(st.sampled_from(sorted(COURSES)), st.integers())
def test_what_is_drawn_is_part_of_the_pool(course: str, seed: int) -> None:
    drawn = draw(COURSES[course], random.Random(seed))
    names = [each.question for each in drawn]
    assert len(set(names)) == ASKED < len(COURSES[course].questions)
    assert set(names) <= COURSES[course].questions.keys()
    assert all(sorted(each.options) == list(LETTERS) for each in drawn)


def test_attempts_differ() -> None:
    assert len({draw(COURSES["patient"]) for _ in range(20)}) > 15


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_has_its_words(language: str) -> None:
    for course in COURSES.values():
        for question in course.questions:
            told = [
                say(language, "training", f"{course.name}/{question}/{part}")
                for part in ("question", *LETTERS, "why")
            ]
            assert len(set(told)) == len(told)


@pytest.mark.parametrize("course", sorted(COURSES))
def test_no_letter_is_right_more_often_than_chance_would_have_it(course: str) -> None:
    right = [each.right for each in COURSES[course].questions.values()]
    assert all(right.count(letter) >= len(right) // 4 for letter in LETTERS)


def test_eighty_percent_passes() -> None:
    assert [passed(each, 10) for each in (7, 8, 9)] == [False, True, True]
    assert [passed(each, ASKED) for each in (6, 7)] == [False, True]


def test_nothing_of_what_is_right_leaves_before_the_end(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    assert attempt["state"] == "open"
    assert attempt["result"] is None
    assert len(attempt["questions"]) == ASKED
    assert all(each.keys() == {"question", "text", "options"} for each in attempt["questions"])
    for each in attempt["questions"]:
        assert all(option.keys() == {"option", "text"} for option in each["options"])
        why = say("en", "training", f"patient/{each['question']}/why")
        assert why not in str(attempt)
    assert ask(served, patient, "GET", f"/attempts/{attempt['attempt']}") == attempt


def test_going_on_with_what_is_open_costs_nothing(served: Served, patient: Actor) -> None:
    assert begin(served, patient) == begin(served, patient)
    (course,) = ask(served, patient, "GET")["courses"]
    assert course == {"course": "patient", "version": 1, "left": MAX_ATTEMPTS - 1}


def test_a_failed_attempt_is_explained(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    told = hand_in(served, patient, attempt, sheet(attempt, wrong=2))
    assert told["state"] == "over"
    result = told["result"]
    assert (result["passed"], result["correct"], result["credential"]) == (False, ASKED - 2, None)
    wrong = [each for each in result["answers"] if each["chosen"] != each["right"]]
    assert [each["question"] for each in wrong] == [
        each["question"] for each in attempt["questions"][:2]
    ]
    for each in wrong:
        assert each["lesson"] == COURSES["patient"].questions[each["question"]].lesson
        assert each["why"] == say("en", "training", f"patient/{each['question']}/why")
    assert training(served).credentials(patient.id) == []


def test_a_passed_one_gives_a_credential(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    told = hand_in(served, patient, attempt, sheet(attempt, wrong=1))
    (credential,) = ask(served, patient, "GET")["credentials"]
    assert credential["credential"] == told["result"]["credential"]
    assert (credential["subject"], credential["band"]) == (patient.id, "80-89")
    assert credential["height"] > 0
    assert credential["withdrawn"] is None


def test_a_sheet_counts_once(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    hand_in(served, patient, attempt, sheet(attempt, wrong=3))
    rest = f"/attempts/{attempt['attempt']}"
    before = ask(served, patient, "GET", rest)
    again = {"answers": sheet(attempt)}
    assert refused(served, patient, "POST", f"{rest}/answers", again) == "training.attempt_over"
    assert ask(served, patient, "GET", rest) == before
    assert training(served).credentials(patient.id) == []


def test_of_two_sheets_at_once_one_counts(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)

    def send(_: int) -> str:
        try:
            return str(hand_in(served, patient, attempt, sheet(attempt))["state"])
        except Exception as problem:
            return str(getattr(problem, "code", problem))

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(send, range(4)))
    assert told == ["over", *["training.attempt_over"] * 3]
    assert len(training(served).credentials(patient.id)) == 1


def _altered(answers: dict[str, str]) -> list[Any]:
    (first, *rest) = answers
    missing = {name: answers[name] for name in rest}
    return [
        {},
        missing,
        {**missing, "nothing": "a"},
        {**answers, "nothing": "a"},
        {**answers, first: "d"},
        {**answers, first: ""},
    ]


def test_a_sheet_of_other_questions_is_refused(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    rest = f"/attempts/{attempt['attempt']}/answers"
    for each in _altered(sheet(attempt)):
        told = refused(served, patient, "POST", rest, {"answers": each})
        assert told == "training.sheet_differs", each
    malformed: list[Any] = [
        [],
        {},
        {"answers": []},
        {"answers": {"a": 1}},
        {"answers": sheet(attempt), "more": 1},
        {"answers": {str(each): "a" for each in range(33)}},
        {"answers": {"x" * 65: "a"}},
    ]
    for each in malformed:
        assert refused(served, patient, "POST", rest, each) == "malformed", each
    assert ask(served, patient, "GET", f"/attempts/{attempt['attempt']}") == attempt


def test_anothers_attempt_is_not_there(served: Served, patient: Actor, colleague: Actor) -> None:
    attempt = begin(served, patient)
    rest = f"/attempts/{attempt['attempt']}"
    answers = {"answers": sheet(attempt)}
    assert refused(served, colleague, "GET", rest) == "training.attempt_unknown"
    told = refused(served, colleague, "POST", f"{rest}/answers", answers)
    assert told == "training.attempt_unknown"
    nobodys = f"/attempts/{'A' * 22}"
    assert refused(served, patient, "GET", nobodys) == "training.attempt_unknown"
    assert ask(served, patient, "GET", rest) == attempt


def _age(served: Served, attempt: str, by: int) -> None:
    """Make an attempt older, as waiting would."""
    change = sql.update(ATTEMPTS).where(ATTEMPTS.c.attempt == attempt)
    older = {"started": ATTEMPTS.c.started - by, "expires": ATTEMPTS.c.expires - by}
    with served.node.organisations[served.a.id].vault.catalogue.write() as database:
        database.execute(change.values(**older))


def test_a_late_sheet_is_refused(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    _age(served, attempt["attempt"], attempt["expires"] - attempt["started"])
    rest = f"/attempts/{attempt['attempt']}"
    answers = {"answers": sheet(attempt)}
    told = refused(served, patient, "POST", f"{rest}/answers", answers)
    assert told == "training.attempt_expired"
    assert ask(served, patient, "GET", rest)["state"] == "expired"
    assert begin(served, patient)["attempt"] != attempt["attempt"]


def test_five_attempts_in_a_day(served: Served, patient: Actor) -> None:
    made = []
    for _ in range(MAX_ATTEMPTS):
        made.append(begin(served, patient))
        hand_in(served, patient, made[-1], sheet(made[-1], wrong=ASKED))
    asked = {"course": "patient"}
    told = refused(served, patient, "POST", "/attempts", asked)
    assert told == "training.no_attempt_left"
    assert ask(served, patient, "GET")["courses"][0]["left"] == 0
    _age(served, made[0]["attempt"], DAY_MS)
    assert begin(served, patient)["state"] == "open"
    assert refused(served, patient, "POST", "/attempts", {"course": 1}) == "malformed"


def test_courses_are_for_whom_they_are_meant(
    served: Served, patient: Actor, colleague: Actor
) -> None:
    for course in ("pharmacist", "nothing"):
        told = refused(served, patient, "POST", "/attempts", {"course": course})
        assert told == "training.course_unknown"
    names = [each["course"] for each in ask(served, colleague, "GET")["courses"]]
    assert names == list(COURSES)
    assert begin(served, colleague, "pharmacist")["course"] == "pharmacist"


def test_another_house_is_closed(served: Served, patient: Actor) -> None:
    assert refused(served, patient, "GET", at=served.b) == "forbidden"
    asked = {"course": "patient"}
    assert refused(served, patient, "POST", "/attempts", asked, at=served.b) == "forbidden"


def test_questions_of_an_older_course_are_not_shown(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    change = sql.update(ATTEMPTS).where(ATTEMPTS.c.attempt == attempt["attempt"])
    with served.node.organisations[served.a.id].vault.catalogue.write() as database:
        database.execute(change.values(version=0, drawn='[{"question":"gone","options":["a"]}]'))
    rest = f"/attempts/{attempt['attempt']}"
    told = ask(served, patient, "GET", rest)
    assert (told["state"], told["questions"]) == ("expired", [])
    answers = {"answers": {"gone": "a"}}
    told = refused(served, patient, "POST", f"{rest}/answers", answers)
    assert told == "training.attempt_expired"


def test_a_row_holds_nothing_of_what_is_right(served: Served, patient: Actor) -> None:
    attempt = begin(served, patient)
    row = training(served).store.attempt(attempt["attempt"])
    assert isinstance(row, AttemptRow)
    assert (row.answers, row.correct, row.credential) == (None, None, None)
    assert passing(served, patient)
