"""F23 to F27 and F29 with a doctor and a patient at two members' nodes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.network.story.cast import Actor, Town, finding, image, now, problem, until
from yilian.ledger.modules.care.messages import CloseEncounter, OpenEncounter
from yilian.ledger.modules.consent.messages import Revoke

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

LABEL = {
    "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/"
    "extension-inline-sec-label",
    "valueCoding": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"},
}


def asks(patient: Actor, question: str) -> dict[str, Any] | None:
    found = patient.ask("GET", f"persons/{patient.id}/asks")["asks"]
    return next((each for each in found if each["ask"] == question), None)


def test_asked_granted_read_and_refused_after_the_end(town: Town, doctor: Actor) -> None:
    """F23: the question goes from B to A, the keys from A to B, and the clock alone ends it."""
    patient, told = town.patient(), finding("5.1 mmol/L")
    town.write(patient, told)
    question = town.question(doctor, patient, "laboratory")
    waiting = until("the question is at A", lambda: asks(patient, question))
    assert waiting is not None
    assert (waiting["asker"], waiting["status"]) == (doctor.id, "waiting")
    assert patient.notices("ask_received")
    ends = now() + 10_000
    grant = town.grant(
        patient, categories=["laboratory"], practitioner=doctor.id, ends=ends, ask=question
    )
    answered = asks(patient, question)
    assert answered is not None
    assert (answered["status"], answered["answer"]) == ("answered", grant)
    session = town.session(doctor, grant)
    assert town.read(doctor, session) == [told]
    while now() <= ends:
        time.sleep(0.05)
    assert town.denied(doctor, session) == "grant_no_longer_valid"


def test_taken_back_and_refused_with_the_block_that_says_so(town: Town, doctor: Actor) -> None:
    """F24: both the patient's view at A and the audit trail of B show the refusal."""
    patient, told = town.patient(), finding("5.2 mmol/L")
    town.write(patient, told)
    grant = town.grant(patient, categories=["laboratory"])
    session = town.session(doctor, grant)
    assert town.read(doctor, session) == [told]
    height = patient.send(Revoke(grant=grant))
    # B may be a moment behind A. Its question says so, and A answers by what A knows.
    assert town.denied(doctor, session) == "grant_not_active"
    with town.b.client() as client:
        town.reach(height)
        assert client.get("consent", "grants", grant).value["revoked"] == height
    (shown,) = patient.ask("GET", f"persons/{patient.id}/grants")["grants"]
    assert (shown["grant"], shown["status"], shown["revoked"]) == (grant, "revoked", height)
    seen = patient.ask("GET", f"persons/{patient.id}/disclosures")["disclosures"]
    assert [(each["reader"]["id"], each["outcome"]) for each in seen if each["grant"] == grant] == [
        (doctor.id, "permit"),
        (doctor.id, "deny"),
    ]
    trail = town.operator(town.b).ask("GET", f"audit?actor={doctor.id}&limit=200")["entries"]
    refusals = [
        each["entry"]["refusal"]
        for each in trail
        if each["entry"]["status"] == 403 and grant in each["entry"]["grants"]
    ]
    assert refusals == ["consents.not_permitted"]


def test_closed_categories_and_labelled_fields_do_not_leave_a(town: Town, doctor: Actor) -> None:
    """F25: what is denied or restricted stays at A; what is labelled is taken out before."""
    patient, plain = town.patient(), problem("sprain")
    note = {"text": "sees a psychiatrist", "extension": [LABEL]}
    labelled = problem("fracture", note=[note])
    security = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    closed = problem("withheld", meta={"security": [security]})
    town.write(patient, plain, labelled, closed, finding("closed"))
    grant = town.grant(
        patient, categories=["laboratory", "problem"], denied=["laboratory"], redact=["psy"]
    )
    answer = doctor.ask("POST", f"sessions/{town.session(doctor, grant)}/read")
    text = "".join(each["content"] for each in answer["records"])
    assert len(answer["records"]) == 2
    assert answer["refused"] == []
    assert all(word in text for word in ("sprain", "fracture"))
    assert not any(word in text for word in ("psychiatrist", "withheld", "closed"))
    whole = town.grant(patient, categories=["problem"])
    found = town.read(doctor, town.session(doctor, whole))
    assert len(found) == 2
    assert labelled in found
    assert plain in found


def test_only_while_an_encounter_is_open_at_b(town: Town, doctor: Actor) -> None:
    """F26: A judges by an encounter that B has, and that the chain holds."""
    patient, there = town.patient(), town.patient(at=town.b)
    town.write(patient, problem("angina"))
    grant = town.grant(patient, categories=["problem"], conditions=["encounter"])
    session, query = town.session(doctor, grant), f"?person={there.id}"
    for each in ("", query):
        assert town.denied(doctor, session, each) == "condition_not_met.encounter.0"
    made = doctor.ask("POST", "encounters", {"person": there.id, "team": [doctor.id]})
    assert town.denied(doctor, session, query) == "condition_not_met.encounter.0"
    doctor.send(OpenEncounter(encounter=made["relation"], terms=made["terms"]))
    assert town.read(doctor, session, query) == [problem("angina")]
    assert town.denied(doctor, session) == "condition_not_met.encounter.0"
    doctor.send(CloseEncounter(encounter=made["relation"]))
    assert town.denied(doctor, session, query) == "condition_not_met.encounter.0"


def test_only_within_hours_and_only_at_the_place(town: Town, doctor: Actor) -> None:
    """F26: time by A's clock, the place by what was claimed on the chain."""
    patient, hour = town.patient(), time.gmtime().tm_hour
    town.write(patient, problem("asthma"))
    inside = f"hours:{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00+00:00"
    outside = f"hours:{(hour + 4) % 24:02}:00-{(hour + 6) % 24:02}:00+00:00"
    terms: dict[str, Any] = {"categories": ["problem"]}
    grant = town.grant(patient, conditions=[inside, "place:ward-3"], **terms)
    assert town.read(doctor, town.session(doctor, grant, place="ward-3")) == [problem("asthma")]
    for place in ({"place": "ward-4"}, {}):
        told = town.denied(doctor, town.session(doctor, grant, **place))
        assert told == "condition_not_met.place.1"
    late = town.grant(patient, conditions=[outside, "place:ward-3"], **terms)
    session = town.session(doctor, late, place="ward-3")
    assert town.denied(doctor, session) == "condition_not_met.hours.0"


def test_the_right_role_without_a_relation_reads_nothing(town: Town, doctor: Actor) -> None:
    """F27: a referral from A makes the relation at B, and its end ends it."""
    patient, there = town.patient(), town.patient(at=town.b)
    town.write(there, finding("4.8 mmol/L"))
    (name,) = [
        each["record"]
        for each in there.ask("GET", f"persons/{there.id}/records")["entries"]
        if each["category"] == "laboratory"
    ]
    assert doctor.refused("GET", f"records/{name}").parameters == {
        "reasons": "no_treatment_relation"
    }
    asked = {
        "person": patient.id,
        "to": town.b.seat.organisation,
        "team": [doctor.id],
        "reason": "second-opinion",
    }
    sender = town.operator(town.a)
    made = sender.ask("POST", "referrals", asked)
    accept = f"referrals/{made['relation']}/accept"
    town.reach(made["height"])
    assert doctor.refused("GET", f"records/{name}").code == "reading.denied"
    town.operator(town.b).ask("POST", accept, {"person": there.id})
    assert doctor.ask("GET", f"records/{name}")["record"] == name
    ended = sender.ask("POST", f"referrals/{made['relation']}/end")
    town.reach(ended["height"])
    assert doctor.refused("GET", f"records/{name}").code == "reading.denied"


def test_a_team_reads_one_item_and_nothing_else(
    town: Town, doctor: Actor, colleague: Actor, stranger: Actor
) -> None:
    """F29: one grant in one step for a team of B; who is outside it is refused."""
    patient, item = town.patient(), image("the one")
    town.write(patient, item, image("another"), finding("a third"))
    listed = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = _holding(patient, listed, "the one")
    grant = town.grant(patient, records=[record], team=[doctor.id, colleague.id])
    for each in (doctor, colleague):
        assert town.read(each, town.session(each, grant)) == [item]
    outsider = town.operator(town.b)
    assert town.denied(outsider, town.session(outsider, grant)) == "not_in_team"
    # A doctor of a member that was granted nothing does not even get a session.
    refused = stranger.refused("POST", "sessions", {"grant": grant})
    assert refused.code == "grant_not_held_here"


def _holding(patient: Actor, entries: list[dict[str, Any]], text: str) -> str:
    for each in entries:
        if text in patient.ask("GET", f"records/{each['record']}")["content"]:
            return str(each["record"])
    raise AssertionError(f"no record holds {text!r}")
