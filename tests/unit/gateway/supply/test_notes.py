"""Notes and their trees: shaped as the state's, with proofs that say exactly what they say."""

from __future__ import annotations

import secrets
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chain import name_of
from yilian.gateway.supply import notes
from yilian.gateway.supply.notes import ProofDiffers, TitleTree, TreeProof
from yilian.ledger import keys
from yilian.ledger.tree_node import ZERO, build

A, B = name_of("a"), name_of("b")
numbers = st.sets(st.integers(0, 10_000), min_size=1, max_size=60)


def leaf(number: int) -> tuple[bytes, bytes]:
    return sha256(b"key %d" % number).digest(), sha256(b"value %d" % (number % 7)).digest()


def tree(some: set[int]) -> tuple[TitleTree, dict[bytes, bytes]]:
    leaves = dict(leaf(each) for each in some)
    return TitleTree(leaves), leaves


def root_by_law(leaves: dict[bytes, bytes]) -> bytes:
    """The same root by the ledger's own way of building a subtree."""
    hashed = {
        keys.sha256(key): keys.sha256(b"\0" + keys.sha256(key) + keys.sha256(value))
        for key, value in leaves.items()
    }
    ordered = sorted(hashed)
    paths = [int.from_bytes(each, "big") for each in ordered]
    if len(paths) == 1:
        return hashed[ordered[0]]
    made = build(paths, [hashed[each] for each in ordered], 256, keys.sha256)
    assert made is not None
    return made


@given(numbers)
def test_a_tree_has_the_shape_of_the_states(some: set[int]) -> None:
    made, leaves = tree(some)
    assert made.root == root_by_law(leaves)


def test_an_empty_tree_is_zero() -> None:
    assert TitleTree({}).root == ZERO


@given(numbers, st.data())
def test_a_proof_of_some_keys_gives_the_root_and_can_be_cut_down(
    some: set[int], data: st.DataObject
) -> None:
    made, leaves = tree(some)
    shown = data.draw(st.sets(st.sampled_from(sorted(leaves)), min_size=1))
    proof = made.prove(shown)
    part = TitleTree.shown({key: leaves[key] for key in shown}, proof)
    assert part.root == made.root
    fewer = data.draw(st.sets(st.sampled_from(sorted(shown)), min_size=1))
    again = part.prove(fewer)
    assert again == made.prove(fewer)
    assert TitleTree.shown({key: leaves[key] for key in fewer}, again).root == made.root


@given(numbers, st.data())
def test_two_parts_joined_show_what_either_shows(some: set[int], data: st.DataObject) -> None:
    made, leaves = tree(some)
    one, two = (data.draw(st.sets(st.sampled_from(sorted(leaves)), min_size=1)) for _ in range(2))
    parts = [
        TitleTree.shown({key: leaves[key] for key in keys_}, made.prove(keys_))
        for keys_ in (one, two)
    ]
    joined = parts[0].joined(parts[1])
    assert joined.prove(one | two) == made.prove(one | two)


@given(numbers, st.data())
def test_no_altered_proof_or_leaf_gives_the_root(some: set[int], data: st.DataObject) -> None:
    made, leaves = tree(some)
    shown = data.draw(st.sets(st.sampled_from(sorted(leaves)), min_size=1))
    part = {key: leaves[key] for key in shown}
    proof = made.prove(shown)
    kind = data.draw(st.sampled_from(["value", "key", "depth", "sibling", "shorter", "longer"]))
    key = data.draw(st.sampled_from(sorted(part)))
    depths, siblings = bytearray(proof.depths), bytearray(proof.siblings)
    if kind == "value":
        part[key] = secrets.token_bytes(32)
    elif kind == "key":
        part[secrets.token_bytes(32)] = part.pop(key)
    elif kind == "depth":
        at = data.draw(st.integers(0, len(depths) - 1))
        depths[at] ^= data.draw(st.integers(1, 255))
    elif kind == "sibling":
        if not siblings:
            return
        siblings[data.draw(st.integers(0, len(siblings) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "shorter":
        if not siblings:
            return
        del siblings[-data.draw(st.integers(1, len(siblings))) :]
    else:
        siblings += bytes(data.draw(st.sampled_from([1, 32, 64])))
    try:
        found = TitleTree.shown(part, TreeProof(bytes(depths), bytes(siblings))).root
    except ProofDiffers:
        return
    assert found != made.root


def test_a_key_that_is_not_there_is_not_proved() -> None:
    made, leaves = tree({1, 2, 3})
    with pytest.raises(KeyError):
        made.prove([leaf(4)[0]])
    one = sorted(leaves)[0]
    other = sorted(leaves)[1]
    part = TitleTree.shown({one: leaves[one]}, made.prove([one]))
    with pytest.raises(KeyError):
        part.prove([other])


def test_trees_of_two_roots_are_not_joined() -> None:
    with pytest.raises(ProofDiffers):
        tree({1, 2})[0].joined(tree({1, 3})[0])


def test_a_secret_gives_other_digests_for_every_use_and_organisation() -> None:
    secret, salt = secrets.token_bytes(32), secrets.token_bytes(32)
    key = notes.holder_key(secret)
    made = [
        secret,
        key,
        notes.claim(A, key),
        notes.claim(B, key),
        notes.claim(A, secret),
        notes.note(notes.claim(A, key), salt),
        notes.note(notes.claim(B, key), salt),
        notes.nullifier(A, secret),
        notes.nullifier(B, secret),
        notes.title_key(secret, "unit"),
        notes.title_key(secret, "unit "),
        notes.origin_key(secret, "unit"),
        notes.end("dispensed", secret),
        notes.end("destroyed", secret),
        notes.post_root(secret, salt),
        notes.post_root(salt, secret),
        notes.dummy(secret, 0),
        notes.dummy(secret, 1),
        *notes.noise(secret)[1],
    ]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_other_lengths_are_refused(wrong: bytes) -> None:
    for call in (
        lambda: notes.holder_key(wrong),
        lambda: notes.claim(A, wrong),
        lambda: notes.note(bytes(32), wrong),
        lambda: notes.nullifier(A, wrong),
        lambda: notes.title_key(wrong, "unit"),
        lambda: notes.post_root(bytes(32), wrong),
        lambda: TitleTree({bytes(32): wrong}),
        lambda: TitleTree({wrong: bytes(32)}),
    ):
        with pytest.raises(ValueError, match="32 bytes"):
            call()
    with pytest.raises(ValueError, match="22 letters"):
        notes.claim("short", bytes(32))
