"""Replicas of one's own patients' records, brought to the members whom they allowed one.

Each replica is brought to what it should be (`vault/replica_giving.py`), removals first, and then
it is said to be complete as of now; where the digests differ, it is filled anew. What a replica
answered while this node was down goes into the journal here as soon as it is brought.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from yilian.gateway.members.errors import ELSEWHERE, NOT_ABOUT_YOU, UNREACHABLE
from yilian.gateway.members.problem import passing
from yilian.gateway.members.replica_formats import MAX_COPIES, ReplicasTold
from yilian.gateway.members.there import REPLICA_TELL, There
from yilian.gateway.practice.replica_keeping import (
    LOOK_EVERY,
    PORTION,
    Keeping,
    commitment_of,
    over,
)
from yilian.gateway.practice.replica_reading import Reading
from yilian.ledger.errors import Refusal, code
from yilian.ledger.modules.consent.state import GRANTS, SESSIONS
from yilian.ledger.modules.consent.state import Grant as OnChain
from yilian.vault.decision import grants_itself
from yilian.vault.envelope import JournalLine, Terms, new_id
from yilian.vault.receiving import OpenedSession
from yilian.vault.replica_formats import GRANT, RECORD, REPLICA_NOT_ALLOWED, Changes, Item
from yilian.vault.replica_giving import Wanted
from yilian.vault.replica_terms import allows_replica

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

LINES_REFUSED = code(9736, "replicas.lines_refused", 409)

FRESH_EVERY = 30.0
"""How often a complete replica is told so (s)."""
WHOLE_EVERY = 600.0
"""How often every replica is worked out anew, whether anything was heard of it or not (s)."""
AGAIN_AFTER = 5.0
AT_ONCE = 200
"""Items in one message, and less where their bytes are more than a portion."""
AHEAD_MS = 60_000
"""How far another member's clock may be ahead in a journal line."""

Status = Literal["waiting", "standing", "ended", "dropped"]
log = logging.getLogger("yilian.gateway")


class Allowed(NamedTuple):
    """A replica as the patient sees it; `as_of`, `dropped` in ms, None: never yet."""

    allowance: str
    member: str
    status: Status
    starts: int
    ends: int
    terms: Terms | None
    as_of: int | None
    records: int
    dropped: int | None


class _Live(NamedTuple):
    member: str
    patient: str


class Replicas:
    """The replicas of one organisation's records; `keeping` those of others, `reading` from them.

    Safe for threads; one at a time brings something to a member.
    """

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._engine = organisation.engine
        self._given = organisation.vault.replicas.given
        self.keeping = Keeping(organisation)
        self.reading = Reading(organisation)
        self._lock = threading.RLock()
        self._live: dict[str, _Live] = {}
        self._changed: set[str] = set()
        self._again: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._worked_out = float("-inf")
        for row in self._given.allowed():
            if row.dropped is None:
                self._live[row.allowance] = _Live(row.member, row.patient)

    def touched(self, person: str) -> None:
        """Bring a person's replicas up to date soon: something of theirs has changed."""
        try:
            self._find_allowed(person)
        except Refusal as refusal:
            # Whoever calls has more to do for others; `integrity` names the damaged row.
            log.error("replicas of a person were not looked up: %s", refusal.code.name)
        with self._lock:
            names = {name for name, each in self._live.items() if each.patient == person}
            self._changed |= names
        if names:
            self._organisation.courier.wake()

    def _find_allowed(self, person: str) -> None:
        organisation, state = self._organisation, self._engine.state()
        for grant, (_, terms) in organisation.vault.given_to(person).items():
            stands = GRANTS.get(state, grant)
            if stands is None or stands.person != person or not allows_replica(terms):
                continue
            with self._lock:
                known = grant in self._live
            # One at the same node would be down with it.
            elsewhere = organisation.hosted(terms.grantee) is None
            if elsewhere and not known and not over(stands, self._engine.now()):
                self._given.allow(grant, terms.grantee, person)
                with self._lock:
                    self._live[grant] = _Live(terms.grantee, person)

    def anchored(self, batch: str) -> None:
        """Bring what a batch added to the replicas of those whom it is about."""
        with self._lock:
            patients = {each.patient for each in self._live.values()}
        if patients:
            rows = self._organisation.vault.catalogue.records_of_batch(batch)
            for person in sorted(patients & {row.patient for row in rows}):
                self.touched(person)

    def to_tell(self) -> set[str]:
        """Name the members to which something is to be brought; looks after what is kept here."""
        self.keeping.look()
        if self._organisation.peers is None:
            return set()
        now = time.monotonic()
        with self._lock:
            if now - self._worked_out >= WHOLE_EVERY:
                self._worked_out = now
                self._changed |= set(self._live)
            for name in [each for each, due in self._again.items() if due <= now]:
                del self._again[name]
                self._changed.add(name)
            return {
                each.member
                for name, each in self._live.items()
                if name in self._changed or self._due.get(each.member, 0.0) <= now
            }

    def wait(self) -> float:
        """Tell in how many seconds something falls due that is not due yet, at the latest."""
        now = time.monotonic()
        with self._lock:
            moments = [*self._again.values(), *self._due.values()]
            return min([LOOK_EVERY, *(each - now for each in moments if each > now)])

    def carry(self, member: str) -> None:
        """Bring a member's replicas up to date; refuses where the member is not reached.

        After all parcels that wait for it: the grant that allows a replica may be among them.
        """
        now = self._engine.now()
        # What is complete as of now has all that the chain has by now.
        self._organisation.watch.catch_up()
        if self._organisation.vault.parcels.waiting(member, limit=1):
            return
        with self._lock:
            names = [name for name, each in self._live.items() if each.member == member]
        for name in sorted(names):
            with self._lock:
                if name not in self._changed or name not in self._live:
                    continue
                self._changed.discard(name)
            try:
                self._bring(name, self._live[name])
            except Refusal as refusal:
                if refusal.code in ELSEWHERE or passing(refusal):
                    with self._lock:
                        self._changed.add(name)
                    raise
                log.warning("a replica is not taken: %s", refusal.code.name)
                self._put_off(name)
                if refusal.code is REPLICA_NOT_ALLOWED:
                    self._organisation.watch.redeliver(name)
            except BaseException:
                self._put_off(name)
                raise
        if names:
            self._freshen(member, now)

    def give_up(self, member: str) -> None:
        """Forget the replicas of a member that has ended."""
        with self._lock:
            names = [name for name, each in self._live.items() if each.member == member]
        for name in names:
            self._end(name)

    def _put_off(self, allowance: str, seconds: float = AGAIN_AFTER) -> None:
        with self._lock:
            self._again[allowance] = time.monotonic() + seconds

    def _allows(self, allowance: str, live: _Live) -> Terms | None:
        """Give an allowance's terms while the chain has it and it may be used."""
        stands = GRANTS.get(self._engine.state(), allowance)
        if stands is None or over(stands, self._engine.now()):
            return None
        opened = self._organisation.vault.giver.opened(allowance, stands.terms)
        if opened is None or not allows_replica(opened.terms):
            return None
        itself = grants_itself(opened.terms, self._organisation.grant_state(stands))
        return None if itself or opened.terms.grantee != live.member else opened.terms

    def _bring(self, allowance: str, live: _Live) -> None:
        terms = self._allows(allowance, live)
        there = self._there(live.member)
        if terms is None:
            there.replica_drop(allowance)
            self._end(allowance)
            return
        wait = terms.starts - self._engine.now()
        if wait > 0:
            self._put_off(allowance, wait / 1000)
            return
        state, watch = self._engine.state(), self._organisation.watch
        grants = {each: GRANTS.require(state, each).terms for each in watch.standing(live.patient)}
        wanted = self._given.wanted(live.patient, terms, grants)
        has = self._given.items(allowance)
        if not has:
            there.replica_put(allowance, Changes(anew=True))
        names = {(each.kind, each.id) for each in wanted.items()}
        gone = [each for each in has if (each.kind, each.id) not in names]
        self._remove(there, allowance, gone)
        self._add(there, allowance, wanted, has)
        self._tell([*wanted.grants, *(each.id for each in gone if each.kind == GRANT)])
        with self._lock:
            self._due.pop(live.member, None)

    def _there(self, member: str) -> There:
        peers = self._organisation.peers
        if peers is None:
            raise UNREACHABLE(id=member)
        return There(peers, self._organisation.id, member)

    def _remove(self, there: There, allowance: str, gone: Sequence[Item]) -> None:
        for kind in (RECORD, GRANT):
            names = sorted(each.id for each in gone if each.kind == kind)
            for at in range(0, len(names), AT_ONCE):
                some = tuple(names[at : at + AT_ONCE])
                changes = (
                    Changes(gone_records=some) if kind == RECORD else Changes(gone_grants=some)
                )
                there.replica_put(allowance, changes)
                self._given.gone(allowance, kind, some)

    def _add(self, there: There, allowance: str, wanted: Wanted, has: set[Item]) -> None:
        new = wanted.items() - has
        records = sorted(each.id for each in new if each.kind == RECORD)
        for some in _portions(records, wanted):
            made = tuple(self._given.records(wanted, some))
            there.replica_put(allowance, Changes(records=made))
            self._given.taken(
                allowance,
                [Item(RECORD, e.released.proof.record, e.released.address) for e in made],
            )
        for name in sorted(each.id for each in new if each.kind == GRANT):
            grant = self._given.grant(wanted, name)
            there.replica_put(allowance, Changes(grants=(grant,)))
            self._given.taken(allowance, [Item(GRANT, name, grant.state)])

    def _tell(self, grants: Iterable[str]) -> None:
        """Tell grantees elsewhere which members have a replica for their grants now."""
        organisation = self._organisation
        for grant in grants:
            members = self._given.holding(grant)
            grantee = organisation.vault.giver.grantee(grant)
            if grantee is None or members == self._given.told(grant):
                continue
            if organisation.hosted(grantee) is None:
                told = ReplicasTold(grant=grant, members=tuple(members))
                organisation.courier.send(grantee, REPLICA_TELL, new_id(), told)
            self._given.tell(grant, members)

    def _end(self, allowance: str) -> None:
        """Note that a replica is no more, durably, and tell the grantees."""
        grants = [each.id for each in self._given.items(allowance) if each.kind == GRANT]
        self._given.dropped(allowance, self._engine.now())
        with self._lock:
            self._live.pop(allowance, None)
            self._changed.discard(allowance)
            self._again.pop(allowance, None)
        self._tell(grants)

    def _freshen(self, member: str, now: int) -> None:
        """Say which of a member's replicas have everything as of now, and hear which have not."""
        with self._lock:
            names = sorted(
                name
                for name, each in self._live.items()
                if each.member == member and name not in self._changed and name not in self._again
            )
        for at in range(0, len(names), MAX_COPIES):
            some = names[at : at + MAX_COPIES]
            copies = {name: self._given.digest(name) for name in some}
            differ = set(self._there(member).replica_fresh(now, copies))
            self._given.fresh([name for name in some if name not in differ], now)
            for name in differ & set(some):
                # It, or this vault, was restored from a backup, or lost something.
                self._given.forget_items(name)
                self._put_off(name)
        with self._lock:
            self._due[member] = time.monotonic() + FRESH_EVERY

    def report(self, caller: str, session: OpenedSession, lines: Sequence[JournalLine]) -> None:
        """Take a replica's journal lines into the journal here, each once, in their order.

        Refuses `members.not_about_caller` where the caller never had a replica of that patient, and
        `replicas.lines_refused` for lines that the session on the chain does not bear out.
        """
        vault, terms = self._organisation.vault, session.terms
        patient = vault.giver.patient(terms.grant)
        if patient is None or not self._given.was_allowed(caller, patient):
            raise NOT_ABOUT_YOU()
        opened = SESSIONS.get(self._engine.state(), terms.session)
        if (
            opened is None
            or opened.terms != commitment_of(session)
            or opened.reader != terms.reader
        ):
            raise LINES_REFUSED()
        latest = self._engine.now() + AHEAD_MS
        for line in lines:
            said = (line.basis, line.session, line.grant, line.reader, line.purpose)
            if said != ("grant", terms.session, terms.grant, terms.reader, terms.purpose):
                raise LINES_REFUSED()
            if line.on_behalf_of != terms.on_behalf_of or line.copy is not None:
                raise LINES_REFUSED()
            late = line.outcome == "permit" and line.time >= opened.ends
            if late or not opened.opened - AHEAD_MS <= line.time <= latest:
                raise LINES_REFUSED()
            if not vault.is_record_of(line.record, patient):
                raise LINES_REFUSED()
        with self._lock:
            new = {
                line.disclosure: line
                for line in lines
                if vault.catalogue.line(line.disclosure) is None
            }
            # In this order: after a crash in between, the lines are taken when they come again.
            self._given.reported(list(new), caller)
            vault.journal_write(list(new.values()))

    def of_person(self, person: str) -> list[Allowed]:
        """List the replicas that a person allowed, the newest first."""
        state, found = self._engine.state(), []
        for row in self._given.allowed(patient=person):
            stands = GRANTS.get(state, row.allowance)
            if stands is None:
                continue
            opened = self._organisation.vault.giver.opened(row.allowance, stands.terms)
            items = self._given.items(row.allowance)
            found.append(
                Allowed(
                    allowance=row.allowance,
                    member=row.member,
                    status=self._status(stands, row.dropped),
                    starts=stands.starts,
                    ends=stands.ends,
                    terms=None if opened is None else opened.terms,
                    as_of=row.fresh,
                    records=sum(each.kind == RECORD for each in items),
                    dropped=row.dropped,
                )
            )
        return sorted(found, key=lambda each: (-each.starts, each.allowance))

    def _status(self, stands: OnChain, dropped: int | None) -> Status:
        if dropped is not None:
            return "dropped"
        if over(stands, self._engine.now()):
            return "ended"
        return "standing" if self._engine.now() >= stands.starts else "waiting"


def _portions(names: Sequence[str], wanted: Wanted) -> Iterable[list[str]]:
    """Cut records into what fits one message each."""
    some: list[str] = []
    total = 0
    for name in names:
        size = wanted.rows[name].size
        if some and (len(some) >= AT_ONCE or total + size > PORTION):
            yield some
            some, total = [], 0
        some.append(name)
        total += size
    if some:
        yield some
