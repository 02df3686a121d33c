"""An idle chain of four: what has ended gives nothing, and no block has to say so."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.network.members import FOUNDERS, Member, Running, require_engine, wait_for
from yilian.bootstrap.network import Pace
from yilian.gateway.fhir import sample
from yilian.ledger.modules.consent.messages import OpenSession
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

LASTS_MS = 12_000
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four members of which none makes a block for an hour unless something happens."""
    require_engine()
    made = Running(tmp_path_factory.mktemp("idle") / "net", FOUNDERS, Pace(empty_blocks_ms=HOUR_MS))
    yield made
    made.stop()


class Reader:
    """A licensed doctor of hospital B with a grant of hospital A's patient."""

    def __init__(self, running: Running) -> None:
        self.a, self.b = running["A"], running["B"]
        self.id, self.signer = drafts.fresh_id(), Ed25519Signer.generate()
        with self.b.client() as client:
            client.identity.enrol_practitioner(
                practitioner=self.id, tag=drafts.fresh_salt(), key=self.signer.key
            )
        now = time.time_ns() // 1_000_000
        with running["D"].client() as client:
            client.identity.issue_licence(
                licence=drafts.fresh_id(),
                practitioner=self.id,
                profession="physician",
                ends=now + 86_400_000,
            )
        (bundle,) = sample.bundles(1, 1)
        with self.a.client() as client:
            self.person = client.request("POST", _at(self.a, "bundles"), bundle)["person"]

    def give(self, ends: int) -> str:
        """Have hospital A give a grant that ends at a moment (ms); gives its id."""
        asked = {
            "person": self.person,
            "grantee": self.b.seat.organisation,
            "practitioner": self.id,
            "categories": ["laboratory"],
            "ends": ends,
        }
        with self.a.client() as client:
            return str(client.request("POST", _at(self.a, "grants"), asked)["grant"])

    def client(self) -> Client:
        payer = self.b.seat.organisation
        return Client(self.b.url, signer=self.signer, sender=self.id, payer=payer)

    def open(self, grant: str) -> str:
        """Open a session under a grant; gives its id."""
        with self.client() as client:
            made = client.request("POST", _at(self.b, "sessions"), {"grant": grant})
            client.send(
                [OpenSession(session=made["session"], terms=made["terms"], ends=made["ends"])]
            )
            return str(made["session"])

    def read(self, session: str) -> int:
        with self.client() as client:
            found = client.request("POST", _at(self.b, f"sessions/{session}/read"))
            return len(found["records"])


def _at(member: Member, rest: str) -> str:
    return f"/v1/organisations/{member.seat.organisation}/{rest}"


def stands_still(running: Running) -> int:
    """Wait until no member writes; gives the height where all stand."""
    last = [running.agreed().height]

    def still() -> bool:
        time.sleep(1.5)
        last.append(running.agreed().height)
        return last[-1] == last[-2]

    wait_for("the chain stands still", 60, still)
    return last[-1]


def test_an_expired_consent_is_refused_on_a_chain_that_stands_still(running: Running) -> None:
    reader = Reader(running)
    now = time.time_ns() // 1_000_000
    ends = now + LASTS_MS
    lasting = reader.open(reader.give(now + HOUR_MS))
    short = reader.open(reader.give(ends))
    assert reader.read(lasting) == reader.read(short) > 0
    height = stands_still(running)
    while time.time_ns() // 1_000_000 <= ends:
        time.sleep(0.1)
    with pytest.raises(ProblemError) as refused:
        reader.read(short)
    assert refused.value.status == 403, refused.value
    # What has not ended still gives, on the same chain, which nothing but that reading moves.
    assert reader.read(lasting) > 0
    with httpx.Client(base_url=running["A"].url, timeout=5) as http:
        block = http.get(f"/v1/blocks/{height}").raise_for_status().json()
    assert block["time"] < ends
