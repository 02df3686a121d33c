"""A regulator opens what a member posted, in a real browser; nobody else is let in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import Visitor
from tests.portal.operator_people import Keeper
from tests.portal.supply_people import delivered
from tests.portal.town import Town
from yilian.text import LANGUAGES, say

Visit = Callable[..., Visitor]
FILE = "portal_regulator"
PATIENCE = 40_000


class Viewer(Keeper):
    """Somebody at the page on which posts are opened."""

    def say(self, key: str, **places: Any) -> str:
        return self.word(key, FILE, **places)

    def press(self, key: str) -> None:
        """Press a button and wait for the posts that it opens."""
        with self.page.expect_response("**/supply/openings/**"):
            self.page.get_by_role("button", name=self.say(key), exact=True).click()
        self.page.get_by_role("heading", name=self.say("posts/of")).wait_for()

    def open(self, member: str) -> None:
        """Open the newest posts of a member, the first part of them."""
        self.page.get_by_label(self.say("posts/member")).select_option(member)
        self.press("posts/open")

    def until_opened(self, member: str, serial: str) -> Any:
        """Open, part by part, until a pack shows: it is there with the next post."""
        row = self.page.get_by_role("row").filter(has_text=serial)
        more = self.page.get_by_role("button", name=self.say("posts/next"), exact=True)
        end = time.monotonic() + PATIENCE / 1000
        while True:
            self.open(member)
            while row.count() == 0 and more.count():
                self.press("posts/next")
            if row.count():
                return row.first
            assert time.monotonic() < end


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_regulator_reads_what_moved_and_checks_it(
    town: Town, visit: Visit, language: str
) -> None:
    (one,) = delivered(town, 1, received=True)
    town.until_done(town.shop, "dispense", [one])
    serial = one.rpartition("/")[2]
    viewer = Viewer(town, visit(locale=language), town.regulator, language)
    page = viewer.page
    viewer.go("oversight/now", "now/title", FILE)
    page.get_by_role("link", name=viewer.say("now/posts"), exact=True).click()
    page.get_by_role("heading", name=viewer.say("posts/title"), exact=True).wait_for()
    page.get_by_role("button", name=viewer.say("posts/open"), exact=True).click()
    page.get_by_text(viewer.say("posts/wrong/member")).wait_for()
    viewer.look()
    ended = viewer.until_opened(town.shop.id, serial)
    ended.get_by_text(viewer.say("standing/dispensed"), exact=True).wait_for()
    page.get_by_role("heading", name=viewer.say("posts/verdict/exact")).wait_for()
    viewer.look()
    ended.get_by_text(say(language, "portal_supply", "proof/ask")).click()
    ended.locator(".proof-badge[data-tone=green]").wait_for(timeout=PATIENCE)
    viewer.look()
    # The maker's posts say to whom it went.
    given = viewer.until_opened(town.maker.id, serial)
    page.get_by_role("row").filter(has_text=serial).filter(has_text=town.shop.name).wait_for()
    assert given.count() == 1
    # One that posts and moves nothing.
    viewer.open(town.other.id)
    page.get_by_text(viewer.say("posts/nothing")).wait_for()
    viewer.look()


def test_what_does_not_open_names_the_member_and_a_false_time_is_red(
    town: Town, visit: Visit
) -> None:
    (one,) = delivered(town, 1, received=True)
    viewer = Viewer(town, visit(), town.regulator, "en")
    page = viewer.page

    def lie(route: Any) -> None:
        response = route.fetch()
        told = response.json()
        opened = [each for each in told["intervals"] if not each["fault"]]
        opened[0]["fault"], opened[0]["movements"] = "wrong", []
        for each in opened:
            each["posted"] += 1
        route.fulfill(response=response, body=json.dumps(told))

    viewer.go("oversight/posts", "posts/title", FILE)
    viewer.until_opened(town.maker.id, one.rpartition("/")[2])
    page.route("**/supply/openings/**", lie)
    page.reload()
    page.get_by_role("heading", name=viewer.say("posts/verdict/faults")).wait_for()
    fault = page.get_by_role("row").filter(has_text=viewer.say("posts/fault/wrong"))
    fault.get_by_text(say("en", "portal_supply", "proof/ask")).click()
    fault.locator(".proof-badge[data-tone=red]").wait_for(timeout=PATIENCE)
    viewer.look()


@pytest.mark.parametrize("language", LANGUAGES)
def test_others_open_nothing(town: Town, visit: Visit, language: str) -> None:
    viewer = Viewer(town, visit(locale=language), town.maker, language)
    viewer.go("oversight/now", "now/title", FILE)
    viewer.page.get_by_role("link", name=viewer.say("now/trace"), exact=True).wait_for()
    assert viewer.page.get_by_role("link", name=viewer.say("now/posts")).count() == 0
    viewer.go("oversight/posts", "posts/title", FILE)
    viewer.page.get_by_text(viewer.say("posts/not_you")).wait_for()
    viewer.look()
