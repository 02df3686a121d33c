"""Doctors and a desk at the town's second hospital, and patients who wait there."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from tests.portal.browser import ROOT
from tests.portal.test_sign_in import Guest, link_for
from tests.portal.town import Town
from tests.rows.desk import at, employ
from yilian.gateway.auth.factors import code_at
from yilian.gateway.fhir import intake, sample
from yilian.ledger.modules.identity.messages import AddKey
from yilian.sdk.signers import Ed25519Signer
from yilian.text import say

LARGEST_PICTURE = 150_000


class Patient:
    """Somebody registered at the desk of hospital B, with records there."""

    def __init__(self, town: Town, seed: int, name: str, born: str) -> None:
        (bundle,) = sample.bundles(seed, 1)
        identity = intake.take_apart(bundle).identity
        self.name, self.system, self.number = name, identity.system, identity.value
        body = {"system": self.system, "number": self.number, "name": name, "born": born}
        with town.client(town.b) as client:
            self.id = str(client.request("POST", at(town.b, "persons"), body)["person"])
            client.request("POST", at(town.b, f"bundles?person={self.id}"), bundle)


class Doctor:
    """A doctor of hospital B, in the staff directory."""

    def __init__(self, town: Town, name: str) -> None:
        self.town, self.name = town, name
        self.id, self.signer = employ(town, town.b, name)

    def treats(self, patient: Patient) -> None:
        """Have the desk open an encounter."""
        body = {"person": patient.id, "team": [self.id]}
        with self.town.client(self.town.b) as client:
            client.request("POST", at(self.town.b, "encounters"), body)


def word(language: str, role: str, key: str, **places: str | int) -> str:
    """Give a text of a role's pages."""
    return say(language, f"portal_{role}", key, **places)


def join(guest: Guest, town: Town, subject: str) -> None:
    """Join by an invitation of hospital B and set the second factor up."""
    page = guest.visitor.open(link_for(town, town.b, subject, guest.language))
    guest.button("join/make").click()
    guest.button("set_up/begin").click()
    page.get_by_role("img", name=guest.word("set_up/qr")).wait_for()
    shown = page.locator("code").first.inner_text().replace(" ", "")
    guest.give(code_at(base64.b32decode(shown), town.node.engine.now()))
    guest.head("join/welcome").wait_for()


def let_in(guest: Guest, town: Town, owner: str, signer: Ed25519Signer) -> None:
    """Make a key on the guest's device, and have a key that the chain knows let it in."""
    page = guest.visitor.open(f"/{guest.language}/doctor/key")
    page.get_by_role("button", name=word(guest.language, "doctor", "key/make")).click()
    text = page.get_by_test_id("handover").inner_text()
    message = json.loads(text)
    assert message.pop("type") == "identity.AddKey"
    with town.as_(owner, signer, town.b) as client:
        client.send([msgspec.convert(message, AddKey)])
    # The page notices by itself.
    page.get_by_text(word(guest.language, "doctor", "key/here")).wait_for()


def sign(page: Any, language: str) -> None:
    """Sign what is shown."""
    page.get_by_role("button", name=say(language, "portal_sign", "sign"), exact=True).click()


def pictured(page: Any, name: str) -> None:
    """Keep a picture of a page for the manual, where it was asked for."""
    if os.environ.get("YILIAN_SCREENSHOTS") != "1":
        return
    file = Path(ROOT, "docs/portal", name)
    file.parent.mkdir(exist_ok=True)
    page.screenshot(path=file)
    assert file.stat().st_size < LARGEST_PICTURE
