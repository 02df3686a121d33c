"""Guardians in real browsers: named, asked, approving; the old device objects, or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.carer_people import GUARDIAN_CODE, Own
from tests.portal.town import SEEDS, Town
from tests.rows.calls import at
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.text import say

DAY_MS = 86_400_000
SOON_MS = 2_000
SPOKEN = re.compile(r"^\S{4} \S{4}$")
"""A key's code, as it is read out."""

Arrive = Callable[..., Own]


@pytest.fixture
def arrive(visit: Callable[..., Visitor], town: Town) -> Arrive:
    """Have a person of hospital A sign in, a new one unless said."""

    def open_(
        language: str = "en", person: str | None = None, link: str | None = None, **more: Any
    ) -> Own:
        who = person or str(town.load(town.a, next(SEEDS))["person"])
        return Own(visit(locale=language, **more), language, town, who, link)

    return open_


def wait_for(town: Town, milliseconds: int) -> None:
    """Have the members vote how long a recovery waits."""
    proposal = drafts.fresh_id()
    action = SetParameter(name="recovery_delay_ms", value=milliseconds)
    with town.client(town.a) as client:
        client.governance.propose(proposal=proposal, action=action)
    for each in (town.b, town.authority, *town.more):
        with town.client(each) as client:
            try:
                client.governance.vote(proposal=proposal, approve=True)
            except ProblemError:
                # Enough have voted, or this one is no member.
                continue
    now = town.get("/v1/governance/parameters/current")["value"]
    assert now["recovery_delay_ms"] == milliseconds


@pytest.fixture
def soon(town: Town) -> Iterator[None]:
    """Recoveries wait for two seconds; afterwards a day again, as others expect."""
    wait_for(town, SOON_MS)
    yield
    wait_for(town, DAY_MS)


def becomes_guardian(guardian: Own, label: str) -> str:
    """Make a guardian's code for somebody."""
    page = guardian.look("guarding")
    page.get_by_label(guardian.guard("guarding/label")).fill(label)
    page.get_by_role("button", name=guardian.guard("guarding/make"), exact=True).click()
    done = page.get_by_role("status").filter(has_text=guardian.guard("guarding/made", name=label))
    done.wait_for()
    guardian.check()
    return str(done.get_by_text(GUARDIAN_CODE).inner_text())


def box(who: Own, key: str) -> Any:
    """Find a field by its label."""
    return who.page.get_by_role("textbox", name=who.guard(key), exact=True)


def names(owner: Own, codes: dict[str, str], threshold: int) -> None:
    """Name guardians and sign it."""
    page = owner.look("guardians")
    page.get_by_text(owner.guard("guardians/none"), exact=True).wait_for()
    for name, code in codes.items():
        box(owner, "naming/name").fill(name)
        box(owner, "naming/code").fill(code)
        page.get_by_role("button", name=owner.guard("naming/add"), exact=True).click()
        remove = owner.guard("naming/remove_of", name=name)
        page.get_by_role("button", name=remove, exact=True).wait_for()
    page.get_by_label(owner.guard("naming/threshold")).select_option(str(threshold))
    owner.check()
    page.get_by_role("button", name=owner.guard("naming/go_on"), exact=True).click()
    for name in codes:
        page.get_by_text(name).first.wait_for()
    owner.sign()
    owner.recorded()
    page.get_by_role("button", name=owner.guard("go_on"), exact=True).click()
    told = owner.guard("guardians/standing_other", guardians=len(codes), count=threshold)
    page.get_by_text(told, exact=True).wait_for()


def asks(new: Own) -> str:
    """Ask the guardians from a new device; gives the code that is read out."""
    page = new.look("new-key")
    page.get_by_role("checkbox").check()
    new.check()
    page.get_by_role("button", name=new.guard("new_key/ask"), exact=True).click()
    page.get_by_text(new.guard("new_key/waiting"), exact=True).wait_for()
    new.check()
    shown = page.locator("main code").filter(has_text=SPOKEN)
    shown.wait_for()
    return str(shown.inner_text())


def approves(guardian: Own, label: str, code: str, then: str, **places: int) -> None:
    """Approve what waits, once it shows the code that was read out."""
    page = guardian.look("guarding")
    page.get_by_text(guardian.guard("request/who", name=label), exact=True).wait_for()
    page.get_by_text(code, exact=True).wait_for()
    guardian.check()
    page.get_by_role("button", name=guardian.guard("request/approve"), exact=True).click()
    page.get_by_text(guardian.guard(f"request/{then}", **places)).wait_for()


def test_the_old_device_stops_what_it_did_not_ask_for(town: Town, arrive: Arrive) -> None:
    owner = arrive("en", width=WIDTHS[0])
    owner.sign_self()
    guardians = [arrive("zh-CN"), arrive("en", width=WIDTHS[0])]
    codes = {f"guardian {at}": becomes_guardian(each, "王芳") for at, each in enumerate(guardians)}
    names(owner, codes, 2)
    owner.photograph("guardians")

    # Somebody got hold of an invitation, and of guardians who did not call.
    with town.client(town.a) as client:
        body = {"subject": owner.person, "language": "en"}
        link = str(client.request("POST", at(town.a, "invitations"), body)["link"])
    thief = arrive("en", owner.person, link=link)
    code = asks(thief)
    owner.look("guardians")
    owner.page.get_by_text(owner.guard("objecting/waiting"), exact=True).wait_for()
    owner.check()
    approves(guardians[0], "王芳", code, "waiting", approved=1, threshold=2)
    approves(guardians[1], "王芳", code, "proposed")
    thief.page.get_by_text(thief.guard("new_key/running"), exact=True).wait_for()
    thief.check()

    page = owner.page
    page.get_by_text(owner.guard("objecting/running"), exact=True).wait_for()
    owner.check()
    page.get_by_role("button", name=owner.guard("objecting/stop"), exact=True).click()
    owner.sign()
    page.get_by_role("heading", name=owner.guard("naming/again"), exact=True).wait_for()
    thief.page.get_by_role("button", name=thief.guard("new_key/ask"), exact=True).wait_for()
    (key,) = town.get(f"/v1/identity/subjects/{owner.person}")["value"]["keys"]
    assert town.get(f"/v1/identity/keys/{key}")["value"].get("until") is None


def test_a_new_device_signs_once_the_wait_is_over(town: Town, soon: None, arrive: Arrive) -> None:
    owner = arrive("zh-CN")
    owner.sign_self()
    guardians = [arrive("zh-CN", width=WIDTHS[0]), arrive("zh-CN")]
    codes = {f"联系人{at}": becomes_guardian(each, "王芳") for at, each in enumerate(guardians)}
    names(owner, codes, 1)
    (lost,) = town.get(f"/v1/identity/subjects/{owner.person}")["value"]["keys"]

    # The sign-in is renewed: what the old device had is over.
    owner.page.goto("about:blank")
    new = arrive("zh-CN", owner.person, width=WIDTHS[0])
    page = new.page
    code = asks(new)
    approves(guardians[0], "王芳", code, "proposed")
    page.get_by_text(new.guard("new_key/signs")).wait_for()
    new.check()
    (key,) = town.get(f"/v1/identity/subjects/{owner.person}")["value"]["keys"]
    assert key != lost

    name = town.get(f"/v1/identity/subjects/{town.b.id}")["value"]["name"]
    page = new.look("share")
    new.choose("radio", name)
    new.choose("radio", new.say("share/insides/doctors"))
    new.press("go_on")
    new.choose("checkbox", new.category("laboratory"))
    new.press("go_on")
    new.choose("radio", new.say("share/purposes/treat"))
    new.press("go_on")
    new.sign()
    page.get_by_role("link", name=new.say("share/to_overview")).wait_for()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_who_cannot_be_helped_is_told_so(arrive: Arrive, language: str) -> None:
    person = arrive(language, width=WIDTHS[0])
    page = person.look("new-key")
    page.get_by_role("link", name=person.guard("guardians/to_device"), exact=True).wait_for()
    person.look("guardians")
    page.get_by_role("link", name=person.guard("guardians/to_device"), exact=True).wait_for()
    person.look("guarding")
    page.get_by_text(person.guard("guarding/none"), exact=True).wait_for()
    person.sign_self()
    person.page.goto("about:blank")
    other = arrive(language, person.person)
    page = other.look("new-key")
    page.get_by_text(other.guard("new_key/no_guardians"), exact=True).wait_for()
    # What would be signed leads here from a device without the key.
    page = other.look("guardians")
    page.get_by_text(other.guard("guardians/none"), exact=True).wait_for()
    box(other, "naming/name").fill("A")
    box(other, "naming/code").fill("short")
    page.get_by_role("button", name=other.guard("naming/add"), exact=True).click()
    page.get_by_text(other.guard("naming/no_code"), exact=True).wait_for()
    box(other, "naming/code").fill("A" * 43)
    page.get_by_role("button", name=other.guard("naming/add"), exact=True).click()
    page.get_by_label(other.guard("naming/threshold")).select_option("1")
    page.get_by_role("button", name=other.guard("naming/go_on"), exact=True).click()
    page.get_by_role("link", name=say(language, "portal_patient", "no_key/lost")).click()
    other.head_of(other.guard("new_key/title")).wait_for()
