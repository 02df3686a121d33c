"""F17 by the sign-in of others: who it is comes from the provider, and every lie is refused.

The provider of these tests is somebody else's, and lies when it is told to.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.rows.calls import at
from tests.rows.served import FOUNDERS, Served
from tests.rows.test_f17_sign_in import (
    audited,
    code_of,
    codes,
    invite,
    next_code,
    rows,
)
from tests.unit.gateway.auth.browser import CHAIN, Browser, SessionKey, good, refused
from tests.unit.gateway.auth.oidc_issuer import (
    SECRET,
    Issuer,
    base64url,
    configured,
    issuer,
    key_of,
    signed,
)
from yilian.bootstrap import make_node
from yilian.gateway.auth import oidc_flow
from yilian.gateway.auth.factors import code_at
from yilian.gateway.auth.oidc_flow import ReturnClaim
from yilian.ledger import codec
from yilian.node.config import NodeFolder, SignIn
from yilian.sdk import drafts

ROOT = "/v1/sign-in/outside"
SESSION = "/v1/sign-in/session"


SEEDS = itertools.count(1)


def a_person(served: Served) -> str:
    """Enrol a person whom the node does not know yet, at hospital A."""
    return str(served.load(served.a, next(SEEDS))["person"])


class Town:
    """A served node that accepts the sign-ins of four providers, and browsers at its portal.

    `strong`: its second factor counts. `theirs`: for the people of hospital B alone.
    """

    def __init__(self, served: Served, providers: dict[str, Issuer]) -> None:
        self.served, self.providers = served, providers
        self.provider = providers["hospital"]
        self.browsers: list[Browser] = []

    def browser(self) -> Browser:
        """Open a browser."""
        self.browsers.append(Browser(self.served.url, self.served.node.engine.now))
        return self.browsers[-1]


def configure(path: Path, providers: dict[str, Issuer], **times: int) -> None:
    """Make a node that is told these providers."""
    make_node(path, CHAIN, FOUNDERS, port=0)
    (path / "outside.secret").write_text(SECRET)
    (path / "outside.secret").chmod(0o600)
    folder = NodeFolder(path)
    told = folder.configuration()
    more: dict[str, dict[str, Any]] = {
        "strong": {"second_factor": {"acr": ["urn:two"], "amr": ["hwk"]}},
        "theirs": {"organisation": told.organisations[1].id},
    }
    outside = [
        configured(each.url, name=name, **more.get(name, {})) for name, each in providers.items()
    ]
    sign_in = msgspec.convert({"outside": outside, **times}, SignIn)
    folder.write_configuration(msgspec.structs.replace(told, sign_in=sign_in))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One node for all tests of this file: each has people and a `sub` of its own."""
    path = tmp_path_factory.mktemp("outside") / "node"
    with ExitStack() as stack:
        names = ("hospital", "other", "strong", "theirs")
        providers = {name: stack.enter_context(issuer()) for name in names}
        configure(path, providers, tries_per_address=1000)
        yield Town(stack.enter_context(Served(path)), providers)


@pytest.fixture
def plain(standing: Town) -> Iterator[Town]:
    """The node, with providers that do not lie yet, and a `sub` that nobody has."""
    user = drafts.fresh_id()
    for each in standing.providers.values():
        each.truthful()
        each.user = user
    yield standing
    while standing.browsers:
        standing.browsers.pop().close()


def begin(browser: Browser, **more: str) -> dict[str, Any]:
    """Begin to go to a provider under a new session key."""
    browser.key = SessionKey()
    body = {"provider": "hospital", "session_key": browser.key.text, "language": "en", **more}
    return good(browser.post(f"{ROOT}/begin", body))


def back(browser: Browser, came: dict[str, str], **lies: Any) -> Any:
    """Come back with what the provider gave, signed by the browser's key."""
    told = {
        "chain": CHAIN,
        "code": came["code"],
        "iss": came.get("iss", ""),
        "origin": browser.origin,
        "state": came["state"],
        **lies,
    }
    signature = browser.key.sign(oidc_flow.text(ReturnClaim(**told)))
    body = {"state": came["state"], "code": came["code"], "signature": codec.to_text(signature)}
    if "iss" in came:
        body["iss"] = came["iss"]
    return browser._in(browser.post(f"{ROOT}/finish", body))


def go(at_: Town, browser: Browser, provider: str = "hospital", **more: str) -> Any:
    """Go there and come back; gives the answer."""
    begun = begin(browser, provider=provider, **more)
    return back(browser, at_.providers[provider].visit(begun["address"]))


def link(at_: Town, browser: Browser) -> Any:
    """Link the account that is in."""
    body = {"provider": "hospital", "language": "zh-CN"}
    begun = good(browser.request("POST", f"{ROOT}/links", body))
    return back(browser, at_.provider.visit(begun["address"]))


# -- in ------------------------------------------------------------------------------------------


def test_a_person_joins_by_the_hospitals_sign_in_and_comes_in_again(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    person = a_person(served)
    invited = invite(served, served.a, person)
    session = good(go(plain, browser, code=code_of(invited)))
    assert (session["state"], session["way"], session["subject"]) == ("in", "outside", person)
    good(browser.request("GET", at(served.a, f"persons/{person}/records")))
    assert refused(plain.browser().begin_joining(code_of(invited))) == "sign_in.invitation_used"
    again = plain.browser()
    found = good(go(plain, again))
    assert (found["subject"], found["joined"]) == (person, False)
    assert found["session"] != session["session"]
    listed = good(again.request("GET", f"{ROOT}/links"))
    assert [each["title"]["zh-CN"] for each in listed["links"]] == ["云溪医院"]
    assert [each["provider"] for each in listed["more"]] == ["other", "strong"]
    kept = b"".join(each.read_bytes() for each in served.path.glob("accounts.sqlite*"))
    assert SECRET.encode() not in kept
    assert plain.provider.user.encode() not in kept


def test_a_doctor_gives_our_second_factor_besides(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    doctor, _, _ = served.doctor(served.b)
    plain.provider.claims = {"acr": "urn:two", "amr": ["otp"]}
    session = good(go(plain, browser, code=code_of(invite(served, served.b, doctor))))
    assert session["state"] == "second_factor"
    staff = at(served.b, "staff")
    assert refused(browser.request("GET", staff)) == "sign_in.second_factor_needed"
    assert refused(browser.request("GET", f"{ROOT}/links")) == "sign_in.second_factor_needed"
    secret = codes(browser)
    good(browser.give_code(code_at(secret, browser.now())))
    good(browser.request("GET", staff))
    assert good(go(plain, browser))["state"] == "second_factor"
    assert refused(browser.request("POST", "/v1/sign-in/factor/enrol")) == "sign_in.factor_missing"
    good(browser.give_code(next_code(browser, secret)))
    good(browser.request("GET", staff))


def test_the_providers_second_factor_counts_where_the_node_is_told_so(plain: Town) -> None:
    served, browser, strong = plain.served, plain.browser(), plain.providers["strong"]
    doctor, _, _ = served.doctor(served.b)
    strong.claims = {"acr": "urn:two"}
    code = code_of(invite(served, served.b, doctor))
    assert good(go(plain, browser, "strong", code=code))["state"] == "in"
    good(browser.request("GET", at(served.b, "staff")))
    strong.claims = {"amr": ["pwd", "hwk"]}
    assert good(go(plain, browser, "strong"))["state"] == "in"
    strong.claims = {"acr": "urn:one", "amr": ["pwd"]}
    assert good(go(plain, browser, "strong"))["state"] == "second_factor"


def test_who_is_in_links_and_unlinks_where_another_way_is_left(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    person = a_person(served)
    good(browser.join(code_of(invite(served, served.a, person))))
    assert good(browser.request("GET", f"{ROOT}/links"))["more"][0]["provider"] == "hospital"
    assert good(link(plain, browser))["way"] == "passkey"
    other = plain.browser()
    good(go(plain, other))
    body = {"provider": "hospital", "language": "en"}
    assert refused(browser.request("POST", f"{ROOT}/links", body)) == "outside.linked_already"
    assert good(browser.request("DELETE", f"{ROOT}/links/hospital")) == {"ended": 1}
    assert refused(other.request("GET", SESSION)) == "sign_in.session_ended"
    assert refused(go(plain, other)) == "outside.not_linked_yet"
    assert refused(browser.request("DELETE", f"{ROOT}/links/hospital")) == "outside.not_linked"
    assert refused(browser.request("DELETE", f"{ROOT}/links/none")) == "outside.provider_unknown"


def test_the_last_way_in_stays(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    person, path = a_person(served), f"{ROOT}/links/hospital"
    good(go(plain, browser, code=code_of(invite(served, served.a, person))))
    assert refused(browser.request("DELETE", path)) == "outside.last_way"
    doctor, _, _ = served.doctor(served.b)
    plain.provider.user = drafts.fresh_id()
    own = plain.browser()
    good(go(plain, own, code=code_of(invite(served, served.b, doctor))))
    good(own.give_code(code_at(codes(own), own.now())))
    # A doctor's own key on the chain, and codes: a whole way.
    good(own.request("DELETE", path))


def test_an_invitation_that_renews_ends_links_and_a_closed_account_has_none(plain: Town) -> None:
    served, old, new = plain.served, plain.browser(), plain.browser()
    person = a_person(served)
    good(go(plain, old, code=code_of(invite(served, served.a, person))))
    good(new.join(code_of(invite(served, served.a, person, renews=True))))
    assert refused(old.request("GET", SESSION)) == "sign_in.session_ended"
    assert refused(go(plain, old)) == "outside.not_linked_yet"
    good(link(plain, new))
    with served.client(served.a) as client:
        client.request("DELETE", at(served.a, f"accounts/{person}"))
    assert refused(go(plain, old)) == "outside.not_linked_yet"


def test_without_configuration_there_is_nothing(served: Served) -> None:
    browser = Browser(served.url, served.node.engine.now)
    assert good(browser.http.get(ROOT)) == {"providers": []}
    body = {"provider": "hospital", "session_key": browser.key.text, "language": "en"}
    assert refused(browser.post(f"{ROOT}/begin", body)) == "outside.provider_unknown"
    browser.close()


# -- nobody ---------------------------------------------------------------------------------------


def test_who_is_not_linked_is_told_what_to_do_and_is_noted(plain: Town) -> None:
    """A name, an address or an id on the chain that somebody else has opens nothing."""
    served, browser = plain.served, plain.browser()
    person = a_person(served)
    good(browser.join(code_of(invite(served, served.a, person))))
    before, noted = rows(served), len(audited(served, served.a, "outside.not_linked_yet"))
    plain.provider.claims = {"email": "wang@example", "email_verified": True, "name": "王"}
    for user in (person, "wang@example", "4711"):
        plain.provider.user = user
        assert refused(go(plain, plain.browser())) == "outside.not_linked_yet"
    assert rows(served) == before
    assert len(audited(served, served.a, "outside.not_linked_yet")) == noted + 3


def test_the_same_sub_at_another_issuer_is_somebody_else(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    good(go(plain, browser, code=code_of(invite(served, served.a, a_person(served)))))
    assert refused(go(plain, browser, "other")) == "outside.not_linked_yet"


def test_one_sign_in_opens_one_account(plain: Town) -> None:
    served, first, second = plain.served, plain.browser(), plain.browser()
    good(go(plain, first, code=code_of(invite(served, served.a, a_person(served)))))
    doctor, _, _ = served.doctor(served.b)
    invited = invite(served, served.b, doctor)
    before = rows(served)
    assert refused(go(plain, second, code=code_of(invited))) == "outside.linked_elsewhere"
    assert rows(served) == before
    plain.provider.user = drafts.fresh_id()
    good(go(plain, second, code=code_of(invited)))


def test_a_providers_people_may_be_one_organisations(plain: Town) -> None:
    served, browser, person = plain.served, plain.browser(), a_person(plain.served)
    code = code_of(invite(served, served.a, person))
    body = {"provider": "theirs", "language": "en", "code": code}
    answer = browser.post(f"{ROOT}/begin", {**body, "session_key": browser.key.text})
    assert refused(answer) == "outside.other_organisation"
    good(browser.join(code))
    del body["code"]
    linking = browser.request("POST", f"{ROOT}/links", body)
    assert refused(linking) == "outside.other_organisation"
    more = good(browser.request("GET", f"{ROOT}/links"))["more"]
    assert "theirs" not in [each["provider"] for each in more]


def test_who_stands_no_more_does_not_come_in(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    doctor, _, _ = served.doctor(served.b)
    good(go(plain, browser, code=code_of(invite(served, served.b, doctor))))
    with served.client(served.b) as client:
        client.identity.revoke_subject(subject=doctor)
    assert refused(browser.request("GET", SESSION)) == "sign_in.session_revoked"
    assert refused(go(plain, browser)) == "sender_inactive"


# -- attacks at the way back ----------------------------------------------------------------------


def test_an_address_that_was_stolen_serves_nobody_else(plain: Town) -> None:
    """Code and state, overheard or sent to somebody, need the key of the browser that began."""
    served, victim, thief = plain.served, plain.browser(), plain.browser()
    person = a_person(served)
    good(go(plain, victim, code=code_of(invite(served, served.a, person))))
    came = plain.provider.visit(begin(victim)["address"])
    before = rows(served)
    assert refused(back(thief, came)) == "outside.key_differs"
    assert rows(served) == before
    # The thief could not use it up either; and it serves once.
    good(back(victim, came))
    assert refused(back(victim, came)) == "outside.flow_unknown"
    assert audited(served, served.a, "outside.key_differs")


def test_nobody_is_signed_in_to_anothers_account(plain: Town) -> None:
    """Login CSRF: the attacker's own code and state, brought into the victim's browser."""
    served, attacker, victim = plain.served, plain.browser(), plain.browser()
    good(go(plain, attacker, code=code_of(invite(served, served.a, a_person(served)))))
    theirs = plain.provider.visit(begin(attacker)["address"])
    own = begin(victim)
    assert refused(back(victim, theirs)) == "outside.key_differs"
    crossed = {**theirs, "state": own["state"]}
    # The nonce and the verifier of the victim's own way do not fit the attacker's code.
    assert refused(back(victim, crossed)) == "outside.code_refused"


def test_what_is_signed_is_this_return_and_no_other(plain: Town) -> None:
    browser = plain.browser()
    came = plain.provider.visit(begin(browser)["address"])
    for lie in (
        {"chain": "other"},
        {"origin": "https://elsewhere.test"},
        {"code": "other"},
        {"iss": ""},
        {"state": "A" * 43},
    ):
        assert refused(back(browser, came, **lie)) == "outside.key_differs"
    assert refused(back(browser, {**came, "state": "A" * 43})) == "outside.flow_unknown"
    elsewhere = browser.post(f"{ROOT}/finish", {}, Origin="https://elsewhere.test")
    assert refused(elsewhere) == "sign_in.origin_differs"


def test_another_issuers_answer_is_not_given_to_this_one(plain: Town) -> None:
    """Mix-up (RFC 9207): `iss` must be there where it was promised, and be the right one."""
    browser, before = plain.browser(), plain.provider.asked.count("/token")
    other = plain.providers["other"].url
    for iss in ("https://evil.example", other, plain.provider.url + "/", ""):
        plain.provider.returned = {"iss": iss}
        assert refused(go(plain, browser)) == "outside.issuer_differs"
    assert plain.provider.asked.count("/token") == before


def test_lies_of_a_provider_are_refused(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    code = code_of(invite(served, served.a, a_person(served)))
    before = rows(served)
    lies: list[tuple[dict[str, Any], str]] = [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"nonce": "another"}, "nonce"),
        ({"exp": 1}, "expired"),
        ({"iat": 1}, "issued"),
        ({"azp": "another"}, "audience"),
        ({"at_hash": "AAAA"}, "access_token"),
    ]
    for claims, check in lies:
        plain.provider.claims = claims
        answer = go(plain, browser, code=code)
        assert refused(answer) == "outside.token_refused"
        assert answer.json()["parameters"] == {"check": check}
    assert rows(served) == before
    assert audited(served, served.a, "outside.token_refused")


def test_unsigned_and_wrongly_signed_tokens_are_refused(plain: Town) -> None:
    browser, other = plain.browser(), key_of("ES256", "k1")
    none = base64url(b'{"alg":"none"}')
    plain.provider.sign = lambda claims: f"{none}.{base64url(msgspec.json.encode(claims))}."
    assert go(plain, browser).json()["parameters"] == {"check": "algorithm"}
    plain.provider.sign = lambda claims: signed(other, {"alg": "ES256", "kid": "k1"}, claims)
    assert go(plain, browser).json()["parameters"] == {"check": "signature"}


def test_a_token_of_another_way_is_refused(plain: Town) -> None:
    """The nonce: a token that was made for one way does not end another."""
    browser, made = plain.browser(), []

    def first(claims: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": "k1"}
        made.append(signed(plain.provider.key, header, claims))
        return made[0]

    plain.provider.sign = first
    assert refused(go(plain, browser)) == "outside.not_linked_yet"
    assert go(plain, browser).json()["parameters"] == {"check": "nonce"}


def test_wrong_returns_lock_an_address_at_ten(tmp_path: Path) -> None:
    with issuer() as provider:
        configure(tmp_path / "node", {"hospital": provider})
        with Served(tmp_path / "node") as served:
            at_ = Town(served, {"hospital": provider})
            browser = at_.browser()
            provider.claims = {"nonce": "another"}
            for _ in range(10):
                assert refused(go(at_, browser)) == "outside.token_refused"
            key = browser.key.text
            body = {"provider": "hospital", "session_key": key, "language": "en"}
            assert refused(browser.post(f"{ROOT}/begin", body)) == "sign_in.locked"
            browser.close()


def test_a_provider_that_is_away_is_said_in_words(plain: Town) -> None:
    served, browser = plain.served, plain.browser()
    came = plain.provider.visit(begin(browser)["address"])
    plain.provider.answer = (401, b'{"error": "invalid_client"}')
    assert refused(back(browser, came)) == "outside.provider_away"
    (served.path / "outside.secret").chmod(0o644)
    body = {"provider": "hospital", "session_key": browser.key.text, "language": "en"}
    assert refused(browser.post(f"{ROOT}/begin", body)) == "outside.provider_away"
    (served.path / "outside.secret").chmod(0o600)
    good(browser.post(f"{ROOT}/begin", body))


def test_what_is_malformed_is_refused(plain: Town) -> None:
    browser = plain.browser()
    bodies: list[Any] = [
        {},
        {"provider": "hospital"},
        {"provider": "../x", "session_key": "", "language": "en"},
        {"provider": "hospital", "session_key": "A" * 87, "language": "de"},
        {"provider": "hospital", "session_key": "A" * 87, "language": "en", "more": 1},
        [],
    ]
    for body in bodies:
        for path in ("begin", "finish"):
            answer = browser.http.post(
                f"{ROOT}/{path}", json=body, headers={"Origin": browser.origin}
            )
            assert refused(answer) == "malformed"


def test_a_session_that_ended_links_nothing(plain: Town) -> None:
    served, browser, second = plain.served, plain.browser(), plain.browser()
    person = a_person(served)
    good(browser.join(code_of(invite(served, served.a, person))))
    body = {"provider": "hospital", "language": "en"}
    begun = good(browser.request("POST", f"{ROOT}/links", body))
    second.authenticator = browser.authenticator
    good(second.sign_in())
    good(second.request("POST", "/v1/sign-in/sessions/end-others"))
    came = plain.provider.visit(begun["address"])
    assert refused(back(browser, came)) == "sign_in.session_ended"
    assert good(second.request("GET", f"{ROOT}/links"))["links"] == []
    assert refused(browser.request("GET", f"{ROOT}/links", session=drafts.fresh_id())) == (
        "sign_in.session_unknown"
    )
