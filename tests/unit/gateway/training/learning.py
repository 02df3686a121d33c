"""Learners at a served node: they begin a quiz, and answer it well or badly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.consenting import Actor, path, speak
from tests.rows.served import Served
from yilian.gateway.training.courses import COURSES, LETTERS
from yilian.gateway.training.training import Training
from yilian.node.config import HostedOrganisation
from yilian.sdk.errors import ProblemError


def ask(
    served: Served,
    who: Actor,
    method: str,
    rest: str = "",
    body: Any = None,
    at: HostedOrganisation | None = None,
) -> Any:
    """Ask something of the training, as somebody of hospital A."""
    with speak(served, who, served.a) as client:
        return client.request(method, path(at or served.a, f"training{rest}"), body)


def begin(served: Served, who: Actor, course: str = "patient") -> dict[str, Any]:
    """Begin a quiz."""
    found: dict[str, Any] = ask(served, who, "POST", "/attempts", {"course": course})
    return found


def sheet(attempt: dict[str, Any], wrong: int = 0) -> dict[str, str]:
    """Answer a quiz, the first `wrong` questions of it wrongly."""
    right = COURSES[attempt["course"]].questions
    answers = {}
    for at, each in enumerate(attempt["questions"]):
        good = right[each["question"]].right
        bad = next(letter for letter in LETTERS if letter != good)
        answers[each["question"]] = bad if at < wrong else good
    return answers


def hand_in(
    served: Served, who: Actor, attempt: dict[str, Any], answers: dict[str, str]
) -> dict[str, Any]:
    """Hand an answer sheet in."""
    rest = f"/attempts/{attempt['attempt']}/answers"
    found: dict[str, Any] = ask(served, who, "POST", rest, {"answers": answers})
    return found


def passing(served: Served, who: Actor, course: str = "patient") -> str:
    """Pass a course; gives the credential's id."""
    attempt = begin(served, who, course)
    return str(hand_in(served, who, attempt, sheet(attempt))["result"]["credential"])


def refused(served: Served, who: Actor, *asked: Any, **more: Any) -> str:
    """Ask what is refused; gives the code."""
    with pytest.raises(ProblemError) as problem:
        ask(served, who, *asked, **more)
    return problem.value.code


def training(served: Served) -> Training:
    """The training of hospital A."""
    return Training(served.node.organisations[served.a.id])
