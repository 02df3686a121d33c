"""The story of a demo in a real browser: people, steps, commands and the same in Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.test_sign_in import Guest, link_for
from tests.portal.town import Town
from yilian.text import LANGUAGES, say

COMMAND = "yilian organisation share --days 30"
PROGRAM = ["from yilian.sdk import Client", "client.request('POST', '/v1/somewhere', {'days': 30})"]


def both(english: str, chinese: str) -> dict[str, str]:
    return {"en": english, "zh-CN": chinese}


@pytest.fixture
def story(town: Town) -> Iterator[dict[str, Any]]:
    """What a demo would leave, with a grant that is on the chain and a link that lets one in."""
    made = {
        "people": [
            {
                "who": both("the patient", "患者"),
                "link": link_for(town, town.a, town.patient, "en"),
            }
        ],
        "steps": [
            {
                "title": both("1. Shared for thirty days", "1. 共享三十天"),
                "parts": [
                    {"kind": "tell", "words": both("The patient shares", "患者授权")},
                    {"kind": "command", "line": COMMAND, "python": PROGRAM},
                    {"kind": "proof", "words": both("recorded in block 7", "已记入区块 7")},
                    {"kind": "see", "page": f"explorer/grants/{town.grant}"},
                ],
            }
        ],
    }
    town.folder.story.write_text(json.dumps(made), "utf-8")
    yield made
    town.folder.story.unlink()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_story_is_read_and_followed(
    town: Town,
    visit: Callable[..., Visitor],
    story: dict[str, Any],
    language: str,
    width: int,
) -> None:
    visitor = visit(locale=language, width=width)
    guest = Guest(visitor, language)
    page = visitor.open(f"/{language}/story")
    (step,) = story["steps"]
    page.get_by_role("heading", name=step["title"][language], exact=True).wait_for()
    for part in step["parts"]:
        if "words" in part:
            page.get_by_text(part["words"][language]).wait_for()
    page.get_by_text(COMMAND, exact=True).wait_for()
    page.get_by_text(say(language, "portal_story", "same_in_python"), exact=True).click()
    page.get_by_text(PROGRAM[1]).wait_for()
    assert visitor.findings() == []
    assert not visitor.wider_than_window()
    page.get_by_role("link", name=say(language, "portal_story", "see"), exact=True).click()
    page.wait_for_url(f"**/{language}/explorer/grants/{town.grant}")
    visitor.settle()
    visitor.open(f"/{language}/story")
    who = say(language, "portal_story", "come_in_as", who=story["people"][0]["who"][language])
    page.get_by_role("link", name=who, exact=True).click()
    page.wait_for_url("**/join*")
    page.get_by_role("button", name=say("en", "portal_account", "join/make"), exact=True).wait_for()
    assert guest.passkeys() == []


def test_a_node_that_no_demo_made_has_no_story(visit: Callable[..., Visitor]) -> None:
    visitor = visit(locale="en")
    visitor.meant.append("/story.json")
    page = visitor.open("/en/story")
    page.get_by_role("alert").get_by_text("not_found").wait_for()
    assert visitor.findings() == []
