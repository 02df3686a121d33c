"""Invented people and places of a Western country, in the manner of Synthea.

Social security numbers begin with 9, which the Social Security Administration never issues, and
their middle group is below 50, which keeps them apart from tax numbers as well. Telephone numbers
are from 555-0100 to 555-0199, kept free for fiction; practitioners' NPI begin with 99 (a real one
begins with 1 or 2); the ZIP codes 001xx are not in use. Family names are made up of two parts.
"""

from __future__ import annotations

from datetime import date

from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_model import House, Json, Region

SOCIAL_SECURITY = "http://hl7.org/fhir/sid/us-ssn"
NATIONAL_PROVIDER = "http://hl7.org/fhir/sid/us-npi"

_MALE = (
    "Aaron", "Bram", "Caleb", "Dmitri", "Elias", "Felix", "Gareth", "Hugo", "Ivan", "Jonas",
    "Kofi", "Liam", "Mateo", "Niall", "Omar", "Piotr", "Rafael", "Søren", "Tomás", "Zachary",
)  # fmt: skip
_FEMALE = (
    "Abigail", "Brigid", "Chloé", "Daria", "Elena", "Fatima", "Greta", "Hannah", "Inga", "Júlia",
    "Keisha", "Leila", "Maren", "Noor", "Olive", "Priya", "Renée", "Saoirse", "Thea", "Zoë",
)  # fmt: skip
_FIRST_PART = (
    "Alder", "Bramble", "Copper", "Dun", "Elm", "Fern", "Gar", "Hollin", "Iron", "Juniper",
    "Kestrel", "Lark", "Marl", "Nettle", "O'Har", "Pem", "Quill", "Rowan", "Stane", "Thistle",
)  # fmt: skip
_SECOND_PART = (
    "brook", "combe", "dale", "field", "garth", "hurst", "ley", "mere", "stead", "thwaite",
    "wick", "worth",
)  # fmt: skip
_TOWNS = ("Larkhaven", "Quillport", "Elmwater", "Stanebridge", "Marlow Falls")
_STREETS = ("Alder Row", "Mill Lane", "Harbor Street", "Chapel Road", "Juniper Avenue")


def _name(draw: Draw, sex: str) -> tuple[str, list[str]]:
    firsts = _MALE if sex == "male" else _FEMALE
    given = [draw.pick(firsts)]
    if draw.chance(400):
        given.append(draw.pick(firsts))
    family = draw.pick(_FIRST_PART) + draw.pick(_SECOND_PART)
    if draw.chance(40):
        family += "-" + draw.pick(_FIRST_PART) + draw.pick(_SECOND_PART)
    return family, given


def _number(draw: Draw) -> str:
    return f"9{draw.below(100):02d}-{draw.between(10, 49)}-{draw.between(1, 9999):04d}"


def _person(draw: Draw, birth: date, sex: str) -> Json:
    family, given = _name(draw, sex)
    town = draw.pick(_TOWNS)
    prefix = {"male": "Mr.", "female": "Ms."}[sex]
    name: Json = {"use": "official", "family": family, "given": given}
    if birth.year < 2005:
        name["prefix"] = [prefix]
    type_ = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "SB"}
    phone = f"555-01{draw.below(100):02d}"
    return {
        "identifier": [
            {
                "use": "official",
                "type": {"coding": [type_], "text": "Social Security Number"},
                "system": SOCIAL_SECURITY,
                "value": _number(draw),
            },
        ],
        "name": [name],
        "telecom": [{"system": "phone", "value": phone, "use": "home"}],
        "address": [
            {
                "line": [f"{draw.between(1, 1999)} {draw.pick(_STREETS)}"],
                "city": town,
                "state": "MA",
                "postalCode": f"001{draw.below(100):02d}",
                "country": "US",
            }
        ],
        "communication": [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-US"}]}}
        ],
    }


def _doctor(draw: Draw, sex: str) -> Json:
    family, given = _name(draw, sex)
    return {"family": family, "given": given, "prefix": ["Dr."]}


def _house(code: str, name: str, kind: str, town: str) -> House:
    place: Json = {
        "line": [f"{code[-2:]} Harbor Street"], "city": town, "state": "MA",
        "postalCode": f"001{code[-2:]}", "country": "US",
    }  # fmt: skip
    return House(code, name, kind, place, f"555-01{code[-2:]}")


WEST = Region(
    language="en",
    zone="-05:00",
    currency="USD",
    systems={
        "doctor": NATIONAL_PROVIDER,
        "house": "https://larkhaven.example/organization",
        "record": "https://larkhaven.example/medical-record-number",
        "item": "https://larkhaven.example/item",
        "visit": "http://snomed.info/sct",
    },
    houses=(
        _house("LH-9001", "Larkhaven General Hospital", "hospital", "Larkhaven"),
        _house("LH-9002", "Elmwater University Medical Center", "hospital", "Elmwater"),
        _house("LH-9003", "Saint Oswin's Hospital", "hospital", "Stanebridge"),
        _house("LH-9004", "Quillport Family Practice", "clinic", "Quillport"),
        _house("LH-9005", "Marlow Falls Community Clinic", "clinic", "Marlow Falls"),
    ),
    person=_person,
    doctor=_doctor,
    payers=("Harborlight Mutual", "Elmwater Health Plan", "Self-pay"),
    visits={
        "followup": ("390906007", "Follow-up encounter"),
        "acute": ("185345009", "Encounter for symptom"),
        "checkup": ("185349003", "Encounter for check up"),
        "wellchild": ("410620009", "Well child visit"),
        "prenatal": ("424619006", "Prenatal visit"),
        "rehab": ("185347001", "Encounter for problem"),
        "dialysis": ("371883000", "Outpatient procedure"),
        "emergency": ("50849002", "Emergency room admission"),
        "inpatient": ("32485007", "Hospital admission"),
    },
    words={
        "hospital": "Hospital",
        "clinic": "Primary care clinic",
        "dose": "{dose} {unit}, {daily} time(s) a day, as directed",
        "plan": "Care plan for {disease}",
        "activity_diet": "Balanced diet, low in salt and fat",
        "activity_exercise": "Exercise of at least 150 minutes a week",
        "activity_control": "Regular visits and measurements",
        "conclusion_high": "Above range: {items}.",
        "conclusion_low": "Below range: {items}.",
        "conclusion_none": "No finding outside the reference range.",
        "note_title": "Progress note",
        "summary_title": "Discharge summary",
        "note": "Seen for {reason}.\nBlood pressure {sbp}/{dbp} mmHg.\nAssessment: {reason}.\n"
        "Plan: continue present treatment, return as scheduled.",
        "summary": "Admitted for {reason}.\nStayed {stay} days, improved under treatment, "
        "discharged home.\nMedicines as listed; follow-up in clinic.",
    },
)
"""Names, numbers and words of an invented American county."""
