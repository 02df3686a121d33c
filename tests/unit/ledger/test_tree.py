"""The state tree against published roots, a slow reference, and every misuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import shared
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import Hashing, sha3_256, sha256
from yilian.ledger.tree import TOP, Tree, View, check_tile
from yilian.ledger.tree_tile import Branches, decode

ADOPTED = Path(__file__).resolve().parents[2] / "adopted" / "smt_roots.json"


def reference_root(state: dict[bytes, bytes], hashing: Hashing) -> bytes:
    """The definition, word for word and without any thought for speed."""

    def below(leaves: dict[bytes, bytes], depth: int) -> bytes:
        if not leaves:
            return bytes(32)
        if len(leaves) == 1:
            return next(iter(leaves.values()))
        sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
        for path, leaf in leaves.items():
            sides[path[depth // 8] >> 7 - depth % 8 & 1][path] = leaf
        left, right = (below(side, depth + 1) for side in sides)
        return hashing(b"\x01" + left + right)

    return below(
        {hashing(k): hashing(b"\x00" + hashing(k) + hashing(v)) for k, v in state.items()}, 0
    )


def crowded(bits: int, hashing: Hashing = sha256) -> Hashing:
    """A hash whose keys share all but their last bits, to force deep tiles; nodes are spared."""
    low = (1 << bits) - 1

    def narrow(data: bytes) -> bytes:
        digest = hashing(data)
        if len(data) == 65:
            return digest
        return (int.from_bytes(digest, "big") & low).to_bytes(32, "big")

    return narrow


class Store:
    """What a node does around the tree: it keeps tiles, and writes them before it adopts."""

    def __init__(self, **options: Any) -> None:
        self.tiles: dict[bytes, bytes] = {}
        self.options = options
        self.loads = 0
        self.tree = self.opened()

    def load(self, tile_id: bytes) -> bytes | None:
        self.loads += 1
        return self.tiles.get(tile_id)

    def opened(self) -> Tree:
        tops = [(name, data) for name, data in self.tiles.items() if name[0] == TOP]
        return Tree(self.load, tops, **self.options)

    def reopen(self) -> None:
        self.tree = self.opened()

    def commit(self, view: View) -> None:
        for tile_id, data in view.tiles.items():
            if data is None:
                self.tiles.pop(tile_id, None)
            else:
                self.tiles[tile_id] = data
        self.tree.adopt(view)

    def write(self, changes: dict[bytes, bytes | None]) -> bytes:
        self.commit(self.tree.stage(changes))
        return self.tree.root


def seeded(count: int, start: int = 0) -> dict[bytes, bytes | None]:
    return {b"seed/%d" % n: b'{"n":%d}' % n for n in range(start, start + count)}


def held(changes: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    return {key: value for key, value in changes.items() if value is not None}


def steps(case: dict[str, Any]) -> Iterator[dict[bytes, bytes | None]]:
    for step in case["steps"]:
        numbers = step.get("keys") or range(step["first"], step["last"] + 1)
        data = step.get("data", "DATA").encode() if step["do"] == "put" else None
        yield {number.to_bytes(4, "big"): data for number in numbers}


ROOTS = json.loads(ADOPTED.read_text())["cases"]


@pytest.mark.parametrize("case", ROOTS, ids=[case["name"] for case in ROOTS])
@pytest.mark.parametrize("split", [1, 64])
def test_published_roots(case: dict[str, Any], split: int) -> None:
    store = Store(split=split)
    for changes in steps(case):
        store.write(changes)
        store.reopen()
    assert store.tree.root.hex() == case["root"]


def test_published_roots_as_they_were_handed_over() -> None:
    cases = json.loads(shared("smt/roots.json").read_text())["cases"]
    assert len(cases) == 17
    for case in cases:
        store = Store()
        for do, numbers, *data in case["steps"]:
            value = (data[0] if data else "DATA").encode() if do == "put" else None
            store.write({number.to_bytes(4, "big"): value for number in numbers})
        assert store.tree.root.hex() == case["root"], case["name"]


SUITES: dict[str, Hashing] = {
    "sha256": sha256,
    "sha3": sha3_256,
    "crowded-sha3": crowded(216, sha3_256),
    "crowded-234": crowded(234),
    "crowded-64": crowded(64),
    "crowded-40": crowded(40),
}

keys = st.integers(0, 40).map(lambda n: b"key/%d" % n)
values = st.none() | st.sampled_from([b"a", b"b", b"{}"])
batches = st.dictionaries(keys, values, max_size=40) | st.dictionaries(keys, values, max_size=2)
actions = st.lists(
    st.tuples(
        st.sampled_from(["write", "stack", "stack-adopt", "drop", "reopen"]), batches, batches
    ),
    min_size=1,
    max_size=10,
)


def apply(state: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    merged: dict[bytes, bytes | None] = {**state, **changes}
    return held(merged)


@pytest.mark.parametrize("suite", SUITES)
@settings(max_examples=25, deadline=None)
@given(plan=actions, split=st.sampled_from([1, 2, 5, 64]), cached=st.sampled_from([1, 4, 1000]))
def test_any_history_gives_the_reference_root_and_the_tiles_of_its_state(
    suite: str, plan: list[Any], split: int, cached: int
) -> None:
    hashing = SUITES[suite]
    store = Store(hashing=hashing, split=split, cached_tiles=cached)
    state: dict[bytes, bytes] = {}
    for action, first, second in plan:
        before = store.tree.root
        view = store.tree.stage(first)
        assert view.root == reference_root(apply(state, first), hashing)
        assert store.tree.root == before
        if action in ("stack", "stack-adopt"):
            if action == "stack-adopt":
                above = store.tree.stage(second, view)
                store.commit(view)
                view = above
            else:
                view = store.tree.stage(second, view)
            state = apply(apply(state, first), second)
            store.commit(view)
        elif action != "drop":
            state = apply(state, first)
            store.commit(view)
        if action == "reopen":
            store.reopen()
        assert store.tree.root == reference_root(state, hashing)
        for tile_id, data in store.tiles.items():
            check_tile(tile_id, data, hashing=hashing)
    fresh = Store(hashing=hashing, split=split)
    fresh.write(dict(state))
    assert fresh.tiles == store.tiles


def test_order_and_grouping_do_not_matter() -> None:
    changes = seeded(300)
    at_once, one_by_one, reverse = Store(), Store(), Store()
    at_once.write(changes)
    for key, value in changes.items():
        one_by_one.write({key: value})
    reverse.write(dict(reversed(changes.items())))
    assert at_once.tiles == one_by_one.tiles == reverse.tiles
    assert at_once.tree.root == reference_root(held(changes), sha256)


def test_splits_and_merges_leave_no_tile_behind() -> None:
    store = Store(hashing=crowded(240), split=2)
    store.write(seeded(100))
    assert max(name[0] for name in store.tiles) > TOP + 4
    for n in range(97):
        store.write({b"seed/%d" % n: None})
    assert {name[0] for name in store.tiles} == {TOP, TOP + 4}
    store.write({b"seed/97": None})
    assert len(store.tiles) == 1
    store.write(dict.fromkeys(seeded(100)))
    assert store.tiles == {}
    assert store.tree.root == bytes(32)


def test_largest_split_fills_and_divides() -> None:
    store = Store(hashing=crowded(240), split=254)
    for n in range(256):
        store.write({b"seed/%d" % n: b"v"})
        assert (len(store.tiles) == 1) == (n < 254)
    assert store.tree.root == reference_root(dict.fromkeys(seeded(256), b"v"), crowded(240))


def test_nothing_is_written_where_nothing_changes() -> None:
    for options in ({}, {"hashing": crowded(240), "split": 2}):
        store = Store(**options)
        store.write(seeded(50))
        assert store.tree.stage(seeded(50)).tiles == {}
        assert store.tree.stage(seeded(1)).tiles == {}
        assert store.tree.stage({}).tiles == {}
        assert store.tree.stage({b"absent": None, b"seed/999": None}).tiles == {}


def test_one_changed_key_rewrites_one_tile() -> None:
    store = Store()
    store.write(seeded(2000))
    view = store.tree.stage({b"seed/7": b"new"})
    assert len(view.tiles) == 1


def test_a_view_staged_on_a_view_carries_both_changes() -> None:
    store = Store()
    first = store.tree.stage({b"a": b"1", b"b": b"1"})
    second = store.tree.stage({b"a": None, b"c": b"1"}, first)
    store.commit(second)
    assert store.tree.root == reference_root({b"b": b"1", b"c": b"1"}, sha256)
    store.reopen()
    assert store.tree.root == reference_root({b"b": b"1", b"c": b"1"}, sha256)


def test_a_view_beside_the_adopted_one_is_refused() -> None:
    store = Store()
    store.write(seeded(3))
    beside = store.tree.stage({b"x": b"1"})
    above = store.tree.stage({b"y": b"1"}, beside)
    store.write({b"z": b"1"})
    for view in (beside, above):
        with pytest.raises(ValueError, match="moved on"):
            store.tree.adopt(view)
        with pytest.raises(ValueError, match="moved on"):
            store.tree.stage({}, view)
        with pytest.raises(ValueError, match="moved on"):
            view.prove(b"x", {}.get)
    assert store.tree.root == reference_root({**held(seeded(3)), b"z": b"1"}, sha256)


def test_a_view_of_another_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="moved on"):
        Tree({}.get).adopt(Tree({}.get).stage({b"a": b"1"}))


@pytest.mark.parametrize("key", [b"", b"k" * 201, "患者".encode(), b"\x80"])
def test_what_is_no_state_key_is_refused(key: bytes) -> None:
    tree = Tree({}.get)
    with pytest.raises(ValueError, match="state key"):
        tree.stage({key: b"v"})
    with pytest.raises(ValueError, match="state key"):
        tree.stage({key: None})
    with pytest.raises(ValueError, match="state key"):
        tree.prove(key, {}.get)


def test_an_empty_value_is_refused() -> None:
    with pytest.raises(ValueError, match="not empty"):
        Tree({}.get).stage({b"k": b""})


def test_keys_of_any_length_and_values_of_any_size() -> None:
    changes = {b"k" * n: bytes(n) + b"\xff" * 5000 for n in range(1, 201)}
    store = Store(hashing=crowded(240))
    store.write(dict(changes))
    store.reopen()
    store.write({b"k" * 100: None})
    del changes[b"k" * 100]
    assert store.tree.root == reference_root(changes, crowded(240))


@pytest.mark.parametrize("options", [{"split": 0}, {"split": 255}, {"cached_tiles": 0}])
def test_impossible_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a tile holds"):
        Tree({}.get, **options)


def damage(change: Callable[[Store, bytes], None]) -> None:
    store = Store()
    store.write(seeded(3))
    target = bytes((TOP,)) + sha256(b"seed/1")[:2]
    change(store, target)
    with pytest.raises(InvariantBroken):
        store.tree.stage({b"seed/1": b"new"})


def test_a_missing_tile_stops_the_node() -> None:
    def lose(store: Store, target: bytes) -> None:
        store.reopen()
        del store.tiles[target]

    damage(lose)


def test_a_damaged_tile_stops_the_node() -> None:
    def flip(store: Store, target: bytes) -> None:
        store.reopen()
        data = bytearray(store.tiles[target])
        data[40] ^= 1
        store.tiles[target] = bytes(data)

    damage(flip)


def test_a_tile_of_another_state_stops_the_node() -> None:
    def age(store: Store, target: bytes) -> None:
        old = store.tiles[target]
        store.write({b"seed/1": b"newer"})
        store.reopen()
        store.tiles[target] = old

    damage(age)


def test_a_stale_tile_in_the_cache_is_loaded_anew() -> None:
    store = Store()
    store.write(seeded(1))
    target = bytes((TOP,)) + sha256(b"seed/0")[:2]
    stale = store.tree.cached(target, store.tree.stage({}).top(target[1])[256 + target[2]])
    store.write({b"seed/0": b"newer"})
    store.tree._cache[target] = stale
    store.write({b"seed/0": b"newest"})
    assert store.tree.root == reference_root({b"seed/0": b"newest"}, sha256)


def test_a_miscounted_merge_stops_the_node() -> None:
    store = Store(hashing=crowded(240))
    store.write(seeded(100))
    top = bytes((TOP, 0, 0))
    tile = decode(top, store.tiles[top], crowded(240))
    assert isinstance(tile, Branches)
    fewer = [min(count, 2) for count in tile.counts]
    store.tiles[top] = Branches(tile.heap, fewer).encode(crowded(240))
    store.reopen()
    assert store.tree.root == reference_root(held(seeded(100)), crowded(240))
    with pytest.raises(InvariantBroken, match="miscounts"):
        store.tree.stage({b"seed/0": None})


@pytest.mark.parametrize(
    "tops",
    [
        [(b"\x14\x00\x00\x00", bytes(80))],
        [(b"\x10\x00", bytes(80))],
        [(b"", bytes(80))],
        [(b"\x10\x00\x00", b"")],
        [(b"\x10\x00\x00", bytes(50))],
        [(b"\x10\x00\x00", b"\x02" + bytes(80))],
        [(b"\x10\x00\x00", bytes(80))],
    ],
)
def test_tops_that_are_none_stop_the_node(tops: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvariantBroken):
        Tree({}.get, tops)


def test_a_top_given_twice_stops_the_node() -> None:
    store = Store()
    store.write(seeded(1))
    tops = list(store.tiles.items())
    with pytest.raises(InvariantBroken, match="twice"):
        Tree(store.load, tops + tops)


def test_the_cache_saves_loads_and_stays_small() -> None:
    store = Store(cached_tiles=10)
    store.write(seeded(500))
    assert len(store.tree._cache) <= 10
    warm = Store()
    warm.write(seeded(500))
    warm.write(seeded(500, start=250))
    assert warm.loads == 0
    store.write(seeded(500, start=250))
    assert store.loads > 0
    assert len(store.tree._cache) <= 10
    assert store.tree.root == warm.tree.root


def test_a_view_with_more_tiles_than_the_cache_reads_its_own_bytes() -> None:
    store = Store(cached_tiles=1)
    view = store.tree.stage(seeded(200))
    again = store.tree.stage({b"seed/%d" % n: b"two" for n in range(200)}, view)
    assert again.root == reference_root(dict.fromkeys(seeded(200), b"two"), sha256)
    store.commit(again)
    assert store.tree.root == again.root


def test_undoing_a_block_gives_the_old_root_and_proofs() -> None:
    store = Store()
    store.write(seeded(100))
    old = store.tree.root
    store.write({b"seed/1": b"new", b"seed/2": None, b"extra": b"1"})
    undo = {b"seed/1": b'{"n":1}', b"seed/2": b'{"n":2}', b"extra": None}
    past = store.tree.stage(undo)
    assert past.root == old
    assert "nonexist" in past.prove(b"extra", held(seeded(100)).get)


@pytest.mark.slow
def test_a_large_load_agrees_with_the_reference() -> None:
    store = Store(cached_tiles=2000)
    changes = seeded(150_000)
    store.write({key: changes[key] for key in list(changes)[:100_000]})
    store.write({key: changes[key] for key in list(changes)[100_000:]})
    assert store.tree.root == reference_root(held(changes), sha256)


def test_warming_loads_each_top_tile_once_and_stops_at_the_bound() -> None:
    store = Store()
    store.write(seeded(300))
    tops = sum(name[0] == TOP for name in store.tiles)
    store.reopen()
    store.loads = 0
    while store.tree.warm(32):
        pass
    assert store.loads == tops
    assert not store.tree.warm(32)
    store.write({b"seed/7": b"new", b"seed/8": None})
    assert store.loads == tops
    bounded = Tree(store.load, store.tiles.items(), cached_tiles=10)
    while bounded.warm(4):
        pass
    assert store.loads == tops + 10
    assert bounded.root == store.tree.root


def test_warming_finds_a_damaged_tile() -> None:
    store = Store()
    store.write(seeded(300))
    name = sorted(store.tiles)[100]
    data = store.tiles[name]
    store.tiles[name] = data[:40] + bytes([data[40] ^ 1]) + data[41:]
    tree = store.opened()
    with pytest.raises(InvariantBroken):
        tree.warm(300)
