"""Notes: how a title to packs is written, passed on and proved, in hashes alone. Pure.

    secret       32 random bytes of the holder-to-be, used for one note
    holder key   H(holder, secret): shown to the giver, and later to whoever checks
    claim        H(claim, organisation | holder key): whose the note will be
    note         H(note, claim | salt): the commitment that is given, for any number of packs
    nullifier    H(nullifier, organisation | secret): what the holder posts to give the note away

A post on the chain has one root and a fixed number of nullifiers. Under the root stands a sparse
tree: the key H(title, nullifier | pack), the value the note that the pack went into. A nullifier
counts once for its organisation, in one post, and a tree has one value for a key; so a pack leaves
a note once. Neither giver nor taker can work out the nullifier of the other's note.

The tree has the shape of the ICS-23 `SmtSpec`, as the state's (`ledger/tree_node.py`), with
SHA-256. Its proofs are for many keys at once: of each key the depth of its leaf, and the siblings
that cannot be worked out, in depth-first order.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from yilian.ledger.keys import sha256
from yilian.ledger.tree_node import ZERO

BYTES = 32
"""The length of secrets, salts, keys and all digests."""

_HOLDER = b"yilian-supply-holder/1\0"
_CLAIM = b"yilian-supply-claim/1\0"
_NOTE = b"yilian-supply-note/1\0"
_NULLIFIER = b"yilian-supply-nullifier/1\0"
_TITLE = b"yilian-supply-title/1\0"
_ORIGIN = b"yilian-supply-origin/1\0"
_END = b"yilian-supply-end/1\0"
_POST = b"yilian-supply-post/1"
_ORGANISATION = 22
_BITS = 256


def holder_key(secret: bytes) -> bytes:
    """Give what a secret's owner shows of it."""
    return sha256(_HOLDER + _exact(secret))


def claim(organisation: str, key: bytes) -> bytes:
    """Name who is to hold a note; `key` is its holder key."""
    return sha256(_CLAIM + _name(organisation) + _exact(key))


def note(claimed: bytes, salt: bytes) -> bytes:
    """Commit to a claim."""
    return sha256(_NOTE + _exact(claimed) + _exact(salt))


def end(word: str, salt: bytes) -> bytes:
    """Commit to the end of packs: a word such as `dispensed`, in place of a note."""
    return sha256(_END + _exact(salt) + word.encode("ascii"))


def nullifier(organisation: str, secret: bytes) -> bytes:
    """Give what an organisation posts when it gives away the note of a secret."""
    return sha256(_NULLIFIER + _name(organisation) + _exact(secret))


def title_key(spent: bytes, unit: str) -> bytes:
    """Name the place of a pack that comes out of the note of a nullifier."""
    return sha256(_TITLE + _exact(spent) + unit.encode("utf-8"))


def origin_key(spent: bytes, unit: str) -> bytes:
    """Name the place of a pack that was commissioned under a nullifier of its maker's."""
    return sha256(_ORIGIN + _exact(spent) + unit.encode("utf-8"))


def post_root(events_root: bytes, titles_root: bytes) -> bytes:
    """Give the root that a post puts on the chain."""
    return sha256(_POST + _exact(events_root) + _exact(titles_root))


def _exact(data: bytes) -> bytes:
    if len(data) != BYTES:
        raise ValueError("a digest, key or salt has 32 bytes")
    return data


def _name(organisation: str) -> bytes:
    if len(organisation) != _ORGANISATION:
        raise ValueError("an organisation's id has 22 letters")
    return organisation.encode("ascii")


class TreeProof(NamedTuple):
    """A proof for several keys, in the order of their paths.

    `depths` has one byte for each key; `siblings` 32 bytes for each subtree without such a key.
    """

    depths: bytes
    siblings: bytes


class _Leaf(NamedTuple):
    digest: bytes
    path: int


class _Fork(NamedTuple):
    digest: bytes
    left: _Node
    right: _Node


class _Hidden(NamedTuple):
    digest: bytes


_Node: TypeAlias = "_Leaf | _Fork | _Hidden"
_EMPTY = _Hidden(ZERO)


class ProofDiffers(Exception):
    """A proof that is not one for these keys, or not of one tree."""


def path_of(key: bytes) -> int:
    """Give the path to a key's leaf: its hash, most significant bit first."""
    return int.from_bytes(sha256(key), "big")


class TitleTree:
    """The tree of one post, whole or as far as a proof shows it."""

    __slots__ = ("_top",)

    def __init__(self, leaves: Mapping[bytes, bytes]) -> None:
        """`leaves` maps keys to values, 32 bytes each. Raises ValueError for others."""
        found = _sorted(leaves.items())
        paths = [path for path, _ in found]
        self._top = _build(paths, [digest for _, digest in found], 0, len(found), 0)

    @property
    def root(self) -> bytes:
        """Its root; 32 zero bytes for no leaves."""
        return self._top.digest

    @classmethod
    def shown(cls, leaves: Mapping[bytes, bytes], proof: TreeProof) -> TitleTree:
        """Read a proof for some leaves; what it does not show stays hidden.

        The tree is believed once its root is. Raises ProofDiffers for a proof of another form.
        """
        found = _sorted(leaves.items())
        if not found or len(proof.depths) != len(found) or len(proof.siblings) % BYTES:
            raise ProofDiffers
        tree = cls.__new__(cls)
        tree._top = _Reading(found, proof).read()
        return tree

    def prove(self, keys: Iterable[bytes]) -> TreeProof:
        """Prove the leaves of some keys. Raises KeyError for one that the tree does not show."""
        paths = sorted({path_of(each) for each in keys})
        depths = bytearray()
        siblings: list[bytes] = []
        _prove(self._top, paths, 0, len(paths), 0, depths, siblings)
        return TreeProof(bytes(depths), b"".join(siblings))

    def joined(self, other: TitleTree) -> TitleTree:
        """Show what either shows of one tree. Raises ProofDiffers for trees of two roots."""
        if self.root != other.root:
            raise ProofDiffers
        tree = TitleTree.__new__(TitleTree)
        tree._top = _join(self._top, other._top)
        return tree


def _sorted(leaves: Iterable[tuple[bytes, bytes]]) -> list[tuple[int, bytes]]:
    """Give paths and hashes of leaves in the order of paths."""
    hashed: dict[bytes, bytes] = {}
    found: list[tuple[int, bytes]] = []
    for key, value in leaves:
        inner = hashed.get(value)
        if inner is None:
            # A note stands at many keys: its hash is worked out once.
            inner = hashed[value] = sha256(_exact(value))
        path = hashlib.sha256(_exact(key)).digest()
        digest = hashlib.sha256(b"\0" + path + inner).digest()
        found.append((int.from_bytes(path, "big"), digest))
    found.sort()
    return found


def _fork(left: _Node, right: _Node) -> _Fork:
    return _Fork(hashlib.sha256(b"\1" + left[0] + right[0]).digest(), left, right)


def _middle(paths: Sequence[int], low: int, high: int, depth: int) -> int:
    """Find where the right half of a subtree begins among the paths of it."""
    if depth >= _BITS:
        raise ProofDiffers
    below = _BITS - 1 - depth
    first = (paths[low] >> below | 1) << below
    return bisect_left(paths, first, low, high)


def _build(paths: list[int], digests: list[bytes], low: int, high: int, depth: int) -> _Node:
    if high - low == 1:
        return _Leaf(digests[low], paths[low])
    if low == high:
        return _EMPTY
    middle = _middle(paths, low, high, depth)
    left = _build(paths, digests, low, middle, depth + 1)
    return _fork(left, _build(paths, digests, middle, high, depth + 1))


class _Reading:
    """A proof while it is read."""

    def __init__(self, leaves: list[tuple[int, bytes]], proof: TreeProof) -> None:
        self._paths = [path for path, _ in leaves]
        self._digests = [digest for _, digest in leaves]
        self._depths = proof.depths
        self._siblings = proof.siblings
        self._at = 0

    def read(self) -> _Node:
        found = self._subtree(0, len(self._paths), 0)
        if self._at != len(self._siblings):
            raise ProofDiffers
        return found

    def _subtree(self, low: int, high: int, depth: int) -> _Node:
        if low == high:
            return self._sibling()
        if high - low == 1 and self._depths[low] == depth:
            return _Leaf(self._digests[low], self._paths[low])
        middle = _middle(self._paths, low, high, depth)
        left = self._subtree(low, middle, depth + 1)
        return _fork(left, self._subtree(middle, high, depth + 1))

    def _sibling(self) -> _Node:
        digest = self._siblings[self._at : self._at + BYTES]
        if len(digest) != BYTES:
            raise ProofDiffers
        self._at += BYTES
        return _Hidden(digest)


def _prove(
    node: _Node,
    paths: list[int],
    low: int,
    high: int,
    depth: int,
    depths: bytearray,
    siblings: list[bytes],
) -> None:
    if low == high:
        siblings.append(node.digest)
    elif isinstance(node, _Fork):
        middle = _middle(paths, low, high, depth)
        _prove(node.left, paths, low, middle, depth + 1, depths, siblings)
        _prove(node.right, paths, middle, high, depth + 1, depths, siblings)
    elif isinstance(node, _Leaf) and high - low == 1 and node.path == paths[low]:
        depths.append(depth)
    else:
        raise KeyError("the tree does not show this key")


def _join(one: _Node, other: _Node) -> _Node:
    if one.digest != other.digest:
        raise ProofDiffers
    if isinstance(one, _Hidden):
        return other
    if isinstance(one, _Fork) and isinstance(other, _Fork):
        return _Fork(one.digest, _join(one.left, other.left), _join(one.right, other.right))
    return one


def noise(seed: bytes) -> tuple[bytes, tuple[bytes, bytes]]:
    """Give what blinds a post: 64 bytes for its events' tree, and a leaf for its titles' tree.

    Without them the root of an idle interval could be told from any other. `seed`: 32 bytes that
    are this interval's alone.
    """
    first, second, key, value = (sha256(bytes((each,)) + _exact(seed)) for each in range(4))
    return first + second, (key, value)


def dummy(seed: bytes, slot: int) -> bytes:
    """Give what stands at a place of a post where nothing is spent; `seed` as for `noise`."""
    return sha256(b"\4" + _exact(seed) + slot.to_bytes(2, "big"))


def event_leaf(salt: bytes, digest: bytes, content: bytes) -> bytes:
    """Hash the leaf of one event: salt, digest of its CBV 2.0 event hash, SHA-256 of its text.

    The text is canonical JSON: the event hash leaves out the event's id and what declares an error.
    """
    return hashlib.sha256(b"\0" + _exact(salt) + _exact(digest) + _exact(content)).digest()


def blind_leaf(blind: bytes) -> bytes:
    """Hash the leaf that only blinds; it has not the length of an event's."""
    return hashlib.sha256(b"\0" + blind).digest()
