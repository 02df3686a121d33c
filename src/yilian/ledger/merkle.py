"""Merkle trees: prove that a value is in a list, and that a list has only grown.

The tree of RFC 6962 (section 2.1) and RFC 9162 (section 2.1): a leaf is H(0x00 | value), a node is
H(0x01 | left | right), and a list splits at the largest power of two below its length. CometBFT
builds its headers, transactions, results and validator sets the same way, with SHA-256.

Pairing neighbours level by level and carrying an odd last node upward gives that same tree, and is
what a list comprehension does fast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from yilian.ledger.errors import MALFORMED

Hashing = Callable[[bytes], bytes]
"""A hash suite: bytes to a digest of 32 bytes."""

DIGEST = 32


def sha256(data: bytes) -> bytes:
    """Hash with SHA-256 (FIPS 180-4): the suite of CometBFT and of this ledger by default."""
    return hashlib.sha256(data).digest()


EMPTY = sha256(b"")
"""The root of no leaves at all (RFC 6962, section 2.1) under SHA-256."""


def root(leaves: Sequence[bytes], hashing: Hashing = sha256) -> bytes:
    """Commit to a list of values with one digest; the empty list has the hash of no bytes."""
    if not leaves:
        return hashing(b"")
    level = [hashing(b"\x00" + leaf) for leaf in leaves]
    while len(level) > 1:
        level = _above(level, hashing)
    return level[0]


def _above(level: list[bytes], hashing: Hashing) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [hashing(b"\x01" + left + right) for left, right in pairs]
    if len(level) & 1:
        above.append(level[-1])
    return above


def inclusion(leaves: Sequence[bytes], index: int, hashing: Hashing = sha256) -> list[bytes]:
    """Make the audit path of one value: its sibling digests, from the leaf up to the root.

    Raises IndexError where there is no such leaf. RFC 9162, section 2.1.3.1.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    level = [hashing(b"\x00" + leaf) for leaf in leaves]
    path: list[bytes] = []
    while len(level) > 1:
        # The odd last node of a level has no sibling there: it moves up unhashed.
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = _above(level, hashing)
        index >>= 1
    return path


def root_from_inclusion(
    leaf: bytes, index: int, total: int, path: Sequence[bytes], hashing: Hashing = sha256
) -> bytes | None:
    """Compute the root that an audit path leads to; None where the path cannot be of that shape.

    `leaf` is the value itself, not its hash. The root binds the way from root to leaf, but not the
    two numbers: several pairs (index, total) share one way, so a caller may rely on "it is in the
    list" and on "same place in two lists of one length", never on the bare index.
    """
    if not 0 <= index < total or any(len(step) != DIGEST for step in path):
        return None
    digest = hashing(b"\x00" + leaf)
    steps = iter(path)
    last = total - 1
    while last:
        if index & 1 or index < last:
            sibling = next(steps, None)
            if sibling is None:
                return None
            pair = sibling + digest if index & 1 else digest + sibling
            digest = hashing(b"\x01" + pair)
        index >>= 1
        last >>= 1
    return digest if next(steps, None) is None else None


def consistency(leaves: Sequence[bytes], first: int, hashing: Hashing = sha256) -> list[bytes]:
    """Prove that the list of the first `first` leaves was only appended to.

    Raises IndexError unless 0 < first <= len(leaves). RFC 9162, section 2.1.4.1.
    """
    if not 0 < first <= len(leaves):
        raise IndexError(first)
    proof: list[bytes] = []
    low, high = 0, len(leaves)
    whole = True
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            proof.append(root(leaves[middle:high], hashing))
            high = middle
        else:
            proof.append(root(leaves[low:middle], hashing))
            low, whole = middle, False
    if not whole:
        proof.append(root(leaves[low:high], hashing))
    return proof[::-1]


def _split(length: int) -> int:
    """The largest power of two strictly below `length` (at least 2)."""
    return 1 << ((length - 1).bit_length() - 1)


def consistent(
    first_root: bytes,
    first: int,
    second_root: bytes,
    second: int,
    path: Sequence[bytes],
    hashing: Hashing = sha256,
) -> bool:
    """Check that the tree of `second` leaves only extends the tree of `first` leaves.

    Two equal sizes need equal roots and an empty path; so does an empty first tree, whose root is
    the hash of no bytes. RFC 9162, section 2.1.4.2.
    """
    if not 0 <= first <= second or any(len(step) != DIGEST for step in path):
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == hashing(b"")
    # A complete first tree is itself the node the walk starts from, so the proof leaves it out.
    steps = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not steps:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old = hashing(b"\x01" + step + old)
            new = hashing(b"\x01" + step + new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = hashing(b"\x01" + new + step)
        node >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root


class Frontier:
    """The right edge of a growing tree: enough to append and to know the root, in 32 log2(n) bytes.

    It holds the roots of the complete subtrees, largest first (the compact range [0, size)).
    """

    __slots__ = ("_hashing", "_peaks", "size")

    def __init__(self, hashing: Hashing = sha256) -> None:
        self._hashing = hashing
        self._peaks: list[bytes] = []
        self.size = 0

    def append(self, leaf: bytes) -> None:
        """Add one value at the end."""
        hashing = self._hashing
        digest = hashing(b"\x00" + leaf)
        size = self.size
        while size & 1:
            digest = hashing(b"\x01" + self._peaks.pop() + digest)
            size >>= 1
        self._peaks.append(digest)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add values at the end, in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The root over all values so far; equals `root` of the whole list."""
        if not self._peaks:
            return self._hashing(b"")
        digest = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            digest = self._hashing(b"\x01" + peak + digest)
        return digest

    def encode(self) -> bytes:
        """Write it down: the size in 8 bytes (big endian), then the peaks, largest first."""
        return self.size.to_bytes(8, "big") + b"".join(self._peaks)

    @classmethod
    def decode(cls, data: bytes, hashing: Hashing = sha256) -> Frontier:
        """Read what `encode` wrote; refuses `malformed` where size and peaks do not fit."""
        size = int.from_bytes(data[:8], "big")
        if len(data) != 8 + DIGEST * size.bit_count():
            raise MALFORMED()
        frontier = cls(hashing)
        frontier.size = size
        frontier._peaks = [data[at : at + DIGEST] for at in range(8, len(data), DIGEST)]
        return frontier
