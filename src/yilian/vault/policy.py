"""What an organisation's own people may do with the records it keeps: a table, and one decision.

An organisation that wrote a record holds a second wrap, for treatment and for its duties
(architecture, section 8). This table says who may use it: role x resource x action x purpose,
deny by default. A row alone never opens a record for treatment: that needs a treatment relation.
Purposes are those of HL7 v3 PurposeOfUse (TREAT, HPAYMT, HOPERAT, HRESCH, PUBHLTH, HLEGAL, PATRQT,
ETREAT) in plain words; `retention-duty` is the duty to keep (China: 医疗机构管理条例实施细则, 53).

A policy is data: an organisation may keep its own, and the default is one. `matrix` lists what a
policy says about every combination, for a portal and for a test that finds extra permits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from yilian.ledger.codec import Name
from yilian.vault.decision import Decision, Standing
from yilian.vault.envelope import Format

ROLES = (
    "physician",
    "nurse",
    "pharmacist",
    "technician",
    "registrar",
    "billing",
    "researcher",
    "auditor",
    "patient",
    "custodian",
    "regulator",
)
ACTIONS = ("read", "write", "correct", "note", "export", "erase", "break-glass")
PURPOSES = (
    "treat",
    "pay",
    "operate",
    "research",
    "public-health",
    "legal",
    "retention-duty",
    "patient-request",
    "emergency",
)
RESOURCES = ("identity", "clinical", "results", "medication", "payment", "other", "sensitive")
"""Classes of categories. Whatever its category, a record that is not `normal` is `sensitive`."""

_CLASSES = {
    "demographics": "identity",
    "allergy": "clinical",
    "care-plan": "clinical",
    "document": "clinical",
    "encounter": "clinical",
    "exam": "clinical",
    "immunization": "clinical",
    "problem": "clinical",
    "procedure": "clinical",
    "social-history": "clinical",
    "survey": "clinical",
    "vital-signs": "clinical",
    "imaging": "results",
    "laboratory": "results",
    "medication": "medication",
    "claim": "payment",
}

NORMAL = "normal"
DUTIES = frozenset({"legal", "retention-duty"})
"""The purposes that a sealed record is kept for."""

Words = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=16)]


class Rule(Format, frozen=True, kw_only=True):
    """Every role here may do every action here on every resource here for every purpose here."""

    roles: Words
    resources: Words
    actions: Words
    purposes: Words

    def __post_init__(self) -> None:
        known = (
            (self.roles, ROLES),
            (self.resources, RESOURCES),
            (self.actions, ACTIONS),
            (self.purposes, PURPOSES),
        )
        if any(not set(named) <= set(words) for named, words in known):
            raise ValueError("a rule names roles, resources, actions and purposes that exist")


class Policy(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-own-policy/1"):
    """Rules that permit; nothing else is permitted, and no rule forbids what another permits."""

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=256)]

    def permits(self, role: str, resource: str, action: str, purpose: str) -> bool:
        """Tell whether a rule names the combination; the relation is asked for besides."""
        return any(
            role in rule.roles
            and resource in rule.resources
            and action in rule.actions
            and purpose in rule.purposes
            for rule in self.rules
        )


class OwnFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision about one record of one's own organisation looks at.

    Relations are proved by who hands them in: `encounter` (an open one of the patient with this
    practitioner or the practitioner's team), `referral` (accepted, to them), `grant` (a standing
    one that names them), `emergency` (a committed break-glass of this reader for this patient),
    `is_patient` (the reader is whom the record is about), `custody` (the reader is a custodian of
    the patient, switched on, with the power to read), `request` (the patient asked for this).
    """

    role: str
    action: str
    purpose: str
    category: str
    sensitivity: str
    standing: Standing = "kept"
    encounter: bool = False
    referral: bool = False
    grant: bool = False
    emergency: bool = False
    is_patient: bool = False
    custody: bool = False
    request: bool = False


def resource(category: str, sensitivity: str) -> str:
    """Give the class of a record; an unknown category is `other`."""
    return "sensitive" if sensitivity != NORMAL else _CLASSES.get(category, "other")


def decide_own(policy: Policy, facts: OwnFacts) -> Decision:
    """Decide one action on one record; every reason is listed, and none means permit."""
    kind = resource(facts.category, facts.sensitivity)
    reasons: list[str] = []
    if not policy.permits(facts.role, kind, facts.action, facts.purpose):
        reasons.append("not_in_policy")
    reasons += _relation(facts)
    if facts.standing == "erased":
        reasons.append("record_erased")
    elif facts.standing == "sealed" and facts.purpose not in DUTIES:
        reasons.append("record_sealed")
    return Decision(not reasons, tuple(reasons))


def _relation(facts: OwnFacts) -> list[str]:
    """Ask for what no row of a table can give; these hold under every policy."""
    reasons: list[str] = []
    if facts.purpose == "treat" and not (facts.encounter or facts.referral or facts.grant):
        reasons.append("no_treatment_relation")
    if facts.purpose == "research" and not facts.grant:
        reasons.append("no_consent_to_research")
    if (facts.purpose == "emergency" or facts.action == "break-glass") and not facts.emergency:
        reasons.append("no_emergency_access")
    if facts.role == "patient" and not facts.is_patient:
        reasons.append("not_the_patient")
    if facts.role == "custodian" and not facts.custody:
        reasons.append("no_custodianship")
    themselves = facts.role in ("patient", "custodian")
    if facts.purpose == "patient-request" and not (facts.request or themselves):
        reasons.append("no_request_of_patient")
    return reasons


class Cell(NamedTuple):
    """One combination and whether a policy permits it, relations aside."""

    role: str
    resource: str
    action: str
    purpose: str
    permit: bool


def matrix(policy: Policy) -> Iterator[Cell]:
    """List every combination of role, resource, action and purpose, in the order of the words."""
    for each in itertools.product(ROLES, RESOURCES, ACTIONS, PURPOSES):
        yield Cell(*each, policy.permits(*each))


def _rule(roles: str, resources: str, actions: str, purposes: str) -> Rule:
    return Rule(
        roles=tuple(roles.split()),
        resources=tuple(resources.split()),
        actions=tuple(actions.split()),
        purposes=tuple(purposes.split()),
    )


_SHARED = "identity clinical results medication"
_KEPT = "identity clinical results medication payment other"

DEFAULT = Policy(
    rules=(
        # Treatment: as far as the profession needs, and with a relation (see `_relation`).
        _rule("physician", _SHARED, "read write correct", "treat"),
        _rule("nurse", _SHARED, "read", "treat"),
        _rule("nurse", "clinical", "write correct", "treat"),
        _rule("pharmacist", "identity medication", "read", "treat"),
        _rule("pharmacist", "medication", "write correct", "treat"),
        _rule("technician", "identity results", "read", "treat"),
        _rule("technician", "results", "write correct", "treat"),
        # Emergency: after a break-glass that is on the chain.
        _rule("physician nurse", "identity clinical medication", "read break-glass", "emergency"),
        _rule("physician nurse", "clinical medication", "write", "emergency"),
        # The office: who a person is, and what is to be paid; no findings.
        _rule("registrar", "identity", "read write correct", "operate"),
        _rule("registrar", _KEPT, "export erase", "patient-request"),
        _rule("billing", "identity payment", "read", "pay"),
        _rule("billing", "payment", "write correct", "pay"),
        # Research: what consent names, and never who it is.
        _rule("researcher", "clinical results medication", "read", "research"),
        # Duties: to keep, to destroy when the time is over, to answer a court or an authority.
        _rule("auditor", "payment", "read", "operate"),
        _rule("auditor", _KEPT, "read export", "legal retention-duty"),
        _rule("auditor", _KEPT, "erase", "retention-duty"),
        _rule("regulator", "clinical results medication payment", "read", "legal"),
        _rule("regulator", "clinical results", "read", "public-health"),
        # The patient sees everything, also what is closed to all others.
        _rule("patient", _KEPT + " sensitive", "read note export erase", "patient-request"),
        _rule("custodian", _KEPT, "read note export", "patient-request"),
    )
)
"""The policy of an organisation that has set none: sensitive records open to the patient alone."""
