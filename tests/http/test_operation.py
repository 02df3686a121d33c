"""For those who run a node: alive, ready, counters, documents."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.chain import Chain
from tests.http.node import Node, problem
from yilian.ledger import errors
from yilian.ledger.modules import MODULES


def test_alive_and_ready(node: Node) -> None:
    """Both say yes while all is well."""
    assert node.get("/livez").json() == {"status": "alive"}
    assert node.get("/readyz").json() == {"status": "ready"}


def test_not_ready_while_the_index_is_behind(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads would be old: the balancer should choose another node."""
    monkeypatch.setattr(node.index, "height", node.engine.height - 11)
    body = problem(node.get("/readyz"), "not_ready", 503)
    assert body["reasons"] == ["index_behind"]
    monkeypatch.setattr(node.index, "height", node.engine.height - 10)
    assert node.get("/readyz").status_code == 200
    monkeypatch.setattr(node.index, "fault", OSError("disk full"))
    answer = node.get("/readyz")
    assert problem(answer, "not_ready", 503)["reasons"] == ["index_fault"]
    assert "disk" not in answer.text


def test_counters(node: Node) -> None:
    """Heights, results by code, requests by route and status, refusals; and no id anywhere."""
    person = node.person("counted")
    raw = node.cast.sign(node.cast.hospital, Chain.enrol_person("counted", person.signer.key))
    problem(node.post(raw), "identity.already_enrolled")
    node.post(b"{}")
    node.get(f"/v1/identity/subjects/{person.id}")
    node.get("/unknown/address")
    node.client.request("BREW", "/v1/status")
    text = node.get("/metrics").text
    samples = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")
    )
    assert float(samples["yilian_height"]) >= 2
    assert samples["yilian_pending"] == "0.0"
    assert samples['yilian_transactions_total{code="ok"}'] == "1.0"
    assert samples['yilian_transactions_total{code="identity.already_enrolled"}'] == "1.0"
    assert samples['yilian_refusals_total{code="malformed"}'] == "1.0"
    read = 'yilian_requests_total{method="GET",route="/v1/identity/subjects/{id}",status="200"}'
    assert samples[read] == "1.0"
    unmatched = 'yilian_requests_total{method="GET",route="unmatched",status="404"}'
    assert samples[unmatched] == "1.0"
    assert float(samples["yilian_block_seconds_count"]) >= 1
    assert not re.search(r"[A-Za-z0-9_-]{21}[AQgw]\b", text.replace("yilian_", ""))
    assert person.id not in text


def test_only_get_and_no_parameters(node: Node) -> None:
    """These addresses take nothing."""
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs.css"):
        problem(node.client.post(path), "method_not_allowed", 405)
        problem(node.get(f"{path}?x=1"), "bad_parameter", 400)


def test_the_document_is_whole(node: Node) -> None:
    """OpenAPI 3.1: every reference resolves, every message, event, record and code is there."""
    document = node.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    names = {each.removeprefix("#/components/schemas/") for each in _references(document)}
    assert names <= schemas.keys()
    for module in MODULES:
        for each in (*module.messages, *module.events):
            assert str(each.__struct_config__.tag) in schemas
        for table in module.tables:
            assert f"{module.name}.{table.record.__name__}.Record" in schemas
    listed = {each["code"] for each in document["x-yilian-problems"]}
    assert listed == {each.name for each in errors.every()}
    assert listed == set(schemas["Problem"]["properties"]["code"]["enum"])
    ids = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(ids)) == len(ids)
    messages = _references(schemas["Body"]["properties"]["messages"])
    assert len(set(messages)) == sum(len(module.messages) for module in MODULES)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        own += list(value["mapping"].values()) if isinstance(value.get("mapping"), dict) else []
        return own + [each for part in value.values() for each in _references(part)]
    if isinstance(value, list):
        return [each for part in value for each in _references(part)]
    return []


@pytest.mark.parametrize(("accepted", "language"), [("en", "en"), ("zh", "zh-CN")])
def test_the_page_stands_alone(node: Node, accepted: str, language: str) -> None:
    """All operations and codes, no script, nothing from elsewhere, in the reader's language."""
    answer = node.get("/docs", accept_language=accepted)
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f'lang="{language}"' in page
    assert "<script" not in page
    assert "style=" not in page
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["/docs.css", "/openapi.json"]
    assert not re.search(r"@import|url\(|<(?:img|iframe|object|embed|form|base|meta http)", page)
    for path, methods in node.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page
    for code in errors.every():
        assert f"<code>{code.name}</code> {code.number}" in page
    style = node.get("/docs.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in style.text
    assert "@import" not in style.text
