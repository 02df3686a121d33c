"""What the law changes for consensus: validators two heights on, limits and version one height."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.consensus.judge import require_one_chain, require_replay
from tests.consensus.simulator import CRASHES, Crash, Network
from yilian.ledger.block import Validator
from yilian.ledger.modules.governance.messages import SetParameter, SetValidator, Upgrade


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    assert made.block()
    yield made
    made.close()


def keys(network: Network, height: int) -> dict[int, tuple[bytes, int]]:
    """Give key and power at a height by seat."""
    found = network.agreed.validators(height).validators
    return {network.town.seat[each.public_key]: (each.public_key, each.power) for each in found}


def test_a_new_key_votes_two_heights_later(network: Network) -> None:
    assert network.block(0, [network.town.rename(1)])
    assert keys(network, 3) == keys(network, 2)
    assert keys(network, 4)[1] != keys(network, 3)[1]
    for _ in range(4):
        assert network.block()
    headers = [each.candidate.block.header for each in network.agreed.heights]
    assert headers[2].validators_hash == headers[1].validators_hash
    assert headers[2].next_validators_hash != headers[1].next_validators_hash
    assert headers[3].validators_hash == headers[2].next_validators_hash
    require_one_chain(network)
    require_replay(network, network.replicas[0], network.folder / "again")


def test_power_is_given_and_taken_by_vote(network: Network) -> None:
    member = network.town.members[3].id
    assert network.block(0, network.town.carry(SetValidator(organisation=member, power=0)))
    network.blocks(2)
    assert set(keys(network, 4)) == {0, 1, 2}
    network.replicas[2].crash()
    assert not network.block()
    network.replicas[2].start()
    assert network.block(0, [network.town.rename(3)])
    assert network.block(1, network.town.carry(SetValidator(organisation=member, power=25)))
    network.blocks(3)
    assert keys(network, network.agreed.height)[3][1] == 25
    require_one_chain(network)
    require_replay(network, network.replicas[3], network.folder / "again")


def test_who_votes_twice_loses_the_power(network: Network) -> None:
    fault, _ = network.agreed.voted_twice(1, 2)
    assert network.block(0, misdeeds=[2])
    assert network.block(0, misdeeds=[2])
    assert network.block()
    left = network.agreed.validators(5).validators
    assert fault.address not in [each.address for each in left]
    assert len(left) == 3 - (network.agreed.at(3).expected.validators != ())
    require_one_chain(network)
    require_replay(network, network.replicas[0], network.folder / "again")


def test_the_last_validator_is_spared(network: Network) -> None:
    assert network.block(0, misdeeds=[0, 1, 2, 3])
    assert len(network.agreed.validators(4)) == 1
    last = network.agreed.validators(4).validators[0]
    assert isinstance(last, Validator)
    network.blocks(3)
    require_one_chain(network)


def test_limits_hold_from_the_next_height(network: Network) -> None:
    low = SetParameter(name="block_max_bytes", value=100_000)
    assert network.block(0, network.town.carry(low))
    assert network.agreed.limits(2)[0] == 4_000_000
    assert network.agreed.limits(3)[0] == 100_000
    network.send(0, *[network.town.enrol() for _ in range(250)])
    assert network.block(0)
    taken = network.agreed.at(3).candidate
    assert 50_000 < len(taken.encoded) <= 100_000
    while network.replicas[0].mempool:
        assert network.block(0)
    require_one_chain(network)
    require_replay(network, network.replicas[0], network.folder / "again")


def test_a_new_law_holds_from_its_height_and_headers_name_it(network: Network) -> None:
    assert network.block(0, network.town.carry(Upgrade(version=2, height=14)))
    while network.agreed.height < 16:
        network.send(1, network.town.enrol())
        assert network.block(1)
    named = [each.candidate.block.header.version.app for each in network.agreed.heights]
    assert sorted(named) == named
    assert named.index(2) in (13, 14)
    require_one_chain(network)
    require_replay(network, network.replicas[0], network.folder / "again")


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_while_validators_change_loses_nothing(network: Network, crash: Crash) -> None:
    assert network.block(0, [network.town.rename(1)], crashes={2: crash})
    assert network.block(0, [network.town.rename(0)])
    assert network.block(0)
    network.replicas[2].start()
    network.deliver()
    for _ in range(3):
        assert network.block()
    require_one_chain(network)
