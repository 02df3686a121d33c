"""Hospitals, clinics and their doctors: the same for every seed, shared by all patients."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from yilian.gateway.fhir.sample_chart import coded
from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_measure import HL7, REGIONS
from yilian.gateway.fhir.sample_model import Json

_DOCTORS = 6


class Desk(NamedTuple):
    """A place of care with its doctors, as resources that all patients share."""

    identity: str
    organization: Json
    doctors: tuple[tuple[str, Json], ...]


@cache
def desk(language: str, number: int) -> Desk:
    """Look up the `number`th place of a language; the same for every seed."""
    region = REGIONS[language]
    house = region.houses[number]
    draw = Draw(f"yilian sample roster {language} {number}")
    organization: Json = {
        "identifier": [{"system": region.systems["house"], "value": house.code}],
        "active": True,
        "type": [
            {
                **coded(f"{HL7}/organization-type", "prov", "Healthcare Provider"),
                "text": region.words[house.kind],
            }
        ],
        "name": house.name,
        "telecom": [{"system": "phone", "value": house.phone}],
        "address": [house.address],
    }
    identity = draw.uuid()
    doctors = []
    for seat in range(_DOCTORS):
        sex = draw.pick(("male", "female"))
        value = f"99{number + 1:03d}{seat + 1:05d}"
        doctor: Json = {
            "identifier": [{"system": region.systems["doctor"], "value": value}],
            "active": True,
            "name": [region.doctor(draw, sex)],
            "gender": sex,
        }
        doctors.append((draw.uuid(), doctor))
    return Desk(identity, organization, tuple(doctors))
