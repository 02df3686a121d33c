"""A doctor sees that a patient refused, and not why."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.doctor_people import Doctor, join, word
from tests.portal.patient_people import Patient
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.desk import at
from yilian.gateway.fhir import sample
from yilian.ledger.modules.consent.messages import Ask

SEEDS = {"en": 71, "zh-CN": 72}
WHY = "邻居 neighbour"


def asked(town: Town, doctor: Doctor, seed: int) -> tuple[str, str]:
    """The doctor asks a new patient of hospital A; gives the patient and their number."""
    (bundle,) = sample.bundles(seed, 1)
    resources = [each["resource"] for each in json.loads(bundle)["entry"]]
    number = next(e for e in resources if e["resourceType"] == "Patient")["identifier"][0]
    person = str(town.load(town.a, seed)["person"])
    body = {
        "holder": town.a.id,
        "system": number["system"],
        "number": number["value"],
        "categories": ["laboratory"],
        "reason": "surgery",
    }
    with town.as_(doctor.id, doctor.signer, town.b) as client:
        made = client.request("POST", at(town.b, "asks"), body)
        client.send([msgspec.convert(made, Ask)])
        client.request("POST", at(town.b, f"asks/{made['ask']}/deliver"))
    return person, str(number["value"])


@pytest.mark.parametrize("language", SEEDS)
def test_a_doctor_sees_what_was_refused(
    town: Town, visit: Callable[..., Visitor], language: str
) -> None:
    def text(key: str, **places: str | int) -> str:
        return word(language, "doctor", key, **places)

    doctor = Doctor(town, "赵敏")
    person, number = asked(town, doctor, SEEDS[language])
    guest = Guest(visit(locale=language, width=WIDTHS[0]), language)
    join(guest, town, doctor.id)
    page = guest.visitor.open(f"/{language}/doctor/elsewhere")
    mine = page.get_by_role("region", name=text("asked/title"))
    mine.get_by_text(text("asked/number", number=number)).wait_for()
    mine.get_by_text(text("asked/states/waiting")).wait_for()
    assert guest.visitor.findings() == []
    assert not guest.visitor.wider_than_window()

    patient = Patient(visit(locale=language), language, town, person)
    patient.look("questions")
    patient.press("share/refuse")
    patient.page.get_by_label(patient.say("questions/words")).fill(WHY)
    patient.press("questions/refuse")
    patient.page.get_by_text(WHY).wait_for()

    mine.get_by_text(text("asked/states/refused")).wait_for(timeout=40_000)
    assert WHY not in page.content()
    assert guest.visitor.findings() == []
