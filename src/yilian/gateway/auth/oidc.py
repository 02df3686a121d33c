"""Signing in by the sign-in of others: OpenID Connect Core 1.0, authorization code with PKCE.

    outside = Outside(accounts, folder.configuration(), folder.credentials)
    app.state.outside = outside

An account is linked to the issuer's `sub`, by an invitation or by who is in already; nobody is
known by a name or an address. What comes of it is a session like any other, of a key that the
browser made before it went there.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import msgspec
from anyio import to_thread
from starlette.requests import Request

from yilian.gateway.audit import noting
from yilian.gateway.auth import claim, oidc_flow, oidc_token
from yilian.gateway.auth.accounts import Accounts
from yilian.gateway.auth.database import SESSIONS, Session
from yilian.gateway.auth.oidc_errors import (
    CODE_REFUSED,
    ISSUER_DIFFERS,
    KEY_DIFFERS,
    LAST_WAY,
    LINKED_ALREADY,
    NOT_LINKED,
    NOT_LINKED_YET,
    OTHER_ORGANISATION,
    PROVIDER_AWAY,
    PROVIDER_UNKNOWN,
    TOKEN_REFUSED,
)
from yilian.gateway.auth.oidc_flow import Flow, Flows, Purpose, ReturnClaim
from yilian.gateway.auth.oidc_http import Away
from yilian.gateway.auth.oidc_links import OutsideLink
from yilian.gateway.auth.oidc_provider import Provider
from yilian.gateway.auth.oidc_token import IdToken
from yilian.gateway.auth.sessions import IN
from yilian.gateway.auth.site import Site
from yilian.gateway.errors import NOT_FOUND
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import KEYS, Subject
from yilian.node.config import Configuration
from yilian.node.outside import Credentials, IdentityProvider

WAY = "outside"
PAGE = "outside"
"""Behind the language: the page of the portal that people come back to."""

log = logging.getLogger("yilian.gateway")


class Started(NamedTuple):
    """A way that was begun: where to go, what comes back from there, and until when (ms)."""

    address: str
    state: str
    expires: int


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser brings back, and its session key's signature over it."""

    state: str
    code: str
    issuer: str | None
    signature: bytes


class Outside:
    """The sign-ins of others that a node accepts. Safe for threads and event loops."""

    def __init__(
        self,
        accounts: Accounts,
        told: Configuration,
        credentials: Callable[[IdentityProvider], Credentials],
    ) -> None:
        """`credentials` reads by what this node shows itself to a provider."""
        self._accounts = accounts
        self._flows = Flows()
        self.providers: dict[str, Provider] = {}
        for each in told.sign_in.outside:
            try:
                self.providers[each.name] = Provider(each, partial(credentials, each))
            except (OSError, ssl.SSLError):
                log.error("identity provider %s: ca_file cannot be read", each.name)

    def shown(self) -> list[IdentityProvider]:
        """List the providers that people may choose."""
        return [each.told for each in self.providers.values()]

    def _provider(self, name: str) -> Provider:
        found = self.providers.get(name)
        if found is None:
            raise PROVIDER_UNKNOWN()
        return found

    # -- going ---------------------------------------------------------------------------------

    async def begin(
        self, name: str, session_key: bytes, language: str, site: Site, address: str
    ) -> Started:
        """Begin to sign in at a provider with a browser's new session key."""
        accounts, now = self._accounts, self._accounts.now()
        accounts.meter.count(address)
        await to_thread.run_sync(accounts.failures.require_open, now, None, address)
        flow = self._new(name, "sign_in", session_key, language, site)
        return await self._start(flow)

    async def begin_joining(
        self, name: str, session_key: bytes, code: str, language: str, site: Site, address: str
    ) -> Started:
        """Begin to join by an invitation's code; refuses as `Accounts.invitation_of`."""
        flow = self._new(name, "join", session_key, language, site)
        find = self._accounts.invitation_of
        invitation, _ = await to_thread.run_sync(find, code, address)
        self._require_of(self._provider(name), invitation.organisation)
        return await self._start(replace(flow, invitation=invitation.invitation))

    async def begin_linking(
        self, name: str, session: Session, language: str, site: Site
    ) -> Started:
        """Begin to link an account, by a session that is in."""
        provider = self._provider(name)
        self._require_of(provider, session.organisation)
        links = await to_thread.run_sync(self._accounts.links.of, session.subject)
        if any(each.issuer == provider.told.issuer for each in links):
            raise LINKED_ALREADY()
        flow = self._new(name, "link", session.public, language, site)
        return await self._start(replace(flow, session=session.session))

    def _new(
        self, name: str, purpose: Purpose, session_key: bytes, language: str, site: Site
    ) -> Flow:
        self._provider(name)
        redirect = f"{site.origin}/{language}/{PAGE}"
        return oidc_flow.new(name, purpose, session_key, redirect, language, self._accounts.now())

    async def _start(self, flow: Flow) -> Started:
        provider = self._provider(flow.provider)
        state = self._flows.begin(flow)
        try:
            return Started(await provider.address(flow.asking(state)), state, flow.expires)
        except Away as away:
            raise self._away(provider, away) from None

    @staticmethod
    def _away(provider: Provider, away: Away) -> Refusal:
        log.warning("identity provider %s: %s", provider.told.name, away.reason)
        return PROVIDER_AWAY()

    @staticmethod
    def _require_of(provider: Provider, organisation: str) -> None:
        if provider.told.organisation not in (None, organisation):
            raise OTHER_ORGANISATION()

    # -- coming back ---------------------------------------------------------------------------

    async def finish(self, back: Return, site: Site, address: str) -> Session:
        """End a way: judge what came back, and begin a session, or link an account.

        The signature comes first, so that nobody can use up what another began.
        """
        accounts, now = self._accounts, self._accounts.now()
        await to_thread.run_sync(accounts.failures.require_open, now, None, address)
        flow = self._flows.find(back.state, now)
        provider = self._provider(flow.provider)
        if provider.told.organisation is not None:
            noting(organisation=provider.told.organisation)
        self._require_signed(flow, back, site)
        self._flows.take(back.state, now)
        try:
            metadata = await provider.metadata()
            said = metadata.authorization_response_iss_parameter_supported
            # Mix-up: another provider's code must not be given to this one (RFC 9207).
            if back.issuer != provider.told.issuer and (said or back.issuer is not None):
                raise ISSUER_DIFFERS()
            token = await provider.exchange(back.code, flow.asking(back.state), now)
        except Away as away:
            raise self._away(provider, away) from None
        except Refusal as refusal:
            if refusal.code in (CODE_REFUSED, TOKEN_REFUSED, ISSUER_DIFFERS):
                await to_thread.run_sync(accounts.failures.count, now, None, address)
            raise
        return await to_thread.run_sync(self._enter, flow, provider, token)

    def _require_signed(self, flow: Flow, back: Return, site: Site) -> None:
        signed = ReturnClaim(
            chain=self._accounts.chain,
            code=back.code,
            iss=back.issuer or "",
            origin=site.origin,
            state=back.state,
        )
        if not claim.verifies(flow.session_key, oidc_flow.text(signed), back.signature):
            raise KEY_DIFFERS()

    def _enter(self, flow: Flow, provider: Provider, token: IdToken) -> Session:
        if flow.purpose == "join":
            return self._join(flow, provider, token)
        if flow.purpose == "link":
            return self._link(flow, token)
        return self._sign_in(flow, provider, token)

    def _sign_in(self, flow: Flow, provider: Provider, token: IdToken) -> Session:
        accounts, now = self._accounts, self._accounts.now()
        link = accounts.links.find(token)
        if link is None:
            raise NOT_LINKED_YET()
        noting(organisation=link.organisation, actor=link.subject)
        self._require_of(provider, link.organisation)
        subject = accounts.who_stands(link.subject)
        with accounts.write() as connection:
            accounts.links.use(connection, link, now)
            session = accounts.sessions.begin(
                connection, flow.session_key, link.subject, subject, now, way=WAY
            )
            if oidc_token.strong(token, provider.told) and session.level < IN:
                accounts.sessions.let_in(connection, session, now)
        noting(sessions=(session.session,))
        return accounts.again(session)

    def _join(self, flow: Flow, provider: Provider, token: IdToken) -> Session:
        accounts, now = self._accounts, self._accounts.now()
        with accounts.write() as connection:
            invitation, subject = accounts.use_invitation(connection, flow.invitation or "", now)
            name = invitation.subject
            accounts.links.add(connection, token, name, invitation.organisation, now)
            session = accounts.sessions.begin(
                connection, flow.session_key, name, subject, now, way=WAY, joined=True
            )
            if oidc_token.strong(token, provider.told) and session.level < IN:
                accounts.sessions.let_in(connection, session, now)
        noting(actor=name, sessions=(session.session,))
        return accounts.again(session)

    def _link(self, flow: Flow, token: IdToken) -> Session:
        accounts, now = self._accounts, self._accounts.now()
        session = accounts.sessions.require(flow.session or "")
        accounts.sessions.require_living(session, accounts.state(), now)
        noting(
            organisation=session.organisation, actor=session.subject, sessions=(session.session,)
        )
        with accounts.write() as connection:
            accounts.links.add(connection, token, session.subject, session.organisation, now)
        return session

    # -- one's own links -----------------------------------------------------------------------

    def links(self, session: Session) -> list[tuple[OutsideLink, IdentityProvider | None]]:
        """List the links of an account, each with its provider where that is still accepted."""
        known = {each.issuer: each for each in self.shown()}
        return [(each, known.get(each.issuer)) for each in self._accounts.links.of(session.subject)]

    def unlink(self, session: Session, name: str) -> int:
        """Unlink an account, and end its other sessions that came this way; gives how many.

        Refuses `outside.last_way` where nothing would be left to come in by.
        """
        accounts, now = self._accounts, self._accounts.now()
        issuer = self._provider(name).told.issuer
        links = accounts.links.of(session.subject)
        if all(each.issuer != issuer for each in links):
            raise NOT_LINKED()
        subject = accounts.who_stands(session.subject)
        if not self._another_way(session.subject, subject, links, issuer):
            raise LAST_WAY()
        others = (SESSIONS.c.way == WAY, SESSIONS.c.session != session.session)
        with accounts.write() as connection:
            accounts.links.remove(connection, session.subject, issuer)
            return accounts.sessions.end_in(
                connection, session.subject, now, "ended_elsewhere", *others
            )

    def _another_way(
        self, name: str, subject: Subject, links: list[OutsideLink], issuer: str
    ) -> bool:
        """Tell whether somebody gets all the way in without a provider.

        For professionals that is two steps: a passkey, a key on the chain or another provider, and
        besides it a one-time code or a key that was not the first step.
        """
        accounts, state = self._accounts, self._accounts.state()
        known = {each.issuer for each in self.shown()} - {issuer}
        firsts = bool(accounts.passkeys.of(name)) or any(each.issuer in known for each in links)
        found = [KEYS.get(state, each) for each in subject.keys]
        key = any(each is not None and each.until is None for each in found)
        if subject.kind == "person":
            return firsts or key
        factor = accounts.factors.find(name)
        codes = factor is not None and factor.confirmed is not None
        return (firsts and (codes or key)) or (key and codes)


def outside_of(request: Request) -> Outside:
    """Give the sign-ins of others behind a request; refuses `not_found` where there are none."""
    found = getattr(request.app.state, "outside", None)
    if not isinstance(found, Outside):
        raise NOT_FOUND()
    return found
