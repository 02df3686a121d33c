"""A patient's pages in a real browser: share, stop, who looked, records, notes, erasure."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.patient_people import Arrive, Patient
from tests.portal.town import SEEDS, Town
from tests.rows.calls import at, open_session
from yilian.gateway.fhir import sample
from yilian.ledger.modules.consent.messages import Ask
from yilian.text import say

LANGUAGES = ("en", "zh-CN")


@pytest.fixture
def arrive(visit: Callable[..., Visitor], town: Town) -> Arrive:
    """Have a new patient of hospital A, in its custody, sign in."""

    def open_(language: str = "en", person: str | None = None, **more: Any) -> Patient:
        who = person or str(town.load(town.a, next(SEEDS))["person"])
        return Patient(visit(locale=language, **more), language, town, who)

    return open_


def grants_of(town: Town, person: str) -> list[dict[str, Any]]:
    """Ask the hospital what a person has granted."""
    with town.client(town.a) as client:
        answer = client.request("GET", at(town.a, f"persons/{person}/grants"))
    return list(answer["grants"])


@pytest.mark.parametrize(
    ("language", "width"), [("en", WIDTHS[0]), ("zh-CN", WIDTHS[0]), ("zh-CN", WIDTHS[1])]
)
def test_the_first_screen_answers_three_questions(
    town: Town, arrive: Arrive, language: str, width: int
) -> None:
    patient = arrive(language, town.loaded, width=width)
    page = patient.look("overview")
    for key in ("overview/new", "overview/can_see", "overview/looked"):
        page.get_by_role("heading", name=patient.say(key), exact=True).wait_for()
    page.get_by_text(patient.category("laboratory")).first.wait_for()
    if width == WIDTHS[0]:
        patient.photograph("patient")
    for other in ("access", "readers", "records", "questions", "data", "erasure", "share"):
        patient.look(other)


@pytest.mark.parametrize("language", LANGUAGES)
def test_shares_and_stops(town: Town, arrive: Arrive, language: str) -> None:
    patient = arrive(language, width=WIDTHS[0])
    page = patient.look("share")
    name = town.get(f"/v1/identity/subjects/{town.b.id}")["value"]["name"]
    assert page.get_by_role("button", name=patient.say("go_on"), exact=True).is_disabled()
    patient.choose("radio", name)
    patient.choose("radio", patient.say("share/insides/doctors"))
    patient.press("go_on")
    page.get_by_role("group", name=patient.say("share/what")).wait_for()
    assert page.locator("input[type=checkbox]:checked").count() == 0
    patient.choose("checkbox", patient.category("laboratory"))
    patient.press("go_on")
    patient.choose("radio", patient.say("share/purposes/treat"))
    patient.check()
    patient.press("go_on")
    page.get_by_role("heading", name=patient.say("share/closed"), exact=True).wait_for()
    page.get_by_text(patient.say("house_signs")).wait_for()
    assert grants_of(town, patient.person) == []
    patient.check()
    patient.press("share/allow")
    page.get_by_text(patient.say("share/done")).wait_for()
    patient.check()
    (grant,) = grants_of(town, patient.person)
    receipt = receipt_of(patient, name)
    assert say(language, "consent_receipt", "title") in receipt
    assert grant["grant"] in receipt
    assert grant["status"] == "standing"
    assert grant["terms"]["categories"] == ["laboratory"]
    assert (grant["terms"]["role"], grant["terms"]["sensitivities"]) == ("physician", ["normal"])

    page = patient.look("overview")
    patient.press("stop/begin_of", organisation=name)
    page.get_by_text(patient.say("stop/cannot")).wait_for()
    patient.check()
    patient.press("stop/now")
    page.get_by_text(patient.say("stop/done", organisation=name)).wait_for()
    assert grants_of(town, patient.person)[0]["status"] == "revoked"
    patient.look("access")
    assert say(language, "consent_receipt", "states/revoked") in receipt_of(patient, name)


def receipt_of(patient: Patient, organisation: str) -> str:
    """Save the receipt of a permission, and read it."""
    pypdf = pytest.importorskip("pypdf", reason="tools/environment.sh test,dev")
    with patient.page.expect_download() as download:
        patient.press("receipt_of", organisation=organisation)
    pages = pypdf.PdfReader(download.value.path()).pages
    return str("\n".join(each.extract_text() for each in pages))


def test_refusing_at_the_end_leaves_nothing(town: Town, arrive: Arrive) -> None:
    patient = arrive()
    page = patient.look("share")
    patient.choose("radio", town.get(f"/v1/identity/subjects/{town.b.id}")["value"]["name"])
    patient.choose("radio", patient.say("share/insides/anybody"))
    patient.press("go_on")
    patient.choose("checkbox", patient.category("laboratory"))
    patient.press("go_on")
    patient.choose("radio", patient.say("share/purposes/pay"))
    patient.choose("radio", patient.say("share/times/long"))
    assert page.get_by_role("button", name=patient.say("go_on"), exact=True).is_disabled()
    patient.choose("checkbox", patient.say("share/sure"))
    patient.press("go_on")
    patient.press("share/refuse")
    page.get_by_role("heading", name=patient.say("overview/title"), exact=True).wait_for()
    assert grants_of(town, patient.person) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_reads_the_own_record_and_writes_beside_it(arrive: Arrive, language: str) -> None:
    patient = arrive(language)
    page = patient.look("records")
    page.get_by_label(patient.say("records/kind")).select_option("Observation")
    first = page.locator("ul.lines > li").first
    first.locator("summary").first.click()
    first.get_by_text(say(language, "portal_records", "rows/value"), exact=True).first.wait_for()
    first.get_by_text(say(language, "portal_proof", "badge/recorded"), exact=True).wait_for()
    patient.check()
    first.get_by_role("button", name=patient.say("note/begin")).click()
    first.get_by_label(patient.say("note/label")).fill("Measured after running. 跑步后测的。")
    first.get_by_role("button", name=patient.say("note/keep")).click()
    page.get_by_text("Measured after running").first.wait_for(state="attached")


def test_sees_who_looked_and_says_what_is_not_known(town: Town, arrive: Arrive) -> None:
    patient = arrive()
    doctor, signer, _ = town.doctor(town.b)
    grant = town.share(patient.person, doctor, ["laboratory"])["grant"]
    with town.as_(doctor, signer, town.b) as client:
        session = open_session(town, client, town.b, str(grant))
    town.read(doctor, signer, session)
    page = patient.look("readers")
    page.get_by_text(patient.category("laboratory")).first.wait_for()
    line = page.locator("ul.lines > li").first
    line.get_by_role("button", name=patient.say("looked/unknown")).click()
    line.get_by_role("button", name=patient.say("note/keep")).click()
    page.get_by_text(patient.say("note/kept")).wait_for()
    patient.check()
    with town.client(town.a) as client:
        known = client.request("GET", at(town.a, f"persons/{patient.person}/records"))
    assert known["records"]


def test_takes_all_along_and_then_erases_it(town: Town, arrive: Arrive) -> None:
    patient = arrive("zh-CN")
    page = patient.look("data")
    with page.expect_download() as download:
        patient.press("export/take")
    assert zipfile.ZipFile(download.value.path()).testzip() is None
    page = patient.look("erasure")
    assert page.get_by_role("button", name=patient.say("erasure/now")).count() == 0
    page.get_by_role("radio").nth(1).check()
    now = page.get_by_role("button", name=patient.say("erasure/now"), exact=True)
    assert now.is_disabled()
    page.get_by_role("checkbox").check()
    patient.check()
    now.click()
    page.get_by_text(patient.say("erasure/done")).wait_for()
    patient.check()


def test_by_keyboard_alone(town: Town, arrive: Arrive) -> None:
    patient = arrive()
    doctor, _, _ = town.doctor(town.b)
    town.share(patient.person, doctor, ["medication"])
    name = town.get(f"/v1/identity/subjects/{town.b.id}")["value"]["name"]
    page = patient.look("overview")

    def press(label: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            script = "(document.activeElement.ariaLabel || document.activeElement.textContent)"
            if page.evaluate(script) == label:
                page.keyboard.press("Enter")
                return
        raise AssertionError(label)

    press(patient.say("stop/begin_of", organisation=name))
    page.get_by_text(patient.say("stop/cannot")).wait_for()
    press(patient.say("stop/now"))
    page.get_by_text(patient.say("stop/done", organisation=name)).wait_for()
    assert grants_of(town, patient.person)[0]["status"] == "revoked"


def test_a_doctor_does_not_find_these_pages(visit: Callable[..., Visitor]) -> None:
    page = visit().open("/en/my/overview")
    page.get_by_role("heading", name=say("en", "portal", "not_for_you/title")).wait_for()


def test_shows_records_by_a_link_and_takes_it_back(arrive: Arrive) -> None:
    patient = arrive("zh-CN", width=WIDTHS[0])
    page = patient.look("links")
    patient.press("links/make")
    patient.choose("checkbox", patient.category("laboratory"))
    patient.check()
    patient.press("links/make")
    page.get_by_role("img", name=patient.say("links/qr")).wait_for()
    patient.check()
    patient.press("go_on")
    patient.press("links/revoke_of", label=patient.say("links/unnamed"))
    page.get_by_text(patient.say("links/states/revoked")).wait_for()
    patient.check()


def test_the_device_takes_over_and_signs_what_is_allowed(town: Town, arrive: Arrive) -> None:
    patient = arrive(width=WIDTHS[0])
    page = patient.look("device")
    assert page.get_by_role("button", name=patient.say("device/now"), exact=True).is_disabled()
    patient.choose("checkbox", patient.say("device/sure"))
    patient.check()
    patient.press("device/now")
    page.get_by_text(patient.say("device/done")).wait_for()
    patient.check()
    assert not town.get(f"/v1/identity/subjects/{patient.person}")["value"].get("custody", False)

    page = patient.look("share")
    name = town.get(f"/v1/identity/subjects/{town.b.id}")["value"]["name"]
    patient.choose("radio", name)
    patient.choose("radio", patient.say("share/insides/doctors"))
    patient.press("go_on")
    patient.choose("checkbox", patient.category("laboratory"))
    patient.press("go_on")
    patient.choose("radio", patient.say("share/purposes/treat"))
    patient.press("go_on")
    page.get_by_role("button", name=say("en", "portal_sign", "sign"), exact=True).click()
    page.get_by_role("link", name=patient.say("share/to_overview")).wait_for()
    (grant,) = grants_of(town, patient.person)
    assert (grant["status"], grant["terms"]["categories"]) == ("standing", ["laboratory"])
    page = patient.look("overview")
    patient.press("stop/begin_of", organisation=name)
    page.get_by_role("button", name=say("en", "portal_sign", "sign"), exact=True).click()
    recorded = say("en", "portal_sign", "state/recorded", height=0, ms=0).split("0")[0]
    page.get_by_role("status").filter(has_text=recorded).wait_for()
    assert grants_of(town, patient.person)[0]["status"] == "revoked"


def asked(town: Town) -> tuple[str, str]:
    """A doctor of hospital B asks a new patient of A; gives the patient and the doctor."""
    seed = next(SEEDS)
    (bundle,) = sample.bundles(seed, 1)
    person = str(town.load(town.a, seed)["person"])
    resources = [each["resource"] for each in json.loads(bundle)["entry"]]
    (number,) = next(e for e in resources if e["resourceType"] == "Patient")["identifier"][:1]
    doctor, signer, _ = town.doctor(town.b)
    with town.as_(doctor, signer, town.b) as client:
        asked = {
            "holder": town.a.id,
            "system": number["system"],
            "number": number["value"],
            "categories": ["laboratory", "medication"],
            "reason": "referral",
        }
        made = client.request("POST", at(town.b, "asks"), asked)
        client.send([msgspec.convert(made, Ask)])
        client.request("POST", at(town.b, f"asks/{made['ask']}/deliver"))
    return person, doctor


@pytest.mark.parametrize("language", LANGUAGES)
def test_refuses_a_question(town: Town, arrive: Arrive, language: str) -> None:
    person, _ = asked(town)
    patient = arrive(language, person, width=WIDTHS[0])
    page = patient.look("questions")
    refuse = page.get_by_role("button", name=patient.say("share/refuse"), exact=True)
    choose = page.get_by_role("link", name=patient.say("questions/choose"), exact=True)
    sizes = [each.bounding_box() for each in (refuse, choose)]
    assert len({(round(each["width"]), round(each["height"])) for each in sizes if each}) == 1
    patient.press("share/refuse")
    page.get_by_label(patient.say("questions/words")).fill("我不认识他 (unknown to me)")
    patient.check()
    patient.press("questions/refuse")
    said = patient.say("questions/status/refused", ends="@").split("@")[0]
    page.get_by_role("status").filter(has_text=said).wait_for()
    page.get_by_text("我不认识他").wait_for()
    assert refuse.count() + choose.count() == 0
    patient.check()
    assert grants_of(town, person) == []
    with town.client(town.a) as client:
        (seen,) = client.request("GET", at(town.a, f"persons/{person}/asks"))["asks"]
    assert (seen["status"], seen["words"]) == ("refused", "")


def test_answers_a_question_by_choosing(town: Town, arrive: Arrive) -> None:
    person, doctor = asked(town)
    patient = arrive("zh-CN", person, width=WIDTHS[0])
    page = patient.look("questions")
    page.get_by_role("link", name=patient.say("questions/choose")).click()
    patient.press("go_on")
    page.get_by_role("group", name=patient.say("share/what")).wait_for()
    assert page.locator("input[type=checkbox]:checked").count() == 0
    patient.choose("checkbox", patient.category("laboratory"))
    patient.press("go_on")
    patient.choose("radio", patient.say("share/purposes/treat"))
    patient.press("go_on")
    patient.press("share/allow")
    page.get_by_role("link", name=patient.say("share/to_overview")).wait_for()
    (grant,) = grants_of(town, person)
    assert (grant["terms"]["practitioner"], grant["terms"]["categories"]) == (
        doctor,
        ["laboratory"],
    )
    page = patient.look("questions")
    page.get_by_text(patient.say("questions/status/answered")).wait_for()
