"""F125 and F116: who is erased leaves no training here; what they took away still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.rows.calls import at
from tests.rows.served import Served, yilian
from tests.rows.test_f27_relation import Person
from tests.rows.test_f116_erasure import load
from tests.unit.gateway.training.learning import sheet
from yilian.gateway.training.training import Training


def learnt(served: Served, who: Person) -> str:
    """Fail a quiz once and pass it then; gives the credential's id."""
    place = at(served.a, "training/attempts")
    with served.as_(who.id, who.signer, served.a) as client:
        for wrong in (3, 0):
            begun: Any = client.request("POST", place, {"course": "patient"})
            answers = {"answers": sheet(begun, wrong)}
            told: Any = client.request("POST", f"{place}/{begun['attempt']}/answers", answers)
        return str(told["result"]["credential"])


def kept(served: Served, who: Person) -> tuple[int, int]:
    """Count the attempts within a day and the credentials that are kept of somebody."""
    training = Training(served.node.organisations[served.a.id])
    attempts = training.store.taken(who.id, "patient", training.now())
    return attempts, len(training.credentials(who.id))


def test_who_is_erased_leaves_no_training_behind(served: Served, tmp_path: Path) -> None:
    patient, _ = load(served, "none")
    other, _ = load(served, "none")
    credential = learnt(served, patient)
    learnt(served, other)
    place = at(served.a, f"training/credentials/{credential}")
    file, trust = tmp_path / "credential.json", tmp_path / "trust.json"
    with served.as_(patient.id, patient.signer, served.a) as client:
        file.write_text(json.dumps(client.request("GET", place)), "utf-8")
        trust.write_text(json.dumps(client.trust()), "utf-8")
    assert kept(served, patient) == kept(served, other) == (2, 1)
    row = Training(served.node.organisations[served.a.id]).credential(credential)
    sealed = bytes(row.token)

    (part,) = patient.ask("POST", "erasures", {"person": patient.id})["parts"]
    assert part["certificate"]["extent"] == "destroyed"
    assert kept(served, patient) == (0, 0)
    assert kept(served, other) == (2, 1)
    assert patient.refused("GET", f"training/credentials/{credential}").code == (
        "training.credential_unknown"
    )
    # No bytes of the credential are left in the vault's database, nor in its log.
    served.stop()
    files = list((served.path / "organisations" / served.a.id).glob("catalogue.sqlite*"))
    assert files
    assert all(sealed not in each.read_bytes() for each in files)
    served.start()
    assert kept(served, patient) == (0, 0)

    # What they took away holds: the chain has its commitment, and was asked to forget nothing.
    code, told = yilian("training", "verify", file, "--trust", trust)
    assert (code, told["verified"]) == (0, True)


def test_what_the_law_keeps_is_not_the_training(served: Served) -> None:
    patient, _ = load(served, "outpatient")
    learnt(served, patient)
    (part,) = patient.ask("POST", "erasures", {"person": patient.id})["parts"]
    assert part["certificate"]["extent"] == "sealed"
    assert kept(served, patient) == (0, 0)
    assert served.node.organisations[served.a.id].vault.desk.find(patient.id) is not None


def test_an_erasure_of_one_record_leaves_the_training(served: Served) -> None:
    patient, _ = load(served, "none")
    credential = learnt(served, patient)
    first, *_ = served.node.organisations[served.a.id].vault.records_of(patient.id)
    patient.ask("POST", "erasures", {"person": patient.id, "records": [first]})
    assert kept(served, patient) == (2, 1)
    assert patient.ask("GET", f"training/credentials/{credential}")["credential"]
