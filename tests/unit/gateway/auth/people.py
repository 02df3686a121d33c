"""Accounts on a chain in memory, whose time a test moves."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.chain import Actor, Chain
from tests.unit.gateway.auth.browser import Authenticator, SessionKey
from yilian.gateway.auth.accounts import Accounts
from yilian.gateway.auth.challenges import Begun
from yilian.gateway.auth.database import Session
from yilian.gateway.auth.factors import base32, code_at
from yilian.gateway.auth.passkeys import Shown
from yilian.gateway.auth.site import Site
from yilian.ledger import codec
from yilian.node.config import Configuration, HostedOrganisation, SignIn
from yilian.vault.sealer import Sealer

SITE = Site("http://localhost:8420", "localhost")
ADDRESS = "192.0.2.7"


class People:
    """The accounts of a node that works for the hospital, and the devices of its people."""

    def __init__(self, path: Path, **times: int) -> None:
        self.chain = Chain()
        hospital = self.chain.hospital.id
        hosted = HostedOrganisation(
            id=hospital, name="Test", kind="hospital", agent=hospital, agent_key=hospital
        )
        self.accounts = Accounts(
            path,
            self.chain.genesis.chain,
            lambda: self.chain.state,
            lambda: self.chain.time,
            lambda _: Sealer(bytes(32)),
            Configuration(chain="test", organisations=[hosted], sign_in=SignIn(**times)),
        )
        self.device = Authenticator()
        self.key = SessionKey()

    def invite(self, actor: Actor, minutes: int = 15, *, renews: bool = False) -> str:
        """Invite somebody of the hospital; gives the code."""
        hospital = self.chain.hospital.id
        return self.accounts.invite(hospital, actor.id, hospital, minutes, renews=renews).code

    def join(self, code: str) -> Session:
        """Join by a code with the device."""
        begun = self.accounts.begin_joining(code, self.key.public, ADDRESS).begun
        return self.finish_joining(begun)

    def finish_joining(self, begun: Begun) -> Session:
        """Make the passkey that was begun."""
        made = self.device.create(begun.challenge, SITE.origin, SITE.rp_id, begun.handle)
        data, attestation = (codec.to_bytes(made[each]) for each in ("client_data", "attestation"))
        return self.accounts.join(begun.attempt, data, attestation, SITE)

    def begin(self) -> Begun:
        """Begin to sign in."""
        return self.accounts.begin(self.key.public, ADDRESS)

    def shown(self, begun: Begun) -> Shown:
        """Have the device sign a challenge."""
        made = self.device.get(begun.challenge, SITE.origin)
        return Shown(
            credential=made["credential"],
            client_data=codec.to_bytes(made["client_data"]),
            authenticator_data=codec.to_bytes(made["authenticator_data"]),
            signature=codec.to_bytes(made["signature"]),
            handle=codec.to_bytes(made["user_handle"]),
        )

    def sign_in(self, address: str = ADDRESS) -> Session:
        """Sign in with the device."""
        begun = self.begin()
        return self.accounts.by_passkey(begun.attempt, self.shown(begun), SITE, address)

    def joined_doctor(self) -> tuple[Actor, Session, bytes]:
        """Have a doctor join with one-time codes; gives the secret too."""
        doctor = self.chain.practitioner()
        session = self.join(self.invite(doctor))
        secret = base64.b32decode(base32(self.accounts.enrol_factor(session)))
        session = self.accounts.give_code(session, code_at(secret, self.chain.time), ADDRESS)
        return doctor, session, secret

    def stands(self, session: Session) -> None:
        """Refuse a session that has ended, as a request under it would be."""
        found = self.accounts.sessions.require(session.session)
        self.accounts.sessions.require_living(found, self.chain.state, self.chain.time)

    def used(self, session: Session) -> None:
        """Note that a session was used."""
        found = self.accounts.sessions.require(session.session)
        self.accounts.sessions.touch(found, self.chain.time)
