"""Carers in a real browser: named by a code, act within their powers, and are ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.carer_people import Own
from tests.portal.town import SEEDS, Town
from tests.rows.calls import at
from yilian.text import LANGUAGES, say

Arrive = Callable[..., Own]


@pytest.fixture
def arrive(visit: Callable[..., Visitor], town: Town) -> Arrive:
    """Have a new person of hospital A sign in; with `own` their browser signs for them."""

    def open_(language: str = "en", *, own: bool = False, **more: Any) -> Own:
        who = str(town.load(town.a, next(SEEDS))["person"])
        made = Own(visit(locale=language, **more), language, town, who)
        if own:
            made.sign_self()
        return made

    return open_


def grants_of(town: Town, person: str) -> list[dict[str, Any]]:
    """Ask the hospital what a person has granted, and who acted."""
    with town.client(town.a) as client:
        return list(client.request("GET", at(town.a, f"persons/{person}/grants"))["grants"])


def carers_of(town: Town, person: str) -> dict[str, tuple[bool, list[str]]]:
    """Ask the hospital who may act for a person: by id, whether now, and what for."""
    with town.client(town.a) as client:
        found = client.request("GET", at(town.a, f"persons/{person}/carers"))["carers"]
    return {each["custodian"]: (each["on"], each["powers"]) for each in found}


def house(town: Town) -> str:
    """Give the name of hospital B."""
    return str(town.get(f"/v1/identity/subjects/{town.b.id}")["value"]["name"])


@pytest.mark.parametrize(("language", "width"), list(zip(LANGUAGES, WIDTHS, strict=True)))
def test_a_carer_shares_and_stops_for_a_person_in_custody(
    town: Town, arrive: Arrive, language: str, width: int
) -> None:
    carer = arrive(language, own=True, width=width)
    elder = arrive(language, width=WIDTHS[1] if width == WIDTHS[0] else WIDTHS[0])
    elder.names(carer.code(), carer.called(), "grant", "revoke")
    elder.page.get_by_text(elder.say("carers/never", name=carer.called())).wait_for()
    elder.page.get_by_text(elder.say("house_signs")).wait_for()
    assert carers_of(town, elder.person) == {}
    elder.check()
    elder.press("share/allow")
    elder.page.get_by_text(elder.say("carers/named", name=carer.called())).wait_for()
    elder.check()
    assert carers_of(town, elder.person) == {carer.person: (True, ["grant", "read", "revoke"])}

    name = elder.called()
    page = carer.page
    opens(carer).click()
    carer.head_of(carer.word("title")).wait_for()
    carer.check()
    carer.photograph("carer")
    page.get_by_role("link", name=carer.word("open_of", name=name), exact=True).click()
    banner = page.get_by_role("region", name=carer.word("banner/for", name=name), exact=True)
    banner.wait_for()
    carer.head_of(carer.word("instead/overview/title", person=name)).wait_for()
    page.get_by_text(carer.word("instead/overview/nobody"), exact=True).wait_for()
    carer.check()

    share(carer, elder.person, house(town))
    carer.sign()
    page.get_by_role("link", name=carer.word("instead/share/to_overview")).wait_for()
    (grant,) = grants_of(town, elder.person)
    assert (grant["by"], grant["status"]) == (carer.person, "standing")
    assert grants_of(town, carer.person) == []

    carer.care(elder.person, "access")
    carer.press("stop/begin_of", organisation=house(town))
    carer.sign()
    carer.recorded()
    assert grants_of(town, elder.person)[0]["status"] == "revoked"
    for other in ("readers", "records", "questions"):
        carer.care(elder.person, other)
        banner.wait_for()

    # What the carer's open page asks for after the end is refused.
    carer.visitor.meant.append(f"/persons/{elder.person}/")
    elder.look("carers")
    elder.press("carers/end_of", name=carer.called())
    elder.page.get_by_text(elder.say("carers/cannot", name=carer.called())).wait_for()
    elder.check()
    elder.press("carers/end_now")
    elder.page.get_by_text(elder.say("carers/ended", name=carer.called())).wait_for()
    assert carers_of(town, elder.person)[carer.person][0] is False
    carer.head_of(carer.word("ended/title")).wait_for()
    carer.check()


def opens(carer: Own) -> Any:
    """Find the way to whom one cares for, in the page itself."""
    main = carer.page.get_by_role("main")
    return main.get_by_role("link", name=carer.say("carer-code/open"), exact=True)


def share(carer: Own, ward: str, organisation: str) -> None:
    """Go through sharing for somebody, up to what is signed."""
    page = carer.care(ward, "share")
    carer.choose("radio", organisation)
    carer.choose("radio", carer.say("share/insides/doctors"))
    carer.press("go_on")
    carer.choose("checkbox", carer.category("laboratory"))
    carer.press("go_on")
    carer.choose("radio", page_purpose(carer, ward))
    carer.press("go_on")
    by = say(carer.language, "portal_sign", "for")
    page.get_by_role("term").filter(has_text=by).wait_for()
    carer.check()


def page_purpose(carer: Own, ward: str) -> str:
    """Say what treating somebody is called where one acts for them."""
    desk = carer.town.node.organisations[carer.town.a.id].vault.desk
    return carer.word("instead/share/purposes/treat", person=desk.person(ward).name)


def test_what_was_not_given_is_neither_offered_nor_opened(town: Town, arrive: Arrive) -> None:
    carer = arrive(own=True)
    elder, other = arrive("zh-CN", own=True), arrive("zh-CN")
    doctor, _, _ = town.doctor(town.b)
    elder.names(carer.code(), carer.called(), "revoke")
    elder.sign()
    elder.page.get_by_text(elder.say("carers/named", name=carer.called())).wait_for()
    assert carers_of(town, elder.person) == {carer.person: (True, ["revoke"])}
    town.share(other.person, doctor, ["laboratory"])

    page = carer.care(elder.person, "overview")
    name = elder.called()
    banner = page.get_by_role("region", name=carer.word("banner/for", name=name), exact=True)
    links = banner.get_by_role("link")
    assert links.all_inner_texts() == [
        carer.word("pages/overview"), carer.word("pages/access"), carer.word("banner/leave"),
    ]  # fmt: skip
    start = carer.word("instead/share/start", person=name)
    assert page.get_by_role("link", name=start).count() == 0
    assert page.get_by_role("heading", name=carer.say("overview/looked")).count() == 0
    for closed in ("share", "readers", "records"):
        carer.care(elder.person, closed)
        carer.head_of(carer.word("not_given/title")).wait_for()
    for stranger in (other.person, town.loaded):
        carer.care(stranger, "access")
        carer.head_of(carer.word("ended/title")).wait_for()


def test_a_carer_who_stops_acts_no_more(town: Town, arrive: Arrive) -> None:
    carer = arrive("zh-CN", own=True, width=WIDTHS[0])
    child = arrive("zh-CN")
    with town.client(town.a) as client:
        body = {"custodian": carer.person, "powers": ["read"], "ends": 2**45}
        client.request("POST", at(town.a, f"persons/{child.person}/carers"), body)
    carer.look("carer-code")
    opens(carer).click()
    page = carer.page
    page.get_by_role("button", name=carer.word("stop_of", name=child.called())).click()
    page.get_by_text(carer.word("stopping", name=child.called())).wait_for()
    carer.sign()
    carer.recorded()
    carer.check()
    page.get_by_role("button", name=carer.word("go_on"), exact=True).click()
    page.get_by_text(carer.word("nobody")).wait_for()
    assert carers_of(town, child.person) == {carer.person: (False, ["read"])}


def test_a_wrong_code_names_nobody(town: Town, arrive: Arrive) -> None:
    elder = arrive("zh-CN", width=WIDTHS[0])
    page = elder.look("carers")
    page.get_by_text(elder.say("carers/nobody"), exact=True).wait_for()
    elder.visitor.meant.append("/carers/met")
    page.get_by_label(elder.say("carers/code")).fill("A" * 52)
    elder.press("carers/find")
    page.get_by_text(say("zh-CN", "errors", "introduction_unknown/title")).wait_for()
    elder.check()
    assert carers_of(town, elder.person) == {}


def test_who_does_not_sign_yet_is_told_what_to_do(arrive: Arrive) -> None:
    person = arrive()
    page = person.look("carer-code")
    page.get_by_role("link", name=person.say("device/title"), exact=True).click()
    person.head_of(person.say("device/title")).wait_for()
    person.visitor.open("/en/care")
    person.head_of(say("en", "portal", "not_yours/title")).wait_for()


def test_a_carer_stops_a_permission_by_keyboard_alone(town: Town, arrive: Arrive) -> None:
    carer, elder = arrive(own=True), arrive()
    doctor, _, _ = town.doctor(town.b)
    town.share(elder.person, doctor, ["medication"])
    with town.client(town.a) as client:
        body = {"custodian": carer.person, "powers": ["revoke"], "ends": 2**45}
        client.request("POST", at(town.a, f"persons/{elder.person}/carers"), body)
    carer.look("carer-code")
    page = carer.page

    def press(label: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            script = "(document.activeElement.ariaLabel || document.activeElement.textContent)"
            if page.evaluate(script) == label:
                page.keyboard.press("Enter")
                return
        raise AssertionError(label)

    opens(carer).wait_for()
    press(carer.say("carer-code/open"))
    carer.head_of(carer.word("title")).wait_for()
    page.get_by_role("link", name=carer.word("open_of", name=elder.called())).wait_for()
    press(carer.word("open_of", name=elder.called()))
    stop = carer.say("stop/begin_of", organisation=house(town))
    page.get_by_role("button", name=stop, exact=True).wait_for()
    press(stop)
    sign = say("en", "portal_sign", "sign")
    page.get_by_role("button", name=sign, exact=True).wait_for()
    press(sign)
    carer.recorded()
    assert grants_of(town, elder.person)[0]["status"] == "revoked"
