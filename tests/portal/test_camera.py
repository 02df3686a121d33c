"""Codes read by a camera or from a photograph, in a browser whose camera sees a film."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import segno

from tests.portal.browser import ARGUMENTS, Visitor
from tests.portal.supply_people import Pharmacist, delivered
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.supplied import pack
from yilian.text import say

Visit = Callable[..., Visitor]
LANGUAGES = ("en", "zh-CN")
WIDTH, HEIGHT, SCALE = 640, 480, 8


def filmed(text: str) -> bytes:
    """Make a film (YUV4MPEG2) of a QR code on white."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    left, above = (WIDTH - len(rows) * SCALE) // 2, (HEIGHT - len(rows) * SCALE) // 2
    light = bytearray(b"\xeb" * WIDTH * HEIGHT)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            for line in range(SCALE if dark else 0):
                at = (above + y * SCALE + line) * WIDTH + left + x * SCALE
                light[at : at + SCALE] = b"\x10" * SCALE
    frame = b"FRAME\n" + bytes(light) + b"\x80" * (WIDTH * HEIGHT // 2)
    return b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % (WIDTH, HEIGHT) + frame * 10


def photographed(text: str) -> dict[str, Any]:
    """Make a photograph of a QR code, as a person would choose it."""
    file = io.BytesIO()
    segno.make(text, error="m", micro=False).save(file, kind="png", scale=10, border=8)
    return {"name": "code.png", "mimeType": "image/png", "buffer": file.getvalue()}


@contextmanager
def seeing(browser: Any, town: Town, film: Path, **more: Any) -> Iterator[Visitor]:
    """Open a window of a browser whose camera shows a film."""
    arguments = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    running = browser.browser_type.launch(
        executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *arguments]
    )
    try:
        yield Visitor(running, town.origin, permissions=["camera"], **more)
    finally:
        running.close()


def word(language: str, key: str) -> str:
    return say(language, "scan", key)


def press(page: Any, language: str, key: str) -> None:
    page.get_by_role("button", name=word(language, key), exact=True).click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_camera_reads_a_pack_for_anybody(
    browser: Any, town: Town, tmp_path: Path, language: str
) -> None:
    film = tmp_path / "film.y4m"
    film.write_bytes(filmed(pack(1)))
    with seeing(browser, town, film, width=390, locale=language) as visitor:
        page = visitor.open(f"/{language}/scan")
        asked: list[str] = []
        page.on("request", lambda each: asked.append(each.url))
        press(page, language, "camera/open")
        page.get_by_role("heading", name=word(language, "verdict/genuine/title")).wait_for()
        assert page.get_by_label(word(language, "page/code")).input_value() == pack(1)
        assert page.locator("video").count() == 0
        assert any(each.endswith(".wasm") for each in asked)
        assert visitor.findings() == []
        assert not visitor.faults + visitor.foreign + visitor.refused


def test_the_camera_reads_a_pack_for_a_pharmacist(browser: Any, town: Town, tmp_path: Path) -> None:
    (one,) = delivered(town, 1, received=True)
    film = tmp_path / "film.y4m"
    film.write_bytes(filmed(one))
    with seeing(browser, town, film) as visitor:
        who = Pharmacist(town, Guest(visitor, "en"))
        page = who.look("scan")
        press(page, "en", "camera/open")
        page.get_by_role("heading", name=word("en", "verdict/genuine/title")).wait_for()
        who.button("actions/dispense/name").wait_for()
        field = page.get_by_role("textbox", name=who.say("scan/code"), exact=True)
        assert field.input_value() == one
        assert not visitor.faults + visitor.foreign + visitor.refused


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_camera_a_photograph_or_typing_does(visit: Visit, language: str) -> None:
    visitor = visit(width=390, locale=language)
    page = visitor.open(f"/{language}/scan")
    press(page, language, "camera/open")
    page.get_by_text(word(language, "camera/none/title")).or_(
        page.get_by_text(word(language, "camera/denied/title"))
    ).wait_for()
    assert visitor.findings() == []
    assert not visitor.wider_than_window()
    photo = page.locator("input[type=file]")
    blank = io.BytesIO()
    segno.make("x").save(blank, kind="png", scale=1, border=0, dark="white")
    photo.set_input_files(
        {"name": "blank.png", "mimeType": "image/png", "buffer": blank.getvalue()}
    )
    page.get_by_text(word(language, "camera/unread/title")).wait_for()
    photo.set_input_files({"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_text(word(language, "camera/unread/title")).wait_for()
    photo.set_input_files(photographed(pack(1)))
    page.get_by_role("heading", name=word(language, "verdict/genuine/title")).wait_for()
    assert page.get_by_label(word(language, "page/code")).input_value() == pack(1)


def test_only_the_script_that_reads_may_compile(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("/en/scan")
    script = (
        "() => WebAssembly.compile(new Uint8Array([0,97,115,109,1,0,0,0])).then(() => 1, () => 0)"
    )
    assert page.evaluate(script) == 0
    visitor.faults.clear()
