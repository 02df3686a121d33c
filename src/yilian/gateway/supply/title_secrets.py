"""The secrets of one organisation's notes, sealed at rest."""

from __future__ import annotations

import secrets

from yilian.gateway.supply import notes
from yilian.vault.keystore import Keystore

_ORIGIN = b"origin"


class TitleSecrets:
    """Makes, seals and opens secrets; shows none by itself."""

    __slots__ = ("_keystore", "_sealer", "organisation")

    def __init__(self, organisation: str, keystore: Keystore) -> None:
        self.organisation = organisation
        self._keystore = keystore
        self._sealer = keystore.sealer("supply-titles")

    def new(self) -> tuple[bytes, bytes]:
        """Make a secret: gives its holder key and the sealed secret."""
        secret = secrets.token_bytes(notes.BYTES)
        key = notes.holder_key(secret)
        return key, self._sealer.seal(secret, key)

    def new_origin(self) -> tuple[bytes, bytes]:
        """Make a secret that packs are commissioned under: gives its nullifier and it, sealed."""
        secret = secrets.token_bytes(notes.BYTES)
        return notes.nullifier(self.organisation, secret), self._sealer.seal(secret, _ORIGIN)

    def open(self, key: bytes, sealed: bytes) -> bytes:
        """Open the secret of a holder key; refuses `envelope_not_opened`."""
        return self._sealer.open(sealed, key)

    def open_origin(self, sealed: bytes) -> bytes:
        """Open a secret that packs were commissioned under; refuses `envelope_not_opened`."""
        return self._sealer.open(sealed, _ORIGIN)

    def idle_seed(self, interval: int) -> bytes:
        """Give the seed of the noise of an interval in which nothing happened."""
        return self._keystore.mac("supply-idle", interval.to_bytes(8, "big"))

    def __repr__(self) -> str:
        return f"<TitleSecrets of {self.organisation}>"
