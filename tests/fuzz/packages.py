"""A sound example of each format that vaults send each other, for a fuzzer to begin with."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

from tests.chain import START
from yilian.ledger import codec
from yilian.ledger.codec import to_text
from yilian.vault import envelope, packages
from yilian.vault.envelope import Format

TEXTS = (
    to_text(bytes(range(16))),
    to_text(bytes(range(32))),
    "laboratory",
    "2026-03",
    "application/fhir+json",
)
"""An id, a digest, a name, a month, a media type: the first that fits a field stands in it."""

NUMBERS = {"starts": START, "ends": START + 86_400_000, "time": START, "total": 3, "index": 1}


def formats() -> list[type[Format]]:
    """List every format that the envelope and the packages declare."""
    found = {
        each
        for module in (envelope, packages)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Format) and each is not Format
    }
    return sorted(found, key=lambda each: each.__name__)


def written() -> list[bytes]:
    """Write each format twice: with every field filled, and with only those that must be there."""
    made = {}
    for each in formats():
        for whole in (True, False):
            try:
                value = msgspec.convert(_example(each, whole), each)
            except msgspec.ValidationError:
                continue  # Fields that exclude each other: the other of the two will do.
            made[codec.encode(value)] = each
    missing = {each.__name__ for each in formats()} - {each.__name__ for each in made.values()}
    if missing:
        raise AssertionError(f"no example of {', '.join(sorted(missing))}")
    return list(made)


def _example(type_: type[Format], whole: bool) -> dict[str, Any]:
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    made = {info.tag_field: info.tag} if info.tag_field is not None else {}
    for field in info.fields:
        if whole or field.required or field.name in ("categories", "records"):
            made[field.encode_name] = _value(field.name, field.type, whole)
    return made


def _value(name: str, info: inspect.Type, whole: bool) -> Any:
    if isinstance(info, inspect.UnionType):
        info = next(each for each in info.types if not isinstance(each, inspect.NoneType))
    if isinstance(info, inspect.StructType):
        return _example(info.cls, whole)
    if isinstance(info, inspect.VarTupleType):
        return [_value(name, info.item_type, whole)]
    if isinstance(info, inspect.LiteralType):
        return info.values[0]
    if isinstance(info, inspect.IntType):
        return NUMBERS.get(name, 0)
    if isinstance(info, inspect.BytesType):
        return b"bytes"
    assert isinstance(info, inspect.StrType)
    pattern, least, most = info.pattern or "", info.min_length or 0, info.max_length or 1_000
    return next(text for text in TEXTS if least <= len(text) <= most and re.search(pattern, text))
