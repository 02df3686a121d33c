"""Before and after in the explorer: what a transaction changed, proved in the browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.town import Town
from yilian.ledger.modules.governance.messages import SetQuota
from yilian.sdk import drafts
from yilian.text import LANGUAGES, say

PROVED = 100
"""Heights whose state a node can prove."""


def quota(town: Town, limit: int) -> str:
    """Propose a quota; gives the hash of the vote that B then casts on it."""
    proposal = drafts.fresh_id()
    with town.client(town.a) as client:
        action = SetQuota(organisation=town.a.id, limit=limit)
        client.governance.propose(proposal=proposal, action=action)
    with town.client(town.b) as client:
        return str(client.governance.vote(proposal=proposal, approve=False).hash)


@pytest.mark.parametrize(("language", "width"), list(zip(LANGUAGES, WIDTHS, strict=True)))
def test_a_record_before_and_after(
    town: Town, visit: Callable[..., Visitor], language: str, width: int
) -> None:
    vote = quota(town, 50_000 + width)
    visitor = visit(locale=language, width=width)
    page = visitor.open(f"/{language}/explorer/transactions/{vote}")
    page.get_by_role(
        "button", name=say(language, "portal_public", "changed/show"), exact=True
    ).click()
    kind = say(language, "portal_public", "changed/kinds/governance_proposal")
    table = page.get_by_role("table").filter(has_text=kind)
    row = table.get_by_role("row").filter(has_text="opposed")
    row.get_by_text(town.b.id).wait_for()
    before, after = row.get_by_role("cell").all_inner_texts()
    assert town.b.id not in before
    assert json.loads(after) == [town.b.id]
    # Two sides and the transaction itself: each is proved here, not believed.
    page.wait_for_function(
        "() => document.querySelectorAll('.proof-badge[data-tone=green]').length === 3"
    )
    assert visitor.findings() == []
    assert not visitor.wider_than_window()


def test_a_lie_about_before_turns_red(town: Town, visit: Callable[..., Visitor]) -> None:
    vote = quota(town, 60_001)
    visitor = visit(locale="en")
    height = int(town.get(f"/v1/transactions/{vote}")["height"])

    def lie(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        told["value"] = told["value"].replace("60001", "60002")
        route.fulfill(response=answer, json=told)

    visitor.page.route(f"**/v1/state?*height={height - 1}*", lie)
    page = visitor.open(f"/en/explorer/transactions/{vote}")
    page.get_by_role("button", name=say("en", "portal_public", "changed/show")).click()
    page.locator(".proof-badge[data-tone=red]").wait_for()
    assert page.locator(".proof-badge[data-tone=red]").count() == 1


def test_what_is_older_than_the_proofs_says_so(town: Town, visit: Callable[..., Visitor]) -> None:
    vote = quota(town, 60_003)
    with town.client(town.a) as client:
        for _ in range(PROVED + 1):
            client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
    visitor = visit(locale="en")
    visitor.meant.append("/v1/state")
    page = visitor.open(f"/en/explorer/transactions/{vote}")
    page.get_by_role("button", name=say("en", "portal_public", "changed/show")).click()
    page.get_by_text(say("en", "portal_public", "changed/not_kept")).wait_for()
