"""Erasure keys: the second layer around each ciphertext at rest. Losing one is the erasure.

    <folder>/<xx>/<batch>.sealed    the erasure keys of one batch: one random key for each patient

A record's own key is derived from its patient's key (HKDF-Expand, RFC 5869, section 2.3), so a
batch of 300 records costs one file and one key. To erase some records of a batch the patients' keys
are replaced by the derived keys of the records that stay: what is not written down again is gone,
no payload is rewritten, and older backups of the payloads that stay still open. Since a derived key
tells nothing of its parent, what is gone cannot be derived again.

A file is written once at the deposit and replaced whole at an erasure (`durable.replace`); with its
last key the file goes. One file for a batch, not for a patient: a later deposit then leaves no
older copy of earlier keys behind. A file system may still keep the blocks of a replaced file
(journals, copy on write, snapshots, wear levelling of SSDs). Therefore the files are sealed under
the master key, which stands outside; the folder is backed up apart, in backups that expire
(`backup.py`); and it belongs on a volume without snapshots. Who had a copy of a file AND the master
key before the erasure keeps what they could open before it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path
from threading import RLock

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import durable
from yilian.vault.envelope import binding, new_key
from yilian.vault.errors import KEYSTORE_DAMAGED
from yilian.vault.sealer import Sealer

_RECENT = 64
_id_decoder = codec.decoder(codec.Id)


class _Stored(msgspec.Struct, frozen=True):
    patients: dict[str, bytes]
    records: dict[str, bytes]


class ErasureKeys:
    """The erasure keys of one organisation. Safe for threads; one process at a time."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer
        self._lock = RLock()
        self._recent: dict[str, _Stored] = {}

    def __repr__(self) -> str:
        return "<ErasureKeys>"

    def make(self, batch: str, patients: Iterable[str]) -> None:
        """Make one key for each patient of a new batch (any new id serves), durable on return.

        Raises ValueError for a batch that has keys: to overwrite them would erase it.
        """
        made = _Stored({patient: new_key() for patient in sorted(set(patients))}, {})
        with self._lock:
            if self._path(batch).exists():
                raise ValueError("a batch gets its erasure keys once")
            self._write(batch, made)

    def key(self, batch: str, patient: str, record: str) -> Sealer | None:
        """Give the sealer of one record's outer layer; None when its key is gone.

        Refuses `keystore_damaged`, with the batch, for a file that does not open.
        """
        found = _found(self._stored(batch), batch, patient, record)
        return None if found is None else Sealer(found)

    def keep_only(self, batch: str, live: Iterable[tuple[str, str]]) -> None:
        """Destroy a batch's keys except those of these (patient, record) pairs; durable on return.

        Again with the same pairs changes nothing, so an interrupted erasure is simply repeated.
        """
        with self._lock:
            stored = self._stored(batch)
            if stored is None:
                return
            kept: dict[str, bytes] = {}
            for patient, record in live:
                found = _found(stored, batch, patient, record)
                if found is not None:
                    kept[record] = found
            if not kept:
                self.destroy(batch)
            elif _Stored({}, kept) != stored:
                self._write(batch, _Stored({}, kept))

    def destroy(self, batch: str) -> None:
        """Destroy all keys of a batch; none there is fine."""
        with self._lock:
            self._recent.pop(batch, None)
            path = self._path(batch)
            if path.exists():
                durable.remove(path)

    def batches(self) -> list[str]:
        """List the batches that have keys."""
        return sorted(path.stem for path in self._folder.glob("*/*.sealed"))

    def exposed(self) -> list[Path]:
        """List the folders of keys that others than their owner may enter."""
        folders = [self._folder, *self._folder.glob("*")] if self._folder.is_dir() else []
        return [each for each in folders if each.stat().st_mode & 0o077]

    def _stored(self, batch: str) -> _Stored | None:
        with self._lock:
            if batch in self._recent:
                return self._recent[batch]
            path = self._path(batch)
            try:
                data = self._sealer.open(path.read_bytes(), _file_binding(batch))
                stored = msgspec.json.decode(data, type=_Stored)
            except FileNotFoundError:
                return None
            except (Refusal, OSError, msgspec.MsgspecError):
                raise KEYSTORE_DAMAGED(name=f"erasure/{batch}") from None
            self._remember(batch, stored)
            return stored

    def _write(self, batch: str, stored: _Stored) -> None:
        path = self._path(batch)
        durable.make_folder(path.parent)
        self._recent.pop(batch, None)
        durable.replace({path: self._sealer.seal(codec.encode(stored), _file_binding(batch))})
        self._remember(batch, stored)

    def _remember(self, batch: str, stored: _Stored) -> None:
        if len(self._recent) >= _RECENT:
            self._recent.pop(next(iter(self._recent)))
        self._recent[batch] = stored

    def _path(self, batch: str) -> Path:
        # Ids become file names, so nothing but an id may pass.
        codec.decode_with(_id_decoder, codec.encode(batch))
        fan = hashlib.sha256(batch.encode()).hexdigest()[:2]
        return self._folder / fan / f"{batch}.sealed"


def _file_binding(batch: str) -> bytes:
    return binding("erasure-keys", batch=batch)


def _found(stored: _Stored | None, batch: str, patient: str, record: str) -> bytes | None:
    if stored is None:
        return None
    if record in stored.records:
        return stored.records[record]
    parent = stored.patients.get(patient)
    if parent is None:
        return None
    # One block of HKDF-Expand: the parent is uniformly random, so nothing is to be extracted.
    info = binding("erasure-key", batch=batch, patient=patient, record=record)
    return hmac.digest(parent, info + b"\x01", "sha256")
