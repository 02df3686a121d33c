"""Debian's Chromium, driven by Playwright: opened pages, and what is looked at on every one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from yilian.portal.built import DIST

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "portal/node_modules/axe-core/axe.min.js"
WIDTHS = (390, 1280)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def needed() -> None:
    """Skip a test where the portal is not built, or there is no browser to open it with."""
    if not (DIST / "index.html").exists():
        pytest.skip("the portal is not built: make portal")
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is missing: tools/browser.sh")
    pytest.importorskip("playwright", reason="tools/environment.sh test,dev")


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a running browser."""
    needed()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
        )
        yield browser
        browser.close()


class Visitor:
    """One person's browser window. What should never happen anywhere is noted as it happens."""

    def __init__(self, browser: Any, origin: str, width: int = 1280, **more: Any) -> None:
        self.origin = origin
        self.context = browser.new_context(
            base_url=origin,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
            **more,
        )
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.foreign: list[str] = []
        self.refused: list[str] = []
        self.meant: list[str] = []
        """Parts of addresses whose refusals a test means to get, from when it says so."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def _said(self, message: Any) -> None:
        # Refusals are on the console too; `refused` has them with their addresses.
        noted = message.text.startswith("Failed to load resource: the server responded")
        if message.type in ("error", "warning") and not noted:
            self.faults.append(message.text)

    def _answered(self, response: Any) -> None:
        address = response.url.removeprefix(self.origin)
        if response.status >= 400 and not any(part in address for part in self.meant):
            self.refused.append(f"{response.status} {address}")

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url)[:2] != urlsplit(self.origin)[:2]:
            self.foreign.append(request.url)

    def open(self, path: str) -> Any:
        """Go to an address and wait until the page stands; gives the page."""
        self.page.goto(path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until a page has its head line and nothing is on its way any more."""
        self.page.locator("h1").first.wait_for()
        self.page.wait_for_function(
            "() => !document.querySelector('main[aria-busy=true]')"
            " && !document.querySelector('.standing[role=status]')"
        )

    def findings(self) -> list[str]:
        """What axe finds on the page as it stands: nothing, where all is well."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(
            "(rules) => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
        )
        return [
            f"{each['id']}: {each['help']}: "
            + json.dumps([node["html"][:160] for node in each["nodes"]], ensure_ascii=False)
            for each in found["violations"]
        ]

    def wider_than_window(self) -> bool:
        """Tell whether one would have to scroll sideways (WCAG 1.4.10)."""
        return bool(
            self.page.evaluate(
                "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def close(self) -> None:
        """Close the window."""
        self.context.close()
