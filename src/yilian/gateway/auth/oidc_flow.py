"""Ways that were begun to an identity provider and have not come back yet.

Each belongs to the browser that began it: to come back, that browser's session key signs the code
and the state, so an address that was overheard, or sent to somebody, serves nobody else.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from yilian.gateway.auth import claim
from yilian.gateway.auth.oidc_errors import FLOW_UNKNOWN
from yilian.gateway.auth.oidc_provider import Asking
from yilian.ledger import codec
from yilian.ledger.keys import sha256

LIFE_MS = 600_000
KEPT = 10_000
"""Ways that are remembered; the oldest is forgotten first."""
DOMAIN = b"yilian/outside/1\n"

Purpose = Literal["sign_in", "join", "link"]


@dataclass(frozen=True, slots=True)
class Flow:
    """A way that was begun: what for, at which provider, for whose key, until when (ms).

    `invitation` belongs to joining, `session` to linking. The state is not in it.
    """

    provider: str
    purpose: Purpose
    session_key: bytes
    expires: int
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect: str
    language: str
    invitation: str | None = None
    session: str | None = None

    def asking(self, state: str) -> Asking:
        """Give what the provider is asked with."""
        return Asking(state, self.nonce, self.verifier, self.redirect, self.language)


class ReturnClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a browser's session key signs on the way back; `iss` is empty where none came."""

    chain: str
    code: str
    iss: str
    origin: str
    state: str


def text(made: ReturnClaim) -> bytes:
    """Write the exact bytes that the session key signs."""
    return DOMAIN + codec.encode(made)


def new(
    provider: str, purpose: Purpose, session_key: bytes, redirect: str, language: str, now: int
) -> Flow:
    """Draw a new way; refuses `sign_in.session_key_refused`."""
    claim.require_session_key(session_key)
    return Flow(
        provider=provider,
        purpose=purpose,
        session_key=session_key,
        expires=now + LIFE_MS,
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        redirect=redirect,
        language=language,
    )


class Flows:
    """Ways in memory, each by the digest of its state: who began when a node stops begins again.

    Safe for threads.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._begun: OrderedDict[bytes, Flow] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, flow: Flow) -> str:
        """Remember a way; gives its state, which is told once."""
        state = codec.to_text(secrets.token_bytes(32))
        with self._lock:
            self._begun[_digest(state)] = flow
            while len(self._begun) > self._kept:
                self._begun.popitem(last=False)
        return state

    def find(self, state: str, now: int) -> Flow:
        """Find a way and leave it; refuses `outside.flow_unknown`."""
        with self._lock:
            found = self._begun.get(_digest(state))
        if found is None or found.expires <= now:
            raise FLOW_UNKNOWN()
        return found

    def take(self, state: str, now: int) -> Flow:
        """Take a way, whatever becomes of it then; refuses `outside.flow_unknown`."""
        with self._lock:
            found = self._begun.pop(_digest(state), None)
        if found is None or found.expires <= now:
            raise FLOW_UNKNOWN()
        return found


def _digest(state: str) -> bytes:
    return sha256(b"yilian/outside-state/1\n" + state.encode())
