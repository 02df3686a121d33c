"""XML documents with one thing changed, from a seed; and the verdict of the standard's schema."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from lxml import etree

from tests.shared import shared

Element = etree._Element

_NAMES = (
    "eventTime eventTimeZoneOffset eventID epcList childEPCs action bizStep disposition readPoint"
    " bizLocation bizTransactionList quantityList sourceList destinationList sensorElementList"
    " ilmd extension baseExtension parentID id epc quantity uom epcClass sensorReport unset set"
    " inputEPCList transformationID colour ObjectEvent AggregationEvent EventList Vocabulary"
)
NAMES = _NAMES.split()
FOREIGN = "{https://ns.yilian.example/epcis/}colour"


@cache
def _schema(version: str, kind: str) -> etree.XMLSchema:
    name = f"EPCglobal-epcis{kind}-{version.replace('.', '_')}.xsd"
    return etree.XMLSchema(etree.parse(str(shared(f"epcis/schema/xsd-{version}/{name}"))))


def schema_accepts(document: Element) -> bool:
    """The verdict of the schema that the document's namespace names."""
    namespace = str(document.tag)[1:].partition("}")[0]
    version = "2.0" if namespace.endswith(":2") else "1.2"
    return _schema(version, "-query" if "query" in namespace else "").validate(document)


def valid_files() -> list[Path]:
    """All documents that a capture interface must accept."""
    folder = shared("epcis/capture_valid")
    return sorted(path for path in folder.rglob("*.xml"))


def mutants(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Documents in which one element was dropped, doubled, moved or renamed, with what was done."""
    random = Random(seed)
    documents = [(path, etree.parse(str(path)).getroot()) for path in valid_files()]
    for _ in range(count):
        path, document = random.choice(documents)
        changed = copy.deepcopy(document)
        deed = _change(changed, random)
        yield f"{path.parent.name}/{path.name}: {deed}", etree.tostring(changed)


def _change(document: Element, random: Random) -> str:
    elements = [e for e in document.iterdescendants() if isinstance(e.tag, str)]
    element = random.choice(elements)
    above = element.getparent()
    assert above is not None
    name, at = str(element.tag), above.index(element)
    deed = random.choice(("drop", "double", "swap", "rename", "rename"))
    if deed == "drop":
        above.remove(element)
    elif deed == "double":
        above.insert(at, copy.deepcopy(element))
    elif deed == "swap":
        other = random.randrange(len(above))
        above.remove(element)
        above.insert(other, element)
    else:
        element.tag = random.choice((*NAMES, FOREIGN))
        deed = f"rename to {element.tag}"
    return f"{deed} {name} in {above.tag} at {at}"
