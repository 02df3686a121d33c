"""Documents with one thing wrong in them, or perhaps right: for comparing two judges."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.epcis_sample import EXTENSION, events
from yilian.gateway.epcis.json_form import encode

CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"

_VALUES: tuple[Any, ...] = (
    *(None, 5, -1.5, True, "", "x", "a b:c", "foo:bar", "urn:x:y", "https://x.example/y"),
    *([], {}, ["x"], ["urn:x:y", "urn:x:y"], [{}], {"a": 1}, {"my:a": 1}, {"id": "urn:x:y"}),
    *("2026-01-01", "2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.5+08:00"),
    *("shipping", "in_transit", "shipped", "po", "owning_party", "did_not_occur", "latitude"),
    *("Temperature", "ALARM_CONDITION", "urn:epcglobal:cbv:bizstep:x", "cbv:BizStep-x"),
    *("https://ns.gs1.org/cbv/BizStep-x", "https://gs1.org/voc/X", "https://ref.gs1.org/voc/X"),
    *("OBSERVE", "DELETE", "observe", "+08:00", "+14:30", "KGM", "kgm", "f0f0", "xyz"),
    *({"set": ["active"]}, {"set": []}, {"unset": ["x"]}, {"set": ["active", "active"]}),
    *({"declarationTime": "2026-01-01T00:00:00Z"}, {"reason": "incorrect_data"}),
    [{"sensorReport": [{"type": "Temperature", "value": 1}]}],
    [{"sensorReport": []}],
    [{"type": "po", "bizTransaction": "urn:x:y"}],
    [{"epcClass": "urn:x:y", "quantity": 1.5, "uom": "KGM"}],
    ["foo:bar", {"my": "https://my.example/"}],
)
_NAMES = (
    *("type", "eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "action", "ilmd"),
    *("certificationInfo", "errorDeclaration", "epcList", "quantityList", "parentID", "bizStep"),
    *("childEPCs", "childQuantityList", "inputEPCList", "outputQuantityList", "transformationID"),
    *("disposition", "persistentDisposition", "readPoint", "bizLocation", "sourceList", "id"),
    *("bizTransactionList", "destinationList", "sensorElementList", "@context", "remark", "my:a"),
    *("https://x.example/z", "uom", "quantity", "value", "booleanValue", "hexBinaryValue", "time"),
    *(
        "stringValue",
        "uriValue",
        "exception",
        "component",
        "deviceID",
        "sensorMetadata",
        "bizRules",
    ),
    *("declarationTime", "reason", "correctiveEventIDs", "set", "schemaVersion", "creationDate"),
    *("sender", "epcisBody", "epcisHeader", "eventList", "microorganism", "percRank", "a b", ""),
)


def mutants(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`count` documents of one event each, with a single change somewhere."""
    random = Random(seed)
    for each in events(seed, count):
        event = json.loads(encode(each))
        event.pop("@context", None)
        root = {
            "@context": [CONTEXT, {"my": EXTENSION}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-03-01T00:00:00Z",
            "epcisBody": {"eventList": [event]},
        }
        holder, key = random.choice(list(_places(event if random.random() < 0.9 else root)))
        _change(holder, key, random)
        yield root


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key of every object and list, with its holder."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _change(holder: Any, key: Any, random: Random) -> None:
    way = random.randint(0, 5)
    if isinstance(holder, list):
        if way == 0:
            del holder[key]
        elif way == 1:
            holder.append(copy.deepcopy(holder[key]))
        elif way == 2:
            holder.insert(0, copy.deepcopy(random.choice(_VALUES)))
        else:
            holder[key] = copy.deepcopy(random.choice(_VALUES))
    elif way == 0:
        del holder[key]
    elif way == 1:
        holder[random.choice(_NAMES)] = holder.pop(key)
    elif way == 2:
        holder[random.choice(_NAMES)] = copy.deepcopy(random.choice(_VALUES))
    elif way == 3 and isinstance(holder[key], str):
        text = holder[key]
        at = random.randrange(len(text) + 1)
        holder[key] = text[:at] + random.choice(("", " ", "~", "Z")) + text[at + 1 :]
    else:
        holder[key] = copy.deepcopy(random.choice(_VALUES))
