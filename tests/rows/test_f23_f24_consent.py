"""F23: asked, granted, read, 403 after the end. F24: taken back, and 403 with the next block."""

from __future__ import annotations

import time
from typing import Any

import httpx
import msgspec
import pytest

from tests.rows.consenting import (
    SYSTEM,
    Actor,
    ask,
    asked_of,
    contents,
    doctor,
    give,
    keep,
    path,
    person,
    read,
    session,
    speak,
)
from tests.rows.served import Served
from yilian.ledger.modules.consent import messages as consent
from yilian.sdk import drafts
from yilian.sdk.errors import AnswerError, ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.terms import check_terms

LAB = '{"resourceType":"Observation","id":"lab"}'


@pytest.fixture
def patient(served: Served) -> Actor:
    """Somebody at hospital A with a laboratory record."""
    made = person(served, served.a)
    keep(served, served.a, made.id, "laboratory", LAB)
    return made


@pytest.fixture
def reader(served: Served) -> Actor:
    """A doctor of hospital B."""
    return doctor(served, served.b)


def refused(call: Any, *arguments: Any, **more: Any) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        call(*arguments, **more)
    return caught.value


def test_asked_granted_read_and_refused_after_the_end(
    served: Served, patient: Actor, reader: Actor
) -> None:
    question, delivered = ask(served, reader)
    assert delivered
    (waiting,) = asked_of(served, patient)
    assert (waiting["ask"], waiting["asker"], waiting["status"]) == (question, reader.id, "waiting")
    ends = time.time_ns() // 1_000_000 + 2_500
    given = give(
        served,
        patient,
        patient.id,
        categories=["laboratory"],
        practitioner=reader.id,
        ends=ends,
        ask=question,
    )
    assert given["delivered"]
    (answered,) = asked_of(served, patient)
    assert (answered["status"], answered["answer"]) == ("answered", given["grant"])
    opened = session(served, reader, given["grant"])
    assert contents(read(served, reader, opened)) == {LAB}
    # Nothing happens on the chain meanwhile: the clock alone ends it.
    while time.time_ns() // 1_000_000 <= ends:
        time.sleep(0.05)
    late = refused(read, served, reader, opened)
    assert (late.status, late.code) == (403, "consents.not_permitted")
    assert late.parameters["reasons"] == "grant_no_longer_valid"


def test_taken_back_by_the_own_key_and_refused_at_once(
    served: Served, patient: Actor, reader: Actor
) -> None:
    given = give(served, patient, patient.id, categories=["laboratory"])
    other = give(served, patient, patient.id, categories=["laboratory"], practitioner=reader.id)
    opened = session(served, reader, given["grant"])
    staying = session(served, reader, other["grant"])
    assert contents(read(served, reader, opened)) == {LAB}
    with speak(served, patient, served.a) as client:
        client.consent.revoke(grant=given["grant"])
    gone = refused(read, served, reader, opened)
    assert (gone.status, gone.parameters["reasons"]) == (403, "grant_not_active")
    # The grant that stays opens what is old and what is new, and has the new keys for it.
    keep(served, served.a, patient.id, "laboratory", "new")
    assert contents(read(served, reader, staying)) == {LAB, "new"}
    listed = grants_of(served, patient)
    assert {each["grant"]: each["status"] for each in listed} == {
        given["grant"]: "revoked",
        other["grant"]: "standing",
    }
    vault = served.node.organisations[served.a.id].vault
    denied = [
        line.reasons
        for record in vault.records_of(patient.id)
        for line in vault.journal_about(record)
        if line.outcome == "deny"
    ]
    assert denied == [("grant_not_active",)]
    # Both audit views show it: the patient's at A, and that of B, whose doctor was refused.
    with speak(served, patient, served.a) as client:
        seen = client.request("GET", path(served.a, f"persons/{patient.id}/disclosures"))
    ours = [each for each in seen["disclosures"] if each["grant"] == given["grant"]]
    assert [(each["reader"]["id"], each["outcome"]) for each in ours] == [
        (reader.id, "permit"),
        (reader.id, "deny"),
    ]
    with served.client(served.b) as client:
        trail = client.request("GET", path(served.b, f"audit?actor={reader.id}"))
    refusals = [
        (each["entry"]["refusal"], given["grant"] in each["entry"]["grants"])
        for each in trail["entries"]
        if each["entry"]["status"] == 403
    ]
    assert refusals == [("consents.not_permitted", True)]


def grants_of(served: Served, who: Actor) -> list[dict[str, Any]]:
    with speak(served, who, served.a) as client:
        return client.request("GET", path(served.a, f"persons/{who.id}/grants"))["grants"]  # type: ignore[no-any-return]


def test_the_terms_are_shown_with_who_acted(served: Served, patient: Actor) -> None:
    given = give(served, patient, patient.id, categories=["laboratory"], denied=["imaging"])
    (shown,) = grants_of(served, patient)
    assert (shown["grant"], shown["version"], shown["by"]) == (given["grant"], 1, None)
    assert shown["terms"]["denied"] == ["imaging"]
    loaded = served.load(served.a)["person"]
    shared = served.share(loaded, doctor(served, served.b).id, ["laboratory"])
    with served.client(served.a) as client:
        (custody,) = client.request("GET", path(served.a, f"persons/{loaded}/grants"))["grants"]
    assert custody["grant"] == shared["grant"]
    assert custody["by"] == served.a.agent


def test_no_key_leaves_before_the_chain_has_the_grant(
    served: Served, patient: Actor, reader: Actor
) -> None:
    body = {"person": patient.id, "grantee": served.b.id, "categories": ["laboratory"]}
    with speak(served, patient, served.a) as client:
        prepared = client.request("POST", path(served.a, "grants/prepare"), body)
        deliver = path(served.a, f"grants/{prepared['grant']}/deliver")
        early = refused(client.request, "POST", deliver)
        assert (early.status, early.code) == (409, "consents.not_on_chain")
        # Other terms under the same id do not bring the prepared ones out either.
        client.consent.grant(
            grant=prepared["grant"],
            terms=drafts.fresh_salt(),
            starts=prepared["starts"],
            ends=prepared["ends"],
        )
        assert refused(client.request, "POST", deliver).code == "consents.not_on_chain"
    session_asked = {"grant": prepared["grant"]}
    with speak(served, reader, served.b) as client:
        not_held = refused(client.request, "POST", path(served.b, "sessions"), session_asked)
    assert not_held.code == "grant_not_held_here"
    assert not served.node.organisations[served.b.id].vault.holds_grant(
        prepared["grant"], prepared["commitment"]
    )


def test_a_signed_grant_reaches_the_grantee_without_a_second_word(
    served: Served, patient: Actor, reader: Actor
) -> None:
    body = {"person": patient.id, "grantee": served.b.id, "categories": ["laboratory"]}
    with speak(served, patient, served.a) as client:
        prepared = client.request("POST", path(served.a, "grants/prepare"), body)
        client.send([check_terms(prepared, body)])
    served.node.organisations[served.a.id].watch.catch_up()
    opened = session(served, reader, prepared["grant"])
    assert contents(read(served, reader, opened)) == {LAB}


def test_a_server_that_shows_other_terms_is_found_out(served: Served, patient: Actor) -> None:
    body = {"person": patient.id, "grantee": served.b.id, "categories": ["laboratory"]}
    with speak(served, patient, served.a) as client:
        prepared = client.request("POST", path(served.a, "grants/prepare"), body)
    wider = {**prepared["terms"], "categories": ["imaging", "laboratory"]}
    for changes in (
        {"terms": wider},
        {"commitment": drafts.fresh_salt()},
        {"salt": drafts.fresh_salt()},
        {"salt": "A" * 43},
        {"ends": prepared["ends"] + 1},
        {"version": 2},
        {"grant": "short"},
    ):
        with pytest.raises(AnswerError):
            check_terms({**prepared, **changes}, body)
    for asked in (
        {"grantee": served.a.id},
        {"categories": ["imaging"]},
        {"days": 31},
        {"practitioner": patient.id},
        {"ends": prepared["ends"] + 1},
        {"grant": prepared["grant"]},
        {"records": [patient.id]},
    ):
        with pytest.raises(AnswerError):
            check_terms(prepared, {**body, **asked})


def test_new_terms_take_the_place_of_the_old_once_signed(
    served: Served, patient: Actor, reader: Actor
) -> None:
    image = keep(served, served.a, patient.id, "imaging", "image")
    given = give(served, patient, patient.id, categories=["imaging", "laboratory"])
    opened = session(served, reader, given["grant"])
    assert contents(read(served, reader, opened)) == {LAB, "image"}
    body = {
        "person": patient.id,
        "grantee": served.b.id,
        "categories": ["laboratory"],
        "grant": given["grant"],
    }
    with speak(served, patient, served.a) as client:
        prepared = client.request("POST", path(served.a, "grants/prepare"), body)
        # Until it is signed the old terms stand, also for what came in meanwhile.
        keep(served, served.a, patient.id, "imaging", "later")
        assert contents(read(served, reader, opened)) == {LAB, "image", "later"}
        client.send([check_terms(prepared, body)])
        assert contents(read(served, reader, opened)) == {LAB}
        again = client.request("POST", path(served.a, f"grants/{given['grant']}/deliver"))
        assert again["version"] == 2
    assert contents(read(served, reader, opened)) == {LAB}
    (shown,) = grants_of(served, patient)
    assert (shown["version"], shown["terms"]["categories"]) == (2, ["laboratory"])
    assert image not in {each["record"] for each in read(served, reader, opened)["refused"]}


def test_the_same_answer_for_a_person_who_is_not_known(
    served: Served, patient: Actor, reader: Actor
) -> None:
    for changes in (
        {"number": "nobody"},
        {"system": None, "number": None, "card": "yilian:card:nothing"},
    ):
        assert ask(served, reader, **changes)[1]
    assert asked_of(served, patient) == []
    notices = served.node.organisations[served.a.id].vault.outbox.inbox(patient.id)
    assert [each.kind for each in notices] == []


def test_asks_are_for_the_person_and_asked_by_the_asker(
    served: Served, patient: Actor, reader: Actor
) -> None:
    other = doctor(served, served.b)
    body = {
        "holder": served.a.id,
        "system": SYSTEM,
        "number": "N-1",
        "categories": ["laboratory"],
        "reason": "follow-up",
    }
    with speak(served, reader, served.b) as client:
        made = client.request("POST", path(served.b, "asks"), body)
        deliver = path(served.b, f"asks/{made['ask']}/deliver")
        assert refused(client.request, "POST", deliver).code == "consents.ask_not_on_chain"
        client.send([msgspec.convert(made, consent.Ask)])
        for bad in ({**body, "card": "x"}, {**body, "number": None}, {**body, "categories": []}):
            problem = refused(client.request, "POST", path(served.b, "asks"), bad)
            assert problem.code == "malformed"
    with speak(served, other, served.b) as client:
        assert refused(client.request, "POST", deliver).code == "ask_unknown"
    with speak(served, reader, served.b) as client:
        for _ in range(2):
            client.request("POST", deliver)
        assert len(asked_of(served, patient)) == 1
        client.consent.withdraw_ask(ask=made["ask"])
        assert refused(client.request, "POST", deliver).code == "consent.ask_ended"
    (withdrawn,) = asked_of(served, patient)
    assert withdrawn["status"] == "withdrawn"
    inbox = served.node.organisations[served.a.id].vault.outbox.inbox(patient.id)
    assert [each.kind for each in inbox] == ["ask_received"]


def test_nobody_else_prepares_delivers_or_lists(
    served: Served, patient: Actor, reader: Actor
) -> None:
    given = give(served, patient, patient.id, categories=["laboratory"])
    stranger = person(served, served.a, "N-2")
    foreign = person(served, served.b, "N-3")
    colleague = doctor(served, served.a)
    body = {"person": patient.id, "grantee": served.b.id, "categories": ["laboratory"]}
    deliver = path(served.a, f"grants/{given['grant']}/deliver")
    for who, home in (
        (stranger, served.a),
        (foreign, served.b),
        (colleague, served.a),
        (reader, served.b),
    ):
        with speak(served, who, home) as client:
            for method, rest, sent in (
                ("POST", "grants/prepare", body),
                ("POST", "grants", body),
                ("GET", f"persons/{patient.id}/grants", None),
                ("GET", f"persons/{patient.id}/asks", None),
            ):
                problem = refused(client.request, method, path(served.a, rest), sent)
                assert (problem.status, problem.code) == (403, "forbidden")
            problem = refused(client.request, "POST", deliver)
            expected = "organisation.grant_unknown" if who is stranger else "forbidden"
            assert problem.code == expected
    unknown = path(served.a, f"grants/{drafts.fresh_id()}/deliver")
    with speak(served, stranger, served.a) as client:
        assert refused(client.request, "POST", unknown).code == "organisation.grant_unknown"
    with speak(served, Actor(patient.id, Ed25519Signer.generate()), served.a) as client:
        assert refused(client.request, "POST", deliver).code == "unknown_key"
    assert httpx.post(served.url + deliver).json()["code"] == "unauthenticated"


def test_what_terms_may_not_be(served: Served, patient: Actor) -> None:
    body = {"person": patient.id, "grantee": served.b.id, "categories": ["laboratory"]}
    with speak(served, patient, served.a) as client:
        for changes, code in (
            ({"categories": []}, "malformed"),
            ({"days": 1, "ends": 2**50}, "malformed"),
            ({"days": 0}, "malformed"),
            ({"starts": 2000, "ends": 1000}, "malformed"),
            ({"more": 1}, "malformed"),
            ({"conditions": ["moon:full"]}, "grant_condition_unknown"),
            ({"grantee": patient.id}, "organisation.key_service_unknown"),
            ({"grant": drafts.fresh_id()}, "organisation.grant_unknown"),
            ({"ask": drafts.fresh_id()}, "ask_unknown"),
        ):
            prepare = path(served.a, "grants/prepare")
            problem = refused(client.request, "POST", prepare, {**body, **changes})
            assert problem.code == code, changes
    loaded = served.load(served.a)["person"]
    with served.client(served.a) as client:
        itself = {**body, "person": loaded, "grantee": served.a.id}
        problem = refused(client.request, "POST", path(served.a, "grants"), itself)
    assert problem.code == "consents.to_itself"
