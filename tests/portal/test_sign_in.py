"""Signing in with a real browser and its virtual authenticator, against a real node."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Protocol

import httpx
import pytest

from tests.portal.browser import Visitor
from tests.portal.town import Town
from tests.rows.calls import at
from tests.unit.gateway.auth.browser import Browser, good, refused
from yilian.gateway.auth.claim import HEADER
from yilian.gateway.auth.factors import code_at
from yilian.node.config import HostedOrganisation
from yilian.sdk.client import Client
from yilian.text import say

Visit = Callable[..., Visitor]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
LANGUAGES = ("en", "zh-CN")


class House(Protocol):
    """A served node as far as signing in needs it."""

    def client(self, organisation: HostedOrganisation) -> Client:
        """Speak as an organisation."""
        ...

    def now(self) -> int:
        """Give the node's time, in milliseconds of UTC."""
        ...


class Guest:
    """Somebody at a window whose device can hold passkeys."""

    def __init__(self, visitor: Visitor, language: str) -> None:
        self.visitor, self.page, self.language = visitor, visitor.page, language
        self.headers: list[tuple[str, str, str]] = []
        self._devtools = visitor.context.new_cdp_session(self.page)
        self._devtools.send("WebAuthn.enable")
        added = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self._device = added["authenticatorId"]
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        value = request.headers.get(HEADER.lower())
        if value is not None:
            path = "/" + request.url.split("/", 3)[3]
            self.headers.append((request.method, path, value))

    def passkeys(self) -> list[dict[str, Any]]:
        """List what the virtual authenticator holds."""
        answer = self._devtools.send("WebAuthn.getCredentials", {"authenticatorId": self._device})
        return list(answer["credentials"])

    def unlocks(self, willing: bool) -> None:
        """Have the device's owner unlock it from now on, or not."""
        self._devtools.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": self._device, "isUserVerified": willing},
        )

    def word(self, key: str, **places: str) -> str:
        """Give a text of these pages."""
        return say(self.language, "portal_account", key, **places)

    def button(self, key: str, **places: str) -> Any:
        """Find a button by its text."""
        return self.page.get_by_role("button", name=self.word(key, **places), exact=True)

    def head(self, key: str) -> Any:
        """Find a head line by its text."""
        return self.page.get_by_role("heading", name=self.word(key), exact=True)

    def give(self, code: str) -> None:
        """Type a one-time code."""
        self.page.get_by_label(self.word("factor/code")).fill(code)
        self.button("factor/give").click()

    def forgive(self, *wanted: str) -> None:
        """Refusals that a test wanted are no fault of the page; any other stays one."""
        seen = self.visitor.refused
        assert set(wanted) <= set(seen)
        seen[:] = [each for each in seen if each not in wanted]


@pytest.fixture
def guest(visit: Visit) -> Callable[[str], Guest]:
    """Open a window for somebody in a language."""
    return lambda language: Guest(visit(locale=language), language)


def link_for(town: House, organisation: HostedOrganisation, subject: str, language: str) -> str:
    """Have an organisation invite somebody; gives the link."""
    with town.client(organisation) as client:
        body = {"subject": subject, "language": language, "renews": True}
        answer = client.request("POST", at(organisation, "invitations"), body)
    return str(answer["link"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_joins_by_link_signs_out_and_in(
    town: Town, guest: Callable[[str], Guest], language: str
) -> None:
    person = guest(language)
    page = person.visitor.open(link_for(town, town.a, town.loaded, language))
    assert person.visitor.findings() == []
    person.button("join/make").click()
    person.head("join/welcome").wait_for()
    assert "#" not in page.url
    assert len(person.passkeys()) == 1
    page.get_by_role("link", name=person.word("join/go_on")).click()
    named = say(language, "portal", "signed_in", name=town.loaded[:8])
    page.get_by_role("link", name=named).click()
    page.get_by_text(person.word("account/this_one"), exact=True).wait_for()
    assert person.visitor.findings() == []
    page.reload()
    page.get_by_text(person.word("account/this_one"), exact=True).wait_for()
    person.button("sign_out").click()
    person.head("sign_in/title").wait_for()
    assert page.evaluate("async () => (await indexedDB.databases()).map(each => each.name)")
    # By keyboard alone, from the top of the page.
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == person.word("sign_in/passkey"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("link", name=named).wait_for()
    assert page.context.cookies() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_doctor_sets_codes_up_and_gives_them(
    town: Town, guest: Callable[[str], Guest], language: str
) -> None:
    doctor, _, _ = town.doctor(town.b)
    one = guest(language)
    page = one.visitor.open(link_for(town, town.b, doctor, language))
    one.button("join/make").click()
    one.head("set_up/title").wait_for()
    one.button("set_up/begin").click()
    page.get_by_role("img", name=one.word("set_up/qr")).wait_for()
    assert one.visitor.findings() == []
    shown = page.locator("code").first.inner_text().replace(" ", "")
    secret = base64.b32decode(shown)
    one.give(code_at(secret, town.node.engine.now()))
    one.head("join/welcome").wait_for()
    page.goto(f"/{language}/account")
    one.button("sign_out").click()
    one.button("sign_in/passkey").click()
    one.head("factor/title").wait_for()
    assert one.visitor.findings() == []
    fresh = code_at(secret, town.node.engine.now() + 30_000)
    one.give(fresh)
    named = say(language, "portal", "signed_in", name=doctor[:8])
    page.get_by_role("link", name=named).click()
    one.button("sign_out").click()
    one.button("sign_in/passkey").click()
    one.give(fresh)
    page.get_by_role("alert").get_by_text("sign_in.factor_used").wait_for()
    one.forgive("401 /v1/sign-in/factor")
    one.button("sign_out").click()
    one.button("sign_in/passkey").wait_for()


def test_a_locked_device_and_a_wrong_address_are_said_in_words(
    town: Town, guest: Callable[[str], Guest]
) -> None:
    one = guest("en")
    page = one.visitor.open(link_for(town, town.a, town.loaded, "en"))
    one.unlocks(False)
    one.button("join/make").click()
    page.get_by_text(one.word("troubles/cancelled/title")).wait_for()
    one.unlocks(True)
    one.button("join/make").click()
    one.head("join/welcome").wait_for()
    page.goto(town.url + "/en/sign-in")
    page.get_by_role("link", name=one.word("open_there", address=town.origin)).wait_for()
    assert one.button("sign_in/passkey").count() == 0
    # It was this test that went to the other address.
    one.visitor.foreign[:] = [each for each in one.visitor.foreign if town.url not in each]


def test_what_a_window_sent_serves_nobody_again(town: Town, guest: Callable[[str], Guest]) -> None:
    one = guest("en")
    page = one.visitor.open(link_for(town, town.a, town.loaded, "en"))
    one.button("join/make").click()
    one.head("join/welcome").wait_for()
    page.goto("/en/account")
    page.get_by_text(one.word("account/this_one"), exact=True).wait_for()
    method, path, value = one.headers[-1]
    replayed = httpx.request(method, town.url + path, headers={HEADER: value})
    assert refused(replayed) == "replayed_request"
    thief = Browser(town.url, town.node.engine.now)
    thief.session = page.evaluate(_KEPT)
    assert refused(thief.request("GET", "/v1/sign-in/session")) == "sign_in.session_key_differs"
    thief.close()
    assert page.evaluate(_TAKEN_OUT) == "InvalidAccessError"
    good(httpx.get(town.url + "/v1/sign-in"))


def test_a_session_ended_elsewhere_ends_here(town: Town, guest: Callable[[str], Guest]) -> None:
    one = guest("en")
    page = one.visitor.open(link_for(town, town.a, town.loaded, "en"))
    one.button("join/make").click()
    one.head("join/welcome").wait_for()
    with town.client(town.a) as client:
        client.request("DELETE", at(town.a, f"accounts/{town.loaded}"))
    page.goto("/en/account")
    page.get_by_text(one.word("account/not_in")).wait_for()
    one.visitor.settle()
    page.wait_for_load_state("networkidle")
    one.forgive("401 /v1/sign-in/session")
    # The page may have asked for the list before it heard that the session is over.
    listing = "401 /v1/sign-in/sessions"
    one.visitor.refused[:] = [each for each in one.visitor.refused if each != listing]


_OPEN = """
  const database = await new Promise((done, fail) => {
    const asked = indexedDB.open("yilian-session");
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const kept = await new Promise((done) => {
    const read = database.transaction("session").objectStore("session").get("current");
    read.onsuccess = () => done(read.result);
  });
  database.close();
"""
_KEPT = f"async () => {{ {_OPEN} return kept.signedIn.session; }}"
_TAKEN_OUT = f"""async () => {{ {_OPEN}
  try {{ await crypto.subtle.exportKey("jwk", kept.pair.privateKey); return "taken"; }}
  catch (error) {{ return error.name; }}
}}"""
