"""A key that can be used and not seen."""

from __future__ import annotations

from yilian.vault.envelope import open_sealed, seal


class Sealer:
    """Seals under one key; shows nothing of it."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """Encrypt, as `envelope.seal`."""
        return seal(self._key, content, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Decrypt, as `envelope.open_sealed`."""
        return open_sealed(self._key, sealed, associated)

    def __repr__(self) -> str:
        return "<Sealer>"
