"""Signing in: invitations, passkeys, second factors and sessions, brought together for one node.

    accounts = Accounts(path, chain, engine.state, engine.now, sealer, folder.configuration())
    app.state.accounts = accounts

Every step notes for the audit trail whose account it concerns; a refusal changes nothing but the
count of wrong tries.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import sqlalchemy as sql
from starlette.requests import Request

from yilian.gateway.audit import noting
from yilian.gateway.auth import claim, passkeys
from yilian.gateway.auth.challenges import Begun, Challenges
from yilian.gateway.auth.claim import FactorClaim, KeyClaim
from yilian.gateway.auth.database import (
    SESSIONS,
    AccountsDatabase,
    Session,
)
from yilian.gateway.auth.errors import (
    COUNTER_REGRESSED,
    FACTOR_MISSING,
    FACTOR_NOT_WANTED,
    FACTOR_USED,
    FACTOR_WRONG,
    SAME_FACTOR,
    SIGN_IN_REFUSED,
)
from yilian.gateway.auth.factors import SECRET_BYTES, Factors
from yilian.gateway.auth.failures import Failures
from yilian.gateway.auth.invitations import Invitations
from yilian.gateway.auth.joining import Joining as Joining
from yilian.gateway.auth.joining import Joins, note_person
from yilian.gateway.auth.newcomers import Employ, Newcomers
from yilian.gateway.auth.oidc_links import OutsideLinks
from yilian.gateway.auth.passkeys import Passkeys, Shown
from yilian.gateway.auth.sessions import IN, Sessions
from yilian.gateway.auth.site import Site, site_of
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.meter import Meter
from yilian.ledger import codec, keys
from yilian.ledger.errors import KEY_REVOKED, SENDER_INACTIVE, Refusal
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS, Subject, home, standing
from yilian.ledger.state import State
from yilian.node.config import Configuration
from yilian.vault.sealer import Sealer

CALLS_PER_SECOND, CALLS_AT_ONCE = 10, 200
"""How often one address may begin to sign in or to join."""


class Accounts(Joins):
    """The accounts of a node. Safe for threads."""

    def __init__(
        self,
        path: Path,
        chain: str,
        state: Callable[[], State],
        now: Callable[[], int],
        sealer: Callable[[str], Sealer],
        told: Configuration,
        employ: Employ | None = None,
    ) -> None:
        """`state` and `now` (ms) are those of the chain `chain`; `sealer`, an organisation's.

        `told` says which organisations, where the portal is opened, and how long people stay in;
        `employ` enrols who is invited before they are on the chain.
        """
        self.chain = chain
        self.state = state
        self.now = now
        self._public_url = told.public_url
        self._organisations = frozenset(each.id for each in told.organisations)
        self._database = AccountsDatabase(path, self.chain)
        self.challenges = Challenges()
        self.invitations = Invitations(self._database)
        self.passkeys = Passkeys(self._database)
        self.factors = Factors(self._database, sealer)
        self.newcomers = Newcomers(self._database, sealer, state, employ)
        self.links = OutsideLinks(self._database)
        self.sessions = Sessions(self._database, told.sign_in)
        self.failures = Failures(
            self._database, told.sign_in.tries_per_account, told.sign_in.tries_per_address
        )
        self.meter = Meter(CALLS_PER_SECOND, CALLS_AT_ONCE)
        # Codes can be guessed: tries at once must not get past the count of wrong ones.
        self._one_code = threading.Lock()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def write(self) -> AbstractContextManager[sql.Connection]:
        """Begin one transaction over all that is kept of accounts."""
        return self._database.write()

    def site(self, request: Request) -> Site:
        """Give the address at which people sign in."""
        return site_of(self._public_url, request)

    def subject(self, name: str) -> Subject | None:
        """Read what the chain says of somebody, standing or not."""
        return SUBJECTS.get(self.state(), name)

    # -- the first step ------------------------------------------------------------------------

    def begin(self, session_key: bytes, address: str) -> Begun:
        """Begin to sign in: nobody says yet who they are, so nothing can be told of anybody."""
        self.meter.count(address)
        now = self.now()
        self.failures.require_open(now, None, address)
        return self.challenges.begin("sign_in", session_key, now)

    def by_passkey(self, attempt: str, shown: Shown, site: Site, address: str) -> Session:
        """Sign in by a passkey.

        Refuses `sign_in.refused` alike for unknown, wrong and unverified ones, and
        `sign_in.locked` by what was named, there or not.
        """
        now = self.now()
        begun = self.challenges.take(attempt, "sign_in", now)
        self.failures.require_open(now, shown.credential, address)
        passkey = self.passkeys.find(shown.credential)
        if passkey is not None:
            noting(organisation=passkey.organisation)
        try:
            if passkey is None:
                raise SIGN_IN_REFUSED()
            counter = passkeys.verified(passkey, begun, site, shown)
        except Refusal:
            self.failures.count(now, shown.credential, address)
            raise
        noting(actor=passkey.subject)
        subject = self.who_stands(passkey.subject)
        try:
            with self._database.write() as connection:
                self.passkeys.use(connection, passkey, counter, now)
                session = self.sessions.begin(
                    connection, begun.session_key, passkey.subject, subject, now, way="passkey"
                )
        except Refusal as refusal:
            if refusal.code is COUNTER_REGRESSED:
                self.failures.count(now, shown.credential, address)
            raise
        noting(sessions=(session.session,))
        return session

    def by_key(
        self, attempt: str, name: str, key: str, signature: bytes, site: Site, address: str
    ) -> Session:
        """Sign in by a key that the chain has for somebody.

        Wrong tries count for the address alone: ids and keys are public, and nobody must be able
        to lock another out by them.
        """
        now = self.now()
        begun = self.challenges.take(attempt, "sign_in", now)
        self.failures.require_open(now, None, address)
        signed = claim.key_text(
            KeyClaim(
                chain=self.chain,
                challenge=codec.to_text(begun.challenge),
                key=key,
                origin=site.origin,
                sender=name,
            )
        )
        if not self._signed(name, key, signed, signature):
            self.failures.count(now, None, address)
            raise SIGN_IN_REFUSED()
        noting(actor=name)
        subject = self.who_stands(name)
        if home(name, subject) not in self._organisations or subject.kind == "device":
            raise SIGN_IN_REFUSED()
        noting(organisation=home(name, subject))
        with self._database.write() as connection:
            session = self.sessions.begin(
                connection, begun.session_key, name, subject, now, way="key", key=key
            )
        noting(sessions=(session.session,))
        return session

    def _signed(self, name: str, key: str, signed: bytes, signature: bytes) -> bool:
        """Tell whether a key of somebody signed; refuses `key_revoked` to who holds one."""
        found = KEYS.get(self.state(), key)
        if found is None or found.owner != name:
            return False
        if not keys.verify(found.public_key(), signed, signature):
            return False
        if found.until is not None:
            raise KEY_REVOKED(key=key)
        return True

    def who_stands(self, name: str) -> Subject:
        """Give who signs in; refuses `sender_inactive` to who stands no more on the chain."""
        subject = standing(self.state(), name)
        if subject is None:
            raise SENDER_INACTIVE()
        note_person(name, subject)
        return subject

    # -- the second factor ---------------------------------------------------------------------

    def enrol_factor(self, session: Session) -> bytes:
        """Make a one-time-code secret for who just joined, or is in; it waits for a first code.

        Refuses `sign_in.factor_missing` to who only has a passkey: that must not be enough to set
        up what is asked besides it.
        """
        if not session.joined and session.level < IN:
            raise FACTOR_MISSING()
        secret = secrets.token_bytes(SECRET_BYTES)
        self.factors.enrol(session.subject, session.organisation, session.session, secret)
        return secret

    def give_code(self, session: Session, code: str, address: str) -> Session:
        """Take a one-time code: it lets the session in, and confirms a new secret."""
        with self._one_code:
            now = self.now()
            self.failures.require_open(now, session.subject, address)
            kept = self.factors.find(session.subject)
            if session.level >= IN and (kept is None or kept.confirmed is not None):
                raise FACTOR_NOT_WANTED()
            try:
                with self._database.write() as connection:
                    self.factors.use(connection, session.subject, session.session, code, now)
                    if session.level < IN:
                        self.sessions.let_in(connection, session, now)
            except Refusal as refusal:
                if refusal.code in (FACTOR_WRONG, FACTOR_USED):
                    self.failures.count(now, session.subject, address)
                raise
        return self.again(session)

    def give_key(
        self, session: Session, key: str, signature: bytes, site: Site, address: str
    ) -> Session:
        """Take a key on the chain as second factor, beside a passkey.

        Refuses `sign_in.same_factor` where a key was the first step.
        """
        if session.level >= IN:
            raise FACTOR_NOT_WANTED()
        if session.way == "key":
            raise SAME_FACTOR()
        now = self.now()
        self.failures.require_open(now, None, address)
        signed = claim.factor_text(
            FactorClaim(
                chain=self.chain,
                key=key,
                origin=site.origin,
                sender=session.subject,
                session=session.session,
            )
        )
        if not self._signed(session.subject, key, signed, signature):
            self.failures.count(now, None, address)
            raise FACTOR_WRONG()
        with self._database.write() as connection:
            self.sessions.let_in(connection, session, now, key=key)
        return self.again(session)

    def again(self, session: Session) -> Session:
        """Read a session anew."""
        found = self.sessions.find(session.session)
        return session if found is None else found

    # -- ending --------------------------------------------------------------------------------

    def end(self, session: Session, named: str) -> None:
        """End a session of the same account; refuses `not_found` for any other."""
        this = SESSIONS.c.session == named
        if not self.sessions.end(session.subject, self.now(), "signed_out", this):
            raise NOT_FOUND()

    def end_others(self, session: Session) -> int:
        """End all other sessions of an account; gives how many."""
        others = SESSIONS.c.session != session.session
        return self.sessions.end(session.subject, self.now(), "ended_elsewhere", others)


def accounts_of(request: Request) -> Accounts:
    """Give the accounts behind a request; refuses `not_found` where a node has none."""
    found = getattr(request.app.state, "accounts", None)
    if not isinstance(found, Accounts):
        raise NOT_FOUND()
    return found
