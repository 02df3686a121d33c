"""F27: the right role without a treatment relation is denied; with one it reads, and no longer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.rows.served import Served
from yilian.ledger.modules.care.messages import AcceptReferral, OpenEncounter, Refer
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer


class Person:
    """Somebody of an organisation who asks it something."""

    def __init__(
        self, served: Served, at: HostedOrganisation, name: str, signer: Ed25519Signer
    ) -> None:
        self.served, self.at, self.id, self.signer = served, at, name, signer

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Ask below the organisation."""
        with self.served.as_(self.id, self.signer, self.at) as client:
            return client.request(method, f"/v1/organisations/{self.at.id}/{path}", body, **more)

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> ProblemError:
        """Ask, and give the problem that must come."""
        with pytest.raises(ProblemError) as refused:
            self.ask(method, path, body, **more)
        return refused.value

    def send(self, *messages: Any) -> Any:
        """Sign with one's own key and hand in."""
        with self.served.as_(self.id, self.signer, self.at) as client:
            return client.send(list(messages))


def operator(served: Served, at: HostedOrganisation) -> Person:
    """The organisation itself."""
    return Person(served, at, at.id, served.operator(at))


def doctor_at(served: Served, at: HostedOrganisation) -> Person:
    """A licensed physician of an organisation."""
    name, signer, _ = served.doctor(at)
    return Person(served, at, name, signer)


def patient_at(served: Served, at: HostedOrganisation) -> Person:
    """A person whose key is their own, with records."""
    number = drafts.fresh_id()
    signer = Ed25519Signer.generate()
    organisation = served.node.organisations[at.id]
    person, _ = organisation.enrol_person("urn:test", number, signer.key)
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:test", "value": number}],
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": each} for each in (patient, glucose("5.1"), hiv())],
    }
    operator(served, at).ask(
        "POST", f"bundles?person={person}", json.dumps(bundle).encode(), media_type=FHIR
    )
    return Person(served, at, person, signer)


FHIR = "application/fhir+json"
LABORATORY = {
    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
    "code": "laboratory",
}


def glucose(value: str) -> dict[str, Any]:
    """A laboratory result."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [LABORATORY]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "valueQuantity": {"value": float(value), "unit": "mmol/L"},
    }


def hiv() -> dict[str, Any]:
    """A result that nobody labelled."""
    return {
        **glucose("1.0"),
        "code": {"coding": [{"system": "http://loinc.org", "code": "7918-6"}]},
    }


def of_category(entries: list[dict[str, Any]], category: str, sensitivity: str = "normal") -> str:
    """The one record of a category."""
    (found,) = [
        each["record"]
        for each in entries
        if (each["category"], each["sensitivity"]) == (category, sensitivity)
    ]
    return str(found)


def denials(served: Served, at: HostedOrganisation, record: str) -> list[tuple[str, ...]]:
    """All reasons of the denials that were journalled about a record."""
    lines = served.node.organisations[at.id].vault.journal_about(record)
    return [each.reasons for each in lines if each.outcome == "deny"]


def test_a_physician_reads_only_while_an_encounter_is_open(served: Served) -> None:
    desk, patient = operator(served, served.a), patient_at(served, served.a)
    doctor, colleague = doctor_at(served, served.a), doctor_at(served, served.a)
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = of_category(entries, "laboratory")

    assert doctor.refused("GET", f"records/{record}").parameters == {
        "reasons": "no_treatment_relation"
    }
    assert denials(served, served.a, record) == [("no_treatment_relation",)]
    assert doctor.ask("GET", f"persons/{patient.id}/records")["entries"] == []

    opened = desk.ask("POST", "encounters", {"person": patient.id, "team": [doctor.id]})
    assert opened["transaction"]
    read = doctor.ask("GET", f"records/{record}")
    assert json.loads(read["content"]) == glucose("5.1")
    assert colleague.refused("GET", f"records/{record}").code == "reading.denied"
    (shown,) = patient.ask("GET", f"persons/{patient.id}/relations")["relations"]
    assert (shown["team"], shown["stands"]) == ([doctor.id], True)

    desk.ask("POST", f"encounters/{opened['relation']}/close")
    assert doctor.refused("GET", f"records/{record}").status == 403
    lines = served.node.organisations[served.a.id].vault.journal_about(record)
    assert [(each.reader, each.outcome) for each in lines] == [
        (doctor.id, "deny"),
        (doctor.id, "permit"),
        (colleague.id, "deny"),
        (doctor.id, "deny"),
    ]


def test_a_prepared_encounter_counts_once_the_doctor_signed_it(served: Served) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = of_category(entries, "laboratory")
    made = doctor.ask("POST", "encounters", {"person": patient.id})
    assert made.get("transaction") is None
    assert doctor.refused("GET", f"records/{record}").code == "reading.denied"
    doctor.send(OpenEncounter(encounter=made["relation"], terms=made["terms"]))
    assert doctor.ask("GET", f"records/{record}")["record"] == record


def test_who_treats_sees_whom_and_nobody_else(served: Served) -> None:
    """The waiting list: by relations that stand, named as the desk names them."""
    desk, patient = operator(served, served.a), patient_at(served, served.a)
    doctor, colleague = doctor_at(served, served.a), doctor_at(served, served.a)
    named = {
        "system": "urn:test",
        "number": drafts.fresh_id(),
        "name": "李雷",
        "born": "1961-02-03",
    }
    walked_in = desk.ask("POST", "persons", named)["person"]
    first = desk.ask("POST", "encounters", {"person": patient.id, "team": [doctor.id]})
    second = desk.ask("POST", "encounters", {"person": walked_in, "team": [doctor.id]})
    prepared = doctor.ask("POST", "encounters", {"person": patient.id})

    seen = doctor.ask("GET", "encounters")["persons"]
    assert [(each["person"], each["name"], each["born"]) for each in seen] == [
        (patient.id, None, None),
        (walked_in, "李雷", "1961-02-03"),
    ]
    assert [each["relation"]["relation"] for each in seen] == [
        first["relation"],
        second["relation"],
    ]
    assert colleague.ask("GET", "encounters")["persons"] == []
    assert len(desk.ask("GET", "encounters")["persons"]) >= len(seen)
    stranger = Person(served, served.a, served.b.id, operator(served, served.b).signer)
    for other in (patient, stranger):
        assert other.refused("GET", "encounters").code == "forbidden"

    desk.ask("POST", f"encounters/{first['relation']}/close")
    desk.ask("POST", f"encounters/{second['relation']}/cancel")
    assert doctor.ask("GET", "encounters")["persons"] == []
    doctor.send(OpenEncounter(encounter=prepared["relation"], terms=prepared["terms"]))
    (seen,) = doctor.ask("GET", "encounters")["persons"]
    assert (seen["person"], seen["relation"]["relation"]) == (patient.id, prepared["relation"])


def test_what_is_closed_stays_closed_to_the_team_and_open_to_the_patient(served: Served) -> None:
    desk, patient = operator(served, served.a), patient_at(served, served.a)
    doctor = doctor_at(served, served.a)
    desk.ask("POST", "encounters", {"person": patient.id, "team": [doctor.id]})
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = of_category(entries, "laboratory", "hiv")
    assert json.loads(patient.ask("GET", f"records/{record}")["content"]) == hiv()
    assert doctor.refused("GET", f"records/{record}").parameters == {"reasons": "not_in_policy"}
    seen = doctor.ask("GET", f"persons/{patient.id}/records")["entries"]
    assert {each["sensitivity"] for each in seen} == {"normal"}


def test_no_record_and_not_for_you_are_one_answer(served: Served) -> None:
    patient, other = patient_at(served, served.a), patient_at(served, served.a)
    doctor, nobody = doctor_at(served, served.a), drafts.fresh_id()
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    names = [each["record"] for each in entries]
    for stranger in (doctor, other):
        told = {
            (problem.code, problem.parameters["reasons"])
            for problem in (stranger.refused("GET", f"records/{name}") for name in [*names, nobody])
        }
        assert len(told) == 1


def test_programs_strangers_and_custodians_without_power_read_nothing(served: Served) -> None:
    patient, other = patient_at(served, served.a), patient_at(served, served.a)
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = of_category(entries, "laboratory")
    desk, elsewhere = operator(served, served.a), operator(served, served.b)
    assert desk.refused("GET", f"records/{record}").code == "reading.denied"
    assert desk.refused("GET", f"records/{record}?purpose=treat").code == "reading.denied"
    assert desk.ask("GET", f"records/{record}?purpose=legal")["record"] == record
    assert desk.refused("GET", f"records/{record}?purpose=curiosity").code == "bad_parameter"
    stranger = Person(served, served.a, served.b.id, elsewhere.signer)
    assert stranger.refused("GET", f"records/{record}").code == "forbidden"
    assert stranger.refused("GET", f"persons/{patient.id}/relations").code == "forbidden"
    assert other.refused("GET", f"persons/{patient.id}/records").code == "forbidden"
    assert other.refused("GET", f"persons/{patient.id}/relations").code == "forbidden"
    assert other.refused("POST", "encounters", {"person": other.id}).code == "forbidden"

    ends = served.node.engine.now() + 3_600_000
    with served.as_(patient.id, patient.signer, served.a) as client:
        client.consent.name_custodian(custodian=other.id, ends=ends, powers=["read"])
    assert other.ask("GET", f"records/{record}")["record"] == record
    with served.as_(patient.id, patient.signer, served.a) as client:
        client.consent.switch_custodian(custodian=other.id, on=False)
    assert other.refused("GET", f"records/{record}").code == "reading.denied"
    assert other.refused("GET", f"persons/{patient.id}/relations").code == "forbidden"
    lines = served.node.organisations[served.a.id].vault.journal_about(record)
    acting = [(each.on_behalf_of, each.outcome) for each in lines if each.reader == other.id]
    assert acting == [(patient.id, "permit"), (patient.id, "deny")]


def test_a_referral_makes_a_relation_where_it_is_accepted(served: Served) -> None:
    sender, receiver = operator(served, served.a), operator(served, served.b)
    patient, there = patient_at(served, served.a), patient_at(served, served.b)
    doctor, stranger = doctor_at(served, served.b), doctor_at(served, served.b)
    record = of_category(there.ask("GET", f"persons/{there.id}/records")["entries"], "laboratory")
    body = {
        "person": patient.id,
        "to": served.b.id,
        "team": [doctor.id],
        "reason": "second-opinion",
    }
    made = sender.ask("POST", "referrals", body)
    path = f"referrals/{made['relation']}"
    assert doctor.refused("GET", f"records/{record}").code == "reading.denied"
    assert sender.refused("POST", f"{path}/accept", {"person": patient.id}).code == (
        "care.not_your_referral"
    )
    assert stranger.refused("POST", f"{path}/accept", {"person": there.id}).code == "forbidden"
    wrong = receiver.refused("POST", f"{path}/accept", {"person": patient.id})
    assert wrong.code == "treatment.person_elsewhere"
    receiver.ask("POST", f"{path}/accept", {"person": there.id})
    assert doctor.ask("GET", f"records/{record}")["record"] == record
    (attended,) = doctor.ask("GET", "encounters")["persons"]
    assert (attended["person"], attended["relation"]["kind"]) == (there.id, "referral")
    assert stranger.refused("GET", f"records/{record}").code == "reading.denied"
    assert receiver.refused("POST", f"{path}/decline").code == "care.referral_answered"
    sender.ask("POST", f"{path}/end")
    assert doctor.refused("GET", f"records/{record}").code == "reading.denied"


def test_doctors_refer_and_accept_with_keys_of_their_own(served: Served) -> None:
    patient, there = patient_at(served, served.a), patient_at(served, served.b)
    doctor, other = doctor_at(served, served.a), doctor_at(served, served.b)
    body = {"person": patient.id, "to": served.b.id, "team": [other.id], "reason": "surgery"}
    assert doctor.refused("POST", "referrals", body).code == "forbidden"
    encounter = doctor.ask("POST", "encounters", {"person": patient.id})
    doctor.send(OpenEncounter(encounter=encounter["relation"], terms=encounter["terms"]))
    made = doctor.ask("POST", "referrals", body)
    told = {"referral": made["relation"], "terms": made["terms"], "ends": made["ends"]}
    doctor.send(msgspec.convert({**told, "to": served.b.id}, Refer))
    path = f"referrals/{made['relation']}/accept"
    assert other.ask("POST", path, {"person": there.id}).get("transaction") is None
    record = of_category(there.ask("GET", f"persons/{there.id}/records")["entries"], "laboratory")
    assert other.refused("GET", f"records/{record}").code == "reading.denied"
    other.send(AcceptReferral(referral=made["relation"]))
    assert other.ask("GET", f"records/{record}")["record"] == record


def test_relations_refuse_people_and_teams_of_elsewhere_and_what_is_over(served: Served) -> None:
    desk, patient = operator(served, served.a), patient_at(served, served.a)
    away = doctor_at(served, served.b)
    refused = [
        desk.refused("POST", "encounters", {"person": drafts.fresh_id()}),
        desk.refused("POST", "encounters", {"person": patient.id, "team": [away.id]}),
        desk.refused("POST", "encounters", {"person": patient.id, "teams": []}),
        desk.refused("POST", f"encounters/{drafts.fresh_id()}/close"),
    ]
    made = desk.ask("POST", "encounters", {"person": patient.id})["relation"]
    refused.append(operator(served, served.b).refused("POST", f"encounters/{made}/close"))
    desk.ask("POST", f"encounters/{made}/cancel")
    refused.append(desk.refused("POST", f"encounters/{made}/close"))
    assert [each.code for each in refused] == [
        "treatment.person_elsewhere",
        "treatment.team_elsewhere",
        "malformed",
        "care.unknown_encounter",
        "care.not_your_encounter",
        "care.encounter_ended",
    ]
    (shown,) = patient.ask("GET", f"persons/{patient.id}/relations")["relations"]
    assert (shown["status"], shown["stands"]) == ("cancelled", False)


def test_a_denied_reading_is_found_in_the_audit_by_whose_record_it_was(served: Served) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = of_category(entries, "laboratory")
    for method, path in (
        ("GET", f"records/{record}?purpose=treat"),
        ("GET", f"records/{record}/versions?purpose=treat"),
    ):
        doctor.refused(method, path)
    found = operator(served, served.a).ask("GET", f"audit?subject={patient.id}")["entries"]
    denied = [each["entry"] for each in found if each["entry"]["actor"] == doctor.id]
    assert len(denied) == 2
    assert {each["outcome"] for each in denied} == {"deny"}
