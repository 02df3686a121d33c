"""Calling packs back in a real browser: by the owner of a product, a regulator, nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import Visitor
from tests.portal.operator_people import Keeper
from tests.portal.town import Town
from tests.rows.supplied import gtin
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.sdk import drafts
from yilian.text import LANGUAGES

Visit = Callable[..., Visitor]
FILE = "portal_regulator"


class Issuer(Keeper):
    """Somebody at the page on which packs are called back."""

    def say(self, key: str, **places: Any) -> str:
        return self.word(key, FILE, **places)

    def button(self, key: str) -> Any:
        return self.page.get_by_role("button", name=self.say(key), exact=True)

    def numbers(self, scope: str) -> Any:
        """The field for lots or serial numbers."""
        name = self.say(f"recall_new/numbers/{scope}")
        return self.page.get_by_role("textbox", name=name, exact=True)

    def fill(self, scope: str, numbers: str = "", grade: str = "2") -> None:
        """Say what is called back and why; the product is chosen already."""
        self.page.get_by_role("radio", name=self.say(f"recall_new/scopes/{scope}")).check()
        if numbers:
            self.numbers(scope).fill(numbers)
        self.page.get_by_label(self.say("recall_new/grade")).select_option(grade)
        self.page.get_by_label(self.say("recall_new/reason")).select_option("potency")

    def issued(self) -> str:
        """Wait for the recall's own page; gives its id."""
        self.page.wait_for_url(re.compile("/oversight/recalls/[A-Za-z0-9_-]{22}$"))
        heading = self.page.get_by_role("heading", name=self.say("recall/title"), exact=True)
        heading.wait_for()
        return str(self.page.url.rpartition("/")[2])


def on_chain(town: Town, recall: str) -> dict[str, Any]:
    return dict(town.get(f"/v1/supply/recalls/{recall}")["value"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_maker_calls_a_lot_back_widens_it_and_ends_it(
    town: Town, visit: Visit, language: str
) -> None:
    keeper = Issuer(town, visit(locale=language), town.maker, language)
    page, lot = keeper.page, f"I-{language}"
    keeper.go("oversight/now", "now/title", FILE)
    page.get_by_role("link", name=keeper.say("now/recall"), exact=True).click()
    page.get_by_role("heading", name=keeper.say("recall_new/title"), exact=True).wait_for()
    keeper.look()
    # Nothing is chosen beforehand, and each thing that is missing is asked for.
    keeper.button("recall_new/review").click()
    page.get_by_text(keeper.say("recall_new/wrong/gtin")).wait_for()
    product = page.get_by_label(keeper.say("recalls/product"), exact=True)
    product.select_option(gtin(2))
    keeper.button("recall_new/review").click()
    page.get_by_text(keeper.say("recall_new/wrong/grade")).wait_for()
    keeper.fill("lots", "not a lot")
    keeper.button("recall_new/review").click()
    page.get_by_text(keeper.say("recall_new/wrong/numbers")).wait_for()
    keeper.look()
    keeper.fill("lots", f"{lot}\n")
    keeper.button("recall_new/review").click()
    page.get_by_role("heading", name=keeper.say("recall_new/check"), exact=True).wait_for()
    page.get_by_text(keeper.say("recall_new/packs/lots", numbers=lot), exact=True).wait_for()
    for each in town.traders:
        page.get_by_role("listitem").filter(has_text=each.name).first.wait_for()
    keeper.look()
    # Who goes back finds all that was typed.
    keeper.button("recall_new/change").click()
    assert keeper.numbers("lots").input_value() == f"{lot}\n"
    keeper.button("recall_new/review").click()
    keeper.button("recall_new/do").click()
    recall = keeper.issued()
    found = on_chain(town, recall)
    assert (found["issuer"], found["gtin"], found["grade"]) == (town.maker.id, gtin(2), 2)
    assert (found["lots"], found["reason"]) == ([lot], "potency")
    page.locator(".proof-badge[data-tone=green]").wait_for()
    page.get_by_role("row").filter(has_text=town.shop.name).wait_for()
    keeper.look()
    # Wider, and then over.
    page.locator("summary", has_text=keeper.say("recall_acts/extend/title")).click()
    keeper.numbers("lots").fill(f"{lot}-2")
    keeper.button("recall_acts/extend/do").click()
    both = keeper.say("recall/lots", lots=f"{lot}, {lot}-2")
    page.get_by_text(both, exact=True).wait_for()
    assert on_chain(town, recall)["lots"] == [lot, f"{lot}-2"]
    page.locator("summary", has_text=keeper.say("recall_acts/end/title")).click()
    keeper.look()
    keeper.button("recall_acts/end/do").click()
    page.get_by_text(keeper.say("recall/over"), exact=True).wait_for()
    assert on_chain(town, recall)["ended"] is not None
    assert keeper.button("recall_acts/end/do").count() == 0


def test_a_regulator_calls_packs_back_by_number_with_the_keyboard(town: Town, visit: Visit) -> None:
    keeper = Issuer(town, visit(), town.regulator, "en")
    page = keeper.page
    keeper.go("oversight/recalls/new", "recall_new/title", FILE)
    page.get_by_label(keeper.say("trace/fields/gtin")).focus()
    page.keyboard.type(gtin(3))
    page.keyboard.press("Tab")
    page.get_by_role("radio", name=keeper.say("recall_new/scopes/serials")).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.insert_text("S1\nS2")
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.type("Ste")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    check = page.get_by_role("heading", name=keeper.say("recall_new/check"), exact=True)
    check.wait_for()
    page.wait_for_function("() => document.activeElement.tagName === 'H2'")
    page.keyboard.press("Tab")
    for _ in range(20):
        if page.evaluate("document.activeElement.textContent.trim()") == keeper.say(
            "recall_new/do"
        ):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    recall = keeper.issued()
    found = on_chain(town, recall)
    assert found["serials"] == sorted(serial_digest(gtin(3), each) for each in ("S1", "S2"))
    assert (found["grade"], found["reason"]) == (1, "sterility")
    with town.client(town.regulator) as client:
        client.supply.end_recall(recall=recall)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_may_not_call_back_is_told_so(town: Town, visit: Visit, language: str) -> None:
    keeper = Issuer(town, visit(locale=language), town.shop, language)
    keeper.go("oversight/recalls/new", "recall_new/title", FILE)
    keeper.page.get_by_text(keeper.say("recall_new/not_you")).wait_for()
    assert keeper.button("recall_new/review").count() == 0
    keeper.look()
    # Of a recall of another's, nothing is theirs to do.
    recall = drafts.fresh_id()
    with town.client(town.maker) as client:
        client.supply.issue_recall(
            recall=recall, gtin=gtin(3), grade=3, reason="other", lots=["N1"], serials=[]
        )
        keeper.go(f"oversight/recalls/{recall}", "recall/title", FILE)
        keeper.page.get_by_text(keeper.say("recall/stands"), exact=True).wait_for()
        assert keeper.page.get_by_text(keeper.say("recall_acts/title")).count() == 0
        client.supply.end_recall(recall=recall)


def test_a_refusal_is_shown_and_nothing_is_issued(town: Town, visit: Visit) -> None:
    keeper = Issuer(town, visit(), town.regulator, "en")
    page = keeper.page
    keeper.go("oversight/recalls/new", "recall_new/title", FILE)
    page.get_by_label(keeper.say("trace/fields/gtin")).fill("09520001000011")
    keeper.fill("every")
    before = town.get("/v1/supply/recalls", limit=100)["items"]
    keeper.visitor.meant.append("/v1/supply/products/")
    keeper.visitor.meant.append("/supply/recalls")
    keeper.button("recall_new/review").click()
    keeper.button("recall_new/do").click()
    page.get_by_role("alert").get_by_text("supply.bad_check_digit").wait_for()
    assert town.get("/v1/supply/recalls", limit=100)["items"] == before
    keeper.look()
