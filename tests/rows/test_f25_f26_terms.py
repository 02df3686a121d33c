"""F25: closed categories and labelled fields stay out. F26: only inside encounter, hours, place."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.rows.consenting import (
    Actor,
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
from yilian.ledger.modules.care import messages as care
from yilian.sdk.errors import ProblemError

LABEL = {
    "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/"
    "extension-inline-sec-label",
    "valueCoding": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"},
}
PLAIN = {"resourceType": "Condition", "id": "plain", "code": {"text": "sprain"}}
LABELLED = {
    "resourceType": "Condition",
    "id": "labelled",
    "code": {"text": "sprain"},
    "note": [{"text": "sees a psychiatrist", "extension": [LABEL]}],
}


def refused(call: Any, *arguments: Any, **more: Any) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        call(*arguments, **more)
    return caught.value


def reasons(problem: ProblemError) -> str:
    assert (problem.status, problem.code) == (403, "consents.not_permitted")
    return str(problem.parameters["reasons"])


@pytest.fixture
def patient(served: Served) -> Actor:
    """Somebody at hospital A."""
    return person(served, served.a)


@pytest.fixture
def reader(served: Served) -> Actor:
    """A doctor of hospital B."""
    return doctor(served, served.b)


def test_closed_categories_and_labelled_fields_stay_out(
    served: Served, patient: Actor, reader: Actor
) -> None:
    keep(served, served.a, patient.id, "problem", json.dumps(PLAIN))
    keep(served, served.a, patient.id, "problem", json.dumps(LABELLED))
    keep(served, served.a, patient.id, "laboratory", "closed")
    keep(served, served.a, patient.id, "problem", "restricted", sensitivity="restricted")
    given = give(
        served,
        patient,
        patient.id,
        categories=["laboratory", "problem"],
        denied=["laboratory"],
        redact=["psy"],
    )
    answer = read(served, reader, session(served, reader, given["grant"]))
    assert answer["refused"] == []
    copies = {each["id"]: each for each in map(json.loads, contents(answer))}
    assert sorted(copies) == ["labelled", "plain"]
    assert "psychiatrist" not in json.dumps(copies)
    assert all(each["code"] == {"text": "sprain"} for each in copies.values())
    assert [each["redacted"] for each in answer["records"]] == [["psy"], ["psy"]]
    # No key of any record is with the grantee: the copies were made for this session.
    grantee = served.node.organisations[served.b.id].vault
    assert grantee.catalogue.received_keys(given["grant"]) == []
    whole = give(served, patient, patient.id, categories=["problem"])
    opened = read(served, reader, session(served, reader, whole["grant"]))
    assert contents(opened) == {json.dumps(PLAIN), json.dumps(LABELLED)}


def test_only_while_an_encounter_is_open(served: Served, patient: Actor, reader: Actor) -> None:
    keep(served, served.a, patient.id, "problem", "content")
    given = give(served, patient, patient.id, categories=["problem"], conditions=["encounter"])
    opened = session(served, reader, given["grant"])
    there = person(served, served.b)
    query = f"?person={there.id}"
    for each in ("", query):
        assert reasons(refused(read, served, reader, opened, each)) == (
            "condition_not_met.encounter.0"
        )
    encounter = begin(served, reader, there.id)
    assert contents(read(served, reader, opened, query)) == {"content"}
    # It must be shown, and it must be this reader's.
    assert reasons(refused(read, served, reader, opened)).startswith("condition_not_met")
    colleague = doctor(served, served.b)
    other = session(served, colleague, given["grant"])
    assert reasons(refused(read, served, colleague, other, query)).startswith("condition_not_met")
    with speak(served, reader, served.b) as client:
        client.care.close_encounter(encounter=encounter)
    assert reasons(refused(read, served, reader, opened, query)).startswith("condition_not_met")


def begin(served: Served, reader: Actor, patient: str) -> str:
    with speak(served, reader, served.b) as client:
        body = {"person": patient, "team": [reader.id]}
        made = client.request("POST", path(served.b, "encounters"), body)
        client.send([care.OpenEncounter(encounter=made["relation"], terms=made["terms"])])
        return str(made["relation"])


def test_an_encounter_of_others_does_not_count(
    served: Served, patient: Actor, reader: Actor
) -> None:
    """Neither one that is not on the chain, nor the holder's own."""
    keep(served, served.a, patient.id, "problem", "content")
    given = give(served, patient, patient.id, categories=["problem"], conditions=["encounter"])
    opened = session(served, reader, given["grant"])
    there = person(served, served.b)
    with speak(served, reader, served.b) as client:
        body = {"person": there.id, "team": [reader.id]}
        client.request("POST", path(served.b, "encounters"), body)
    at_home = doctor(served, served.a)
    with served.client(served.a) as client:
        body = {"person": patient.id, "team": [at_home.id]}
        client.request("POST", path(served.a, "encounters"), body)
    for query in ("", f"?person={there.id}", f"?person={patient.id}"):
        problem = refused(read, served, reader, opened, query)
        assert reasons(problem) == "condition_not_met.encounter.0"


def test_an_accepted_referral_counts_too(served: Served, patient: Actor, reader: Actor) -> None:
    keep(served, served.a, patient.id, "problem", "content")
    given = give(served, patient, patient.id, categories=["problem"], conditions=["encounter"])
    opened = session(served, reader, given["grant"])
    there = person(served, served.b)
    with served.client(served.a) as client:
        body = {
            "person": patient.id,
            "to": served.b.id,
            "reason": "cardiology",
            "days": 30,
        }
        made = client.request("POST", path(served.a, "referrals"), body)
    assert reasons(refused(read, served, reader, opened)).startswith("condition_not_met")
    with served.client(served.b) as client:
        accept = path(served.b, f"referrals/{made['relation']}/accept")
        client.request("POST", accept, {"person": there.id})
    assert contents(read(served, reader, opened)) == {"content"}


def test_only_within_hours_and_only_at_the_place(
    served: Served, patient: Actor, reader: Actor
) -> None:
    keep(served, served.a, patient.id, "problem", "content")
    hour = time.gmtime().tm_hour
    spans = {
        "inside": f"hours:{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00+00:00",
        "outside": f"hours:{(hour + 4) % 24:02}:00-{(hour + 6) % 24:02}:00+00:00",
    }
    for name, span in spans.items():
        given = give(
            served,
            patient,
            patient.id,
            categories=["problem"],
            conditions=[span, "place:ward-3"],
        )
        right = session(served, reader, given["grant"], place="ward-3")
        wrong = session(served, reader, given["grant"], place="ward-4")
        none = session(served, reader, given["grant"])
        for opened in (wrong, none):
            told = reasons(refused(read, served, reader, opened))
            assert told.endswith("condition_not_met.place.1")
        if name == "inside":
            assert contents(read(served, reader, right)) == {"content"}
        else:
            told = reasons(refused(read, served, reader, right))
            assert told == "condition_not_met.hours.0"


def test_a_role_is_claimed_by_who_holds_it(served: Served, patient: Actor, reader: Actor) -> None:
    keep(served, served.a, patient.id, "problem", "content")
    given = give(served, patient, patient.id, categories=["problem"], role="physician")
    opened = session(served, reader, given["grant"], role="physician")
    assert contents(read(served, reader, opened)) == {"content"}
    unnamed = session(served, reader, given["grant"])
    assert reasons(refused(read, served, reader, unnamed)) == "role_not_granted"
    with pytest.raises(ProblemError) as caught:
        session(served, reader, given["grant"], role="nurse")
    assert caught.value.code == "consents.role_not_held"
    for someone in (patient.id, served.a.id):
        with pytest.raises(ProblemError) as caught:
            session(served, reader, given["grant"], on_behalf_of=someone)
        assert caught.value.code == "consents.not_staff_here"


def test_a_program_reads_for_a_named_practitioner_and_it_is_journalled(
    served: Served, patient: Actor, reader: Actor
) -> None:
    record = keep(served, served.a, patient.id, "problem", "content")
    given = give(served, patient, patient.id, categories=["problem"])
    program = Actor(served.b.id, served.operator(served.b))
    opened = session(served, program, given["grant"], on_behalf_of=reader.id)
    assert contents(read(served, program, opened)) == {"content"}
    vault = served.node.organisations[served.a.id].vault
    (line,) = vault.journal_about(record)
    assert (line.reader, line.on_behalf_of) == (served.b.id, reader.id)
