"""What a member's gateway says before a node begins from a snapshot: nothing of it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from tests.consensus.simulator import Network
from tests.unit.node.doors import ABSENT, Answer, Shown, light, said
from yilian.node import provider
from yilian.node.provider import Gateway, NoAnswer, NotOurChain, Provider

FIRST = "/v1/blocks/1/light"
HTTP = httpx.Client()
RULE = "/v1/governance/parameters/current"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network()
    made.blocks(2)
    made.whole()
    yield made
    made.close()


@pytest.fixture
def first(network: Network) -> dict[str, Any]:
    return light(network.replicas[0].node, 1)


def ask(made: Provider, method: str, **parameters: Any) -> dict[str, Any]:
    """Ask as the engine's light client does."""
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters}
    found: dict[str, Any] = HTTP.post(made.address, json=body).raise_for_status().json()
    assert found["id"] == 7
    return found


def root(network: Network) -> bytes:
    return network.agreed.app_hash(0)


def test_an_honest_member_is_believed(network: Network, first: dict[str, Any]) -> None:
    with Shown({FIRST: said(first)}) as shown:
        made = Provider(shown.address, network.town.genesis)
        try:
            assert made.first_header(root(network)).height == 1
            told = ask(made, "commit", height="1")["result"]
            assert told["signed_header"]["header"] == first["header"]
            told = ask(made, "validators", height="1", page="1")["result"]
            assert [each["pub_key"] for each in told["validators"]] == [
                each["pub_key"] for each in first["validators"]
            ]
            told = ask(made, "validators", height="1", page="2")["result"]
            assert (told["validators"], told["total"]) == ([], "4")
            # Genesis' limits hold where the member names none: the header's hash says so.
            told = ask(made, "consensus_params", height="1")["result"]
            assert told["block_height"] == first["header"]["height"]
        finally:
            made.close()


def _spoil(value: dict[str, Any], *way: Any, to: Any) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    at = made
    for each in way[:-1]:
        at = at[each]
    at[way[-1]] = to
    return made


OTHER_CHAIN: list[tuple[tuple[Any, ...], Any]] = [
    (("header", "chain_id"), "another"),
    (("header", "app_hash"), "00" * 32),
    (("header", "height"), "2"),
    (("header", "validators_hash"), "11" * 32),
    (("commit", "block_id", "hash"), "22" * 32),
    (("commit", "height"), "2"),
    (("commit", "signatures"), []),
]


@pytest.mark.parametrize(("way", "to"), OTHER_CHAIN)
def test_another_chain_is_refused(
    network: Network, first: dict[str, Any], way: tuple[Any, ...], to: Any
) -> None:
    require(network, said(_spoil(first, *way, to=to)), NotOurChain)


def test_another_genesis_is_refused(network: Network) -> None:
    """One name, other validators: what they signed is worth nothing here."""
    other = Network(powers=(10, 10))
    try:
        other.blocks(2)
        other.whole()
        require(network, said(light(other.replicas[0].node, 1)), NotOurChain)
    finally:
        other.close()


def _given(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in value["commit"]["signatures"] if each["block_id_flag"] == 2]


def test_too_few_signatures_are_refused(network: Network, first: dict[str, Any]) -> None:
    for each in _given(first)[:2]:
        each |= ABSENT
    require(network, said(first), NotOurChain)


def test_a_false_signature_is_refused(network: Network, first: dict[str, Any]) -> None:
    one, other, *_ = _given(first)
    one["signature"] = other["signature"]
    require(network, said(first), NotOurChain)


GARBAGE: dict[str, Answer] = {
    "not found": lambda query: (404, b"{}"),
    "an error": lambda query: (500, b"{}"),
    "a redirect": lambda query: (302, b""),
    "no text": lambda query: (200, b"\xff\xfe\x00"),
    "no JSON": lambda query: (200, b"<html>"),
    "nothing": lambda query: (200, b""),
    "a list": lambda query: (200, b"[1]"),
    "an empty object": lambda query: (200, b"{}"),
    "other types": said({"header": [], "commit": 3, "validators": "x"}),
    "deep": lambda query: (200, b"[" * 200_000),
    "a long number": lambda query: (200, b'{"header":' + b"9" * 9_000 + b"}"),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_no_answer(network: Network, answer: Answer) -> None:
    require(network, answer, NoAnswer)
    with Shown({FIRST: answer, RULE: answer}) as shown:
        made = Provider(shown.address, network.town.genesis)
        try:
            for method in ("commit", "validators", "consensus_params"):
                told = ask(made, method, height="1")
                # What is refused is said in the form of the engine's RPC, and it goes on serving;
                # whatever has the parts of a commit is the engine's to judge.
                assert ("error" in told) != ("result" in told)
                assert method == "commit" or "error" in told
        finally:
            made.close()


def test_an_answer_that_is_too_large_is_left(
    network: Network, first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "MAX_ANSWER", len(msgspec.json.encode(first)))
    require(network, said(first), None)
    padded = msgspec.json.encode(first)[:-1] + b" }"
    require(network, lambda query: (200, padded), NoAnswer)


def test_a_member_that_hangs_is_left(network: Network) -> None:
    with Shown({FIRST: lambda query: (0, b"")}) as shown:
        made = Provider(shown.address, network.town.genesis, seconds=0.2)
        try:
            with pytest.raises(NoAnswer):
                made.first_header(root(network))
            assert "error" in ask(made, "commit", height="1")
        finally:
            made.close()


def test_nobody_there_and_no_address(network: Network) -> None:
    with Shown({}) as shown:
        address = shown.address
    for each in (address, "nowhere", "http://[", "http://a b", ""):
        with pytest.raises(NoAnswer):
            Gateway(each).read(FIRST)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"method":"status"}', b'{"method":7,"params":3}']
)
def test_what_is_no_call_is_answered_with_an_error(network: Network, body: bytes) -> None:
    with Shown({}) as shown:
        made = Provider(shown.address, network.town.genesis)
        try:
            assert "error" in HTTP.post(made.address, content=body).raise_for_status().json()
        finally:
            made.close()


def test_other_limits_than_those_that_were_signed_are_refused(
    network: Network, first: dict[str, Any]
) -> None:
    limits = said({"value": {"block_max_bytes": 5, "block_max_gas": 5}})
    with Shown({FIRST: said(first), RULE: limits}) as shown:
        made = Provider(shown.address, network.town.genesis)
        try:
            assert "error" in ask(made, "consensus_params", height="1")
        finally:
            made.close()


def require(network: Network, answer: Answer, refused: type[Exception] | None) -> None:
    """Have the first header read of a member that answers so."""
    with Shown({FIRST: answer}) as shown:
        made = Provider(shown.address, network.town.genesis)
        try:
            if refused is None:
                assert made.first_header(root(network)).height == 1
                return
            with pytest.raises(refused):
                made.first_header(root(network))
        finally:
            made.close()


def test_a_gateway_reads_objects_alone() -> None:
    with Shown({"/x": said({"a": 1}), "/y": said([])}) as shown:
        gateway = Gateway(shown.address)
        try:
            assert gateway.read("/x", after=3) == {"a": 1}
            assert shown.asked == ["/x?after=3"]
            with pytest.raises(NoAnswer):
                gateway.read("/y")
        finally:
            gateway.close()
