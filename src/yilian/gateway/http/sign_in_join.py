"""Joining by an invitation: the code of the link becomes a passkey, once."""

from __future__ import annotations

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import errors as refusals
from yilian.gateway.auth.accounts import Accounts, Joining
from yilian.gateway.auth.newcomers import ProvedKey
from yilian.gateway.auth.passkeys import ALGORITHMS
from yilian.gateway.door import door
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.sign_in_steps import (
    OPEN,
    TAG,
    BegunSignIn,
    Bytes,
    SessionKey,
    SignedIn,
    address,
    begun_sign_in,
    one,
    read,
    shown_session,
)
from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import KEY_REFUSED, SUITE_NOT_ALLOWED
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED, BAD_PROOF, KEY_TAKEN


class BeginJoining(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin to join: the code of the invitation's link, and a session key just made."""

    code: Id
    session_key: SessionKey


class WantedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be made: for whom, and by one of which signature suites."""

    owner: Id
    suites: tuple[str, ...]


class BegunJoining(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser makes a passkey for.

    `handle` and `label` are WebAuthn's `user.id` and `user.name`, `algorithms` COSE's, `known` the
    credentials that this account has already. `second_factor`: it must be set up next. With `key`
    the browser makes a key of its own besides, which goes on the chain.
    """

    begun: BegunSignIn
    kind: str
    organisation: Id
    organisation_name: str
    handle: str
    label: str
    algorithms: tuple[int, ...]
    known: tuple[str, ...]
    second_factor: bool
    key: WantedKey | None


class NewPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A passkey that was made (WebAuthn's `AuthenticatorAttestationResponse`), in base64url.

    `key`, where one was wanted: it goes on the chain.
    """

    attempt: Id
    client_data: Bytes
    attestation: Bytes
    key: ProvedKey | None = None


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes of joining."""
    return routes_of(begin, finish)


@operation(
    "POST",
    "/v1/sign-in/join/begin",
    tag=TAG,
    summary="Begin to join by the code of an invitation",
    body=BeginJoining,
    answers=one(BegunJoining, "Make a passkey that signs the challenge."),
    problems=(
        *OPEN,
        refusals.SESSION_KEY_REFUSED,
        refusals.INVITATION_UNKNOWN,
        refusals.INVITATION_USED,
        refusals.INVITATION_ENDED,
    ),
)
async def begin(request: Request) -> Response:
    """Draw a challenge for who was invited."""
    accounts, asked = await read(request, BeginJoining)
    key = codec.to_bytes(asked.session_key)
    joining = await to_thread.run_sync(accounts.begin_joining, asked.code, key, address(request))
    return answer(request, _shown(accounts, request, joining))


def _shown(accounts: Accounts, request: Request, joining: Joining) -> BegunJoining:
    home = accounts.subject(joining.organisation)
    named = joining.organisation if home is None or home.name is None else home.name
    return BegunJoining(
        begun=begun_sign_in(accounts, request, joining.begun),
        kind=joining.subject.kind,
        organisation=joining.organisation,
        organisation_name=named,
        handle=codec.to_text(joining.begun.handle),
        # Passkey stores show and copy the label: it says where, and nothing of who.
        label=f"{named} · {joining.name[:6]}",
        algorithms=ALGORITHMS,
        known=joining.known,
        second_factor=joining.subject.kind != "person",
        key=_wanted(request, joining),
    )


def _wanted(request: Request, joining: Joining) -> WantedKey | None:
    if not joining.enrols:
        return None
    suites = door(request).engine.genesis.profile.signatures
    return WantedKey(owner=joining.name, suites=tuple(suites))


@operation(
    "POST",
    "/v1/sign-in/join/finish",
    tag=TAG,
    summary="Finish joining with a new passkey",
    body=NewPasskey,
    answers=one(SignedIn, "The invitation is used up, and a session began."),
    problems=(
        *OPEN,
        refusals.ATTEMPT_UNKNOWN,
        refusals.CHALLENGE_DIFFERS,
        refusals.PASSKEY_REFUSED,
        refusals.PASSKEY_TAKEN,
        refusals.TOO_MANY,
        refusals.INVITATION_UNKNOWN,
        refusals.INVITATION_USED,
        refusals.INVITATION_ENDED,
        refusals.KEY_WANTED,
        BAD_PROOF,
        KEY_REFUSED,
        KEY_TAKEN,
        SUITE_NOT_ALLOWED,
        ALREADY_ENROLLED,
    ),
)
async def finish(request: Request) -> Response:
    """Keep the passkey and begin a session."""
    accounts, asked = await read(request, NewPasskey)
    session = await to_thread.run_sync(
        accounts.join,
        asked.attempt,
        codec.to_bytes(asked.client_data),
        codec.to_bytes(asked.attestation),
        accounts.site(request),
        asked.key,
    )
    return answer(request, shown_session(accounts, session))
