"""A witness outside the consortium: it sees that a log only grows, and signs what it has seen.

It pulls checkpoints from one or more members, keeps every leaf's hash itself, and cosigns
(tlog-cosignature, Ed25519 and ML-DSA-44) the largest checkpoint that enough members show and that
extends the last one it signed. What it signed is synced before a cosignature leaves, so no crash
makes it sign two roots for one size. Two roots for one size are kept as evidence (both signed
notes), and with evidence in its folder it signs nothing more: a person must look first.

    witness.json                  name and pinned log keys
    ed25519.key, ml-dsa-44.key    seeds, mode 0600
    hashes/                       leaf hashes, and the hashes of tiles above them
    signed                        the last cosigned note
    seen.json                     the largest size that each log key signed
    evidence/                     contradictions found
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import nacl.bindings
import nacl.exceptions
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from yilian.ledger import checkpoint as notes
from yilian.ledger import codec, merkle
from yilian.ledger.checkpoint import TILE, Checkpoint, Note, NoteSignature, VerifierKey
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.node.config import ConfigurationError
from yilian.node.log import HashFiles, write_synced

NO_LOG_KEY = code(9485, "witness_no_log_key", 400)
HALTED = code(9486, "witness_halted", 409, "evidence")
SPLIT_VIEW = code(9487, "witness_split_view", 409, "size", "evidence")
NO_AGREEMENT = code(9488, "witness_no_agreement", 409, "found", "needed")
BUSY = code(9489, "witness_busy", 409)
FOLDER_OF_ANOTHER = code(9490, "witness_folder_of_another", 409)

MOST_AT_ONCE = 1 << 22
"""Leaves that are fetched in one round: a member that claims more is not believed."""

Fetch = Callable[[str], bytes | None]
"""Gives what a member serves below its log's address; None where it has none of it.

Raises OSError where the member is not reached.
"""


class Member(NamedTuple):
    """A log to ask: what to call it, and how to fetch from it."""

    name: str
    fetch: Fetch


class Problem(NamedTuple):
    """Why a member's log was not counted in a round; `reason` is a stable word."""

    member: str
    reason: str


class Round(NamedTuple):
    """What one round did: the size last cosigned, whether that is new, and who was not counted."""

    size: int
    signed: bool
    problems: tuple[Problem, ...]


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    log_keys: list[str]
    format: str = "yilian-witness/1"


class _View(NamedTuple):
    member: Member
    note: Note
    checkpoint: Checkpoint
    keys: tuple[VerifierKey, ...]


class _NotCounted(Exception):
    """A member's log is not counted in this round."""


class Grown:
    """Stored hashes with fresh leaves behind them, before anything is written."""

    def __init__(self, files: HashFiles, fresh: Sequence[bytes]) -> None:
        self._files = files
        self._fresh = fresh
        self._made: dict[tuple[int, int], bytes] = {}

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """Give hashes of a tile level, made where they are not stored."""
        return [self._one(level, index) for index in range(first, first + count)]

    def root(self, size: int) -> bytes:
        """Compute the root over the first leaves."""
        return notes.root(self.hashes, size)

    def _one(self, level: int, index: int) -> bytes:
        if (index + 1) << 8 * level <= self._files.size:
            return self._files.hashes(level, index, 1)[0]
        if level == 0:
            return self._fresh[index - self._files.size]
        if (level, index) not in self._made:
            below = self.hashes(level - 1, index * TILE, TILE)
            self._made[level, index] = notes.fold(below)
        return self._made[level, index]


class Witness:
    """A witness's folder, opened by one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open a witness that `make` made.

        Raises ConfigurationError; refuses `witness_busy` while another process has it open.
        """
        self._folder = folder
        try:
            raw = (folder / "witness.json").read_bytes()
            self._config = msgspec.json.decode(raw, type=_Config)
            seeds = [_seed(folder / f"{name}.key") for name in ("ed25519", "ml-dsa-44")]
        except (OSError, msgspec.MsgspecError, Refusal) as error:
            raise ConfigurationError(f"{folder} holds no witness that can be read") from error
        self._ml_dsa = MLDSA44PrivateKey.from_seed_bytes(seeds[1])
        public, self._ed25519 = nacl.bindings.crypto_sign_seed_keypair(seeds[0])
        other = self._ml_dsa.public_key().public_bytes_raw()
        self.keys = (
            VerifierKey(self._config.name, notes.COSIGN_ED25519, bytes(public)),
            VerifierKey(self._config.name, notes.COSIGN_ML_DSA_44, other),
        )
        self.log_keys = tuple(VerifierKey.decode(each) for each in self._config.log_keys)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise BUSY() from None
        self._signed = self._read_signed()
        self._seen = self._read_seen()
        self._files = HashFiles(folder / "hashes")
        # Leaves are written before they are signed for: a crash between leaves some too many.
        self._files.cut(0 if self._signed is None else self._signed[0].size)
        if self._signed and not self._holds(self._signed[0]):
            self._files.cut(0)

    @classmethod
    def make(cls, folder: Path, name: str, log_keys: Sequence[VerifierKey] = ()) -> Witness:
        """Make a witness's keys and folder. Raises FileExistsError; refuses a `malformed` name."""
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(folder)
        VerifierKey.decode(VerifierKey(name, notes.COSIGN_ED25519, bytes(32)).encode())
        folder.mkdir(parents=True, exist_ok=True)
        for each in ("ed25519", "ml-dsa-44"):
            _write_seed(folder / f"{each}.key")
        _write_config(folder, _Config(name=name, log_keys=[each.encode() for each in log_keys]))
        return cls(folder)

    def pin(self, key: VerifierKey) -> None:
        """Believe checkpoints of one more log key; its name must be that of the others."""
        if key.kind != notes.ED25519 or any(each.name != key.name for each in self.log_keys):
            raise MALFORMED()
        if key not in self.log_keys:
            self.log_keys = (*self.log_keys, key)
            told = [each.encode() for each in self.log_keys]
            self._config = _Config(name=self._config.name, log_keys=told)
            _write_config(self._folder, self._config)

    def close(self) -> None:
        """Close the files and let another process open the folder."""
        if self._lock >= 0:
            self._files.close()
            os.close(self._lock)
            self._lock = -1

    @property
    def cosigned(self) -> tuple[Checkpoint, bytes] | None:
        """The newest checkpoint that was cosigned, and its note."""
        return self._signed

    # -- a round -------------------------------------------------------------------------------

    def watch(
        self, members: Sequence[Member], needed: int | None = None, now: int | None = None
    ) -> Round:
        """Ask every member once, and cosign what is new and shown by `needed` of them (most).

        Refuses `witness_no_log_key`, `witness_halted`, `witness_split_view`,
        `witness_no_agreement`. `now` is in seconds since 1970.
        """
        if not self.log_keys:
            raise NO_LOG_KEY()
        self._require_no_evidence()
        needed = len(members) // 2 + 1 if needed is None else needed
        views, problems = self._views(members)
        self._compare(views)
        own = 0 if self._signed is None else self._signed[0].size
        grown: list[tuple[_View, Grown]] = []
        for view in [each for each in views if each.checkpoint.size > self._files.size]:
            try:
                grown.append((view, self._extend(view)))
            except _NotCounted as reason:
                problems.append(Problem(view.member.name, str(reason)))
                views.remove(view)
        self._compare_grown(grown)
        self._see(views)
        self._refill(own, grown)
        if len(views) < max(1, needed):
            raise NO_AGREEMENT(found=len(views), needed=needed)
        sizes = sorted((each.checkpoint.size for each in views), reverse=True)
        size = sizes[needed - 1]
        if size <= own:
            return Round(own, signed=False, problems=tuple(problems))
        showing = [(view, tree) for view, tree in grown if view.checkpoint.size == size]
        self._sign([view for view, _ in showing], showing[0][1], int(now or time.time()))
        return Round(size, signed=True, problems=tuple(problems))

    def _views(self, members: Sequence[Member]) -> tuple[list[_View], list[Problem]]:
        views, problems = [], []
        for member in members:
            try:
                views.append(self._view(member))
            except _NotCounted as reason:
                problems.append(Problem(member.name, str(reason)))
        return views, problems

    def _view(self, member: Member) -> _View:
        data = _fetched(member, "checkpoint")
        if data is None:
            raise _NotCounted("unreachable")
        try:
            note = Note.decode(data)
            found = Checkpoint.decode(note.text)
        except Refusal:
            raise _NotCounted("malformed") from None
        keys = []
        for key in self.log_keys:
            for each in note.by(key):
                if not verify_ed25519(key.public, note.text.encode(), each.signature):
                    raise _NotCounted("bad_signature")
                keys.append(key)
        if not keys:
            raise _NotCounted("unknown_key")
        if found.origin != self.log_keys[0].name or found.size == 0:
            raise _NotCounted("wrong_origin" if found.size else "empty")
        shrank = any(found.size < self._seen.get(key.encode(), 0) for key in keys)
        view = _View(member, note, found, tuple(keys))
        if shrank:
            # A log that says less than it said may also say something else.
            self._compare([view])
            raise _NotCounted("shrank")
        return view

    def _compare(self, views: Sequence[_View]) -> None:
        """Find two roots for one size, among the views and with what was cosigned."""
        own = self._signed
        for at, view in enumerate(views):
            found = view.checkpoint
            if own is not None and self._differs(found, own[0]):
                self._halt(found.size, Note.decode(own[1]), view.note)
            for other in views[:at]:
                if other.checkpoint.size == found.size and other.checkpoint.root != found.root:
                    self._halt(found.size, other.note, view.note)

    def _differs(self, found: Checkpoint, own: Checkpoint) -> bool:
        if found.size == own.size:
            return found.root != own.root
        held = found.size < own.size and found.size <= self._files.size
        return held and self._files.root(found.size) != found.root

    def _compare_grown(self, grown: Sequence[tuple[_View, Grown]]) -> None:
        """Find a smaller view that a larger one, known leaf by leaf, does not go on from."""
        for view, tree in grown:
            for other, _ in grown:
                small = other.checkpoint
                if small.size < view.checkpoint.size and tree.root(small.size) != small.root:
                    self._halt(small.size, other.note, view.note)

    def _extend(self, view: _View) -> Grown:
        """Fetch the leaves that a view has more, and check that they lead to its root."""
        start, found = self._files.size, view.checkpoint
        if found.size - start > MOST_AT_ONCE:
            raise _NotCounted("too_far")
        fresh: list[bytes] = []
        for index in range(start // TILE, -(-found.size // TILE)):
            width = min(TILE, found.size - index * TILE)
            tile = _tile(view.member, 0, index, width)
            fresh += tile[max(0, start - index * TILE) :]
        tree = Grown(self._files, fresh)
        own = self._signed
        extends = own is None or tree.root(own[0].size) == own[0].root
        if extends and tree.root(found.size) == found.root:
            return tree
        if own is not None:
            self._accuse(view, own[0])
        raise _NotCounted("tiles_differ")

    def _accuse(self, view: _View, own: Checkpoint) -> None:
        """Halt where a member's own tiles prove that its log does not go on from what we signed."""
        found = view.checkpoint

        def stored(level: int, first: int, count: int) -> Sequence[bytes]:
            index = first // TILE
            width = min(TILE, (found.size >> 8 * level) - index * TILE)
            at = first - index * TILE
            return _tile(view.member, level, index, width)[at : at + count]

        told = notes.root(stored, own.size)
        path = notes.consistency(stored, own.size, found.size)
        proved = merkle.consistent(told, own.size, found.root, found.size, path)
        if proved and told != own.root and self._signed is not None:
            self._halt(own.size, Note.decode(self._signed[1]), view.note)

    def _refill(self, own: int, grown: Sequence[tuple[_View, Grown]]) -> None:
        """Get the leaves of what was signed back, where the files were lost."""
        start = self._files.size
        for view, tree in grown:
            if start < own <= view.checkpoint.size:
                self._files.extend(tree.hashes(0, start, own - start))
                return

    # -- signing -------------------------------------------------------------------------------

    def _see(self, views: Sequence[_View]) -> None:
        seen = dict(self._seen)
        for view in views:
            for key in view.keys:
                name = key.encode()
                seen[name] = max(seen.get(name, 0), view.checkpoint.size)
        if seen != self._seen:
            write_synced(self._folder / "seen.json", msgspec.json.encode(seen))
            self._seen = seen

    def _sign(self, views: Sequence[_View], tree: Grown, seconds: int) -> None:
        found = views[0].checkpoint
        lines = {
            (each.name, each.key_id): each
            for view in views
            for key in view.keys
            for each in view.note.by(key)[:1]
        }
        note = Note(found.text(), (*lines.values(), *self._cosignatures(found, seconds)))
        start = self._files.size
        self._files.extend(tree.hashes(0, start, found.size - start))
        self._files.sync()
        # From here on the signature exists: nothing else may ever be signed for this size.
        write_synced(self._folder / "signed", note.encode())
        self._signed = found, note.encode()

    def _cosignatures(self, found: Checkpoint, seconds: int) -> list[NoteSignature]:
        text = notes.cosignature_text(found, seconds)
        classic = nacl.bindings.crypto_sign(text, self._ed25519)[:64]
        modern = self._ml_dsa.sign(notes.subtree_text(found, seconds, self._config.name))
        signatures = (classic, modern)
        return [
            NoteSignature(key.name, key.key_id, notes.timestamped(seconds, signature))
            for key, signature in zip(self.keys, signatures, strict=True)
        ]

    def _halt(self, size: int, one: Note, other: Note) -> None:
        """Keep both notes and refuse."""
        told = [each.encode().decode() for each in (one, other)]
        name = f"split-view-{size}-{merkle.sha256(''.join(told).encode()).hex()[:16]}.json"
        document = {"format": "yilian-split-view/1", "size": size, "notes": told}
        write_synced(self._folder / "evidence" / name, msgspec.json.encode(document) + b"\n")
        raise SPLIT_VIEW(size=size, evidence=name)

    def evidence(self) -> list[Path]:
        """List the contradictions that were found and that nobody has taken away."""
        return sorted((self._folder / "evidence").glob("*.json"))

    def _require_no_evidence(self) -> None:
        for each in self.evidence():
            raise HALTED(evidence=each.name)

    # -- publishing ----------------------------------------------------------------------------

    def publish(self, folder: Path) -> None:
        """Write the cosigned checkpoint and its tiles to a second medium, as static tlog-tiles.

        Besides `checkpoint` the first one of each UTC day stays in `checkpoints/`. Evidence is
        copied too. Refuses `witness_folder_of_another` where another log stands there.
        """
        for each in self.evidence():
            write_synced(folder / "evidence" / each.name, each.read_bytes())
        if self._signed is None or not self._holds(self._signed[0]):
            return
        found, note = self._signed
        before = self._published(folder)
        for level, index, width in notes.tiles(found.size, before):
            data = b"".join(self._files.hashes(level, index * TILE, width))
            write_synced(folder / notes.tile_path(level, index, width), data)
        day = time.strftime("%Y-%m-%d", time.gmtime(_time_of(note, self.keys[0])))
        first = folder / "checkpoints" / day
        if not first.exists():
            write_synced(first, note)
        write_synced(folder / "checkpoint", note)
        _drop_partial(folder, found.size, before)

    def _published(self, folder: Path) -> int:
        """The size that stands there whole already; 0 where nothing does."""
        try:
            there = Checkpoint.decode(Note.decode((folder / "checkpoint").read_bytes()).text)
        except (FileNotFoundError, Refusal):
            return 0
        if there.origin != self.log_keys[0].name or there.size > self._files.size:
            raise FOLDER_OF_ANOTHER()
        if self._files.root(there.size) != there.root:
            raise FOLDER_OF_ANOTHER()
        return there.size

    # -- state ---------------------------------------------------------------------------------

    def _holds(self, found: Checkpoint) -> bool:
        try:
            return self._files.root(found.size) == found.root
        except IndexError:
            return False

    def _read_signed(self) -> tuple[Checkpoint, bytes] | None:
        try:
            note = (self._folder / "signed").read_bytes()
        except FileNotFoundError:
            return None
        return Checkpoint.decode(Note.decode(note).text), note

    def _read_seen(self) -> dict[str, int]:
        try:
            raw = (self._folder / "seen.json").read_bytes()
        except FileNotFoundError:
            return {}
        return msgspec.json.decode(raw, type=dict[str, int])


def verify_ed25519(public: bytes, text: bytes, signature: bytes) -> bool:
    """Check a plain Ed25519 signature (RFC 8032), as signed-note asks for."""
    if len(signature) != 64:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + text, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def _fetched(member: Member, path: str) -> bytes | None:
    try:
        return member.fetch(path)
    except OSError:
        raise _NotCounted("unreachable") from None


def _tile(member: Member, level: int, index: int, width: int) -> list[bytes]:
    """Fetch a tile; where the partial one is gone, the full one holds it."""
    digest = merkle.DIGEST
    data = _fetched(member, notes.tile_path(level, index, width))
    if data is None and width < TILE:
        data = (_fetched(member, notes.tile_path(level, index)) or b"")[: width * digest]
    if data is None or len(data) != width * digest:
        raise _NotCounted("tiles_missing")
    return [data[at : at + digest] for at in range(0, len(data), digest)]


def _time_of(note: bytes, key: VerifierKey) -> int:
    return int.from_bytes(Note.decode(note).by(key)[0].signature[:8], "big")


def _drop_partial(folder: Path, size: int, before: int) -> None:
    """Remove partial tiles that a later one holds whole."""
    for level, index, width in notes.tiles(size, before):
        parts = folder / (notes.tile_path(level, index) + ".p")
        for each in parts.glob("*") if parts.is_dir() else ():
            if each.name.isdecimal() and (int(each.name) < width or width == TILE):
                each.unlink()
        if width == TILE and parts.is_dir():
            parts.rmdir()


def _write_config(folder: Path, config: _Config) -> None:
    text = msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"
    write_synced(folder / "witness.json", text)


def _write_seed(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(codec.to_text(secrets.token_bytes(32)).encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _seed(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} is readable by others: chmod 600 {path}")
    return codec.to_bytes(path.read_text("ascii").strip())
