"""What was begun and not yet finished: a challenge serves once, for a few minutes."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from yilian.gateway.auth import claim
from yilian.gateway.auth.errors import ATTEMPT_UNKNOWN
from yilian.ledger import codec

LIFE_MS = 300_000
KEPT = 10_000
"""Attempts that are remembered; the oldest is forgotten first."""

Kind = Literal["sign_in", "join"]


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt: what was drawn, for which session key, and until when (ms).

    `invitation` and `handle` belong to joining: by which invitation, and the user handle.
    """

    attempt: str
    kind: Kind
    drawn: bytes
    session_key: bytes
    expires: int
    invitation: str | None = None
    handle: bytes = b""

    @property
    def challenge(self) -> bytes:
        """Give the challenge that a passkey or a key must sign."""
        return claim.challenge(self.drawn, self.session_key)


class Challenges:
    """Attempts in memory: whoever has begun when a node stops begins again. Safe for threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._begun: OrderedDict[str, Begun] = OrderedDict()
        self._lock = threading.Lock()

    def begin(
        self,
        kind: Kind,
        session_key: bytes,
        now: int,
        *,
        invitation: str | None = None,
        handle: bytes = b"",
    ) -> Begun:
        """Begin an attempt for a session's key; refuses `sign_in.session_key_refused`."""
        claim.require_session_key(session_key)
        made = Begun(
            attempt=codec.to_text(secrets.token_bytes(16)),
            kind=kind,
            drawn=secrets.token_bytes(32),
            session_key=session_key,
            expires=now + LIFE_MS,
            invitation=invitation,
            handle=handle,
        )
        with self._lock:
            self._begun[made.attempt] = made
            while len(self._begun) > self._kept:
                self._begun.popitem(last=False)
        return made

    def take(self, attempt: str, kind: Kind, now: int) -> Begun:
        """Take an attempt, whatever becomes of it then; refuses `sign_in.attempt_unknown`."""
        with self._lock:
            found = self._begun.pop(attempt, None)
        if found is None or found.kind != kind or found.expires <= now:
            raise ATTEMPT_UNKNOWN()
        return found
