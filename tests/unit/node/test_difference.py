"""The first difference of two states is the one that a comparison of everything finds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import PROFILES, SECOND
from tests.unit.node.states import change, filled
from yilian.ledger.keys import HASHES, Hashing, sha256
from yilian.node.difference import (
    Difference,
    Few,
    Inner,
    NoTree,
    OtherChain,
    State,
    difference,
    first_difference,
)
from yilian.node.store import BeforeFirst

MANY = {f"consent/grant/{each:06}".encode(): b"%d" % each for each in range(6_000)}

keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
changes = st.dictionaries(
    keys.map(str.encode), st.one_of(st.none(), st.binary(min_size=1, max_size=4)), max_size=8
)
sizes = st.sampled_from([0, 1, 3, 64, 65, 66, 200, 2_000])


def expected(
    one: dict[bytes, bytes], other: dict[bytes, bytes], hashing: Hashing
) -> tuple[str, bytes | None, bytes | None] | None:
    different = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    if not different:
        return None
    key = min(different, key=hashing)
    values = [each.get(key) for each in (one, other)]
    hashes = [None if each is None else hashing(each) for each in values]
    return key.decode(), hashes[0], hashes[1]


def found(each: Difference | None) -> tuple[str, bytes | None, bytes | None] | None:
    return None if each is None else (each.key, each.one, each.other)


def after(state: dict[bytes, bytes], changed: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    merged = {**state, **changed}
    return {key: value for key, value in merged.items() if value is not None}


@settings(max_examples=25, deadline=None)
@given(sizes, changes, changes, st.sampled_from(sorted(PROFILES)), st.randoms())
def test_it_is_what_comparing_every_key_finds(
    size: int,
    first: dict[bytes, bytes | None],
    second: dict[bytes, bytes | None],
    name: str,
    dice: Random,
) -> None:
    profile = PROFILES[name]
    hashing = HASHES[profile.hash]
    base = dict(list(MANY.items())[:size])
    gone: dict[bytes, bytes | None] = dict.fromkeys(dice.sample(sorted(base), min(size, 3)))
    one, other = after(base, first), after(base, {**gone, **second})
    with tempfile.TemporaryDirectory() as scratch:
        stores = [
            filled(Path(scratch) / str(at), each, 10, profile)
            for at, each in enumerate((one, other))
        ]
        assert found(first_difference(*stores)) == expected(one, other, hashing)
        for each in stores:
            each.close()


def test_few_subtrees_are_asked_whatever_the_size(tmp_path: Path) -> None:
    store, other = filled(tmp_path / "a", MANY), filled(tmp_path / "b", MANY)
    assert first_difference(store, other) is None
    for height, key in enumerate(list(MANY)[::600], 11):
        change(store, {key: b"one"}, height)
        change(other, {key: b"other"}, height)
        told = first_difference(store, other)
        assert told is not None
        assert told.asked <= 6
        change(other, {key: b"one"}, height + 1)
        change(store, {}, height + 1)
    for each in (store, other):
        each.close()


def test_a_node_that_is_ahead_is_compared_at_the_height_of_both(tmp_path: Path) -> None:
    store, other = filled(tmp_path / "a", MANY, 10), filled(tmp_path / "b", MANY, 10)
    for height in range(11, 40):
        change(store, {b"new/%d" % height: b"x", b"consent/grant/000007": b"y"}, height)
    assert first_difference(store, other) is None
    change(other, {b"consent/grant/000009": b"z", b"new/11": b"x"}, 11)
    told = first_difference(store, other)
    expect = min((b"consent/grant/000009", b"consent/grant/000007"), key=sha256)
    assert told is not None
    assert told.key == expect.decode()
    for each in (store, other):
        each.close()


def test_too_far_ahead_and_another_chain_are_said(tmp_path: Path) -> None:
    store, other = filled(tmp_path / "a", {b"k": b"v"}, 10), filled(tmp_path / "b", {}, 8)
    with pytest.raises(BeforeFirst):
        first_difference(store, other)
    third = filled(tmp_path / "c", {}, 10, SECOND)
    with pytest.raises(OtherChain):
        first_difference(store, third)
    for each in (store, other, third):
        each.close()


class Distant:
    """A state at the other end of a line: what it says goes through JSON."""

    def __init__(self, state: State) -> None:
        self._state = state

    def node(self, place: str) -> Inner | Few:
        """Ask for a subtree."""
        text = msgspec.json.encode(self._state.node(place))
        answer: Inner | Few = msgspec.json.decode(text, type=Inner | Few)
        return answer

    def value_hash(self, key: bytes) -> bytes | None:
        """Ask for the hash of a value."""
        return self._state.value_hash(key)


def test_two_nodes_can_be_compared_over_a_line(tmp_path: Path) -> None:
    store, other = filled(tmp_path / "a", MANY), filled(tmp_path / "b", MANY)
    change(other, {b"consent/grant/000321": b"false", b"consent/grant/000322": None}, 10)
    told = difference(Distant(State(store)), State(other), sha256)
    true = after(MANY, {b"consent/grant/000321": b"false", b"consent/grant/000322": None})
    assert found(told) == expected(MANY, true, sha256)
    for each in (store, other):
        each.close()


class Liar:
    """A side that answers every question with something new."""

    def __init__(self) -> None:
        self._asked = 0

    def node(self, place: str) -> Inner | Few:
        """Give sixteen marks that no state has."""
        self._asked += 1
        return Inner(tuple(sha256(b"%d %d" % (self._asked, each)) for each in range(16)))

    def value_hash(self, key: bytes) -> bytes | None:
        """Give nothing."""


def test_a_liar_is_not_followed_without_end(tmp_path: Path) -> None:
    store = filled(tmp_path / "a", {b"k": b"v"})
    liar = Liar()
    for one, other in ((State(store), liar), (liar, State(store)), (liar, Liar())):
        with pytest.raises(NoTree):
            difference(one, other, sha256)
    store.close()
