"""One patient's chart: writes FHIR R4 resources into the entries of a transaction Bundle.

The chart knows how a resource looks; what happens to the patient is decided in `sample_history`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_measure import HL7, LOINC, SNOMED, UCUM, decimal
from yilian.gateway.fhir.sample_model import (
    Act,
    Allergen,
    Disease,
    Drug,
    Json,
    Panel,
    Region,
    Vaccine,
)

ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_9 = "http://hl7.org/fhir/sid/icd-9-cm"
ATC = "http://www.whocc.no/atc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"

_CLASSES = {
    "inpatient": ("IMP", "inpatient encounter"),
    "emergency": ("EMER", "emergency"),
}
_AMBULATORY = ("AMB", "ambulatory")


class Contact(NamedTuple):
    """An encounter as other resources point to it."""

    encounter: str
    doctor: str
    house: str
    day: int
    minute: int


def refer(urn: str) -> Json:
    """Write a Reference."""
    return {"reference": urn}


def coded(system: str, code: str, display: str = "") -> Json:
    """Write a CodeableConcept of one coding."""
    coding = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


class Chart:
    """Entries of one Bundle, and the writer of each kind of resource."""

    def __init__(self, region: Region, draw: Draw, start: date) -> None:
        self.region = region
        self.entries: list[Json] = []
        self.patient = ""
        self._draw = draw
        self._first_day = start.toordinal()
        self._chinese = region.language == "zh-CN"

    def add(self, kind: str, fields: Json, known: str = "") -> str:
        """Append a resource and answer its `urn:uuid:` reference.

        `known` is the identity of a resource shared between patients; such an entry carries
        `ifNoneExist`, so that a server keeps one copy of a hospital or a doctor.
        """
        identity = known or self._draw.uuid()
        urn = f"urn:uuid:{identity}"
        request = {"method": "POST", "url": kind}
        if known:
            first = fields["identifier"][0]
            request["ifNoneExist"] = f"identifier={first['system']}|{first['value']}"
        resource = {"resourceType": kind, "id": identity, **fields}
        self.entries.append({"fullUrl": urn, "resource": resource, "request": request})
        return urn

    def today(self, day: int) -> str:
        """Write a day of the history as a FHIR date."""
        return date.fromordinal(self._first_day + day).isoformat()

    def at(self, day: int, minute: int) -> str:
        """Write a moment of the history as a FHIR dateTime in the region's clock."""
        later, minute = divmod(minute, 1440)
        hour, minute = divmod(minute, 60)
        second = (day * 11 + minute * 37) % 60
        clock = f"{hour:02d}:{minute:02d}:{second:02d}"
        return f"{self.today(day + later)}T{clock}{self.region.zone}"

    def instant(self, day: int, minute: int) -> str:
        """Write a moment with milliseconds, as devices and laboratories stamp it."""
        text = self.at(day, minute)
        return f"{text[:19]}.{self._draw.below(1000):03d}{text[19:]}"

    def disease(self, disease: Disease) -> Json:
        """Name a disease: SNOMED CT and ICD-10, or ICD-10 alone with its Chinese name."""
        if self._chinese:
            named = {"system": ICD_10, "code": disease.icd, "display": disease.zh}
            return {"coding": [named], "text": disease.zh}
        coding = [
            {"system": SNOMED, "code": disease.snomed, "display": disease.en},
            {"system": ICD_10, "code": disease.icd},
        ]
        return {"coding": coding, "text": disease.en}

    def say(self, thing: Disease | Drug | Act | Vaccine | Panel | Allergen) -> str:
        """Call a thing by its name in the region's language."""
        return thing.zh if self._chinese else thing.en

    def encounter(
        self, kind: str, doctor: str, house: str, day: int, minute: int, lasts: int, reason: Json
    ) -> Contact:
        """Write an Encounter of `lasts` minutes; an admission names how it ended."""
        code, name = self.region.visits[kind]
        sort, display = _CLASSES.get(kind, _AMBULATORY)
        type_ = coded(self.region.systems["visit"], code, name)
        fields: Json = {
            "status": "finished",
            "class": {"system": f"{HL7}/v3-ActCode", "code": sort, "display": display},
            "type": [{**type_, "text": name}],
            "subject": refer(self.patient),
            "participant": [{"individual": refer(doctor)}],
            "period": {"start": self.at(day, minute), "end": self.at(day, minute + lasts)},
            "reasonCode": [reason],
        }
        if kind == "inpatient":
            home = coded(f"{HL7}/discharge-disposition", "home", "Home")
            fields["hospitalization"] = {"dischargeDisposition": home}
        fields["serviceProvider"] = refer(house)
        return Contact(self.add("Encounter", fields), doctor, house, day, minute)

    def condition(self, contact: Contact, disease: Disease, since: int, until: int | None) -> str:
        """Write a Condition; with `until` (a day) it is resolved."""
        clinical = "active" if until is None else "resolved"
        fields: Json = {
            "clinicalStatus": coded(f"{HL7}/condition-clinical", clinical),
            "verificationStatus": coded(f"{HL7}/condition-ver-status", "confirmed"),
            "category": [
                coded(f"{HL7}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")
            ],
            "code": self.disease(disease),
            "subject": refer(self.patient),
            "encounter": refer(contact.encounter),
            "onsetDateTime": self.today(since),
        }
        if until is not None:
            fields["abatementDateTime"] = self.today(until)
        fields["recordedDate"] = self.at(contact.day, contact.minute + 6)
        return self.add("Condition", fields)

    def observation(self, contact: Contact, found: Json, day: int, minute: int) -> str:
        """Write a final Observation from what `sample_measure` found."""
        fields = {
            "status": "final",
            "category": found["category"],
            "code": found["code"],
            "subject": refer(self.patient),
            "encounter": refer(contact.encounter),
            "effectiveDateTime": self.at(day, minute),
            "issued": self.instant(day, minute + 1),
        }
        return self.add("Observation", {**fields, **found})

    def report(
        self, contact: Contact, panel: Panel, code: Json, results: list[Json], conclusion: str,
        day: int, minute: int,
    ) -> str:  # fmt: skip
        """Write the DiagnosticReport of a laboratory panel over its Observations."""
        laboratory = coded(f"{HL7}/v2-0074", "LAB", "Laboratory")
        fields = {
            "status": "final",
            "category": [laboratory],
            "code": code,
            "subject": refer(self.patient),
            "encounter": refer(contact.encounter),
            "effectiveDateTime": self.at(day, minute),
            "issued": self.instant(day, minute + 95),
            "performer": [refer(contact.house)],
            "result": results,
            "conclusion": conclusion,
        }
        return self.add("DiagnosticReport", fields)

    def prescription(
        self, contact: Contact, drug: Drug, days: int, reason: str, status: str
    ) -> Json:
        """Write a MedicationRequest for `days`; answer the resource, whose status may change."""
        dose = drug.dose if self._chinese else drug.west or drug.dose
        coding = [{"system": ATC, "code": drug.atc}] if drug.atc else []
        if drug.rxnorm and not self._chinese:
            coding.insert(0, {"system": RXNORM, "code": drug.rxnorm, "display": drug.en})
        if self._chinese:
            system = self.region.systems["item"]
            local = "YP-" + (drug.atc or "Z01")
            coding.append({"system": system, "code": local, "display": drug.zh})
        repeat = {"frequency": drug.daily, "period": 1, "periodUnit": "d"}
        words = {"dose": dose, "unit": drug.unit, "daily": drug.daily}
        amount = {"value": Decimal(dose), "unit": drug.unit, "system": UCUM, "code": drug.unit}
        medicine: Json = {"coding": coding} if coding else {}
        fields: Json = {
            "status": status,
            "intent": "order",
            "medicationCodeableConcept": {**medicine, "text": self.say(drug)},
            "subject": refer(self.patient),
            "encounter": refer(contact.encounter),
            "authoredOn": self.at(contact.day, contact.minute + 14),
            "requester": refer(contact.doctor),
            "reasonReference": [refer(reason)],
            "dosageInstruction": [
                {
                    "text": self.region.words["dose"].format(**words),
                    "timing": {"repeat": repeat},
                    "doseAndRate": [{"doseQuantity": amount}],
                }
            ],
            "dispenseRequest": {
                "expectedSupplyDuration": {
                    "value": days, "unit": "d", "system": UCUM, "code": "d",
                },
            },
        }  # fmt: skip
        self.add("MedicationRequest", fields)
        resource: Json = self.entries[-1]["resource"]
        return resource

    def procedure(self, contact: Contact, act: Act, day: int, minute: int) -> str:
        """Write a completed Procedure."""
        if self._chinese:
            code = {**coded(ICD_9, act.icd9, act.zh), "text": act.zh}
        else:
            code = {**coded(SNOMED, act.snomed, act.en), "text": act.en}
        period = {"start": self.at(day, minute), "end": self.at(day, minute + act.minutes)}
        fields = {
            "status": "completed",
            "code": code,
            "subject": refer(self.patient),
            "encounter": refer(contact.encounter),
            "performedPeriod": period,
            "performer": [{"actor": refer(contact.doctor)}],
        }
        return self.add("Procedure", fields)

    def immunization(self, contact: Contact, vaccine: Vaccine, number: int) -> str:
        """Write a completed Immunization, the `number`th dose."""
        fields = {
            "status": "completed",
            "vaccineCode": {
                **coded(CVX, vaccine.cvx, vaccine.en),
                "text": self.say(vaccine),
            },
            "patient": refer(self.patient),
            "encounter": refer(contact.encounter),
            "occurrenceDateTime": self.at(contact.day, contact.minute + 12),
            "primarySource": True,
            "lotNumber": f"S{self._draw.below(10**7):07d}",
            "performer": [{"actor": refer(contact.doctor)}],
            "protocolApplied": [{"doseNumberPositiveInt": number}],
        }
        return self.add("Immunization", fields)

    def allergy(self, contact: Contact, allergen: Allergen) -> str:
        """Write an AllergyIntolerance with its usual reaction."""
        name = self.say(allergen)
        fields = {
            "clinicalStatus": coded(f"{HL7}/allergyintolerance-clinical", "active"),
            "verificationStatus": coded(f"{HL7}/allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": [allergen.category],
            "criticality": "low",
            "code": {**coded(SNOMED, allergen.snomed, allergen.en), "text": name},
            "patient": refer(self.patient),
            "encounter": refer(contact.encounter),
            "recordedDate": self.at(contact.day, contact.minute + 8),
            "recorder": refer(contact.doctor),
            "reaction": [{"manifestation": [self.disease(allergen.reaction)]}],
        }
        return self.add("AllergyIntolerance", fields)

    def claim(
        self, contact: Contact, payer: str, items: Sequence[tuple[Json, int]], diagnosis: str
    ) -> str:
        """Write a Claim whose total is the sum of its items (prices in hundredths)."""
        currency = self.region.currency
        lines = []
        for sequence, (what, price) in enumerate(items, 1):
            lines.append(
                {
                    "sequence": sequence,
                    "productOrService": what,
                    "net": {"value": decimal(price, 2), "currency": currency},
                    "encounter": [refer(contact.encounter)],
                }
            )
        total = decimal(sum(price for _, price in items), 2)
        fields: Json = {
            "status": "active",
            "type": coded(f"{HL7}/claim-type", "institutional", "Institutional"),
            "use": "claim",
            "patient": refer(self.patient),
            "created": self.at(contact.day, contact.minute + 40),
            "provider": refer(contact.house),
            "priority": coded(f"{HL7}/processpriority", "normal"),
        }
        if diagnosis:
            fields["diagnosis"] = [{"sequence": 1, "diagnosisReference": refer(diagnosis)}]
        fields["insurance"] = [{"sequence": 1, "focal": True, "coverage": {"display": payer}}]
        fields["item"] = lines
        fields["total"] = {"value": total, "currency": currency}
        return self.add("Claim", fields)

    def note(self, contact: Contact, loinc: str, title: str, text: str, day: int) -> str:
        """Write a DocumentReference that carries a plain text, its size and its SHA-1."""
        data = text.encode("utf-8")
        # FHIR R4 defines Attachment.hash as SHA-1; nothing here relies on its strength.
        digest = hashlib.sha1(data, usedforsecurity=False).digest()
        attachment = {
            "contentType": "text/plain; charset=utf-8",
            "language": self.region.language,
            "data": base64.b64encode(data).decode("ascii"),
            "size": len(data),
            "hash": base64.b64encode(digest).decode("ascii"),
            "title": title,
        }
        fields = {
            "status": "current",
            "docStatus": "final",
            "type": {**coded(LOINC, loinc), "text": title},
            "subject": refer(self.patient),
            "date": self.instant(day, contact.minute + 35),
            "author": [refer(contact.doctor)],
            "custodian": refer(contact.house),
            "content": [{"attachment": attachment}],
            "context": {"encounter": [refer(contact.encounter)]},
        }
        return self.add("DocumentReference", fields)

    def plan(self, contact: Contact, disease: Disease, condition: str) -> str:
        """Write a CarePlan for a lasting disease."""
        words = self.region.words
        steps = ("activity_diet", "activity_exercise", "activity_control")
        detail = [{"status": "in-progress", "description": words[step]} for step in steps]
        fields = {
            "status": "active",
            "intent": "plan",
            "title": words["plan"].format(disease=self.say(disease)),
            "subject": refer(self.patient),
            "encounter": refer(contact.encounter),
            "period": {"start": self.today(contact.day)},
            "author": refer(contact.doctor),
            "addresses": [refer(condition)],
            "activity": [{"detail": each} for each in detail],
        }
        return self.add("CarePlan", fields)
