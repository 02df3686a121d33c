"""Signing in by the sign-in of others: which there are, going there, coming back, and one's links.

Two addresses are registered at a provider, `/en/outside` and `/zh-CN/outside` of the portal; what
it sends there the portal's page signs with the session key that it made before.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import authenticate_session
from yilian.gateway.auth import errors as refusals
from yilian.gateway.auth import oidc_errors as outside_refusals
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.auth.database import Session
from yilian.gateway.auth.oidc import Outside, Return, Started, outside_of
from yilian.gateway.auth.sessions import IN
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.sign_in_sessions import IN_SESSION, OF_SESSION, EndedSessions
from yilian.gateway.http.sign_in_steps import (
    MAX_BODY,
    OPEN,
    TAG,
    SessionKey,
    SignedIn,
    address,
    one,
    read,
    shown_session,
)
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis
from yilian.ledger.errors import MALFORMED, SENDER_INACTIVE
from yilian.node.outside import IdentityProvider

ROOT = "/v1/sign-in/outside"
ProviderName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$(?!\n)", max_length=31)]
Language = Literal["en", "zh-CN"]
Code = Annotated[str, msgspec.Meta(pattern=r"^[ -~]+$(?!\n)", min_length=1, max_length=4096)]
Issuer = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+$(?!\n)", min_length=1, max_length=500)]
PROVIDER = Parameter(
    name="provider",
    where="path",
    schema={"type": "string", "pattern": "^[a-z][a-z0-9-]{0,30}$"},
    description="A provider's name here.",
    required=True,
)


class OutsideTitle(msgspec.Struct, frozen=True, kw_only=True):
    """What people know a provider by."""

    en: str
    zh_cn: str = msgspec.field(name="zh-CN")


class OutsideProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider; `organisation`: for whose people alone."""

    provider: ProviderName
    title: OutsideTitle
    organisation: Id | None


class OutsideProviders(msgspec.Struct, frozen=True, kw_only=True):
    """The providers by whose sign-in people may come in; none where the node knows none."""

    providers: tuple[OutsideProvider, ...]


class BeginOutside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Go to a provider with a session key just made; `code`: to join by that invitation.

    `language` is that of the page to come back to.
    """

    provider: ProviderName
    session_key: SessionKey
    language: Language
    code: Id | None = None


class BeginLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Go to a provider to link one's account; `language` is that of the page to come back to."""

    provider: ProviderName
    language: Language


class BegunOutside(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go; `state` comes back with the code, and serves once, until `expires` (ms)."""

    address: str
    state: Digest
    expires: Millis


class FinishOutside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came back, and the session key's signature (ECDSA on P-256, r and s) over it.

    Signed are `yilian/outside/1`, a line feed, and canonical JSON of `chain`, `code`, `iss` (empty
    where none came), `origin` and `state`.
    """

    state: Digest
    code: Code
    iss: Issuer | None = None
    signature: codec.Binary


class OwnLink(msgspec.Struct, frozen=True, kw_only=True):
    """One of one's links: when it was made, and when it last let in."""

    provider: ProviderName
    title: OutsideTitle
    created: Millis
    used: Millis | None


class OwnLinks(msgspec.Struct, frozen=True, kw_only=True):
    """One's links, and the providers that one may link besides."""

    links: tuple[OwnLink, ...]
    more: tuple[OutsideProvider, ...]


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(providers, begin, finish, own, begin_link, unlink)


async def _enter(request: Request) -> tuple[Outside, Session]:
    outside = outside_of(request)
    session, _ = await authenticate_session(request, MAX_BODY)
    if session.level < IN:
        raise refusals.SECOND_FACTOR_NEEDED()
    return outside, session


def _title(told: IdentityProvider) -> OutsideTitle:
    return OutsideTitle(en=told.title.en, zh_cn=told.title.zh_cn)


def _shown(told: IdentityProvider) -> OutsideProvider:
    return OutsideProvider(provider=told.name, title=_title(told), organisation=told.organisation)


def _begun(started: Started) -> BegunOutside:
    return BegunOutside(address=started.address, state=started.state, expires=started.expires)


@operation(
    "GET",
    ROOT,
    tag=TAG,
    summary="Show by whose sign-in people may come in besides",
    answers=one(OutsideProviders, "Often none."),
    problems=(NOT_FOUND,),
)
async def providers(request: Request) -> Response:
    """List the providers."""
    found = tuple(map(_shown, outside_of(request).shown()))
    return answer(request, OutsideProviders(providers=found))


@operation(
    "POST",
    ROOT + "/begin",
    tag=TAG,
    summary="Begin to sign in, or to join, by a provider's sign-in",
    body=BeginOutside,
    answers=one(BegunOutside, "Go to `address` with the whole window."),
    problems=(
        *OPEN,
        refusals.SESSION_KEY_REFUSED,
        refusals.INVITATION_UNKNOWN,
        refusals.INVITATION_USED,
        refusals.INVITATION_ENDED,
        outside_refusals.PROVIDER_UNKNOWN,
        outside_refusals.PROVIDER_AWAY,
        outside_refusals.OTHER_ORGANISATION,
        outside_refusals.PASSKEY_FIRST,
    ),
)
async def begin(request: Request) -> Response:
    """Draw a state, a nonce and a verifier."""
    outside = outside_of(request)
    accounts, asked = await read(request, BeginOutside)
    site, key = accounts.site(request), codec.to_bytes(asked.session_key)
    if asked.code is None:
        started = await outside.begin(asked.provider, key, asked.language, site, address(request))
    else:
        started = await outside.begin_joining(
            asked.provider, key, asked.code, asked.language, site, address(request)
        )
    return answer(request, _begun(started))


@operation(
    "POST",
    ROOT + "/finish",
    tag=TAG,
    summary="Come back from a provider: sign in, join or link",
    body=FinishOutside,
    answers=one(SignedIn, "The session that began; the one that there was, where one linked."),
    problems=(
        *OPEN,
        SENDER_INACTIVE,
        refusals.INVITATION_UNKNOWN,
        refusals.INVITATION_USED,
        refusals.INVITATION_ENDED,
        refusals.SESSION_UNKNOWN,
        refusals.SESSION_ENDED,
        refusals.SESSION_EXPIRED,
        refusals.SESSION_REVOKED,
        outside_refusals.FLOW_UNKNOWN,
        outside_refusals.KEY_DIFFERS,
        outside_refusals.ISSUER_DIFFERS,
        outside_refusals.CODE_REFUSED,
        outside_refusals.TOKEN_REFUSED,
        outside_refusals.NOT_LINKED_YET,
        outside_refusals.LINKED_ELSEWHERE,
        outside_refusals.LINKED_ALREADY,
        outside_refusals.NOT_LINKED,
        outside_refusals.OTHER_ORGANISATION,
        outside_refusals.PROVIDER_UNKNOWN,
        outside_refusals.PROVIDER_AWAY,
    ),
)
async def finish(request: Request) -> Response:
    """Judge what came back."""
    outside = outside_of(request)
    accounts, asked = await read(request, FinishOutside)
    back = Return(
        state=asked.state,
        code=asked.code,
        issuer=asked.iss,
        signature=codec.to_bytes(asked.signature),
    )
    session = await outside.finish(back, accounts.site(request), address(request))
    return answer(request, shown_session(accounts, session))


@operation(
    "GET",
    ROOT + "/links",
    tag=TAG,
    summary="Show by which providers' sign-ins one can come in",
    parameters=(IN_SESSION,),
    answers=one(OwnLinks, "The oldest first."),
    problems=OF_SESSION,
)
async def own(request: Request) -> Response:
    """List one's links."""
    outside, session = await _enter(request)
    found = await to_thread.run_sync(outside.links, session)
    linked = {told.name for _, told in found if told is not None}
    more = [
        each
        for each in outside.shown()
        if each.name not in linked and each.organisation in (None, session.organisation)
    ]
    links = tuple(
        OwnLink(provider=told.name, title=_title(told), created=each.created, used=each.used)
        for each, told in found
        if told is not None
    )
    return answer(request, OwnLinks(links=links, more=tuple(map(_shown, more))))


@operation(
    "POST",
    ROOT + "/links",
    tag=TAG,
    summary="Begin to link one's account to a provider's sign-in",
    parameters=(IN_SESSION,),
    body=BeginLink,
    answers=one(BegunOutside, "Go to `address` with the whole window."),
    problems=(
        *OF_SESSION,
        MALFORMED,
        outside_refusals.PROVIDER_UNKNOWN,
        outside_refusals.PROVIDER_AWAY,
        outside_refusals.LINKED_ALREADY,
        outside_refusals.OTHER_ORGANISATION,
    ),
)
async def begin_link(request: Request) -> Response:
    """Draw what linking needs; the session's own key comes back with it."""
    outside, session = await _enter(request)
    try:
        asked = msgspec.json.decode(await request.body(), type=BeginLink)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None
    site = accounts_of(request).site(request)
    started = await outside.begin_linking(asked.provider, session, asked.language, site)
    return answer(request, _begun(started))


@operation(
    "DELETE",
    ROOT + "/links/{provider}",
    tag=TAG,
    summary="Unlink one's account from a provider's sign-in",
    parameters=(IN_SESSION, PROVIDER),
    answers=one(EndedSessions, "Other sessions that came that way ended."),
    problems=(
        *OF_SESSION,
        SENDER_INACTIVE,
        outside_refusals.PROVIDER_UNKNOWN,
        outside_refusals.NOT_LINKED,
        outside_refusals.LAST_WAY,
    ),
)
async def unlink(request: Request) -> Response:
    """Unlink, where another way in is left."""
    outside, session = await _enter(request)
    name: str = request.path_params["provider"]
    ended = await to_thread.run_sync(outside.unlink, session, name)
    return answer(request, EndedSessions(ended=ended))
