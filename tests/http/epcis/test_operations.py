"""A client generated from the standard's OpenAPI file: every operation, its status, its body.

The file is an oracle and stands outside of the project. Where it contradicts itself, `KNOWN` says
what is taken instead.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.epcis_sample import events
from tests.http.epcis.place import JSON, Place, bare, document
from tests.shared import shared
from yilian.gateway.epcis.presentation import CONTEXT

METHODS = ("get", "post", "delete", "options")
STUB = "https://gs1.github.io/EPCIS/REST%20Bindings/JSON-Schema-Stub.json#/definitions/"
BODIES = {
    ("/capture", "post"): document(list(events(900, 4))),
    ("/events", "post"): bare(next(each for each in events(901, 9) if "eventID" in each)),
    ("/queries", "post"): b'{"name":"made","query":{"eventType":["ObjectEvent"]}}',
}
KNOWN = {
    # The schema says a list, the example and the words say one definition.
    ("/queries/{queryName}", "get"): lambda schema: schema["items"],
}


class Api:
    """The file: its operations, and its schemas put in the form that a validator reads."""

    def __init__(self) -> None:
        text = shared("epcis/schema/openapi.yaml").read_text(encoding="utf-8")
        self.root: Any = YAML(typ="safe").load(text)
        self.events = json.loads(
            shared("epcis/schema/epcis-json-schema-2.0.1.json").read_text(encoding="utf-8")
        )

    def operations(self) -> Iterator[tuple[str, str]]:
        for path, methods in self.root["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield path, method

    def operation(self, path: str, method: str) -> Any:
        return self.root["paths"][path][method]

    def response(self, path: str, method: str, status: int) -> Any:
        return self._resolved(self.operation(path, method)["responses"][str(status)])

    def parameters(self, path: str, method: str) -> Iterator[Any]:
        for holder in (self.root["paths"][path], self.operation(path, method)):
            for each in holder.get("parameters", []):
                yield self._resolved(each)

    def _resolved(self, part: Any) -> Any:
        while "$ref" in part:
            found = self.root
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part

    def validate(self, instance: Any, schema: Any) -> None:
        made = self._plain(copy.deepcopy(schema))
        root = {
            **made,
            "components": self._plain(copy.deepcopy(self.root["components"])),
            "definitions": self.events["definitions"],
        }
        checker = jsonschema.FormatChecker()
        jsonschema.Draft7Validator(root, format_checker=checker).validate(instance)

    def _plain(self, part: Any) -> Any:
        """The stub of the file is the published schema; what OpenAPI adds to JSON Schema goes."""
        if isinstance(part, list):
            return [self._plain(each) for each in part]
        if not isinstance(part, dict):
            return part
        ref = part.get("$ref")
        if isinstance(ref, str) and ref.startswith(STUB):
            return {"$ref": "#/definitions/" + ref.removeprefix(STUB)}
        left = {name: value for name, value in part.items() if name not in ("example", "xml")}
        # Patterns in the grammar of another language (`\g<element>`), which say nothing here.
        if "\\g<" in str(left.get("pattern", "")):
            del left["pattern"]
        # One of two objects that both require nothing is never just one: either is meant.
        branches = left.get("oneOf", [])
        if branches and not any("required" in each or "$ref" in each for each in branches):
            left["anyOf"] = left.pop("oneOf")
        return {name: self._plain(value) for name, value in left.items()}


@pytest.fixture(scope="module")
def api() -> Api:
    return Api()


@pytest.fixture(scope="module")
def names(place: Place) -> dict[str, str]:
    """Something that exists for each name in a path."""
    sample = [
        each
        for each in events(902, 200)
        if {"eventID", "bizStep", "disposition", "epcList", "bizLocation", "readPoint"}
        <= each.keys()
        and each["epcList"]
    ]
    place.put(sample)
    event = sample[0]
    body = {"name": "asked", "query": {"EQ_bizStep": [event["bizStep"]]}}
    assert place.client.post("/queries", json=body).status_code == 201
    asked = {"dest": f"http://127.0.0.1:{place.node.port}/nobody", "stream": True}
    made = place.client.post("/queries/asked/subscriptions", json=asked)
    jobs = place.client.get("/capture").json()
    return {
        "captureID": jobs[0]["captureID"],
        "eventID": event["eventID"],
        "eventType": event["type"],
        "epc": event["epcList"][0],
        "bizStep": event["bizStep"],
        "bizLocation": event["bizLocation"]["id"],
        "readPoint": event["readPoint"]["id"],
        "disposition": event["disposition"],
        "queryName": "asked",
        "subscriptionID": made.json()["subscriptionID"],
        "token": "anything",
    }


def call(place: Place, names: dict[str, str], path: str, method: str) -> httpx.Response:
    target = path
    for name, value in names.items():
        target = target.replace("{" + name + "}", quote(value, safe=""))
    body = BODIES.get((path, method))
    if (path, method) == ("/queries/{queryName}/subscriptions", "post"):
        asked = {"dest": f"http://127.0.0.1:{place.node.port}/nobody", "schedule": {"hour": "1"}}
        body = json.dumps(asked).encode()
    headers = {} if body is None else JSON
    return place.client.request(method.upper(), target, content=body, headers=headers)


def test_every_operation_answers_as_documented(
    place: Place, api: Api, names: dict[str, str]
) -> None:
    listed = list(api.operations())
    assert len({path for path, _ in listed}) == 29
    assert len(listed) == 63
    statuses: dict[int, int] = {}
    # What removes comes last, and the query after its subscription.
    for path, method in sorted(listed, key=lambda each: (each[1] == "delete", -len(each[0]))):
        answer = call(place, names, path, method)
        documented = api.operation(path, method)["responses"]
        assert str(answer.status_code) in documented, (path, method, answer.text)
        assert answer.status_code < 300 or path == "/nextPageToken/{token}", (path, answer.text)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        described = api.response(path, method, answer.status_code)
        for header in described.get("headers", {}):
            # These come only with another page, which no answer here has.
            if header not in ("Link", "GS1-Next-Page-Token-Expires"):
                assert header in answer.headers, (path, method, header)
        content = described.get("content", {})
        if not content:
            assert answer.content == b"", (path, method)
            continue
        media = answer.headers["content-type"].partition(";")[0]
        assert media in content, (path, method, media)
        schema = KNOWN.get((path, method), lambda each: each)(content[media]["schema"])
        api.validate(answer.json(), schema)
    print(f"63 operations: {statuses}")
    assert statuses == {200: 28, 201: 3, 202: 1, 204: 30, 501: 1}


def test_every_operation_wants_to_know_who_asks(
    place: Place, api: Api, names: dict[str, str]
) -> None:
    with httpx.Client(base_url=place.node.url + place.base) as stranger:
        for path, method in api.operations():
            target = path
            for name, value in names.items():
                target = target.replace("{" + name + "}", quote(value, safe=""))
            answer = stranger.request(method.upper(), target)
            assert answer.status_code == 401, (path, method, answer.text)
            assert answer.json()["type"] == "epcisException:SecurityException"
            assert "Bearer" in answer.headers["www-authenticate"]
            if "401" in api.operation(path, method)["responses"]:
                described = api.response(path, method, 401)["content"]["application/problem+json"]
                api.validate(answer.json(), described["schema"])


def test_what_is_unknown_is_not_found(place: Place, api: Api) -> None:
    """Every resource with a name in its path has a 404, and its body is as documented."""
    seen = 0
    for path, method in api.operations():
        if "{" not in path or "404" not in api.operation(path, method)["responses"]:
            continue
        target = path
        for parameter in api.parameters(path, method):
            if parameter["in"] == "path":
                target = target.replace("{" + parameter["name"] + "}", "urn%3Anothing%3Ahere")
        answer = place.client.request(method.upper(), target)
        assert answer.status_code == 404, (path, method, answer.text)
        problem = answer.json()
        assert problem["type"] in (
            "epcisException:NoSuchNameException",
            "epcisException:NoSuchResourceException",
        )
        # The list of types in the file knows the first alone, its own example has the second.
        described = api.response(path, method, 404)["content"]["application/problem+json"]
        problem["type"] = "epcisException:NoSuchNameException"
        api.validate(problem, described["schema"])
        seen += 1
    assert seen == 39


def test_discovery_tells_versions_and_limits(place: Place) -> None:
    told = place.client.options("/capture").headers
    assert told["allow"] == "OPTIONS, GET, POST"
    assert told["gs1-epcis-capture-limit"] == str(place.limits.events)
    assert told["gs1-epcis-capture-file-size-limit"] == str(place.limits.bytes)
    assert told["gs1-capture-error-behaviour"] == "all"
    assert (told["gs1-epcis-min"], told["gs1-epcis-max"]) == ("1.2.0", "2.0.0")
    assert place.client.get("/").json() == place.client.get("").json()
    assert place.client.get("/").json()["@context"] == [CONTEXT]


def test_the_nodes_own_document_has_them_all(place: Place, api: Api) -> None:
    paths = place.node.get("/openapi.json").json()["paths"]
    base = "/epcis/{organisation}"
    ours = {
        (path.removeprefix(base), method)
        for path, methods in paths.items()
        if path.startswith(base)
        for method in methods
    }
    assert ours == set(api.operations())
