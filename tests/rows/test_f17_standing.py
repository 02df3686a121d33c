"""F17: who signs in is shown what the chain says of them now; newcomers get a key of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.rows.calls import at
from tests.rows.desk import digest, employ, on_chain
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import Browser, Prove, good, refused
from tests.unit.gateway.links.sharing import Link, keep_three
from yilian.ledger import codec
from yilian.ledger.modules.identity.rules import key_proof
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

SESSION = "/v1/sign-in/session"
DAY_MS = 86_400_000
NAME = "顾清源"
NEWCOMER = {"number": "B-0042", "name": NAME, "role": "physician"}
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


def invited(served: Served, organisation: HostedOrganisation, **asked: Any) -> str:
    """Have an organisation invite somebody; gives the code."""
    with served.client(organisation) as client:
        made = client.request("POST", at(organisation, "invitations"), asked)
    return str(made["link"]).rpartition("#")[2]


def proving(signer: Ed25519Signer, owner: str | None = None) -> Prove:
    """Prove a key, for another owner where one is said."""

    def prove(wanted: str) -> dict[str, Any]:
        proof = codec.to_text(signer.sign(key_proof(owner or wanted, signer.key)))
        return {"key": {"suite": signer.key.suite, "public": signer.key.public}, "proof": proof}

    return prove


def license_of(served: Served, practitioner: str, profession: str, ends: int) -> str:
    """Have the authority issue a licence."""
    licence = drafts.fresh_id()
    with served.client(served.authority) as client:
        client.identity.issue_licence(
            licence=licence, practitioner=practitioner, profession=profession, ends=ends
        )
    return licence


# -- standing ------------------------------------------------------------------------------------


def test_a_session_tells_house_and_licences_of_now(served: Served, opened: Open) -> None:
    doctor, signer, licence = served.doctor(served.b)
    browser = opened()
    begun = good(browser.sign_in_by_key(doctor, signer))["standing"]
    assert begun["organisation_kind"] == "hospital"
    assert [each["profession"] for each in begun["licences"]] == ["physician"]
    until = served.now() + 2_000
    license_of(served, doctor, "pharmacist", until)
    told = good(browser.request("GET", SESSION))["standing"]
    assert [each["profession"] for each in told["licences"]] == ["physician", "pharmacist"]
    assert told["licences"][1]["ends"] == until
    with served.client(served.authority) as client:
        client.identity.revoke_licence(licence=licence)
    while served.now() < until:
        time.sleep(0.05)
    assert good(browser.request("GET", SESSION))["standing"]["licences"] == []


def test_others_have_no_licences(served: Served, opened: Open) -> None:
    browser = opened()
    good(browser.join(invited(served, served.a, subject=served.load(served.a)["person"])))
    assert good(browser.request("GET", SESSION))["standing"] == {
        "organisation_kind": "hospital",
        "licences": [],
        "acts_for": False,
    }
    keeper = opened()
    operator = served.operator(served.authority)
    told = good(keeper.sign_in_by_key(served.authority.id, operator))
    assert told["standing"] == {
        "organisation_kind": "authority",
        "licences": [],
        "acts_for": False,
    }


# -- newcomers -----------------------------------------------------------------------------------


def test_a_newcomer_is_enrolled_with_the_key_of_their_device(served: Served, opened: Open) -> None:
    code = invited(served, served.b, newcomer=NEWCOMER)
    browser, signer = opened(), Ed25519Signer.generate()
    told = good(browser.begin_joining(code))
    assert told["kind"] == "practitioner"
    assert told["second_factor"]
    assert told["key"]["suites"][0] == "ed25519"
    owner = told["key"]["owner"]
    session = good(browser.join(code, proving(signer)))
    assert (session["subject"], session["state"]) == (owner, "second_factor")
    assert session["standing"]["licences"] == []
    good(browser.give_key(signer))
    with served.client(served.b) as client:
        key = client.request("GET", f"/v1/identity/keys/{signer.key_id}")["value"]
        staff = client.request("GET", at(served.b, "staff"))["staff"]
        listed = client.request("GET", at(served.b, "invitations"))["invitations"]
    assert (key["owner"], key["public"]) == (owner, signer.key.public)
    assert [(each["practitioner"], each["name"], each["role"]) for each in staff] == [
        (owner, NAME, "physician")
    ]
    assert (listed[0]["subject"], listed[0]["name"]) == (owner, NAME)
    assert listed[0]["used"] is not None
    # The name is neither on the chain nor readable in the file of accounts.
    assert on_chain(served, [NAME, "B-0042"]) == []
    kept = served.folder.accounts.read_bytes()
    assert NAME.encode() not in kept
    assert b"B-0042" not in kept
    # No licence was given: what needs one is refused.
    license_of(served, owner, "physician", served.now() + DAY_MS)
    assert good(browser.request("GET", SESSION))["standing"]["licences"]


def test_a_newcomers_key_must_be_theirs(served: Served, opened: Open) -> None:
    code = invited(served, served.b, newcomer=NEWCOMER)
    doctor, taken, _ = served.doctor(served.b)
    signer = Ed25519Signer.generate()
    owner = good(opened().begin_joining(code))["key"]["owner"]
    assert refused(opened().join(code)) == "sign_in.key_wanted"
    of_another = opened().join(code, proving(signer, owner=doctor))
    assert refused(of_another) == "identity.bad_proof_of_possession"
    assert refused(opened().join(code, proving(taken))) == "identity.key_taken"

    def no_suite(owner: str) -> dict[str, Any]:
        return {**proving(signer)(owner), "key": {"suite": "rot13", "public": "AAAA"}}

    def small(owner: str) -> dict[str, Any]:
        public = codec.to_text(bytes(32))
        return {**proving(signer)(owner), "key": {"suite": "ed25519", "public": public}}

    assert refused(opened().join(code, no_suite)) == "suite_not_allowed"
    assert refused(opened().join(code, small)) == "key_refused"
    with served.client(served.b) as client:
        assert client.request("GET", at(served.b, "staff"))["staff"] == []
    assert refused(httpx.get(f"{served.url}/v1/identity/subjects/{owner}")) == "not_found"
    assert refused(httpx.get(f"{served.url}/v1/identity/keys/{signer.key_id}")) == "not_found"
    good(opened().join(code, proving(signer)))
    assert refused(opened().begin_joining(code)) == "sign_in.invitation_used"


def test_two_who_hold_one_code_enrol_one(served: Served, opened: Open) -> None:
    code = invited(served, served.b, newcomer=NEWCOMER)
    browsers = [opened(), opened()]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda each: each.join(code, proving(Ed25519Signer.generate())), browsers)
        )
    assert sorted(each.status_code for each in answers) == [200, 409]
    (owner,) = {each.subject for each in browsers if each.subject}
    with served.client(served.b) as client:
        keys = client.request("GET", f"/v1/identity/keys?owner={owner}")["items"]
    assert len(keys) == 1


def test_who_was_enrolled_before_a_crash_joins_without_another_key(
    served: Served, opened: Open
) -> None:
    code = invited(served, served.b, newcomer=NEWCOMER)
    owner = good(opened().begin_joining(code))["key"]["owner"]
    with served.client(served.b) as client:
        client.identity.enrol_practitioner(
            practitioner=owner, tag=digest("other"), key=Ed25519Signer.generate().key
        )
    browser = opened()
    assert good(browser.begin_joining(code))["key"] is None
    assert good(browser.join(code))["subject"] == owner


def test_invitations_of_newcomers_are_for_operators_once_for_each_number(
    served: Served, opened: Open
) -> None:
    doctor, signer, _ = served.doctor(served.b)
    body: dict[str, Any] = {"newcomer": NEWCOMER}
    path = at(served.b, "invitations")
    with served.as_(doctor, signer, served.b) as client, pytest.raises(ProblemError) as denied:
        client.request("POST", path, body)
    assert denied.value.code == "forbidden"
    wrong: list[dict[str, Any]] = [
        {},
        {**body, "subject": doctor},
        {**body, "renews": True},
        {"newcomer": {**NEWCOMER, "number": ""}},
        {"newcomer": {**NEWCOMER, "role": "No Name"}},
        {"newcomer": {**NEWCOMER, "more": 1}},
    ]
    with served.client(served.b) as client:
        for each in wrong:
            with pytest.raises(ProblemError) as malformed:
                client.request("POST", path, each)
            assert malformed.value.code == "malformed", each
    good(opened().join(invited(served, served.b, **body), proving(Ed25519Signer.generate())))
    with served.client(served.b) as client, pytest.raises(ProblemError) as known:
        client.request("POST", path, body)
    assert known.value.code == "identity.already_enrolled"
    # An invitation that was taken back, or whose time is over, enrols nobody.
    other = invited(served, served.b, newcomer={**NEWCOMER, "number": "B-0043"})
    with served.client(served.b) as client:
        named = client.request("GET", path)["invitations"][0]["invitation"]
        client.request("DELETE", f"{path}/{named}")
    assert refused(opened().begin_joining(other)) == "sign_in.invitation_ended"


# -- directory -----------------------------------------------------------------------------------


def test_the_directory_names_who_practises_to_who_signed_in(served: Served, opened: Open) -> None:
    doctor, _ = employ(served, served.b, "李医生")
    gone, _, licence = served.doctor(served.b)
    browser = opened()
    good(browser.join(invited(served, served.a, subject=served.load(served.a)["person"])))
    path = at(served.b, "directory")
    with served.client(served.b) as client:
        client.request("PUT", at(served.b, f"staff/{gone}"), {"name": "陈静", "role": "nurse"})
    line = {"practitioner": doctor, "name": "李医生", "role": "physician"}
    both = [line, {"practitioner": gone, "name": "陈静", "role": "nurse"}]
    assert good(browser.request("GET", path))["practitioners"] == both
    with served.client(served.authority) as client:
        client.identity.revoke_licence(licence=licence)
    assert good(browser.request("GET", path))["practitioners"] == [line]
    assert refused(httpx.get(served.url + path)) == "unauthenticated"
    nowhere = f"/v1/organisations/{drafts.fresh_id()}/directory"
    assert refused(browser.request("GET", nowhere)) == "not_found"
    # The staff directory itself stays closed to patients.
    assert refused(browser.request("GET", at(served.b, "staff"))) == "forbidden"


# -- small faults --------------------------------------------------------------------------------


def test_a_lock_says_how_long_it_lasts(served: Served, opened: Open) -> None:
    browser = opened()
    for _ in range(10):
        assert refused(browser.begin_joining(drafts.fresh_id())) == "sign_in.invitation_unknown"
    answer = browser.begin_joining(drafts.fresh_id())
    assert refused(answer) == "sign_in.locked"
    seconds = answer.json()["parameters"]["seconds"]
    assert 800 < seconds <= 900
    assert answer.headers["retry-after"] == str(seconds)


def test_opening_a_health_link_is_audited_without_its_secrets(served: Served) -> None:
    person = str(served.load(served.a)["person"])
    keep_three(served, person)
    path = at(served.a, f"persons/{person}/health-links")
    with served.client(served.a) as client:
        made = client.request("POST", path, {"categories": ["laboratory"], "label": "给王医生"})
    link = Link(served, made)
    assert link.post().status_code == 200
    assert link.post().status_code == 404
    assert httpx.options(f"{served.url}/shl/{link.address}").status_code == 204
    with served.client(served.a) as client:
        page = client.request("GET", at(served.a, "audit?limit=200"))
    entries = [each["entry"] for each in page["entries"] if "shl" in each["entry"]["operation"]]
    assert [(each["status"], each["subjects"]) for each in entries] == [
        (200, [person]),
        (404, [person]),
    ]
    text = str(page)
    for secret in (link.address, link.payload["key"], "云溪诊所", "给王医生"):
        assert secret not in text
