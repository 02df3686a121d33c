"""May this record be released? A pure function of opened terms and proved facts, with all reasons.

Deny by default: what is unknown, unproved or not named denies. Each rule adds its own reason, and
all are listed, so that a journal tells the whole story.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from yilian.ledger.codec import Digest, Id, Millis, Positive
from yilian.vault.conditions import Situation, unmet
from yilian.vault.envelope import KeyName, SessionTerms, Terms
from yilian.vault.replica_terms import allows_replica

Standing = Literal["kept", "sealed", "erased"]
"""Whether a record is shared as ever, kept for a duty alone, or gone (section 8, Erasure)."""


class GrantState(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as this organisation's own node has it: proved by the chain, not by the asker.

    `by`: None where the patient's own key granted; else who did on the patient's behalf: the
    organisation of an agent or a practitioner, or the subject itself (a family custodian).
    `countersigned`: the organisation that signed beside them, if another did. `version` counts
    the changes of the terms, from 1.
    """

    patient: Id
    active: bool
    starts: Millis
    ends: Millis
    commitment: Digest
    by: Id | None = None
    countersigned: Id | None = None
    version: Positive = 1


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """An access session as this organisation's own node has it; `reader` is who opened it."""

    grant: Id
    open: bool
    ends: Millis
    commitment: Digest
    reader: Id | None = None


class ChainView(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest block says about the grant and session asked for; None where it has none.

    `stale_after`: refuse when the block is older than so many milliseconds (consortium: two
    empty-block intervals); None where blocks are made only when something happens (embedded).
    """

    grant: GrantState | None
    session: SessionState | None
    block_time: Millis
    stale_after: Millis | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision about one record looks at, besides the opened terms.

    `caller` is the organisation the connection is authenticated as. `record` is the id asked for,
    `name` where it stands in this vault (None: unknown). `*_commitment` are those of the opened
    terms, to be held against the chain's. `encounter`: an encounter is open, or a referral
    accepted, between the patient and the reader's organisation.
    """

    chain: ChainView
    clock: Millis
    caller: Id
    grant: Id
    terms_commitment: Digest
    session: SessionTerms
    session_commitment: Digest
    record: Id
    name: KeyName | None
    standing: Standing = "kept"
    encounter: bool = False


class Decision(NamedTuple):
    """The answer; `reasons` is empty exactly when it permits."""

    permit: bool
    reasons: tuple[str, ...]


ABOUT_THE_RECORD = frozenset(
    {
        "cannot_redact",
        "category_denied",
        "category_not_granted",
        "payload_unreadable",
        "record_erased",
        "record_not_granted",
        "record_not_of_patient",
        "record_sealed",
        "sensitivity_not_granted",
    }
)
"""Reasons that would tell the asker whether a record exists; see `told`."""


def decide(terms: Terms, facts: Facts) -> Decision:
    """Decide one record. Moments are judged by the later of block time and this clock (ms)."""
    now = max(facts.chain.block_time, facts.clock)
    reasons = (
        *_chain(facts),
        *_grant(terms, facts, now),
        *_session(facts, now),
        *_reader(terms, facts),
        *_conditions(terms, facts, now),
        *_record(terms, facts),
    )
    return Decision(not reasons, reasons)


def told(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Fold what an asker may hear: "no such record" and "not for you" are one answer."""
    folded = ["record_not_open" if each in ABOUT_THE_RECORD else each for each in reasons]
    return tuple(dict.fromkeys(folded))


def _chain(facts: Facts) -> list[str]:
    limit = facts.chain.stale_after
    if limit is not None and facts.clock - facts.chain.block_time > limit:
        return ["chain_outdated"]
    return []


def _grant(terms: Terms, facts: Facts, now: int) -> list[str]:
    grant = facts.chain.grant
    starts, ends = terms.starts, terms.ends
    reasons: list[str] = []
    if grant is None:
        reasons.append("grant_not_on_chain")
    else:
        starts, ends = max(starts, grant.starts), min(ends, grant.ends)
        if not grant.active:
            reasons.append("grant_not_active")
        if grant.commitment != facts.terms_commitment:
            reasons.append("terms_differ_from_chain")
        if grants_itself(terms, grant):
            reasons.append("custodian_grants_itself")
    if now < starts:
        reasons.append("grant_not_yet_valid")
    if now >= ends:
        reasons.append("grant_no_longer_valid")
    return reasons


def grants_itself(terms: Terms, grant: GrantState) -> bool:
    """Tell whether who granted for the patient granted to itself, and no other signed beside it."""
    if grant.by is None or grant.by not in (terms.grantee, terms.practitioner, *terms.team):
        return False
    return grant.countersigned in (None, grant.by, terms.grantee)


def _session(facts: Facts, now: int) -> list[str]:
    session = facts.chain.session
    ends, grants = facts.session.ends, {facts.grant, facts.session.grant}
    reasons: list[str] = []
    if session is None:
        reasons.append("session_not_on_chain")
    else:
        ends = min(ends, session.ends)
        grants.add(session.grant)
        if not session.open:
            reasons.append("session_closed")
        if session.commitment != facts.session_commitment:
            reasons.append("session_differs_from_chain")
        if session.reader is not None and session.reader != facts.session.reader:
            reasons.append("session_of_other_reader")
    if now >= ends:
        reasons.append("session_ended")
    if len(grants) > 1:
        reasons.append("session_of_other_grant")
    return reasons


def _reader(terms: Terms, facts: Facts) -> list[str]:
    reader = facts.session.reader
    reasons: list[str] = []
    if facts.caller != terms.grantee:
        reasons.append("organisation_not_grantee")
    if (terms.practitioner is not None or terms.team) and reader not in (
        terms.practitioner,
        *terms.team,
    ):
        reasons.append("not_in_team" if terms.team else "reader_not_granted")
    if terms.role is not None and facts.session.role != terms.role:
        reasons.append("role_not_granted")
    if facts.session.purpose not in terms.purposes:
        reasons.append("purpose_not_granted")
    if allows_replica(terms):
        reasons.append("grant_of_replica")
    return reasons


def _conditions(terms: Terms, facts: Facts, now: int) -> tuple[str, ...]:
    situation = Situation(now=now, place=facts.session.place, encounter=facts.encounter)
    return unmet(terms.conditions, situation)


def _record(terms: Terms, facts: Facts) -> list[str]:
    name, grant = facts.name, facts.chain.grant
    reasons: list[str] = []
    if facts.standing != "kept":
        reasons.append(f"record_{facts.standing}")
    if name is None or grant is None or name.patient != grant.patient:
        reasons.append("record_not_of_patient")
    if name is not None and name.category in terms.denied:
        reasons.append("category_denied")
    if terms.records is not None:
        if facts.record not in terms.records:
            reasons.append("record_not_granted")
    elif name is not None:
        if name.category not in terms.categories:
            reasons.append("category_not_granted")
        if name.sensitivity not in terms.sensitivities:
            reasons.append("sensitivity_not_granted")
    return reasons
