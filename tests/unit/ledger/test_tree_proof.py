"""Proofs of the state tree, judged by a small verifier written from the ICS-23 specification."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ledger.test_tree import SUITES, Store, crowded, held, seeded
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import Hashing, sha256
from yilian.ledger.tree import Tree

EMPTY = bytes(32).hex()


def root_of(exist: Any, hashing: Hashing) -> bytes:
    """Compute the root that an existence proof leads to; refuses steps of a wrong form."""
    at = hashing(b"\x00" + hashing(exist["key"].encode()) + hashing(exist["value"].encode()))
    assert len(exist["path"]) <= 256
    for step in exist["path"]:
        prefix, suffix = bytes.fromhex(step["prefix"]), bytes.fromhex(step["suffix"])
        assert prefix[:1] == b"\x01"
        assert (len(prefix), len(suffix)) in ((1, 32), (33, 0))
        at = hashing(prefix + at + suffix)
    return at


def sides(exist: Any) -> list[tuple[int, str]]:
    """The way from the root down: which child each step goes to, and its sibling."""
    return [
        (0, step["suffix"]) if step["suffix"] else (1, step["prefix"][2:])
        for step in reversed(exist["path"])
    ]


def at_edge(way: list[tuple[int, str]], side: int) -> bool:
    return all(bit == side or sibling == EMPTY for bit, sibling in way)


def verified(proof: Any, key: bytes, value: bytes | None, root: bytes, hashing: Hashing) -> bool:
    """ICS-23: VerifyMembership where there is a value, else VerifyNonMembership."""
    if value is not None:
        exist = proof["exist"]
        same = exist["key"].encode() == key and exist["value"].encode() == value
        return same and root_of(exist, hashing) == root
    left, right = proof["nonexist"]["left"], proof["nonexist"]["right"]
    if left is None and right is None:
        return root == bytes(32)
    path = hashing(key)
    for each in (left, right):
        if each is not None and root_of(each, hashing) != root:
            return False
    if left is not None and not hashing(left["key"].encode()) < path:
        return False
    if right is not None and not path < hashing(right["key"].encode()):
        return False
    if left is None:
        return at_edge(sides(right), 0)
    if right is None:
        return at_edge(sides(left), 1)
    ways = sides(left), sides(right)
    fork = next(n for n, (a, b) in enumerate(zip(*ways, strict=False)) if a != b)
    forked = (ways[0][fork][0], ways[1][fork][0]) == (0, 1)
    return forked and at_edge(ways[0][fork + 1 :], 1) and at_edge(ways[1][fork + 1 :], 0)


names = st.integers(0, 60).map(lambda n: b"key/%d" % n)


@pytest.mark.parametrize("suite", SUITES)
@settings(max_examples=12, deadline=None)
@given(
    state=st.dictionaries(names, st.sampled_from([b"a", b"{}"]), max_size=60),
    split=st.sampled_from([1, 3, 64]),
    cold=st.booleans(),
)
def test_every_key_is_proved_present_or_absent(
    suite: str, state: dict[bytes, bytes], split: int, cold: bool
) -> None:
    hashing = SUITES[suite]
    store = Store(hashing=hashing, split=split)
    root = store.write(dict(state))
    if cold:
        store.reopen()
    for n in range(0, 61, 2):
        key = b"key/%d" % n
        proof = store.tree.prove(key, state.get)
        assert set(proof) == ({"exist"} if key in state else {"nonexist"})
        assert verified(proof, key, state.get(key), root, hashing)


def test_a_staged_view_proves_its_own_state() -> None:
    store = Store()
    store.write(seeded(50))
    old = store.tree.root
    view = store.tree.stage({b"seed/1": None, b"seed/2": b"two"})
    state = held({**seeded(50), b"seed/1": None, b"seed/2": b"two"})
    for key in seeded(50):
        assert verified(view.prove(key, state.get), key, state.get(key), view.root, sha256)
        before = held(seeded(50))
        assert verified(store.tree.prove(key, before.get), key, before[key], old, sha256)


def test_an_empty_tree_proves_absence_by_its_root() -> None:
    assert Tree({}.get).prove(b"any", {}.get) == {"nonexist": {"left": None, "right": None}}


def test_one_key_alone_is_its_own_root() -> None:
    store = Store()
    root = store.write({b"only": b"1"})
    proof = store.tree.prove(b"only", {b"only": b"1"}.get)
    assert proof == {"exist": {"key": "only", "value": "1", "path": []}}
    assert root == sha256(b"\x00" + sha256(b"only") + sha256(b"1"))


def test_a_path_as_deep_as_the_hash() -> None:
    hashing = crowded(1)
    pair: list[bytes] = []
    while len(pair) < 2:
        key = b"deep/%d" % len(pair) if not pair else pair[0] + b"+"
        while pair and hashing(key) == hashing(pair[0]):
            key += b"+"
        pair.append(key)
    state = dict.fromkeys(pair, b"v")
    store = Store(hashing=hashing, split=1)
    store.write(dict(state))
    store.reopen()
    proof: Any = store.tree.prove(pair[0], state.get)
    assert len(proof["exist"]["path"]) == 256
    assert verified(proof, pair[0], b"v", store.tree.root, hashing)


@pytest.mark.parametrize("wrong", [None, b"", b"other"])
def test_a_value_that_is_not_under_the_root_stops_the_node(wrong: bytes | None) -> None:
    store = Store()
    store.write(seeded(20))
    with pytest.raises(InvariantBroken, match="wrong value for seed/3"):
        store.tree.prove(b"seed/3", lambda key: wrong)
    with pytest.raises(InvariantBroken, match="wrong value"):
        store.tree.prove(b"absent", lambda key: wrong)


def test_text_beyond_ascii_is_proved_as_it_is() -> None:
    value = '{"name":"云溪"}'.encode()
    store = Store()
    root = store.write({b"name": value, b"other": b"1"})
    proof: Any = store.tree.prove(b"name", {b"name": value}.get)
    assert proof["exist"]["value"] == '{"name":"云溪"}'
    assert verified(proof, b"name", value, root, sha256)
