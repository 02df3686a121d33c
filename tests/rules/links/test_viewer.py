"""In a browser: whoever was given a link opens it, and nobody a second time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.portal.browser import Visitor, chromium
from tests.rows.consenting import Actor
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import Kept, Link, lines_of, share, shown
from yilian.text import say

ASKED = {"categories": ["laboratory", "problem"], "label": "给王医生", "passcode": "2468"}


def words(language: str, key: str, **places: Any) -> str:
    return say(language, "portal_open", key, **places)


def place(link: Link, language: str) -> str:
    """The address that the person sends, in the recipient's language."""
    found = urlsplit(link.made["viewer"])
    return f"/{language}/open#{found.fragment}"


def fill(page: Any, language: str, passcode: str) -> None:
    page.get_by_role("textbox", name=words(language, "recipient")).fill("云溪诊所 王医生")
    page.get_by_label(words(language, "passcode"), exact=False).first.fill(passcode)
    page.get_by_role("button", name=words(language, "open"), exact=True).click()


@pytest.mark.slow
def test_a_recipient_opens_a_link(served: Served, patient: Actor, kept: Kept) -> None:
    origin = served.url.replace("127.0.0.1", "localhost")
    with chromium() as browser:
        for language in ("zh-CN", "en"):
            link = share(served, patient, ASKED)
            visitor = Visitor(browser, origin, width=390)
            page = visitor.open(place(link, language))
            assert page.get_by_text(words(language, "label", label="给王医生")).is_visible()
            assert visitor.findings() == []
            assert not visitor.wider_than_window()
            fill(page, language, "0000")
            page.get_by_text(words(language, "troubles/passcode_wrong/title")).wait_for()
            assert shown(served, patient, link)["left"] == 1
            fill(page, language, "2468")
            page.get_by_text(words(language, "opened", count=2)).wait_for()
            assert page.get_by_role("cell", name="哮喘").is_visible()
            assert page.get_by_role("cell", name="5.1").is_visible()
            assert visitor.findings() == []
            assert not visitor.wider_than_window()
            # The key was never sent: it stands behind the `#` alone.
            assert visitor.foreign == []
            assert visitor.faults == []
            assert visitor.refused == [f"401 /shl/{link.address}"]
            visitor.close()

            found = shown(served, patient, link)
            assert found["openings"][0]["recipient_unverified"] == "云溪诊所 王医生"
            lines = lines_of(served, kept.asthma)
            assert [each.session for each in lines if each.session == link.id] == [link.id]

            again = Visitor(browser, origin)
            page = again.open(place(link, language))
            fill(page, language, "2468")
            page.get_by_text(words(language, "troubles/not_there/title")).wait_for()
            assert again.faults == []
            again.close()


@pytest.mark.slow
def test_what_is_no_link_is_said_to_be_none(served: Served) -> None:
    origin = served.url.replace("127.0.0.1", "localhost")
    with chromium() as browser:
        for rest in ("", "#", "#shlink:/", "#shlink:/%E0%A4%A", "#%E0%A4%A"):
            visitor = Visitor(browser, origin)
            page = visitor.open(f"/en/open{rest}")
            page.get_by_text(words("en", "troubles/no_link/title")).wait_for()
            assert visitor.faults == []
            assert visitor.refused == []
            visitor.close()
