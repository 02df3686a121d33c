"""A member that proposes what it must not, and an engine that calls what does not follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.consensus.drivers import MILLI, Call, Refused
from tests.consensus.judge import require_first_outcomes, require_one_chain
from tests.consensus.simulator import Network, Replica
from yilian.ledger.errors import EXPIRED, MALFORMED, NONCE_SPENT, Refusal
from yilian.ledger.modules.governance.messages import SetParameter


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    assert made.block()
    made.send(0, made.town.enrol())
    made.gossip()
    assert made.block()
    yield made
    made.close()


def codes(network: Network) -> list[int]:
    return [code for code, *_ in network.agreed.heights[-1].expected.results]


def test_text_that_is_no_transaction_fails_in_its_block(network: Network) -> None:
    junk = [b"", b"\0", b"{}", b"\xff" * 300, network.town.enrol()[:-1], b"[" * 5_000]
    assert network.block(1, junk)
    assert codes(network) == [MALFORMED.number] * len(junk)
    require_one_chain(network)


def test_a_transaction_twice_counts_once(network: Network) -> None:
    raw = network.town.enrol()
    network.send(2, raw)
    assert network.block(1, [raw, raw, network.town.anchor(), raw])
    assert codes(network) == [0, NONCE_SPENT.number, 0, NONCE_SPENT.number]
    require_one_chain(network)
    require_first_outcomes(network)


def test_what_was_decided_and_is_proposed_again_is_refused(network: Network) -> None:
    old = network.agreed.heights[-1].candidate.block.txs
    assert network.block(1, old)
    assert codes(network) == [NONCE_SPENT.number]
    require_one_chain(network)
    require_first_outcomes(network)


def test_a_transaction_after_its_time_is_refused(network: Network) -> None:
    raw = network.town.anchor(expires=network.town.time + 500)
    assert network.send(0, raw) == [0]
    network.wait(60_000)
    assert network.block(1)
    network.wait(60_000)
    assert network.propose(0).block.txs == ()
    assert network.block(1, [raw])
    assert codes(network) == [EXPIRED.number]
    require_one_chain(network)


def test_what_nobody_checked_before_gives_the_same(network: Network) -> None:
    raws = [network.town.enrol() for _ in range(3)]
    network.send(1, raws[0])
    network.send(2, raws[1], raws[2])
    assert network.block(0, [*raws, network.town.anchor(3), network.town.rename(2)])
    assert codes(network) == [0] * 5
    require_one_chain(network)


def test_a_block_above_the_limits_is_rejected_by_all(network: Network) -> None:
    low = SetParameter(name="block_max_bytes", value=100_000)
    assert network.block(0, network.town.carry(low))
    assert network.block()
    small = network.propose(0, [b"x" * 50_000, b"y" * 49_999])
    assert network.judged(small)
    large = network.propose(0, [b"x" * 50_000, b"y" * 50_001])
    assert not network.judged(large)
    assert not network.judged(network.propose(0, [b""] * 4_001))
    gas = SetParameter(name="block_max_gas", value=1_000_000)
    high = SetParameter(name="block_max_bytes", value=4_000_000)
    assert network.block(0, network.town.carry(gas) + network.town.carry(high))
    assert network.block()
    assert not network.judged(network.propose(0, [b"x" * 1_000_001]))
    assert network.judged(network.propose(0, [b"x" * 999_999]))
    require_one_chain(network)


def whole(replica: Replica) -> tuple[object, ...]:
    """Give all that a refused call might have changed."""
    store = replica.node.store
    return (
        replica.call.info(),
        replica.node.tip,
        replica.node.tree.root,
        dict(store.scan(b"")),
        replica.node.pending(),
    )


def next_call(network: Network) -> Call:
    candidate = network.propose(0)
    assert network.decide(candidate)
    return candidate.call()


OUT_OF_TURN: dict[str, Callable[[Replica, Call], object]] = {
    "a height skipped": lambda replica, call: replica.call.finalize(
        call._replace(height=call.height + 1)
    ),
    "the height before": lambda replica, call: replica.call.finalize(
        call._replace(height=call.height - 1)
    ),
    "height nought": lambda replica, call: replica.call.finalize(call._replace(height=0)),
    "commit of nothing": lambda replica, call: replica.call.commit(),
    "a chain begun again": lambda replica, call: begin(replica),
    "a chain begun later": lambda replica, call: begin(replica, height=call.height),
}


def begin(replica: Replica, chain: str = "", height: int = 1, power: int = 10) -> object:
    genesis = replica.agreed.town.genesis
    validators = [(v.public_key, power) for v in replica.agreed.validators(1).validators]
    return replica.call.init_chain(chain or genesis.chain, genesis.time * MILLI, height, validators)


@pytest.mark.parametrize("name", OUT_OF_TURN)
def test_a_call_out_of_turn_is_refused_and_changes_nothing(network: Network, name: str) -> None:
    call = next_call(network)
    for replica in network.replicas:
        before = whole(replica)
        with pytest.raises(Refused):
            OUT_OF_TURN[name](replica, call)
        assert whole(replica) == before
        assert replica.node.fault is None
    network.deliver()
    require_one_chain(network)


def test_a_second_commit_is_refused(network: Network) -> None:
    assert network.block()
    for replica in network.replicas:
        before = whole(replica)
        with pytest.raises(Refused):
            replica.call.commit()
        assert whole(replica) == before
    require_one_chain(network)


def test_another_block_of_the_same_height_takes_the_place_of_the_first(network: Network) -> None:
    call = next_call(network)
    other = call._replace(txs=(network.town.enrol(),), hash=bytes(32))
    for replica in network.replicas:
        assert replica.call.finalize(other).app_hash != network.agreed.app_hash(call.height)
    network.deliver()
    require_one_chain(network)


@pytest.mark.parametrize("wrong", [{"chain": "other"}, {"height": 2}, {"power": 11}])
def test_a_genesis_that_is_not_the_stores_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    network = Network()
    try:
        for replica in network.replicas:
            before = whole(replica)
            with pytest.raises(Refused):
                begin(replica, **wrong)  # type: ignore[arg-type]
            assert whole(replica) == before
        assert network.block()
        require_one_chain(network)
    finally:
        network.close()


def test_proposals_and_checks_between_finalize_and_commit_change_nothing(
    network: Network,
) -> None:
    network.send(0, *[network.town.enrol() for _ in range(3)])
    call = next_call(network)
    for replica in network.replicas:
        expected = network.agreed.at(call.height).expected
        assert replica.call.finalize(call) == expected
        replica.call.process([network.town.enrol()], call.height, call.time)
        replica.call.prepare([], 100_000, call.height, call.time)
        replica.receive([network.town.anchor()])
        assert replica.call.info()[0] == call.height - 1
        replica.call.commit()
        assert replica.call.info() == (call.height, expected.app_hash)
    require_one_chain(network)


def test_a_transaction_that_comes_while_its_block_is_written_is_settled(network: Network) -> None:
    raw = network.town.enrol()
    candidate = network.propose(0, [raw])
    assert network.decide(candidate)
    for replica in network.replicas:
        replica.stored = candidate.height
        replica.call.finalize(candidate.call())
        assert replica.receive([raw]) == [0]
        future = replica.node.submit(raw)
        replica.call.commit()
        assert future.result(timeout=20).code == 0
        assert replica.node.pending() == 0
        assert replica.node.submit(raw).result(timeout=20).height == candidate.height
    require_one_chain(network)


def test_nobody_is_told_of_expiry_while_a_block_may_still_take_it(network: Network) -> None:
    raw = network.town.anchor(expires=network.town.time + 3_000)
    future = network.replicas[0].node.submit(raw)
    assert network.block(1, [])
    assert network.block(1, [])
    assert not future.done()
    candidate = network.propose(1, [raw])
    if candidate.block.header.time < (network.town.time + 3_000) * MILLI:
        assert network.decide(candidate)
        network.deliver()
        assert future.result(timeout=20).code == codes(network)[0]
    require_one_chain(network)


def test_a_submitted_transaction_that_expires_is_told(network: Network) -> None:
    raw = network.town.anchor(expires=network.town.time + 10_000)
    future = network.replicas[0].node.submit(raw)
    for _ in range(3):
        network.wait(20_000)
        assert network.block(1, [])
    with pytest.raises(Refusal) as told:
        future.result(timeout=20)
    assert told.value.code is EXPIRED
    assert network.replicas[0].node.pending() == 0
    require_one_chain(network)
