"""Redacted copies of FHIR JSON: what carries a security label is taken out, the rest stays.

Labels are those of HL7 DS4P (FHIR Data Segmentation for Privacy 1.0.0): an element carries one in
its extension `extension-inline-sec-label`, a contained or bundled resource in `meta.security`. A
code counts whatever its system, and in any case (`HIV` and `hiv` are one), because a label in the
wrong system must not open anything.

Taken out beside what is labelled: every narrative (`text`), since prose is made from the fields
and may repeat them; references to a contained resource that is gone; and an entry of a bundle
whose resource is gone. Every copy is marked `REDACTED` (v3-ObservationValue), also one in which
nothing was labelled: a mark on some copies alone would tell which records have something to hide.

What cannot be seen here: what an attachment (a scan, a PDF) shows, and what nobody labelled. A
resource that is labelled as a whole, or is opaque as a whole (`Binary`), gets no copy.
"""

from __future__ import annotations

from typing import Any

import msgspec

from yilian.vault.envelope import Names

INLINE_LABEL = "extension-inline-sec-label"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
REDACTED = {"system": OBSERVATION_VALUE, "code": "REDACTED", "display": "redacted"}

_MEDIA_TYPES = frozenset({"application/fhir+json", "application/json"})
_OPAQUE = frozenset({"Binary"})
_GONE: Any = object()
_decoder = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(text.encode()))
"""Decimals stay the text they came as: in FHIR 1.50 is not 1.5."""


def redact(content: bytes, media_type: str, labels: Names) -> bytes | None:
    """Make a copy without what carries one of the labels (lower case); None where none can be made.

    None: not FHIR JSON, opaque, or labelled as a whole. The copy's JSON values are those of the
    original, decimals by their exact text; white space and escapes are not kept.
    """
    if media_type.split(";")[0].strip().lower() not in _MEDIA_TYPES:
        return None
    try:
        resource = _decoder.decode(content)
        if not _is_resource(resource) or resource["resourceType"] in _OPAQUE:
            return None
        copy = _Redaction(frozenset(labels)).resource(resource)
        return None if copy is _GONE else msgspec.json.encode(_marked(copy))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Redaction:
    """One walk through a resource."""

    def __init__(self, labels: frozenset[str]) -> None:
        self._labels = labels
        self._gone: set[str] = set()

    def resource(self, resource: dict[str, Any]) -> Any:
        """Copy the outermost resource; `_GONE` where its own label takes all of it."""
        copy = self._value(resource)
        # A reference may stand before what it names, so it needs a walk of its own.
        return _without_references(copy, self._gone) if _stays(copy) and self._gone else copy

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return _unless_emptied(
                value, [each for each in map(self._value, value) if _stays(each)]
            )
        if not isinstance(value, dict):
            return value
        if self._labelled(value):
            if _is_resource(value) and isinstance(value.get("id"), str):
                self._gone.add(value["id"])
            return _GONE
        return self._object(value)

    def _object(self, value: dict[str, Any]) -> Any:
        made: dict[str, Any] = {}
        for name, each in value.items():
            if name == "text" and _is_resource(value):
                continue
            if name.startswith("_"):
                if name[1:] not in value:
                    self._put(made, name, self._value(each))
                continue
            beside = value.get("_" + name)
            if beside is None:
                copy = self._value(each)
                if copy is _GONE and name == "resource":
                    return _GONE
                self._put(made, name, copy)
            else:
                self._primitive(made, name, each, beside)
        return _unless_emptied(value, made)

    def _primitive(self, made: dict[str, Any], name: str, value: Any, beside: Any) -> None:
        """Copy a primitive and what stands beside it under `_name`; lists go place by place."""
        if isinstance(value, list) and isinstance(beside, list):
            width = max(len(value), len(beside))
            pairs = [
                (first, second)
                for first, second in zip(_padded(value, width), _padded(beside, width), strict=True)
                if not self._carries(second)
            ]
            firsts, seconds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            if any(each is not None for each in firsts):
                made[name] = firsts
            if any(each is not None for each in seconds):
                made["_" + name] = [self._inner(each) for each in seconds]
        elif not any(self._carries(each) for each in _list(beside)):
            self._put(made, name, self._value(value))
            self._put(made, "_" + name, self._value(beside))

    def _inner(self, value: Any) -> Any:
        copy = self._value(value)
        return None if copy is _GONE else copy

    @staticmethod
    def _put(made: dict[str, Any], name: str, value: Any) -> None:
        if value is not _GONE:
            made[name] = value

    def _carries(self, value: Any) -> bool:
        return isinstance(value, dict) and self._labelled(value)

    def _labelled(self, value: dict[str, Any]) -> bool:
        return any(
            isinstance(each, dict)
            and isinstance(each.get("url"), str)
            and each["url"].rstrip("/").endswith(INLINE_LABEL)
            and self._names(each)
            for each in (*_list(value.get("extension")), *_list(value.get("modifierExtension")))
        ) or (_is_resource(value) and self._names(value.get("meta"), "security"))

    def _names(self, value: Any, *fields: str) -> bool:
        """Tell whether a coding inside has one of the labels as its code."""
        if not isinstance(value, dict):
            return False
        found = [value.get(name) for name in fields or ("valueCoding", "valueCodeableConcept")]
        codings: list[Any] = []
        for each in found:
            if isinstance(each, dict) and "coding" in each:
                codings += _list(each["coding"])
            else:
                codings += _list(each)
        return any(
            isinstance(each, dict)
            and isinstance(each.get("code"), str)
            and each["code"].lower() in self._labels
            for each in codings
        )


def _without_references(value: Any, dead: set[str]) -> Any:
    """Take out every Reference to a contained resource that is gone."""

    def walk(each: Any) -> Any:
        if isinstance(each, list):
            return _unless_emptied(each, [copy for copy in map(walk, each) if _stays(copy)])
        if not isinstance(each, dict):
            return each
        named = each.get("reference")
        if isinstance(named, str) and named.startswith("#") and named[1:] in dead:
            return _GONE
        made = {name: copy for name, inner in each.items() if _stays(copy := walk(inner))}
        return _unless_emptied(each, made)

    return walk(value)


def _unless_emptied(before: Any, after: Any) -> Any:
    """FHIR has no empty lists or objects; one that came empty is left as it came."""
    return _GONE if before and not after else after


def _stays(value: Any) -> bool:
    return value is not _GONE


def _padded(values: list[Any], width: int) -> list[Any]:
    return values + [None] * (width - len(values))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _is_resource(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def _marked(copy: dict[str, Any]) -> dict[str, Any]:
    """Add the mark to `meta.security`; the id, version and other labels stay."""
    meta = copy.get("meta")
    meta = dict(meta) if isinstance(meta, dict) else {}
    security = [each for each in _list(meta.get("security")) if each != REDACTED]
    meta["security"] = [*security, REDACTED]
    rest = {name: each for name, each in copy.items() if name not in ("resourceType", "meta")}
    return {"resourceType": copy["resourceType"], "meta": meta, **rest}
