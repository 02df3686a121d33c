"""Who finds which pages in a real browser: by what the chain says now, and by nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import Visitor
from tests.portal.doctor_people import Doctor, join, word
from tests.portal.operator_people import Keeper
from tests.portal.supply_people import Pharmacist
from tests.portal.test_sign_in import Guest, link_for
from tests.portal.town import Town
from yilian.gateway.auth.factors import code_at
from yilian.sdk import drafts
from yilian.text import LANGUAGES, say

Visit = Callable[..., Visitor]
FIRST = {
    "patient": "my/overview",
    "carer": "care",
    "doctor": "doctor",
    "desk": "desk",
    "supply": "supply",
    "regulator": "oversight/now",
    "operator": "operator/node",
}
"""The first page of each role."""


def words(language: str, key: str, **places: str | int) -> str:
    """Give a text of the frame."""
    return say(language, "portal", key, **places)


def closed(visitor: Visitor, language: str, own: set[str]) -> None:
    """All pages but one's own say that they are for others, and for whom."""
    for role, path in FIRST.items():
        page = visitor.open(f"/{language}/{path}")
        told = page.get_by_role("heading", name=words(language, "not_yours/title"), exact=True)
        why = page.get_by_text(words(language, f"not_yours/for/{role}"), exact=True)
        assert (told.count(), why.count()) == ((0, 0) if role in own else (1, 1)), role
    assert visitor.findings() == []


def navigation(page: Any, language: str) -> Any:
    """Find the main navigation."""
    return page.get_by_role("navigation", name=words(language, "navigation"))


def switch(page: Any, language: str) -> Any:
    """Find where one chooses as what one works."""
    return page.get_by_role("navigation", name=words(language, "work"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_doctor_finds_the_pages_of_doctors_alone(town: Town, visit: Visit, language: str) -> None:
    doctor, _, licence = town.doctor(town.b)
    guest = Guest(visit(locale=language), language)
    join(guest, town, doctor)
    page = guest.page
    page.get_by_role("link", name=guest.word("join/go_on"), exact=True).click()
    page.get_by_role("heading", name=word(language, "doctor", "waiting/title")).wait_for()
    assert switch(page, language).count() == 0
    closed(guest.visitor, language, {"doctor"})
    # The page of somebody else leads back to one's own.
    page.get_by_role("link", name=words(language, "not_yours/next"), exact=True).click()
    head = page.get_by_role("heading", name=word(language, "doctor", "waiting/title"))
    head.wait_for()
    guest.visitor.settle()
    # The licence ends while the page is open: it goes by itself, and comes back with a new one.
    with town.client(town.authority) as client:
        client.identity.revoke_licence(licence=licence)
    page.get_by_role("heading", name=words(language, "not_yours/title")).wait_for(timeout=60_000)
    assert (
        navigation(page, language)
        .get_by_text(word(language, "doctor", "navigation/waiting"), exact=True)
        .count()
        == 0
    )
    with town.client(town.authority) as client:
        client.identity.issue_licence(
            licence=drafts.fresh_id(),
            practitioner=doctor,
            profession="nurse",
            ends=town.now() + 86_400_000,
        )
    head.wait_for(timeout=60_000)


def test_a_pharmacist_an_operator_and_a_patient_find_their_own(town: Town, visit: Visit) -> None:
    language = "en"
    pharmacist = Pharmacist(town, Guest(visit(locale=language), language))
    closed(pharmacist.visitor, language, {"supply"})
    keeper = Keeper(town, visit(locale=language), town.regulator, language)
    closed(keeper.visitor, language, {"regulator", "operator"})
    patient = Guest(visit(locale=language), language)
    page = patient.visitor.open(link_for(town, town.a, town.loaded, language))
    patient.button("join/make").click()
    patient.head("join/welcome").wait_for()
    page.get_by_role("link", name=patient.word("join/go_on"), exact=True).click()
    page.wait_for_url("**/my/overview")
    patient.visitor.settle()
    closed(patient.visitor, language, {"patient"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_works_as_several_switches(town: Town, visit: Visit, language: str) -> None:
    keeper = Keeper(town, visit(locale=language), town.b, language)
    page = keeper.page
    page.get_by_role("link", name=say(language, "portal_account", "join/go_on")).click()
    page.get_by_role("heading", name=word(language, "desk", "find/title")).wait_for()
    current = switch(page, language).locator("[aria-current=true]")
    assert current.inner_text() == words(language, "roles/desk")
    own = word(language, "operator", "navigation/audit")
    assert navigation(page, language).get_by_role("link", name=own).count() == 0
    switch(page, language).get_by_role("link", name=words(language, "roles/operator")).click()
    page.get_by_role("heading", name=keeper.word("node/title"), exact=True).wait_for()
    navigation(page, language).get_by_role("link", name=own).wait_for()
    # On a page for everybody the choice stays.
    page.get_by_role("link", name=words(language, "help"), exact=True).click()
    page.wait_for_url("**/help")
    navigation(page, language).get_by_role("link", name=own).wait_for()
    assert keeper.visitor.findings() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_menu_of_a_phone(town: Town, visit: Visit, language: str) -> None:
    doctor = Doctor(town, "李晓东")
    guest = Guest(visit(locale=language, width=390), language)
    join(guest, town, doctor.id)
    visitor, page = guest.visitor, guest.page
    visitor.open(f"/{language}/doctor")
    menu = page.get_by_role("button", name=words(language, "menu"), exact=True)
    reviews = page.get_by_role("link", name=word(language, "doctor", "navigation/reviews"))
    assert menu.get_attribute("aria-expanded") == "false"
    assert reviews.count() == 0
    for name in (words(language, "help"), words(language, "signed_in", name=doctor.id[:8])):
        assert page.get_by_role("link", name=name, exact=True).is_visible()
    assert visitor.findings() == []
    # By keyboard: open, close with Escape (the focus is back on the button), open, and go.
    menu.focus()
    page.keyboard.press("Enter")
    reviews.wait_for()
    assert menu.get_attribute("aria-expanded") == "true"
    assert visitor.findings() == []
    assert not visitor.wider_than_window()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    reviews.wait_for(state="detached")
    assert menu.get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.textContent") == words(language, "menu")
    page.keyboard.press("Enter")
    reviews.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=word(language, "doctor", "reviews/title")).wait_for()
    reviews.wait_for(state="detached")
    # A tap beside it closes it too.
    menu.click()
    reviews.wait_for()
    page.get_by_role("heading", level=1).click()
    reviews.wait_for(state="detached")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_doctor_gets_a_key_at_joining(town: Town, visit: Visit, language: str) -> None:
    name = f"顾清源 {language}"
    keeper = Keeper(town, visit(locale=language), town.b, language)
    page = keeper.page
    keeper.go("operator/invitations", "invitations/title")
    page.get_by_label(keeper.word("invite/whom")).select_option(value="new")
    keeper.look()
    typed = page.get_by_role("textbox", name=keeper.word("newcomer/name"), exact=True)
    typed.fill(name)
    number = page.get_by_role("textbox", name=keeper.word("newcomer/number"), exact=True)
    number.fill(f"B-{language}")
    role = page.get_by_role("combobox", name=keeper.word("newcomer/role"), exact=True)
    role.select_option(value="physician")
    page.get_by_role("button", name=keeper.word("invite/make"), exact=True).click()
    page.get_by_role("heading", name=keeper.word("issued/title"), exact=True).wait_for()
    link = page.locator("pre").inner_text()
    row = page.get_by_role("row").filter(has_text=name)
    row.get_by_text(keeper.word("invitations/states/open")).wait_for()

    guest = Guest(visit(locale=language), language)
    own = guest.visitor.open(link)
    guest.button("join/make").click()
    guest.button("set_up/begin").click()
    own.get_by_role("img", name=guest.word("set_up/qr")).wait_for()
    shown = own.locator("code").first.inner_text().replace(" ", "")
    guest.give(code_at(base64.b32decode(shown), town.now()))
    guest.head("join/welcome").wait_for()
    # Without a licence there is nothing to do yet, and it is said why.
    own.get_by_role("link", name=guest.word("join/go_on"), exact=True).click()
    own.get_by_text(guest.word("account/no_licence"), exact=True).wait_for()
    with town.client(town.b) as client:
        staff = client.request("GET", f"/v1/organisations/{town.b.id}/staff")["staff"]
    (doctor,) = (each["practitioner"] for each in staff if each["name"] == name)
    with town.client(town.authority) as client:
        client.identity.issue_licence(
            licence=drafts.fresh_id(),
            practitioner=doctor,
            profession="physician",
            ends=town.now() + 86_400_000,
        )
    tab = word(language, "doctor", "navigation/waiting")
    navigation(own, language).get_by_role("link", name=tab).wait_for(timeout=60_000)
    guest.visitor.open(f"/{language}/doctor/key")
    own.get_by_text(word(language, "doctor", "key/here")).wait_for()
    (key,) = town.get("/v1/identity/keys", owner=doctor)["items"]
    assert own.locator("code").first.inner_text() == key["id"]
