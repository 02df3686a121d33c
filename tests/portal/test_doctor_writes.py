"""A doctor writes during a visit, in a real browser: seen in words, kept offline, recorded once."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import ROOT, WIDTHS, Visitor
from tests.portal.doctor_people import Doctor, Patient, join, let_in, sign, word
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.desk import at
from yilian.text import say

Visit = Callable[..., Visitor]
LANGUAGES = ("en", "zh-CN")
NAMES = {"en": "Harriet Boyle", "zh-CN": "孙桂兰"}
SEEDS = itertools.count(6100)
"""Each patient is somebody else."""


class Ward:
    """A doctor at a browser, and a patient whom they treat."""

    def __init__(self, town: Town, visitor: Visitor, language: str, name: str) -> None:
        self.town, self.language = town, language
        self.doctor = Doctor(town, "李晓东")
        self.patient = Patient(town, next(SEEDS), name, "1961-07-08")
        self.doctor.treats(self.patient)
        self.guest = Guest(visitor, language)
        join(self.guest, town, self.doctor.id)
        self.visitor, self.page = visitor, visitor.page

    def text(self, key: str, **places: str | int) -> str:
        """Give a text of the doctor's pages."""
        return word(self.language, "doctor", key, **places)

    def button(self, key: str, **places: str | int) -> Any:
        """Find a button by its text."""
        return self.page.get_by_role("button", name=self.text(key, **places), exact=True)

    def write(self, kind: str) -> Any:
        """Open the page and choose what to write."""
        self.visitor.open(f"/{self.language}/doctor/persons/{self.patient.id}/write")
        self.page.get_by_label(self.text(f"write/kinds/{kind}"), exact=True).check()
        return self.page

    def number(self, key: str, unit: str) -> Any:
        """Find the field of a number."""
        what = self.text("write/number", what=self.text(f"measures/{key}"), unit=unit)
        return self.page.get_by_role("textbox", name=what)

    def record(self) -> None:
        """Look at it, record it, and see that it is."""
        self.button("write/look").click()
        self.button("write/record").click()
        self.recorded()

    def recorded(self) -> None:
        """See that what was written is recorded."""
        self.page.get_by_text(f"✓ {self.text('write/done')}", exact=True).wait_for()

    def written(self) -> list[dict[str, Any]]:
        """What the doctor wrote, as the person's own hospital has it now."""
        path = at(self.town.b, f"persons/{self.patient.id}/timeline?content=true")
        with self.town.as_(self.doctor.id, self.doctor.signer, self.town.b) as client:
            entries = client.request("GET", path)["entries"]
        texts = [each["content"] for each in entries if each["content"] is not None]
        return [json.loads(each) for each in texts if self.doctor.id in each]


def test_what_is_measured_follows_from_the_projects_own_tables() -> None:
    command = [sys.executable, ROOT / "tools/measures.py", "--check"]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_hard_to_get_wrong_and_stay_as_typed(
    town: Town, visit: Visit, language: str
) -> None:
    name = NAMES[language]
    ward = Ward(town, visit(locale=language), language, name)
    page, visitor = ward.page, ward.visitor
    page.get_by_role("link", name=ward.guest.word("join/go_on"), exact=True).click()
    page.get_by_role("link", name=ward.text("waiting/open", name=name)).click()
    page.get_by_role("link", name=ward.text("write/title"), exact=True).click()
    page.get_by_role("heading", level=1, name=ward.text("write/title")).wait_for()
    page.get_by_text(ward.text("write/for", name=name)).wait_for()
    page.get_by_label(ward.text("write/kinds/laboratory"), exact=True).check()
    page.get_by_label(ward.text("write/which/laboratory")).select_option("glu")
    page.get_by_label("mmol/L", exact=True).check()
    field = ward.number("glu", "mmol/L")
    for typed, told in (
        ("6,1", "write/unreadable"),
        ("6.20", "write/told/high"),
        ("3.1", "write/told/low"),
        ("5.60", "write/told/usual"),
    ):
        field.fill(typed)
        places = {"low": "3.90", "high": "6.10", "unit": "mmol/L"}
        page.get_by_text(ward.text(told, **({} if told.endswith("able") else places))).wait_for()
        assert ward.button("write/look").is_enabled() == ("told" in told)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert visitor.findings() == []
        assert not visitor.wider_than_window()
    ward.button("write/look").click()
    page.get_by_role("heading", name=ward.text("write/review")).wait_for()
    assert visitor.findings() == []
    # Back to the form nothing is lost.
    ward.button("write/change").click()
    assert field.input_value() == "5.60"
    ward.record()
    verified = say(language, "portal_proof", "badge/recorded")
    page.get_by_role("button", name=verified).wait_for()
    assert visitor.findings() == []

    ward.write("vital")
    page.get_by_label(ward.text("write/which/vital")).select_option("temp")
    ward.number("temp", "°C").fill("385")
    assert ward.button("write/look").is_disabled()
    page.get_by_label(ward.text("write/sure", value="385", unit="°C")).check()
    assert ward.button("write/look").is_enabled()
    ward.number("temp", "°C").fill("38.5")
    ward.record()
    found = {each["code"]["text"]: each for each in ward.written()}
    glucose = found[ward.text("measures/glu")]
    assert glucose["valueQuantity"]["code"] == "mmol/L"
    assert found[ward.text("measures/temp")]["valueQuantity"]["value"] == 38.5
    _to_the_last_digit(ward)


def _to_the_last_digit(ward: Ward) -> None:
    path = at(ward.town.b, f"persons/{ward.patient.id}/timeline?content=true")
    with ward.town.as_(ward.doctor.id, ward.doctor.signer, ward.town.b) as client:
        entries = client.request("GET", path)["entries"]
    assert any('"value": 5.60,' in (each["content"] or "") for each in entries)


def test_a_blood_pressure_a_note_and_a_prescription_by_keyboard_alone(
    town: Town, visit: Visit
) -> None:
    language = "zh-CN"
    ward = Ward(town, visit(locale=language), language, "何建军")
    page, visitor = ward.page, ward.visitor
    ward.write("pressure")
    ward.number("sbp", "mmHg").focus()
    page.keyboard.type("78")
    page.keyboard.press("Tab")
    page.keyboard.type("126")
    page.get_by_text(ward.text("write/turned")).wait_for()
    ward.number("sbp", "mmHg").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("126")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("78")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=ward.text("write/review")).wait_for()
    ward.button("write/record").focus()
    page.keyboard.press("Enter")
    ward.recorded()

    ward.write("note")
    page.get_by_label(ward.text("write/note"), exact=True).first.wait_for()
    page.get_by_role("textbox", name=ward.text("write/note"), exact=True).fill("双肺呼吸音清。")
    ward.record()

    ward.write("prescription")
    page.get_by_role("heading", name=ward.text("write/allergies")).wait_for()
    page.get_by_role("textbox", name=ward.text("write/medicine")).fill("阿莫西林胶囊")
    page.get_by_role("textbox", name=ward.text("write/dose"), exact=True).fill("0.50")
    page.get_by_label(ward.text("write/dose_unit")).select_option("g")
    page.get_by_role("textbox", name=ward.text("write/times")).fill("25")
    page.get_by_text(ward.text("write/times_wrong")).wait_for()
    page.get_by_role("textbox", name=ward.text("write/times")).fill("3")
    page.get_by_role("textbox", name=ward.text("write/days")).fill("7")
    visitor.settle()
    assert visitor.findings() == []
    ward.button("write/look").click()
    dosage = ward.text("write/dosage", dose="0.50", unit="克", times="3", days="7")
    page.get_by_text(dosage, exact=True).first.wait_for()
    ward.button("write/record").click()
    ward.recorded()
    kinds = sorted(each["resourceType"] for each in ward.written())
    assert kinds == ["MedicationRequest", "Observation", "Observation"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_written_offline_waits_and_is_recorded_once(
    town: Town, visit: Visit, language: str
) -> None:
    ward = Ward(town, visit(locale=language), language, NAMES[language])
    page, visitor = ward.page, ward.visitor
    ward.write("note")
    text = page.get_by_role("textbox", name=ward.text("write/note"), exact=True)
    text.fill("Cough since Monday. 周一起咳嗽。")
    ward.button("write/look").click()
    visitor.context.set_offline(True)
    ward.button("write/record").click()
    page.get_by_text(ward.text("write/waits"), exact=True).wait_for()
    waits = ward.text("drafts/count_one" if language == "en" else "drafts/count_other", count=1)
    page.get_by_text(waits, exact=True).wait_for()
    assert visitor.findings() == []
    visitor.faults[:] = [each for each in visitor.faults if "ERR_INTERNET" not in each]
    # The page is left meanwhile; what was written is still there, and goes by itself.
    visitor.context.set_offline(False)
    visitor.open(f"/{language}/doctor")
    page.get_by_text(waits, exact=True).wait_for(state="detached")
    end = time.monotonic() + 30
    while len(ward.written()) != 1:
        assert time.monotonic() < end
        time.sleep(0.2)
    visitor.open(f"/{language}/doctor")
    visitor.settle()
    assert len(ward.written()) == 1
    visitor.faults[:] = [each for each in visitor.faults if "ERR_INTERNET" not in each]


def test_what_was_refused_later_is_shown_with_its_reason(town: Town, visit: Visit) -> None:
    language = "en"
    ward = Ward(town, visit(locale=language), language, "Ada Quill")
    page, visitor = ward.page, ward.visitor
    ward.write("note")
    page.get_by_role("textbox", name=ward.text("write/note"), exact=True).fill("Too late.")
    ward.button("write/look").click()
    visitor.context.set_offline(True)
    ward.button("write/record").click()
    page.get_by_text(ward.text("write/waits"), exact=True).wait_for()
    with town.client(town.b) as client:
        (visit_,) = [
            each["relation"]["relation"]
            for each in client.request("GET", at(town.b, "encounters"))["persons"]
            if each["person"] == ward.patient.id
        ]
        client.request("POST", at(town.b, f"encounters/{visit_}/close"))
    visitor.meant.append("/records/")
    visitor.context.set_offline(False)
    page.get_by_role("heading", name=ward.text("drafts/refused")).wait_for()
    page.get_by_text("care.encounter_ended").wait_for()
    assert visitor.findings() == []
    ward.button("drafts/seen").click()
    page.get_by_role("heading", name=ward.text("drafts/refused")).wait_for(state="detached")
    visitor.faults[:] = [each for each in visitor.faults if "ERR_INTERNET" not in each]
    # Without a visit there is no form.
    visitor.open(f"/{language}/doctor/persons/{ward.patient.id}/write")
    page.get_by_text(ward.text("write/no_visit")).wait_for()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_doctor_begins_and_ends_a_visit_with_their_own_key(
    town: Town, visit: Visit, language: str
) -> None:
    doctor, guest = Doctor(town, "陈静"), Guest(visit(locale=language), language)
    patient = Patient(town, next(SEEDS), "钱来来", "1990-01-02")
    with town.client(town.b) as client:
        card = client.request("POST", at(town.b, f"persons/{patient.id}/cards"))["text"]
    join(guest, town, doctor.id)
    page, visitor = guest.page, guest.visitor

    def text(key: str, **places: str | int) -> str:
        return word(language, "doctor", key, **places)

    visitor.open(f"/{language}/doctor/begin")
    page.get_by_text(text("no_key/title")).wait_for()
    let_in(guest, town, doctor.id, doctor.signer)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        visitor.open(f"/{language}/doctor/begin")
        page.get_by_label(word(language, "desk", "find/card")).wait_for()
        assert visitor.findings() == []
        assert not visitor.wider_than_window()
    page.get_by_label(word(language, "desk", "find/card")).fill(card)
    page.get_by_role("button", name=text("begin/go_on")).click()
    sign(page, language)
    page.get_by_role("link", name=text("begin/open")).click()
    page.get_by_role("heading", name=text("record/title_of", name=patient.name)).wait_for()
    page.get_by_role("link", name=text("end/title"), exact=True).click()
    page.get_by_text(text("end/about")).wait_for()
    visitor.settle()
    assert visitor.findings() == []
    sign(page, language)
    page.get_by_role("heading", name=text("waiting/title")).wait_for()
    own = page.get_by_role("link", name=text("waiting/open", name=patient.name))
    own.wait_for(state="detached")
