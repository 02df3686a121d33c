"""What a pharmacist's pages call recorded is checked in the browser, and red where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.supply_people import Pharmacist, delivered
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.supplied import gtin
from yilian.sdk import drafts
from yilian.text import say

Enter = Callable[..., Pharmacist]
LANGUAGES = ("en", "zh-CN")
PATIENCE = 40_000


@pytest.fixture
def enter(visit: Callable[..., Visitor], town: Town) -> Enter:
    """Have a new pharmacist of the shop sign in."""

    def open_(language: str = "en", **more: Any) -> Pharmacist:
        return Pharmacist(town, Guest(visit(locale=language, **more), language))

    return open_


def altered(page: Any, address: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Have the node lie from now on."""

    def answer(route: Any) -> None:
        response = route.fetch()
        told = response.json()
        change(told)
        route.fulfill(response=response, body=json.dumps(told))

    page.route(address, answer)


def history(who: Pharmacist, act: str) -> Any:
    """Open the proof of the newest line with an act."""
    who.page.locator("summary", has_text=who.say("history/title")).click()
    table = who.page.get_by_role("table", name=who.say("history/caption"))
    row = table.get_by_role("row").filter(has_text=act).first
    row.locator("summary").click()
    return row


@pytest.mark.parametrize(("language", "width"), [("en", WIDTHS[0]), ("zh-CN", WIDTHS[1])])
def test_what_was_done_is_proved_by_the_next_post(
    town: Town, enter: Enter, language: str, width: int
) -> None:
    (one,) = delivered(town, 1, received=True)
    who = enter(language, width=width)
    page = who.look("scan")
    who.scan(one)
    who.button("actions/dispense/name").click()
    who.until_done("dispense")
    # It waits for the post, and then turns green by itself.
    page.locator(".tone-green .proof-badge[data-tone=green]").first.wait_for(timeout=PATIENCE)
    who.check()
    act = say(who.language, "portal_regulator", "acts/dispense")
    row = history(who, act)
    row.locator(".proof-badge[data-tone=green]").wait_for(timeout=PATIENCE)
    who.check()


LIES = {
    "event": "told.content = told.content.replace('dispensing', 'destroying')",
    "time": """told.content = told.content.replace('"eventTime":"20', '"eventTime":"19')""",
    "titles": "told.proof.titles_root = 'A'.repeat(43) + '='",
}
LYING = """() => {
  const honest = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await honest(...asked);
    const lie = localStorage.getItem('lie');
    if (lie === null || !answer.url.includes('/supply/recorded?')) return answer;
    const told = await answer.json();
    LIES[lie](told);
    return new Response(JSON.stringify(told), {status: 200, headers: answer.headers});
  };
}"""


def test_a_tampered_answer_is_red(town: Town, enter: Enter) -> None:
    (one,) = delivered(town, 1, received=True)
    town.until_done(town.shop, "dispense", [one])
    who = enter()
    lies = ", ".join(f"{name}: (told) => {{ {change}; }}" for name, change in LIES.items())
    who.page.add_init_script(f"const LIES = {{{lies}}}; ({LYING})();")
    page = who.look("scan")
    act = say("en", "portal_regulator", "acts/dispense")
    tones = []
    for lie in (None, *LIES):
        if lie is not None:
            page.evaluate("(lie) => localStorage.setItem('lie', lie)", lie)
        page.reload()
        who.scan(one)
        badge = history(who, act).locator(".proof-badge:not([data-tone=grey])")
        badge.wait_for(timeout=PATIENCE)
        tones.append(badge.get_attribute("data-tone"))
    assert tones == ["green", "red", "red", "red"]
    who.check()


def test_a_recall_is_proved_as_it_is_shown(town: Town, enter: Enter) -> None:
    recall, lot = drafts.fresh_id(), f"P{drafts.fresh_id()[:6]}".replace("-", "0")
    with town.client(town.maker) as client:
        client.supply.issue_recall(
            recall=recall, gtin=gtin(), grade=3, reason="labelling", lots=[lot], serials=[]
        )
    who = enter()
    page = who.look("recalls")
    line = page.get_by_role("listitem").filter(
        has=page.locator(f"a[href$='supply/recalls/{recall}']")
    )
    line.wait_for(timeout=PATIENCE)
    line.locator("summary").click()
    line.locator(".proof-badge[data-tone=green]").wait_for(timeout=PATIENCE)
    who.check()

    def narrow(told: dict[str, Any]) -> None:
        told["recall"]["lots"] = ["ANOTHER"]

    altered(page, f"**/v1/organisations/*/supply/recalls/{recall}", narrow)
    line.get_by_role("link").click()
    page.locator(".proof-badge[data-tone=red]").wait_for(timeout=PATIENCE)
    with town.client(town.maker) as client:
        client.supply.end_recall(recall=recall)
