"""Inviting and joining: how somebody comes by a first passkey here, or by new ones.

It is the part of `Accounts` that begins and ends accounts; a session comes of it, as of signing in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sql

from yilian.gateway.audit import noting
from yilian.gateway.auth import passkeys
from yilian.gateway.auth.challenges import Begun, Challenges
from yilian.gateway.auth.database import AccountsDatabase, Invitation, Passkey, Session
from yilian.gateway.auth.errors import INVITATION_ENDED, INVITATION_UNKNOWN, NOT_TO_BE_INVITED
from yilian.gateway.auth.factors import Factors
from yilian.gateway.auth.failures import Failures
from yilian.gateway.auth.invitations import Invitations, Issued
from yilian.gateway.auth.newcomers import Newcomer, Newcomers, ProvedKey
from yilian.gateway.auth.oidc_errors import PASSKEY_FIRST
from yilian.gateway.auth.oidc_links import OutsideLinks
from yilian.gateway.auth.passkeys import Passkeys
from yilian.gateway.auth.sessions import Sessions
from yilian.gateway.auth.site import Site
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.meter import Meter
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import Subject, home, standing
from yilian.ledger.state import State

HANDLE_BYTES = 32


class Joining(NamedTuple):
    """What an invitation began: for whom, and the credentials that are theirs already.

    `enrols`: they are not on the chain yet, and get a key of their own there.
    """

    begun: Begun
    name: str
    subject: Subject
    organisation: str
    known: tuple[str, ...]
    enrols: bool


class Joins:
    """What `Accounts` does with invitations, over the stores that it opens."""

    state: Callable[[], State]
    now: Callable[[], int]
    challenges: Challenges
    invitations: Invitations
    passkeys: Passkeys
    factors: Factors
    newcomers: Newcomers
    links: OutsideLinks
    sessions: Sessions
    failures: Failures
    meter: Meter
    _database: AccountsDatabase

    def invite(
        self, organisation: str, name: str, by: str, minutes: int, *, renews: bool
    ) -> Issued:
        """Invite somebody of an organisation; refuses `sign_in.not_to_be_invited`."""
        subject = standing(self.state(), name)
        if subject is None or subject.kind == "device" or home(name, subject) != organisation:
            raise NOT_TO_BE_INVITED(id=name)
        note_person(name, subject)
        return self.invitations.issue(organisation, name, by, minutes, renews, self.now())

    def invite_newcomer(
        self, organisation: str, newcomer: Newcomer, by: str, minutes: int
    ) -> Issued:
        """Invite a practitioner who gets a key on the chain at joining."""
        self.newcomers.require_open()
        name = codec.to_text(secrets.token_bytes(16))
        made = self.invitations.issue(organisation, name, by, minutes, False, self.now())
        self.newcomers.keep(made.invitation, newcomer)
        return made

    def invitation_of(self, code: str, address: str) -> tuple[Invitation, Subject]:
        """Find an invitation by its code, and who is invited; refuses as `Invitations.by_code`.

        Refuses `outside.passkey_first` to a newcomer, whose device makes a key besides.
        """
        invitation = self._by_code(code, address)
        if self.newcomers.coming(invitation) is not None:
            noting(organisation=invitation.organisation)
            raise PASSKEY_FIRST()
        return invitation, self.invited(invitation.subject, invitation.organisation)

    def _by_code(self, code: str, address: str) -> Invitation:
        self.meter.count(address)
        now = self.now()
        self.failures.require_open(now, None, address)
        try:
            return self.invitations.by_code(code, now)
        except Refusal as refusal:
            if refusal.code is INVITATION_UNKNOWN:
                self.failures.count(now, None, address)
            raise

    def begin_joining(self, code: str, session_key: bytes, address: str) -> Joining:
        """Begin to join by an invitation's code; refuses as `Invitations.by_code`."""
        invitation = self._by_code(code, address)
        enrols = self.newcomers.coming(invitation) is not None
        if enrols:
            noting(organisation=invitation.organisation)
            subject = Subject(kind="practitioner", organisation=invitation.organisation, since=0)
        else:
            subject = self.invited(invitation.subject, invitation.organisation)
        now = self.now()
        kept = self.passkeys.of(invitation.subject)
        handle = kept[0].handle if kept else secrets.token_bytes(HANDLE_BYTES)
        begun = self.challenges.begin(
            "join", session_key, now, invitation=invitation.invitation, handle=handle
        )
        known = () if invitation.renews else tuple(each.credential for each in kept)
        return Joining(begun, invitation.subject, subject, invitation.organisation, known, enrols)

    def join(
        self,
        attempt: str,
        client_data: bytes,
        attestation: bytes,
        site: Site,
        proved: ProvedKey | None = None,
    ) -> Session:
        """Make an account of a new passkey, use the invitation up, and begin a session.

        A newcomer is put on the chain before, with the key they `proved`.
        """
        now = self.now()
        begun = self.challenges.take(attempt, "join", now)
        made = passkeys.registered(begun, site, client_data, attestation)
        waiting = self.invitations.by_id(begun.invitation or "", now)
        noting(organisation=waiting.organisation)
        self.newcomers.enrol(waiting, proved)
        with self._database.write() as connection:
            invitation, subject = self.use_invitation(connection, begun.invitation or "", now)
            name = invitation.subject
            passkey = Passkey(
                credential=made.credential,
                subject=name,
                organisation=invitation.organisation,
                handle=begun.handle,
                public=made.public,
                counter=made.counter,
                created=now,
                used=None,
            )
            self.passkeys.add(connection, passkey)
            session = self.sessions.begin(
                connection, begun.session_key, name, subject, now, way="passkey", joined=True
            )
        noting(actor=name, sessions=(session.session,))
        return session

    def use_invitation(
        self, connection: sql.Connection, named: str, now: int
    ) -> tuple[Invitation, Subject]:
        """Use an invitation up, which ends what was before if it renews; refuses as `use`."""
        invitation = self.invitations.use(connection, named, now)
        subject = self.invited(invitation.subject, invitation.organisation)
        if invitation.renews:
            self._forget(connection, invitation.subject, now)
        return invitation, subject

    def invited(self, name: str, organisation: str) -> Subject:
        """Give who is invited; refuses `sign_in.invitation_ended` where they stand no more."""
        noting(organisation=organisation)
        subject = standing(self.state(), name)
        if subject is None:
            raise INVITATION_ENDED()
        note_person(name, subject)
        return subject

    def close_account(self, organisation: str, name: str) -> None:
        """End what somebody of an organisation could sign in by: passkeys, factor, sessions.

        Refuses `not_found` for anybody else.
        """
        subject = standing(self.state(), name)
        if subject is not None and home(name, subject) != organisation:
            raise NOT_FOUND()
        homes = {each.organisation for each in self.passkeys.of(name)}
        homes |= {each.organisation for each in self.links.of(name)}
        if subject is None and organisation not in homes:
            raise NOT_FOUND()
        now = self.now()
        with self._database.write() as connection:
            self.invitations.revoke_all(connection, name, now)
            self._forget(connection, name, now)

    def _forget(self, connection: sql.Connection, name: str, now: int) -> None:
        self.passkeys.remove_all(connection, name)
        self.links.remove_all(connection, name)
        self.factors.remove(connection, name)
        self.sessions.end_in(connection, name, now, "closed")


def note_person(name: str, subject: Subject) -> None:
    """Note a person as the one it is about, so that they find it among the calls about them."""
    if subject.kind == "person":
        noting(subjects=(name,))
