"""Nodes of the state tree: how leaves and subtrees are hashed and joined.

The tree has the shape of the ICS-23 `SmtSpec`: a leaf is H(0x00 | H(key) | H(value)), a node is
H(0x01 | left | right), an empty subtree is 32 zero bytes. A subtree with one leaf is that leaf; a
subtree with more, all on one side, is a node with an empty child. The path to a leaf is H(key),
most significant bit first.

A *mark* stands for a subtree: its hash, and by its length what it is. It has 0 bytes for an empty
subtree, 32 for an inner node and 33 (the hash and a zero byte) for a lone leaf, which must be told
apart because it moves up where its sibling is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from yilian.ledger.keys import Hashing

ZERO = bytes(32)
LEAF = 33


def mark(root: bytes, leaves: int) -> bytes:
    """Give the mark of a subtree with so many leaves."""
    if leaves > 1:
        return root
    return root + b"\x00" if leaves else b""


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


def lift(digest: bytes, path: int, low: int, high: int, hashing: Hashing) -> bytes:
    """Raise an inner node through the levels `low` to `high` - 1, where its sibling is empty.

    A level is the number of path bits below the child; `path` is that of any leaf under the node.
    """
    for level in range(low, high):
        if path >> level & 1:
            digest = hashing(b"\x01" + ZERO + digest)
        else:
            digest = hashing(b"\x01" + digest + ZERO)
    return digest


def build(
    paths: Sequence[int], hashes: Sequence[bytes], levels: int, hashing: Hashing
) -> bytes | None:
    """Hash the subtree of one or more leaves, in one pass from left to right.

    `paths` are the lowest bits of the leaves' paths, ascending, at least the `levels` below the
    subtree's root; `hashes` are the leaves' own. None where the bits do not tell the leaves apart,
    or the leaves do not belong to one such subtree.
    """
    # Left halves that wait for their right one, each with the level where the two part.
    waiting: list[tuple[int, bytes]] = []
    forks = [(path ^ following).bit_length() - 1 for path, following in pairwise(paths)]
    if -1 in forks:
        return None
    for leaf, path, fork in zip(hashes, paths, [*forks, levels], strict=True):
        digest = leaf
        base = fork  # a lone leaf needs no lifting
        while waiting and waiting[-1][0] < fork:
            level, left = waiting.pop()
            if base < level:
                digest = lift(digest, path, base, level, hashing)
            digest = hashing(b"\x01" + left + digest)
            base = level + 1
        if base < fork:
            digest = lift(digest, path, base, fork, hashing)
        waiting.append((fork, digest))
    return waiting[0][1] if len(waiting) == 1 else None
