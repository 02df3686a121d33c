"""The checkpoint log of a node: one leaf per height, signed checkpoints, tiles and proofs.

The log follows the chain in a thread of its own, so writing a block waits for nothing here. Its
hashes stand in `log/<level>`, one flat file per tile level (32 bytes each), and can be made again
from the chain; what cannot is `log/signed`, the newest checkpoint that this node signed. It is
synced before the checkpoint leaves, and the log never signs another history: where the chain no
longer leads to what was signed (a height was rolled back and written otherwise), it says so and
signs nothing more.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import nacl.bindings

from yilian.ledger import checkpoint as notes
from yilian.ledger import codec, merkle
from yilian.ledger.checkpoint import TILE, Checkpoint, LogProof, Note, NoteSignature, VerifierKey
from yilian.ledger.errors import Refusal, code
from yilian.node.config import ConfigurationError
from yilian.node.engine import Engine, NotYet
from yilian.node.store import StoreDamaged

log = logging.getLogger("yilian.log")

EVERY = 100
"""Heights between checkpoints that are signed unasked."""

_IDLE = 1.0
"""Seconds after which the follower looks again, where nothing told it of a sealed height."""

LOG_NOT_SERVED = code(9482, "log_not_served", 503)
LOG_CONTRADICTED = code(9483, "log_contradicted", 503, "height")
TILE_UNKNOWN = code(9484, "log_tile_unknown", 404)


class HashFiles:
    """The hashes of a growing tree in flat files, one per tile level. One thread appends."""

    def __init__(self, folder: Path) -> None:
        """Open the files, cut to what is whole in all of them."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: list[int] = []
        self.size = 0
        for level in range(notes.TILE_LEVELS):
            if level == 0 or (folder / str(level)).exists():
                self._level(level)
        self._settle(os.fstat(self._files[0]).st_size // merkle.DIGEST)

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """Give stored hashes of a tile level. Raises IndexError where they are not there."""
        width = merkle.DIGEST
        data = b""
        if 0 <= level < len(self._files) and first + count <= self.size >> 8 * level:
            data = os.pread(self._files[level], count * width, first * width)
        if len(data) != count * width:
            raise IndexError(first)
        return [data[at : at + width] for at in range(0, len(data), width)]

    def root(self, size: int) -> bytes:
        """Compute the root over the first leaves."""
        return notes.root(self.hashes, size)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes, and the roots of the tiles that they fill."""
        self._append(0, self.size, leaves)
        self._fill(self.size + len(leaves))

    def cut(self, size: int) -> None:
        """Forget all leaves from `size` on."""
        self._settle(min(size, self.size))

    def sync(self) -> None:
        """Make what was appended durable."""
        for each in self._files:
            os.fsync(each)

    def close(self) -> None:
        """Close the files."""
        for each in self._files:
            os.close(each)
        self._files = []

    def _settle(self, size: int) -> None:
        """Cut every level to `size` leaves, and fill upper levels that lack hashes."""
        for level, file in enumerate(self._files):
            held = os.fstat(file).st_size // merkle.DIGEST
            os.ftruncate(file, min(held, size >> 8 * level) * merkle.DIGEST)
        self._fill(size)

    def _fill(self, size: int) -> None:
        level = 0
        self.size = size
        while size >> 8 * (level + 1):
            above = self._level(level + 1)
            done = os.fstat(above).st_size // merkle.DIGEST
            for index in range(done, size >> 8 * (level + 1)):
                tile = notes.fold(self.hashes(level, index * TILE, TILE))
                self._append(level + 1, index, [tile])
            level += 1

    def _append(self, level: int, at: int, hashes: Sequence[bytes]) -> None:
        data, file = b"".join(hashes), self._level(level)
        if os.pwrite(file, data, at * merkle.DIGEST) != len(data):
            raise OSError("the log's disk is full")

    def _level(self, level: int) -> int:
        while len(self._files) <= level:
            path = self._folder / str(len(self._files))
            self._files.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
        return self._files[level]


def write_synced(path: Path, data: bytes) -> None:
    """Replace a file by one step that survives a crash: all of it is there, or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def log_seed(path: Path) -> bytes:
    """Read a node's log key (an Ed25519 seed in base64url), making it where there is none.

    Raises ConfigurationError for a file that others may read.
    """
    if path.exists():
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} is readable by others: chmod 600 {path}")
        return codec.to_bytes(path.read_text("ascii").strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = secrets.token_bytes(32)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(codec.to_text(seed).encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(part, path)
    return seed


class CheckpointLog:
    """The log of one engine's chain, below a node's folder; close it before the engine."""

    def __init__(self, engine: Engine, folder: Path, *, every: int = EVERY) -> None:
        """Open the log in `folder` (`log.key`, `log/`) and follow the chain.

        Raises ConfigurationError where the key must not be used.
        """
        self._engine = engine
        self._first = engine.genesis.first_height()
        self._every = every
        self.origin = notes.origin(engine.genesis.chain)
        public, self._secret = nacl.bindings.crypto_sign_seed_keypair(log_seed(folder / "log.key"))
        self.key = VerifierKey(self.origin, notes.ED25519, bytes(public))
        self._signed_file = folder / "log" / "signed"
        self._contradicted = self._stopped = False
        self._signed = self._read_signed()
        self._files = HashFiles(folder / "log")
        self._check_files()
        self._grown = threading.Condition()
        self._closing = False
        self._lock = threading.Lock()
        engine.listen(self._told)
        self._stop_without_earlier()
        self._thread = threading.Thread(target=self._run, name="yilian-log", daemon=True)
        self._thread.start()

    # -- reading -------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Count the leaves."""
        return self._files.size

    def checkpoint(self) -> bytes:
        """Give a signed checkpoint of all heights so far.

        Refuses `log_contradicted` and, before the first height, `log_not_served`.
        """
        with self._lock:
            size = self._files.size
            if self._signed is not None and self._signed[0].size == size:
                return self._signed[1]
            return self._sign(size)

    def proof(self, height: int, wait: float = 5.0) -> bytes:
        """Prove that a height is in the log, as a `.tlog-proof`; waits until it is.

        Raises NotYet; refuses as `checkpoint` does, and `log_not_served` where it never will be.
        """
        index = height - self._first
        self._wait(index, wait)
        note = self.checkpoint()
        size = Checkpoint.decode(Note.decode(note).text).size
        path = notes.inclusion(self._files.hashes, index, size)
        block = self._engine.store.block(height)
        if block is not None:
            entry, root = notes.leaf(block.header), self._files.root(size)
            if merkle.root_from_inclusion(entry, index, size, path) != root:
                what = f"the log does not hold height {height} as the chain does"
                raise StoreDamaged(what, height)
        return LogProof(index, tuple(path), note).encode()

    def tile(self, path: str) -> bytes:
        """Give a tile of hashes or a bundle of entries by its name; refuses `log_tile_unknown`."""
        try:
            level, index, width = notes.read_tile_path(path)
        except Refusal:
            raise TILE_UNKNOWN() from None
        start = index * TILE
        try:
            if isinstance(level, int):
                return b"".join(self._files.hashes(level, start, width))
        except IndexError:
            raise TILE_UNKNOWN() from None
        if start + width > self._files.size:
            raise TILE_UNKNOWN()
        heights = range(self._first + start, self._first + start + width)
        if self._engine.store.block(heights[0]) is None:
            # Pruned here: the hashes stay, the headers do not.
            raise TILE_UNKNOWN()
        return notes.bundle([self._entry(height) for height in heights])

    def _check_files(self) -> None:
        """Keep of the files what the chain and the newest signature bear out."""
        # What was not synced with a signature may be anything after a crash.
        signed = self._signed[0] if self._signed else None
        sealed = self._engine.sealed_height - self._first + 1
        self._files.cut(0 if signed is None or not self._agrees(signed) else signed.size)
        self._files.cut(max(0, sealed))
        size = self._files.size
        # A header names the one before it, so the newest leaf speaks for all.
        block = self._engine.store.block(self._first + size - 1) if size else None
        if block is not None:
            held = self._files.hashes(0, size - 1, 1)[0]
            if held != notes.leaf_hash(notes.leaf(block.header)):
                self._files.cut(0)

    # -- following -----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop following; what is unsigned is read from the chain again at the next start."""
        with self._grown:
            self._closing = True
            self._grown.notify_all()
        self._thread.join()
        self._files.close()

    def _told(self, _: int) -> None:
        with self._grown:
            self._grown.notify_all()

    def _run(self) -> None:
        try:
            while not (self._closing or self._stopped):
                if not self._catch_up():
                    with self._grown:
                        if not self._closing and self._behind() <= 0:
                            self._grown.wait(_IDLE)
        except Exception:
            # The chain goes on without its log; whoever asks for the log is told.
            self._stopped = True
            log.exception("the checkpoint log stopped")

    def _behind(self) -> int:
        return self._engine.sealed_height - self._first + 1 - self._files.size

    def _stop_without_earlier(self) -> None:
        """Stop where heights that the log still needs never came here: after a snapshot."""
        if self._behind() > 0 and self._engine.store.base() > self._first + self._files.size:
            log.warning("earlier heights are not stored here: this node serves no log of them")
            with self._grown:
                self._stopped = True
                self._grown.notify_all()

    def _catch_up(self) -> bool:
        """Append what is sealed, a tile at most; gives whether there was anything."""
        self._stop_without_earlier()
        if self._stopped:
            return True
        size = self._files.size
        count = min(self._behind(), TILE - size % TILE)
        if count <= 0:
            return False
        start = self._first + size
        fresh = [notes.leaf_hash(self._entry(height)) for height in range(start, start + count)]
        with self._lock:
            self._files.extend(fresh)
            signed = 0 if self._signed is None else self._signed[0].size
            if signed and size < signed <= self._files.size:
                self._contradicted = not self._agrees(self._signed[0]) if self._signed else False
            if self._files.size - signed >= self._every and not self._contradicted:
                self._sign(self._files.size)
        with self._grown:
            self._grown.notify_all()
        return True

    def _wait(self, index: int, wait: float) -> None:
        deadline = time.monotonic() + wait
        with self._grown:
            while self._files.size <= index:
                if self._stopped:
                    raise LOG_NOT_SERVED()
                left = deadline - time.monotonic()
                if left <= 0 or self._closing:
                    raise NotYet(index + self._first)
                self._grown.wait(left)

    def _entry(self, height: int) -> bytes:
        block = self._engine.store.block(height)
        if block is None:
            raise StoreDamaged(f"block {height} is missing", height)
        return notes.leaf(block.header)

    # -- signing -------------------------------------------------------------------------------

    def _sign(self, size: int) -> bytes:
        signed = self._signed
        if self._stopped or size == 0 or (signed is not None and size < signed[0].size):
            raise LOG_NOT_SERVED()
        if self._contradicted or (signed is not None and not self._agrees(signed[0])):
            self._contradicted = True
            log.error("the chain contradicts a checkpoint that this node signed")
            height = self._first + (signed[0].size if signed else size) - 1
            raise LOG_CONTRADICTED(height=height)
        made = Checkpoint(self.origin, size, self._files.root(size))
        signature = nacl.bindings.crypto_sign(made.text().encode(), self._secret)[:64]
        line = NoteSignature(self.key.name, self.key.key_id, signature)
        note = Note(made.text(), (line,)).encode()
        self._files.sync()
        write_synced(self._signed_file, note)
        self._signed = made, note
        return note

    def _agrees(self, signed: Checkpoint) -> bool:
        """Whether the hashes at hand lead to a checkpoint that was signed."""
        try:
            return self._files.root(signed.size) == signed.root
        except IndexError:
            return False

    def _read_signed(self) -> tuple[Checkpoint, bytes] | None:
        try:
            note = self._signed_file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return Checkpoint.decode(Note.decode(note).text), note
        except Refusal:
            # Who does not know what was signed may contradict it.
            log.error("%s cannot be read: this node signs no checkpoint", self._signed_file)
            self._stopped = True
            return None
