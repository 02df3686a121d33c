"""When a copy counts as out of date, and what the engine may drop of its own blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.chain import MINUTE
from tests.consensus.drivers import MILLI
from tests.consensus.simulator import PATIENCE, Network
from tests.consensus.town import Town
from tests.unit.node.test_cometbft import Busy
from yilian.gateway.practice.finality import Finality
from yilian.ledger.errors import Refusal
from yilian.node import cometbft
from yilian.node.abci.messages import Decision
from yilian.node.cometbft import Consortium
from yilian.node.engine import now_ms, write_genesis

QUIET = 1_000


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def opened(folder: Path, began: int, quiet: int = QUIET) -> Consortium:
    """Open a member's copy of a chain that began at a moment (ms)."""
    write_genesis(folder, msgspec.structs.replace(Town((10,)).genesis, time=began))
    return Consortium(folder, Busy(), 0, quiet)


def block(node: Consortium, moment: int) -> int:
    """Have an empty block made whose time is a moment (ms); gives the height that must be kept."""
    height = node.height + 1
    node.finalize(Decision(height, moment * MILLI, height.to_bytes(32, "big"), ()))
    return node.commit()


# -- a copy that is out of date --------------------------------------------------------------------


def test_a_copy_with_old_blocks_alone_gives_no_access_until_it_caught_up(tmp_path: Path) -> None:
    began = now_ms() - 10 * MINUTE
    with opened(tmp_path / "node", began) as node:
        seen = Finality(node)
        for minute in (1, 2, 3):
            block(node, began + minute * MINUTE)
            assert node.behind()
            assert seen.lost()
            with pytest.raises(Refusal) as refused:
                seen.require()
            assert refused.value.code.name == "emergencies.no_finality"
        # It came by all that the others have: from here on it answers as they do.
        block(node, now_ms())
        assert not node.behind()
        assert not seen.lost()
        seen.require()


def test_an_idle_chains_newest_block_may_be_two_intervals_old(tmp_path: Path) -> None:
    quiet = 10 * MINUTE
    began = now_ms() - 60 * MINUTE
    with opened(tmp_path / "node", began, quiet) as node:
        block(node, now_ms() - 2 * quiet)
        assert not node.behind()
        assert not Finality(node).lost()
    with opened(tmp_path / "other", began, quiet) as node:
        block(node, now_ms() - 3 * quiet - MINUTE)
        assert node.behind()


def test_a_copy_that_hears_nothing_is_behind_whatever_its_blocks_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that runs slow, or blocks from ahead of it, must not make silence look fresh."""
    monkeypatch.setattr(cometbft, "AGREES_IN_MS", 0)
    ahead = now_ms() + 60 * MINUTE
    with opened(tmp_path / "node", now_ms(), quiet=20) as node:
        block(node, ahead)
        until(node.behind)
        block(node, ahead + 1)
        until(node.behind)


def test_where_no_empty_blocks_are_promised_silence_says_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "node", now_ms() - 60 * MINUTE, quiet=0) as node:
        block(node, now_ms() - 59 * MINUTE)
        assert not node.behind()
        assert not Finality(node).lost()


# -- what the engine may drop ----------------------------------------------------------------------


def reopened(network: Network, keep: int) -> Consortium:
    """Open a member's folder again, told how much the engine keeps."""
    replica = network.replicas[1]
    replica.close()
    replica.link.away = False
    made = Consortium(replica.folder, replica.link, 0, 0, keep)
    replica.engine = made
    return made


def test_the_engine_keeps_all_where_nothing_else_is_said(network: Network) -> None:
    network.blocks(5)
    network.replicas[1].sealed()
    assert network.replicas[1].node.retain_height() == 0


def test_the_engine_keeps_what_evidence_may_speak_of(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cometbft, "EVIDENCE_BLOCKS", 4)
    network.blocks(10)
    network.replicas[1].sealed()
    # Fewer than that cannot be asked for.
    assert reopened(network, keep=1).retain_height() == 6
    assert reopened(network, keep=7).retain_height() == 3
    assert reopened(network, keep=10).retain_height() == 0
    assert reopened(network, keep=50).retain_height() == 0


def test_the_engine_drops_what_the_node_moved_away(network: Network) -> None:
    network.blocks(8)
    network.replicas[1].sealed()
    node = network.replicas[1].node
    node.store.drop_below(1)
    assert node.retain_height() == 0
    node.store.drop_below(5)
    assert node.retain_height() == 5


@pytest.mark.parametrize("pruned", [None, 4])
def test_what_is_not_sealed_is_never_dropped(
    network: Network, monkeypatch: pytest.MonkeyPatch, pruned: int | None
) -> None:
    monkeypatch.setattr(cometbft, "EVIDENCE_BLOCKS", 1)
    network.blocks(3)
    for each in network.replicas:
        each.sealed()
    replica = network.replicas[1]
    node, replica.link.shown = replica.node, 3
    node._keep_blocks = 1
    if pruned:
        node.store.drop_below(pruned)
    for _ in range(5):
        assert network.block(0)
        assert (node.sealed_height, node.retain_height()) == (3, 3)
    replica.link.shown = None
    # It asks again by itself; then the rest may go, and no more than that.
    until(lambda: node.sealed_height == 8)
    assert node.retain_height() == 7
    assert node.store.block(8) is not None


def test_a_node_that_sealed_nothing_lets_nothing_go(tmp_path: Path) -> None:
    town = Town((10,))
    write_genesis(tmp_path / "node", town.genesis)
    with Consortium(tmp_path / "node", Busy(), keep_blocks=1) as node:
        for _ in range(3):
            assert block(node, node.tip.time + 1_000) == 0
        assert node.sealed_height == 0
