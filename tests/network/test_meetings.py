"""Organisations meet between processes: each at its own node, over the chain of a real network."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from tests.network.members import Member, Running, wait_for
from yilian.gateway.fhir import sample
from yilian.ledger.modules.consent.messages import BreakGlass, OpenSession
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

pytestmark = pytest.mark.slow

SECRET = b"price 1,204,500 CNY between two members alone"


class Town:
    """Four members, a patient at A, and a licensed doctor at B."""

    def __init__(self, running: Running) -> None:
        self.a, self.b, self.c, self.d = running
        (bundle,) = sample.bundles(1, 1)
        self.loaded = ask(self.a, "POST", "bundles", bundle)
        self.doctor, self.signer = self._doctor()

    @property
    def person(self) -> str:
        return str(self.loaded["person"])

    def _doctor(self) -> tuple[str, Ed25519Signer]:
        signer, doctor = Ed25519Signer.generate(), drafts.fresh_id()
        with self.b.client() as client:
            client.identity.enrol_practitioner(
                practitioner=doctor, tag=drafts.fresh_salt(), key=signer.key
            )
        # Not every member has a block at the same moment.
        with self.d.client(at=self.b) as client:
            client.identity.issue_licence(
                licence=drafts.fresh_id(),
                practitioner=doctor,
                profession="physician",
                ends=time.time_ns() // 1_000_000 + 86_400_000,
            )
        return doctor, signer

    def speak(self) -> Client:
        """Speak as the doctor, to B's gateway."""
        organisation = self.b.seat.organisation
        return Client(self.b.url, signer=self.signer, sender=self.doctor, payer=organisation)

    def by_doctor(self, method: str, rest: str, body: Any = None) -> Any:
        with self.speak() as client:
            return client.request(method, at(self.b, rest), body)

    def share(self) -> str:
        """A lets the doctor read; gives the grant."""
        asked = {
            "person": self.person,
            "grantee": self.b.seat.organisation,
            "practitioner": self.doctor,
            "categories": ["allergy", "demographics", "problem"],
        }
        given = ask(self.a, "POST", "grants", asked)
        assert given["delivered"]
        return str(given["grant"])

    def read(self, grant: str) -> dict[str, Any]:
        prepared = self.by_doctor("POST", "sessions", {"grant": grant})
        with self.speak() as client:
            client.send([msgspec.convert(prepared, OpenSession)])
        found: dict[str, Any] = self.by_doctor("POST", f"sessions/{prepared['session']}/read")
        return found


def at(member: Member, rest: str) -> str:
    return f"/v1/organisations/{member.seat.organisation}/{rest}"


def ask(member: Member, method: str, rest: str, body: Any = None, **more: Any) -> Any:
    """Ask a member's gateway as its organisation."""
    with member.client() as client:
        return client.request(method, at(member, rest), body, **more)


@pytest.fixture(scope="module")
def town(running: Running) -> Town:
    running.agreed()
    return Town(running)


def test_a_doctor_reads_at_another_members_node(town: Town) -> None:
    found = town.read(town.share())
    assert found["records"]
    assert found["refused"] == []
    page = ask(town.a, "GET", f"persons/{town.person}/disclosures")
    assert page["disclosures"][-1]["reader"]["organisation"] == town.b.seat.organisation
    assert {each["outcome"] for each in page["disclosures"]} == {"permit"}


def test_a_number_is_enrolled_once(town: Town) -> None:
    (bundle,) = sample.bundles(1, 1)
    with pytest.raises(ProblemError) as refused:
        ask(town.a, "POST", "bundles", bundle)
    assert refused.value.code == "identity.already_enrolled"


def test_break_glass_opens_within_three_seconds_with_a_member_down(town: Town) -> None:
    asked = {
        "holder": town.a.seat.organisation,
        "person": town.person,
        "reason": "unable_to_consent",
        "text": "昏迷，急诊抢救",
    }

    def opens() -> tuple[Any, float]:
        made = town.by_doctor("POST", "emergencies", asked)
        glass = BreakGlass(access=made["access"], terms=made["terms"], ends=made["ends"])
        with town.speak() as client:
            client.send([glass])
        # A block may have to wait for a proposer that is down; from then on it is the members'.
        began = time.monotonic()
        found = town.by_doctor("POST", f"emergencies/{made['access']}/read")
        return found, time.monotonic() - began

    # The shares are on their way to the keepers.
    wait_for("the emergency key stands", 30, lambda: opens()[0]["records"])
    town.c.stop()
    try:
        found, took = opens()
    finally:
        town.c.start()
        town.c.wait_serving()
    assert found["records"]
    assert not found["alone"]
    assert took < 3, took


def test_a_private_document_for_two_of_four(town: Town) -> None:
    a, b, c, d = town.a, town.b, town.c, town.d
    to = ",".join(each.seat.organisation for each in (b, c))
    sent = ask(a, "POST", f"private?recipients={to}", SECRET, media_type="text/plain")
    for each in (b, c):

        def there(each: Member = each) -> Any:
            return ask(each, "GET", "private")["documents"]

        (line,) = wait_for(f"{each.name} has it", 30, there)
        assert line["commitment"] == sent["commitment"]
    assert ask(d, "GET", "private")["documents"] == []
    for member in (a, b, c, d):
        for path in member.path.rglob("*"):
            if path.is_file() and not path.is_socket():
                assert SECRET[:24] not in path.read_bytes(), path


def test_a_holder_that_is_down_is_named_and_back_again(town: Town) -> None:
    grant = town.share()
    town.a.stop()
    try:
        with pytest.raises(ProblemError) as refused:
            town.read(grant)
        assert refused.value.code == "members.unreachable"
    finally:
        town.a.start()
        town.a.wait_serving()

    def again() -> Any:
        try:
            return town.read(grant)["records"]
        except ProblemError:
            return None

    assert wait_for("A answers again", 60, again)
