"""A pharmacist's pages in a real browser: scan, receive, dispense, take back, without a link."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.supply_people import Pharmacist, delivered
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.supplied import gtin, pack
from yilian.sdk import drafts
from yilian.text import say

Enter = Callable[..., Pharmacist]


@pytest.fixture
def enter(visit: Callable[..., Visitor], town: Town) -> Enter:
    """Have a new pharmacist of the shop sign in."""

    def open_(language: str = "en", **more: Any) -> Pharmacist:
        return Pharmacist(town, Guest(visit(locale=language, **more), language))

    return open_


def standing(town: Town, code: str) -> str:
    return str(town.unit(town.shop, code)["unit"]["standing"])


@pytest.mark.parametrize(("language", "width"), [("en", WIDTHS[1]), ("zh-CN", WIDTHS[0])])
def test_scans_receives_and_dispenses(town: Town, enter: Enter, language: str, width: int) -> None:
    one, left = delivered(town, 2)
    who = enter(language, width=width)
    page = who.look("scan")
    who.scan(one)
    genuine = say(language, "scan", "verdict/genuine/title")
    page.get_by_role("heading", name=genuine).wait_for()
    who.button("actions/receive/name").wait_for()
    assert who.button("actions/dispense/name").count() == 0
    who.check()
    who.pictured()
    who.button("verify/ask").click()
    page.get_by_text(say(language, "scan", "concern/none/do")).wait_for()
    who.forgive("/supply/units")
    who.look("incoming")
    page.get_by_role("checkbox").last.wait_for()
    shown = page.locator("label", has_text=left.rpartition("/")[2])
    shown.get_by_role("checkbox").uncheck()
    who.button("incoming/choices/receive").click()
    who.check()
    who.until_done("receive")
    who.forgive("/supply/units")
    assert (standing(town, one), standing(town, left)) == ("active", "in_transit")
    who.look("scan")
    who.scan(one)
    who.button("actions/dispense/name").click()
    who.until_done("dispense")
    who.check()
    assert standing(town, one) == "dispensed"
    for each in ("stock", "alerts", "recalls", "temperatures"):
        who.look(each)


def test_by_keyboard_alone_and_taken_back(town: Town, enter: Enter) -> None:
    (one,) = delivered(town, 1, received=True)
    who = enter()
    page = who.look("scan")

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                return
        raise AssertionError(name)

    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "code":
            break
    page.keyboard.type(one)
    page.keyboard.press("Enter")
    who.button("actions/quarantine/name").wait_for()
    tab_to(who.say("actions/quarantine/name"))
    page.keyboard.press("Enter")
    page.get_by_role("combobox").focus()
    page.keyboard.type(who.say("reasons/damaged"))
    tab_to(who.say("actions/quarantine/do"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=who.say("actions/quarantine/done")).wait_for()
    assert standing(town, one) == "quarantined"
    tab_to(who.say("done/take_back"))
    page.keyboard.press("Enter")
    page.get_by_text(who.say("done/taken_back")).wait_for()
    assert standing(town, one) == "active"


def test_a_pack_that_nobody_made_and_a_code_that_nobody_reads(enter: Enter) -> None:
    who = enter()
    page = who.look("scan")
    who.scan(pack(999_999))
    page.get_by_role("heading", name=say("en", "scan", "verdict/suspect/title")).wait_for()
    page.get_by_text(who.say("scan/not_here")).wait_for()
    who.check()
    who.scan("(01)09506000134353")
    page.get_by_role("alert").get_by_text("supply.code_unreadable").first.wait_for()
    who.forgive("/supply/")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_is_done_without_a_connection_is_sent_once(
    town: Town, enter: Enter, language: str
) -> None:
    one, two = delivered(town, 2, received=True)
    who = enter(language)
    page = who.look("scan")
    page.get_by_text(who.say("here/at", gln=town.places[town.shop.id][-13:])).wait_for()
    who.visitor.context.set_offline(True)
    for each in (one, one, two):
        who.scan(each)
        page.get_by_role("heading", name=who.say("scan/away/title")).wait_for()
        who.button("actions/dispense/name").click()
        who.button("actions/dispense/do").click()
        page.get_by_text(who.say("waiting/kept")).wait_for()
    page.get_by_text(who.say("waiting/count_other", count=3)).wait_for()
    assert standing(town, one) == "active"
    who.visitor.faults[:] = [each for each in who.visitor.faults if "ERR_INTERNET" not in each]
    who.visitor.context.set_offline(False)
    # The second line was the same pack again: refused, and shown.
    page.get_by_role("heading", name=who.say("waiting/refused")).wait_for()
    end = time.monotonic() + 30
    while (standing(town, one), standing(town, two)) != ("dispensed", "dispensed"):
        assert time.monotonic() < end
        time.sleep(0.2)
    who.button("waiting/seen").click()
    page.get_by_role("heading", name=who.say("waiting/refused")).wait_for(state="detached")
    who.forgive("/supply/actions/dispense")
    who.visitor.faults[:] = [each for each in who.visitor.faults if "ERR_INTERNET" not in each]


def test_confirms_a_recall_and_closes_an_alert(town: Town, enter: Enter) -> None:
    lot = drafts.fresh_id()[:8].replace("_", "0").replace("-", "0")
    (one,) = delivered(town, 1, lot, received=True)
    who = enter()
    with town.client(town.maker) as client:
        client.supply.issue_recall(
            recall=drafts.fresh_id(),
            gtin=gtin(),
            grade=2,
            reason="potency",
            lots=[lot],
            serials=[],
        )
    page = who.look("recalls")
    page.get_by_text(who.say("recalls/states/open"), exact=True).first.wait_for(timeout=40_000)
    page.get_by_role("main").get_by_role("link", name=gtin()).first.click()
    page.get_by_text(one.rpartition("/")[2]).wait_for()
    who.visitor.settle()
    who.check()
    who.button("recalls/confirm").click()
    page.get_by_text(who.say("recalls/states/confirmed"), exact=True).wait_for()
