"""Practitioners who are invited before they are on the chain: at joining they get a key there.

    invite     the organisation says who comes; name and role are sealed, and an id is drawn
    join       the new device makes a key and proves that it has it; the organisation's agent signs
               `identity.EnrolPractitioner` with that key; then the passkey is kept
    licence    stays with who may issue it

What is done twice after a crash is done once: who is on the chain already only gets a passkey.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sql

from yilian.gateway.auth.database import INVITATIONS, NEWCOMERS, AccountsDatabase, Invitation
from yilian.gateway.auth.database import Newcomer as _Row
from yilian.gateway.auth.errors import KEY_WANTED, NOT_TO_BE_INVITED
from yilian.ledger import codec
from yilian.ledger.codec import Binary, Digest, Name
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.ledger.state import State
from yilian.vault.database import values
from yilian.vault.sealer import Sealer

KEPT_MS = 30 * 86_400_000
"""How long a name stays here after its invitation is over."""


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes: name, role here, language of notices, and the tag of their number."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    role: Name
    language: Literal["en", "zh-CN"]
    tag: Digest

    def __repr__(self) -> str:
        return "<Newcomer>"


class ProvedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that a new device made; `proof` is its signature on the proof of the key."""

    key: PublicKey
    proof: Binary


Employ = Callable[[str, str, Newcomer, ProvedKey], None]
"""Enrols somebody: organisation, the practitioner's new id, who, and the key they proved."""

_decoder = codec.decoder(Newcomer)


class Newcomers:
    """The newcomers of all organisations of a node, sealed. Safe for threads."""

    def __init__(
        self,
        database: AccountsDatabase,
        sealer: Callable[[str], Sealer],
        state: Callable[[], State],
        employ: Employ | None,
    ) -> None:
        """Without `employ` nobody can be invited who is not on the chain."""
        self._database = database
        self._sealer = sealer
        self._state = state
        self._employ = employ
        # Two who hold one code must not both be enrolled.
        self._one = threading.Lock()

    def require_open(self) -> None:
        """Refuse `sign_in.not_to_be_invited` where this node enrols nobody."""
        if self._employ is None:
            raise NOT_TO_BE_INVITED(id="")

    def keep(self, invitation: Invitation, newcomer: Newcomer) -> None:
        """Keep who an invitation is for, and forget whose invitation is long over."""
        bound = _bound(invitation)
        sealed = self._sealer(invitation.organisation).seal(codec.encode(newcomer), bound)
        made = _Row(invitation.invitation, sealed)
        over = sql.select(INVITATIONS.c.invitation).where(
            INVITATIONS.c.expires < invitation.created - KEPT_MS
        )
        with self._database.write() as connection:
            connection.execute(sql.delete(NEWCOMERS).where(NEWCOMERS.c.invitation.in_(over)))
            connection.execute(sql.insert(NEWCOMERS).values(**values(made)))

    def find(self, invitation: Invitation) -> Newcomer | None:
        """Give who an invitation is for; None where it is for somebody who was on the chain."""
        query = sql.select(NEWCOMERS).where(NEWCOMERS.c.invitation == invitation.invitation)
        row = self._database.one(_Row, query)
        if row is None:
            return None
        opened = self._sealer(invitation.organisation).open(row.sealed, _bound(invitation))
        newcomer: Newcomer = _decoder.decode(opened)
        return newcomer

    def coming(self, invitation: Invitation) -> Newcomer | None:
        """Give who is still to be enrolled at joining; None for everybody else."""
        if SUBJECTS.get(self._state(), invitation.subject) is not None:
            return None
        return self.find(invitation)

    def enrol(self, invitation: Invitation, proved: ProvedKey | None) -> None:
        """Put who joins on the chain, with their own key, unless they are there.

        Refuses `sign_in.key_wanted` without a key, and as `Desks.employ`.
        """
        with self._one:
            newcomer = self.coming(invitation)
            if newcomer is None:
                return
            if proved is None or self._employ is None:
                raise KEY_WANTED()
            self._employ(invitation.organisation, invitation.subject, newcomer, proved)


def _bound(invitation: Invitation) -> bytes:
    return b"yilian/newcomer/1\n" + invitation.invitation.encode()
