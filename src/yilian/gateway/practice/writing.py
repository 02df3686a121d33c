"""A practitioner writes a record during an encounter: once, about the person of that encounter.

The record's id is chosen by who writes, so that what was written without a connection is sent again
without being written twice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from yilian.gateway.fhir import intake
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED
from yilian.gateway.practice.care import OVER, standing_now
from yilian.gateway.practice.records import DENIED, Asker, Written, heard, nothing
from yilian.ledger import codec
from yilian.ledger.errors import Refusal, code
from yilian.ledger.modules.care.errors import ENCOUNTER_ENDED, UNKNOWN_ENCOUNTER
from yilian.ledger.modules.care.state import ENCOUNTERS
from yilian.node.history import Outcome
from yilian.vault.catalogue import RecordRow
from yilian.vault.envelope import commitment
from yilian.vault.errors import RECORD_EXISTS
from yilian.vault.items import Item
from yilian.vault.records import batch_of
from yilian.vault.relations import RELATION_UNKNOWN, EncounterTerms

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

OTHER_PERSON = code(9430, "writing.other_person", 409, "encounter")
KIND_NOT_WRITTEN = code(9431, "writing.kind_not_written", 400)

PERSON_SYSTEM = "urn:yilian:person"
"""The identifier system of a person's id here, by which a record says whose it is."""

SUBJECTS = {
    "AllergyIntolerance": "patient",
    "Condition": "subject",
    "DocumentReference": "subject",
    "Immunization": "patient",
    "MedicationRequest": "subject",
    "Observation": "subject",
    "Procedure": "subject",
}
"""The resource types (FHIR R4) that are written during an encounter; which element names whose."""


class Order(NamedTuple):
    """What is to be written: the record's id, the encounter, whose it is, one FHIR resource."""

    record: str
    encounter: str
    person: str
    content: bytes


def write(organisation: Organisation, asker: Asker, order: Order) -> Written:
    """Keep a resource that a practitioner wrote, and anchor it; the same again is the same record.

    Refuses `care.unknown_encounter` (also one of others), `care.encounter_ended`,
    `writing.other_person`, `writing.kind_not_written`, `fhir.bundle_malformed`, `reading.denied`,
    and `record_exists` for an id that holds something else.
    """
    found = _find(organisation, asker, order)
    if found is not None:
        # Its answer was lost; what happened to the encounter since does not undo it.
        return found
    _require_encounter(organisation, asker.sender, order)
    made = intake.read_resource(order.content)
    _require_about(made, order)
    row = replace(
        nothing(order.record, order.person), category=made.category, sensitivity=made.sensitivity
    )
    judged = organisation.own_records.judge(asker, row)
    if not judged.decision.permit:
        raise DENIED(reasons=", ".join(heard(judged)))
    return _put(organisation, asker, order, made)


def _require_encounter(organisation: Organisation, sender: str, order: Order) -> None:
    """Refuse what is no open encounter of the writer with this person; strangers learn nothing."""
    name = order.encounter
    try:
        relation, _ = organisation.vault.relations.opened(name)
    except Refusal as refusal:
        if refusal.code is not RELATION_UNKNOWN:
            raise
        raise UNKNOWN_ENCOUNTER(id=name) from None
    terms = relation.terms
    if not isinstance(terms, EncounterTerms) or (terms.team and sender not in terms.team):
        raise UNKNOWN_ENCOUNTER(id=name)
    engine = organisation.engine
    state = engine.state()
    stands = standing_now(state, engine.now(), organisation.id)
    if stands("encounter", name) != relation.commitment:
        met = ENCOUNTERS.get(state, name)
        if met is not None and met.status in OVER:
            raise ENCOUNTER_ENDED(id=name)
        raise UNKNOWN_ENCOUNTER(id=name)
    if terms.patient != order.person:
        raise OTHER_PERSON(encounter=name)


def _require_about(made: intake.Resource, order: Order) -> None:
    """Refuse another type, and a resource that does not name the person of the encounter."""
    element = SUBJECTS.get(made.type)
    if element is None:
        raise KIND_NOT_WRITTEN()
    try:
        named = msgspec.json.decode(made.content).get(element)
        identifier = named["identifier"]
        found = (identifier["system"], identifier["value"])
    except (KeyError, TypeError, AttributeError):
        raise BUNDLE_MALFORMED() from None
    if found != (PERSON_SYSTEM, order.person) or "reference" in named:
        raise OTHER_PERSON(encounter=order.encounter)


def _find(organisation: Organisation, asker: Asker, order: Order) -> Written | None:
    """Find what was written under this id; refuses `record_exists` where it is something else."""
    vault = organisation.vault
    row = vault.catalogue.record(order.record)
    if row is None:
        return None
    if (row.patient, row.author, row.replaces) != (order.person, asker.sender, None):
        raise RECORD_EXISTS(record=order.record)
    salt = vault.proof(order.record, with_salt=True).salt
    assert salt is not None
    if commitment(codec.to_bytes(salt), order.content) != row.commitment:
        raise RECORD_EXISTS(record=order.record)
    return Written(order.record, row.batch, None, _anchored(organisation, row))


def _anchored(organisation: Organisation, row: RecordRow) -> Outcome:
    batch = organisation.vault.catalogue.batch(row.batch)
    assert batch is not None
    return organisation.anchor(batch_of(batch))


def _put(organisation: Organisation, asker: Asker, order: Order, made: intake.Resource) -> Written:
    period = time.strftime("%Y-%m", time.gmtime(organisation.engine.now() / 1000))
    item = Item(
        record=order.record,
        patient=order.person,
        category=made.category,
        sensitivity=made.sensitivity,
        period=period,
        media_type=intake.FHIR_JSON,
        content=order.content,
        author=asker.sender,
    )
    try:
        batch = organisation.deposit([item])
    except Refusal as refusal:
        found = _find(organisation, asker, order) if refusal.code is RECORD_EXISTS else None
        if found is None:
            raise
        # The same was sent twice at once, and the other one came first.
        return found
    return Written(order.record, batch.batch, None, organisation.anchor(batch))
