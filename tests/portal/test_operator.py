"""What an operator does in a real browser: look at the node, vote, search the trail, invite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import Visitor
from tests.portal.operator_people import Keeper
from tests.portal.town import Town
from tests.rows.calls import at
from yilian.ledger.modules.governance.messages import SetParameter, SetQuota
from yilian.sdk import drafts
from yilian.text import LANGUAGES

Visit = Callable[..., Visitor]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operator_sees_whether_the_node_is_well(town: Town, visit: Visit, language: str) -> None:
    keeper = Keeper(town, visit(locale=language), town.a, language)
    keeper.go("operator/node", "node/title")
    page = keeper.page
    page.get_by_role("heading", name=keeper.word("node/verdict/green")).wait_for()
    reached(page, town.node.engine.height)
    signed = page.get_by_role("table").first.get_by_role("cell", name=keeper.word("seats/yes"))
    assert signed.count() >= 1
    assert page.get_by_role("img").count() == 1
    page.get_by_text(keeper.word("blocks/as_table"), exact=True).click()
    assert page.get_by_role("table").nth(1).get_by_role("row").count() > 2
    keeper.look()
    page.get_by_text(keeper.word("blocks/as_table"), exact=True).click()
    keeper.picture("operator")
    # A block that is made while they look is shown without asking again.
    with town.client(town.b) as client:
        action = SetQuota(organisation=town.b.id, limit=90_000)
        client.governance.propose(proposal=drafts.fresh_id(), action=action)
    reached(page, town.node.engine.height)
    page.get_by_role("link", name=keeper.word("node/all_members"), exact=True).click()
    page.get_by_role("heading", name=keeper.word("members/title"), exact=True).wait_for()
    keeper.visitor.settle()
    page.get_by_role("link", name=town.a.name).wait_for()
    assert page.get_by_text(keeper.word("members/yours")).count() == 1
    keeper.look()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operator_votes_by_keyboard_and_a_vote_is_final(
    town: Town, visit: Visit, language: str
) -> None:
    proposal, limit = drafts.fresh_id(), 70_000 + len(language)
    with town.client(town.a) as client:
        action = SetParameter(name="person_quota", value=limit)
        client.governance.propose(proposal=proposal, action=action)
    keeper = Keeper(town, visit(locale=language), town.b, language)
    page = keeper.page
    keeper.go("operator/proposals", "proposals/title")
    row = page.get_by_role("row").filter(has_text=str(limit))
    row.get_by_text(town.a.name).wait_for()
    assert keeper.word("words/person_quota", "portal_values") in row.inner_text()
    keeper.look()
    row.get_by_role("link", name=keeper.word("proposals/to_vote")).click()
    page.get_by_role("heading", name=keeper.word("proposal/title"), exact=True).wait_for()
    # Without a key of the organisation nothing can be signed here: the command is told.
    page.get_by_text(f"--proposal {proposal} --approve").wait_for()
    assert page.get_by_role("button", name=keeper.word("vote/approve")).count() == 0
    keeper.hold_key()
    page.reload()
    approve = page.get_by_role("button", name=keeper.word("vote/approve"), exact=True)
    oppose = page.get_by_role("button", name=keeper.word("vote/oppose"), exact=True)
    approve.wait_for()
    assert approve.bounding_box()["height"] == oppose.bounding_box()["height"] >= 44
    keeper.look()
    press(page, keeper.word("vote/oppose"))
    sign = keeper.word("sign", "portal_sign")
    page.get_by_role("button", name=sign, exact=True).wait_for()
    keeper.look()
    press(page, sign)
    page.get_by_text(keeper.word("proposal/voted/opposed")).wait_for()
    with town.client(town.b) as client:
        stands = client.request("GET", f"/v1/governance/proposals/{proposal}")["value"]
    assert (stands["approved"], stands["opposed"]) == ([town.a.id], [town.b.id])
    assert page.get_by_role("button", name=keeper.word("vote/approve")).count() == 0
    badge = keeper.page.locator(".proof-badge[data-tone=green]")
    badge.first.wait_for()
    keeper.look()


def reached(page: Any, height: int) -> None:
    """Wait until the first number of the page, the node's height, is there."""
    page.wait_for_function(
        "height => Number(document.querySelector('dd').textContent.replaceAll(',', '')) >= height",
        arg=height,
    )


def press(page: Any, name: str) -> None:
    """Reach a button with Tab alone and press it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not reach {name}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operator_searches_the_trail(town: Town, visit: Visit, language: str) -> None:
    keeper = Keeper(town, visit(locale=language), town.a, language)
    page = keeper.page
    keeper.go("operator/audit", "audit/title")
    page.get_by_role("table").wait_for()
    page.get_by_label(keeper.word("audit/fields/operation")).fill(
        "post_v1_organisations_by_organisation_bundles"
    )
    page.keyboard.press("Enter")
    page.wait_for_url("**operation=post*")
    keeper.visitor.settle()
    rows = page.get_by_role("row").filter(has_text="bundles")
    rows.first.wait_for()
    assert page.get_by_role("row").count() == rows.count() + 1
    rows.first.get_by_text(keeper.word("audit/details"), exact=True).click()
    keeper.look()
    # The same search by its address, and one that fits nothing.
    page.reload()
    rows.first.wait_for()
    page.get_by_label(keeper.word("audit/fields/operation")).fill("get_nothing")
    page.get_by_role("button", name=keeper.word("audit/look"), exact=True).click()
    page.get_by_text(keeper.word("audit/none")).wait_for()
    page.get_by_label(keeper.word("audit/fields/actor")).fill("no id")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("bad_parameter").wait_for()
    keeper.visitor.settle()
    seen = keeper.visitor.refused
    assert all(each.startswith("400 /v1/organisations/") for each in seen)
    seen.clear()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operator_invites_and_takes_back(town: Town, visit: Visit, language: str) -> None:
    name = f"沈若水 {language}"
    doctor, _, _ = town.doctor(town.b)
    with town.client(town.b) as client:
        entry = {"name": name, "role": "physician"}
        client.request("PUT", at(town.b, f"staff/{doctor}"), entry)
    keeper = Keeper(town, visit(locale=language), town.b, language)
    page = keeper.page
    keeper.go("operator/invitations", "invitations/title")
    page.get_by_label(keeper.word("invite/whom")).select_option(label=name)
    keeper.look()
    page.get_by_role("button", name=keeper.word("invite/make"), exact=True).click()
    page.get_by_role("heading", name=keeper.word("issued/title"), exact=True).wait_for()
    link = page.locator("pre").inner_text()
    assert link.startswith(f"{town.origin}/{language}/join#")
    keeper.look()
    page.get_by_role("button", name=keeper.word("issued/done"), exact=True).click()
    row = page.get_by_role("row").filter(has_text=name)
    row.get_by_text(keeper.word("invitations/states/open")).wait_for()
    assert link.split("#")[1] not in page.content()
    row.get_by_role("button", name=keeper.word("invitations/take_back"), exact=True).click()
    row.get_by_text(keeper.word("invitations/states/revoked")).wait_for()
    keeper.look()
    # Somebody who is not of this organisation is refused, in words.
    page.get_by_label(keeper.word("invite/whom")).select_option(value="other")
    page.get_by_role("textbox", name=keeper.word("invite/id"), exact=True).fill(town.patient)
    page.get_by_role("button", name=keeper.word("invite/make"), exact=True).click()
    page.get_by_role("alert").get_by_text("sign_in.not_to_be_invited").wait_for()
    (refusal,) = keeper.visitor.refused
    assert refusal.endswith("/invitations")
    keeper.visitor.refused.clear()


def test_pages_of_operators_are_for_operators(town: Town, visit: Visit) -> None:
    visitor = visit(locale="en")
    page = visitor.open("/en/operator/audit")
    page.get_by_role("heading", name="Please sign in").wait_for()
    assert page.get_by_role("link", name="Audit trail").count() == 0
