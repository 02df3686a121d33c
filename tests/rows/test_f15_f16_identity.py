"""F15: unique, resolvable ids; nobody twice. F16: a revoked licence denies the next access."""

from __future__ import annotations

import httpx
import pytest

from tests.rows.served import Served
from yilian.gateway.fhir import sample
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer


def test_patient_doctor_hospital_and_device_have_ids_that_resolve(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, _, _ = served.doctor(served.b)
    device = drafts.fresh_id()
    with served.client(served.a) as client:
        client.identity.enrol_device(
            device=device, tag=drafts.fresh_salt(), key=Ed25519Signer.generate().key
        )
        kinds = {
            each: client.get("identity", "subjects", each).value["kind"]
            for each in (person, doctor, served.a.id, device)
        }
    assert list(kinds.values()) == ["person", "practitioner", "organisation", "device"]
    for name in (doctor, served.a.id, device):
        answer = httpx.get(f"{served.url}/v1/identity/did/{name}")
        assert answer.status_code == 200
        document = answer.json().get("didDocument", answer.json())
        assert document["id"] == f"did:yilian:yilian:{name}"
        assert document["verificationMethod"]
    assert httpx.get(f"{served.url}/v1/identity/did/{person}").status_code == 404


def test_the_same_person_twice_is_refused_and_nothing_is_stored(served: Served) -> None:
    person = served.load(served.a)["person"]
    organisation = served.node.organisations[served.a.id]
    held = len(organisation.vault.records_of(person))
    with pytest.raises(ProblemError) as refused:
        served.load(served.a)
    assert refused.value.code == "identity.already_enrolled"
    assert len(organisation.vault.records_of(person)) == held
    assert organisation.vault.unanchored() == []
    other = served.load(served.b)["person"]
    assert other != person


def test_more_records_of_a_person_are_added_and_another_number_is_refused(
    served: Served,
) -> None:
    first = served.load(served.a)
    mine, other = sample.bundles(1, 2)
    path = f"/v1/organisations/{served.a.id}/bundles?person={first['person']}"
    with served.client(served.a) as client:
        more = client.request("POST", path, mine, media_type="application/fhir+json")
        assert (more["person"], more["enrolled"]) == (first["person"], False)
        with pytest.raises(ProblemError) as refused:
            client.request("POST", path, other, media_type="application/fhir+json")
        assert refused.value.code == "organisation.person_differs"
        with pytest.raises(ProblemError) as refused:
            client.request("POST", path.replace("person=", "person=x"), mine)
        assert refused.value.code == "bad_parameter"
        listed = client.request(
            "GET", f"/v1/organisations/{served.a.id}/persons/{first['person']}/records"
        )
    assert len(listed["records"]) == first["records"] + more["records"]


def test_the_same_doctor_device_id_or_registration_twice_is_refused(served: Served) -> None:
    tag, key = drafts.fresh_salt(), Ed25519Signer.generate().key
    with served.client(served.b) as client:
        client.identity.enrol_practitioner(practitioner=drafts.fresh_id(), tag=tag, key=key)
        again = Ed25519Signer.generate().key
        for key_given, tag_given, expected in (
            (again, tag, "identity.already_enrolled"),
            (key, drafts.fresh_salt(), "identity.key_taken"),
        ):
            with pytest.raises(ProblemError) as refused:
                client.identity.enrol_practitioner(
                    practitioner=drafts.fresh_id(), tag=tag_given, key=key_given
                )
            assert refused.value.code == expected
        with pytest.raises(ProblemError) as refused:
            client.identity.enrol_organisation(
                organisation=drafts.fresh_id(),
                kind="clinic",
                name="Another",
                registration="H-A-0001",
                key=again,
            )
        assert refused.value.code == "identity.already_enrolled"


def test_a_revoked_licence_denies_the_next_access_within_one_block(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, signer, licence = served.doctor(served.b)
    grant = served.share(person, doctor, ["laboratory"])["grant"]
    session = served.prepare(doctor, signer, grant)
    with served.as_(doctor, signer, served.b) as client:
        client.consent.open_session(**session)
    assert served.read(doctor, signer, session["session"])["records"]

    with served.client(served.authority) as client:
        client.identity.revoke_licence(licence=licence)
        assert client.get("identity", "licences", licence).value["revoked"]

    with pytest.raises(ProblemError) as denied:
        served.read(doctor, signer, session["session"])
    assert (denied.value.status, denied.value.code) == (403, "consents.not_permitted")
    assert denied.value.parameters["reasons"] == "session_closed"
    another = served.prepare(doctor, signer, grant)
    with served.as_(doctor, signer, served.b) as client, pytest.raises(ProblemError) as refused:
        client.consent.open_session(**another)
    assert refused.value.code == "identity.licence_not_in_force"


def test_only_an_authority_licenses(served: Served) -> None:
    doctor, _, _ = served.doctor(served.b)
    with served.client(served.b) as client, pytest.raises(ProblemError) as refused:
        client.identity.issue_licence(
            licence=drafts.fresh_id(), practitioner=doctor, profession="physician", ends=2**52
        )
    assert refused.value.code == "identity.not_an_authority"
