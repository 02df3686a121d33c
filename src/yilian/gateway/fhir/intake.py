"""Taking FHIR R4 bundles apart without touching a byte: each resource as the exact text it came in.

A record is the bytes that arrived. The bundle is read with raw slices, so 1.50 stays 1.50 and field
order stays as it was. What is read out of a resource here is only what decides where it is kept:
its category, its sensitivity (by label, and by what it says: `sensitivity.py`), and for a Patient
the number that tells who it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from yilian.gateway.fhir import sensitivity
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED, BUNDLE_PATIENTS, BUNDLE_TOO_LARGE

MAX_BUNDLE_BYTES = 64 << 20
MAX_ENTRIES = 20_000
FHIR_JSON = "application/fhir+json"

OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

CATEGORIES = {
    "AllergyIntolerance": "allergy",
    "CarePlan": "care-plan",
    "CareTeam": "care-plan",
    "Claim": "claim",
    "Condition": "problem",
    "Coverage": "claim",
    "DiagnosticReport": "laboratory",
    "DocumentReference": "document",
    "Encounter": "encounter",
    "ExplanationOfBenefit": "claim",
    "Goal": "care-plan",
    "ImagingStudy": "imaging",
    "Immunization": "immunization",
    "MedicationAdministration": "medication",
    "MedicationRequest": "medication",
    "MedicationStatement": "medication",
    "Patient": "demographics",
    "Procedure": "procedure",
}
"""Category by resource type; an Observation tells its own, and everything else is `other`."""

OBSERVATIONS = {
    "laboratory": "laboratory",
    "vital-signs": "vital-signs",
    "imaging": "imaging",
    "social-history": "social-history",
    "survey": "survey",
    "exam": "exam",
    "procedure": "procedure",
}

SENSITIVE = tuple(label.upper() for label in sensitivity.ORDER)
"""Sensitivity codes (HL7 v3 ActCode) that are kept under keys of their own, the strictest first."""

RESTRICTED, NORMAL = "restricted", "normal"
_STRICTNESS = (*sensitivity.ORDER, RESTRICTED, NORMAL)


class Resource(NamedTuple):
    """One resource of a bundle: its exact text and where it is to be kept."""

    type: str
    category: str
    sensitivity: str
    content: bytes


class Identity(NamedTuple):
    """The number by which a person is known: its system and value."""

    system: str
    value: str


class Intake(NamedTuple):
    """A bundle of one patient, taken apart."""

    identity: Identity
    resources: list[Resource]


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"")


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str
    entry: list[_Entry] = []


class _Coding(msgspec.Struct):
    system: str | None = None
    code: str | None = None


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []


class _Meta(msgspec.Struct):
    security: list[_Coding] = []


class _Head(msgspec.Struct, rename="camel"):
    resource_type: str
    meta: _Meta | None = None
    category: Any = None


class _Identifier(msgspec.Struct):
    system: str | None = None
    value: str | None = None


class _Patient(msgspec.Struct):
    identifier: list[_Identifier] = []


_bundles = msgspec.json.Decoder(_Bundle, strict=False)
_heads = msgspec.json.Decoder(_Head, strict=False)
_whole = msgspec.json.Decoder()
_patients = msgspec.json.Decoder(_Patient, strict=False)

IDENTITY_SYSTEMS = (
    "urn:oid:2.16.840.1.113883.2.23.1.19.1",
    "http://hl7.org/fhir/sid/us-ssn",
)
"""Systems of national numbers, preferred in this order (resident identity number; SSN)."""


def take_apart(bundle: bytes) -> Intake:
    """Read a bundle of one patient; refuses what is no FHIR bundle or names no or two patients."""
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise BUNDLE_TOO_LARGE(limit=MAX_BUNDLE_BYTES)
    try:
        # Where the reader skips text it does not look at its bytes; a record must be UTF-8 whole.
        str(bundle, "utf-8")
        read = _bundles.decode(bundle)
        if read.resource_type != "Bundle" or not read.entry:
            raise BUNDLE_MALFORMED()
        if len(read.entry) > MAX_ENTRIES:
            raise BUNDLE_TOO_LARGE(limit=MAX_ENTRIES)
        resources = [_resource(bytes(each.resource)) for each in read.entry]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BUNDLE_MALFORMED() from None
    patients = [each for each in resources if each.type == "Patient"]
    if len(patients) != 1:
        raise BUNDLE_PATIENTS(found=len(patients))
    return Intake(_identity(patients[0].content), resources)


def read_resource(content: bytes) -> Resource:
    """Read one resource that comes alone; refuses `fhir.bundle_malformed`, and a Bundle."""
    if len(content) > MAX_BUNDLE_BYTES:
        raise BUNDLE_TOO_LARGE(limit=MAX_BUNDLE_BYTES)
    try:
        str(content, "utf-8")
        made = _resource(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BUNDLE_MALFORMED() from None
    if made.type == "Bundle":
        raise BUNDLE_MALFORMED()
    return made


def stricter(one: str, other: str) -> str:
    """Give the more restrictive of two sensitivities; one that is not known here comes first."""
    if one not in _STRICTNESS or other not in _STRICTNESS:
        return one if one not in _STRICTNESS else other
    return min(one, other, key=_STRICTNESS.index)


def _resource(content: bytes) -> Resource:
    if not content:
        raise BUNDLE_MALFORMED()
    head = _heads.decode(content)
    said = sensitivity.labels(_whole.decode(content))
    strictest = stricter(_labelled(head), said[0] if said else NORMAL)
    return Resource(head.resource_type, _category(head), strictest, content)


def _category(head: _Head) -> str:
    if head.resource_type != "Observation":
        return CATEGORIES.get(head.resource_type, "other")
    try:
        concepts = msgspec.convert(head.category or [], list[_Concept], strict=False)
    except msgspec.ValidationError:
        return "other"
    for concept in concepts:
        for coding in concept.coding:
            if coding.system == OBSERVATION_CATEGORY and coding.code in OBSERVATIONS:
                return OBSERVATIONS[coding.code]
    return "other"


def _labelled(head: _Head) -> str:
    """Give the sender's most restrictive label: a sensitive code, else restricted, else normal."""
    codes = [each.code for each in head.meta.security] if head.meta is not None else []
    for code in SENSITIVE:
        if code in codes:
            return code.lower()
    return RESTRICTED if "R" in codes or "V" in codes else NORMAL


def _identity(content: bytes) -> Identity:
    try:
        identifiers = _patients.decode(content).identifier
    except msgspec.MsgspecError:
        raise BUNDLE_MALFORMED() from None
    named = [
        Identity(each.system, each.value) for each in identifiers if each.system and each.value
    ]
    for system in IDENTITY_SYSTEMS:
        for each in named:
            if each.system == system:
                return each
    if not named:
        raise BUNDLE_PATIENTS(found=0)
    return named[0]
