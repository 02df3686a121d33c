"""Every public page, in both languages, on a phone and on a desk: what must hold everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.town import PLANTED_NAME, PLANTED_NUMBER, Town
from tests.rows.needles import personal
from tests.rows.supplied import pack
from yilian.gateway.fhir import sample
from yilian.portal.built import DIST
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.text import LANGUAGES

Visit = Callable[..., Visitor]

BUDGET = 250_000
"""Bytes of script, in gzip, that a first visit may load."""

NOT_ENGLISH = {"GTIN", "Cookie", "UTC", "FNC", "zzz", "gtin", "compressed"}
"""Words that Chinese texts write in Latin letters, parameters of refusals, what the tests typed."""

_TEXT = """() => {
  const copy = document.body.cloneNode(true);
  const none = '[translate=no], [lang=en], code, time, script, style, noscript';
  copy.querySelectorAll(none).forEach(each => each.remove());
  return copy.textContent + ' ' + document.title;
}"""


def pages(town: Town) -> list[str]:
    """The public pages, each with something on it, and those for what went wrong."""
    return [
        "",
        "help",
        "privacy",
        "scan",
        f"scan?code={quote(pack(1), safe='')}",
        "scan?code=(01)09506000134353",
        "explorer",
        "explorer?find=zzz",
        f"explorer/blocks/{town.height()}",
        f"explorer/transactions/{town.transaction()}",
        f"explorer/transactions/{'0' * 64}",
        f"explorer/subjects/{town.maker.id}",
        f"explorer/subjects/{town.patient}",
        f"explorer/products/{town.gtin}",
        f"explorer/grants/{town.grant}",
        "training",
        "training/courses/basics",
        "training/courses/basics/scan",
        "training/courses/basics/proof",
        "outside",
        "there/is/none",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_holds(town: Town, visit: Visit, language: str, width: int) -> None:
    """Nothing is found by axe, nothing is loaded from elsewhere, no script or policy complains."""
    visitor = visit(width=width)
    planted = _personal_words()
    for path in pages(town):
        page = visitor.open(f"/{language}/{path}")
        _forget_meant(visitor)
        assert not visitor.faults + visitor.refused + visitor.foreign, path
        assert not visitor.findings(), path
        assert not visitor.wider_than_window(), path
        assert page.locator("html").get_attribute("lang") == language, path
        assert page.title() != "", path
        shown = page.content()
        assert not [each for each in planted if each in shown], path
        if language == "zh-CN":
            assert not _english(page.evaluate(_TEXT)), path


def _personal_words() -> set[str]:
    """Names and numbers of the people whom this node knows, those too short to tell left out."""
    (bundle,) = sample.bundles(1, 1)
    words = {PLANTED_NAME, PLANTED_NUMBER}
    for entry in json.loads(bundle)["entry"]:
        words.update(personal(entry["resource"]))
    return {each for each in words if len(each) > (4 if each.isascii() else 1)}


MEANT = re.compile(
    r"404 /v1/transactions/0{64}(/receipt)?|404 /v1/(identity/subjects|consent/grants)/.*"
    r"|400 /v1/supply/scan\?code=.*"
)
"""Refusals that these tests mean to get: what is not there, and a code that cannot be read."""


def _forget_meant(visitor: Visitor) -> None:
    visitor.refused[:] = [each for each in visitor.refused if not MEANT.fullmatch(each)]


def _english(text: str) -> set[str]:
    """Words in Latin letters, without shortened ids and codes of refusals."""
    bare = re.sub(r"\S*…\S*|\b\w+[._]\w+\b", " ", text)
    return set(re.findall(r"[A-Za-z]{3,}", bare)) - NOT_ENGLISH


def test_who_comes_is_led_to_their_language(town: Town, visit: Visit) -> None:
    """The start address goes by what the browser speaks."""
    for locale, language in (("zh-CN", "zh-CN"), ("en-GB", "en"), ("fr-FR", "en")):
        page = visit(locale=locale).open("/")
        assert page.url == f"{town.origin}/{language}/"


def test_another_language_keeps_place_and_what_was_typed(town: Town, visit: Visit) -> None:
    """Switching changes words alone."""
    visitor = visit()
    page = visitor.open("/en/explorer?find=zzz")
    page.get_by_label("What are you looking for?").fill("typed, not sent")
    page.get_by_role("link", name="中文").click()
    page.get_by_role("heading", name="公开查询").wait_for()
    assert page.url == f"{town.origin}/zh-CN/explorer?find=zzz"
    assert page.get_by_label("您要查什么？").input_value() == "typed, not sent"


def test_large_type_stays(visit: Visit) -> None:
    """Simple mode is larger by a quarter, and is there again after a new start."""
    visitor = visit(width=320)
    size = "() => parseFloat(getComputedStyle(document.body).fontSize)"
    page = visitor.open("/en/")
    before = page.evaluate(size)
    page.get_by_role("button", name="Large type").click()
    assert page.evaluate(size) == pytest.approx(before * 1.25)
    visitor.open("/en/help")
    assert page.evaluate(size) == pytest.approx(before * 1.25)
    assert not visitor.wider_than_window()
    assert not visitor.findings()


def test_by_keyboard_alone(town: Town, visit: Visit) -> None:
    """Skip link first; a page that one comes to takes the focus to its head line."""
    page = visit().open("/en/")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.get_by_role("link", name="Look up", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Look up").wait_for()
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")
    page.get_by_label("What are you looking for?").focus()
    page.keyboard.type(town.gtin)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="阿莫西林胶囊").wait_for()


def test_looking_things_up(town: Town, visit: Visit) -> None:
    """Each kind of number leads to its page."""
    visitor = visit()
    kinds = {
        town.grant: "Grant",
        town.transaction(): "Transaction",
        "2": "Block 2",
        town.a.id: "云溪市第一人民医院",
        "Lakeside": "Lakeside General Hospital",
        town.patient: "person",
    }
    for typed, head in kinds.items():
        page = visitor.open("/en/explorer")
        page.get_by_label("What are you looking for?").fill(typed)
        page.get_by_role("button", name="Find").click()
        page.get_by_role("heading", level=1, name=head).wait_for()
    _forget_meant(visitor)


def test_news_come_by_themselves(town: Town, visit: Visit) -> None:
    """What is recorded while somebody looks on is shown, without loading anything anew."""
    page = visit().open("/en/explorer")
    page.evaluate("() => { window.stayed = true; }")
    with town.client(town.a) as client:
        made = client.identity.enrol_agent(
            agent=drafts.fresh_id(), key=Ed25519Signer.generate().key
        )
    assert made.height is not None
    page.get_by_role("link", name=f"Block {made.height}", exact=True).first.wait_for()
    assert page.evaluate("() => window.stayed") is True


def test_a_pack_is_judged(visit: Visit) -> None:
    """Typing a code gives one verdict, and the code is in the address."""
    page = visit(width=390).open("/zh-CN/scan")
    page.get_by_label("包装上的码").fill(pack(1))
    page.get_by_role("button", name="查询").click()
    page.get_by_role("heading", name="正品").wait_for()
    page.get_by_role("heading", name="流通经过").wait_for()
    assert "code=" in page.url


def test_the_first_load_is_small(visit: Visit, capsys: pytest.CaptureFixture[str]) -> None:
    """The scripts of a first visit, as they go over the line."""
    for path in ("", "scan", "explorer", "sign-in"):
        visitor, asked = visit(), set[str]()
        visitor.page.on("request", lambda each, to=asked: to.add(each.url))
        visitor.open(f"/zh-CN/{path}")
        names = {each.partition("/portal/")[2] for each in asked if each.endswith(".js")}
        size = sum(_in_gzip(DIST / "portal" / each) for each in names)
        with capsys.disabled():
            print(f"\nfirst load of /zh-CN/{path}: {size:,} bytes of script, {len(names)} files")
        assert 0 < size <= BUDGET


def _in_gzip(file: Path) -> int:
    packed = file.with_name(file.name + ".gz")
    return (packed if packed.exists() else file).stat().st_size
