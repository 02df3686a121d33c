"""One member's flood among four: another member's revocation does not wait behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import httpx
import pytest

from tests.network.members import FOUNDERS, Member, Running, require_engine, wait_for
from tests.scale import scale
from yilian.bootstrap.network import Pace
from yilian.ledger.modules.consent.messages import Revoke
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.records.messages import Anchor
from yilian.node.home import EngineHome
from yilian.node.rpc import Rpc
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(900),
]

FLOOD = scale(4_000, 20_000)
REVOCATIONS = scale(5, 30)
AT_ONCE = 100
WAITING = 500
"""So many must wait before the first revocation is handed in."""

SMALL = Parameters(block_max_bytes=100_000, block_max_gas=20_000_000, pending_per_payer=20_000)
"""With the smallest blocks that members may vote for, what is taken in waits for long."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four members with small blocks."""
    require_engine()
    folder = tmp_path_factory.mktemp("flood") / "net"
    made = Running(folder, FOUNDERS, Pace(commit_ms=200), parameters=SMALL)
    yield made
    made.stop()


def signed(running: Running, payer: Member, count: int) -> list[bytes]:
    signer, organisation = payer.signer(), payer.seat.organisation
    made = []
    for _ in range(count):
        message = Anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        body = drafts.draft(
            running.network.chain, organisation, organisation, [message], [signer], expires_in=3_600
        )
        made.append(drafts.sign(body, [signer]))
    return made


class Flood:
    """A member that hands its own engine all it has, past its gateway, as fast as that takes it."""

    def __init__(self, at: Member, raws: Sequence[bytes]) -> None:
        self._rpc = Rpc(EngineHome(at.folder.engine).rpc)
        self._raws = list(raws)
        self.taken = 0
        self.failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for at in range(0, len(self._raws), AT_ONCE):
                part = self._raws[at : at + AT_ONCE]
                said = self._rpc.broadcast(part)
                self.taken += sum(each is None for each in said)
        except BaseException as failed:
            self.failed.append(failed)
        finally:
            self._rpc.close()

    def end(self) -> None:
        """Wait until all is handed in."""
        self._thread.join()
        assert not self.failed, self.failed


class Patient:
    """A person of hospital B who has given grants."""

    def __init__(self, running: Running, home: Member) -> None:
        self.id, self.signer = drafts.fresh_id(), Ed25519Signer.generate()
        self.home, self.chain = home, running.network.chain
        with home.client() as client:
            client.identity.enrol_person(
                person=self.id, tag=drafts.fresh_salt(), key=self.signer.key
            )
        now = time.time_ns() // 1_000_000
        self.grants = [drafts.fresh_id() for _ in range(REVOCATIONS)]
        with self.client() as client:
            for each in self.grants:
                client.consent.grant(
                    grant=each, terms=drafts.fresh_salt(), starts=now, ends=now + 86_400_000
                )

    def client(self) -> Client:
        payer = self.home.seat.organisation
        return Client(self.home.url, signer=self.signer, sender=self.id, payer=payer, patience=60.0)

    def revoke(self, grant: str) -> float:
        """Take a grant back; gives the seconds until a block had it."""
        with self.client() as client:
            began = time.monotonic()
            done = client.send([Revoke(grant=grant)])
            assert done.height is not None
            return time.monotonic() - began


def test_a_revocation_overtakes_another_members_flood(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    flooded = running["C"]
    patient = Patient(running, running["B"])
    raws = signed(running, flooded, FLOOD)
    flood = Flood(flooded, raws)
    took: list[float] = []
    behind: list[int] = []
    try:
        with httpx.Client(timeout=20) as http:

            def waiting() -> int:
                status = flooded.status(http)
                return 0 if status is None else int(status["pending"])

            wait_for("a flood", 60, lambda: waiting() >= WAITING)
            for grant in patient.grants:
                if took and waiting() == 0:
                    break
                took.append(patient.revoke(grant))
                behind.append(waiting())
    finally:
        flood.end()
    wait_for(
        "the flood is over",
        120,
        lambda: all(each.pending == 0 for each in running.overview().members),
    )
    seen = running.agreed()
    assert seen.agree
    with capsys.disabled():
        slowest = max(took)
        print(f"\n{flood.taken} of one payer: slowest of {len(took)} revocations {slowest:.1f} s")
    # It was on the chain while hundreds that had come in before it still waited.
    assert behind[0] > 0, behind
    assert max(took) < 30
