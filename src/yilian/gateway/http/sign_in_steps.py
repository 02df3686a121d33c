"""Signing in: a challenge for a session's key, answered by a passkey or by a key on the chain.

A session belongs to the browser that drew its key. What is signed is bound to that key, so nobody
can have another sign them in, and an answer that was overheard serves nobody else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import errors as refusals
from yilian.gateway.auth.accounts import Accounts, accounts_of
from yilian.gateway.auth.challenges import Begun
from yilian.gateway.auth.database import Session
from yilian.gateway.auth.passkeys import Shown
from yilian.gateway.auth.sessions import IN
from yilian.gateway.auth.site import require_same_origin
from yilian.gateway.auth.standing import Standing, read_standing
from yilian.gateway.body import read_body, require_media_type
from yilian.gateway.errors import (
    BODY_TOO_LARGE,
    NOT_FOUND,
    RATE_LIMITED,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
)
from yilian.gateway.http.operation import JSON, Answer, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis
from yilian.ledger.errors import KEY_REVOKED, MALFORMED, SENDER_INACTIVE

TAG = "sign-in"
MAX_BODY = 65_536
OPEN = (
    MALFORMED,
    NOT_FOUND,
    RATE_LIMITED,
    BODY_TOO_LARGE,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
    refusals.ORIGIN_DIFFERS,
    refusals.LOCKED,
)
"""What every step may refuse that needs no session."""

Credential = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+$(?!\n)", min_length=2, max_length=1366)
]
Bytes = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+$(?!\n)", min_length=2, max_length=32_768)
]
SessionKey = Annotated[
    str,
    msgspec.Meta(pattern="^[A-Za-z0-9_-]{86}[AEIMQUYcgkosw048]$", min_length=87, max_length=87),
]
"""A P-256 public key as WebCrypto exports it `raw`: an uncompressed point in base64url."""
Way = Literal["passkey", "key", "outside"]
_WAYS: dict[str, Way] = {"key": "key", "outside": "outside"}
T = TypeVar("T")


class SignInDoor(msgspec.Struct, frozen=True, kw_only=True):
    """Where people sign in: the chain, the portal's address, and what passkeys are bound to."""

    chain: str
    origin: str
    rp_id: str


class BeginSignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin to sign in with a session key that the browser just made."""

    session_key: SessionKey


class BegunSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What to sign: `challenge` is SHA-256 of `yilian/sign-in/1`, a line feed, `random`, the key.

    The browser works the challenge out itself, so that it signs for its own key alone. It serves
    once, until `expires` (ms).
    """

    attempt: Id
    random: Digest
    challenge: Digest
    origin: str
    rp_id: str
    expires: Millis


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a passkey signed (WebAuthn's `AuthenticatorAssertionResponse`), all in base64url."""

    attempt: Id
    credential: Credential
    client_data: Bytes
    authenticator_data: Bytes
    signature: Bytes
    user_handle: Bytes | None = None


class KeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a key on the chain signed: `yilian/sign-in-key/1`, a line feed, and a claim.

    The claim is canonical JSON of `chain`, `challenge`, `key`, `origin` and `sender`.
    """

    attempt: Id
    sender: Id
    key: Id
    signature: codec.Binary


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A session: whose, and whether it is in or waits for the second factor.

    It rests for `idle` (ms) at most and ends at `expires` (ms). `standing` is as of now.
    """

    session: Id
    subject: Id
    kind: str
    organisation: Id
    state: Literal["in", "second_factor"]
    way: Way
    joined: bool
    created: Millis
    idle: Millis
    expires: Millis
    standing: Standing


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes of the first step."""
    return routes_of(show_door, begin, by_passkey, by_key)


async def read(request: Request, type_: type[T]) -> tuple[Accounts, T]:
    """Read a JSON body that a page of the portal's own address sent."""
    accounts = accounts_of(request)
    require_media_type(request, JSON)
    require_same_origin(accounts.site(request), request)
    raw = await read_body(request, MAX_BODY)
    try:
        return accounts, msgspec.json.decode(raw, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None


def address(request: Request) -> str:
    """Give the network address that a request came from, to count wrong tries by."""
    return "" if request.client is None else request.client.host


def shown_session(accounts: Accounts, session: Session) -> SignedIn:
    """Show a session to who holds it, with what the chain says of them now."""
    found = accounts.subject(session.subject)
    return SignedIn(
        session=session.session,
        subject=session.subject,
        kind="" if found is None else found.kind,
        organisation=session.organisation,
        state="in" if session.level >= IN else "second_factor",
        way=_WAYS.get(session.way, "passkey"),
        joined=bool(session.joined),
        created=session.created,
        idle=session.idle,
        expires=session.expires,
        standing=read_standing(
            accounts.state(), session.subject, session.organisation, accounts.now()
        ),
    )


def one(type_: Any, description: str) -> list[Answer]:
    """Describe the one answer of a step that succeeds."""
    return [Answer(status=200, description=description, content={JSON: type_})]


@operation(
    "GET",
    "/v1/sign-in",
    tag=TAG,
    summary="Show where people sign in, and what passkeys are bound to",
    answers=one(SignInDoor, "Open the portal at `origin`: elsewhere passkeys do not work."),
    problems=(NOT_FOUND,),
)
async def show_door(request: Request) -> Response:
    """Tell a portal at which address it must be open."""
    accounts = accounts_of(request)
    site = accounts.site(request)
    return answer(request, SignInDoor(chain=accounts.chain, origin=site.origin, rp_id=site.rp_id))


@operation(
    "POST",
    "/v1/sign-in/begin",
    tag=TAG,
    summary="Begin to sign in with a new session key",
    body=BeginSignIn,
    answers=one(BegunSignIn, "What a passkey, or a key on the chain, must sign."),
    problems=(*OPEN, refusals.SESSION_KEY_REFUSED),
)
async def begin(request: Request) -> Response:
    """Draw a challenge."""
    accounts, asked = await read(request, BeginSignIn)
    key = codec.to_bytes(asked.session_key)
    begun = await to_thread.run_sync(accounts.begin, key, address(request))
    return answer(request, begun_sign_in(accounts, request, begun))


def begun_sign_in(accounts: Accounts, request: Request, begun: Begun) -> BegunSignIn:
    """Show what must be signed."""
    site = accounts.site(request)
    return BegunSignIn(
        attempt=begun.attempt,
        random=codec.to_text(begun.drawn),
        challenge=codec.to_text(begun.challenge),
        origin=site.origin,
        rp_id=site.rp_id,
        expires=begun.expires,
    )


@operation(
    "POST",
    "/v1/sign-in/passkey",
    tag=TAG,
    summary="Sign in by a passkey",
    body=PasskeyAnswer,
    answers=one(SignedIn, "A person is in; anybody else gives the second factor next."),
    problems=(
        *OPEN,
        refusals.ATTEMPT_UNKNOWN,
        refusals.CHALLENGE_DIFFERS,
        refusals.SIGN_IN_REFUSED,
        refusals.COUNTER_REGRESSED,
        SENDER_INACTIVE,
    ),
)
async def by_passkey(request: Request) -> Response:
    """Begin a session for the holder of a passkey."""
    accounts, asked = await read(request, PasskeyAnswer)
    shown = Shown(
        credential=asked.credential,
        client_data=codec.to_bytes(asked.client_data),
        authenticator_data=codec.to_bytes(asked.authenticator_data),
        signature=codec.to_bytes(asked.signature),
        handle=None if asked.user_handle is None else codec.to_bytes(asked.user_handle),
    )
    session = await to_thread.run_sync(
        accounts.by_passkey, asked.attempt, shown, accounts.site(request), address(request)
    )
    return answer(request, shown_session(accounts, session))


@operation(
    "POST",
    "/v1/sign-in/key",
    tag=TAG,
    summary="Sign in by a key on the chain",
    body=KeyAnswer,
    answers=one(SignedIn, "A person is in; anybody else gives the second factor next."),
    problems=(
        *OPEN,
        refusals.ATTEMPT_UNKNOWN,
        refusals.SIGN_IN_REFUSED,
        KEY_REVOKED,
        SENDER_INACTIVE,
    ),
)
async def by_key(request: Request) -> Response:
    """Begin a session for the holder of a key."""
    accounts, asked = await read(request, KeyAnswer)
    signature = codec.to_bytes(asked.signature)
    session = await to_thread.run_sync(
        accounts.by_key,
        asked.attempt,
        asked.sender,
        asked.key,
        signature,
        accounts.site(request),
        address(request),
    )
    return answer(request, shown_session(accounts, session))
