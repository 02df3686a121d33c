"""A one-time link with a passcode: told apart from the link, wrong once and then right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.patient_people import Patient
from tests.portal.town import Town
from yilian.text import say

SEEDS = {"en": 61, "zh-CN": 62}
PASSCODE = "芝麻4711"


@pytest.mark.parametrize("language", SEEDS)
def test_a_link_opens_with_its_passcode_alone(
    town: Town, visit: Callable[..., Visitor], language: str
) -> None:
    person = str(town.load(town.a, SEEDS[language])["person"])
    patient = Patient(visit(locale=language, width=WIDTHS[0]), language, town, person)
    page = patient.look("links")
    patient.press("links/make")
    patient.choose("checkbox", patient.category("laboratory"))
    passcode = page.get_by_label(patient.say("links/passcode"), exact=True)
    make = page.get_by_role("button", name=patient.say("links/make"), exact=True)
    passcode.fill("123")
    assert make.is_disabled()
    passcode.fill(PASSCODE)
    patient.check()
    make.click()
    page.get_by_role("img", name=patient.say("links/qr")).wait_for()
    link = page.get_by_role("status").locator("p[translate=no]").inner_text()
    assert PASSCODE not in link

    def word(key: str, **places: str | int) -> str:
        return say(language, "portal_open", key, **places)

    visitor = visit(locale=language, width=WIDTHS[0])
    other = visitor.open(link)
    other.get_by_role("textbox", name=word("recipient"), exact=True).fill("李医生")
    given = other.locator("input[name=passcode]")
    given.fill("4711")
    opening = other.get_by_role("button", name=word("open"), exact=True)
    visitor.meant.append("/shl/")
    opening.click()
    other.get_by_text(word("troubles/passcode_wrong/title")).wait_for()
    assert other.get_by_role("table").count() == 0
    assert visitor.findings() == []
    given.fill(PASSCODE)
    opening.click()
    other.get_by_role("table").wait_for()
    page.reload()
    page.get_by_text(patient.say("links/states/used")).wait_for()
    page.get_by_text(patient.say("links/opened", who="李医生")).wait_for()
