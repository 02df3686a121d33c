"""A pharmacist's pages while others act: what comes in or is called back shows by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import Visitor
from tests.portal.supply_people import NUMBERS, Pharmacist, delivered
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.supplied import gtin, pack
from yilian.sdk import drafts

Enter = Callable[..., Pharmacist]
LANGUAGES = ("en", "zh-CN")
PATIENCE = 40_000


@pytest.fixture
def enter(visit: Callable[..., Visitor], town: Town) -> Enter:
    """Have a new pharmacist of the shop sign in."""

    def open_(language: str = "en", **more: Any) -> Pharmacist:
        return Pharmacist(town, Guest(visit(locale=language, **more), language))

    return open_


def fresh_lot() -> str:
    return drafts.fresh_id()[:8].replace("_", "0").replace("-", "0")


def stay(page: Any) -> None:
    """Mark the page: loaded anew it would not have the mark."""
    page.evaluate("() => { window.stayed = true; }")


def stayed(page: Any) -> bool:
    return page.evaluate("() => window.stayed") is True


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_sent_and_stored_shows_by_itself(town: Town, enter: Enter, language: str) -> None:
    who = enter(language)
    page = who.look("incoming")
    stay(page)
    one = pack(next(NUMBERS))
    town.do(town.maker, "commission", [one], lot="L7", expiry="2031-03-31")
    town.until_done(town.maker, "ship", [one], to=town.shop.id)
    coming = page.locator("section.trade-box", has_text=one.rpartition("/")[2])
    coming.wait_for(timeout=PATIENCE)
    town.do(town.shop, "receive", [one], shipment=town.incoming(town.shop)["shipment"])
    coming.wait_for(state="detached", timeout=PATIENCE)
    assert stayed(page)
    page = who.look("stock")
    stay(page)
    lot = fresh_lot()
    delivered(town, 1, lot, received=True)
    page.get_by_role("row").filter(has_text=lot).wait_for(timeout=PATIENCE)
    assert stayed(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_warnings_and_recalls_show_by_themselves_also_after_a_gap(
    town: Town, enter: Enter, language: str
) -> None:
    lot = fresh_lot()
    (one,) = delivered(town, 1, lot, received=True)
    who = enter(language)
    page = who.look("alerts")
    stay(page)
    town.until_done(town.shop, "dispense", [one])
    assert town.refused(town.shop, "dispense", [one]) == "supply.already_dispensed"
    page.get_by_role("listitem").filter(has_text=one.rpartition("/")[2]).wait_for(timeout=PATIENCE)
    assert stayed(page)
    page = who.look("recalls")
    stay(page)
    who.visitor.context.set_offline(True)
    recall = drafts.fresh_id()
    with town.client(town.maker) as client:
        client.supply.issue_recall(
            recall=recall, gtin=gtin(), grade=3, reason="packaging", lots=[lot], serials=[]
        )
        who.visitor.context.set_offline(False)
        link = page.locator(f"a[href$='supply/recalls/{recall}']")
        link.wait_for(timeout=PATIENCE)
        client.supply.end_recall(recall=recall)
    line = page.get_by_role("listitem").filter(has=link)
    line.get_by_text(who.say("recalls/states/ended"), exact=True).wait_for(timeout=PATIENCE)
    assert stayed(page)
    who.check()
    who.visitor.faults[:] = [each for each in who.visitor.faults if "ERR_INTERNET" not in each]
