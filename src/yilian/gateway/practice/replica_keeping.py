"""Replicas kept for other members: taken in, served while the holder is down, destroyed.

All is decided by this organisation's own node: grant, session, allowance and erasures are read on
its chain, so that what was taken back or erased is refused though the holder can tell nobody. Who
looked is in the journal here before anything leaves, and on its way to the holder's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.members.formats import ReleaseAnswer
from yilian.gateway.members.replica_formats import ReplicaLines
from yilian.gateway.members.there import REPLICA_LINES
from yilian.gateway.practice.treatment import ShownEncounter, treats
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.consent.state import Grant as OnChain
from yilian.ledger.modules.records.state import MARKS
from yilian.vault.catalogue import ReceivedRow
from yilian.vault.envelope import Terms, session_commitment, terms_commitment
from yilian.vault.packages import MAX_RECORDS, Released, Request
from yilian.vault.receiving import OpenedSession
from yilian.vault.replica_formats import (
    REPLICA_NOT_ALLOWED,
    REPLICA_NOT_POSSIBLE,
    REPLICA_TOO_OLD,
    Changes,
)
from yilian.vault.replica_terms import allows_replica
from yilian.vault.replicas import Found, KeptRow

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

LOOK_EVERY = 30.0
"""How often what is kept for others is held against the chain (s)."""
PORTION = 8 * 1024 * 1024

log = logging.getLogger("yilian.gateway")


class Kept(NamedTuple):
    """A replica as who keeps it sees it."""

    allowance: str
    holder: str
    as_of: int | None
    ends: int
    records: int
    bytes: int


class Keeping:
    """The replicas that one organisation keeps for others. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._engine = organisation.engine
        self._kept = organisation.vault.replicas.kept
        self._served = organisation.vault.replicas.served
        self._lock = threading.Lock()
        self._looked = float("-inf")

    def take(self, caller: str, allowance: str, changes: Changes) -> None:
        """Take what changed of a replica; refuses `replicas.not_allowed` and `malformed`."""
        held = self._organisation.vault.catalogue.received(allowance)
        if held is None or held.holder != caller:
            raise REPLICA_NOT_ALLOWED()
        terms = self._allowance(held)
        if terms is None:
            raise REPLICA_NOT_ALLOWED()
        self._kept.put(held, terms, changes)

    def _allowance(self, held: ReceivedRow) -> Terms | None:
        """Give the terms of an allowance held here while the chain has exactly them."""
        stands = GRANTS.get(self._engine.state(), held.grant_id)
        if stands is None or not stands.valid(self._engine.now()):
            return None
        if (stands.terms, stands.person) != (held.commitment, held.patient):
            return None
        terms = self._organisation.vault.terms_of(held.grant_id)
        return terms if allows_replica(terms) else None

    def drop(self, caller: str, allowance: str) -> None:
        """Destroy a replica; refuses `members.not_about_caller` for one of another holder's."""
        row = self._kept.row(allowance)
        if row is not None and row.holder != caller:
            raise NOT_ABOUT_YOU()
        self._kept.drop(allowance)

    def portion(
        self,
        caller: str,
        holder: str,
        session: OpenedSession,
        wanted: Sequence[str] | None,
        shown: ShownEncounter | None,
    ) -> ReleaseAnswer:
        """Release as much of what a session opens as fits one answer, journalled before.

        Refuses `replicas.none_here`, `replicas.too_old`, `replicas.not_possible`,
        `members.not_about_caller`, `organisation.caller_differs` and `malformed`.
        """
        terms = session.terms
        found = self._find(caller, holder, terms.grant)
        self._organisation.require_reader(terms.session, caller)
        if found.grant.terms.redact:
            raise REPLICA_NOT_POSSIBLE()
        self._require_terms(found)
        sizes = self._served.opened_by(found)
        names = list(sizes) if wanted is None else list(wanted)
        if len(set(names)) < len(names):
            raise MALFORMED()
        count = _fitting(names, sizes)
        if not names:
            return ReleaseAnswer(released=(self._nothing(found, session),))
        request = Request(session=terms, salt=session.salt, records=tuple(names[:count]))
        encounter = treats(self._organisation, found.kept.patient, caller, terms.reader, shown)
        view = self._organisation.view(session)
        released, lines = self._served.release(
            found, request, view, caller, encounter, lambda mark: self._erased(holder, mark)
        )
        if lines and view.session is not None and view.session.commitment == commitment_of(session):
            told = ReplicaLines(session=session, lines=tuple(lines))
            self._organisation.courier.send(holder, REPLICA_LINES, lines[0].disclosure, told)
        return ReleaseAnswer(released=(released,), more=tuple(names[count:]))

    def package(self, caller: str, holder: str, grant: str) -> bytes | None:
        """Give the package of a grant to its grantee; None where it does not stand as it is here.

        Refuses as `portion`.
        """
        found = self._find(caller, holder, grant)
        stands = GRANTS.get(self._engine.state(), grant)
        if stands is None or not stands.valid(self._engine.now()):
            return None
        self._require_terms(found)
        return found.grant.package

    def _find(self, caller: str, holder: str, grant: str) -> Found:
        found = self._kept.find(holder, grant, self._serves)
        if found.grant.terms.grantee != caller:
            raise NOT_ABOUT_YOU()
        return found

    def _serves(self, kept: KeptRow) -> bool:
        held = self._organisation.vault.catalogue.received(kept.allowance)
        return held is not None and self._allowance(held) is not None

    def _require_terms(self, found: Found) -> None:
        """Refuse `replicas.too_old` where the chain has other terms than came here."""
        stands = GRANTS.get(self._engine.state(), found.grant.grant)
        salt = codec.to_bytes(found.grant.salt)
        if stands is None or stands.terms != terms_commitment(salt, found.grant.terms):
            raise REPLICA_TOO_OLD(as_of=found.as_of)

    def _nothing(self, found: Found, session: OpenedSession) -> Released:
        return Released(
            holder=found.kept.holder,
            grant=session.terms.grant,
            session=session.terms.session,
            records=(),
            refused=(),
            replica=self._organisation.id,
            as_of=found.as_of,
        )

    def _erased(self, holder: str, mark: str) -> bool:
        found = MARKS.get(self._engine.state(), f"{holder}/{mark}")
        return found is not None and found.extent is not None

    def look(self) -> None:
        """Do `tend` from time to time."""
        now = time.monotonic()
        with self._lock:
            if now - self._looked < LOOK_EVERY:
                return
            self._looked = now
        self.tend()

    def tend(self) -> None:
        """Destroy replicas that are allowed no more, and records that the chain has as erased.

        Whether their holder says so or not. The first time is before anything is brought, which is
        what a vault restored from a backup needs.
        """
        for row in self._kept.rows():
            try:
                self._tend(row)
            except Refusal as refusal:
                # One damaged file must not hold up all that is brought from here.
                log.error("a replica is not looked after: %s", refusal.code.name)

    def _tend(self, row: KeptRow) -> None:
        stands = GRANTS.get(self._engine.state(), row.allowance)
        if stands is None:
            # A chain that is still behind knows nothing of it yet; its own terms say when it ends.
            ended = self._engine.now() >= self._organisation.vault.terms_of(row.allowance).ends
        else:
            ended = over(stands, self._engine.now())
        if ended:
            self._kept.drop(row.allowance)
            return
        marks = self._kept.marks(row.allowance)
        gone = [name for name, mark in marks.items() if self._erased(row.holder, mark)]
        self._kept.remove(row.allowance, gone)

    def kept(self) -> list[Kept]:
        """List the replicas that are kept here for others."""
        state, found = self._engine.state(), []
        for row in self._kept.rows():
            stands, size = GRANTS.get(state, row.allowance), self._kept.size(row.allowance)
            ends = 0 if stands is None else stands.ends
            found.append(Kept(row.allowance, row.holder, row.fresh, ends, size.records, size.bytes))
        return found


def over(stands: OnChain, now: int) -> bool:
    """Tell whether a grant opens nothing any more, at `now` (ms)."""
    return stands.revoked is not None or now >= stands.ends


def commitment_of(session: OpenedSession) -> str:
    """Commit to a session as whoever shows it opens it."""
    return session_commitment(codec.to_bytes(session.salt), session.terms)


def _fitting(names: Sequence[str], sizes: dict[str, int]) -> int:
    """Count how many records from the first on fit one answer; at least one."""
    some, total = names[:MAX_RECORDS], 0
    for at, name in enumerate(some):
        total += sizes.get(name, 0)
        if total > PORTION and at > 0:
            return at
    return len(some)
