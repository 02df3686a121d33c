"""Secret keys of one organisation at rest: one sealed file per matter, and nothing in the clear.

    <folder>/check.sealed                opens only under the right master key and organisation
    <folder>/service.sealed              key-service HPKE pairs, the last one current
    <folder>/duplicate.sealed            this member's share of the duplicate-enrolment key
    <folder>/signing/<key id>.sealed     one Ed25519 seed each
    <folder>/patients/<xx>/<patient>.sealed   all category keys of one patient, so that one person's
                                         keys are destroyed by deleting one file
    <folder>/../erasure/                 erasure keys (`erasure_keys.py`), beside and never inside,
                                         so that a copy of one folder is without the other

Files are 0600, folders 0700, each replaced whole (`durable.replace`). The master key stands in a
file outside the folder (`YILIAN_MASTER_KEY_FILE`), so that a copy of the folder alone opens
nothing. A seal names organisation and file: swapped files do not open. Putting an older copy of
the same file back is not detected here.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import Any

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.signing import SigningKey

from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault import durable
from yilian.vault.envelope import (
    KeyName,
    PrivateKey,
    binding,
    new_recipient,
)
from yilian.vault.erasure_keys import ErasureKeys
from yilian.vault.errors import (
    CATEGORY_KEY_MISSING,
    DUPLICATE_SHARE_MISSING,
    KEYSTORE_DAMAGED,
    KEYSTORE_EXPOSED,
    MASTER_KEY_EXPOSED,
    MASTER_KEY_MISSING,
    MASTER_KEY_WRONG,
    SERVICE_KEY_UNKNOWN,
    SIGNING_KEY_EXISTS,
    SIGNING_KEY_UNKNOWN,
)
from yilian.vault.sealer import Sealer as Sealer

MASTER_KEY_VARIABLE = "YILIAN_MASTER_KEY_FILE"
_RECENT = 64
_READY = 256
_MASTER_FORMAT = "yilian-master-key/1 "
_id_decoder = codec.decoder(codec.Id)


class CategoryKey:
    """A category's key pair with its name and generation; `key` is the id of its public key."""

    __slots__ = ("ended", "generation", "key", "name", "private")

    def __init__(
        self, key: str, name: KeyName, generation: int, private: PrivateKey, ended: bool
    ) -> None:
        self.key = key
        self.name = name
        self.generation = generation
        self.private = private
        self.ended = ended

    def __repr__(self) -> str:
        return f"<CategoryKey {self.key}>"


class _StoredKey(msgspec.Struct, frozen=True):
    key: str
    name: KeyName
    generation: int
    private: bytes
    ended: bool


class _StoredShare(msgspec.Struct, frozen=True):
    index: int
    scalar: bytes
    threshold: int = 1


def write_master_key(path: Path) -> None:
    """Make a master key file: format word, then 32 random bytes in base64url; mode 0600."""
    durable.make_folder(path.parent)
    durable.replace({path: (_MASTER_FORMAT + codec.to_text(secrets.token_bytes(32))).encode()})


def _read_master_key(path: Path) -> bytes:
    if not path.is_file():
        raise MASTER_KEY_MISSING()
    if path.stat().st_mode & 0o077:
        raise MASTER_KEY_EXPOSED()
    text = path.read_bytes().decode("ascii", "replace").rstrip("\r\n")
    try:
        key = codec.to_bytes(text.removeprefix(_MASTER_FORMAT))
    except Refusal:
        raise MASTER_KEY_WRONG() from None
    if not text.startswith(_MASTER_FORMAT) or len(key) != 32:
        raise MASTER_KEY_WRONG()
    return key


class Keystore:
    """The keys of one organisation. Safe for threads; one process at a time (the vault's lock)."""

    def __init__(self, folder: Path, organisation: str, master: bytes) -> None:
        self._folder = folder
        self._organisation = organisation
        self._master = master
        self._lock = RLock()
        self._files = self.sealer("keystore")
        # The last patients' keys, opened: a walk or a session asks for the same file many times.
        self._recent: dict[str, list[_StoredKey]] = {}
        self._ready: dict[str, CategoryKey] = {}
        self.erasure = ErasureKeys(folder.parent / "erasure", self.sealer("erasure"))

    def __repr__(self) -> str:
        return f"<Keystore of {self._organisation}>"

    @classmethod
    def open(cls, folder: Path, organisation: str, master_key_file: Path | None = None) -> Keystore:
        """Open the key store in a folder, or start one.

        The master key is in `master_key_file`, else in the file that `YILIAN_MASTER_KEY_FILE`
        names, else beside the folder's parent as `<name>.master-key`; there, a key is made for a
        new store. Refuses `master_key_missing`, `master_key_exposed` (mode wider than 0600),
        `master_key_wrong` and `keystore_exposed`.
        """
        check = folder / "check.sealed"
        named = master_key_file or os.environ.get(MASTER_KEY_VARIABLE)
        parent = folder.absolute().parent
        path = Path(named) if named else parent.with_name(parent.name + ".master-key")
        if not named and not path.exists() and not check.exists():
            write_master_key(path)
        store = cls(folder, organisation, _read_master_key(path))
        for each in (folder, folder / "signing", folder / "patients"):
            durable.make_folder(each)
        store._check_modes()
        for each in (folder, folder.parent / "erasure"):
            durable.clear_parts(each)
        if check.exists():
            try:
                store._read("check")
            except Refusal:
                raise MASTER_KEY_WRONG() from None
        else:
            store._write({"check": b"yilian-keystore/1"})
        return store

    def sealer(self, purpose: str, scope: str = "") -> Sealer:
        """Derive a key of its own for a purpose and scope (HKDF-SHA256, RFC 5869).

        One scope per batch keeps each derived key far below the number of seals it may make.
        """
        info = binding(purpose, organisation=self._organisation, scope=scope)
        return Sealer(self._derived(info))

    def mac(self, purpose: str, data: bytes) -> bytes:
        """Authenticate data under a key of its own for a purpose (HMAC-SHA256, RFC 2104)."""
        info = binding("mac", organisation=self._organisation, scope=purpose)
        return hmac.digest(self._derived(info), data, "sha256")

    def _derived(self, info: bytes) -> bytes:
        return HKDF(SHA256(), 32, None, info).derive(self._master)

    # Signing keys

    def new_signing_key(self, key: str) -> bytes:
        """Make an Ed25519 key under a key id and return its public key (32 bytes)."""
        return self.add_signing_key(key, secrets.token_bytes(32))

    def add_signing_key(self, key: str, seed: bytes) -> bytes:
        """Keep an Ed25519 seed (32 bytes, RFC 8032) under a key id; returns the public key."""
        if len(seed) != 32:
            raise MALFORMED()
        with self._lock:
            name = self._signing_name(key)
            if self._path(name).exists():
                raise SIGNING_KEY_EXISTS(key=key)
            self._write({name: seed})
        return bytes(SigningKey(seed).verify_key)

    def signing_keys(self) -> list[str]:
        """List the ids of the signing keys."""
        return sorted(path.stem for path in (self._folder / "signing").glob("*.sealed"))

    def public_key(self, key: str) -> bytes:
        """Give the public half of a signing key; refuses `signing_key_unknown`."""
        return bytes(self._signing_key(key).verify_key)

    def sign(self, key: str, message: bytes) -> bytes:
        """Sign with Ed25519 (64 bytes); the seed stays here. Refuses `signing_key_unknown`."""
        return self._signing_key(key).sign(message).signature

    def remove_signing_key(self, key: str) -> None:
        """Destroy a signing key; refuses `signing_key_unknown`."""
        with self._lock:
            self._signing_key(key)
            durable.remove(self._path(self._signing_name(key)))

    def _signing_key(self, key: str) -> SigningKey:
        name = self._signing_name(key)
        if not self._path(name).exists():
            raise SIGNING_KEY_UNKNOWN(key=key)
        return SigningKey(self._read(name))

    def _signing_name(self, key: str) -> str:
        return "signing/" + _checked_id(key)

    # The key service: the organisation's HPKE pair that grants are wrapped to

    def service_key(self) -> PrivateKey:
        """Give the current key-service pair; the first call makes it."""
        with self._lock:
            kept = self._service_keys()
            return kept[-1] if kept else self.rotate_service_key()

    def rotate_service_key(self) -> PrivateKey:
        """Make a new key-service pair; older ones are kept for opening what was wrapped to them."""
        with self._lock:
            made = new_recipient()
            kept = [each.export() for each in self._service_keys()]
            self._write({"service": codec.encode([*kept, made.export()])})
            return made

    def service_key_by_id(self, key: str) -> PrivateKey:
        """Find a key-service pair, current or old; refuses `service_key_unknown`."""
        for each in self._service_keys():
            if each.public.id == key:
                return each
        raise SERVICE_KEY_UNKNOWN(key=key)

    def _service_keys(self) -> list[PrivateKey]:
        if not self._path("service").exists():
            return []
        return [PrivateKey(each) for each in self._decode("service", list[bytes])]

    # Category keys

    def current_category_keys(self, names: Iterable[KeyName]) -> dict[KeyName, CategoryKey]:
        """Find the key in use for each name, making those that are missing; durable on return."""
        wanted: dict[str, set[KeyName]] = {}
        for name in names:
            wanted.setdefault(name.patient, set()).add(name)
        found: dict[KeyName, CategoryKey] = {}
        changed: dict[str, list[_StoredKey]] = {}
        with self._lock:
            for patient in sorted(wanted):
                kept = self._stored(patient)
                current = {each.name: each for each in kept if not each.ended}
                for name in sorted(wanted[patient]):
                    if name in current:
                        found[name] = _loaded(current[name])
                        continue
                    generation = _next_generation(kept, name)
                    made = new_recipient()
                    found[name] = CategoryKey(made.public.id, name, generation, made, ended=False)
                    kept.append(_to_store(found[name]))
                    changed[patient] = kept
            self._store(changed)
        return found

    def category_keys(self, patient: str) -> list[CategoryKey]:
        """List all category keys of a patient, ended ones too, in order of name and generation."""
        stored = sorted(self._stored(patient), key=lambda each: (each.name, each.generation))
        return [_loaded(each) for each in stored]

    def category_key(self, patient: str, key: str) -> CategoryKey:
        """Find one category key by the id of its public key; refuses `category_key_missing`."""
        for each in self._stored(patient):
            if each.key == key:
                return self._made_ready(each)
        raise CATEGORY_KEY_MISSING(key=key)

    def _made_ready(self, stored: _StoredKey) -> CategoryKey:
        """Give a key pair made from its seed, which costs more than all else about finding it."""
        with self._lock:
            found = self._ready.get(stored.key)
            if found is None or found.ended != stored.ended:
                if len(self._ready) >= _READY:
                    self._ready.clear()
                found = self._ready[stored.key] = _loaded(stored)
            return found

    def end_category_keys(self, patient: str) -> None:
        """End the period of all of a patient's keys: the next deposit makes new ones.

        For a revocation. Ended keys still open what was put under them.
        """
        with self._lock:
            kept = [msgspec.structs.replace(each, ended=True) for each in self._stored(patient)]
            if kept:
                self._store({patient: kept})

    def destroy_category_keys(self, patient: str, keys: Iterable[str]) -> None:
        """Destroy some category keys of a patient by their ids; with the last one the file goes."""
        gone = frozenset(keys)
        with self._lock:
            stored = self._stored(patient)
            kept = [each for each in stored if each.key not in gone]
            if kept and len(kept) < len(stored):
                self._store({patient: kept})
            elif stored and not kept:
                self._recent.pop(patient, None)
                self._ready.clear()
                durable.remove(self._path(_patient_name(patient)))

    def _stored(self, patient: str) -> list[_StoredKey]:
        name = _patient_name(patient)
        if not self._path(name).exists():
            return []
        with self._lock:
            if patient not in self._recent:
                if len(self._recent) >= _RECENT:
                    self._recent.pop(next(iter(self._recent)))
                self._recent[patient] = self._decode(name, list[_StoredKey])
            return list(self._recent[patient])

    def _store(self, changed: dict[str, list[_StoredKey]]) -> None:
        files = {_patient_name(patient): codec.encode(kept) for patient, kept in changed.items()}
        for patient in changed:
            self._recent.pop(patient, None)
        # What was destroyed must not live on in memory.
        self._ready.clear()
        self._write(files)

    # Duplicate enrolment

    def keep_duplicate_share(self, index: int, scalar: bytes, threshold: int = 1) -> None:
        """Keep this member's share of the duplicate-enrolment key (`duplicates.Share`).

        `threshold` says how many members answer together; with 1 the share is the whole key.
        """
        self._write({"duplicate": codec.encode(_StoredShare(index, scalar, threshold))})

    def duplicate_share(self) -> tuple[int, bytes]:
        """Give the share: its index and scalar; refuses `duplicate_share_missing`."""
        if not self._path("duplicate").exists():
            raise DUPLICATE_SHARE_MISSING()
        kept = self._decode("duplicate", _StoredShare)
        return kept.index, kept.scalar

    def duplicate_threshold(self) -> int | None:
        """Say how many members answer together; None where no share is kept here."""
        if not self._path("duplicate").exists():
            return None
        return int(self._decode("duplicate", _StoredShare).threshold)

    # Files

    def _path(self, name: str) -> Path:
        return self._folder / (name + ".sealed")

    def _decode(self, name: str, type_: Any) -> Any:
        try:
            return msgspec.json.decode(self._read(name), type=type_)
        except msgspec.MsgspecError:
            raise KEYSTORE_DAMAGED(name=name) from None

    def _read(self, name: str) -> bytes:
        try:
            return self._files.open(self._path(name).read_bytes(), binding("file", name=name))
        except (Refusal, OSError):
            raise KEYSTORE_DAMAGED(name=name) from None

    def _write(self, contents: dict[str, bytes]) -> None:
        files = {
            self._path(name): self._files.seal(content, binding("file", name=name))
            for name, content in contents.items()
        }
        for folder in {path.parent for path in files}:
            durable.make_folder(folder)
        durable.replace(files)

    def _check_modes(self) -> None:
        signing = self._folder / "signing"
        for path in (self._folder, *self._folder.iterdir(), *signing.iterdir()):
            if path.stat().st_mode & 0o077:
                raise KEYSTORE_EXPOSED(name=str(path.relative_to(self._folder)))
        for path in self.erasure.exposed():
            raise KEYSTORE_EXPOSED(name=path.name)


def _checked_id(text: str) -> str:
    """Ids become file names, so nothing but an id may pass."""
    codec.decode_with(_id_decoder, codec.encode(text))
    return text


def _patient_name(patient: str) -> str:
    fan = hashlib.sha256(_checked_id(patient).encode()).hexdigest()[:2]
    return f"patients/{fan}/{patient}"


def _next_generation(kept: Iterable[_StoredKey], name: KeyName) -> int:
    return 1 + max((each.generation for each in kept if each.name == name), default=-1)


def _to_store(key: CategoryKey) -> _StoredKey:
    return _StoredKey(key.key, key.name, key.generation, key.private.export(), key.ended)


def _loaded(stored: _StoredKey) -> CategoryKey:
    private = PrivateKey(stored.private)
    return CategoryKey(stored.key, stored.name, stored.generation, private, stored.ended)
