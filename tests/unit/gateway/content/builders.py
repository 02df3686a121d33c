"""Material for the tests of content: bundles taken apart, and FHIR made by hand."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.shared import shared
from tests.unit.gateway.fhir.reading import exact, exact_encode
from yilian.gateway.content.timeline import SourceRecord
from yilian.gateway.fhir.intake import FHIR_JSON, take_apart
from yilian.gateway.fhir.sample import Language, bundles
from yilian.ledger import codec

Json = dict[str, Any]


def identifier(label: object) -> str:
    """An id that is the same in every run."""
    return codec.to_text(sha256(f"id {label}".encode()).digest()[:16])


PATIENT = identifier("patient")
HOSPITALS = tuple(identifier(each) for each in ("first", "second", "third"))


def written(resource: Json) -> bytes:
    """A resource as bytes, Chinese as it is."""
    return json.dumps(resource, ensure_ascii=False).encode()


@cache
def generated(seed: int, language: Language = "zh-CN") -> tuple[bytes, ...]:
    """The resources of one generated patient."""
    (bundle,) = bundles(seed, 1, language=language)
    return tuple(each.content for each in take_apart(bundle).resources)


@cache
def synthea(number: int) -> tuple[bytes, ...]:
    """The resources of one outside patient."""
    folder = shared("fhir/synthea")
    path = sorted(each for each in folder.glob("*.json.gz") if "Information" not in each.name)
    with gzip.open(path[number]) as file:
        return tuple(each.content for each in take_apart(file.read()).resources)


def contents(resources: tuple[bytes, ...], label: object = "") -> list[tuple[str, str, bytes]]:
    """Resources as the index takes them."""
    return [(identifier((label, place)), FHIR_JSON, each) for place, each in enumerate(resources)]


def sources(resources: list[bytes], label: object) -> list[SourceRecord]:
    """Resources as the timeline takes them."""
    return [
        SourceRecord(identifier((label, place)), FHIR_JSON, each)
        for place, each in enumerate(resources)
    ]


def elsewhere(content: bytes, label: object) -> bytes:
    """The same resource as another system keeps it: own id, meta, narrative and references."""
    resource = exact.decode(content)
    drawn = random.Random(f"{label} {content!r}")
    resource["id"] = f"local-{drawn.randrange(10**9)}"
    resource["meta"] = {"versionId": str(drawn.randrange(9)), "lastUpdated": "2026-01-01T00:00:00Z"}
    resource["text"] = {"status": "generated", "div": f"<div>{label}</div>"}
    _redirect(resource, drawn)
    return exact_encode(resource)


def _redirect(value: Any, drawn: random.Random) -> None:
    if isinstance(value, dict):
        target = value.get("reference")
        if isinstance(target, str) and "?" not in target:
            value["reference"] = f"Other/{drawn.randrange(10**9)}"
        for each in value.values():
            _redirect(each, drawn)
    elif isinstance(value, list):
        for each in value:
            _redirect(each, drawn)


def disk(folder: Path) -> bytes:
    """Every byte below a folder."""
    return b"\n".join(each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file())
