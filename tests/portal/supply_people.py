"""A pharmacist of the town's shop at a browser, and goods that come in from the maker."""

from __future__ import annotations

import base64
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.portal.browser import ROOT
from tests.portal.test_sign_in import Guest, link_for
from tests.portal.town import Town
from tests.rows.supplied import pack
from yilian.gateway.auth.factors import code_at
from yilian.text import say

LARGEST_PICTURE = 150_000
NUMBERS = itertools.count(1000)
"""Serial numbers: each test has packs of its own."""


def word(language: str, key: str, **places: str | int) -> str:
    """Give a text of these pages."""
    return say(language, "portal_supply", key, **places)


class Pharmacist:
    """A licensed practitioner of the shop, signed in with both factors."""

    def __init__(self, town: Town, guest: Guest) -> None:
        self.town, self.guest, self.language = town, guest, guest.language
        self.visitor, self.page = guest.visitor, guest.page
        who, _, _ = town.doctor(town.shop, "pharmacist")
        self.page = guest.visitor.open(link_for(town, town.shop, who, guest.language))
        guest.button("join/make").click()
        guest.button("set_up/begin").click()
        self.page.get_by_role("img", name=guest.word("set_up/qr")).wait_for()
        shown = self.page.locator("code").first.inner_text().replace(" ", "")
        guest.give(code_at(base64.b32decode(shown), town.node.engine.now()))
        guest.head("join/welcome").wait_for()

    def say(self, key: str, **places: str | int) -> str:
        """Give a text of these pages."""
        return word(self.language, key, **places)

    def look(self, page: str) -> Any:
        """Open one of the pages; nothing may be found on it, nor stand out of the window."""
        at = "supply" if page == "scan" else f"supply/{page}"
        self.visitor.open(f"/{self.language}/{at}")
        self.page.get_by_role("heading", level=1, name=self.say(f"{page}/title")).wait_for()
        self.visitor.settle()
        self.check()
        return self.page

    def check(self) -> None:
        """Look at the page as it stands."""
        assert self.visitor.findings() == []
        assert not self.visitor.wider_than_window()

    def button(self, key: str) -> Any:
        """Find a button by its text."""
        return self.page.get_by_role("button", name=self.say(key), exact=True)

    def scan(self, code: str) -> None:
        """Have a hand scanner type a code and end the line."""
        field = self.page.get_by_role("textbox", name=self.say("scan/code"), exact=True)
        field.fill(code)
        field.press("Enter")

    def forgive(self, part: str) -> None:
        """Refusals that a test wanted are no fault of the page; it may ask again by itself."""
        self.visitor.meant.append(part)
        seen = self.visitor.refused
        seen[:] = [each for each in seen if part not in each]

    def until_done(self, action: str) -> None:
        """Press an action's own button until the titles are there."""
        from playwright.sync_api import TimeoutError as TooLate

        done = self.page.get_by_role("heading", name=self.say(f"actions/{action}/done"))
        alert = self.page.get_by_role("alert")
        button = self.button(f"actions/{action}/do")
        for _ in range(60):
            # What an earlier press did may be told only now; the button goes with it.
            button.or_(done).first.wait_for()
            if done.count():
                break
            with suppress(TooLate):
                button.click(timeout=2_000)
            done.or_(alert).first.wait_for()
            self.page.wait_for_timeout(500)
        done.wait_for()
        self.forgive("/supply/actions/")

    def pictured(self) -> None:
        """Keep a picture of the page for the manual, where it was asked for."""
        if os.environ.get("YILIAN_SCREENSHOTS") != "1":
            return
        file = Path(ROOT, "docs/portal", f"supply-{self.language}.png")
        file.parent.mkdir(exist_ok=True)
        self.page.screenshot(path=file)
        assert file.stat().st_size < LARGEST_PICTURE


def delivered(town: Town, count: int, lot: str = "L7", *, received: bool = False) -> list[str]:
    """Have the maker ship new packs to the shop; gives their ids once the shop may receive them."""
    packs = [pack(next(NUMBERS)) for _ in range(count)]
    town.do(town.maker, "commission", packs, lot=lot, expiry="2031-03-31")
    town.until_done(town.maker, "ship", packs, to=town.shop.id)
    coming = town.incoming(town.shop)
    if received:
        town.until_done(town.shop, "receive", packs, shipment=coming["shipment"])
    return packs
