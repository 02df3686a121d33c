"""What is made of another member's refusal, whatever it sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.gateway.members.courier import later
from yilian.gateway.members.errors import ELSEWHERE
from yilian.gateway.members.problem import refusal_of
from yilian.ledger.errors import Refusal, every

MEMBER = "AAAAAAAAAAAAAAAAAAAAAA"


def problem(code: str, parameters: dict[str, Any]) -> bytes:
    return json.dumps({"code": code, "parameters": parameters, "title": "x"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (409, problem("payload_damaged", {}), "members.refused"),
        (500, problem("payload_damaged", {"address": "x"}), "payload_damaged"),
        (500, problem("payload_damaged", {"address": "x" * 501}), "members.refused"),
        (500, problem("payload_damaged", {"address": 2**60}), "members.refused"),
        (404, problem("organisation.grant_unknown", {}), "organisation.grant_unknown"),
        (200, problem("organisation.grant_unknown", {}), "members.refused"),
        (403, problem("members.caller_unknown", {}), "members.not_recognised"),
        (404, problem("not_found", {}), "members.refused"),
        (500, problem("internal", {}), "members.refused"),
        (400, problem("malformed", {}), "members.refused"),
        (401, problem("unauthenticated", {}), "members.refused"),
        (503, problem("engine_stopped", {}), "engine_stopped"),
        (503, problem("members.unreachable", {"id": "B" * 22}), "members.refused"),
        (503, problem("members.behind", {"height": 7}), "members.behind"),
        (503, b"Service Unavailable", "members.unreachable"),
        (409, problem("no_such_code", {}), "members.answer_refused"),
        (409, b"[]", "members.answer_refused"),
        (409, b"[" * 10_000, "members.answer_refused"),
    ],
)
def test_refusals_are_given_on_or_named(status: int, body: bytes, expected: str) -> None:
    assert refusal_of(MEMBER, status, body).code.name == expected


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_bytes_become_a_refusal(status: int, body: bytes) -> None:
    assert isinstance(refusal_of(MEMBER, status, body), Refusal)


@given(st.sampled_from(sorted(each.name for each in every())), st.data())
def test_every_code_becomes_a_refusal_with_its_own_parameters(name: str, data: Any) -> None:
    named = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20), max_size=3)
    parameters = data.draw(named)
    status = data.draw(st.sampled_from((400, 401, 403, 404, 409, 429, 500, 503)))
    made = refusal_of(MEMBER, status, problem(name, parameters))
    assert tuple(sorted(made.parameters)) == made.code.parameters
    assert isinstance(later(made), bool)
    if made.code in ELSEWHERE:
        assert made.parameters.get("id", MEMBER) == MEMBER
