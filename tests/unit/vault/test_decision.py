"""The decision table: one request that is permitted, and for each rule a change that denies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import (
    CLINIC,
    DAY,
    DOCTOR,
    GRANT,
    HOSPITAL,
    MINUTE,
    NOW,
    PATIENT,
    identifier,
    terms,
)
from yilian.vault.decision import ChainView, Facts, GrantState, SessionState, decide, told
from yilian.vault.envelope import KeyName, SessionTerms, session_commitment, terms_commitment

RECORD = identifier("record")
SALT = bytes(32)
SESSION = SessionTerms(
    session=identifier("session"),
    grant=GRANT,
    reader=DOCTOR,
    role="physician",
    purpose="treatment",
    ends=NOW + 10 * MINUTE,
)
OPENED = terms(
    practitioner=DOCTOR, role="physician", conditions=("encounter.open",), denied=("genetics",)
)
NAME = KeyName(patient=PATIENT, category="laboratory", sensitivity="normal", period="2026-03")
FACTS = Facts(
    chain=ChainView(
        grant=GrantState(
            patient=PATIENT,
            active=True,
            starts=OPENED.starts,
            ends=OPENED.ends,
            commitment=terms_commitment(SALT, OPENED),
        ),
        session=SessionState(
            grant=GRANT,
            open=True,
            ends=NOW + 10 * MINUTE,
            commitment=session_commitment(SALT, SESSION),
        ),
        block_time=NOW - 1000,
        stale_after=2 * MINUTE,
    ),
    clock=NOW,
    caller=CLINIC,
    grant=GRANT,
    terms_commitment=terms_commitment(SALT, OPENED),
    session=SESSION,
    session_commitment=session_commitment(SALT, SESSION),
    record=RECORD,
    name=NAME,
    met=frozenset({"encounter.open", "hours.day"}),
)


def facts(path: str, value: Any) -> Facts:
    """The good facts with one field, named by its path, changed."""

    def change(struct: Any, fields: list[str]) -> Any:
        if len(fields) > 1:
            inner = change(getattr(struct, fields[0]), fields[1:])
            return msgspec.structs.replace(struct, **{fields[0]: inner})
        return msgspec.structs.replace(struct, **{fields[0]: value})

    made = change(FACTS, path.split("."))
    assert isinstance(made, Facts)
    return made


def test_the_good_request_is_permitted() -> None:
    assert decide(OPENED, FACTS) == (True, ())


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("chain.block_time", NOW - 3 * MINUTE, "chain_outdated"),
        ("chain.grant.active", False, "grant_not_active"),
        ("chain.grant.starts", NOW + 1, "grant_not_yet_valid"),
        ("chain.grant.ends", NOW, "grant_no_longer_valid"),
        ("chain.grant.commitment", terms_commitment(SALT, terms()), "terms_differ_from_chain"),
        ("terms_commitment", terms_commitment(SALT, terms()), "terms_differ_from_chain"),
        ("chain.session", None, "session_not_on_chain"),
        ("chain.session.open", False, "session_closed"),
        ("chain.session.ends", NOW, "session_ended"),
        ("session.ends", NOW, "session_ended"),
        ("chain.session.grant", identifier("other"), "session_of_other_grant"),
        ("session.grant", identifier("other"), "session_of_other_grant"),
        ("session_commitment", terms_commitment(SALT, terms()), "session_differs_from_chain"),
        ("caller", HOSPITAL, "organisation_not_grantee"),
        ("session.reader", PATIENT, "reader_not_granted"),
        ("session.role", "nurse", "role_not_granted"),
        ("session.role", None, "role_not_granted"),
        ("session.purpose", "research", "purpose_not_granted"),
        ("met", frozenset(), "condition_not_met"),
        ("met", frozenset({"hours.day"}), "condition_not_met"),
        ("name", None, "record_not_of_patient"),
        ("name.patient", DOCTOR, "record_not_of_patient"),
        ("chain.grant.patient", DOCTOR, "record_not_of_patient"),
        ("name.category", "imaging", "category_not_granted"),
        ("name.sensitivity", "restricted", "sensitivity_not_granted"),
    ],
)
def test_each_rule_denies_alone(path: str, value: Any, reason: str) -> None:
    assert decide(OPENED, facts(path, value)) == (False, (reason,))


def test_validity_is_judged_by_the_later_clock() -> None:
    late_block = facts("chain.block_time", OPENED.ends)
    assert "grant_no_longer_valid" in decide(OPENED, late_block).reasons
    late_clock = facts("clock", OPENED.ends)
    assert "grant_no_longer_valid" in decide(OPENED, late_clock).reasons


def test_terms_own_validity_counts_beside_the_chains() -> None:
    ended = terms(starts=NOW - 2 * DAY, ends=NOW)
    assert "grant_no_longer_valid" in decide(ended, FACTS).reasons
    future = terms(starts=NOW + 1, ends=NOW + DAY)
    assert "grant_not_yet_valid" in decide(future, FACTS).reasons


def test_an_idle_chain_without_intervals_is_not_outdated() -> None:
    idle = facts("chain", msgspec.structs.replace(FACTS.chain, block_time=0, stale_after=None))
    assert decide(OPENED, idle).permit


def test_no_grant_on_chain_denies() -> None:
    reasons = decide(OPENED, facts("chain.grant", None)).reasons
    assert reasons == ("grant_not_on_chain", "record_not_of_patient")


def test_a_denied_category_beats_an_allowed_one_and_a_named_record() -> None:
    both = terms(categories=("genetics", "laboratory"), denied=("genetics",))
    genetic = facts("name.category", "genetics")
    assert "category_denied" in decide(both, genetic).reasons
    named = terms(records=(RECORD,), denied=("genetics",))
    assert "category_denied" in decide(named, genetic).reasons


def narrow(check: Callable[[Facts], Facts], **changes: Any) -> tuple[str, ...]:
    """Decide with other terms that the chain agrees with."""
    opened = terms(**changes)
    committed = terms_commitment(SALT, opened)
    made = facts("terms_commitment", committed)
    assert made.chain.grant is not None
    grant = msgspec.structs.replace(made.chain.grant, commitment=committed)
    chain = msgspec.structs.replace(made.chain, grant=grant)
    return decide(opened, check(msgspec.structs.replace(made, chain=chain))).reasons


def test_named_records_open_and_no_other() -> None:
    assert narrow(lambda good: good, categories=(), records=(RECORD,)) == ()
    other = narrow(lambda good: good, records=(identifier("other"),))
    assert other == ("record_not_granted",)


def test_all_reasons_are_listed() -> None:
    made = msgspec.structs.replace(
        facts("session.purpose", "research"), caller=HOSPITAL, met=frozenset()
    )
    assert decide(OPENED, made).reasons == (
        "organisation_not_grantee",
        "purpose_not_granted",
        "condition_not_met",
    )


def test_the_asker_is_not_told_whether_a_record_exists() -> None:
    absent = decide(OPENED, facts("name", None)).reasons
    elsewhere = decide(OPENED, facts("name.category", "imaging")).reasons
    foreign = decide(OPENED, facts("name.patient", DOCTOR)).reasons
    assert told(absent) == told(elsewhere) == told(foreign) == ("record_not_open",)
    assert told(("session_closed", "category_denied", "record_not_granted")) == (
        "session_closed",
        "record_not_open",
    )
