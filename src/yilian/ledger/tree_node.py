"""Nodes of the state tree: how leaves and subtrees are hashed and joined.

The tree has the shape of the ICS-23 `SmtSpec`: a leaf is H(0x00 | H(key) | H(value)), a node is
H(0x01 | left | right), an empty subtree is 32 zero bytes. A subtree with one leaf is that leaf; a
subtree with more, all on one side, is a node with an empty child. The path to a leaf is H(key),
most significant bit first.

Two forms stand for a subtree. A *node* holds its content and is an immutable tuple: `(hash,)` is
empty, `(hash, None)` a leaf, `(hash, left, right)` an inner node. A *mark* holds the hash alone and
says by its length what it stands for: 0 bytes an empty subtree, 32 an inner node, 33 (the hash and
a zero byte) a leaf, which must be told apart because it moves up where its sibling is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from yilian.ledger.keys import Hashing

Empty: TypeAlias = tuple[bytes]
Leaf: TypeAlias = tuple[bytes, None]
Inner: TypeAlias = "tuple[bytes, Node, Node]"
Node: TypeAlias = "Empty | Leaf | Inner"

ZERO = bytes(32)
EMPTY: Empty = (ZERO,)
LEAF = 33


def mark(node: Node) -> bytes:
    """Give the mark of a node."""
    if len(node) == 3:
        return node[0]
    return node[0] + b"\x00" if len(node) == 2 else b""


def join(left: bytes, right: bytes, hashing: Hashing) -> bytes:
    """Give the mark of the subtree whose halves have these marks."""
    if not left and len(right) != 32:
        return right
    if not right and len(left) == LEAF:
        return left
    return hashing(b"\x01" + (left[:32] or ZERO) + (right[:32] or ZERO))


def fold(heap: list[bytes], touched: list[int], hashing: Hashing) -> None:
    """Recompute, in place, every mark above the touched ones.

    `heap` is a complete binary tree of marks: the root at 1, the children of i at 2i and 2i+1.
    `touched` are indices of one level, ascending.
    """
    while touched and touched[0] > 1:
        parents = []
        last = 0
        for index in touched:
            parent = index >> 1
            if parent == last:
                continue
            last = parent
            parents.append(parent)
            left = heap[parent + parent]
            right = heap[parent + parent + 1]
            # Lengths are 0, 32 and 33, so 64 means two inner nodes: the common case, inlined.
            if len(left) + len(right) == 64:
                heap[parent] = hashing(b"\x01" + left + right)
            else:
                heap[parent] = join(left, right, hashing)
        touched = parents


def lift(node: Node, path: int, low: int, high: int, hashing: Hashing) -> Node:
    """Raise an inner node through the levels `low` to `high` - 1, where it has no sibling.

    A level is the number of path bits below the child; `path` is that of any leaf below `node`.
    """
    for level in range(low, high):
        if path >> level & 1:
            node = (hashing(b"\x01" + ZERO + node[0]), EMPTY, node)
        else:
            node = (hashing(b"\x01" + node[0] + ZERO), node, EMPTY)
    return node


def build(
    paths: Sequence[int], hashes: Sequence[bytes], levels: int, hashing: Hashing
) -> Node | None:
    """Build the subtree of one or more leaves in one pass from left to right.

    `paths` are the lowest bits of the leaves' paths, ascending, at least the `levels` below the
    subtree's root; `hashes` are the leaves' own. None where the bits do not tell the leaves apart,
    or the leaves do not belong to one such subtree.
    """
    forks = [(path ^ following).bit_length() - 1 for path, following in pairwise(paths)]
    if -1 in forks:
        return None
    forks.append(levels)
    node: Node = EMPTY
    # Left halves that wait for their right one, each with the level of its fork.
    waiting: list[tuple[int, Node]] = []
    for digest, path, fork in zip(hashes, paths, forks, strict=True):
        node = (digest, None)
        base = fork  # a lone leaf needs no lifting
        while waiting and waiting[-1][0] < fork:
            level, left = waiting.pop()
            if base < level:
                node = lift(node, path, base, level, hashing)
            node = (hashing(b"\x01" + left[0] + node[0]), left, node)
            base = level + 1
        if base < fork:
            node = lift(node, path, base, fork, hashing)
        waiting.append((fork, node))
    return node if len(waiting) == 1 else None
