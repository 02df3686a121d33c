"""F32: a corrected record has a new version, and the old one is provable still; patients note."""

from __future__ import annotations

import json
from typing import Any

from tests.rows.served import Served
from tests.rows.test_f27_relation import (
    FHIR,
    Person,
    doctor_at,
    glucose,
    of_category,
    operator,
    patient_at,
)
from yilian.ledger import codec
from yilian.sdk import drafts
from yilian.vault.envelope import RecordProof, check_record


def treated(served: Served) -> tuple[Person, Person, str]:
    """A patient, the doctor who treats them, and a laboratory record."""
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    body = {"person": patient.id, "team": [doctor.id]}
    operator(served, served.a).ask("POST", "encounters", body)
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    return patient, doctor, of_category(entries, "laboratory")


def raw(resource: dict[str, Any]) -> bytes:
    """The exact bytes of a resource."""
    return json.dumps(resource, indent=1).encode()


def test_a_correction_is_a_new_version_and_the_old_one_is_provable(served: Served) -> None:
    patient, doctor, record = treated(served)
    old = doctor.ask("GET", f"records/{record}")["content"]
    corrected = raw(glucose("5.9"))
    made = doctor.ask("POST", f"records/{record}/corrections", corrected, media_type=FHIR)
    assert made["replaces"] == record

    new = patient.ask("GET", f"records/{made['record']}")
    assert new["content"].encode() == corrected
    assert (new["author"], new["replaces"]) == (doctor.id, record)
    for reader in (patient, doctor):
        versions = reader.ask("GET", f"records/{record}/versions")["versions"]
        assert [each["record"] for each in versions] == [record, made["record"]]
        for version, content in zip(versions, (old.encode(), corrected), strict=True):
            proof = codec.decode(codec.encode(version["proof"]), RecordProof)
            salt = codec.to_bytes(version["proof"]["salt"])
            with served.client(served.a) as client:
                root = client.get("records", "batches", proof.batch).value["root"]
            assert root == version["root"]
            check_record(content, salt, proof, root)
    assert versions[1]["proof"]["replaces"] == record
    again = doctor.refused("POST", f"records/{record}/corrections", corrected, media_type=FHIR)
    assert again.code == "record_already_replaced"


def test_a_patient_notes_but_does_not_correct(served: Served) -> None:
    patient, doctor, record = treated(served)
    before = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    refused = patient.refused(
        "POST", f"records/{record}/corrections", raw(glucose("4.0")), media_type=FHIR
    )
    assert (refused.status, refused.parameters) == (403, {"reasons": "not_in_policy"})
    assert patient.ask("GET", f"persons/{patient.id}/records")["entries"] == before

    note = patient.ask("POST", f"persons/{patient.id}/notes", {"text": "我当时没有空腹。"})
    shown = doctor.ask("GET", f"records/{note['record']}")
    assert (shown["kind"], shown["author"]) == ("note", patient.id)
    assert shown["content"] == "我当时没有空腹。"
    better = {"text": "我吃过早饭。", "replaces": note["record"]}
    second = patient.ask("POST", f"persons/{patient.id}/notes", better)
    versions = patient.ask("GET", f"records/{note['record']}/versions")["versions"]
    assert [each["record"] for each in versions] == [note["record"], second["record"]]

    over = {"text": "x", "replaces": record}
    assert patient.refused("POST", f"persons/{patient.id}/notes", over).code == (
        "note_may_not_replace"
    )
    path = f"records/{second['record']}/corrections"
    assert doctor.refused("POST", path, raw(glucose("4.0")), media_type=FHIR).code == (
        "reading.correction_differs"
    )


def test_a_custodian_notes_in_their_own_name(served: Served) -> None:
    patient, _, _ = treated(served)
    custodian = patient_at(served, served.a)
    body = {"text": "Mother says it hurts."}
    path = f"persons/{patient.id}/notes"
    assert custodian.refused("POST", path, body).code == "forbidden"
    ends = served.node.engine.now() + 3_600_000
    with served.as_(patient.id, patient.signer, served.a) as client:
        client.consent.name_custodian(custodian=custodian.id, ends=ends, powers=["read"])
    note = custodian.ask("POST", path, body)
    assert patient.ask("GET", f"records/{note['record']}")["author"] == custodian.id
    other = {"text": "x", "replaces": note["record"]}
    assert patient.refused("POST", path, other).code == "note_may_not_replace"


def test_corrections_refuse_strangers_and_what_is_no_correction(served: Served) -> None:
    patient, doctor, record = treated(served)
    colleague, other = doctor_at(served, served.a), patient_at(served, served.a)
    desk, elsewhere = operator(served, served.a), operator(served, served.b)
    path, content = f"records/{record}/corrections", raw(glucose("4.0"))
    told = []
    for asker, where, what in (
        (colleague, path, content),
        (other, path, content),
        (elsewhere, path, content),
        (desk, f"records/{drafts.fresh_id()}/corrections", content),
        (doctor, path, b"{"),
        (doctor, path, b'{"resourceType": "Bundle"}'),
        (doctor, path, b'{"resourceType": "Condition"}'),
        (doctor, path, content[:-3] + b"\xff" + content[-3:]),
    ):
        told.append(asker.refused("POST", where, what, media_type=FHIR).code)
    assert told == [
        "reading.denied",
        "reading.denied",
        "vault_record_unknown",
        "vault_record_unknown",
        "fhir.bundle_malformed",
        "fhir.bundle_malformed",
        "reading.correction_differs",
        "fhir.bundle_malformed",
    ]
    for note in ({"text": ""}, {"text": "x" * 20_001}, {"words": "x"}):
        refused = patient.refused("POST", f"persons/{patient.id}/notes", note)
        assert refused.code == "malformed"
    for stranger in (doctor, colleague, desk, other):
        refused = stranger.refused("POST", f"persons/{patient.id}/notes", {"text": "x"})
        assert refused.code == "forbidden"
    assert colleague.refused("GET", f"records/{record}/versions").code == "reading.denied"
    made = desk.ask("POST", path, content, media_type=FHIR)
    assert patient.ask("GET", f"records/{made['record']}")["author"] is None


def test_a_correction_that_says_more_is_closed_as_it_must_be(served: Served) -> None:
    patient, doctor, record = treated(served)
    hiv = {**glucose("1.0"), "code": {"coding": [{"system": "http://loinc.org", "code": "7918-6"}]}}
    made = doctor.ask("POST", f"records/{record}/corrections", raw(hiv), media_type=FHIR)
    assert patient.ask("GET", f"records/{made['record']}")["sensitivity"] == "hiv"
    assert doctor.refused("GET", f"records/{made['record']}").code == "reading.denied"
    assert doctor.ask("GET", f"records/{record}")["record"] == record
