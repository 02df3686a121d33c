"""A lost key: the person asks from a new device, guardians approve, the chain waits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.consenting import Actor, path, person, speak
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import Browser, good
from tests.unit.gateway.auth.browser import refused as not_taken
from yilian.ledger import codec
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.rules import key_proof
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

Guarding = tuple[Actor, Ed25519Signer, str]
"""A guardian: who they are, the key they made for this, and its salt."""


def refused(client: Client, method: str, place: str, body: Any = None) -> str:
    with pytest.raises(ProblemError) as caught:
        client.request(method, place, body)
    return str(caught.value.code)


def commitment(guardian: Guarding) -> str:
    return drafts.guardian_commitment(guardian[1].key, guardian[2])


def guarded(served: Served, owner: Actor, threshold: int = 2, count: int = 3) -> list[Guarding]:
    """Have a person name guardians."""
    made = [
        (person(served, served.a, f"g{at}"), Ed25519Signer.generate(), drafts.fresh_salt())
        for at in range(count)
    ]
    with speak(served, owner, served.a) as client:
        client.identity.set_guardians(threshold=threshold, guardians=[*map(commitment, made)])
    return made


def arrived(served: Served, owner: str) -> Browser:
    """Have a person who lost their device sign in by an invitation of their organisation."""
    with served.client(served.a) as client:
        body = {"subject": owner, "renews": True}
        invited = client.request("POST", path(served.a, "invitations"), body)
    browser = Browser(served.url, served.node.engine.now)
    good(browser.join(str(invited["link"]).rpartition("#")[2]))
    return browser


def asking(signer: Ed25519Signer, owner: str) -> dict[str, Any]:
    proof = codec.to_text(signer.sign(key_proof(owner, signer.key)))
    return {"key": {"suite": signer.key.suite, "public": signer.key.public}, "proof": proof}


def place_of(served: Served, owner: str) -> str:
    return path(served.a, f"persons/{owner}/new-key")


def waiting(served: Served, guardian: Guarding) -> list[dict[str, Any]]:
    with speak(served, guardian[0], served.a) as client:
        query = path(served.a, f"guarded?guardian={commitment(guardian)}")
        return list(client.request("GET", query)["waiting"])


def approval(guardian: Guarding, found: dict[str, Any]) -> dict[str, Any]:
    key = PublicKey(**found["key"])
    made = drafts.recovery_approval(
        found["recovery"], found["person"], key, guardian[1], guardian[2]
    )
    return _plain(made)


def _plain(made: Any) -> dict[str, Any]:
    return {
        "key": {"suite": made.key.suite, "public": made.key.public},
        "salt": made.salt,
        "signature": made.signature,
    }


def approve(served: Served, guardian: Guarding, found: dict[str, Any]) -> dict[str, Any]:
    with speak(served, guardian[0], served.a) as client:
        place = path(served.a, f"guarded/{found['recovery']}/approvals")
        return dict(client.request("POST", place, approval(guardian, found)))


def test_two_of_three_let_a_new_key_wait_and_the_old_one_cancels(served: Served) -> None:
    owner = person(served, served.a, "owner")
    guardians = guarded(served, owner)
    browser, new = arrived(served, owner.id), Ed25519Signer.generate()
    place = place_of(served, owner.id)
    asked = good(browser.request("POST", place, asking(new, owner.id)))
    assert (asked["guardians"], asked["threshold"], asked["running"]) == (3, 2, None)
    again = good(browser.request("POST", place, asking(new, owner.id)))
    assert again["request"] == asked["request"]

    (found,) = waiting(served, guardians[0])
    assert (found["person"], found["recovery"]) == (owner.id, asked["request"]["recovery"])
    assert approve(served, guardians[0], found)["state"] == "waiting"
    # The same guardian counts once.
    assert approve(served, guardians[0], found)["approved"] == 1
    assert good(browser.request("GET", place))["request"]["approved"] == 1
    assert approve(served, guardians[1], found)["state"] == "proposed"
    stands = good(browser.request("GET", place))
    assert stands["request"] is None
    assert stands["running"]["key"]["public"] == new.key.public
    assert stands["running"]["recovery"] == found["recovery"]
    assert waiting(served, guardians[2]) == []

    third = asking(Ed25519Signer.generate(), owner.id)
    assert not_taken(browser.request("POST", place, third)) == "identity.recovery_running"
    served.node.organisations[served.a.id].watch.catch_up()
    with speak(served, owner, served.a) as client:
        told = client.request("GET", path(served.a, f"persons/{owner.id}/notices"))["notices"]
        assert "recovery_started" in {each["kind"] for each in told}
        client.identity.cancel_recovery(recovery=found["recovery"])
        assert client.request("GET", place)["running"] is None
    browser.close()


def test_only_named_guardians_approve_and_only_what_was_asked(served: Served) -> None:
    owner, other = person(served, served.a, "owner"), person(served, served.a, "other")
    guardians = guarded(served, owner, 2, 2)
    browser, new = arrived(served, owner.id), Ed25519Signer.generate()
    good(browser.request("POST", place_of(served, owner.id), asking(new, owner.id)))
    (found,) = waiting(served, guardians[0])
    place = path(served.a, f"guarded/{found['recovery']}/approvals")
    stranger = (other, Ed25519Signer.generate(), drafts.fresh_salt())
    thief = {**found, "key": {"suite": "ed25519", "public": Ed25519Signer.generate().key.public}}
    with speak(served, other, served.a) as client:
        assert refused(client, "POST", place, approval(stranger, found)) == (
            "key_requests.not_a_guardian"
        )
        wrong = approval(guardians[0], thief)
        assert refused(client, "POST", place, wrong) == "key_requests.not_a_guardian"
        bare = {**approval(guardians[0], found), "salt": drafts.fresh_salt()}
        assert refused(client, "POST", place, bare) == "key_requests.not_a_guardian"
        assert refused(client, "POST", place, {}) == "malformed"
        unknown = path(served.a, f"guarded/{drafts.fresh_id()}/approvals")
        assert refused(client, "POST", unknown, approval(guardians[0], found)) == (
            "key_request_unknown"
        )
        for query in ("", "?guardian=short", f"?guardian={','.join(['A' * 43] * 33)}"):
            assert refused(client, "GET", path(served.a, f"guarded{query}")) == "bad_parameter"
    with served.client(served.a) as client:
        assert refused(client, "POST", place, approval(guardians[0], found)) == "forbidden"
    assert good(browser.request("GET", place_of(served, owner.id)))["request"]["approved"] == 0
    browser.close()


def test_nobody_asks_for_another_and_not_without_guardians(served: Served) -> None:
    owner, other = person(served, served.a, "owner"), person(served, served.a, "other")
    place, new = place_of(served, owner.id), Ed25519Signer.generate()
    with speak(served, owner, served.a) as client:
        client.consent.name_custodian(
            custodian=other.id, ends=2**45, powers=["change", "grant", "read", "revoke"]
        )
        lone = refused(client, "POST", place, asking(new, owner.id))
        assert lone == "identity.no_guardians"
    guarded(served, owner)
    for who in (speak(served, other, served.a), served.client(served.a), served.client(served.b)):
        with who as client:
            assert refused(client, "POST", place, asking(new, owner.id)) == "forbidden"
            assert refused(client, "GET", place) == "forbidden"
            assert refused(client, "DELETE", place) == "forbidden"
    with speak(served, owner, served.a) as client:
        wrong = asking(new, other.id)
        assert refused(client, "POST", place, wrong) == "identity.bad_proof_of_possession"
        known = asking(owner.signer, owner.id)
        assert refused(client, "POST", place, known) == "identity.key_taken"
        small = {**asking(new, owner.id), "key": {"suite": "ed25519", "public": "A" * 43}}
        assert refused(client, "POST", place, small) == "key_refused"
        assert client.request("GET", place)["request"] is None


def test_a_request_is_taken_back_and_named_anew_guardians_count_alone(served: Served) -> None:
    owner = person(served, served.a, "owner")
    before = guarded(served, owner, 2, 2)
    browser, new = arrived(served, owner.id), Ed25519Signer.generate()
    place = place_of(served, owner.id)
    good(browser.request("POST", place, asking(new, owner.id)))
    (found,) = waiting(served, before[0])
    assert approve(served, before[0], found)["approved"] == 1
    # The owner had the key after all and named others: what the old ones approved counts no more.
    after = [
        (person(served, served.a, f"n{at}"), Ed25519Signer.generate(), drafts.fresh_salt())
        for at in range(2)
    ]
    with speak(served, owner, served.a) as client:
        client.identity.set_guardians(threshold=2, guardians=[*map(commitment, after)])
    assert waiting(served, before[1]) == []
    assert approve(served, after[0], found)["state"] == "waiting"
    assert good(browser.request("DELETE", place))["request"] is None
    with speak(served, after[1][0], served.a) as client:
        gone = path(served.a, f"guarded/{found['recovery']}/approvals")
        assert refused(client, "POST", gone, approval(after[1], found)) == "key_request_unknown"
    browser.close()
