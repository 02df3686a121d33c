"""Signers: objects that hold a key and sign; a key is never a string parameter.

A key file is one JSON object, mode 0600, in one of two forms:

    yilian-key/1         the Ed25519 seed sealed with AES-256-GCM under Argon2id of a passphrase
    yilian-open-key/1    the seed in the clear, for programs on a machine that guards the file

Both carry the public key, which is read without the passphrase; the seal binds all that stands in
the clear, so that a swapped public key does not open. A file `yilian-public-key/1` holds a public
key alone. Sources: RFC 8032 (Ed25519), RFC 9106 section 4 (Argon2id, second recommended option),
NIST SP 800-38D (GCM).
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec
import nacl.bindings
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from yilian.ledger import codec, keys
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey
from yilian.sdk.errors import KeyFileError

MAX_FILE = 4_096
MAX_PASSPHRASE = 1_024
MIN_PASSPHRASE = 8

Passphrase = Callable[[], bytes]
"""Asked only when a sealed file is opened or made: a prompt, or `passphrase_file`."""


class Signer(Protocol):
    """What a draft asks of whoever signs: a token or a remote service serves as well as a file."""

    @property
    def key(self) -> PublicKey:
        """The public key that verifies."""

    @property
    def key_id(self) -> str:
        """The key's name on the chain."""

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes."""


class _Argon2id(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounded, so that a planted file cannot take all memory of who opens it."""

    salt: codec.Binary
    iterations: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4
    memory_kib: Annotated[int, msgspec.Meta(ge=8_192, le=1_048_576)] = 65_536
    name: Literal["argon2id"] = "argon2id"


class _Public(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag="yilian-public-key/1",
    tag_field="format",
):
    key: PublicKey


class _Open(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag="yilian-open-key/1",
    tag_field="format",
):
    key: PublicKey
    seed: codec.Digest

    def __repr__(self) -> str:
        return "<key file>"


class _Sealed(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag="yilian-key/1",
    tag_field="format",
):
    key: PublicKey
    kdf: _Argon2id
    nonce: codec.Binary
    sealed: codec.Binary


class Ed25519Signer:
    """An Ed25519 key in this process's memory (RFC 8032, as libsodium makes it)."""

    __slots__ = ("_secret", "key", "key_id")

    def __init__(self, seed: bytes) -> None:
        """Take 32 secret bytes. Raises ValueError for any other length."""
        if len(seed) != 32:
            raise ValueError("a seed is 32 bytes")
        public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.key = PublicKey("ed25519", codec.to_text(public))
        self.key_id = keys.key_id(self.key)

    def __repr__(self) -> str:
        return f"<Ed25519Signer {self.key_id}>"

    def __reduce__(self) -> Any:
        raise TypeError("a signer is not copied or pickled")

    @classmethod
    def generate(cls) -> Ed25519Signer:
        """Make a key from the system's random source."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: Path, passphrase: Passphrase | None = None) -> Ed25519Signer:
        """Read a key file of ours that nobody else may read.

        Raises KeyFileError: `key_file_missing`, `key_file_exposed`, `key_file_damaged`,
        `key_file_public`, `passphrase_missing`, `passphrase_wrong`.
        """
        held = _read(path, private=True)
        if isinstance(held, _Public):
            raise KeyFileError("key_file_public", path)
        if isinstance(held, _Sealed):
            if passphrase is None:
                raise KeyFileError("passphrase_missing", path)
            seed = _open(held, _checked(passphrase(), path), path)
        else:
            seed = codec.to_bytes(held.seed)
        signer = cls(seed)
        if signer.key != held.key:
            raise KeyFileError("key_file_damaged", path)
        return signer

    def write(self, path: Path, passphrase: Passphrase | None) -> None:
        """Write a new key file, sealed unless `passphrase` is None; never over another file.

        Raises KeyFileError: `key_file_exists`, `key_file_not_written`, `passphrase_short`.
        """
        seed = self._secret[:32]
        held: _Open | _Sealed
        if passphrase is None:
            held = _Open(self.key, codec.to_text(seed))
        else:
            held = _seal(self.key, seed, _checked(passphrase(), path))
        _create(path, codec.encode(held) + b"\n")

    def sign(self, message: bytes) -> bytes:
        """Sign these bytes; 64 bytes come back."""
        return nacl.bindings.crypto_sign(message, self._secret)[:64]


def read_public(path: Path) -> PublicKey:
    """Read the public key of any key file, sealed or not. Raises KeyFileError as `read` does."""
    return _read(path, private=False).key


def write_public(path: Path, key: PublicKey) -> None:
    """Write a file that holds a public key alone. Raises KeyFileError as `write` does."""
    _create(path, codec.encode(_Public(key)) + b"\n")


def passphrase_file(path: Path) -> Passphrase:
    """Take the passphrase from the first line of a file that nobody else may read."""

    def read() -> bytes:
        text, exposed = _bytes_of(path)
        if exposed:
            raise KeyFileError("key_file_exposed", path)
        return text.partition(b"\n")[0].rstrip(b"\r")

    return read


def _checked(passphrase: bytes, path: Path) -> bytes:
    if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
        raise KeyFileError("passphrase_short", path)
    return passphrase


def _seal(key: PublicKey, seed: bytes, passphrase: bytes) -> _Sealed:
    kdf = _Argon2id(codec.to_text(secrets.token_bytes(16)))
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(_stretch(passphrase, kdf)).encrypt(nonce, seed, _binding(key, kdf))
    return _Sealed(key, kdf, codec.to_text(nonce), codec.to_text(sealed))


def _open(held: _Sealed, passphrase: bytes, path: Path) -> bytes:
    try:
        nonce, sealed = codec.to_bytes(held.nonce), codec.to_bytes(held.sealed)
        cipher = AESGCM(_stretch(passphrase, held.kdf))
        if len(nonce) != 12 or len(sealed) != 48:
            raise KeyFileError("key_file_damaged", path)
        return cipher.decrypt(nonce, sealed, _binding(held.key, held.kdf))
    except InvalidTag:
        raise KeyFileError("passphrase_wrong", path) from None
    except (Refusal, ValueError):
        raise KeyFileError("key_file_damaged", path) from None


def _stretch(passphrase: bytes, kdf: _Argon2id) -> bytes:
    return Argon2id(
        salt=codec.to_bytes(kdf.salt),
        length=32,
        iterations=kdf.iterations,
        lanes=kdf.lanes,
        memory_cost=kdf.memory_kib,
    ).derive(passphrase)


def _binding(key: PublicKey, kdf: _Argon2id) -> bytes:
    return b"yilian/key-file/1\n" + codec.encode([key, kdf])


_reader = codec.decoder(_Public | _Open | _Sealed)


def _read(path: Path, *, private: bool) -> _Public | _Open | _Sealed:
    text, exposed = _bytes_of(path)
    try:
        held: _Public | _Open | _Sealed = _reader.decode(text)
        codec.to_bytes(held.key.public)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Refusal):
        raise KeyFileError("key_file_damaged", path) from None
    if private and exposed and not isinstance(held, _Public):
        raise KeyFileError("key_file_exposed", path)
    return held


def _bytes_of(path: Path) -> tuple[bytes, bool]:
    """Read a small regular file; tells too whether it is another's or open to others."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise KeyFileError("key_file_missing", path) from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise KeyFileError("key_file_damaged", path)
        exposed = bool(about.st_mode & 0o077) or about.st_uid != os.geteuid()
        data = os.read(handle, MAX_FILE + 1)
    except OSError:
        raise KeyFileError("key_file_missing", path) from None
    finally:
        os.close(handle)
    if len(data) > MAX_FILE:
        raise KeyFileError("key_file_damaged", path)
    return data, exposed


def _create(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 that did not exist: whole and on the disk, or not at all."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
            os.link(part, path)
        finally:
            part.unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise KeyFileError("key_file_exists", path) from None
    except OSError:
        raise KeyFileError("key_file_not_written", path) from None
