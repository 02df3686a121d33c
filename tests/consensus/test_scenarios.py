"""Members of a consortium through crashes, failed rounds and hostile proposals, one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.consensus.judge import require_one_chain, require_replay
from tests.consensus.simulator import CRASHES, Crash, Network


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


def test_members_agree_on_what_gossip_brought(network: Network) -> None:
    town = network.town
    for turn in range(6):
        network.send(turn % 4, *[town.enrol() for _ in range(3)], town.anchor(turn % 4))
        network.gossip(lost=0.3)
        assert network.block()
    while any(each.mempool for each in network.replicas):
        network.gossip()
        assert network.block()
    assert len(set(network.hashes())) == len(network.hashes()) == 24
    assert all(
        code == 0 for height in network.agreed.heights for code, *_ in height.expected.results
    )
    require_one_chain(network)
    require_replay(network, network.replicas[1], network.folder / "again")


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("height", [1, 4])
def test_a_member_that_crashes_comes_back(network: Network, crash: Crash, height: int) -> None:
    for turn in range(1, 8):
        network.running[0].receive([network.town.enrol()])
        network.gossip()
        assert network.block(crashes={turn % 4: crash} if turn == height else None)
        if turn == height + 1:
            down = [each for each in network.replicas if not each.up]
            assert len(down) == 1
            down[0].start()
            assert down[0].node.height == height
            network.deliver()
    require_one_chain(network)


@pytest.mark.parametrize("crash", CRASHES)
def test_all_crash_at_once(network: Network, crash: Crash) -> None:
    network.send(0, network.town.enrol(), network.town.anchor())
    network.gossip()
    assert network.block()
    network.send(0, network.town.enrol(), network.town.anchor())
    assert network.block(0, crashes=dict.fromkeys(range(4), crash))
    assert not network.running
    for each in network.replicas:
        each.start()
    assert [each.node.height for each in network.replicas] == [2] * 4
    assert network.block()
    require_one_chain(network)


def test_two_of_four_decide_nothing(network: Network) -> None:
    assert network.block()
    for each in network.replicas[:2]:
        each.crash()
    network.send(2, network.town.enrol())
    assert not network.block()
    assert network.agreed.height == 1
    network.replicas[0].start()
    assert network.block()
    assert network.agreed.height == 2
    require_one_chain(network)


def test_what_a_failed_round_offered_is_offered_again(network: Network) -> None:
    raws = [network.town.enrol() for _ in range(5)]
    network.send(0, *raws)
    network.send(1, *raws)
    network.fail_round(0)
    network.fail_round(1)
    network.fail_round(0)
    candidate = network.propose(1)
    assert sorted(candidate.block.txs) == sorted(raws)
    assert network.decide(candidate)
    network.deliver()
    assert network.propose(0).block.txs == ()
    assert network.propose(1).block.txs == ()
    require_one_chain(network)


def test_a_member_that_hears_late_catches_up_without_rounds(network: Network) -> None:
    for _ in range(4):
        network.send(0, network.town.enrol())
        candidate = network.propose(0)
        assert network.judged(candidate, hearing=(0, 1, 2))
        assert network.decide(candidate, silent=(3,))
        network.deliver(late=(3,))
    assert network.replicas[3].node.height == 0
    network.replicas[3].deliver(4)
    require_one_chain(network)


def test_a_vote_for_no_block_counts_for_none(network: Network) -> None:
    candidate = network.propose(0)
    assert not network.decide(candidate, against=(1, 2))
    assert network.decide(candidate, against=(1,))
    network.deliver()
    assert network.block()
    require_one_chain(network)


def test_an_engine_that_comes_again_is_given_what_waits(network: Network) -> None:
    replica = network.replicas[1]
    raw = network.town.enrol()
    network.send(1, raw)
    replica.restart_engine()
    assert replica.mempool == []
    replica.link.handed_in(raw)
    replica.pump()
    assert replica.mempool == [raw]
    assert network.block(1)
    assert network.agreed.at(1).candidate.block.txs == (raw,)
    require_one_chain(network)


def test_an_engine_that_dies_before_commit_finalizes_again(network: Network) -> None:
    network.send(0, network.town.enrol())
    candidate = network.propose(0)
    assert network.decide(candidate)
    for replica in network.replicas[:2]:
        assert replica.call.finalize(candidate.call()) == network.agreed.at(1).expected
        replica.stored = 1
        replica.restart_engine()
        assert replica.node.height == 1
    network.deliver()
    require_one_chain(network)


def test_a_height_may_be_finalized_again_and_again(network: Network) -> None:
    network.send(0, *[network.town.enrol() for _ in range(3)])
    candidate = network.propose(0)
    assert network.decide(candidate)
    for replica in network.replicas:
        before = dict(replica.node.store.scan(b""))
        said = [replica.call.finalize(candidate.call()) for _ in range(3)]
        assert said == [network.agreed.at(1).expected] * 3
        assert dict(replica.node.store.scan(b"")) == before
    network.deliver()
    require_one_chain(network)
