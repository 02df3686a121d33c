"""What a large object is to whoever may open its record: the manifest, and one checked slice. Pure.

See `large.py`, which keeps the objects. Everything here works from the manifest alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Digest, Id, Whole
from yilian.ledger.errors import Refusal, code
from yilian.vault.envelope import (
    Format,
    MediaType,
    MerklePath,
    binding,
    commitment,
    open_sealed,
    seal,
)

CHUNK_DAMAGED = code(9395, "large_chunk_damaged", 500, "record", "chunk")

MIB = 1024 * 1024
CHUNK = MIB
LEAST_CHUNK = 1024
MOST_CHUNK = 16 * MIB
MAX_CHUNKS = 1_048_576
"""A tebibyte in slices of one mebibyte."""

Key = Annotated[
    str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", min_length=43, max_length=43)
]


class Manifest(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-large/1"):
    """What a large object is: the content of its record. Secret, for it holds the object's key.

    `size` is in bytes, `chunk` the size of every slice but the last, `count` how many they are,
    `root` the root over their commitments, `sha256` the digest of the whole content.
    """

    record: Id
    media_type: MediaType
    size: Whole
    chunk: Annotated[int, msgspec.Meta(ge=LEAST_CHUNK, le=MOST_CHUNK)]
    count: Annotated[int, msgspec.Meta(ge=0, le=MAX_CHUNKS)]
    root: Digest
    sha256: Digest
    key: Key

    def __post_init__(self) -> None:
        if self.count != -(-self.size // self.chunk):
            raise ValueError("size and number of slices do not fit")

    def __repr__(self) -> str:
        return f"<Manifest of {self.record}>"

    def length(self, index: int) -> int:
        """Say how many bytes the slice at `index` has."""
        return min(self.chunk, self.size - index * self.chunk)


class ChunkLeaf(Format, frozen=True, kw_only=True):
    """The leaf of one slice; its canonical JSON bytes are what the tree hashes."""

    chunk: Whole
    commitment: Digest


class SealedChunk(Format, frozen=True, kw_only=True):
    """One slice for a reader elsewhere: still sealed, with its path to the manifest's root."""

    record: Id
    chunk: Whole
    sealed: bytes
    path: MerklePath


_manifest_decoder = codec.decoder(Manifest)


class ObjectKeys:
    """What is derived from an object's key (HKDF-SHA256, RFC 5869): a sealing and a salting key."""

    __slots__ = ("_salting", "_sealing")

    def __init__(self, key: bytes) -> None:
        self._sealing = _derived(key, "large-chunk")
        self._salting = _derived(key, "large-salt")

    def seal(self, record: str, number: int, content: bytes) -> bytes:
        return seal(self._sealing, content, chunk_binding(record, number))

    def open(self, record: str, number: int, sealed: bytes) -> bytes:
        return open_sealed(self._sealing, sealed, chunk_binding(record, number))

    def salt(self, number: int) -> bytes:
        return hmac.digest(self._salting, number.to_bytes(8, "big"), "sha256")


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest from a record's content; refuses `malformed` and `not_canonical`."""
    manifest = codec.decode_with(_manifest_decoder, data)
    assert isinstance(manifest, Manifest)
    return manifest


def open_chunk(manifest: Manifest, given: SealedChunk) -> bytes:
    """Open a slice that came from its holder, checked against the manifest alone. Pure.

    Refuses `large_chunk_damaged` for a slice of another object, place, length or content.
    """
    refusal = CHUNK_DAMAGED(record=manifest.record, chunk=given.chunk)
    if given.record != manifest.record or given.chunk >= manifest.count:
        raise refusal
    keys = ObjectKeys(codec.to_bytes(manifest.key))
    try:
        content = keys.open(manifest.record, given.chunk, given.sealed)
        path = [codec.to_bytes(step) for step in given.path]
    except Refusal:
        raise refusal from None
    leaf = chunk_leaf(given.chunk, commitment(keys.salt(given.chunk), content))
    root = merkle.root_from_inclusion(leaf, given.chunk, manifest.count, path)
    if root is None or codec.to_text(root) != manifest.root:
        raise refusal
    if len(content) != manifest.length(given.chunk):
        raise refusal
    return content


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, binding(purpose)).derive(key)


def chunk_leaf(number: int, committed: str) -> bytes:
    """Write the leaf of a slice."""
    return codec.encode(ChunkLeaf(chunk=number, commitment=committed))


def chunk_root(commitments: Iterable[str]) -> str:
    """Hash the commitments of all slices, in order, to the root."""
    tree = merkle.Frontier()
    tree.extend(chunk_leaf(number, each) for number, each in enumerate(commitments))
    return codec.to_text(tree.root())


def chunk_binding(record: str, number: int) -> bytes:
    """Say which slice a sealed one is."""
    return binding("large-chunk", record=record, chunk=number)
