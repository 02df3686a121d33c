"""The doctor's pages in a real browser, against a real node: from the waiting list to a review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.doctor_people import Doctor, Patient, join, let_in, pictured, sign, word
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from yilian.text import say

Visit = Callable[..., Visitor]
LANGUAGES = ("en", "zh-CN")


class Clinic:
    """Two doctors of hospital B, and two patients who wait there."""

    def __init__(self, town: Town) -> None:
        self.doctor, self.colleague = Doctor(town, "李晓东"), Doctor(town, "陈静")
        self.patient = Patient(town, 41, "王秀英", "1958-03-14")
        self.doctor.treats(self.patient)
        self.doctor.treats(Patient(town, 42, "Anna Weber", "1987-11-02"))
        town.share(town.loaded, self.doctor.id, ["laboratory"])


@pytest.fixture(scope="module")
def clinic(town: Town) -> Clinic:
    """Hospital B on an ordinary morning."""
    return Clinic(town)


def opened(visitor: Visitor, path: str) -> Any:
    """Open a page at both widths; it fits, and axe finds nothing."""
    page = visitor.page
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        visitor.open(path)
        assert visitor.findings() == []
        assert not visitor.wider_than_window()
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_waiting_list_to_records_here_and_elsewhere(
    town: Town, visit: Visit, clinic: Clinic, language: str
) -> None:
    def text(key: str, **places: str | int) -> str:
        return word(language, "doctor", key, **places)

    guest = Guest(visit(locale=language), language)
    join(guest, town, clinic.doctor.id)
    page = opened(guest.visitor, f"/{language}/doctor")
    page.get_by_text(clinic.patient.name, exact=True).wait_for()
    pictured(page, f"doctor-{language}.png")
    page.get_by_role("link", name=text("waiting/open", name=clinic.patient.name)).click()
    page.get_by_role("heading", name=text("record/title_of", name=clinic.patient.name)).wait_for()
    page.get_by_label(text("record/only")).select_option("Observation")
    corrected = page.locator("details > summary em")
    before = corrected.count()
    page.locator("details > summary:not(:has(em))").first.click()
    verified = say(language, "portal_proof", "badge/recorded")
    page.get_by_role("button", name=verified).wait_for()
    assert guest.visitor.findings() == []
    page.get_by_role("button", name=text("correct/begin")).click()
    page.get_by_label(text("correct/why")).fill("测量时袖带过松 (the cuff was loose)")
    page.get_by_role("button", name=text("correct/send")).click()
    corrected.nth(before).wait_for()

    page = opened(guest.visitor, f"/{language}/doctor/elsewhere")
    page.get_by_role("button", name=text("elsewhere/open"), exact=True).click()
    page.get_by_text(text("no_key/title")).wait_for()
    let_in(guest, town, clinic.doctor.id, clinic.doctor.signer)
    guest.visitor.open(f"/{language}/doctor/elsewhere")
    page.get_by_role("button", name=text("elsewhere/open"), exact=True).click()
    sign(page, language)
    page.get_by_role("button", name=text("elsewhere/back")).wait_for()
    page.locator("details > summary").first.click()
    assert page.locator("dl.facts").first.inner_text()
    assert guest.visitor.findings() == []


def _ask(guest: Guest, town: Town, clinic: Clinic) -> None:
    language = guest.language
    page = opened(guest.visitor, f"/{language}/doctor/ask")
    page.get_by_label(word(language, "doctor", "hospital/label")).select_option(town.a.id)
    number = word(language, "desk", "number/number")
    page.get_by_role("textbox", name=number).fill(clinic.patient.number)
    laboratory = say(language, "portal_sign", "values/terms.categories/laboratory")
    page.get_by_label(laboratory, exact=True).check()
    page.get_by_label(word(language, "doctor", "ask/reasons/referral")).check()
    page.get_by_role("button", name=word(language, "doctor", "ask/go_on")).click()
    sign(page, language)
    page.get_by_text(word(language, "doctor", "ask/delivered")).wait_for()


def test_an_emergency_is_signed_read_and_reviewed_by_a_colleague(
    town: Town, visit: Visit, clinic: Clinic
) -> None:
    language = "zh-CN"

    def text(key: str, **places: str | int) -> str:
        return word(language, "doctor", key, **places)

    one = Guest(visit(locale=language), language)
    join(one, town, clinic.doctor.id)
    let_in(one, town, clinic.doctor.id, clinic.doctor.signer)
    page = opened(one.visitor, f"/{language}/doctor/emergency")
    page.get_by_label(text("hospital/label")).select_option(town.b.id)
    page.get_by_label(word(language, "desk", "number/system")).select_option(clinic.patient.system)
    number = word(language, "desk", "number/number")
    page.get_by_role("textbox", name=number).fill(clinic.patient.number)
    page.get_by_label(text("emergency/reasons/unable_to_consent")).check()
    page.get_by_label(text("emergency/text")).fill("昏迷，急诊抢救")
    page.get_by_role("button", name=text("emergency/go_on")).click()
    sign(page, language)
    page.get_by_text(text("emergency/until")).wait_for()
    assert page.locator("details > summary").count() > 0
    opened(one.visitor, f"/{language}/doctor/reviews")
    page.get_by_text(text("reviews/not_own")).wait_for()
    _ask(one, town, clinic)

    two = Guest(visit(locale=language), language)
    join(two, town, clinic.colleague.id)
    let_in(two, town, clinic.colleague.id, clinic.colleague.signer)
    page = two.visitor.open(f"/{language}/doctor/reviews")
    page.get_by_role("button", name=text("reviews/judge")).click()
    page.get_by_label(text("reviews/findings/justified"), exact=True).check()
    page.get_by_label(text("reviews/why")).fill("患者昏迷，无法征求同意")
    page.get_by_role("button", name=text("reviews/go_on")).click()
    sign(page, language)
    page.locator("li p").get_by_text(text("reviews/findings/justified"), exact=True).wait_for()
