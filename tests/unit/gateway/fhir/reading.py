"""Reading generated bundles exactly: decimals stay decimals, and common ways to look into them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from yilian.gateway.fhir.sample import bundles

exact = msgspec.json.Decoder(float_hook=Decimal)
exact_encode = msgspec.json.Encoder(decimal_format="number").encode

Json = dict[str, Any]


@cache
def patients(language: str, count: int = 60, seed: int = 5) -> list[Json]:
    return [exact.decode(data) for data in bundles(seed, count, language=language)]  # type: ignore[arg-type]


def resources(bundle: Json, kind: str = "") -> list[Json]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [each for each in found if not kind or each["resourceType"] == kind]


def every(language: str, kind: str = "") -> Iterator[Json]:
    for bundle in patients(language):
        yield from resources(bundle, kind)


def codes(concept: Json) -> set[str]:
    return {coding["code"] for coding in concept.get("coding", [])}


def walk(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)


def series(bundle: Json, loinc: str) -> list[tuple[str, Decimal]]:
    return [
        (each["effectiveDateTime"], Decimal(each["valueQuantity"]["value"]))
        for each in resources(bundle, "Observation")
        if loinc in codes(each["code"]) and "valueQuantity" in each
    ]


def diagnosed(language: str, icd: str) -> list[Json]:
    return [
        bundle
        for bundle in patients(language)
        if any(icd in codes(each["code"]) for each in resources(bundle, "Condition"))
    ]
