"""Signing in by a hospital's own sign-in, with a real browser and a provider that others wrote.

Nobody here has a passkey. One provider knows the node by a secret and signs with RS256, the other
by the node's key (`private_key_jwt`) and signs with ES256.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwk

from tests.portal.browser import Visitor, needed
from tests.portal.outside_provider import free_port, installed, provider
from tests.rows.calls import at
from tests.rows.served import FOUNDERS, Served
from yilian.bootstrap import make_node
from yilian.gateway.auth.factors import code_at
from yilian.node.config import HostedOrganisation, NodeFolder, SignIn
from yilian.text import say

pytestmark = pytest.mark.slow

CLIENT = "yilian"
SECRET = "a secret that is long enough + %41"
LANGUAGES = ("en", "zh-CN")
TITLES = {
    "county": {"en": "Cloud Creek County", "zh-CN": "云溪县"},
    "hospital": {"en": "First Hospital", "zh-CN": "第一医院"},
}
ALGORITHMS = {"county": "RS256", "hospital": "ES256"}
SEEDS = itertools.count(100)


def configure(path: Path, ports: dict[str, int]) -> Any:
    """Make a node that accepts two providers; gives its public keys."""
    make_node(path, "yilian", FOUNDERS, port=0)
    own = ec.generate_private_key(ec.SECP256R1())
    pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("outside.secret", SECRET.encode()), ("outside.pem", pem)):
        (path / name).write_bytes(content)
        (path / name).chmod(0o600)
    shown = {"county": {"secret_file": "outside.secret"}, "hospital": {"key_file": "outside.pem"}}
    outside = [
        {
            "name": name,
            "title": TITLES[name],
            "issuer": f"http://127.0.0.1:{port}",
            "client": CLIENT,
            "networks": ["127.0.0.0/8"],
            **shown[name],
        }
        for name, port in ports.items()
    ]
    folder = NodeFolder(path)
    sign_in = msgspec.convert({"outside": outside}, SignIn)
    told = msgspec.structs.replace(folder.configuration(), sign_in=sign_in)
    folder.write_configuration(told)
    key = jwk.import_key(pem, "EC")
    return {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint()}]}


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, request: Any) -> Iterator[Served]:
    """A node, and two providers that know it."""
    needed()
    folder = installed(request.config.cache.mkdir("oidc-provider"))
    ports = {name: free_port() for name in TITLES}
    path = tmp_path_factory.mktemp("outside") / "node"
    keys = configure(path, ports)
    with ExitStack() as stack:
        served = stack.enter_context(Served(path))
        origin = served.url.replace("127.0.0.1", "localhost")
        redirects = [f"{origin}/{language}/outside" for language in LANGUAGES]
        for name, port in ports.items():
            shown = {"secret": SECRET} if name == "county" else {"keys": keys}
            told = {"client": CLIENT, "redirects": redirects, "algorithm": ALGORITHMS[name]}
            stack.enter_context(provider(folder, port, **told, **shown))
        yield served


class Guest:
    """Somebody at a window, without any passkey."""

    def __init__(self, browser: Any, served: Served, language: str) -> None:
        self.origin = served.url.replace("127.0.0.1", "localhost")
        self.visitor = Visitor(browser, self.origin, locale=language)
        self.page, self.language = self.visitor.page, language

    def word(self, file: str, key: str, **places: str) -> str:
        """Give a text of these pages."""
        return say(self.language, file, key, **places)

    def click(self, file: str, key: str, **places: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=self.word(file, key, **places), exact=True).click()

    def choose(self, key: str, name: str) -> None:
        """Go to a provider."""
        self.click("portal_outside", key, name=TITLES[name][self.language])

    def is_there(self, who: str, do: str = "Go on") -> None:
        """Say to the provider who one is."""
        self.page.get_by_label("Name").fill(who)
        self.page.get_by_role("button", name=do).click()

    def in_as(self, subject: str) -> None:
        """Wait until the header says that somebody is in."""
        named = self.word("portal", "signed_in", name=subject[:8])
        self.page.get_by_role("link", name=named).wait_for()

    def sign_out(self) -> None:
        """Go to the account's page and sign out."""
        self.visitor.open(f"/{self.language}/account")
        self.click("portal_account", "sign_out")
        head = self.word("portal_account", "sign_in/title")
        self.page.get_by_role("heading", name=head, exact=True).wait_for()

    def alert(self, text: str) -> None:
        """Wait for a notice that says this."""
        self.page.get_by_role("alert").get_by_text(text).wait_for()


@pytest.fixture
def guest(browser: Any, hosted: Served) -> Iterator[Callable[[str], Guest]]:
    """Open windows; no script may fail, and nothing but the two providers be asked besides."""
    opened: list[Guest] = []

    def open_(language: str) -> Guest:
        opened.append(Guest(browser, hosted, language))
        return opened[-1]

    yield open_
    for each in opened:
        each.visitor.close()
    assert not [fault for each in opened for fault in each.visitor.faults]
    foreign = [address for each in opened for address in each.visitor.foreign]
    assert not [address for address in foreign if not address.startswith("http://127.0.0.1:")]


def link_for(served: Served, organisation: HostedOrganisation, subject: str, language: str) -> str:
    """Have an organisation invite somebody; gives the link."""
    with served.client(organisation) as client:
        body = {"subject": subject, "language": language}
        answer = client.request("POST", at(organisation, "invitations"), body)
    return str(answer["link"])


def a_person(served: Served) -> str:
    """Enrol a person."""
    return str(served.load(served.a, next(SEEDS))["person"])


@pytest.mark.parametrize(
    ("language", "name"), [("en", "county"), ("zh-CN", "hospital"), ("zh-CN", "county")]
)
def test_a_person_joins_and_comes_in_by_the_hospitals_sign_in(
    hosted: Served, guest: Callable[[str], Guest], language: str, name: str
) -> None:
    person, one = a_person(hosted), guest(language)
    one.visitor.open(link_for(hosted, hosted.a, person, language))
    assert one.visitor.findings() == []
    one.choose("join", name)
    one.is_there(f"{person}@{name}")
    one.in_as(person)
    assert "code=" not in one.page.url
    assert "#" not in one.page.url
    one.sign_out()
    assert one.visitor.findings() == []
    # The provider still knows who it is, and asks nothing.
    one.choose("sign_in", name)
    one.in_as(person)
    one.visitor.open(f"/{language}/account")
    ways = one.page.get_by_role("cell", name=one.word("portal_account", "account/ways/outside"))
    ways.first.wait_for()
    since = one.word("portal_outside", "links/since", name=TITLES[name][language])
    one.page.get_by_text(since).wait_for()
    assert one.visitor.findings() == []
    assert not one.visitor.wider_than_window()
    one.choose("links/unlink", name)
    one.alert("outside.last_way")
    assert one.page.context.cookies(one.origin) == []
    stored = one.page.evaluate("() => [{...sessionStorage}, {...localStorage}]")
    assert "yilian-outside" not in stored[0]
    assert [each for each in one.visitor.refused if "/v1/" in each] == [
        f"409 /v1/sign-in/outside/links/{name}"
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_doctor_gives_the_second_step_besides(
    hosted: Served, guest: Callable[[str], Guest], language: str
) -> None:
    doctor, _, _ = hosted.doctor(hosted.b)
    one = guest(language)
    one.visitor.open(link_for(hosted, hosted.b, doctor, language))
    one.choose("join", "hospital")
    one.is_there(doctor)
    one.click("portal_account", "set_up/begin")
    shown = one.page.locator("code").first.inner_text().replace(" ", "")
    secret = base64.b32decode(shown)
    label = one.word("portal_account", "factor/code")
    one.page.get_by_label(label).fill(code_at(secret, hosted.node.engine.now()))
    one.click("portal_account", "factor/give")
    one.in_as(doctor)
    one.sign_out()
    one.choose("sign_in", "hospital")
    head = one.word("portal_account", "factor/title")
    one.page.get_by_role("heading", name=head, exact=True).wait_for()
    one.page.get_by_label(label).fill(code_at(secret, hosted.node.engine.now() + 30_000))
    one.click("portal_account", "factor/give")
    one.in_as(doctor)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_is_not_linked_and_who_leaves_are_told_in_words(
    hosted: Served, guest: Callable[[str], Guest], language: str
) -> None:
    one = guest(language)
    one.visitor.open(f"/{language}/sign-in")
    one.choose("sign_in", "county")
    one.is_there("nobody", "Leave")
    one.page.get_by_text(one.word("portal_account", "troubles/outside_refused/title")).wait_for()
    assert one.visitor.findings() == []
    one.page.get_by_role("link", name=one.word("portal_outside", "return/again")).click()
    one.choose("sign_in", "county")
    one.is_there("nobody")
    one.alert(say(language, "errors", "outside.not_linked_yet/title"))
    assert one.visitor.findings() == []
    assert [each for each in one.visitor.refused if "/v1/" in each] == [
        "403 /v1/sign-in/outside/finish"
    ]


def test_an_address_that_was_copied_serves_nobody(
    hosted: Served, guest: Callable[[str], Guest]
) -> None:
    """What came back, opened in another window before the node has seen it; then once more here."""
    person, one, thief = a_person(hosted), guest("en"), guest("en")
    came: list[str] = []
    one.page.on("request", lambda each: came.append(each.url) if "?code=" in each.url else None)
    one.page.route("**/v1/sign-in/outside/finish", lambda route: route.abort())
    link = link_for(hosted, hosted.a, person, "en")
    one.visitor.open(link)
    one.choose("join", "county")
    one.is_there(person)
    one.alert("portal.unreachable")
    one.page.unroute("**/v1/sign-in/outside/finish")
    one.visitor.faults.clear()
    not_begun = one.word("portal_account", "troubles/not_begun_here/title")
    for each in (thief, one):
        each.page.goto(came[0])
        each.page.get_by_text(not_begun).wait_for()
        assert "code=" not in each.page.url
        assert not [path for path in each.visitor.refused if "/v1/" in path]
    assert thief.visitor.findings() == []
    # The invitation was not used up.
    one.visitor.open(link)
    one.choose("join", "county")
    one.in_as(person)


def test_an_account_is_linked_by_who_is_in(hosted: Served, guest: Callable[[str], Guest]) -> None:
    person, one = a_person(hosted), guest("zh-CN")
    one.visitor.open(link_for(hosted, hosted.a, person, "zh-CN"))
    one.choose("join", "county")
    one.is_there(person)
    one.in_as(person)
    one.visitor.open("/zh-CN/account")
    one.choose("links/link", "hospital")
    one.is_there(person)
    since = one.word("portal_outside", "links/since", name=TITLES["hospital"]["zh-CN"])
    one.page.get_by_text(since).wait_for()
    # Another way is left now, so that this one may go.
    one.choose("links/unlink", "county")
    gone = one.word("portal_outside", "links/link", name=TITLES["county"]["zh-CN"])
    one.page.get_by_role("button", name=gone, exact=True).wait_for()
