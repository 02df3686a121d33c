"""Somebody who keeps a node: an organisation's agent, signed in at a browser with both factors."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from tests.portal.browser import ROOT, WIDTHS, Visitor
from tests.portal.test_sign_in import Guest, House, link_for
from yilian.gateway.auth.factors import code_at
from yilian.ledger import codec
from yilian.ledger.keys import PublicKey, key_id
from yilian.ledger.modules.identity.rules import key_proof
from yilian.node.config import HostedOrganisation
from yilian.text import say

_MAKE_KEY = """async () => {
  window.made = await crypto.subtle.generateKey({name: "Ed25519"}, false, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", window.made.publicKey));
  return Array.from(raw);
}"""
_SIGN = """async (text) => Array.from(new Uint8Array(await crypto.subtle.sign(
  {name: "Ed25519"}, window.made.privateKey, new Uint8Array(text))))"""
_KEEP_KEY = """async ({id, owner, key}) => {
  const database = await new Promise((done, fail) => {
    const asked = indexedDB.open("yilian-sign", 1);
    asked.onupgradeneeded = () => ["keys", "outbox"].forEach(
      each => asked.result.createObjectStore(each, {keyPath: "id"}));
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const change = database.transaction("keys", "readwrite");
  change.objectStore("keys").put({id, owner, key, pair: window.made, made: Date.now()});
  await new Promise((done, fail) => { change.oncomplete = done; change.onabort = fail; });
  database.close();
}"""


class Keeper:
    """An agent at a window, signed in; `word` gives the words of their pages."""

    def __init__(
        self, town: House, visitor: Visitor, organisation: HostedOrganisation, language: str
    ) -> None:
        self.town, self.visitor, self.page = town, visitor, visitor.page
        self.organisation, self.language = organisation, language
        self._come_in(Guest(visitor, language))

    def _come_in(self, guest: Guest) -> None:
        link = link_for(self.town, self.organisation, self.organisation.agent, self.language)
        self.visitor.open(link)
        guest.button("join/make").click()
        guest.head("set_up/title").wait_for()
        guest.button("set_up/begin").click()
        secret = base64.b32decode(self.page.locator("code").first.inner_text().replace(" ", ""))
        guest.give(code_at(secret, self.town.now()))
        guest.head("join/welcome").wait_for()

    def word(self, key: str, file: str = "portal_operator", **places: str) -> str:
        """Give a text of a page."""
        return say(self.language, file, key, **places)

    def go(self, path: str, title: str, file: str = "portal_operator") -> None:
        """Open a page of theirs by its address and wait for its head line."""
        self.visitor.open(f"/{self.language}/{path}")
        self.page.get_by_role("heading", name=self.word(title, file), exact=True).wait_for()

    def look(self) -> None:
        """Nothing is wrong with the page as it stands, on a desk and on a phone."""
        for width in reversed(WIDTHS):
            self.page.set_viewport_size({"width": width, "height": 900})
            assert self.visitor.findings() == [], width
            assert not self.visitor.wider_than_window(), width
        self.page.set_viewport_size({"width": max(WIDTHS), "height": 900})

    def picture(self, name: str) -> None:
        """Keep a picture for the documentation, where that is wanted."""
        if os.environ.get("YILIAN_SCREENSHOTS") == "1":
            folder = Path(os.environ.get("YILIAN_SCREENSHOTS_AT", ROOT / "docs/portal"))
            folder.mkdir(exist_ok=True)
            self.page.screenshot(path=folder / f"{name}-{self.language}.png", full_page=True)

    def hold_key(self) -> None:
        """Make a key of the organisation itself in this browser, and put it on the chain."""
        raw = bytes(self.page.evaluate(_MAKE_KEY))
        key = PublicKey(suite="ed25519", public=codec.to_text(raw))
        proof = bytes(self.page.evaluate(_SIGN, list(key_proof(self.organisation.id, key))))
        with self.town.client(self.organisation) as client:
            client.identity.add_key(key=key, proof=codec.to_text(proof))
        named: dict[str, Any] = {"suite": key.suite, "public": key.public}
        given = {"id": key_id(key), "owner": self.organisation.id, "key": named}
        self.page.evaluate(_KEEP_KEY, given)
