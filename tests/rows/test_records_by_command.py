"""F27, F32 and F116 from the command line: treat, read, correct, note, hold, erase, restore."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.rows.served import Served, yilian
from tests.rows.test_f27_relation import Person, doctor_at, glucose, of_category, patient_at


def run(person: Person, folder: Path, *words: str | Path) -> tuple[int, dict[str, Any]]:
    """Run a command of an organisation as somebody of it."""
    key = folder / f"{person.id}.key"
    if not key.exists():
        person.signer.write(key, None)
    common = ("--organisation", person.at.id, "--sender", person.id, "--key", key)
    return yilian("organisation", *words, *common, "--node", person.served.url)


def test_a_doctor_treats_reads_and_corrects(served: Served, tmp_path: Path) -> None:
    patient, doctor = patient_at(served, served.a), doctor_at(served, served.a)
    code, told = run(patient, tmp_path, "records", "--person", patient.id)
    assert code == 0
    record = of_category(told["entries"], "laboratory")
    code, told = run(doctor, tmp_path, "read-own", "--record", record)
    assert (code, told["error"]["code"]) == (1, "reading.denied")
    code, told = run(doctor, tmp_path, "open-encounter", "--person", patient.id)
    assert code == 0
    encounter = str(told["encounter"])
    file = tmp_path / "content.json"
    assert run(doctor, tmp_path, "read-own", "--record", record, "--out", file)[0] == 0
    assert json.loads(file.read_bytes()) == glucose("5.1")
    file.write_text(json.dumps(glucose("5.8")))
    code, told = run(doctor, tmp_path, "correct", file, "--record", record)
    assert (code, told["replaces"]) == (0, record)
    note = ("note", "--person", patient.id, "--text", "没有空腹")
    assert run(patient, tmp_path, *note)[0] == 0
    code, told = run(patient, tmp_path, "versions", "--record", record)
    assert len(told["versions"]) == 2
    code, told = run(patient, tmp_path, "relations", "--person", patient.id)
    assert [each["relation"] for each in told["relations"]] == [encounter]

    desk = Person(served, served.a, served.a.id, served.operator(served.a))
    assert run(desk, tmp_path, "close-encounter", "--encounter", encounter)[0] == 0
    code, told = run(desk, tmp_path, "cancel-encounter", "--encounter", encounter)
    assert told["error"]["code"] == "care.encounter_ended"
    assert run(doctor, tmp_path, "read-own", "--record", record)[0] == 1


def test_a_referral_goes_its_way(served: Served, tmp_path: Path) -> None:
    patient, there = patient_at(served, served.a), patient_at(served, served.b)
    sender = Person(served, served.a, served.a.id, served.operator(served.a))
    receiver = Person(served, served.b, served.b.id, served.operator(served.b))
    asked = ("refer", "--person", patient.id, "--to", served.b.id, "--reason", "surgery")
    code, told = run(sender, tmp_path, *asked)
    assert code == 0
    named = ("--referral", str(told["referral"]))
    assert run(receiver, tmp_path, "accept-referral", *named, "--person", there.id)[0] == 0
    assert run(receiver, tmp_path, "decline-referral", *named)[0] == 1
    assert run(sender, tmp_path, "end-referral", *named)[0] == 0


def test_hold_erase_back_up_and_restore(served: Served, tmp_path: Path) -> None:
    patient = patient_at(served, served.a)
    desk = Person(served, served.a, served.a.id, served.operator(served.a))
    _, told = run(patient, tmp_path, "records", "--person", patient.id)
    record = of_category(told["entries"], "laboratory")
    code, told = run(desk, tmp_path, "hold", "--record", record, "--ground", "trial")
    assert code == 0
    assert run(desk, tmp_path, "lift-hold", "--hold", str(told["hold"]))[0] == 0

    served.stop()
    to = ("--to", tmp_path / "one", "--erasure-to", tmp_path / "two")
    assert yilian("node", "backup", served.path, *to)[0] == 0
    code, told = yilian("node", "backup", served.path, *to)
    assert told["error"]["code"] == "backup_folder_not_empty"
    served.start()
    code, told = run(patient, tmp_path, "erase", "--person", patient.id, "--record", record)
    assert code == 0
    erasure = str(told["erasure"])
    code, told = run(patient, tmp_path, "erasure", "--erasure", erasure)
    assert told["erasure"] == erasure
    while_running = yilian("node", "backup", served.path, "--to", tmp_path / "x", *to[2:])
    assert while_running[0] == 2

    served.stop()
    shutil.rmtree(served.path / "organisations" / served.a.id)
    parts = ("--from", tmp_path / "one", "--erasure-from", tmp_path / "two")
    code, told = yilian("node", "restore", served.path, *parts, "--only", served.a.id)
    assert code == 0
    (vault,) = told["vaults"]
    assert (vault["destroyed"], vault["sealed"]) == (0, 1)
    code, told = yilian("node", "restore", served.path, *parts, "--only", served.b.id)
    assert told["error"]["code"] == "backup_folder_not_empty"
    served.start()
    assert patient.refused("GET", f"records/{record}").parameters == {"reasons": "record_sealed"}
