"""Logs that a test writes as it likes, honest or not, signed with a log key of their own."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import nacl.bindings

from yilian.ledger import checkpoint as notes
from yilian.ledger import merkle
from yilian.ledger.checkpoint import Checkpoint, Note, NoteSignature, VerifierKey
from yilian.ledger.errors import Refusal
from yilian.node.witness import Member

ORIGIN = "yilian/chain/test"


class Log:
    """A member's log over leaves that the test names; `say` bends what it serves."""

    def __init__(self, label: str, leaves: Sequence[bytes] = (), origin: str = ORIGIN) -> None:
        seed = sha256(label.encode()).digest()
        public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.key = VerifierKey(origin, notes.ED25519, bytes(public))
        self.leaves = [notes.leaf_hash(each) for each in leaves]
        self.say: dict[str, bytes | OSError | None] = {}
        self.asked: list[str] = []
        self.member = Member(label, self.fetch)

    def grow(self, count: int, branch: str = "") -> None:
        """Append leaves; another branch makes other ones."""
        start = len(self.leaves)
        more = range(start, start + count)
        self.leaves += [notes.leaf_hash(f"{branch}{at}".encode()) for at in more]

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """Make the hashes of a tile level by the definition."""
        span = 256**level
        found = []
        for at in range(first, first + count):
            row = self.leaves[at * span : (at + 1) * span]
            found.append(notes.fold(row))
        return found

    def checkpoint(self) -> Checkpoint:
        """The newest claim."""
        size = len(self.leaves)
        return Checkpoint(self.key.name, size, notes.root(self.hashes, size))

    def signed(self, point: Checkpoint) -> bytes:
        """Sign a claim."""
        signature = nacl.bindings.crypto_sign(point.text().encode(), self._secret)[:64]
        line = NoteSignature(self.key.name, self.key.key_id, signature)
        return Note(point.text(), (line,)).encode()

    def fetch(self, path: str) -> bytes | None:
        """Serve a checkpoint or a tile."""
        self.asked.append(path)
        if path in self.say:
            said = self.say[path]
            if isinstance(said, OSError):
                raise said
            return said
        if path == "checkpoint":
            return self.signed(self.checkpoint())
        try:
            level, index, width = notes.read_tile_path(path)
        except Refusal:
            return None
        if not isinstance(level, int) or index * 256 + width > len(self.leaves) >> 8 * level:
            return None
        return b"".join(self.hashes(level, index * 256, width))


def log(label: str, count: int, branch: str = "") -> Log:
    """A log of so many leaves."""
    made = Log(label)
    made.grow(count, branch)
    return made


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, by the definition."""
    row = list(leaves)
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)
        above = [merkle.sha256(b"\x01" + one + other) for one, other in pairs]
        row = above + ([row[-1]] if len(row) % 2 else [])
    return row[0] if row else merkle.EMPTY
