"""A validator behind a sentry, with the real engine: it votes, and nobody else reaches it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.deploy.charts import DEPLOY
from tests.network.members import FOUNDERS, Member, Running, require_all, require_engine, send
from yilian.bootstrap import Seat
from yilian.bootstrap.network import PORTS_PER_MEMBER
from yilian.node.config import ConsensusPeer, NodeFolder
from yilian.node.home import EngineHome

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def set_peers(member: Member, peers: list[ConsensusPeer]) -> None:
    told = member.folder.configuration()
    assert told.consensus is not None
    changed = msgspec.structs.replace(told.consensus, peers=peers)
    member.folder.write_configuration(msgspec.structs.replace(told, consensus=changed))


class Behind(Running):
    """Four members; A's validator has one peer, its sentry, and the others have the sentry."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, FOUNDERS, spare=1)
        self.guard: Member | None = None
        self.stop()
        try:
            self._place(path)
        except BaseException:
            self.stop()
            raise

    def _place(self, path: Path) -> None:
        place = path / "sentry"
        port = self.port + len(FOUNDERS) * PORTS_PER_MEMBER
        words = ("--validator", "127.0.0.1", "--own", "127.0.0.1")
        ports = ("--port", str(port + 2), "--gateway-port", str(port))
        subprocess.run(
            [sys.executable, DEPLOY / "sentry.py", self["A"].path, place, *words, *ports],
            check=True,
        )
        own = self.node_id(self["A"])
        sentry = ConsensusPeer(
            name="A-sentry",
            node=EngineHome(NodeFolder(place).engine).node_id(),
            host="127.0.0.1",
            port=port + 2,
        )
        set_peers(self["A"], [sentry])
        for each in list(self)[1:]:
            consensus = each.folder.configuration().consensus
            assert consensus is not None
            rest = [peer for peer in consensus.peers if peer.node != own]
            set_peers(each, [*rest, sentry])
        seat = Seat(
            name="sentry", folder="sentry", organisation="", gateway=f"http://127.0.0.1:{port}"
        )
        self.guard = Member(path, seat)
        for each in (self.guard, *self):
            each.start()
        for each in (self.guard, *self):
            each.wait_serving()

    def stop(self) -> None:
        super().stop()
        if getattr(self, "guard", None) is not None:
            assert self.guard is not None
            self.guard.stop()

    def node_id(self, member: Member) -> str:
        return EngineHome(member.folder.engine).node_id()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    require_engine()
    made = Behind(tmp_path_factory.mktemp("sentry") / "net")
    yield made
    made.stop()


def test_the_validator_has_one_peer_and_votes(running: Behind) -> None:
    a, guard = running["A"], running.guard
    assert guard is not None
    sent = [send(running, each, [each]) for each in running]
    sent.append(send(running, running["B"], [guard]))
    seen = running.agreed(max(each.height for each in sent) + 3)
    require_all(running, sent)
    peers = {each.name: set(each.peers or ()) for each in seen.members}
    assert peers["A"] == {running.node_id(guard)}
    for name in "BCD":
        assert running.node_id(a) not in peers[name]
        assert running.node_id(guard) in peers[name]
    assert {each.organisation for each in seen.voters} == {
        each.seat.organisation for each in running
    }
    with httpx.Client(timeout=5) as http:
        assert (guard.status(http) or {})["app_hash"] in {
            root for _, root in running.blocks(running["B"], range(seen.height, seen.height + 1))
        } | {each.app_hash for each in running.overview().members}
    voted = {each.organisation for each in seen.voters if each.signed}
    assert a.seat.organisation in voted


def test_without_its_sentry_a_validator_is_alone_and_comes_back(running: Behind) -> None:
    guard = running.guard
    assert guard is not None
    guard.stop()
    others = [each for each in running if each.name != "A"]
    sent = [send(running, each, [each]) for each in others]
    guard.start()
    guard.wait_serving()
    running.agreed(max(each.height for each in sent))
    require_all(running, sent)


def test_a_sentry_has_no_key_that_votes(running: Behind) -> None:
    guard = running.guard
    assert guard is not None
    assert not (guard.path / "validator.key").exists()
    assert not (guard.path / "organisations").exists()
    idle = EngineHome(guard.folder.engine).validator_key.read_text()
    for each in running:
        assert EngineHome(each.folder.engine).validator_key.read_text() != idle
