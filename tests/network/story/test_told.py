"""F30 and F35 across members: who saw my data, and a new result that finds its reader."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.network.story.cast import Actor, Town, finding, now, until
from tests.rows.calls import leads_to

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_who_saw_my_data_names_the_reader_at_b(town: Town, doctor: Actor) -> None:
    """F30: every line of A's list is on the chain that all members hold."""
    patient = town.patient()
    town.write(patient, finding("5.3 mmol/L"))
    grant = town.grant(patient, categories=["laboratory"])
    session = town.session(doctor, grant)
    before = now()
    assert town.read(doctor, session)
    after = now()

    def seen() -> list[dict[str, Any]]:
        found = patient.ask("GET", f"persons/{patient.id}/disclosures")["disclosures"]
        mine = [each for each in found if each["grant"] == grant]
        return mine if all(each["anchored"] for each in mine) else []

    (line,) = until("the disclosure is anchored", seen)
    assert line["reader"] == {
        "id": doctor.id,
        "kind": "practitioner",
        "organisation": town.b.seat.organisation,
        "organisation_name": "Lakeside General Hospital",
        "name": "李医生",
    }
    assert (line["purpose"], line["outcome"], line["session"]) == ("treat", "permit", session)
    assert before - 60_000 <= line["time"] <= after + 60_000
    path = f"persons/{patient.id}/disclosures/{line['lines'][0]}/proof"
    proved = patient.ask("GET", path)["proof"]
    town.together()
    for member in (town.b, town.c, town.d):
        with member.client() as client:
            root = client.get("records", "batches", proved["batch"]).value["root"]
        assert leads_to(proved["line"], proved, root)
    assert doctor.refused("GET", f"persons/{patient.id}/disclosures").code == "forbidden"


def test_a_new_result_at_a_is_told_and_read_at_b(
    town: Town,
    doctor: Actor,
    colleague: Actor,
    record_property: Callable[[str, object], None],
) -> None:
    """F35: whom the patient lets read is told, and nobody else."""
    patient, potassium = town.patient(), "6.2 mmol/L, repeated and confirmed"
    town.write(patient, finding("4.4 mmol/L"))
    grant = town.grant(patient, categories=["laboratory"], practitioner=doctor.id)
    session = town.session(doctor, grant)
    began = time.monotonic()
    town.write(patient, finding(potassium))
    written = time.monotonic()

    def told(who: Actor = doctor) -> list[dict[str, Any]]:
        every = who.notices("result_shared")
        return [each for each in every if each["parameters"]["grant"] == grant]

    (notice,) = until("the doctor is told", told)
    answer = doctor.ask("POST", f"sessions/{session}/read")
    seconds = time.monotonic() - written
    record_property("seconds_from_result_to_reader", round(seconds, 2))
    print(
        f"read {seconds:.2f} s after the result was in (aim: 2; {written - began:.2f} s to take in)"
    )
    read = {each["record"]: json.loads(each["content"]) for each in answer["records"]}
    assert read[notice["parameters"]["record"]] == finding(potassium)
    assert notice["parameters"]["organisation"] == town.a.seat.organisation
    assert told(colleague) == []
    assert patient.notices("result_ready")
