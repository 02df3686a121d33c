"""F23, the other answer: a person refuses a question, and who asked learns that and no more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.consenting import Actor, ask, asked_of, doctor, give, keep, path, person, speak
from tests.rows.served import Served
from yilian.sdk.errors import ProblemError

WORDS = "他是我的邻居"


@pytest.fixture
def patient(served: Served) -> Actor:
    """Somebody at hospital A."""
    return person(served, served.a)


@pytest.fixture
def reader(served: Served) -> Actor:
    """A doctor of hospital B."""
    return doctor(served, served.b)


def refuse(
    served: Served, who: Actor, patient: Actor, question: str, words: str = ""
) -> dict[str, Any]:
    at = path(served.a, f"persons/{patient.id}/asks/{question}/refusal")
    with speak(served, who, served.a) as client:
        answer: dict[str, Any] = client.request("POST", at, {"words": words})
    return answer


def sent_by(served: Served, reader: Actor) -> list[dict[str, Any]]:
    with speak(served, reader, served.b) as client:
        return list(client.request("GET", path(served.b, "asks"))["asks"])


def code(call: Any, *arguments: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        call(*arguments)
    return str(caught.value.code)


def test_refused_told_and_final(served: Served, patient: Actor, reader: Actor) -> None:
    question, _ = ask(served, reader)
    (waiting,) = sent_by(served, reader)
    assert (waiting["status"], waiting["refused"], waiting["number"]) == ("waiting", None, "N-1")
    first = refuse(served, patient, patient, question, WORDS)
    assert refuse(served, patient, patient, question, "later") == first
    (mine,) = asked_of(served, patient)
    assert (mine["status"], mine["refused"], mine["words"]) == ("refused", first["refused"], WORDS)
    (theirs,) = sent_by(served, reader)
    assert (theirs["status"], theirs["refused"]) == ("refused", first["refused"])
    assert "words" not in theirs
    assert sent_by(served, doctor(served, served.b)) == []
    with speak(served, reader, served.b) as client:
        inbox = client.request("GET", path(served.b, f"staff/{reader.id}/notices"))["notices"]
    assert [each["kind"] for each in inbox] == ["ask_refused"]
    assert WORDS not in str(inbox)
    # No grant answers it any more; one without a question is another matter.
    body: dict[str, Any] = {"categories": ["laboratory"], "practitioner": reader.id}

    def answer(**more: Any) -> dict[str, Any]:
        return give(served, patient, patient.id, **body, **more)

    with pytest.raises(ProblemError) as caught:
        answer(ask=question)
    assert caught.value.code == "ask_refused"
    assert answer()["delivered"]


def test_staff_are_not_shown_the_words(served: Served, patient: Actor, reader: Actor) -> None:
    question, _ = ask(served, reader)
    refuse(served, patient, patient, question, WORDS)
    with served.client(served.a) as client:
        (seen,) = client.request("GET", path(served.a, f"persons/{patient.id}/asks"))["asks"]
    assert (seen["status"], seen["words"]) == ("refused", "")


def test_neither_after_a_grant_nor_after_the_end(
    served: Served, patient: Actor, reader: Actor
) -> None:
    answered, withdrawn = ask(served, reader)[0], ask(served, reader)[0]
    keep(served, served.a, patient.id, "laboratory", "{}")
    give(served, patient, patient.id, categories=["laboratory"], ask=answered)
    assert code(refuse, served, patient, patient, answered) == "consents.ask_answered"
    with speak(served, reader, served.b) as client:
        client.consent.withdraw_ask(ask=withdrawn)
    assert code(refuse, served, patient, patient, withdrawn) == "consent.ask_ended"
    shown = {each["ask"]: each["status"] for each in asked_of(served, patient)}
    assert shown == {answered: "answered", withdrawn: "withdrawn"}


def test_by_nobody_but_the_person_and_who_may_grant_for_them(
    served: Served, patient: Actor, reader: Actor
) -> None:
    question, _ = ask(served, reader)
    other = person(served, served.a, "N-2")
    assert code(refuse, served, other, patient, question) == "forbidden"
    assert code(refuse, served, other, other, question) == "ask_unknown"
    assert code(refuse, served, patient, patient, patient.id) == "ask_unknown"
    assert code(refuse, served, reader, patient, question) == "forbidden"
    at = path(served.a, f"persons/{patient.id}/asks/{question}/refusal")
    with served.client(served.a) as client:
        assert code(client.request, "POST", at, {}) == "forbidden"
    with speak(served, patient, served.a) as client:
        for body in ({"words": "x" * 501}, {"words": 1}, {"more": ""}, []):
            assert code(client.request, "POST", at, body) == "malformed"
        for power in ("read", "grant"):
            client.consent.name_custodian(custodian=other.id, ends=2**45, powers=[power])
            if power == "read":
                assert code(refuse, served, other, patient, question) == "forbidden"
    refuse(served, other, patient, question)
    assert asked_of(served, patient)[0]["status"] == "refused"
