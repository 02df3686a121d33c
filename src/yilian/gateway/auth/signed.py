"""Judging the header `Yilian-Request`: the right chain, moment, request, key, owner, signature."""

from __future__ import annotations

import msgspec
from starlette.requests import Request

from yilian.gateway.audit import noting
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
    """Who signed a request: the sender, the key, the subject's record, and where it is at home."""

    sender: str
    key: str
    subject: Subject

    @property
    def organisation(self) -> str:
        """Name the organisation that the caller belongs to, or is."""
        return home(self.sender, self.subject)


async def authenticate(request: Request, limit: int = MAX_BODY) -> Caller:
    """Find who signed a request; refuses whoever did not.

    Reads the body, of at most `limit` bytes; `request.body()` gives it again afterwards.
    """
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
    subject = _signer(claim, signature, state)
    nonces.use(claim.key, claim.nonce, claim.expires, now)
    return Caller(claim.sender, claim.key, subject)


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
