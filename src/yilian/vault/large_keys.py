"""The seals at rest of large objects: an erasure key for each, under the id of its record."""

from __future__ import annotations

from yilian.vault.erasure_keys import ErasureKeys
from yilian.vault.errors import ERASURE_KEY_MISSING
from yilian.vault.sealer import Sealer


class LargeKeys:
    """What `large.Outer` asks for. Backed up and destroyed like every other erasure key."""

    __slots__ = ("_keys",)

    def __init__(self, keys: ErasureKeys) -> None:
        self._keys = keys

    def __call__(self, patient: str, record: str, /) -> Sealer:
        """Give the seal of an object; refuses `erasure_key_missing` once it is erased."""
        found = self._keys.key(record, patient, record)
        if found is None:
            raise ERASURE_KEY_MISSING(record=record)
        return found

    def make(self, patient: str, record: str, /) -> None:
        """Make the key of an object, durable on return; one that is there stays."""
        if self._keys.key(record, patient, record) is None:
            self._keys.make(record, [patient])

    def destroy(self, record: str, /) -> None:
        """Destroy the key of an object; none there is fine."""
        self._keys.destroy(record)
