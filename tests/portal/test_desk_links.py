"""At the desk, in a real browser: registrations joined and parted, consent heard by two, cards."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.doctor_people import Doctor, join, word
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.desk import SYSTEM, at
from yilian.text import say

Visit = Callable[..., Visitor]
LANGUAGES = ("en", "zh-CN")
NUMBERS = itertools.count(10_000)
"""Each person has a number of their own."""


def fresh_number() -> str:
    """Give a resident identity number that nobody has yet."""
    return f"1101051956{next(NUMBERS):08}"


class Counter:
    """A clerk of hospital B at a browser, and somebody who stands before them."""

    def __init__(self, town: Town, visitor: Visitor, language: str, name: str) -> None:
        self.town, self.language, self.name = town, language, name
        self.number = fresh_number()
        self.person = self.enrolled("persons", system=SYSTEM, number=self.number, name=name)
        self.guest = Guest(visitor, language)
        join(self.guest, town, town.b.id)
        self.visitor, self.page = visitor, visitor.page

    def enrolled(self, rest: str, **body: Any) -> str:
        """Enrol somebody."""
        with self.town.client(self.town.b) as client:
            return str(client.request("POST", at(self.town.b, rest), body)["person"])

    def text(self, key: str, **places: str | int) -> str:
        """Give a text of the desk's pages."""
        return word(self.language, "desk", key, **places)

    def button(self, key: str, **places: str | int) -> Any:
        """Find a button by its text."""
        return self.page.get_by_role("button", name=self.text(key, **places), exact=True)

    def open(self, rest: str = "") -> Any:
        """Open one of the person's pages at both widths: it fits, and axe finds nothing."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.visitor.open(f"/{self.language}/desk/persons/{self.person}{rest}")
            assert self.visitor.findings() == []
            assert not self.visitor.wider_than_window()
        return self.page


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_registrations_are_joined_and_parted_again(
    town: Town, visit: Visit, language: str
) -> None:
    doctor = Doctor(town, f"周医生 {language}")
    counter = Counter(town, visit(locale=language), language, "冯国栋")
    unknown = counter.enrolled("persons/provisional", label=f"急诊 3 床 {language}")
    doctor_body = {"person": unknown, "team": [doctor.id]}
    with town.client(town.b) as client:
        client.request("POST", at(town.b, "encounters"), doctor_body)
    page = counter.open("/link")
    page.get_by_label(counter.text("join/visiting")).select_option(unknown)
    counter.button("join/this").click()
    page.get_by_role("heading", name=counter.text("join/look")).wait_for()
    assert counter.button("join/same").is_disabled()
    page.get_by_label(counter.text("links/grounds/document"), exact=True).check()
    page.get_by_label(counter.text("join/witness")).select_option(doctor.id)
    said = counter.text("join/said", kept="冯国栋", other=f"急诊 3 床 {language}")
    page.get_by_text(said, exact=True).wait_for()
    assert counter.visitor.findings() == []
    counter.button("join/same").click()
    page.get_by_text(counter.text("join/done")).wait_for()
    verified = say(language, "portal_proof", "badge/recorded")
    page.get_by_role("button", name=verified).wait_for()
    counter.button("receipt/print").wait_for()
    assert counter.visitor.findings() == []

    page = counter.open()
    page.get_by_text(f"急诊 3 床 {language}").wait_for()
    counter.button("links/undo").click()
    assert counter.button("links/undo_now").is_disabled()
    page.get_by_label(counter.text("links/undo_by")).select_option(doctor.id)
    counter.button("links/undo_now").click()
    page.get_by_text(counter.text("links/undone")).wait_for()
    assert counter.visitor.findings() == []
    counter.button("receipt/go_on").click()
    page.get_by_text(counter.text("links/undone")).wait_for(state="detached")
    joined = page.get_by_role("list", name=counter.text("links/title"))
    joined.get_by_text(counter.text("links/ended")).wait_for()
    with town.client(town.b) as client:
        shown = client.request("GET", at(town.b, f"persons/{counter.person}/links"))
    assert shown["ids"] == [counter.person]


def test_the_wrong_registration_is_left_alone(town: Town, visit: Visit) -> None:
    counter = Counter(town, visit(locale="en"), "en", "Sara Vidal")
    number = fresh_number()
    other = counter.enrolled("persons", system=SYSTEM, number=number, name="Ana Vidal")
    page = counter.visitor.open(f"/en/desk/persons/{counter.person}/link")
    page.get_by_role("textbox", name=counter.text("number/number")).fill(number)
    counter.button("find/find_number").click()
    page.get_by_text("Ana Vidal").first.wait_for()
    counter.button("join/differ").click()
    page.get_by_role("heading", name=counter.text("join/other")).wait_for()
    # Somebody is no second registration of themself: the node refuses, and says why.
    page.get_by_role("textbox", name=counter.text("number/number")).fill(counter.number)
    counter.button("find/find_number").click()
    page.get_by_label(counter.text("links/grounds/statement"), exact=True).check()
    with town.client(town.b) as client:
        staff = client.request("GET", at(town.b, "staff"))["staff"]
        witness = staff[0]["practitioner"] if staff else Doctor(town, "周医生").id
    page.get_by_label(counter.text("join/witness")).select_option(witness)
    counter.visitor.meant.append("/links")
    counter.button("join/same").click()
    page.get_by_text("desk_link_to_itself").wait_for()
    with town.client(town.b) as client:
        for each in (counter.person, other):
            assert client.request("GET", at(town.b, f"persons/{each}/links"))["links"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_consent_without_a_phone_is_read_aloud_and_heard_by_two(
    town: Town, visit: Visit, language: str
) -> None:
    first, second = Doctor(town, f"李见证 {language}"), Doctor(town, f"王见证 {language}")
    counter = Counter(town, visit(locale=language), language, "郑玉梅")
    page = counter.open("/consent")

    def patient(key: str) -> str:
        return word(language, "patient", key)

    look = counter.button("consent/look")
    assert look.is_disabled()
    page.get_by_label(word(language, "doctor", "hospital/label")).select_option(town.a.id)
    page.get_by_label(patient("share/insides/doctors"), exact=True).check()
    laboratory = say(language, "portal_sign", "values/terms.categories/laboratory")
    page.get_by_label(laboratory, exact=True).check()
    page.get_by_label(patient("share/purposes/treat"), exact=True).check()
    look.click()
    page.get_by_role("heading", name=counter.text("consent/aloud"), exact=True).wait_for()
    region = page.get_by_role("region", name=counter.text("consent/aloud"))
    region.get_by_text(laboratory).first.wait_for()
    assert counter.visitor.findings() == []
    yes = counter.button("consent/yes")
    assert yes.is_disabled()
    page.get_by_label(counter.text("consent/methods/in-person"), exact=True).check()
    page.get_by_label(counter.text("consent/language")).select_option("yue")
    page.get_by_label(counter.text("consent/statement")).fill("我同意。")
    page.get_by_label(counter.text("consent/first")).select_option(first.id)
    # One member of staff is not two witnesses.
    assert (
        page.get_by_label(counter.text("consent/second"))
        .locator(f"option[value='{first.id}']")
        .count()
        == 0
    )
    page.get_by_label(counter.text("consent/second")).select_option(second.id)
    yes.click()
    page.get_by_text(counter.text("consent/done")).wait_for()
    page.get_by_role("button", name=say(language, "portal_proof", "badge/recorded")).wait_for()
    assert counter.visitor.findings() == []
    with town.client(town.b) as client:
        (given,) = client.request("GET", at(town.b, f"persons/{counter.person}/grants"))["grants"]
        (kept,) = client.request("GET", at(town.b, f"persons/{counter.person}/witnessed-consents"))[
            "evidence"
        ]
    assert (given["status"], given["terms"]["categories"]) == ("standing", ["laboratory"])
    assert sorted(kept["witnesses"]) == sorted([first.id, second.id])
    on_chain = town.get(f"/v1/consent/grants/{given['grant']}")["value"]
    assert on_chain["terms"] == kept["terms"]


def test_who_says_no_leaves_nothing_behind_and_who_has_a_key_signs_alone(
    town: Town, visit: Visit
) -> None:
    counter = Counter(town, visit(locale="en"), "en", "Vera Lund")
    page = counter.visitor.open(f"/en/desk/persons/{counter.person}/consent")
    page.get_by_label(word("en", "doctor", "hospital/label")).select_option(town.a.id)
    for key in ("share/insides/anybody", "share/purposes/treat"):
        page.get_by_label(word("en", "patient", key), exact=True).check()
    page.get_by_label(
        say("en", "portal_sign", "values/terms.categories/imaging"), exact=True
    ).check()
    counter.button("consent/look").click()
    counter.button("consent/no").click()
    page.get_by_role("heading", level=1, name="Vera Lund").wait_for()
    with town.client(town.b) as client:
        about = at(town.b, f"persons/{counter.person}/")
        assert client.request("GET", about + "grants")["grants"] == []
        assert client.request("GET", about + "witnessed-consents")["evidence"] == []


def test_a_lost_card_is_ended_and_a_returning_person_found_by_number(
    town: Town, visit: Visit
) -> None:
    language = "zh-CN"
    counter = Counter(town, visit(locale=language), language, "褚红")
    page = counter.open()
    counter.button("card/make").click()
    card = page.locator("code").last.inner_text()
    page.get_by_role("list", name=counter.text("card/all")).get_by_role("button").click()
    counter.button("card/end_now").click()
    page.get_by_text(counter.text("card/ended")).wait_for()
    assert counter.visitor.findings() == []
    counter.visitor.meant.append("/persons/look-up")
    counter.visitor.open(f"/{language}/desk")
    page.get_by_label(counter.text("find/card")).fill(card)
    counter.button("find/find_card").click()
    page.get_by_text("desk_not_found").wait_for()
    # Nobody treats this person now; the number is enough where they stand at the desk.
    page.get_by_role("textbox", name=counter.text("number/number")).fill(counter.number)
    counter.button("find/find_number").click()
    page.get_by_role("heading", level=1, name="褚红").wait_for()
    with town.client(town.b) as client:
        calls = client.request("GET", at(town.b, f"persons/{counter.person}/calls"))["calls"]
    assert "registration" in {each["purpose"] for each in calls}
