"""The log of a chain's heights: leaves, checkpoints, cosignatures, tiles and proofs, as bytes.

A chain of blocks is agreed among its validators. The log says it once more in a form that
strangers' tools understand and witnesses outside the consortium can sign: one leaf per height,
from the chain's first height on, in an RFC 6962 tree over SHA-256. It is the same on every node.

The leaf of a height is canonical JSON: `app_hash`, `header_hash`, `next_validators_hash` and
`validators_hash` in lower-case hex, `height`, and `time` (ns since 1970, as text: JSON integers end
at 2^53).

Sources, as of C2SP commit 5ba5ee8 (2026-07-22): signed-note v1.0.0, tlog-checkpoint v1.0.0,
tlog-cosignature v1.1.0-rc.1 (`cosignature/v1` and the ML-DSA-44 `subtree/v1`), tlog-tiles v0.1.0,
tlog-proof (`c2sp.org/tlog-proof@v1`); RFC 6962 and RFC 9162. Nothing here signs or asks a clock:
keys stand with the node and the witness. Readers raise the refusal `malformed` and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence

import msgspec

from yilian.ledger import codec, merkle
from yilian.ledger.block import Header
from yilian.ledger.errors import MALFORMED

ORIGIN = "yilian/chain/"
"""What stands before the chain id in a log's origin line and in the name of its keys."""

ED25519, COSIGN_ED25519, COSIGN_ML_DSA_44 = 0x01, 0x04, 0x06
"""Signature types of signed-note: a plain signature, and two kinds of cosignature."""

KEY_BYTES = {ED25519: 32, COSIGN_ED25519: 32, COSIGN_ML_DSA_44: 1312}
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
TILE, TILE_LEVELS = 256, 8
"""A full tile is so many hashes wide; with 64-bit sizes there are at most so many tile levels."""

MAX_NOTE, MAX_SIGNATURES, MAX_SIZE = 262_144, 64, 2**53 - 1
_NAME = re.compile("[!-*,-~]{1,255}")
_TILE_PATH = re.compile(
    "tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5}[0-9]{3})([.]p/[1-9][0-9]{0,2})?"
)
_DASH = "\u2014 "


# -- leaves --------------------------------------------------------------------------------------


def origin(chain: str) -> str:
    """Name the log of a chain."""
    return ORIGIN + chain


def leaf(header: Header) -> bytes:
    """Write the log's entry for a height."""
    return codec.encode(
        {
            "app_hash": header.app_hash.hex(),
            "header_hash": header.hash().hex(),
            "height": header.height,
            "next_validators_hash": header.next_validators_hash.hex(),
            "time": str(header.time),
            "validators_hash": header.validators_hash.hex(),
        }
    )


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry as a leaf of the tree (RFC 6962, section 2.1)."""
    return merkle.sha256(b"\x00" + entry)


# -- signed notes --------------------------------------------------------------------------------


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key by which notes are checked: its name, signature type and raw bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names the key."""
        return key_id(self.name, self.kind, self.public)

    def encode(self) -> str:
        """Write it as a vkey: name, key id in hex, type and key in base64, joined by `+`."""
        material = base64.b64encode(bytes((self.kind,)) + self.public).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def decode(cls, text: str) -> VerifierKey:
        """Read a vkey; refuses unknown types, other lengths and an id that is not the key's."""
        parts = text.split("+", 2)
        if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
            raise MALFORMED()
        material = _base64(parts[2])
        key = cls(parts[0], material[0] if material else 0, material[1:])
        if KEY_BYTES.get(key.kind) != len(key.public) or key.encode() != text:
            raise MALFORMED()
        return key


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Compute the id of a note key: SHA-256(name LF type key), first four bytes."""
    text = name.encode() + b"\n" + bytes((kind,)) + public
    return hashlib.sha256(text).digest()[:4]


class NoteSignature(msgspec.Struct, frozen=True):
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Write the line with its line feed."""
        encoded = base64.b64encode(self.key_id + self.signature).decode("ascii")
        return f"{_DASH}{self.name} {encoded}\n"


class Note(msgspec.Struct, frozen=True):
    """A text (ending in a line feed) and the signatures over it."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """Write the note."""
        return (self.text + "\n" + "".join(each.line() for each in self.signatures)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Note:
        """Read a note of at most 256 KiB and 64 signatures; checks no signature."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise MALFORMED() from None
        body, blank, lines = text.rpartition("\n\n")
        bare = any(each < " " and each != "\n" for each in text)
        if not blank or len(data) > MAX_NOTE or bare or not lines.endswith("\n"):
            raise MALFORMED()
        signatures = [_signature(line) for line in lines[:-1].split("\n")]
        if len(signatures) > MAX_SIGNATURES:
            raise MALFORMED()
        return cls(body + "\n", tuple(signatures))

    def by(self, key: VerifierKey) -> tuple[NoteSignature, ...]:
        """List the signatures that name this key."""
        own = (key.name, key.key_id)
        return tuple(each for each in self.signatures if (each.name, each.key_id) == own)


def _signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = _base64(encoded)
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name) or len(data) < 5:
        raise MALFORMED()
    return NoteSignature(name, data[:4], data[4:])


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MALFORMED() from None
    if base64.b64encode(data).decode("ascii") != text:
        raise MALFORMED()
    return data


# -- checkpoints and cosignatures ----------------------------------------------------------------


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log claims: so many leaves, under this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write the text of the note: three lines, no extension."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"

    @classmethod
    def decode(cls, text: str) -> Checkpoint:
        """Read a note's text; extension lines are refused, because nobody can audit them."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not _NAME.fullmatch(lines[0]):
            raise MALFORMED()
        root = _base64(lines[2])
        if len(root) != merkle.DIGEST or (lines[1] == "0" and root != merkle.EMPTY):
            raise MALFORMED()
        return cls(lines[0], whole(lines[1]), root)


def whole(text: str) -> int:
    """Read a decimal number without leading zeros, at most 2^53 - 1."""
    if not re.fullmatch("0|[1-9][0-9]{0,15}", text) or int(text) > MAX_SIZE:
        raise MALFORMED()
    return int(text)


def cosignature_text(checkpoint: Checkpoint, seconds: int) -> bytes:
    """Write what an Ed25519 cosignature (type 0x04) signs: `cosignature/v1`, time, the text."""
    return f"cosignature/v1\ntime {seconds}\n{checkpoint.text()}".encode()


def subtree_text(checkpoint: Checkpoint, seconds: int, name: str) -> bytes:
    """Write what an ML-DSA-44 cosignature (type 0x06) signs: a `cosigned_message` from leaf 0."""
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short(name),
            seconds.to_bytes(8, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _short(text: str) -> bytes:
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise MALFORMED()
    return len(data).to_bytes(1, "big") + data


def timestamped(seconds: int, signature: bytes) -> bytes:
    """Put a cosignature's time before it, as its note line carries it."""
    return seconds.to_bytes(8, "big") + signature


# -- tiles ---------------------------------------------------------------------------------------


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Name a tile below the log's address; `level` may be `entries`, for the leaves themselves."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{each}" for each in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == TILE else f".p/{width}")


def read_tile_path(path: str) -> tuple[int | str, int, int]:
    """Read a tile's name: level (or `entries`), index, width; refuses another spelling."""
    found = _TILE_PATH.fullmatch(path)
    if found is None:
        raise MALFORMED()
    level: int | str = found[1] if found[1] == "entries" else int(found[1])
    index = int(found[2].replace("x", "").replace("/", ""))
    width = TILE if found[3] is None else int(found[3][3:])
    if tile_path(level, index, width) != path or (found[3] is not None and width >= TILE):
        raise MALFORMED()
    return level, index, width


def tiles(size: int, before: int = 0) -> list[tuple[int, int, int]]:
    """List the tiles (level, index, width) of a tree that were not whole in a smaller one."""
    found = []
    for level in range(TILE_LEVELS):
        count, old = size >> 8 * level, before >> 8 * level
        for index in range(old // TILE, -(-count // TILE)):
            found.append((level, index, min(TILE, count - index * TILE)))
    return found


def bundle(entries: Sequence[bytes]) -> bytes:
    """Write entries as a bundle: each after its length in two bytes."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


# -- the tree above stored hashes ----------------------------------------------------------------

Hashes = Callable[[int, int, int], Sequence[bytes]]
"""(tile level, first, count): so many stored hashes of a tile level, in order."""


def root(stored: Hashes, size: int) -> bytes:
    """Compute the root over the first `size` leaves."""
    return _span(stored, 0, size) if size else merkle.EMPTY


def inclusion(stored: Hashes, index: int, size: int) -> list[bytes]:
    """Make the audit path of a leaf, from its sibling up. RFC 6962, section 2.1.1."""
    if not 0 <= index < size:
        raise IndexError(index)
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_span(stored, middle, high))
            high = middle
        else:
            path.append(_span(stored, low, middle))
            low = middle
    return path[::-1]


def consistency(stored: Hashes, first: int, size: int) -> list[bytes]:
    """Prove that the first `first` of `size` leaves were only appended to. RFC 9162, 2.1.4.1."""
    if not 0 < first <= size:
        raise IndexError(first)
    proof: list[bytes] = []
    low, high, is_whole = 0, size, True
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            proof.append(_span(stored, middle, high))
            high = middle
        else:
            proof.append(_span(stored, low, middle))
            low, is_whole = middle, False
    if not is_whole:
        proof.append(_span(stored, low, high))
    return proof[::-1]


def needed(index: int, size: int, first: int = 0) -> list[tuple[int, int]]:
    """List the tiles (level, index) that root, inclusion and consistency proofs read."""
    asked: set[tuple[int, int]] = set()

    def stored(level: int, start: int, count: int) -> list[bytes]:
        asked.add((level, start // TILE))
        return [merkle.EMPTY] * count

    root(stored, size)
    if size:
        inclusion(stored, index, size)
    if first:
        consistency(stored, first, size)
    return sorted(asked)


def _span(stored: Hashes, low: int, high: int) -> bytes:
    """The root over leaves low..high, where low lies on a boundary of its largest subtree."""
    count = high - low
    if count & (count - 1) == 0:
        return _subtree(stored, count.bit_length() - 1, low)
    middle = low + _split(count)
    return merkle.sha256(b"\x01" + _span(stored, low, middle) + _span(stored, middle, high))


def _subtree(stored: Hashes, height: int, low: int) -> bytes:
    level, count = height // 8, 1 << height % 8
    return fold(stored(level, low >> 8 * level, count))


def fold(hashes: Sequence[bytes]) -> bytes:
    """Hash a power of two of neighbouring subtree roots up to one; a full tile gives its root."""
    row = list(hashes)
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=True)
        row = [merkle.sha256(b"\x01" + left + right) for left, right in pairs]
    return row[0]


def _split(length: int) -> int:
    return 1 << ((length - 1).bit_length() - 1)


# -- proofs for strangers ------------------------------------------------------------------------


class LogProof(msgspec.Struct, frozen=True):
    """A `.tlog-proof`: where a leaf stands, its audit path, and the checkpoint note, verbatim."""

    index: int
    path: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """Write the proof's text."""
        steps = "".join(base64.b64encode(each).decode("ascii") + "\n" for each in self.path)
        return f"{PROOF_HEADER}\nindex {self.index}\n{steps}\n".encode() + self.note

    @classmethod
    def decode(cls, data: bytes) -> LogProof:
        """Read a proof; an `extra` line is passed over, because nothing authenticates it."""
        head, blank, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise MALFORMED() from None
        if not blank or len(data) > MAX_NOTE or lines[0] != PROOF_HEADER:
            raise MALFORMED()
        rest = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
        if not rest or not rest[0].startswith("index ") or len(rest) > 64:
            raise MALFORMED()
        path = tuple(_base64(each) for each in rest[1:])
        if any(len(each) != merkle.DIGEST for each in path):
            raise MALFORMED()
        return cls(whole(rest[0][6:]), path, note)
