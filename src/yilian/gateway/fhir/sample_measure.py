"""Observation resources: coded names, quantities as written decimals, ranges, interpretation.

Codes and ranges are made once per analyte and language and shared by all resources that use them.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import NamedTuple

from yilian.gateway.fhir.sample_body import MEASURED, milli
from yilian.gateway.fhir.sample_en import WEST
from yilian.gateway.fhir.sample_model import Json, Region, Scale
from yilian.gateway.fhir.sample_panel import FINDINGS, FUNCTION_TESTS, VITALS
from yilian.gateway.fhir.sample_zh import CHINA

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
REGIONS = {"zh-CN": CHINA, "en": WEST}

_PLACES = tuple(f"0{places}d" for places in range(7))
_DETECTION_LIMIT = 1301
_MANTISSAS = (100, 126, 158, 200, 251, 316, 398, 501, 631, 794)
"""Ten to the tenths, in hundredths."""


def category(code: str, display: str) -> list[Json]:
    """Write an Observation.category (the code system that Synthea uses too)."""
    coding = {"system": f"{HL7}/observation-category", "code": code, "display": display}
    return [{"coding": [coding]}]


_LABORATORY = category("laboratory", "Laboratory")
_VITAL_SIGNS = category("vital-signs", "Vital Signs")
_PROCEDURE = category("procedure", "Procedure")
_SURVEY = category("survey", "Survey")

_FLAGS = {
    code: [{"coding": [{"system": f"{HL7}/v3-ObservationInterpretation", "code": code,
                        "display": display}]}]
    for code, display in (("H", "High"), ("L", "Low"), ("N", "Normal"), ("POS", "Positive"),
                          ("NEG", "Negative"))
}  # fmt: skip

_PRESENT = {
    ("zh-CN", True): ("10828004", "Positive", "阳性(+)"),
    ("zh-CN", False): ("260385009", "Negative", "阴性(-)"),
    ("en", True): ("10828004", "Positive", "Positive"),
    ("en", False): ("260385009", "Negative", "Negative"),
}


class Form(NamedTuple):
    """How one analyte is written in one language for one sex."""

    code: Json
    category: list[Json]
    scale: Scale
    factor: int
    divisor: int
    low: int
    high: int
    reference: list[Json]
    name: str


def decimal(units: int, places: int) -> Decimal:
    """Write a whole number of the last place as a decimal that keeps its zeros ("1.50")."""
    if places == 0:
        return Decimal(units)
    whole, part = divmod(abs(units), 10**places)
    sign = "-" if units < 0 else ""
    return Decimal(f"{sign}{whole}.{part:{_PLACES[places]}}")


def quantity(value: Decimal, unit: str, ucum: str) -> Json:
    """Write a Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": ucum}


def concept(region: Region, key: str, loinc: str, display: str, zh: str) -> Json:
    """Name an item by LOINC, and in China by the laboratory's own code and name as well."""
    coding = [{"system": LOINC, "code": loinc, "display": display}]
    if region.language != "zh-CN":
        return {"coding": coding, "text": display}
    local = {"system": region.systems["item"], "code": key.upper(), "display": zh}
    return {"coding": [*coding, local], "text": zh}


@cache
def form(key: str, language: str, sex: str) -> Form:
    """Look up how `key` is written. Raises KeyError where it is not a measured quantity."""
    analyte = MEASURED[key]
    region = REGIONS[language]
    scale = analyte.china if language == "zh-CN" else analyte.west
    low, high = scale.female if scale.female and sex == "female" else (scale.low, scale.high)
    numerator, denominator = scale.ratio
    reference: Json = {
        "low": quantity(Decimal(low), scale.unit, scale.ucum),
        "high": quantity(Decimal(high), scale.unit, scale.ucum),
    }
    if milli(low) == 0:
        del reference["low"]
    kind = _LABORATORY
    if key in VITALS:
        kind = _VITAL_SIGNS
    elif key in FUNCTION_TESTS:
        kind = _SURVEY if key == "nihss" else _PROCEDURE
    code = concept(region, key, scale.loinc, scale.display, analyte.zh)
    return Form(
        code,
        kind,
        scale,
        numerator * 10**scale.decimals,
        denominator * 1000,
        milli(low) * 10**scale.decimals // 1000,
        milli(high) * 10**scale.decimals // 1000,
        [reference],
        code["text"],
    )


def written(shape: Form, value: int) -> tuple[Json, str]:
    """Write a milli SI value in the form's unit; answer it with its flag (`H`, `L`, `N`)."""
    if shape.scale.loinc == "42595-9":
        return _viral_load(value)
    units = (value * shape.factor * 2 + shape.divisor) // (2 * shape.divisor)
    flag = "H" if units > shape.high else "L" if units < shape.low else "N"
    number = decimal(units, shape.scale.decimals)
    return quantity(number, shape.scale.unit, shape.scale.ucum), flag


def _viral_load(log: int) -> tuple[Json, str]:
    if log < _DETECTION_LIMIT:
        below = quantity(Decimal(20), "IU/mL", "[IU]/mL")
        return {"value": below.pop("value"), "comparator": "<", **below}, "N"
    power, rest = divmod(log, 1000)
    copies = _MANTISSAS[rest // 100] * (100 + rest % 100 // 4) * 10**power // 10000
    return quantity(Decimal(copies), "IU/mL", "[IU]/mL"), "H"


def measured(shape: Form, value: int, ranged: bool) -> Json:
    """Write the part of an Observation that says what was found."""
    amount, flag = written(shape, value)
    found: Json = {"category": shape.category, "code": shape.code, "valueQuantity": amount}
    if ranged:
        found["interpretation"] = _FLAGS[flag]
        found["referenceRange"] = shape.reference
    return found


def finding(region: Region, key: str, value: int) -> Json:
    """Write a finding that is present or absent."""
    loinc, display, zh = FINDINGS[key]
    present = value > 500
    code, name, text = _PRESENT[region.language, present]
    return {
        "category": _LABORATORY,
        "code": concept(region, key, loinc, display, zh),
        "valueCodeableConcept": {
            "coding": [{"system": SNOMED, "code": code, "display": name}],
            "text": text,
        },
        "interpretation": _FLAGS["POS" if present else "NEG"],
    }


def blood_pressure(region: Region, systolic: int, diastolic: int, sex: str) -> Json:
    """Write a blood pressure: one Observation of two components (FHIR R4 profile `bp`)."""
    parts = []
    for key, value in (("sbp", systolic), ("dbp", diastolic)):
        shape = form(key, region.language, sex)
        parts.append({"code": shape.code, "valueQuantity": written(shape, value)[0]})
    code = concept(
        region, "bp", "85354-9", "Blood pressure panel with all children optional", "血压"
    )
    return {"category": _VITAL_SIGNS, "code": code, "component": parts}


def smoking(region: Region, smoker: bool) -> Json:
    """Write a smoking status (social history)."""
    code, name, zh = (
        ("8517006", "Former smoker", "已戒烟")
        if smoker
        else ("266919005", "Never smoker", "从不吸烟")
    )
    return {
        "category": category("social-history", "Social History"),
        "code": concept(region, "smoking", "72166-2", "Tobacco smoking status", "吸烟状况"),
        "valueCodeableConcept": {
            "coding": [{"system": SNOMED, "code": code, "display": name}],
            "text": zh if region.language == "zh-CN" else name,
        },
    }
