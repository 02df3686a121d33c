"""The way from the first validators, fetched from members that may lie."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.consensus.encoding import Snapshot
from tests.consensus.simulator import PATIENCE, Network
from tests.unit.node.doors import ABSENT, Answer, Shown, history, said
from yilian.ledger.receipt import LightBlock
from yilian.node.provider import Gateway, NoAnswer
from yilian.node.snapshot import Snapshots
from yilian.node.turns import NotTheWay, Turns, Walk, fetch
from yilian.sdk import verify

SHOWN = "/v1/history"
ROTATIONS = 5


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Five rotations, and some blocks after them."""
    made = Network()
    for turn in range(ROTATIONS):
        assert made.block(0, [made.town.rename(turn % 4)])
        made.blocks(2)
    made.blocks(3)
    made.whole()
    yield made
    made.close()


def kept(network: Network) -> list[LightBlock]:
    return network.replicas[0].node.history.turns(network.agreed.height)


def shown(network: Network) -> list[dict[str, Any]]:
    return [each.to_json() for each in kept(network)]


def newest(network: Network) -> tuple[int, bytes]:
    block = network.replicas[0].node.store.block(network.agreed.height)
    assert block is not None
    return block.header.height, block.header.validators_hash


def read(network: Network, answer: Answer, below: int | None = None) -> list[LightBlock]:
    height, validators = newest(network)
    with Shown({SHOWN: answer}) as there:
        gateway = Gateway(there.address)
        try:
            return fetch(gateway, network.town.genesis, below or height, validators)
        finally:
            gateway.close()
            assert len(there.asked) <= ROTATIONS + 1


def copy(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_the_way_is_read_page_by_page(network: Network, at_once: int) -> None:
    assert len(kept(network)) == ROTATIONS
    assert read(network, history(shown(network), at_once)) == kept(network)


Lie = Callable[[list[dict[str, Any]]], Any]


def _given(turn: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in turn["commit"]["signatures"] if each["block_id_flag"] == 2]


def _put(at: int, *way: Any, to: Any) -> Lie:
    def lie(turns: list[dict[str, Any]]) -> Any:
        inner: Any = turns[at]
        for each in way[:-1]:
            inner = inner[each]
        inner[way[-1]] = to
        return turns

    return lie


def _exchanged(turns: list[dict[str, Any]]) -> Any:
    first, second, *_ = _given(turns[2])
    first["signature"] = second["signature"]
    return turns


def _few(turns: list[dict[str, Any]]) -> Any:
    for each in _given(turns[2])[:2]:
        each |= ABSENT
    return turns


def _invented(turns: list[dict[str, Any]]) -> Any:
    turns[2]["next_validators"] = turns[0]["validators"]
    return turns


LIES: dict[str, Lie] = {
    "the first is missing": lambda turns: turns[1:],
    "one is missing": lambda turns: turns[:2] + turns[3:],
    "the last is missing": lambda turns: turns[:-1],
    "none": lambda turns: [],
    "one comes twice": lambda turns: [turns[0], *turns],
    "out of order": lambda turns: [turns[1], turns[0], *turns[2:]],
    "another chain": _put(1, "header", "chain_id", to="another"),
    "another block": _put(1, "commit", "block_id", "hash", to="33" * 32),
    "another height": _put(1, "commit", "height", to="1"),
    "other next validators": _invented,
    "a false signature": _exchanged,
    "too few signatures": _few,
    "no header": _put(1, "header", to=None),
    "no validators": _put(1, "validators", to=[]),
    "a power of nought": _put(1, "validators", 0, "voting_power", to="0"),
    "not an object": lambda turns: [turns[0], 7],
    "no list": lambda turns: {"0": turns},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_what_does_not_lead_here_is_refused(network: Network, lie: Lie) -> None:
    answer = said({"turns": lie(copy(shown(network))), "next": None})
    with pytest.raises(NotTheWay):
        read(network, answer)


def test_pages_without_end_are_left(network: Network) -> None:
    turns = shown(network)
    with pytest.raises(NotTheWay):
        read(network, said({"turns": turns[:2], "next": 1}))
    with pytest.raises(NotTheWay):
        read(network, said({"turns": [], "next": 2**52}))
    with pytest.raises(NoAnswer):
        read(network, said({}, status=404))


def test_what_is_at_or_above_the_first_block_is_not_taken(network: Network) -> None:
    turns = kept(network)
    below, validators = turns[3].header.height, turns[3].header.validators_hash
    with Shown({SHOWN: history(shown(network))}) as there:
        gateway = Gateway(there.address)
        found = fetch(gateway, network.town.genesis, below, validators)
        gateway.close()
    assert found == turns[:3]


def test_a_refused_turn_changes_nothing(network: Network) -> None:
    walk, turns = Walk(network.town.genesis), kept(network)
    with pytest.raises(NotTheWay):
        walk.step(turns[1])
    assert walk.height == 0
    walk.step(turns[0])
    with pytest.raises(NotTheWay):
        walk.step(turns[0])
    assert walk.validators_hash == turns[1].header.validators_hash


# -- a node that began from a snapshot -------------------------------------------------------------


@pytest.fixture
def newcomer(network: Network, tmp_path: Path) -> Iterator[Network]:
    """A network of which one member begins from a snapshot that was taken after rotations."""
    made = Network()
    made.replicas[3].close()
    for turn in range(3):
        assert made.block(0, [made.town.rename(turn)])
        made.blocks(2)
    giver, taker = made.replicas[0], made.replicas[3]
    height = made.agreed.height
    snapshots = Snapshots(tmp_path / "snapshots", giver.node.store, giver.node.tree.hashing)
    snapshots.make(height)
    (found,) = snapshots.list()
    calls = taker.start_empty()
    assert calls.offer(Snapshot(*found), made.agreed.app_hash(height)) == 1
    for index in range(found.chunks):
        chunk = snapshots.chunk(height, found.format, index)
        assert chunk is not None
        assert calls.apply(index, chunk, "peer")[0] == 1
    snapshots.close()
    taker.stored = height
    made.blocks(3)
    for each in made.replicas:
        each.sealed()
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_node_fetches_what_it_lacks_and_its_receipts_verify(newcomer: Network) -> None:
    giver, taker = newcomer.replicas[0].node, newcomer.replicas[3].node
    trust = msgspec.json.encode({**giver.trust(), "now": "2100-06-01T00:00:00Z"})
    raw = newcomer.town.enrol()
    newcomer.send(0, raw)
    for _ in range(3):
        assert newcomer.block(0)
    for each in newcomer.replicas:
        each.sealed()
    name = bytes.fromhex(taker.submit(raw).result(timeout=PATIENCE).hash)
    text = msgspec.json.encode(taker.receipt(name, wait=PATIENCE))
    with pytest.raises(verify.NotVerified):
        verify.verify(text, trust)
    turns = giver.history.turns(giver.height)
    honest = history([each.to_json() for each in turns])
    with (
        Shown({SHOWN: said({"turns": [], "next": None})}) as liar,
        Shown({SHOWN: honest}) as there,
    ):
        fetching = Turns(taker, [liar.address, there.address])
        until(lambda: len(taker.history.turns(taker.height)) == len(turns))
        fetching.close()
        assert liar.asked
    assert taker.history.turns(taker.height) == turns
    text = msgspec.json.encode(taker.receipt(name, wait=PATIENCE))
    assert verify.verify(text, trust).height == taker.store.where(name)[0]  # type: ignore[index]
    # A later start finds all of it here, and asks nobody.
    with Shown({}) as nobody:
        again = Turns(taker, [nobody.address])
        again._thread.join(PATIENCE)
        assert not again._thread.is_alive()
        again.close()
        assert nobody.asked == []


def test_one_that_lies_is_left_and_nothing_of_it_is_kept(newcomer: Network) -> None:
    giver, taker = newcomer.replicas[0].node, newcomer.replicas[3].node
    turns = [each.to_json() for each in giver.history.turns(giver.height)]
    with Shown({SHOWN: said({"turns": _exchanged(turns), "next": None})}) as liar:
        fetching = Turns(taker, [liar.address])
        until(lambda: bool(liar.asked))
        fetching.close()
    assert taker.history.turns(taker.height) == []
    assert taker.fault is None


def test_a_node_with_all_blocks_asks_nobody(newcomer: Network) -> None:
    with Shown({}) as nobody:
        done = Turns(newcomer.replicas[1].node, [nobody.address])
        done._thread.join(PATIENCE)
        assert not done._thread.is_alive()
        done.close()
        assert nobody.asked == []
