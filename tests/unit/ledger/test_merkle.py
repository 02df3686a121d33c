"""Merkle trees against the published RFC 6962 vectors, and against the recursive definition."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.ledger import merkle
from yilian.ledger.errors import Refusal

ADOPTED = Path(__file__).parents[2] / "adopted"
RFC = json.loads((ADOPTED / "rfc6962.json").read_text())
COMETBFT = json.loads((ADOPTED / "cometbft.json").read_text())
LEAVES = [bytes.fromhex(leaf) for leaf in RFC["leaves"]]
ROOTS = [bytes.fromhex(root) for root in [RFC["empty_root"], *RFC["roots"]]]

lists = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def sha3(data: bytes) -> bytes:
    return hashlib.sha3_256(data).digest()


def defined(leaves: list[bytes], hashing: merkle.Hashing = merkle.sha256) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word."""
    if not leaves:
        return hashing(b"")
    if len(leaves) == 1:
        return hashing(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashing(b"\x01" + defined(leaves[:split], hashing) + defined(leaves[split:], hashing))


def steps(case: dict[str, list[str]]) -> list[bytes]:
    return [bytes.fromhex(step) for step in case["path"]]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == ROOTS[size]


@pytest.mark.parametrize("case", COMETBFT["roots"])
def test_published_cometbft_roots(case: dict) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    assert merkle.root(leaves).hex() == case["root"]


@pytest.mark.parametrize("case", RFC["inclusion"])
def test_published_audit_paths(case: dict) -> None:
    index, total = case["index"], case["total"]
    assert merkle.inclusion(LEAVES[:total], index) == steps(case)
    assert merkle.root_from_inclusion(LEAVES[index], index, total, steps(case)) == ROOTS[total]


@pytest.mark.parametrize("case", RFC["consistency"])
def test_published_consistency_proofs(case: dict) -> None:
    first, second = case["first"], case["second"]
    assert merkle.consistency(LEAVES[:second], first) == steps(case)
    assert merkle.consistent(ROOTS[first], first, ROOTS[second], second, steps(case))


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root([]) == merkle.EMPTY == merkle.Frontier().root() == ROOTS[0]


@given(lists, st.sampled_from([merkle.sha256, sha3]))
def test_root_is_the_defined_one(leaves: list[bytes], hashing: merkle.Hashing) -> None:
    assert merkle.root(leaves, hashing) == defined(leaves, hashing)


@given(lists, st.data())
def test_a_path_leads_to_the_root_and_no_altered_one_does(
    leaves: list[bytes], data: st.DataObject
) -> None:
    total = len(leaves)
    index = data.draw(st.integers(0, total - 1))
    path, root = merkle.inclusion(leaves, index), merkle.root(leaves)
    leaf = leaves[index]
    assert merkle.root_from_inclusion(leaf, index, total, path) == root
    assert merkle.root_from_inclusion(leaf + b"x", index, total, path) != root
    assert merkle.root_from_inclusion(leaf, index, total, [*path, bytes(32)]) is None
    assert merkle.root_from_inclusion(leaf, total, total, path) is None
    assert merkle.root_from_inclusion(leaf, -1, total, path) is None
    for place in range(len(path)):
        wrong = [*path[:place], flipped(path[place], 5), *path[place + 1 :]]
        assert merkle.root_from_inclusion(leaf, index, total, wrong) != root
        assert merkle.root_from_inclusion(leaf, index, total, path[:place]) is None
        wrong = [*path[:place], path[place][:-1], *path[place + 1 :]]
        assert merkle.root_from_inclusion(leaf, index, total, wrong) is None


def test_an_inner_node_is_no_leaf() -> None:
    left, right = (merkle.sha256(b"\x00" + leaf) for leaf in LEAVES[:2])
    assert merkle.root([left + right]) != merkle.root(LEAVES[:2])


@given(lists, st.data())
def test_growth_is_proved_and_rewriting_is_not(leaves: list[bytes], data: st.DataObject) -> None:
    second = len(leaves)
    first = data.draw(st.integers(1, second))
    old, new = merkle.root(leaves[:first]), merkle.root(leaves)
    path = merkle.consistency(leaves, first)
    assert merkle.consistent(old, first, new, second, path)
    assert not merkle.consistent(flipped(old, 0), first, new, second, path)
    assert not merkle.consistent(old, first, flipped(new, 0), second, path)
    assert not merkle.consistent(old, first, new, second, [*path, bytes(32)])
    assert not merkle.consistent(old, second + 1, new, second, path)
    for place in range(len(path)):
        wrong = [*path[:place], flipped(path[place], 9), *path[place + 1 :]]
        assert not merkle.consistent(old, first, new, second, wrong)
        assert not merkle.consistent(old, first, new, second, path[:place])
    rewritten = merkle.root([*leaves[: first - 1], leaves[first - 1] + b"x", *leaves[first:]])
    assert not merkle.consistent(old, first, rewritten, second, path)


def test_every_size_up_to_forty_is_consistent_with_every_smaller_one() -> None:
    leaves = [bytes((index,)) for index in range(40)]
    roots = [merkle.root(leaves[:size]) for size in range(41)]
    for second in range(1, 41):
        for first in range(1, second + 1):
            path = merkle.consistency(leaves[:second], first)
            assert merkle.consistent(roots[first], first, roots[second], second, path)


def test_from_the_empty_tree_anything_has_grown() -> None:
    assert merkle.consistent(merkle.EMPTY, 0, ROOTS[3], 3, [])
    assert not merkle.consistent(ROOTS[1], 0, ROOTS[3], 3, [])
    assert not merkle.consistent(merkle.EMPTY, 0, ROOTS[3], 3, [bytes(32)])
    assert not merkle.consistent(merkle.EMPTY, -1, ROOTS[3], 3, [])


@pytest.mark.parametrize("first", [0, -1, 9])
def test_a_proof_of_an_impossible_size_is_a_programming_error(first: int) -> None:
    with pytest.raises(IndexError):
        merkle.consistency(LEAVES, first)


@pytest.mark.parametrize("index", [-1, 8])
def test_a_path_to_no_leaf_is_a_programming_error(index: int) -> None:
    with pytest.raises(IndexError):
        merkle.inclusion(LEAVES, index)


@given(st.lists(st.binary(max_size=8), max_size=70), st.sampled_from([merkle.sha256, sha3]))
def test_a_frontier_has_the_root_at_every_size(
    leaves: list[bytes], hashing: merkle.Hashing
) -> None:
    frontier = merkle.Frontier(hashing)
    for size, leaf in enumerate(leaves):
        assert frontier.root() == merkle.root(leaves[:size], hashing)
        frontier.append(leaf)
        again = merkle.Frontier.decode(frontier.encode(), hashing)
        assert (again.size, again.root()) == (size + 1, frontier.root())
    other = merkle.Frontier(hashing)
    other.extend(leaves)
    assert other.encode() == frontier.encode()


def test_a_decoded_frontier_goes_on_growing() -> None:
    frontier = merkle.Frontier()
    frontier.extend(LEAVES[:5])
    again = merkle.Frontier.decode(frontier.encode())
    again.extend(LEAVES[5:])
    assert again.root() == ROOTS[8]


@pytest.mark.parametrize("damage", [b"", b"\x00" * 7, b"\xff" * 8])
def test_a_damaged_frontier_is_malformed(damage: bytes) -> None:
    with pytest.raises(Refusal, match="malformed"):
        merkle.Frontier.decode(damage)


def test_a_frontier_with_a_peak_too_many_or_too_few_is_malformed() -> None:
    frontier = merkle.Frontier()
    frontier.extend(LEAVES[:7])
    for wrong in (frontier.encode()[:-1], frontier.encode()[:-32], frontier.encode() + bytes(32)):
        with pytest.raises(Refusal, match="malformed"):
            merkle.Frontier.decode(wrong)
