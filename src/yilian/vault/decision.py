"""May this record be released? A pure function of opened terms and proved facts, with all reasons.

Deny by default: what is unknown, unproved or not named denies. Each rule adds its own reason, and
all are listed, so that a journal tells the whole story.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from yilian.ledger.codec import Digest, Id, Millis
from yilian.vault.envelope import KeyName, SessionTerms, Terms


class GrantState(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as this organisation's own node has it: proved by the chain, not by the asker."""

    patient: Id
    active: bool
    starts: Millis
    ends: Millis
    commitment: Digest


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """An access session as this organisation's own node has it."""

    grant: Id
    open: bool
    ends: Millis
    commitment: Digest


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
    terms, to be held against the chain's. `met` are the conditions shown to be met now.
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
    met: frozenset[str] = frozenset()


class Decision(NamedTuple):
    """The answer; `reasons` is empty exactly when it permits."""

    permit: bool
    reasons: tuple[str, ...]


ABOUT_THE_RECORD = frozenset(
    {
        "category_denied",
        "category_not_granted",
        "payload_unreadable",
        "record_not_granted",
        "record_not_of_patient",
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
    if grant is None:
        return ["grant_not_on_chain"]
    reasons: list[str] = []
    if not grant.active:
        reasons.append("grant_not_active")
    if now < max(terms.starts, grant.starts):
        reasons.append("grant_not_yet_valid")
    if now >= min(terms.ends, grant.ends):
        reasons.append("grant_no_longer_valid")
    if grant.commitment != facts.terms_commitment:
        reasons.append("terms_differ_from_chain")
    return reasons


def _session(facts: Facts, now: int) -> list[str]:
    session = facts.chain.session
    if session is None:
        return ["session_not_on_chain"]
    reasons: list[str] = []
    if not session.open:
        reasons.append("session_closed")
    if now >= min(session.ends, facts.session.ends):
        reasons.append("session_ended")
    if not session.grant == facts.session.grant == facts.grant:
        reasons.append("session_of_other_grant")
    if session.commitment != facts.session_commitment:
        reasons.append("session_differs_from_chain")
    return reasons


def _reader(terms: Terms, facts: Facts) -> list[str]:
    reasons: list[str] = []
    if facts.caller != terms.grantee:
        reasons.append("organisation_not_grantee")
    if terms.practitioner is not None and facts.session.reader != terms.practitioner:
        reasons.append("reader_not_granted")
    if terms.role is not None and facts.session.role != terms.role:
        reasons.append("role_not_granted")
    if facts.session.purpose not in terms.purposes:
        reasons.append("purpose_not_granted")
    if not set(terms.conditions) <= facts.met:
        reasons.append("condition_not_met")
    return reasons


def _record(terms: Terms, facts: Facts) -> list[str]:
    name, grant = facts.name, facts.chain.grant
    if name is None or grant is None or name.patient != grant.patient:
        return ["record_not_of_patient"]
    reasons: list[str] = []
    if name.category in terms.denied:
        reasons.append("category_denied")
    if terms.records is not None:
        if facts.record not in terms.records:
            reasons.append("record_not_granted")
        return reasons
    if name.category not in terms.categories:
        reasons.append("category_not_granted")
    if name.sensitivity not in terms.sensitivities:
        reasons.append("sensitivity_not_granted")
    return reasons
