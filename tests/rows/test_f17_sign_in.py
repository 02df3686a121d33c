"""F17: key and second factor let in; what is wrong, replayed or stolen does not, and is noted."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.rows.calls import at
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import (
    PRESENT,
    VERIFIED,
    Browser,
    SessionKey,
    good,
    refused,
)
from yilian.gateway.auth import claim
from yilian.gateway.auth.factors import code_at
from yilian.gateway.fhir import intake, sample
from yilian.ledger import codec
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

SESSION = "/v1/sign-in/session"
Open = Callable[[], Browser]


@pytest.fixture
def opened(served: Served) -> Iterator[Open]:
    """Open browsers at the node's portal."""
    made: list[Browser] = []

    def open_one() -> Browser:
        made.append(Browser(served.url, served.node.engine.now))
        return made[-1]

    yield open_one
    for each in made:
        each.close()


def invite(
    served: Served, organisation: HostedOrganisation, subject: str, **asked: Any
) -> dict[str, Any]:
    """Have an organisation invite somebody."""
    with served.client(organisation) as client:
        answer: dict[str, Any] = client.request(
            "POST", at(organisation, "invitations"), {"subject": subject, **asked}
        )
        return answer


def code_of(invited: dict[str, Any]) -> str:
    """Read the code from an invitation's link."""
    return str(invited["link"]).rpartition("#")[2]


def a_person(served: Served) -> str:
    """Enrol a person with some records at hospital A."""
    return str(served.load(served.a)["person"])


def codes(browser: Browser) -> bytes:
    """Set one-time codes up; gives the secret."""
    made = good(browser.request("POST", "/v1/sign-in/factor/enrol"))
    assert made["address"].startswith("otpauth://totp/Yilian:")
    assert made["qr"]["path"].startswith("M")
    return base64.b32decode(made["secret"])


def joined_doctor(served: Served, browser: Browser) -> tuple[str, Ed25519Signer, bytes]:
    """Have a doctor of hospital B join with one-time codes; gives id, key and secret."""
    doctor, signer, _ = served.doctor(served.b)
    good(browser.join(code_of(invite(served, served.b, doctor))))
    secret = codes(browser)
    good(browser.give_code(code_at(secret, browser.now())))
    return doctor, signer, secret


def next_code(browser: Browser, secret: bytes) -> str:
    """Give a code that did not serve yet, good for half a minute at least."""
    return code_at(secret, browser.now() + 30_000)


def audited(served: Served, organisation: HostedOrganisation, code: str) -> list[dict[str, Any]]:
    """List the entries of an organisation's trail that were refused with a code."""
    with served.client(organisation) as client:
        page = client.request("GET", at(organisation, "audit?limit=200"))
    return [each["entry"] for each in page["entries"] if each["entry"]["refusal"] == code]


def rows(served: Served) -> list[list[tuple[Any, ...]]]:
    """Read everything that is kept of accounts, the count of wrong tries left out."""
    accounts = served.node.accounts
    assert accounts is not None
    found = []
    with accounts._database.read() as connection:
        for table in accounts._database.TABLES.sorted_tables:
            if table.name != "failures":
                found.append([tuple(row) for row in connection.execute(table.select())])
    return found


# -- in ------------------------------------------------------------------------------------------


def test_a_person_joins_by_link_and_is_in(served: Served, opened: Open) -> None:
    person, browser = a_person(served), opened()
    invited = invite(served, served.a, person, language="en")
    assert invited["link"].startswith(browser.origin + "/en/join#")
    assert code_of(invited).encode() not in served.folder.accounts.read_bytes()
    session = good(browser.join(code_of(invited)))
    assert (session["state"], session["kind"], session["subject"]) == ("in", "person", person)
    listed = good(browser.request("GET", at(served.a, f"persons/{person}/records")))
    assert listed["records"]
    assert refused(opened().begin_joining(code_of(invited))) == "sign_in.invitation_used"
    again = good(browser.sign_in())
    assert again["session"] != session["session"]
    assert good(browser.request("GET", at(served.a, f"persons/{person}/records"))) == listed


def test_a_doctor_is_in_with_passkey_and_second_factor_alone(served: Served, opened: Open) -> None:
    browser = opened()
    doctor, _, secret = joined_doctor(served, browser)
    assert good(browser.sign_in())["state"] == "second_factor"
    staff = at(served.b, "staff")
    assert refused(browser.request("GET", staff)) == "sign_in.second_factor_needed"
    assert refused(browser.request("GET", "/v1/sign-in/sessions")) == (
        "sign_in.second_factor_needed"
    )
    assert good(browser.request("GET", SESSION))["subject"] == doctor
    assert good(browser.give_code(next_code(browser, secret)))["state"] == "in"
    good(browser.request("GET", staff))
    good(browser.request("GET", f"/epcis/{served.b.id}/events"))
    pack = {"code": "(01)06901234567892(17)310331(10)L7(21)SN1"}
    verified = browser.request("POST", at(served.b, "supply/verifications"), pack)
    assert refused(verified) == "supply.requester_unknown"
    assert refused(browser.request("GET", at(served.a, "staff"))) == "forbidden"
    (entry,) = audited(served, served.b, "sign_in.second_factor_needed")[:1]
    assert entry["actor"] == doctor


def test_a_doctor_may_give_their_own_key_as_second_factor(served: Served, opened: Open) -> None:
    doctor, signer, _ = served.doctor(served.b)
    browser = opened()
    good(browser.join(code_of(invite(served, served.b, doctor))))
    before = rows(served)
    other = Ed25519Signer.generate()
    assert refused(browser.give_key(other)) == "sign_in.factor_wrong"
    assert refused(browser.give_key(signer, session=drafts.fresh_id())) == "sign_in.factor_wrong"
    assert refused(browser.give_key(signer, origin="https://elsewhere.test")) == (
        "sign_in.factor_wrong"
    )
    assert rows(served) == before
    assert good(browser.give_key(signer))["state"] == "in"
    assert len(audited(served, served.b, "sign_in.factor_wrong")) == 3


def test_a_key_on_the_chain_signs_in_and_professionals_need_the_code(
    served: Served, opened: Open
) -> None:
    browser = opened()
    doctor, signer, secret = joined_doctor(served, browser)
    by_key = opened()
    assert good(by_key.sign_in_by_key(doctor, signer))["state"] == "second_factor"
    assert refused(by_key.give_key(signer)) == "sign_in.same_factor"
    good(by_key.give_code(next_code(by_key, secret)))
    good(by_key.request("GET", at(served.b, "staff")))

    own = Ed25519Signer.generate()
    (bundle,) = sample.bundles(7, 1)
    organisation = served.node.organisations[served.a.id]
    person, _ = organisation.enrol_person(*intake.take_apart(bundle).identity, own.key)
    assert good(opened().sign_in_by_key(person, own))["state"] == "in"


# -- refused, and noted --------------------------------------------------------------------------


def test_wrong_keys_and_passkeys_are_refused_and_noted(served: Served, opened: Open) -> None:
    browser = opened()
    doctor, signer, _ = joined_doctor(served, browser)
    before = rows(served)
    for lie, code in (
        ({"challenge": bytes(32)}, "sign_in.challenge_differs"),
        ({"origin": "https://elsewhere.test"}, "sign_in.origin_differs"),
        ({"origin": "http://localhost:1"}, "sign_in.origin_differs"),
        ({"crossOrigin": True}, "sign_in.origin_differs"),
        ({"type": "webauthn.create"}, "sign_in.refused"),
    ):
        assert refused(browser.sign_in(**lie)) == code
    browser.authenticator.flags = PRESENT
    assert refused(browser.sign_in()) == "sign_in.refused"
    browser.authenticator.flags = PRESENT | VERIFIED
    browser.authenticator.rp_id = "elsewhere.test"
    assert refused(browser.sign_in()) == "sign_in.refused"
    served.node.accounts.failures._addresses.clear()  # type: ignore[union-attr]
    other = opened()
    other.authenticator.create(bytes(32), other.origin, "localhost", bytes(32))
    assert refused(other.sign_in()) == "sign_in.refused"
    other.authenticator.credentials[-1].id = browser.authenticator.credentials[-1].id
    assert refused(other.sign_in()) == "sign_in.refused"
    stranger = Ed25519Signer.generate()
    assert refused(other.sign_in_by_key(doctor, stranger)) == "sign_in.refused"
    assert refused(other.sign_in_by_key(served.a.id, signer)) == "sign_in.refused"
    assert refused(other.sign_in_by_key(doctor, signer, origin="http://x")) == "sign_in.refused"
    assert rows(served) == before
    assert len(audited(served, served.b, "sign_in.origin_differs")) == 3
    assert len(audited(served, served.b, "sign_in.challenge_differs")) == 1
    (entry,) = audited(served, served.b, "sign_in.challenge_differs")
    assert entry["actor"] == "anonymous"


def test_a_session_cannot_be_fixed(served: Served, opened: Open) -> None:
    """Who begins with their own key cannot have another's passkey answer for it."""
    victim, attacker = opened(), opened()
    person = a_person(served)
    good(victim.join(code_of(invite(served, served.a, person))))
    begun, before = attacker.begin(), rows(served)
    shown = victim.authenticator.get(victim.challenge(begun), victim.origin)
    assert refused(attacker.finish(begun, shown)) == "sign_in.challenge_differs"
    assert refused(attacker.finish(begun, shown)) == "sign_in.attempt_unknown"
    assert rows(served) == before
    assert audited(served, served.a, "sign_in.challenge_differs")


def test_a_replayed_answer_is_refused(served: Served, opened: Open) -> None:
    browser = opened()
    good(browser.join(code_of(invite(served, served.a, a_person(served)))))
    browser.key = SessionKey()
    begun = browser.begin()
    shown = browser.authenticator.get(browser.challenge(begun), browser.origin)
    good(browser.finish(begun, shown))
    before = rows(served)
    assert refused(browser.finish(begun, shown)) == "sign_in.attempt_unknown"
    assert refused(browser.finish(browser.begin(), shown)) == "sign_in.challenge_differs"
    assert rows(served) == before


def test_a_counter_that_goes_back_is_refused_and_noted(served: Served, opened: Open) -> None:
    browser = opened()
    good(browser.join(code_of(invite(served, served.a, a_person(served)))))
    good(browser.sign_in())
    before = rows(served)
    browser.authenticator.credentials[-1].counter -= 1
    assert refused(browser.sign_in()) == "sign_in.counter_regressed"
    assert rows(served) == before
    assert audited(served, served.a, "sign_in.counter_regressed")


def test_wrong_and_used_codes_are_refused_and_lock_at_ten(served: Served, opened: Open) -> None:
    browser = opened()
    doctor, _, secret = joined_doctor(served, browser)
    good(browser.sign_in())
    used = next_code(browser, secret)
    good(browser.give_code(used))
    good(browser.sign_in())
    before, now = rows(served), browser.now()
    assert refused(browser.give_code(used)) == "sign_in.factor_used"
    near = {code_at(secret, now + step * 30_000) for step in range(-3, 4)}
    wrong = next(each for each in map("{:06d}".format, range(10)) if each not in near)
    for _ in range(9):
        assert refused(browser.give_code(wrong)) == "sign_in.factor_wrong"
    locked = browser.give_code(code_at(secret, now + 60_000))
    assert refused(locked) == "sign_in.locked"
    assert locked.status_code == 429
    assert rows(served) == before
    entries = audited(served, served.b, "sign_in.factor_wrong")
    assert len(entries) == 9
    assert {each["actor"] for each in entries} == {doctor}
    served.stop()
    served.start()
    later = Browser(served.url, served.node.engine.now)
    later.authenticator = browser.authenticator
    good(later.sign_in())
    assert refused(later.give_code(code_at(secret, later.now()))) == "sign_in.locked"
    later.close()


def test_who_only_has_the_passkey_cannot_set_codes_up(served: Served, opened: Open) -> None:
    doctor, _, _ = served.doctor(served.b)
    browser = opened()
    good(browser.join(code_of(invite(served, served.b, doctor))))
    secret = codes(browser)
    good(browser.sign_in())
    assert refused(browser.give_code(code_at(secret, browser.now()))) == "sign_in.factor_missing"
    assert refused(browser.request("POST", "/v1/sign-in/factor/enrol")) == "sign_in.factor_missing"


def test_replayed_changed_and_stolen_requests_are_refused_and_noted(
    served: Served, opened: Open
) -> None:
    browser, thief = opened(), opened()
    person = a_person(served)
    good(browser.join(code_of(invite(served, served.a, person))))
    path = at(served.a, f"persons/{person}/records")
    value = browser.header("GET", path)
    good(browser.send("GET", path, b"", value))
    assert refused(thief.send("GET", path, b"", value)) == "replayed_request"
    other = at(served.a, f"persons/{person}/grants")
    assert refused(thief.send("GET", other, b"", browser.header("GET", path))) == "request_differs"
    late = browser.header("GET", path, expires=browser.now() + 61_000)
    assert refused(thief.send("GET", path, b"", late)) == "request_stale"
    assert refused(browser.request("GET", path, chain="other")) == "wrong_chain"
    thief.session = browser.session
    assert refused(thief.request("GET", path)) == "sign_in.session_key_differs"
    assert refused(browser.request("GET", path, session=drafts.fresh_id())) == (
        "sign_in.session_unknown"
    )
    stale = browser.header("GET", path)
    elsewhere = browser.send("GET", path, b"", stale, Origin="https://elsewhere.test")
    assert refused(elsewhere) == "sign_in.origin_differs"
    both = httpx.get(
        served.url + path,
        headers={claim.HEADER: browser.header("GET", path), "Yilian-Request": "x"},
    )
    assert refused(both) == "unauthenticated"
    good(browser.send("GET", path, b"", stale, Origin=browser.origin))
    (stolen,) = audited(served, served.a, "sign_in.session_key_differs")
    assert (stolen["actor"], stolen["sessions"]) == ("anonymous", [browser.session])
    assert audited(served, served.a, "replayed_request")


def test_pages_of_other_addresses_are_refused(served: Served, opened: Open) -> None:
    browser = opened()
    body = {"session_key": browser.key.text}
    for origin in ("https://elsewhere.test", served.url, "null"):
        answer = browser.post("/v1/sign-in/begin", body, Origin=origin)
        assert refused(answer) == "sign_in.origin_differs"
        assert answer.json()["parameters"] == {"expected": browser.origin}
    form = browser.http.post(
        "/v1/sign-in/begin", content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert refused(form) == "unsupported_media_type"
    assert good(browser.http.get("/v1/sign-in"))["origin"] == browser.origin
    assert "access-control-allow-origin" not in form.headers
    assert "set-cookie" not in form.headers


@pytest.mark.parametrize(
    "key", ["A" * 87, codec.to_text(b"\x04" + bytes(64)), codec.to_text(b"\x04" + b"\xff" * 64)]
)
def test_what_is_no_session_key_is_refused(served: Served, opened: Open, key: str) -> None:
    answer = opened().post("/v1/sign-in/begin", {"session_key": key})
    assert refused(answer) == "sign_in.session_key_refused"


# -- the end -------------------------------------------------------------------------------------


def test_signing_out_and_ending_others(served: Served, opened: Open) -> None:
    first, person = opened(), a_person(served)
    good(first.join(code_of(invite(served, served.a, person))))
    second = opened()
    second.authenticator = first.authenticator
    good(second.sign_in())
    listed = good(second.request("GET", "/v1/sign-in/sessions"))
    assert [each["own"] for each in listed["sessions"]].count(True) == 1
    assert len(listed["sessions"]) == 2
    assert len(listed["passkeys"]) == 1
    stranger, other = opened(), served.load(served.b)["person"]
    good(stranger.join(code_of(invite(served, served.b, other))))
    theirs = f"/v1/sign-in/sessions/{first.session}"
    assert refused(stranger.request("DELETE", theirs)) == "not_found"
    assert good(second.request("POST", "/v1/sign-in/sessions/end-others")) == {"ended": 1}
    assert refused(first.request("GET", SESSION)) == "sign_in.session_ended"
    good(second.request("POST", "/v1/sign-in/end"))
    assert refused(second.request("GET", SESSION)) == "sign_in.session_ended"
    good(stranger.request("GET", SESSION))


def test_sessions_end_with_the_key_on_the_chain(served: Served, opened: Open) -> None:
    browser = opened()
    doctor, signer, secret = joined_doctor(served, browser)
    by_key = opened()
    good(by_key.sign_in_by_key(doctor, signer))
    good(by_key.give_code(next_code(by_key, secret)))
    second = Ed25519Signer.generate()
    with served.as_(doctor, signer, served.b) as client:
        client.identity.add_key(key=second.key, proof=drafts.key_proof(doctor, second))
        client.identity.revoke_key(key=signer.key_id)
    assert refused(by_key.request("GET", SESSION)) == "sign_in.session_revoked"
    good(browser.request("GET", SESSION))
    assert refused(by_key.sign_in_by_key(doctor, signer)) == "key_revoked"
    with served.client(served.b) as client:
        client.identity.revoke_subject(subject=doctor)
    assert refused(browser.request("GET", SESSION)) == "sign_in.session_revoked"
    assert refused(browser.sign_in()) == "sender_inactive"
    assert audited(served, served.b, "sign_in.session_revoked")


# -- invitations ---------------------------------------------------------------------------------


def test_invitations_are_for_ones_own_and_are_taken_back(served: Served, opened: Open) -> None:
    person, browser = a_person(served), opened()
    doctor, signer, _ = served.doctor(served.b)
    for other in (person, drafts.fresh_id()):
        with pytest.raises(ProblemError) as caught:
            invite(served, served.b, other)
        assert caught.value.code == "sign_in.not_to_be_invited"
    first = invite(served, served.a, person)
    second = invite(served, served.a, person)
    assert refused(browser.begin_joining(code_of(first))) == "sign_in.invitation_ended"
    with served.client(served.a) as client:
        name = second["invitation"]["invitation"]
        assert client.request("DELETE", at(served.a, f"invitations/{name}"))["revoked"]
        listed = client.request("GET", at(served.a, "invitations"))["invitations"]
    assert [each["used"] for each in listed] == [None, None]
    assert code_of(second) not in str(listed)
    assert refused(browser.begin_joining(code_of(second))) == "sign_in.invitation_ended"
    assert refused(browser.begin_joining("A" * 22)) == "sign_in.invitation_unknown"
    with served.as_(doctor, signer, served.b) as client, pytest.raises(ProblemError) as caught:
        client.request("POST", at(served.b, "invitations"), {"subject": doctor})
    assert caught.value.code == "forbidden"


def test_a_lie_at_joining_leaves_the_invitation_as_it_was(served: Served, opened: Open) -> None:
    person, browser = a_person(served), opened()
    code = code_of(invite(served, served.a, person))
    before = rows(served)
    assert refused(browser.join(code, challenge=bytes(32))) == "sign_in.challenge_differs"
    assert refused(browser.join(code, origin="https://x.test")) == "sign_in.origin_differs"
    browser.authenticator.flags = PRESENT
    assert refused(browser.join(code)) == "sign_in.passkey_refused"
    browser.authenticator.flags = PRESENT | VERIFIED
    assert rows(served) == before
    good(browser.join(code))


def test_an_invitation_that_renews_ends_what_was_before(served: Served, opened: Open) -> None:
    old, new, thief = opened(), opened(), opened()
    doctor, _, secret = joined_doctor(served, old)
    thief.authenticator = old.authenticator
    code = code_of(invite(served, served.b, doctor, renews=True))
    good(old.request("GET", SESSION))
    good(new.join(code))
    assert refused(old.request("GET", SESSION)) == "sign_in.session_ended"
    assert refused(thief.sign_in()) == "sign_in.refused"
    assert refused(new.give_code(code_at(secret, new.now()))) == "sign_in.factor_missing"
    good(new.give_code(code_at(codes(new), new.now())))
    with served.client(served.b) as client:
        client.request("DELETE", at(served.b, f"accounts/{doctor}"))
    assert refused(new.request("GET", SESSION)) == "sign_in.session_ended"
    assert refused(new.sign_in()) == "sign_in.refused"


def test_nothing_secret_stands_in_the_file(served: Served, opened: Open) -> None:
    browser = opened()
    _, _, secret = joined_doctor(served, browser)
    kept = b"".join(each.read_bytes() for each in served.path.glob("accounts.sqlite*"))
    assert secret not in kept
    assert base64.b32encode(secret) not in kept
    assert browser.session.encode() in kept
