"""Reading from a replica: who asks a holder that is down is answered by the members it told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yilian.gateway.members.errors import ELSEWHERE, NOT_ABOUT_YOU, UNREACHABLE
from yilian.gateway.members.there import There
from yilian.gateway.practice.replica_keeping import over
from yilian.gateway.practice.treatment import ShownEncounter
from yilian.ledger.errors import Refusal, code
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.identity.state import SUBJECTS, home
from yilian.vault.packages import Released
from yilian.vault.receiving import OpenedSession
from yilian.vault.replica_formats import REPLICA_NONE, REPLICA_NOT_POSSIBLE, REPLICA_TOO_OLD

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

ALL_DOWN = code(9735, "replicas.unreachable", 503, "id")

REFUSALS = (REPLICA_NOT_POSSIBLE, REPLICA_TOO_OLD, ALL_DOWN)
"""What a route that asks a holder may refuse besides, where replicas answer for it."""


class Backed(There):
    """A member at another node whose replicas answer while it is down."""

    def __init__(self, organisation: Organisation, name: str) -> None:
        """Refuses as `There`; `organisation` has a way to other members."""
        assert organisation.peers is not None
        super().__init__(organisation.peers, organisation.id, name)
        self._reading = organisation.replicas.reading

    def release(
        self,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Ask the holder, and where it cannot be reached a replica.

        Refuses as both do, and `replicas.unreachable` where neither is there.
        """
        try:
            return super().release(session, wanted, shown)
        except Refusal as refusal:
            if refusal.code is not UNREACHABLE:
                raise
            return self._reading.read(refusal, self.id, session, wanted, shown)

    def repackage(self, grant: str) -> bytes | None:
        """Have a grant packaged by the holder, else take the package that a replica has."""
        try:
            return super().repackage(grant)
        except Refusal as refusal:
            if refusal.code is not UNREACHABLE:
                raise
            return self._reading.fetch_package(refusal, self.id, grant)


class Reading:
    """The replicas that one organisation knows of as a grantee. Holds nothing itself."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._engine = organisation.engine
        self._known = organisation.vault.replicas.known

    def hear(self, caller: str, grant: str, members: Sequence[str]) -> None:
        """Keep which members have a replica for a grant of the caller's.

        Refuses `members.not_about_caller` for a grant of somebody else's person.
        """
        stands = GRANTS.get(self._engine.state(), grant)
        person = None if stands is None else SUBJECTS.get(self._engine.state(), stands.person)
        if stands is None or person is None or home(stands.person, person) != caller:
            raise NOT_ABOUT_YOU()
        self._known.tell(grant, list(dict.fromkeys(members)))

    def read(
        self,
        down: Refusal,
        holder: str,
        session: OpenedSession,
        wanted: Sequence[str] | None,
        shown: ShownEncounter | None,
    ) -> list[Released]:
        """Ask the replicas that are known for a grant, in turn; `down` is the holder's silence.

        Gives nothing where none answers and the chain here has the grant as over.
        """
        refused: Refusal | None = None
        members = self._known.members(session.terms.grant)
        for member in members:
            try:
                there = self._organisation.counterpart(member)
                return there.replica_read(holder, session, wanted, shown)
            except Refusal as refusal:
                refused = _better(refused, refusal)
        stands = GRANTS.get(self._engine.state(), session.terms.grant)
        if stands is None or over(stands, self._engine.now()):
            return []
        raise _told(down, refused, holder)

    def fetch_package(self, down: Refusal, holder: str, grant: str) -> bytes | None:
        """Ask the replicas that are known for a grant for its package."""
        refused: Refusal | None = None
        for member in self._known.members(grant):
            try:
                return self._organisation.counterpart(member).replica_package(holder, grant)
            except Refusal as refusal:
                refused = _better(refused, refusal)
        raise _told(down, refused, holder)


def _better(before: Refusal | None, refusal: Refusal) -> Refusal:
    """Choose the refusal that says more: a replica's own one before one of the way there."""
    if before is None or before.code in ELSEWHERE or before.code is REPLICA_NONE:
        return refusal
    return before


def _told(down: Refusal, refused: Refusal | None, holder: str) -> Refusal:
    """Say why nobody answered: no replica is the same as none allowed, to who asks."""
    if refused is None or refused.code is REPLICA_NONE:
        return down
    return ALL_DOWN(id=holder) if refused.code in ELSEWHERE else refused
