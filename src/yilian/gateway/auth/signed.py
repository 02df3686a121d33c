"""Judging who asks, by one of two headers.

`Yilian-Request` is signed by a key on the chain, `Yilian-Session` by the key of a session that
somebody began by signing in. Both must be of the right chain, moment and request, and serve once.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from anyio import to_thread
from starlette.requests import Request

from yilian.gateway.audit import SIGN_IN, noting
from yilian.gateway.auth import claim as session_claim
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.auth.database import Session
from yilian.gateway.auth.errors import SECOND_FACTOR_NEEDED
from yilian.gateway.auth.sessions import IN
from yilian.gateway.auth.site import require_same_origin
from yilian.gateway.body import read_body
from yilian.gateway.door import door
from yilian.gateway.errors import REQUEST_DIFFERS, REQUEST_STALE, UNAUTHENTICATED
from yilian.gateway.nonces import Nonces
from yilian.ledger import keys, signed_request
from yilian.ledger.errors import (
    BAD_SIGNATURE,
    KEY_REVOKED,
    SENDER_INACTIVE,
    SENDER_NOT_SIGNER,
    UNKNOWN_KEY,
    WRONG_CHAIN,
    Refusal,
)
from yilian.ledger.modules.identity.state import KEYS, Subject, home, standing
from yilian.ledger.signed_request import MAX_AHEAD_MS, SignedRequest
from yilian.ledger.state import State

MAX_BODY = 1_048_576


class Caller(msgspec.Struct, frozen=True):
    """Who signed a request: the sender, the key, the subject's record, and where it is at home.

    Who came by a session has it in `session`, and no `key`.
    """

    sender: str
    key: str
    subject: Subject
    session: str | None = None

    @property
    def organisation(self) -> str:
        """Name the organisation that the caller belongs to, or is."""
        return home(self.sender, self.subject)


async def authenticate(request: Request, limit: int = MAX_BODY) -> Caller:
    """Find who signed a request; refuses whoever did not, and a session that is not yet in.

    Reads the body, of at most `limit` bytes; `request.body()` gives it again afterwards.
    """
    if request.headers.getlist(session_claim.HEADER):
        session, subject = await authenticate_session(request, limit)
        if session.level < IN:
            raise SECOND_FACTOR_NEEDED()
        return Caller(session.subject, "", subject, session.session)
    at = door(request)
    value = request.headers.getlist(signed_request.HEADER)
    body = await read_body(request, limit)
    if len(value) != 1:
        raise UNAUTHENTICATED()
    caller = judge(
        value[0],
        request.method,
        target(request),
        body,
        chain=at.chain,
        state=at.engine.state(),
        now=at.engine.now(),
        nonces=at.nonces,
    )
    noting(actor=caller.sender)
    return caller


async def authenticate_session(request: Request, limit: int = MAX_BODY) -> tuple[Session, Subject]:
    """Find the session that signed a request, be it in already or not; refuses all else.

    Reads the body as `authenticate` does.
    """
    at = door(request)
    body = await read_body(request, limit)
    value = request.headers.getlist(session_claim.HEADER)
    if len(value) != 1 or request.headers.getlist(signed_request.HEADER):
        raise UNAUTHENTICATED()
    accounts = accounts_of(request)
    require_same_origin(accounts.site(request), request)
    now = at.engine.now()
    try:
        claim, signature = session_claim.read(value[0])
    except Refusal:
        raise UNAUTHENTICATED() from None
    require_request(claim, request.method, target(request), body, chain=at.chain, now=now)
    # Named by the caller and not proved yet, as ids in an address are.
    noting(sessions=(claim.session,))
    session = await to_thread.run_sync(accounts.sessions.require, claim.session)
    if request.scope["path"].startswith(SIGN_IN):
        # Elsewhere the address says whose trail it is.
        noting(organisation=session.organisation)
    accounts.sessions.require_signed(session, session_claim.text(claim), signature)
    noting(actor=session.subject)
    subject = await to_thread.run_sync(
        accounts.sessions.require_living, session, at.engine.state(), now
    )
    at.nonces.use(session.session, claim.nonce, claim.expires, now)
    await to_thread.run_sync(accounts.sessions.touch, session, now)
    return session, subject


def credential(request: Request) -> str | None:
    """Give the header's value by which a caller says who they are; None where there is none."""
    return request.headers.get(session_claim.HEADER) or request.headers.get(signed_request.HEADER)


def target(request: Request) -> str:
    """Give the request target as it was sent: the path and, where there is one, the query."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    whole = path.split(b"?")[0] + (b"?" + query if query else b"")
    return whole.decode("latin-1")


def judge(
    value: str,
    method: str,
    path: str,
    body: bytes,
    *,
    chain: str,
    state: State,
    now: int,
    nonces: Nonces,
) -> Caller:
    """Judge a header's value for one request, and use its nonce up where all is right.

    `now` (ms) is the later of block time and this machine's clock. Refusals of the signature come
    before the nonce is used, so that nobody can use up another's.
    """
    try:
        claim, signature = signed_request.read(value)
    except Refusal:
        raise UNAUTHENTICATED() from None
    require_request(claim, method, path, body, chain=chain, now=now)
    subject = _signer(claim, signature, state)
    nonces.use(claim.key, claim.nonce, claim.expires, now)
    return Caller(claim.sender, claim.key, subject)


class Claim(Protocol):
    """What signed requests and sessions' claims have in common."""

    @property
    def chain(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def expires(self) -> int: ...


def require_request(
    claim: Claim, method: str, path: str, body: bytes, *, chain: str, now: int
) -> None:
    """Refuse a claim that is not about this request, on this chain, at this moment (ms)."""
    if claim.chain != chain:
        raise WRONG_CHAIN(chain=chain)
    if not now < claim.expires <= now + MAX_AHEAD_MS:
        raise REQUEST_STALE(limit=MAX_AHEAD_MS)
    for part, signed, sent in (
        ("method", claim.method, method),
        ("path", claim.path, path),
        ("body", claim.body, signed_request.body_digest(body)),
    ):
        if signed != sent:
            raise REQUEST_DIFFERS(part=part)


def _signer(claim: SignedRequest, signature: bytes, state: State) -> Subject:
    key = KEYS.get(state, claim.key)
    if key is None:
        raise UNKNOWN_KEY(key=claim.key)
    if key.owner != claim.sender:
        raise SENDER_NOT_SIGNER()
    if not keys.verify(key.public_key(), signed_request.text(claim), signature):
        raise BAD_SIGNATURE(index=0)
    if key.until is not None:
        raise KEY_REVOKED(key=claim.key)
    subject = standing(state, claim.sender)
    if subject is None:
        raise SENDER_INACTIVE()
    return subject
