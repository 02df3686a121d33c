"""Kept trees give the same paths as `merkle.inclusion`, and the oldest are let go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yilian.ledger import codec, merkle
from yilian.vault.batch_tree import BatchTree, BatchTrees


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40))
def test_each_place_is_that_of_the_standard(contents: list[bytes]) -> None:
    tree = BatchTree([str(number) for number in range(len(contents))], contents)
    for index in range(len(contents)):
        place = tree.place(str(index))
        steps = merkle.inclusion(contents, index)
        assert place["path"] == tuple(codec.to_text(step) for step in steps)
        assert (place["index"], place["total"]) == (index, len(contents))


def test_a_tree_is_made_once_while_it_is_kept() -> None:
    trees, made = BatchTrees(), []

    def make(name: str) -> BatchTree:
        made.append(name)
        return BatchTree([name], [b"x"])

    names = [str(number) for number in range(8)]
    for name in [*names, *names]:
        assert trees.get(name, lambda name=name: make(name)).place(name)["total"] == 1  # type: ignore[misc]
    assert made == names
    trees.get("ninth", lambda: make("ninth"))
    trees.get(names[0], lambda: make(names[0]))
    assert made == [*names, "ninth", names[0]]
