"""The second factor of professionals: a one-time code, or a key on the chain beside a passkey."""

from __future__ import annotations

from typing import Annotated

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import authenticate_session
from yilian.gateway.auth import errors as refusals
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.auth.factors import address as otpauth
from yilian.gateway.auth.factors import base32
from yilian.gateway.auth.qr import QrCode, qr_code
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.sign_in_sessions import IN_SESSION, OF_SESSION
from yilian.gateway.http.sign_in_steps import MAX_BODY, TAG, SignedIn, address, one, shown_session
from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import KEY_REVOKED, MALFORMED

OneTimeCode = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$", min_length=6, max_length=6)]


class NewFactor(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time-code secret, shown this once: to be typed, as an address, and as a QR code."""

    secret: str
    address: str
    qr: QrCode


class SecondFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Give `code`, or `key` with its `signature` of `yilian/second-factor/1`, a line feed, a claim.

    The claim is canonical JSON of `chain`, `key`, `origin`, `sender` and `session`.
    """

    code: OneTimeCode | None = None
    key: Id | None = None
    signature: codec.Binary | None = None


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes of the second factor."""
    return routes_of(enrol, give)


@operation(
    "POST",
    "/v1/sign-in/factor/enrol",
    tag=TAG,
    summary="Set up one-time codes, right after joining",
    parameters=(IN_SESSION,),
    answers=one(NewFactor, "It holds once a first code was given."),
    problems=(*OF_SESSION, refusals.FACTOR_MISSING, refusals.FACTOR_NOT_WANTED),
)
async def enrol(request: Request) -> Response:
    """Make a secret."""
    session, _ = await authenticate_session(request, MAX_BODY)
    accounts = accounts_of(request)
    secret = await to_thread.run_sync(accounts.enrol_factor, session)
    home = accounts.subject(session.organisation)
    named = "" if home is None or home.name is None else home.name + " "
    text = otpauth(secret, named + session.subject[:6])
    return answer(request, NewFactor(secret=base32(secret), address=text, qr=qr_code(text)))


@operation(
    "POST",
    "/v1/sign-in/factor",
    tag=TAG,
    summary="Give the second factor",
    parameters=(IN_SESSION,),
    body=SecondFactor,
    answers=one(SignedIn, "The session is in."),
    problems=(
        *OF_SESSION,
        MALFORMED,
        KEY_REVOKED,
        refusals.LOCKED,
        refusals.FACTOR_WRONG,
        refusals.FACTOR_USED,
        refusals.FACTOR_MISSING,
        refusals.FACTOR_NOT_WANTED,
        refusals.SAME_FACTOR,
    ),
)
async def give(request: Request) -> Response:
    """Let the session in."""
    session, _ = await authenticate_session(request, MAX_BODY)
    accounts = accounts_of(request)
    try:
        asked = msgspec.json.decode(await request.body(), type=SecondFactor)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None
    if asked.code is not None and asked.key is None and asked.signature is None:
        made = await to_thread.run_sync(accounts.give_code, session, asked.code, address(request))
    elif asked.code is None and asked.key is not None and asked.signature is not None:
        made = await to_thread.run_sync(
            accounts.give_key,
            session,
            asked.key,
            codec.to_bytes(asked.signature),
            accounts.site(request),
            address(request),
        )
    else:
        raise MALFORMED()
    return answer(request, shown_session(accounts, made))
