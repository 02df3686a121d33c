"""Any schedule that an engine may follow: members agree at each height, and none is left behind."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.consensus.drivers import Refused
from tests.consensus.judge import require_one_chain, require_replay
from tests.consensus.simulator import CRASHES, Crash, Network, Replica
from tests.scale import scale
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.governance.messages import SetParameter, SetValidator

SEATS = st.integers(0, 3)
MOST_HEIGHTS = 25


class Schedule(RuleBasedStateMachine):
    """Members, what is asked of them, and what befalls them."""

    network: Network

    @initialize(
        seed=st.integers(0, 2**32),
        powers=st.sampled_from([(10, 10, 10, 10), (1, 2, 3, 4), (40, 10, 10, 10), (7, 7, 7, 1)]),
    )
    def begin(self, seed: int, powers: tuple[int, ...]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="yilian-consensus-"))
        self.network = Network(self.folder, powers, seed)
        self.guilty: set[bytes] = set()

    def teardown(self) -> None:
        """Judge every schedule when it ends."""
        if not hasattr(self, "network"):
            return
        try:
            require_one_chain(self.network)
            require_replay(self.network, self.network.replicas[0], self.folder / "again")
        finally:
            self.network.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _room(self) -> bool:
        return self.network.agreed.height < MOST_HEIGHTS

    # -- what is asked -------------------------------------------------------------------------

    @rule(seat=SEATS, member=SEATS, count=st.integers(1, 6), lost=st.sampled_from([0.0, 0.4, 1.0]))
    def send(self, seat: int, member: int, count: int, lost: float) -> None:
        town, replica = self.network.town, self.network.replicas[seat]
        if replica.up:
            replica.receive(
                [town.enrol(member) if at % 2 else town.anchor(member) for at in range(count)]
            )
            self.network.gossip(lost)

    @rule(seat=SEATS, soon=st.booleans())
    def hand_in(self, seat: int, soon: bool) -> None:
        town, replica = self.network.town, self.network.replicas[seat]
        if not replica.up:
            return
        fields = {"expires": town.time + 2_000} if soon else {}
        raw = town.anchor(seat, **fields)
        try:
            replica.node.submit(raw)
        except Refusal:
            return
        replica.link.handed_in(raw)
        replica.pump()

    @rule(
        seat=SEATS,
        what=st.sampled_from(["key", "power", "bytes"]),
        amount=st.sampled_from([0, 1, 10, 30]),
    )
    def govern(self, seat: int, what: str, amount: int) -> None:
        town = self.network.town
        if what == "key":
            raws = [town.rename(seat)]
        elif what == "power":
            action = SetValidator(organisation=town.members[seat].id, power=amount)
            raws = town.carry(action)
        else:
            limit = SetParameter(name="block_max_bytes", value=100_000 * (1 + amount))
            raws = town.carry(limit)
        for replica in self.network.replicas:
            if replica.up:
                replica.receive(raws)

    @rule(ms=st.sampled_from([1, 900, 60_000, 3_600_000, 86_400_000]))
    def wait(self, ms: int) -> None:
        self.network.wait(ms)

    # -- heights -------------------------------------------------------------------------------

    def _proposer(self, seat: int) -> Replica | None:
        running = self.network.running
        return running[seat % len(running)] if running else None

    @precondition(_room)
    @rule(
        seat=SEATS,
        failed=st.lists(SEATS, max_size=3),
        victims=st.dictionaries(SEATS, st.sampled_from(CRASHES), max_size=4),
        late=st.sets(SEATS, max_size=2),
        against=st.sets(SEATS, max_size=1),
        hostile=st.sampled_from(["", "", "", "junk", "twice", "old", "unknown"]),
    )
    def height(
        self,
        seat: int,
        failed: list[int],
        victims: dict[int, Crash],
        late: set[int],
        against: set[int],
        hostile: str,
    ) -> None:
        network = self.network
        network.wait(1_000)
        for each in failed:
            proposer = self._proposer(each)
            if proposer is not None:
                network.fail_round(proposer.seat)
        proposer = self._proposer(seat)
        if proposer is None:
            return
        candidate = network.propose(proposer.seat, self._hostile(hostile))
        if network.judged(candidate) and network.decide(candidate, against=against):
            network.deliver(victims, late)

    def _hostile(self, kind: str) -> list[bytes] | None:
        town, agreed = self.network.town, self.network.agreed
        if kind == "junk":
            return [b"", b"{" * 40, town.enrol()[:-7]]
        if kind == "twice":
            raw = town.enrol()
            return [raw, town.anchor(1), raw]
        if kind == "old" and agreed.height:
            return list(agreed.heights[-1].candidate.block.txs)
        if kind == "unknown":
            return [town.enrol(2), town.rename(3)]
        return None

    @precondition(_room)
    @rule(seat=SEATS, place=SEATS)
    def misdeed(self, seat: int, place: int) -> None:
        network = self.network
        network.wait(1_000)
        proposer, height = self._proposer(seat), network.agreed.height
        if proposer is None or height == 0:
            return
        fault, _ = network.agreed.voted_twice(height, place)
        # An engine proves a misdeed once.
        if fault.address in self.guilty:
            return
        candidate = network.propose(proposer.seat, misdeeds=[place])
        if network.judged(candidate) and network.decide(candidate):
            self.guilty.add(fault.address)
            network.deliver()

    # -- what befalls members ------------------------------------------------------------------

    @rule(seat=SEATS)
    def crash(self, seat: int) -> None:
        replica = self.network.replicas[seat]
        if replica.up:
            replica.crash()

    @rule(seat=SEATS)
    def stop(self, seat: int) -> None:
        self.network.replicas[seat].close()

    @rule(seat=SEATS)
    def start(self, seat: int) -> None:
        replica = self.network.replicas[seat]
        if not replica.up:
            replica.start()
            replica.deliver(self.network.agreed.height)

    @rule(seat=SEATS)
    def engine_dies(self, seat: int) -> None:
        replica = self.network.replicas[seat]
        if replica.up:
            replica.restart_engine()
            replica.pump()

    @rule(seat=SEATS, height=st.sampled_from([-1, 0, 2]))
    def out_of_turn(self, seat: int, height: int) -> None:
        replica, agreed = self.network.replicas[seat], self.network.agreed
        if not replica.up or not agreed.height:
            return
        before = (replica.call.info(), replica.node.tree.root, replica.node.pending())
        call = agreed.heights[-1].candidate.call()
        for wrong in (
            lambda: replica.call.finalize(call._replace(height=replica.node.height + height)),
            replica.call.commit,
        ):
            try:
                wrong()
            except Refused:
                continue
            raise AssertionError("a call out of turn was answered")
        assert (replica.call.info(), replica.node.tree.root, replica.node.pending()) == before


Schedule.TestCase.settings = settings(
    max_examples=scale(8, 800),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_any_schedule_ends_in_one_chain = Schedule.TestCase
