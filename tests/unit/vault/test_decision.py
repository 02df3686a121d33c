"""The decision table: one request that is permitted, and for each rule a change that denies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scale import scale
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
from yilian.ledger import codec
from yilian.vault.conditions import Situation, met
from yilian.vault.decision import (
    ABOUT_THE_RECORD,
    ChainView,
    Facts,
    GrantState,
    SessionState,
    decide,
    told,
)
from yilian.vault.envelope import (
    KeyName,
    SessionTerms,
    Terms,
    session_commitment,
    terms_commitment,
)

RECORD = identifier("record")
SALT = bytes(32)
SESSION = SessionTerms(
    session=identifier("session"),
    grant=GRANT,
    reader=DOCTOR,
    role="physician",
    place="ward-3",
    purpose="treatment",
    ends=NOW + 10 * MINUTE,
)
OPENED = terms(
    practitioner=DOCTOR,
    role="physician",
    conditions=("encounter", "place:ward-3"),
    denied=("genetics",),
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
            reader=DOCTOR,
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
    encounter=True,
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
        ("chain.session.reader", PATIENT, "session_of_other_reader"),
        ("session.role", "nurse", "role_not_granted"),
        ("session.role", None, "role_not_granted"),
        ("session.purpose", "research", "purpose_not_granted"),
        ("encounter", False, "condition_not_met.encounter.0"),
        ("session.place", None, "condition_not_met.place.1"),
        ("session.place", "ward-4", "condition_not_met.place.1"),
        ("chain.grant.by", CLINIC, "custodian_grants_itself"),
        ("chain.grant.by", DOCTOR, "custodian_grants_itself"),
        ("standing", "erased", "record_erased"),
        ("standing", "sealed", "record_sealed"),
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


def test_a_custodian_may_grant_to_others_and_to_itself_when_another_countersigns() -> None:
    def by(**changes: Any) -> tuple[str, ...]:
        assert FACTS.chain.grant is not None
        grant = msgspec.structs.replace(FACTS.chain.grant, **changes)
        return decide(OPENED, facts("chain.grant", grant)).reasons

    assert by(by=HOSPITAL) == ()
    assert by(by=CLINIC, countersigned=HOSPITAL) == ()
    assert by(by=DOCTOR, countersigned=HOSPITAL) == ()
    for countersigned in (None, CLINIC):
        for who in (CLINIC, DOCTOR):
            assert by(by=who, countersigned=countersigned) == ("custodian_grants_itself",)


def test_each_member_of_a_team_reads_and_nobody_else() -> None:
    team = tuple(sorted((DOCTOR, identifier("nurse"))))
    for practitioner in (None, identifier("chief")):
        opened = {"team": team, "practitioner": practitioner}
        for reader in (*team, practitioner or DOCTOR):
            assert narrow(read_by(reader), **opened) == ()
        assert narrow(read_by(PATIENT), **opened) == ("not_in_team",)
    assert narrow(read_by(PATIENT), practitioner=DOCTOR) == ("reader_not_granted",)


def read_by(reader: str) -> Callable[[Facts], Facts]:
    """Change who reads, in the session and on the chain."""

    def change(good: Facts) -> Facts:
        assert good.chain.session is not None
        opened = msgspec.structs.replace(good.chain.session, reader=reader)
        return msgspec.structs.replace(
            good,
            chain=msgspec.structs.replace(good.chain, session=opened),
            session=msgspec.structs.replace(good.session, reader=reader),
        )

    return change


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
    session = msgspec.structs.replace(
        SESSION, grant=PATIENT, reader=PATIENT, role="nurse", purpose="research", place=None, ends=0
    )
    nothing = msgspec.structs.replace(
        FACTS,
        chain=ChainView(grant=None, session=None, block_time=0, stale_after=1),
        clock=OPENED.ends,
        caller=HOSPITAL,
        session=session,
        name=None,
        standing="erased",
        encounter=False,
    )
    assert decide(OPENED, nothing).reasons == (
        "chain_outdated",
        "grant_not_on_chain",
        "grant_no_longer_valid",
        "session_not_on_chain",
        "session_ended",
        "session_of_other_grant",
        "organisation_not_grantee",
        "reader_not_granted",
        "role_not_granted",
        "purpose_not_granted",
        "condition_not_met.encounter.0",
        "condition_not_met.place.1",
        "record_erased",
        "record_not_of_patient",
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


# Any terms and any facts

SUBJECTS = [CLINIC, DOCTOR, GRANT, HOSPITAL, PATIENT, RECORD]
CATEGORIES = ["genetics", "imaging", "laboratory"]
CONDITIONS = ["days:mon-fri+08:00", "encounter", "hours:08:00-18:00+08:00", "moon", "place:ward-3"]
MOMENTS = st.integers(NOW - 2, NOW + 2)
one_id = st.sampled_from(SUBJECTS)


def some(values: list[str], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw a sorted selection."""
    drawn = st.lists(st.sampled_from(values), unique=True, min_size=least)
    return drawn.map(lambda each: tuple(sorted(each)))


any_terms = st.builds(
    Terms,
    grantee=st.sampled_from([CLINIC, HOSPITAL]),
    practitioner=st.none() | one_id,
    team=some(SUBJECTS),
    role=st.none() | st.just("physician"),
    categories=some(CATEGORIES, 1),
    sensitivities=some(["normal", "restricted"]),
    denied=some(CATEGORIES),
    purposes=some(["research", "treatment"], 1),
    starts=st.just(NOW - DAY) | st.integers(NOW - 1, NOW + 1),
    ends=st.just(NOW + DAY) | st.integers(NOW + 2, NOW + 3),
    conditions=some(CONDITIONS),
    records=st.none() | some(SUBJECTS, 1),
)
any_session = st.builds(
    SessionTerms,
    session=st.just(GRANT),
    grant=st.sampled_from([GRANT, PATIENT]),
    reader=one_id,
    role=st.none() | st.sampled_from(["nurse", "physician"]),
    place=st.none() | st.just("ward-3"),
    purpose=st.sampled_from(["research", "treatment"]),
    ends=MOMENTS,
)
digests = st.sampled_from([codec.to_text(bytes([at]) * 32) for at in range(2)])
any_view = st.builds(
    ChainView,
    grant=st.none()
    | st.builds(
        GrantState,
        patient=st.sampled_from([PATIENT, DOCTOR]),
        active=st.booleans(),
        starts=MOMENTS,
        ends=MOMENTS,
        commitment=digests,
        by=st.none() | one_id,
        countersigned=st.none() | one_id,
    ),
    session=st.none()
    | st.builds(
        SessionState,
        grant=st.sampled_from([GRANT, PATIENT]),
        open=st.booleans(),
        ends=MOMENTS,
        commitment=digests,
        reader=st.none() | one_id,
    ),
    block_time=MOMENTS,
    stale_after=st.none() | st.just(1),
)
any_name = st.builds(
    KeyName,
    patient=st.sampled_from([PATIENT, DOCTOR]),
    category=st.sampled_from(CATEGORIES),
    sensitivity=st.sampled_from(["normal", "restricted"]),
    period=st.just("2026-03"),
)
any_facts = st.builds(
    Facts,
    chain=any_view,
    clock=MOMENTS,
    caller=st.sampled_from([CLINIC, HOSPITAL]),
    grant=st.sampled_from([GRANT, PATIENT]),
    terms_commitment=digests,
    session=any_session,
    session_commitment=digests,
    record=one_id,
    name=st.none() | any_name,
    standing=st.sampled_from(["kept", "sealed", "erased"]),
    encounter=st.booleans(),
)


def requirements(opened: Terms, facts: Facts) -> list[bool]:
    """Everything that must hold, said once more in other words."""
    grant, session, name, asked = facts.chain.grant, facts.chain.session, facts.name, facts.session
    if grant is None or session is None or name is None:
        return [False]
    moments = (facts.chain.block_time, facts.clock)
    readers = {each for each in (opened.practitioner, *opened.team) if each}
    by_id = opened.records is not None
    return [
        facts.chain.stale_after is None or moments[1] <= moments[0] + facts.chain.stale_after,
        grant.active,
        all(start <= max(moments) for start in (opened.starts, grant.starts)),
        all(at < end for end in (opened.ends, grant.ends) for at in moments),
        grant.commitment == facts.terms_commitment,
        grant.by is None
        or grant.by not in readers | {opened.grantee}
        or grant.countersigned not in (None, grant.by, opened.grantee),
        session.open,
        all(at < end for end in (session.ends, asked.ends) for at in moments),
        len({session.grant, asked.grant, facts.grant}) == 1,
        session.commitment == facts.session_commitment,
        session.reader in (None, asked.reader),
        facts.caller == opened.grantee,
        not readers or asked.reader in readers,
        opened.role in (None, asked.role),
        asked.purpose in opened.purposes,
        all(
            met(each, Situation(now=max(moments), place=asked.place, encounter=facts.encounter))
            for each in opened.conditions
        ),
        "moon" not in opened.conditions,
        facts.standing == "kept",
        name.patient == grant.patient,
        name.category not in opened.denied,
        not by_id or facts.record in (opened.records or ()),
        by_id or name.category in opened.categories,
        by_id or name.sensitivity in opened.sensitivities,
    ]


@settings(max_examples=scale(1_000, 50_000))
@given(any_terms, any_facts)
def test_every_request_gets_a_decision_and_a_permit_means_every_requirement(
    opened: Terms, facts: Facts
) -> None:
    decision = decide(opened, facts)
    assert decision.permit == all(requirements(opened, facts)) == (decision.reasons == ())
    assert len(set(decision.reasons)) == len(decision.reasons)


@settings(max_examples=scale(500, 20_000))
@given(any_terms, st.data())
def test_one_change_of_a_permitted_request_denies_for_its_own_reason(
    opened: Terms, data: st.DataObject
) -> None:
    """Start from a request that fits the drawn terms, so that permits are not rare."""
    good = fitting(opened)
    permit = "moon" not in opened.conditions and good.name is not None
    fits = all(requirements(opened, good))
    assert decide(opened, good).permit == fits
    assert permit or not fits
    changed = data.draw(st.sampled_from(sorted(CHANGES)))
    made = CHANGES[changed](good)
    assert changed in decide(opened, made).reasons


def fitting(opened: Terms) -> Facts:
    """Facts that fit terms as far as facts can."""
    open_categories = [each for each in opened.categories if each not in opened.denied]
    sensitivities = opened.sensitivities or ("normal",)
    reader = opened.practitioner or (opened.team[0] if opened.team else DOCTOR)
    now = max(NOW, opened.starts)
    session = SessionTerms(
        session=GRANT,
        grant=GRANT,
        reader=reader,
        role=opened.role,
        place="ward-3",
        purpose=opened.purposes[0],
        ends=now + 1,
    )
    return Facts(
        chain=ChainView(
            grant=GrantState(
                patient=PATIENT,
                active=True,
                starts=opened.starts,
                ends=opened.ends,
                commitment=terms_commitment(SALT, opened),
            ),
            session=SessionState(
                grant=GRANT,
                open=True,
                ends=now + 1,
                commitment=session_commitment(SALT, session),
            ),
            block_time=now,
        ),
        clock=now,
        caller=opened.grantee,
        grant=GRANT,
        terms_commitment=terms_commitment(SALT, opened),
        session=session,
        session_commitment=session_commitment(SALT, session),
        record=opened.records[0] if opened.records else RECORD,
        name=KeyName(
            patient=PATIENT,
            category=(open_categories or CATEGORIES)[0],
            sensitivity=sensitivities[0],
            period="2026-03",
        ),
        encounter=True,
    )


CHANGES: dict[str, Callable[[Facts], Facts]] = {
    "grant_not_active": lambda good: on_chain(good, "grant", active=False),
    "grant_no_longer_valid": lambda good: on_chain(good, "grant", ends=0),
    "grant_not_yet_valid": lambda good: on_chain(good, "grant", starts=NOW + DAY),
    "terms_differ_from_chain": lambda good: on_chain(good, "grant", commitment="A" * 43),
    "session_closed": lambda good: on_chain(good, "session", open=False),
    "session_ended": lambda good: on_chain(good, "session", ends=0),
    "session_of_other_grant": lambda good: on_chain(good, "session", grant=RECORD),
    "session_of_other_reader": lambda good: on_chain(good, "session", reader=identifier("x")),
    "organisation_not_grantee": lambda good: msgspec.structs.replace(good, caller=PATIENT),
    "record_sealed": lambda good: msgspec.structs.replace(good, standing="sealed"),
    "record_not_of_patient": lambda good: msgspec.structs.replace(good, name=None),
}


def on_chain(good: Facts, part: str, **changes: Any) -> Facts:
    """Change what the chain says of a grant or session."""
    state = msgspec.structs.replace(getattr(good.chain, part), **changes)
    chain = msgspec.structs.replace(good.chain, **{part: state})
    return msgspec.structs.replace(good, chain=chain)


def test_all_reasons_about_a_record_are_one_for_the_asker() -> None:
    assert told(tuple(sorted(ABOUT_THE_RECORD))) == ("record_not_open",)
