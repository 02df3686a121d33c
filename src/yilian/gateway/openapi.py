"""The OpenAPI 3.1 document, made from the routes and types that serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import Any

import msgspec
from starlette.routing import BaseRoute, Route

from yilian import __version__
from yilian.gateway.http.answers import Problem
from yilian.gateway.http.operation import PROBLEM, Operation
from yilian.ledger import errors
from yilian.ledger.errors import Code
from yilian.ledger.modules import MODULES
from yilian.text import say

_REF = "#/components/schemas/"


def operations(routes: Iterable[BaseRoute]) -> Iterator[Operation]:
    """Give what the routes say about themselves; those that say nothing are left out."""
    for route in routes:
        found = getattr(route.endpoint, "operation", None) if isinstance(route, Route) else None
        if isinstance(found, Operation):
            yield found


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Describe all marked routes, every message, event and record, and every problem code."""
    listed = list(operations(routes))
    schemas, components = _schemas(listed)
    paths: dict[str, dict[str, Any]] = {}
    for each in listed:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    codes = list(errors.every())
    components["Problem"]["properties"]["code"]["enum"] = [each.name for each in codes]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Yilian gateway",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": say("en", "gateway", "introduction"),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(each.tag for each in listed)],
        "paths": paths,
        "components": {"schemas": components},
        "x-yilian-problems": [_code(each) for each in codes],
    }


def _operation(each: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": each.id,
        "tags": [each.tag],
        "summary": each.summary,
        "responses": _responses(each, schemas),
    }
    if each.parameters:
        made["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.required,
                "description": parameter.description,
                "schema": parameter.schema,
            }
            for parameter in each.parameters
        ]
    if each.body:
        content = {media: {"schema": schemas[type_]} for media, type_ in each.body.items()}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _responses(each: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for answer in each.answers:
        content = {media: {"schema": schemas[type_]} for media, type_ in answer.content.items()}
        made[str(answer.status)] = {"description": answer.description, "content": content}
    by_status: dict[int, list[Code]] = {}
    for code in each.problems:
        by_status.setdefault(code.status, []).append(code)
    for status, codes in sorted(by_status.items()):
        names = ", ".join(f"`{code.name}`" for code in codes)
        problem = {PROBLEM: {"schema": {"$ref": _REF + "Problem"}}}
        made[str(status)] = {"description": f"A problem: {names}.", "content": problem}
    return made


def _code(code: Code) -> dict[str, Any]:
    parameters = {name: f"<{name}>" for name in code.parameters}
    words = {
        part: say("en", "errors", f"{code.name}/{part}", **parameters)
        for part in ("title", "detail", "next")
    }
    return {
        "code": code.name,
        "number": code.number,
        "status": code.status,
        "parameters": list(code.parameters),
        **words,
    }


def _schemas(listed: list[Operation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Give each type's schema, and the components that these refer to, under readable names."""
    types: list[Any] = [Problem]
    for each in listed:
        types.extend(type_ for answer in each.answers for type_ in answer.content.values())
        types.extend(each.body.values())
    for module in MODULES:
        types.extend((*module.messages, *module.events))
        types.extend(table.record for table in module.tables)
    types = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF + "{name}")
    records = {
        schemas[types.index(table.record)]["$ref"].removeprefix(
            _REF
        ): f"{module.name}.{name}.Record"
        for module in MODULES
        for table in module.tables
        for name in (table.record.__name__,)
    }
    names = {old: records.get(old) or _name(old, schema) for old, schema in components.items()}
    if len(set(names.values())) < len(names):
        raise ValueError("two types have one name in the OpenAPI document")
    renamed = {names[old]: _rename(schema, names) for old, schema in components.items()}
    given = {type_: _rename(schema, names) for type_, schema in zip(types, schemas, strict=True)}
    return given, dict(sorted(renamed.items()))


def _name(old: str, schema: Any) -> str:
    """Name messages and events as on the wire (`consent.Grant`), all else as it is called."""
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    tag = properties.get("type", {}).get("enum") or [properties.get("type", {}).get("const")]
    if tag and isinstance(tag[0], str):
        return tag[0]
    return old


def _rename(schema: Any, names: dict[str, str]) -> Any:
    if isinstance(schema, list):
        return [_rename(each, names) for each in schema]
    if isinstance(schema, str) and schema.startswith(_REF):
        return _REF + names[schema.removeprefix(_REF)]
    if not isinstance(schema, dict):
        return schema
    return {
        key: cleandoc(value)
        if key == "description" and isinstance(value, str)
        else _rename(value, names)
        for key, value in schema.items()
    }
