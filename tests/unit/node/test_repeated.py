"""A proposer that lies puts a transaction into blocks again: what it did when it counted stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chain import DAY, Chain, digest_of, name_of
from tests.consensus.simulator import Network
from yilian.ledger.errors import NONCE_SPENT, OK
from yilian.ledger.keys import sha256
from yilian.ledger.modules.consent.messages import Grant
from yilian.node.rollback import rollback


@pytest.fixture
def network() -> Iterator[Network]:
    """A chain with one validator."""
    made = Network(powers=(10,))
    yield made
    made.close()


def place(network: Network, raw: bytes) -> tuple[int, int, int]:
    """Where the chain says that a transaction stands, and its code."""
    found = network.replicas[0].node.outcome(sha256(raw))
    assert found is not None
    return found.height, found.index, found.code


def codes(network: Network, height: int) -> list[int]:
    outcomes = network.replicas[0].node.store.outcomes(height)
    assert outcomes is not None
    return [each.code for each in outcomes.results]


def test_twice_in_one_block(network: Network) -> None:
    raw, other = network.town.enrol(), network.town.anchor()
    height = network.agreed.height + 1
    assert network.block(0, [raw, other, raw, raw])
    assert codes(network, height) == [OK, OK, NONCE_SPENT.number, NONCE_SPENT.number]
    assert place(network, raw) == (height, 0, OK)
    assert place(network, other) == (height, 1, OK)


def test_again_in_a_later_block(network: Network) -> None:
    raw = network.town.enrol()
    height = network.agreed.height + 1
    assert network.block(0, [raw])
    assert network.block(0, [network.town.anchor(), raw])
    assert codes(network, height + 1) == [OK, NONCE_SPENT.number]
    assert place(network, raw) == (height, 0, OK)


def test_refused_before_it_could_count(network: Network) -> None:
    town = network.town
    alice = town.actor("alice", town.hospital)
    now = network.replicas[0].node.now()
    grant = Grant(
        grant=name_of("grant"), terms=digest_of("grant"), starts=now, ends=now + 365 * DAY
    )
    raw = town.sign(alice, grant)
    enrolled = town.sign(town.hospital, Chain.enrol_person("alice", alice.signer.key))
    height = network.agreed.height + 1
    assert network.block(0, [raw, raw])
    first = codes(network, height)
    assert OK not in first
    assert place(network, raw) == (height, 0, first[0])
    assert network.block(0, [enrolled, raw, raw])
    assert codes(network, height + 1) == [OK, OK, NONCE_SPENT.number]
    assert place(network, raw) == (height + 1, 1, OK)


def test_a_height_that_is_taken_back_leaves_the_earlier_place(network: Network) -> None:
    raw, other = network.town.enrol(), network.town.anchor()
    height = network.agreed.height + 1
    assert network.block(0, [raw])
    assert network.block(0, [raw, other])
    network.replicas[0].sealed()
    store = network.replicas[0].node.store
    rollback(store)
    assert store.where(sha256(raw)) == (height, 0)
    assert store.where(sha256(other)) is None
