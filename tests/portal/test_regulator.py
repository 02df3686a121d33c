"""What a regulator does in a real browser: see what broke a rule, follow a recall, trace a pack."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.portal.browser import Visitor
from tests.portal.operator_people import Keeper
from tests.portal.town import Town
from tests.rows.desk import at
from tests.rows.supplied import gtin, pack
from yilian.sdk import drafts
from yilian.text import LANGUAGES

Visit = Callable[..., Visitor]
FILE = "portal_regulator"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_regulator_sees_a_warning_and_follows_a_recall(
    town: Town, visit: Visit, language: str
) -> None:
    keeper = Keeper(town, visit(locale=language), town.regulator, language)
    page, lot = keeper.page, f"R-{language}"
    keeper.go("oversight/now", "now/title", FILE)
    keeper.look()
    # What happens while they look appears by itself.
    alert, recall = drafts.fresh_id(), drafts.fresh_id()
    with town.client(town.maker) as client:
        client.supply.raise_alert(
            alert=alert, gtin=gtin(3), kind="clone", commitment=drafts.fresh_salt()
        )
    clone = keeper.word("words/clone", "portal_values")
    warning = page.get_by_role("row").filter(has_text="Scissors").filter(has_text=clone)
    warning.get_by_text(town.maker.name).first.wait_for()
    with town.client(town.regulator) as client:
        client.supply.issue_recall(
            recall=recall, gtin=gtin(2), grade=2, reason="sterility", lots=[lot], serials=[]
        )
    row = page.get_by_role("row").filter(has_text="Syringe")
    row.get_by_text(town.regulator.name).wait_for()
    keeper.picture("regulator")
    warning.locator(".proof-badge").click()
    warning.locator(".proof-badge[data-tone=green]").wait_for()
    keeper.look()
    row.get_by_role("link", name=keeper.word("recalls/progress", FILE)).click()
    page.get_by_role("heading", name=keeper.word("recall/title", FILE), exact=True).wait_for()
    page.get_by_text(keeper.word("recall/lots", FILE, lots=lot), exact=True).wait_for()
    maker = page.get_by_role("row").filter(has_text=town.maker.name)
    maker.wait_for()
    with town.client(town.maker) as client:
        # The maker's own node follows the recall by itself; its people answer.
        client.request("POST", at(town.maker, f"supply/recalls/{recall}/confirm"), {})
    answered = keeper.word("progress/states/answered", FILE)
    maker.get_by_text(answered).wait_for()
    assert page.get_by_role("progressbar").get_attribute("value") == "1"
    page.locator(".proof-badge[data-tone=green]").wait_for()
    keeper.look()
    with town.client(town.regulator) as client:
        client.supply.end_recall(recall=recall)
    with town.client(town.maker) as client:
        client.supply.close_alert(alert=alert, finding="false_alarm")
    keeper.go("oversight/now", "now/title", FILE)
    page.get_by_text(keeper.word("now/no_recalls", FILE)).wait_for()
    # Who did not issue it is told where the answers are.
    other = Keeper(town, visit(locale=language), town.shop, language)
    other.go(f"oversight/recalls/{recall}", "recall/title", FILE)
    other.page.get_by_text(other.word("recall/over", FILE), exact=True).wait_for()
    other.page.get_by_text(other.word("recall/not_yours", FILE)).wait_for()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pack_and_a_lot_are_traced_by_keyboard(town: Town, visit: Visit, language: str) -> None:
    keeper = Keeper(town, visit(locale=language), town.maker, language)
    page = keeper.page
    keeper.go("oversight/now", "now/title", FILE)
    page.get_by_role("link", name=keeper.word("now/trace", FILE), exact=True).click()
    page.get_by_role("button", name=keeper.word("trace/look", FILE), exact=True).click()
    page.get_by_text(keeper.word("trace/missing", FILE)).wait_for()
    page.get_by_label(keeper.word("trace/fields/code", FILE)).focus()
    page.keyboard.insert_text(pack(1))
    page.keyboard.press("Enter")
    way = page.get_by_role("listitem").filter(has_text=town.maker.name)
    way.get_by_text(keeper.word("acts/commission", FILE)).first.wait_for()
    page.get_by_text(keeper.word("unit/serial", FILE, number="S1")).first.wait_for()
    keeper.look()
    keeper.go(f"oversight/trace?gtin={gtin(1)}&lot=L7", "trace/title", FILE)
    page.get_by_text(keeper.word("known/as_table", FILE), exact=True).click()
    page.get_by_role("cell", name="L7").first.wait_for()
    keeper.look()
    keeper.go(f"oversight/trace?gtin={gtin(1)}&lot=NONE", "trace/title", FILE)
    page.get_by_role("alert").get_by_text("supply.nothing_to_trace").wait_for()
    keeper.visitor.settle()
    wrong = quote("(01)123", safe="")
    keeper.go(f"oversight/trace?code={wrong}", "trace/title", FILE)
    page.get_by_role("alert").first.wait_for()
    keeper.visitor.settle()
    seen = keeper.visitor.refused
    assert all("/supply/trace" in each and each[:3] in ("400", "404", "422") for each in seen)
    seen.clear()
