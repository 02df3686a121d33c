"""Custody ends when the person asks with their own session, and then for good."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.calls import at
from tests.rows.joining import joined
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import Browser, good, refused
from yilian.ledger import codec
from yilian.ledger.modules.identity.rules import key_proof
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer


def request(signer: Ed25519Signer, owner: str) -> dict[str, Any]:
    """Ask for a key, proved for an owner."""
    proof = codec.to_text(signer.sign(key_proof(owner, signer.key)))
    return {"key": {"suite": signer.key.suite, "public": signer.key.public}, "proof": proof}


def custody(served: Served, person: str) -> bool:
    """Tell whether the organisation signs for a person."""
    with served.client(served.a) as client:
        return bool(client.request("GET", f"/v1/identity/subjects/{person}")["value"]["custody"])


def test_the_person_takes_over_and_the_hospital_acts_no_more(
    served: Served, browsers: list[Browser]
) -> None:
    person, browser = joined(served, browsers)
    place = at(served.a, f"persons/{person}/device-key")
    signer = Ed25519Signer.generate()
    made = good(browser.request("POST", place, request(signer, person)))
    assert (made["person"], made["key"]) == (person, signer.key_id)
    assert good(browser.request("GET", f"/v1/identity/subjects/{person}"))["value"]["keys"] == [
        signer.key_id
    ]
    second = Ed25519Signer.generate()
    again = browser.request("POST", place, request(second, person))
    assert refused(again) == "identity.has_own_key"
    body = {"person": person, "grantee": served.b.id, "categories": ["laboratory"]}
    with served.client(served.a) as client, pytest.raises(ProblemError):
        client.request("POST", at(served.a, "grants"), body)
    with served.as_(person, signer, served.a) as client:
        prepared = client.request("POST", at(served.a, "grants/prepare"), body)
        client.consent.grant(
            grant=prepared["grant"],
            terms=prepared["commitment"],
            starts=prepared["starts"],
            ends=prepared["ends"],
        )


def test_nobody_else_asks_for_it(served: Served, browsers: list[Browser]) -> None:
    person, _ = joined(served, browsers)
    _, other = joined(served, browsers, seed=2)
    place = at(served.a, f"persons/{person}/device-key")
    signer = Ed25519Signer.generate()
    asked = request(signer, person)
    assert refused(other.request("POST", place, asked)) == "forbidden"
    with served.client(served.a) as client, pytest.raises(ProblemError) as caught:
        client.request("POST", place, asked)
    assert caught.value.code == "forbidden"
    assert custody(served, person)


def test_a_key_proved_for_another_or_not_at_all_is_refused(
    served: Served, browsers: list[Browser]
) -> None:
    person, browser = joined(served, browsers)
    place = at(served.a, f"persons/{person}/device-key")
    signer = Ed25519Signer.generate()
    wrong = browser.request("POST", place, request(signer, served.b.id))
    assert refused(wrong) == "identity.bad_proof_of_possession"
    for body in ({}, {"key": request(signer, person)["key"]}, {**request(signer, person), "x": 1}):
        assert refused(browser.request("POST", place, body)) == "malformed"
    assert custody(served, person)
