"""A doctor writes during an encounter: once, about that person, and while it is open."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.rows.served import Served
from tests.rows.test_f27_relation import FHIR, Person, doctor_at, glucose, operator, patient_at
from yilian.ledger.modules.care.messages import CloseEncounter
from yilian.sdk import drafts


def about(person: str, resource: dict[str, Any], element: str = "subject") -> bytes:
    """A resource that says whose it is."""
    identifier = {"system": "urn:yilian:person", "value": person}
    return json.dumps({**resource, element: {"identifier": identifier}}).encode()


def meeting(served: Served, patient: Person, *team: str) -> str:
    """Have the desk open an encounter."""
    body = {"person": patient.id, "team": list(team)}
    return str(operator(served, served.a).ask("POST", "encounters", body)["relation"])


def path(encounter: str, person: str, record: str | None = None) -> str:
    """Where a record is written."""
    return f"encounters/{encounter}/records/{record or drafts.fresh_id()}?person={person}"


def put(writer: Person, where: str, content: bytes) -> Any:
    """Write."""
    return writer.ask("PUT", where, content, media_type=FHIR)


def code(writer: Person, where: str, content: bytes) -> str:
    """Write and be refused; give the code."""
    return writer.refused("PUT", where, content, media_type=FHIR).code


def test_what_a_doctor_writes_is_kept_to_the_byte_and_anchored_once(served: Served) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    where = path(meeting(served, patient, doctor.id), patient.id)
    content = about(patient.id, glucose("6.10")).replace(b"6.1", b"6.10")
    before = len(patient.ask("GET", f"persons/{patient.id}/records")["entries"])
    made = put(doctor, where, content)
    shown = patient.ask("GET", f"records/{made['record']}")
    assert (shown["content"].encode(), shown["author"]) == (content, doctor.id)
    assert shown["category"] == "laboratory"
    with served.client(served.a) as client:
        assert client.get("records", "batches", made["batch"]).value["size"] == 1
    # No answer came: the same again is the same record, with the same place on the chain.
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: put(doctor, where, content), range(4)))
    assert again == [made] * 4
    assert code(doctor, where, content + b" ") == "record_exists"
    colleague = doctor_at(served, served.a)
    assert code(colleague, where, content) == "record_exists"
    after = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    assert len(after) == before + 1


def test_the_same_sent_at_once_is_written_once(served: Served) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    where = path(meeting(served, patient), patient.id)
    content = about(patient.id, glucose("6.2"))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: put(doctor, where, content), range(4)))
    assert made == [made[0]] * 4


def test_an_answer_that_was_lost_comes_again_after_the_encounter_and_nothing_new_does(
    served: Served,
) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    encounter = meeting(served, patient, doctor.id)
    where, content = path(encounter, patient.id), about(patient.id, glucose("5.5"))
    made = put(doctor, where, content)
    # The doctor ends it with a key of their own.
    doctor.send(CloseEncounter(encounter=encounter))
    assert put(doctor, where, content) == made
    assert code(doctor, path(encounter, patient.id), content) == "care.encounter_ended"


def test_refused_without_an_encounter_of_ones_own_with_this_person(served: Served) -> None:
    patient, other = patient_at(served, served.a), patient_at(served, served.a)
    doctor, colleague = doctor_at(served, served.a), doctor_at(served, served.a)
    elsewhere = doctor_at(served, served.b)
    encounter = meeting(served, patient, doctor.id)
    content = about(patient.id, glucose("5.5"))
    unknown = "care.unknown_encounter"
    assert code(doctor, path(drafts.fresh_id(), patient.id), content) == unknown
    assert code(colleague, path(encounter, patient.id), content) == unknown
    assert code(elsewhere, path(encounter, patient.id), content) == unknown
    for stranger in (patient, operator(served, served.a)):
        assert code(stranger, path(encounter, patient.id), content) == "forbidden"
    # Another person in the address, in the resource, or in both.
    assert code(doctor, path(encounter, other.id), content) == "writing.other_person"
    theirs = about(other.id, glucose("5.5"))
    assert code(doctor, path(encounter, patient.id), theirs) == "writing.other_person"
    assert code(doctor, path(encounter, other.id), theirs) == "writing.other_person"
    prepared = doctor.ask("POST", "encounters", {"person": patient.id})["relation"]
    assert code(doctor, path(prepared, patient.id), content) == unknown
    for each in (patient, other):
        assert len(each.ask("GET", f"persons/{each.id}/records")["entries"]) == 3


def test_refused_where_the_licence_or_the_policy_does_not_permit(served: Served) -> None:
    patient = patient_at(served, served.a)
    name, signer, licence = served.doctor(served.a)
    doctor = Person(served, served.a, name, signer)
    nurse_name, nurse_signer, _ = served.doctor(served.a, "nurse")
    nurse = Person(served, served.a, nurse_name, nurse_signer)
    encounter = meeting(served, patient)
    drug = about(patient.id, {"resourceType": "MedicationRequest", "status": "active"})
    assert put(doctor, path(encounter, patient.id), drug)["height"]
    refused = nurse.refused("PUT", path(encounter, patient.id), drug, media_type=FHIR)
    assert (refused.code, refused.parameters) == ("reading.denied", {"reasons": "not_in_policy"})
    with served.client(served.authority) as client:
        client.identity.revoke_licence(licence=licence)
    assert code(doctor, path(encounter, patient.id), drug) == "reading.denied"


def test_refused_what_is_no_record_of_an_encounter(served: Served) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    encounter = meeting(served, patient, doctor.id)
    good = about(patient.id, glucose("5.5"))
    for content, expected in (
        (b"", "fhir.bundle_malformed"),
        (b"{", "fhir.bundle_malformed"),
        (good[:-1], "fhir.bundle_malformed"),
        (good.replace(b"mmol", b"\xff"), "fhir.bundle_malformed"),
        (json.dumps(glucose("5.5")).encode(), "fhir.bundle_malformed"),
        (json.dumps({**glucose("5"), "subject": []}).encode(), "fhir.bundle_malformed"),
        (b'{"resourceType": "Bundle"}', "fhir.bundle_malformed"),
        (about(patient.id, {"resourceType": "Patient"}), "writing.kind_not_written"),
        (about(patient.id, {"resourceType": "Claim"}), "writing.kind_not_written"),
        (about(patient.id, glucose("5.5"), "patient"), "fhir.bundle_malformed"),
    ):
        assert code(doctor, path(encounter, patient.id), content) == expected, content
    short = f"encounters/{encounter}/records/short?person={patient.id}"
    assert code(doctor, short, good) == "bad_parameter"
    without = f"encounters/{encounter}/records/{drafts.fresh_id()}"
    assert code(doctor, without, good) == "bad_parameter"
    assert code(doctor, path(encounter, "x"), good) == "bad_parameter"
    assert len(patient.ask("GET", f"persons/{patient.id}/records")["entries"]) == 3
