"""One random key per person, for what is worked out from their records: index and origins.

    <folder>/<xx>/<patient>.sealed   32 random bytes, sealed under the master key

Erasing a person deletes this one file, and with it everything sealed under the key in every copy of
the database. The key cannot be derived again: the master key alone does not bring it back. So this
folder belongs to the erasure keys' backup, which expires, and never to the ordinary one. What a
file system keeps of a deleted file is still sealed under the master key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from hmac import digest
from pathlib import Path
from threading import RLock

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yilian.gateway.content.errors import CONTENT_SEAL_BROKEN
from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal
from yilian.vault import durable
from yilian.vault.envelope import binding, new_key, open_sealed, seal
from yilian.vault.keystore import Keystore, Sealer

_RECENT = 256
_TOKEN = 16
_id_decoder = codec.decoder(Id)


class ContentKey:
    """One person's key: seals what their records say, and blinds what it is found by."""

    __slots__ = ("_blinding", "_sealing")

    def __init__(self, key: bytes) -> None:
        self._sealing = _derived(key, "values")
        self._blinding = _derived(key, "tokens")

    def __repr__(self) -> str:
        return "<ContentKey>"

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """Encrypt, as `envelope.seal`."""
        return seal(self._sealing, content, associated)

    def open(self, sealed: bytes, associated: bytes, record: str) -> bytes:
        """Decrypt; refuses `content.seal_broken` (naming the record) if bytes or place differ."""
        try:
            return open_sealed(self._sealing, sealed, associated)
        except Refusal:
            raise CONTENT_SEAL_BROKEN(record=record) from None

    def token(self, word: str) -> bytes:
        """Blind a search word: the first 16 bytes of its HMAC-SHA256 (RFC 2104).

        Under another person's key the same word is another token, so the tokens of a database do
        not tell how often a code occurs, and mean nothing once the key is gone.
        """
        return digest(self._blinding, word.encode(), "sha256")[:_TOKEN]


class ContentKeys:
    """The keys of all persons of one organisation. Safe for threads; one process at a time."""

    def __init__(self, folder: Path, keystore: Keystore) -> None:
        """Open the folder, or start it."""
        self._folder = folder
        self._keystore = keystore
        self._lock = RLock()
        self._recent: OrderedDict[str, ContentKey] = OrderedDict()
        durable.make_folder(folder)
        durable.clear_parts(folder)

    def find(self, patient: str) -> ContentKey | None:
        """Find a person's key, or None where there is none (any more)."""
        with self._lock:
            return self._known(patient)

    def current(self, patient: str) -> ContentKey:
        """Find a person's key; the first call makes it, durably. Refuses `malformed` ids."""
        with self._lock:
            found = self._known(patient)
            if found is not None:
                return found
            path = self._path(patient)
            key = new_key()
            durable.make_folder(path.parent)
            durable.replace({path: self._sealer(patient).seal(key, _place(patient))})
            return self._remember(patient, ContentKey(key))

    def destroy(self, patient: str) -> None:
        """Destroy a person's key durably; again is fine."""
        with self._lock:
            self._recent.pop(patient, None)
            path = self._path(patient)
            if path.exists():
                durable.remove(path)

    def persons(self) -> list[str]:
        """List who has a key, by id."""
        return sorted(path.stem for path in self._folder.glob("??/*.sealed"))

    def _known(self, patient: str) -> ContentKey | None:
        if patient in self._recent:
            self._recent.move_to_end(patient)
            return self._recent[patient]
        path = self._path(patient)
        if not path.exists():
            return None
        try:
            key = self._sealer(patient).open(path.read_bytes(), _place(patient))
        except Refusal:
            raise CONTENT_SEAL_BROKEN(record=patient) from None
        return self._remember(patient, ContentKey(key))

    def _remember(self, patient: str, key: ContentKey) -> ContentKey:
        self._recent[patient] = key
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return key

    def _sealer(self, patient: str) -> Sealer:
        return self._keystore.sealer("content-key", patient)

    def _path(self, patient: str) -> Path:
        codec.decode_with(_id_decoder, codec.encode(patient))
        fan = hashlib.sha256(patient.encode()).hexdigest()[:2]
        return self._folder / fan / f"{patient}.sealed"


def _place(patient: str) -> bytes:
    return binding("content-key", patient=patient)


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, binding(purpose)).derive(key)
