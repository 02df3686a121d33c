"""F116: an erased person is unreadable everywhere, backups too, and the chain still verifies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.rows.served import Served, yilian
from tests.rows.test_f27_relation import (
    FHIR,
    Person,
    doctor_at,
    glucose,
    hiv,
    of_category,
    operator,
)
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.records.state import MARKS
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.bindings import batch_key_binding, content_binding, open_data_key
from yilian.vault.envelope import certificate_commitment, commitment, open_sealed, unwrap
from yilian.vault.payloads import FolderStore
from yilian.vault.vault import Vault


def load(served: Served, retention: str) -> tuple[Person, str]:
    """A person with a key of their own and four records; gives the transaction too."""
    number, signer = drafts.fresh_id(), Ed25519Signer.generate()
    organisation = served.node.organisations[served.a.id]
    person, _ = organisation.enrol_person("urn:test", number, signer.key)
    named = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:test", "value": number}],
        "name": [{"text": "李小明", "family": "李", "given": ["小明"]}],
        "birthDate": "1990-03-07",
    }
    resources = (named, glucose("5.1"), hiv(), {"resourceType": "Condition"})
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in resources]}
    path = f"bundles?person={person}&retention={retention}"
    body = json.dumps(bundle).encode()
    loaded = operator(served, served.a).ask("POST", path, body, media_type=FHIR)
    return Person(served, served.a, person, signer), loaded["transaction"]


def read_elsewhere(served: Served, patient: Person) -> tuple[str, Person, str]:
    """A doctor of the other hospital reads under a grant; gives the grant, doctor and session."""
    doctor = doctor_at(served, served.b)
    organisation = served.node.organisations[served.a.id]
    body = {
        "person": patient.id,
        "grantee": served.b.id,
        "practitioner": doctor.id,
        "categories": ["laboratory", "problem"],
        "purposes": ["treat"],
        "days": 10,
    }
    with served.as_(patient.id, patient.signer, served.a) as client:
        made = client.request("POST", f"/v1/organisations/{served.a.id}/grants/prepare", body)
        client.consent.grant(
            grant=made["grant"],
            terms=made["commitment"],
            starts=made["starts"],
            ends=made["ends"],
        )
        grant = made["grant"]
        client.request("POST", f"/v1/organisations/{served.a.id}/grants/{grant}/deliver")
    session = served.prepare(doctor.id, doctor.signer, grant)
    with served.as_(doctor.id, doctor.signer, served.b) as client:
        client.consent.open_session(**session)
    read = served.read(doctor.id, doctor.signer, session["session"])
    assert len(read["records"]) == 2
    assert organisation.vault.opened_by(grant)
    return grant, doctor, session["session"]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Where a backup goes, and where its erasure keys go."""
    return tmp_path / "backup", tmp_path / "apart"


def test_an_erased_person_is_gone_from_every_store_and_every_backup(
    served: Served, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    patient, anchored = load(served, "none")
    other, _ = load(served, "none")
    grant, doctor, session = read_elsewhere(served, patient)
    organisation = served.node.organisations[served.a.id]
    vault = organisation.vault
    rows = {row.record: row for row in vault.catalogue.records(vault.records_of(patient.id))}
    contents = vault.read_own(sorted(rows), patient.id, "patient-request", basis="patient")
    proofs = {name: vault.proof(name) for name in rows}
    roots = {each.batch: each.root for each in _batches(served)}
    with served.client(served.a) as client:
        trust, receipt = client.trust(), client.receipt(anchored)
    other_names = vault.records_of(other.id)
    assert vault.desk.find(patient.id) is not None
    assert vault.emergencies.keys.standing(patient.id) is not None
    stored = FolderStore(vault.folder / "payloads")
    outer = {name: stored.get(row.stored) for name, row in rows.items()}
    stored.close()

    # The disks as they are before: everything, the erasure keys on a medium of their own.
    served.stop()
    code, _ = yilian("node", "backup", served.path, "--to", folders[0], "--erasure-to", folders[1])
    assert code == 0
    before = tmp_path / "before"
    shutil.copytree(served.path, before)
    served.start()

    done = patient.ask("POST", "erasures", {"person": patient.id})
    (part,) = done["parts"]
    told = part["certificate"]
    assert (told["extent"], len(told["records"])) == ("destroyed", 4)
    assert {each["organisation"] for each in told["copies"]} >= {served.b.id}
    assert done["told"] == [served.b.id]
    inbox = served.node.organisations[served.b.id].vault.outbox.inbox(doctor.id)
    assert "copies_erased" in {each.kind for each in inbox}

    # Nobody reads it, under whatever he had.
    organisation = served.node.organisations[served.a.id]
    assert organisation.vault.desk.find(patient.id) is None
    assert organisation.vault.emergencies.keys.standing(patient.id) is None
    assert organisation.vault.records_of(patient.id) == []
    assert served.read(doctor.id, doctor.signer, session)["records"] == []
    assert organisation.content.index.find(patient.id) == []
    for name in rows:
        assert patient.refused("GET", f"records/{name}").code == "reading.denied"
        assert operator(served, served.a).refused("GET", f"records/{name}?purpose=legal").code in (
            "reading.denied",
            "vault_record_unknown",
        )

    # Old proofs and receipts verify, and the neighbours are whole.
    with served.client(served.a) as client:
        client.verify(client.receipt(anchored), client.trust())
        client.verify(receipt, trust)
    for name, proof in proofs.items():
        again = organisation.vault.proof(name)
        assert again == proof
    assert organisation.vault.records_of(other.id) == other_names
    assert list(organisation.vault.integrity()) == []

    # What is left links to nothing: no salt, so the true content confirms nothing.
    for name, content in contents.items():
        assert commitment(bytes(32), content) != proofs[name].commitment
        with pytest.raises(Refusal):
            organisation.vault.proof(name, with_salt=True)

    _disks_and_keys_open_nothing(served, before, tmp_path, grant, rows, outer)
    _restored_backup_serves_nothing(served, folders, rows, other, other_names, contents)
    assert roots.items() <= {each.batch: each.root for each in _batches(served)}.items()


def _batches(served: Served) -> list[Any]:
    organisation = served.node.organisations[served.a.id]
    return [each for each in organisation.vault.catalogue.batches() if each.kind == "records"]


def _disks_and_keys_open_nothing(
    served: Served,
    before: Path,
    tmp_path: Path,
    grant: str,
    rows: dict[str, Any],
    outer: dict[str, bytes],
) -> None:
    """All disks of before but the key store, which is today's, and the grantee's keys."""
    home = before / "organisations" / served.a.id
    today = served.path / "organisations" / served.a.id
    mixed = tmp_path / "mixed" / served.a.id
    shutil.copytree(home, mixed)
    shutil.rmtree(mixed / "erasure")
    shutil.rmtree(mixed / "content")
    shutil.copytree(today / "erasure", mixed / "erasure")
    shutil.copytree(today / "content", mixed / "content")
    master = before / "organisations" / f"{served.a.id}.master-key"
    shutil.copy(master, tmp_path / "mixed" / master.name)
    with Vault.open(mixed, served.a.id) as vault:
        held = vault.catalogue.records(sorted(rows))
        assert len(held) == len(rows)
        for opened in vault._records.open(held, sealed=True):
            assert isinstance(opened, Refusal)
            assert opened.code.name == "erasure_key_missing"
        for row in held:
            with pytest.raises(Refusal):
                vault._records.salt(row)
            # The patient's keys give the key of the inner layer, and the inner layer is nowhere.
            wrapped = vault.catalogue.batch_key(row.batch, row.category_key)
            private = vault.keystore.category_key(row.patient, row.category_key).private
            assert wrapped is not None
            info = batch_key_binding(served.a.id, row.batch, row.category_key)
            data_key = open_data_key(
                unwrap(private, wrapped, info), row.data_key, row.batch, row.record
            )
            with pytest.raises(Refusal):
                open_sealed(data_key, outer[row.record], content_binding(served.a.id, row.record))
    # The grantee has such keys too, and no more than those.
    assert served.node.organisations[served.b.id].vault.catalogue.received_keys(grant)
    # Without the erasure all this would open: the same disks with the key store of before.
    with Vault.open(home, served.a.id) as vault:
        every = list(vault._records.open(vault.catalogue.records(sorted(rows))))
        assert not any(isinstance(each, Refusal) for each in every)


def _restored_backup_serves_nothing(
    served: Served,
    folders: tuple[Path, Path],
    rows: dict[str, Any],
    other: Person,
    other_names: list[str],
    contents: dict[str, bytes],
) -> None:
    """A backup of before the erasure is restored: the chain has the erasure, and it is repeated."""
    served.stop()
    home = served.path / "organisations" / served.a.id
    restore = (
        "node",
        "restore",
        served.path,
        "--from",
        folders[0],
        "--erasure-from",
        folders[1],
        "--only",
        served.a.id,
    )
    code, told = yilian(*restore)
    assert (code, told["error"]["code"]) == (1, "backup_folder_not_empty")
    shutil.rmtree(home)
    code, told = yilian(*restore)
    assert code == 0, told
    (vault_told,) = told["vaults"]
    assert vault_told["destroyed"] == len(rows)
    files = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for content in contents.values():
        assert content not in files
    served.start()
    organisation = served.node.organisations[served.a.id]
    (person,) = {row.patient for row in rows.values()}
    assert organisation.vault.desk.find(person) is None
    assert organisation.vault.desk.find(other.id) is not None
    assert organisation.vault.emergencies.keys.standing(person) is None
    for name in rows:
        with pytest.raises(Refusal):
            organisation.vault.read_own([name], "x" * 22, "legal")
    assert organisation.vault.records_of(other.id) == other_names
    record = other_names[0]
    assert other.ask("GET", f"records/{record}")["record"] == record


def test_what_must_be_kept_is_sealed_and_read_for_a_duty_alone(served: Served) -> None:
    patient, _ = load(served, "outpatient")
    doctor, desk = doctor_at(served, served.a), operator(served, served.a)
    desk.ask("POST", "encounters", {"person": patient.id, "team": [doctor.id]})
    entries = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    record = of_category(entries, "laboratory")
    assert doctor.ask("GET", f"records/{record}")["record"] == record

    done = patient.ask("POST", "erasures", {"person": patient.id, "records": [record]})
    (part,) = done["parts"]
    told = part["certificate"]
    assert told["extent"] == "sealed"
    assert told["until"] > told["time"] + 14 * 365 * 86_400_000
    salt = codec.to_bytes(part["salt"])
    assert certificate_commitment(salt, codec.encode(told)) == part["commitment"]
    with served.client(served.a) as client:
        found = client.get("records", "erasures", told["erasure"]).value
    assert found["certificate"] == part["commitment"]

    assert doctor.refused("GET", f"records/{record}").parameters == {"reasons": "record_sealed"}
    assert patient.refused("GET", f"records/{record}").parameters == {"reasons": "record_sealed"}
    assert desk.ask("GET", f"records/{record}?purpose=retention-duty")["status"] == "sealed"
    listed = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    assert record not in {each["record"] for each in listed}
    again = patient.refused("POST", "erasures", {"person": patient.id, "records": [record]})
    assert again.code == "nothing_to_erase"
    kinds = [
        each.kind for each in served.node.organisations[served.a.id].vault.outbox.inbox(patient.id)
    ]
    assert "erasure_done" in kinds


def test_a_hold_keeps_a_record_until_it_is_lifted(served: Served) -> None:
    patient, _ = load(served, "none")
    desk, elsewhere = operator(served, served.a), operator(served, served.b)
    record = of_category(patient.ask("GET", f"persons/{patient.id}/records")["entries"], "problem")
    body = {"records": [record], "ground": "dispute"}
    assert patient.refused("POST", "holds", body).code == "forbidden"
    assert elsewhere.refused("POST", "holds", body).code == "vault_record_unknown"
    assert desk.refused("POST", "holds", {**body, "ground": "spite"}).code == "malformed"
    held = desk.ask("POST", "holds", body)
    assert desk.ask("POST", "holds", {**body, "hold": held["hold"]}) == held | {
        "height": held["height"]
    }
    (entry,) = held["entries"]
    with served.client(served.a) as client:
        assert client.get("records", "holds", entry["entry"]).value["ground"] == "dispute"
    done = patient.ask("POST", "erasures", {"person": patient.id})
    assert {
        each["certificate"]["extent"]: len(each["certificate"]["records"]) for each in done["parts"]
    } == {"destroyed": 3, "sealed": 1}
    desk.ask("POST", f"holds/{held['hold']}/lift")
    desk.ask("POST", f"holds/{held['hold']}/lift")
    assert desk.refused("POST", f"holds/{drafts.fresh_id()}/lift").code == "vault_hold_unknown"
    mark = served.node.organisations[served.a.id].vault.erasure.mark(record)
    found = MARKS.get(served.node.engine.state(), f"{served.a.id}/{mark}")
    assert found is not None
    assert found.holds == 0


def test_only_the_person_or_their_custody_erases(served: Served) -> None:
    patient, _ = load(served, "none")
    other, _ = load(served, "none")
    desk, doctor = operator(served, served.a), doctor_at(served, served.a)
    body = {"person": patient.id}
    for stranger in (other, doctor, desk):
        assert stranger.refused("POST", "erasures", body).code == "forbidden"
    elsewhere = operator(served, served.b)
    assert elsewhere.refused("POST", "erasures", body).code == "forbidden"
    assert patient.refused("POST", "erasures", {**body, "records": []}).code == "malformed"
    unknown = {**body, "records": [drafts.fresh_id()]}
    assert patient.refused("POST", "erasures", unknown).code == "vault_record_unknown"
    theirs = other.ask("GET", f"persons/{other.id}/records")["records"][:1]
    assert (
        patient.refused("POST", "erasures", {**body, "records": theirs}).code
        == "vault_record_unknown"
    )
    vault = served.node.organisations[served.a.id].vault
    assert len(vault.records_of(patient.id)) == len(vault.records_of(other.id)) == 4
    assert vault.erasure.unfinished() == []

    kept = served.load(served.a)["person"]
    done = desk.ask("POST", "erasures", {"person": kept})
    assert patient.refused("GET", f"erasures/{done['erasure']}").code == "erasing.unknown"
    shown = desk.ask("GET", f"erasures/{done['erasure']}")
    assert shown["parts"] == done["parts"]
    one = done["parts"][0]["certificate"]["erasure"]
    assert desk.ask("GET", f"erasures/{one}")["erasure"] == done["erasure"]


def test_an_erasure_that_was_prepared_is_carried_out_at_the_next_start(served: Served) -> None:
    patient, _ = load(served, "none")
    organisation = served.node.organisations[served.a.id]
    plan = organisation.vault.plan_erasure(patient.id)
    organisation.vault.erasure.prepare(plan)
    served.stop()
    served.start()
    vault = served.node.organisations[served.a.id].vault
    assert vault.records_of(patient.id) == []
    assert vault.erasure.unfinished() == []
    mark = plan.parts[0].marks[0]
    found = MARKS.get(served.node.engine.state(), f"{served.a.id}/{mark}")
    assert found is not None
    assert found.extent == "destroyed"
