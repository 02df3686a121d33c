"""Signing in a real browser: its keys, its memory, what it shows, and a node at the other end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.judging import PORTAL, node
from tests.portal.town import Town
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.messages import EnrolPerson
from yilian.sdk import drafts

PLACE = "/portal/assets/by-page/"
_BUILD = """
import { build } from "vite";
const [, outDir, base] = process.argv;
const output = { entryFileNames: "by-page.js" };
const rolldownOptions = {
  input: "src/sign/by-page.tsx", output, preserveEntrySignatures: "strict",
};
const made = {
  outDir, assetsDir: "", modulePreload: false, copyPublicDir: false, cssCodeSplit: false,
  rolldownOptions, target: "es2022",
};
await build({ configFile: false, logLevel: "error", base, build: made });
"""
TYPES = {".js": "text/javascript", ".css": "text/css"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signer's own page, built."""
    folder = tmp_path_factory.mktemp("by-page")
    command = [node(), "--input-type=module", "--eval", _BUILD, str(folder), PLACE]
    ran = subprocess.run(
        command, cwd=PORTAL, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    return folder


class Signer:
    """A person with a browser that holds their only key."""

    def __init__(self, visitor: Visitor, town: Town, bundle: Path) -> None:
        self.town, self.page, self.visitor = town, visitor.page, visitor
        self.posts: list[bytes] = []
        self.id = drafts.fresh_id()

        def give(route: Any) -> None:
            file = bundle / route.request.url.partition(PLACE)[2]
            route.fulfill(path=file, content_type=TYPES[file.suffix])

        self.page.route(f"**{PLACE}**", give)
        self.page.on("request", self._sent)
        self.open()
        made = self.ask("makeKey", self.id, ["ed25519"])
        self.key = made["id"]
        home = town.node.organisations[town.a.id]
        key = msgspec.convert(made["key"], PublicKey)
        home.write(EnrolPerson(person=self.id, tag=drafts.fresh_salt(), key=key))

    def _sent(self, request: Any) -> None:
        if request.method == "POST" and request.url.endswith("/v1/transactions"):
            self.posts.append(request.post_data_buffer)

    def open(self) -> None:
        """Come to the portal, as after a reload."""
        self.visitor.open("/en/")

    def ask(self, act: str, *given: Any) -> Any:
        """Have the page do something."""
        return self.page.evaluate(
            "async ([place, act, given]) => (await import(place))[act](...given)",
            [f"{PLACE}by-page.js", act, list(given)],
        )

    def show(self, language: str, *messages: dict[str, Any]) -> None:
        """Show what is to be signed."""
        asked = {
            "chain": "yilian",
            "sender": self.id,
            "payer": self.town.a.id,
            "signers": [self.key],
            "messages": list(messages),
        }
        self.ask("show", language, asked)

    def button(self, name: str) -> Any:
        """Find a button by its words."""
        return self.page.get_by_role("button", name=name, exact=True)

    def granting(self) -> dict[str, Any]:
        """Make a grant's message."""
        starts = self.page.evaluate("Date.now()")
        period = {"starts": starts, "ends": starts + 86_400_000}
        terms = {"grant": drafts.fresh_id(), "terms": drafts.fresh_salt()}
        return {"type": "consent.Grant", **terms, **period}


@pytest.fixture(params=WIDTHS)
def signer(
    browser: Any, town: Town, bundle: Path, request: pytest.FixtureRequest
) -> Iterator[Signer]:
    """A person at a window of either width."""
    visitor = Visitor(browser, town.origin, width=request.param)
    yield Signer(visitor, town, bundle)
    visitor.close()
    assert not visitor.foreign


def test_shown_signed_and_recorded(signer: Signer, town: Town) -> None:
    """The words and their details, by keyboard, and then the chain."""
    grant = signer.granting()
    signer.show("zh-CN", grant)
    short = f"{grant['grant'][:8]}…{grant['grant'][-4:]}"
    signer.page.get_by_text(short).first.wait_for()
    signer.page.get_by_text("尚未签署，什么也没有发送。").wait_for()
    assert signer.visitor.findings() == []
    signer.button("显示全部细节").press("Enter")
    signer.page.get_by_text(grant["terms"], exact=True).wait_for()
    assert signer.visitor.findings() == []
    assert not signer.visitor.wider_than_window()
    assert signer.button("签署并发送").bounding_box()["height"] >= 24
    assert signer.posts == []
    signer.button("签署并发送").press("Enter")
    signer.page.get_by_text("已记录在共同账册第").wait_for()
    assert len(signer.posts) == 1
    assert signer.id in json.dumps(town.get(f"/v1/consent/grants/{grant['grant']}"))
    assert signer.visitor.faults == []


def test_nobody_takes_the_key_out(signer: Signer) -> None:
    """Neither now nor after a reload, when it still signs."""
    assert signer.ask("takenOut", signer.id) == 0
    signer.open()
    assert signer.ask("takenOut", signer.id) == 0
    grant = signer.granting()
    signer.show("en", grant)
    signer.button("Sign and send").click()
    signer.page.get_by_text("Recorded on page").wait_for()
    signer.show("en", {"type": "consent.Revoke", "grant": grant["grant"]})
    signer.button("Sign and send").click()
    signer.page.get_by_text("Recorded on page").wait_for()


def test_signed_without_a_connection_it_goes_out_after_a_reload(signer: Signer, town: Town) -> None:
    """It says that it waits, survives the reload, and has its effect once."""
    grant = signer.granting()
    signer.show("en", grant)
    signer.button("Sign and send").wait_for()
    signer.visitor.context.set_offline(True)
    signer.button("Sign and send").click()
    signer.page.get_by_text("Signed, but no answer has come yet").wait_for()
    signer.visitor.context.set_offline(False)
    signer.open()
    (entry,) = signer.ask("waiting")
    assert entry["state"] == "recorded"
    answer = town.get(f"/v1/transactions/{entry['hash']}")
    assert answer["height"] == entry["height"]
    assert len(set(signer.posts)) == 1
    assert signer.id in json.dumps(town.get(f"/v1/consent/grants/{grant['grant']}"))


def test_who_does_not_sign_leaves_nothing(signer: Signer) -> None:
    """No request, and no draft that comes back."""
    signer.show("en", signer.granting())
    signer.button("Do not sign").click()
    signer.page.wait_for_function(
        "async (place) => (await (await import(place)).waiting()).length === 0",
        arg=f"{PLACE}by-page.js",
    )
    signer.open()
    assert signer.ask("waiting") == []
    assert signer.posts == []
