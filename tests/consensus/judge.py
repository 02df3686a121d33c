"""What must hold of every member of a simulated consortium, once it is whole again."""

from __future__ import annotations

import io
from pathlib import Path

from tests.consensus.simulator import Network, Replica
from yilian.ledger.keys import sha256
from yilian.node import archive, integrity
from yilian.node.store import Store


def require_one_chain(network: Network) -> None:
    """Every member has the agreed blocks, the agreed state, and an answer for each transaction."""
    network.whole()
    for replica in network.replicas:
        require_chain(network, replica)


def require_chain(network: Network, replica: Replica, first: int = 1) -> None:
    """Compare one member's store with what was agreed, byte for byte, from a height on."""
    agreed, store = network.agreed, replica.node.store
    assert replica.node.height == replica.node.sealed_height == agreed.height
    assert dict(store.scan(b"")) == agreed.law.memory.content
    for height in range(first, agreed.height + 1):
        candidate, _, expected = agreed.at(height)
        block, commit, outcomes = store.block(height), store.commit(height), store.outcomes(height)
        assert block is not None
        assert commit is not None
        assert outcomes is not None
        assert block.encode() == candidate.encoded
        assert commit.block_id == candidate.block_id
        assert agreed.decides(commit)
        told = tuple((each.code, each.data(), each.gas, each.gas) for each in outcomes.results)
        assert told == expected.results
    assert integrity.scan(store) is None


def require_first_outcomes(network: Network) -> None:
    """A transaction's outcome is that of its first place, however often others repeat it."""
    first: dict[bytes, tuple[int, int]] = {}
    for height, each in enumerate(network.agreed.heights, 1):
        for index, raw in enumerate(each.candidate.block.txs):
            first.setdefault(sha256(raw), (height, index))
    for replica in network.replicas:
        for name, (height, index) in first.items():
            found = replica.node.outcome(name)
            assert found is not None
            assert (found.height, found.index) == (height, index)
            assert found.code == network.agreed.at(height).expected.results[index][0]


def require_replay(network: Network, replica: Replica, folder: Path) -> None:
    """Export a member's chain and run it again: the same app hash at each height."""
    file = io.BytesIO()
    assert archive.export(replica.node.store, file) == network.agreed.height
    file.seek(0)
    genesis, sequence = archive.read_export(file)
    reached: list[int] = []
    tip = archive.replay(genesis, sequence, folder, reached.append)
    assert reached == list(range(1, network.agreed.height + 1))
    assert tip.app_hash == network.agreed.app_hash(network.agreed.height)
    store = Store(folder)
    try:
        assert dict(store.scan(b"")) == network.agreed.law.memory.content
    finally:
        store.close()
