"""Pages without script: the same things can be looked up, in both languages, with a browser that
runs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from tests.portal.browser import Visitor
from tests.portal.town import PLANTED_NAME, PLANTED_NUMBER, Town
from yilian.text import LANGUAGES, say

Visit = Callable[..., Visitor]


def pages(town: Town) -> list[str]:
    return [
        "",
        f"blocks/{town.height()}",
        f"transactions/{town.transaction()}",
        f"subjects/{town.maker.id}",
        f"subjects/{town.patient}",
        f"products/{town.gtin}",
        f"grants/{town.grant}",
        "help",
        "privacy",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plain_page_answers(town: Town, language: str) -> None:
    """A whole page each, in its language alone, without script and without what is personal."""
    other = next(each for each in LANGUAGES if each != language)
    for path in pages(town):
        made = httpx.get(f"{town.url}/plain/{language}/{path}")
        assert made.status_code == 200, path
        assert f'<html lang="{language}">' in made.text
        assert made.headers["content-language"] == language
        assert "<script" not in made.text
        assert " style=" not in made.text
        assert not re.search(r"\{\w+\}", made.text), path
        assert PLANTED_NAME not in made.text
        assert PLANTED_NUMBER not in made.text
        assert say(other, "portal_public", "plain/to_portal") not in made.text
        assert f'href="/plain/{other}/{path}"' in made.text


def test_a_person_is_no_more_than_that(town: Town) -> None:
    """Nothing that was recorded about a person's id is listed on its page."""
    made = httpx.get(f"{town.url}/plain/en/subjects/{town.patient}").text
    assert say("en", "portal_public", "explorer/person") in made
    assert "/plain/en/transactions/" not in made


@pytest.mark.parametrize(
    "path",
    [
        "blocks/0",
        "blocks/999999999",
        "blocks/-1",
        "blocks/one",
        f"transactions/{'0' * 64}",
        "transactions/xyz",
        "subjects/nobody",
        "products/1",
        "products/00000000000000",
        "grants/%3Cscript%3E",
    ],
)
def test_what_is_not_there_is_said_so(town: Town, path: str) -> None:
    made = httpx.get(f"{town.url}/plain/zh-CN/{path}")
    assert made.status_code == 404
    assert say("zh-CN", "errors", "not_found/title") in made.text
    assert "<script" not in made.text


def test_finding(town: Town) -> None:
    """Each kind of number leads to its page; anything else is said not to be there, escaped."""
    for typed, page in {
        town.grant: f"grants/{town.grant}",
        town.maker.id: f"subjects/{town.maker.id}",
        town.gtin: f"products/{town.gtin}",
        town.gtin.lstrip("0"): f"products/{town.gtin}",
        town.transaction().upper(): f"transactions/{town.transaction()}",
        " #2 ": "blocks/2",
    }.items():
        made = httpx.get(f"{town.url}/plain/en/find", params={"find": typed})
        assert (made.status_code, made.headers["location"]) == (303, f"/plain/en/{page}")
    made = httpx.get(f"{town.url}/plain/en/find", params={"find": "<b>nothing</b>"})
    assert made.status_code == 404
    assert "<b>" not in made.text
    assert httpx.get(f"{town.url}/plain/en/find", params={"other": "1"}).status_code == 400


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_script_off_one_gets_there_and_along(town: Town, visit: Visit, language: str) -> None:
    """The portal's page links to the plain ones; axe finds nothing on them."""
    visitor = visit(width=320, java_script_enabled=False)
    page = visitor.page
    page.goto(f"/{language}/explorer")
    page.locator(f'a[href="/plain/{language}/"]').click()
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_label(say(language, "portal_public", "explorer/find")).fill(town.gtin)
    page.get_by_role("button").click()
    page.get_by_role("heading", level=1, name="阿莫西林胶囊").wait_for()
    seen = visit(width=320)
    for path in pages(town):
        seen.page.goto(f"/plain/{language}/{path}")
        assert not seen.findings(), path
        assert not seen.wider_than_window(), path
