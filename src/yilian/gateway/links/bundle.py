"""What a link shows: one FHIR R4 Bundle of the chosen records, each with where it comes from.

Each record is an entry with its exact text as `resource`; what is no FHIR JSON is in a `Binary`.
Behind it stands a `Provenance` that names the organisation and carries the record's proof: with the
salt in it and the text of `resource` as it stands, anybody can check the record against the chain
(`docs/formats/vault.md`). FHIR R4 4.0.1, Bundle, Binary and Provenance.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from yilian.gateway.content.export import Exported
from yilian.gateway.links.errors import TOO_LARGE
from yilian.ledger import codec
from yilian.vault.envelope import RecordProof

MAX_BYTES = 16 * 1024 * 1024
FHIR_VERSION = "4.0.1"
PROOF = "urn:yilian:record-proof"
_FHIR = frozenset({"application/fhir+json", "application/json"})


class Source(NamedTuple):
    """Where records come from: the chain, the organisation and its public name."""

    chain: str
    organisation: str
    name: str


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    full_url: str
    resource: msgspec.Raw | dict[str, Any]


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str
    type: str
    timestamp: str
    entry: list[_Entry]


def bundle(source: Source, records: Iterable[Exported], now: int) -> bytes:
    """Write the Bundle; `now` in ms. Refuses `links.too_large`."""
    entries: list[_Entry] = []
    size = 0
    for each in records:
        size += len(each.content)
        if size > MAX_BYTES:
            raise TOO_LARGE(limit=MAX_BYTES)
        name = url(each.labels.record)
        entries.append(_Entry(name, _resource(each)))
        entries.append(_Entry(url(each.proof.record, "provenance"), _from(source, each, name, now)))
    return msgspec.json.encode(_Bundle("Bundle", "collection", instant(now), entries))


def url(record: str, kind: str = "record") -> str:
    """Name an entry: the record's id as a UUID, or one made from it (RFC 4122, version 5)."""
    made = uuid.UUID(bytes=codec.to_bytes(record))
    return f"urn:uuid:{made if kind == 'record' else uuid.uuid5(made, kind)}"


def instant(now: int) -> str:
    """Write a moment (ms) as FHIR's `instant`, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 1000))


def _resource(each: Exported) -> msgspec.Raw | dict[str, Any]:
    media_type = each.labels.media_type
    if media_type.split(";")[0].strip().lower() in _FHIR and _is_resource(each.content):
        return msgspec.Raw(each.content)
    data = base64.b64encode(each.content).decode()
    return {"resourceType": "Binary", "contentType": media_type, "data": data}


class _Resource(msgspec.Struct):
    type: str = msgspec.field(name="resourceType")


def _is_resource(content: bytes) -> bool:
    try:
        content.decode("utf-8")
        msgspec.json.decode(content, type=_Resource)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _from(source: Source, each: Exported, name: str, now: int) -> dict[str, Any]:
    organisation = {
        "identifier": {"system": "urn:yilian:organisation", "value": source.organisation},
        "display": source.name,
    }
    record = {"system": "urn:yilian:record", "value": each.labels.record}
    return {
        "resourceType": "Provenance",
        "extension": _proof(source, each.proof),
        "target": [{"reference": name}],
        "recorded": instant(now),
        "agent": [{"who": organisation}],
        "entity": [{"role": "source", "what": {"identifier": record}}],
    }


def _proof(source: Source, proof: RecordProof) -> Sequence[dict[str, Any]]:
    parts = [
        {"url": "chain", "valueString": source.chain},
        {"url": "proof", "valueString": codec.encode(proof).decode()},
    ]
    return [{"url": PROOF, "extension": parts}]
