"""A member that begins from another's snapshot: chunks out of order, spoiled, and none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.consensus.drivers import MILLI, Bytes, Refused
from tests.consensus.encoding import Snapshot
from tests.consensus.judge import require_chain
from tests.consensus.simulator import PATIENCE, Network, Replica

ACCEPT, ABORT, REJECT, REJECT_FORMAT = 1, 2, 3, 4
RETRY, REJECT_SNAPSHOT = 3, 5
EVERY = 4


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    for each in made.replicas:
        each.close()
        each.snapshot_every = EVERY
    for each in made.replicas[:3]:
        each.start()
    while made.agreed.height < EVERY:
        made.send(0, *[made.town.enrol() for _ in range(5)])
        made.gossip()
        assert made.block()
    yield made
    made.close()


def offered(replica: Replica) -> tuple[Bytes, Snapshot]:
    """Wait until a member has made its snapshot, and give it."""
    calls = replica.call
    assert isinstance(calls, Bytes)
    for _ in range(int(PATIENCE * 100)):
        found = calls.snapshots()
        if found:
            return calls, found[-1]
        time.sleep(0.01)
    raise AssertionError("no snapshot was made")


def parts(calls: Bytes, snapshot: Snapshot) -> list[bytes]:
    return [calls.load(snapshot.height, snapshot.format, at) for at in range(snapshot.chunks)]


def finish(network: Network, replica: Replica, height: int) -> None:
    """Go on from the snapshot's height with the others' blocks, and compare."""
    replica.stored = max(replica.stored, height)
    assert replica.call.info() == (height, network.agreed.app_hash(height))
    network.send(0, network.town.enrol())
    for _ in range(3):
        assert network.block(0)
    for each in network.replicas:
        each.sealed()
    require_chain(network, replica, height + 1)


def test_members_make_the_same_snapshot(network: Network) -> None:
    one, two = (offered(network.replicas[seat]) for seat in (0, 2))
    assert one[1] == two[1]
    assert one[1].height == EVERY
    assert parts(*one) == parts(*two)


def test_a_member_begins_from_a_snapshot(network: Network) -> None:
    giver, snapshot = offered(network.replicas[0])
    taker = network.replicas[3]
    calls = taker.start_empty()
    assert calls.offer(snapshot, network.agreed.app_hash(snapshot.height)) == ACCEPT
    held = list(enumerate(parts(giver, snapshot)))
    for index, data in reversed(held):
        assert calls.apply(index, data, "peer") == (ACCEPT, [], [])
    finish(network, taker, snapshot.height)


def test_a_spoiled_chunk_is_fetched_again_from_somebody_else(network: Network) -> None:
    giver, snapshot = offered(network.replicas[0])
    taker = network.replicas[3]
    calls = taker.start_empty()
    assert calls.offer(snapshot, network.agreed.app_hash(snapshot.height)) == ACCEPT
    for index, data in enumerate(parts(giver, snapshot)):
        spoiled = data[:-1] + bytes((data[-1] ^ 1,))
        for wrong in (spoiled, b"", data[:-1], data + b"\0"):
            assert calls.apply(index, wrong, "liar") == (RETRY, [index], [b"liar"])
        assert calls.apply(index, data, "peer") == (ACCEPT, [], [])
    finish(network, taker, snapshot.height)


def test_what_is_offered_must_have_the_agreed_state(network: Network) -> None:
    _, snapshot = offered(network.replicas[0])
    taker = network.replicas[3]
    calls = taker.start_empty()
    before = (taker.node.tip, dict(taker.node.store.scan(b"")))
    root = network.agreed.app_hash(snapshot.height)
    assert calls.offer(snapshot, network.agreed.app_hash(1)) == REJECT
    assert calls.offer(snapshot._replace(format=2), root) == REJECT_FORMAT
    assert calls.offer(snapshot._replace(metadata=snapshot.metadata[:-1]), root) == REJECT
    assert calls.offer(snapshot._replace(hash=bytes(32)), root) == REJECT
    assert calls.offer(snapshot._replace(chunks=snapshot.chunks + 1), root) == REJECT
    assert calls.apply(0, b"chunk", "peer")[0] == ABORT
    assert (taker.node.tip, dict(taker.node.store.scan(b""))) == before


def test_a_member_with_blocks_takes_no_snapshot(network: Network) -> None:
    giver, snapshot = offered(network.replicas[0])
    taker = network.replicas[2]
    assert isinstance(taker.call, Bytes)
    root = network.agreed.app_hash(snapshot.height)
    assert taker.call.offer(snapshot, root) == ABORT
    assert taker.call.apply(0, giver.load(snapshot.height, snapshot.format, 0), "peer")[0] == ABORT
    assert taker.call.info() == (network.agreed.height, root)


def test_what_is_not_there_is_not_given(network: Network) -> None:
    calls, snapshot = offered(network.replicas[0])
    assert calls.load(snapshot.height, snapshot.format, snapshot.chunks) == b""
    assert calls.load(snapshot.height, 2, 0) == b""
    assert calls.load(snapshot.height + 1, snapshot.format, 0) == b""


def test_a_crash_half_way_begins_again_from_nothing(network: Network) -> None:
    giver, snapshot = offered(network.replicas[0])
    taker = network.replicas[3]
    root = network.agreed.app_hash(snapshot.height)
    calls = taker.start_empty()
    assert calls.offer(snapshot, root) == ACCEPT
    taker.crash()
    taker.start()
    assert taker.node.height == 0
    taker.close()
    calls = taker.start_empty()
    assert calls.offer(snapshot, root) == ACCEPT
    for index, data in enumerate(parts(giver, snapshot)):
        assert calls.apply(index, data, "peer")[0] == ACCEPT
    finish(network, taker, snapshot.height)


def test_an_engine_that_gives_its_snapshot_up_begins_at_the_first_block(network: Network) -> None:
    _, snapshot = offered(network.replicas[0])
    taker = network.replicas[3]
    calls = taker.start_empty()
    assert calls.offer(snapshot, network.agreed.app_hash(snapshot.height)) == ACCEPT
    taker.restart_engine()
    taker.deliver(network.agreed.height)
    taker.sealed()
    require_chain(network, taker)


def test_no_block_comes_while_a_snapshot_is_half_there(network: Network) -> None:
    _, snapshot = offered(network.replicas[0])
    taker = network.replicas[3]
    calls = taker.start_empty()
    assert calls.offer(snapshot, network.agreed.app_hash(snapshot.height)) == ACCEPT
    with pytest.raises(Refused):
        calls.finalize(network.agreed.at(1).candidate.call())
    assert taker.call.info()[0] == 0
    genesis = network.town.genesis
    validators = [(v.public_key, v.power) for v in network.agreed.validators(1).validators]
    began = calls.init_chain(genesis.chain, genesis.time * MILLI, 1, validators)
    assert began.app_hash == network.agreed.app_hash(0)
    taker.deliver(network.agreed.height)
    taker.sealed()
    require_chain(network, taker)
