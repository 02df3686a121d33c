"""F19: role x resource x action x purpose equals the table; F27: a role alone treats nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.gateway.fhir.intake import CATEGORIES, OBSERVATIONS
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.policy import (
    ACTIONS,
    DEFAULT,
    PURPOSES,
    RESOURCES,
    ROLES,
    OwnFacts,
    Policy,
    Rule,
    decide_own,
    matrix,
    resource,
)

# The table once more, as a person would write it down: i identity, c clinical, r results,
# m medication, p payment, o other, s sensitive.
TABLE = """
physician   treat            read            i c r m
physician   treat            write           i c r m
physician   treat            correct         i c r m
physician   emergency        break-glass     i c m
physician   emergency        read            i c m
physician   emergency        write           c m
nurse       treat            read            i c r m
nurse       treat            write           c
nurse       treat            correct         c
nurse       emergency        break-glass     i c m
nurse       emergency        read            i c m
nurse       emergency        write           c m
pharmacist  treat            read            i m
pharmacist  treat            write           m
pharmacist  treat            correct         m
technician  treat            read            i r
technician  treat            write           r
technician  treat            correct         r
registrar   operate          read            i
registrar   operate          write           i
registrar   operate          correct         i
registrar   patient-request  export          i c r m p o
registrar   patient-request  erase           i c r m p o
billing     pay              read            i p
billing     pay              write           p
billing     pay              correct         p
researcher  research         read            c r m
auditor     operate          read            p
auditor     legal            read            i c r m p o
auditor     legal            export          i c r m p o
auditor     retention-duty   read            i c r m p o
auditor     retention-duty   export          i c r m p o
auditor     retention-duty   erase           i c r m p o
regulator   legal            read            c r m p
regulator   public-health    read            c r
patient     patient-request  read            i c r m p o s
patient     patient-request  note            i c r m p o s
patient     patient-request  export          i c r m p o s
patient     patient-request  erase           i c r m p o s
custodian   patient-request  read            i c r m p o
custodian   patient-request  note            i c r m p o
custodian   patient-request  export          i c r m p o
"""
LETTERS = {each[0]: each for each in RESOURCES}


def table() -> set[tuple[str, str, str, str]]:
    found = set()
    for line in TABLE.split("\n"):
        if line:
            role, purpose, action, *letters = line.split()
            found |= {(role, LETTERS[each], action, purpose) for each in letters}
    return found


CATEGORY = {resource(each, "normal"): each for each in sorted(CATEGORIES.values())} | {
    "other": "telepathy"
}
RELATIONS = ("encounter", "referral", "grant", "emergency", "is_patient", "custody", "request")


def facts(role: str, kind: str, action: str, purpose: str, **more: Any) -> OwnFacts:
    return OwnFacts(
        role=role,
        action=action,
        purpose=purpose,
        category=CATEGORY.get(kind, "laboratory"),
        sensitivity="hiv" if kind == "sensitive" else "normal",
        **more,
    )


def test_the_matrix_is_the_table_and_has_no_extra_permit() -> None:
    cells = list(matrix(DEFAULT))
    product = len(ROLES) * len(RESOURCES) * len(ACTIONS) * len(PURPOSES)
    assert len(cells) == len({each[:4] for each in cells}) == product
    assert {each[:4] for each in cells if each.permit} == table()


def test_every_combination_is_decided_as_the_table_says_given_all_relations() -> None:
    everything = dict.fromkeys(RELATIONS, True)
    for cell in matrix(DEFAULT):
        decision = decide_own(DEFAULT, facts(*cell[:4], **everything))
        assert decision.permit == (cell[:4] in table())
        assert decision.reasons == (() if cell.permit else ("not_in_policy",))


def test_without_any_relation_only_office_and_duty_remain() -> None:
    permitted = {each for each in table() if decide_own(DEFAULT, facts(*each)).permit}
    assert {purpose for _, _, _, purpose in permitted} == {
        "legal",
        "operate",
        "pay",
        "public-health",
        "retention-duty",
    }
    assert permitted == {each for each in table() if each[3] not in RELATED}


RELATED = {"treat", "emergency", "research", "patient-request"}


@pytest.mark.parametrize("role", ["physician", "nurse", "pharmacist", "technician"])
def test_a_role_without_a_treatment_relation_is_denied(role: str) -> None:
    rows = [each for each in sorted(table()) if each[0] == role and each[3] == "treat"]
    assert rows
    for row in rows:
        assert decide_own(DEFAULT, facts(*row)).reasons == ("no_treatment_relation",)
        for relation in ("encounter", "referral", "grant"):
            assert decide_own(DEFAULT, facts(*row, **{relation: True})).permit
        for relation in ("emergency", "is_patient", "custody", "request"):
            assert not decide_own(DEFAULT, facts(*row, **{relation: True})).permit


@pytest.mark.parametrize(
    ("row", "relation", "reason"),
    [
        (("researcher", "clinical", "read", "research"), "grant", "no_consent_to_research"),
        (("physician", "clinical", "read", "emergency"), "emergency", "no_emergency_access"),
        (("nurse", "medication", "break-glass", "emergency"), "emergency", "no_emergency_access"),
        (("patient", "sensitive", "read", "patient-request"), "is_patient", "not_the_patient"),
        (("custodian", "clinical", "note", "patient-request"), "custody", "no_custodianship"),
        (("registrar", "other", "export", "patient-request"), "request", "no_request_of_patient"),
    ],
)
def test_each_relation_is_asked_for_alone(
    row: tuple[str, str, str, str], relation: str, reason: str
) -> None:
    assert decide_own(DEFAULT, facts(*row)).reasons == (reason,)
    assert decide_own(DEFAULT, facts(*row, **{relation: True})).permit
    others = {each: True for each in RELATIONS if each != relation}
    assert decide_own(DEFAULT, facts(*row, **others)).reasons == (reason,)


def test_sensitive_records_are_closed_until_a_policy_opens_them() -> None:
    row = ("physician", "sensitive", "read", "treat")
    assert decide_own(DEFAULT, facts(*row, encounter=True)).reasons == ("not_in_policy",)
    opened = Rule(
        roles=("physician",), resources=("sensitive",), actions=("read",), purposes=("treat",)
    )
    own = Policy(rules=(*DEFAULT.rules, opened))
    assert decide_own(own, facts(*row, encounter=True)).permit
    assert decide_own(own, facts(*row)).reasons == ("no_treatment_relation",)
    before = {each[:4] for each in matrix(DEFAULT) if each.permit}
    assert {each[:4] for each in matrix(own) if each.permit} == before | {row}


def test_a_sealed_record_is_open_for_the_duties_it_is_kept_for_and_an_erased_one_for_none() -> None:
    duty = ("auditor", "clinical", "read", "retention-duty")
    treat = ("physician", "clinical", "read", "treat")
    assert decide_own(DEFAULT, facts(*duty, standing="sealed")).permit
    assert decide_own(DEFAULT, facts(*treat, standing="sealed", encounter=True)).reasons == (
        "record_sealed",
    )
    assert decide_own(DEFAULT, facts(*treat, standing="sealed")).reasons == (
        "no_treatment_relation",
        "record_sealed",
    )
    assert decide_own(DEFAULT, facts(*duty, standing="erased")).reasons == ("record_erased",)


def test_every_category_of_the_intake_has_a_class() -> None:
    for category in sorted({*CATEGORIES.values(), *OBSERVATIONS.values()}):
        assert resource(category, "normal") in set(RESOURCES) - {"sensitive", "other"}
        assert resource(category, "restricted") == "sensitive"
    assert resource("telepathy", "normal") == "other"


@given(*[st.sampled_from((*words, "else")) for words in (ROLES, RESOURCES, ACTIONS, PURPOSES)])
def test_unknown_words_are_denied_and_an_empty_policy_permits_nothing(
    role: str, kind: str, action: str, purpose: str
) -> None:
    asked = facts(role, kind, action, purpose, **dict.fromkeys(RELATIONS, True))
    if "else" in (role, action, purpose):
        assert decide_own(DEFAULT, asked).reasons == ("not_in_policy",)
    assert not decide_own(Policy(rules=()), asked).permit


def test_a_policy_is_data_and_a_rule_of_unknown_words_is_refused() -> None:
    data = codec.encode(DEFAULT)
    assert codec.decode(data, Policy) == DEFAULT
    plain = msgspec.json.decode(data)
    for field, word in (("roles", "king"), ("resources", "all"), ("purposes", "treatment")):
        changed = {**plain, "rules": [{**plain["rules"][0], field: [word]}]}
        with pytest.raises(Refusal) as caught:
            codec.decode(codec.encode(changed), Policy)
        assert caught.value.code.name == "malformed"
    with pytest.raises(ValueError, match="exist"):
        Rule(roles=("physician",), resources=("all",), actions=("read",), purposes=("treat",))
