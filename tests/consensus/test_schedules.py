"""Any schedule that an engine may follow: members agree at each height, and none is left behind."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.consensus.drivers import Refused
from tests.consensus.judge import require_one_chain, require_replay
from tests.consensus.simulator import CRASHES, Crash, Network, Replica
from tests.scale import SCALE, scale
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.governance.messages import SetParameter, SetValidator

SEATS = st.integers(0, 3)


class Ask(msgspec.Struct, frozen=True):
    """What is asked of a member before a height, and how it is passed on."""

    seat: int
    payer: int
    kind: str
    amount: int
    lost: float


class Step(msgspec.Struct, frozen=True):
    """One attempt at a height, and what befalls members before and during it."""

    wait: int
    asks: list[Ask]
    starts: set[int]
    engines: set[int]
    failed: list[int]
    seat: int
    hostile: str
    misdeed: int | None
    against: set[int]
    late: set[int]
    crashes: dict[int, Crash]
    wrong: int | None


ASKS = st.builds(
    Ask,
    seat=SEATS,
    payer=SEATS,
    kind=st.sampled_from(["records", "people", "records", "people", "hand in", "soon", "key"])
    | st.sampled_from(["power", "bytes"]),
    amount=st.sampled_from([1, 2, 5, 0, 30]),
    lost=st.sampled_from([0.0, 0.4, 1.0]),
)
STEPS = st.builds(
    Step,
    wait=st.sampled_from([1_000, 1, 60_000, 3_600_000, 86_400_000]),
    asks=st.lists(ASKS, max_size=3),
    starts=st.sets(SEATS, min_size=2),
    engines=st.sets(SEATS, max_size=1),
    failed=st.lists(SEATS, max_size=2),
    seat=SEATS,
    hostile=st.sampled_from(["", "", "", "junk", "twice", "old", "unknown"]),
    misdeed=st.none() | st.none() | st.none() | SEATS,
    against=st.sets(SEATS, max_size=1),
    late=st.sets(SEATS, max_size=1),
    crashes=st.just({})
    | st.dictionaries(SEATS, st.sampled_from(CRASHES), max_size=1)
    | st.dictionaries(SEATS, st.sampled_from(CRASHES), max_size=4),
    wrong=st.none() | st.sampled_from([-1, 0, 2]),
)


class Play:
    """A network that follows a schedule."""

    def __init__(self, powers: tuple[int, ...], seed: int) -> None:
        self.network = Network(powers, seed)
        self._guilty: set[bytes] = set()

    def step(self, step: Step) -> None:
        """Do what a step says, as far as enough members run for it."""
        network = self.network
        network.wait(step.wait)
        for each in step.starts:
            self._start(network.replicas[each])
        for each in step.engines:
            replica = network.replicas[each]
            if replica.up:
                replica.restart_engine()
                replica.pump()
        for ask in step.asks:
            self._ask(ask)
        for each in step.failed:
            self._fail(each)
        self._height(step)
        if step.wrong is not None:
            self._out_of_turn(network.replicas[step.seat], step.wrong)

    def _start(self, replica: Replica) -> None:
        if not replica.up:
            replica.start()
        replica.deliver(self.network.agreed.height)

    # -- what is asked -------------------------------------------------------------------------

    def _ask(self, ask: Ask) -> None:
        town, replica = self.network.town, self.network.replicas[ask.seat]
        if not replica.up:
            return
        if ask.kind in ("hand in", "soon"):
            self._hand_in(ask, replica)
        elif ask.kind == "records":
            replica.receive([town.anchor(ask.payer) for _ in range(ask.amount)])
        elif ask.kind == "people":
            replica.receive([town.enrol(ask.payer) for _ in range(ask.amount)])
        elif ask.kind == "key":
            replica.receive([town.rename(ask.payer)])
        elif ask.kind == "power":
            member = town.members[ask.payer].id
            replica.receive(town.carry(SetValidator(organisation=member, power=ask.amount)))
        else:
            limit = SetParameter(name="block_max_bytes", value=100_000 * (1 + ask.amount))
            replica.receive(town.carry(limit))
        self.network.gossip(ask.lost)

    def _hand_in(self, ask: Ask, replica: Replica) -> None:
        town = self.network.town
        fields = {"expires": town.time + 2_000} if ask.kind == "soon" else {}
        raw = town.anchor(ask.payer, **fields)
        try:
            replica.node.submit(raw)
        except Refusal:
            # After failed rounds the chain's time is behind the clock by which this was written.
            return
        replica.link.handed_in(raw)
        replica.pump()

    # -- heights -------------------------------------------------------------------------------

    def _proposer(self, seat: int) -> Replica | None:
        running = self.network.running
        return running[seat % len(running)] if running else None

    def _fail(self, seat: int) -> None:
        proposer = self._proposer(seat)
        if proposer is not None:
            self.network.fail_round(proposer.seat)

    def _height(self, step: Step) -> None:
        network, proposer = self.network, self._proposer(step.seat)
        if proposer is None:
            return
        misdeeds = self._misdeeds(step)
        candidate = network.propose(proposer.seat, self._hostile(step.hostile), misdeeds)
        if network.judged(candidate) and network.decide(candidate, against=step.against):
            self._guilty.update(each.address for each in candidate.faults)
            network.deliver(step.crashes, step.late)

    def _misdeeds(self, step: Step) -> list[int]:
        height = self.network.agreed.height
        if step.misdeed is None or not height:
            return []
        # An engine proves a misdeed once.
        fault, _ = self.network.agreed.voted_twice(height, step.misdeed)
        return [] if fault.address in self._guilty else [step.misdeed]

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

    def _out_of_turn(self, replica: Replica, height: int) -> None:
        heights = self.network.agreed.heights
        if not replica.up or not heights:
            return
        before = (replica.call.info(), replica.node.tree.root, replica.node.pending())
        call = heights[-1].candidate.call()._replace(height=replica.node.height + height)
        for wrong in (lambda: replica.call.finalize(call), replica.call.commit):
            try:
                wrong()
            except Refused:
                continue
            raise AssertionError("a call out of turn was answered")
        assert (replica.call.info(), replica.node.tree.root, replica.node.pending()) == before


def follow(schedule: list[Step], powers: tuple[int, ...], seed: int) -> None:
    """Follow a schedule, and judge all members when it ends."""
    play = Play(powers, seed)
    network = play.network
    try:
        for step in schedule:
            play.step(step)
        event(f"{network.agreed.height} heights")
        require_one_chain(network)
        require_replay(network, network.replicas[0], network.folder / "again")
    finally:
        network.close()


@pytest.mark.timeout(3_600)
@settings(
    max_examples=scale(6, 300),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Making a failure smaller takes longer than a test may: that is for `make soak`.
    phases=[each for each in Phase if SCALE > 1 or each is not Phase.shrink],
)
@given(
    schedule=st.lists(STEPS, min_size=8, max_size=16),
    powers=st.sampled_from([(10, 10, 10, 10), (1, 2, 3, 4), (40, 10, 10, 10), (7, 7, 7, 1)]),
    seed=st.integers(0, 2**32),
)
def test_any_schedule_ends_in_one_chain(
    schedule: list[Step], powers: tuple[int, ...], seed: int
) -> None:
    follow(schedule, powers, seed)
