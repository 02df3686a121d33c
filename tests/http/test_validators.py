"""Validators, the law and endpoints, as anyone reads them."""

from __future__ import annotations

from tests.chain import name_of
from tests.http.node import Node, problem
from tests.rules.identity.certificates import certificate
from yilian.ledger import codec
from yilian.ledger.modules.identity.messages import PublishEndpoint, WithdrawEndpoint


def test_all_validators(node: Node) -> None:
    first = node.cast.genesis.validators[0]
    body = node.get("/v1/governance/validators").json()
    whole = {"organisation": None, "power": 10, "public": first.public, "since": 0}
    assert body == {"items": [whole]}
    assert problem(node.get("/v1/governance/validators?limit=1"), "bad_parameter")


def test_one_validator_with_its_proof(node: Node) -> None:
    public = node.cast.genesis.validators[0].public
    path = f"/v1/governance/validators/{codec.to_bytes(public).hex()}"
    body = node.get(path).json()
    assert body["value"]["public"] == public
    proved = node.get(path + "?proof=true").json()
    assert proved["value"] == body["value"]
    assert proved["proof"]["header"]["chain_id"] == "test"
    problem(node.get(f"/v1/governance/validators/{'0' * 64}"), "not_found")
    problem(node.get(f"/v1/governance/validators/{public}"), "not_found")


def test_the_law(node: Node) -> None:
    body = node.get("/v1/governance/law/current").json()
    assert body["value"]["version"] == 1


def test_an_endpoint_until_it_is_withdrawn(node: Node) -> None:
    path = f"/v1/identity/endpoints/{node.cast.hospital.id}"
    problem(node.get(path), "not_found")
    url, made = "https://node.example:8443", certificate("node")
    node.must(node.cast.hospital, PublishEndpoint(url=url, certificate=made))
    value = node.get(path).json()["value"]
    assert (value["url"], value["certificate"]) == (url, made)
    node.must(node.cast.hospital, WithdrawEndpoint())
    problem(node.get(path), "not_found")
    problem(node.get(f"/v1/identity/endpoints/{name_of('nobody')}"), "not_found")
