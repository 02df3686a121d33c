"""Signed requests over HTTP, on a route that a node adds to the gateway's own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.chain import Actor
from tests.http.node import Node, claim, problem, sign
from yilian.gateway.auth import authenticate
from yilian.gateway.errors import UNAUTHENTICATED
from yilian.gateway.http.operation import JSON, Answer, answer, operation, routes
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.signed_request import HEADER

PATH = "/v1/private/{name}"


@operation(
    "POST",
    PATH,
    tag="private",
    summary="Tell who asks.",
    answers=(Answer(status=200, description="Who.", content={JSON: dict[str, str]}),),
    problems=(UNAUTHENTICATED,),
)
async def private(request: Request) -> Response:
    """Answer with the caller and the length of the body."""
    caller = await authenticate(request, 1000)
    size = str(len(await request.body()))
    return answer(
        request, {"caller": caller.sender, "organisation": caller.organisation, "size": size}
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with a private route."""
    made = Node(tmp_path_factory.mktemp("private"), routes=routes(private))
    yield made
    made.close()


def ask(
    node: Node,
    actor: Actor,
    path: str = "/v1/private/x?a=%20b",
    body: bytes = b"{}",
    **fields: object,
) -> httpx.Response:
    """Ask with a signed request."""
    value = sign(claim(node.cast, actor, path, "POST", body, **fields), actor.signer)
    return node.client.post(path, content=body, headers={HEADER: value})


def test_a_signed_request(node: Node) -> None:
    """The caller, its organisation and the whole body arrive, with the query as it was sent."""
    alice = node.person("alice")
    made = ask(node, alice, body=b"x" * 1000)
    assert made.json() == {
        "caller": alice.id,
        "organisation": node.cast.hospital.id,
        "size": "1000",
    }
    assert ask(node, node.cast.hospital, "/v1/private/%E4%BA%91", b"").status_code == 200
    assert ask(node, node.cast.hospital, "/v1/private/x?").status_code in (200, 401)


def test_unsigned_and_unreadable(node: Node) -> None:
    """Without a header, with a broken one, or with two."""
    broken: tuple[dict[bytes, bytes], ...] = (
        {},
        *({HEADER.encode(): each} for each in (b"x", b"a.b", "é".encode())),
    )
    for headers in broken:
        made = node.client.post("/v1/private/x", headers=headers)
        problem(made, "unauthenticated", 401)
        assert made.headers["www-authenticate"] == "Yilian-Request"
    value = sign(
        claim(node.cast, node.cast.hospital, "/v1/private/x", "POST"), node.cast.hospital.signer
    )
    made = node.client.post("/v1/private/x", headers=[(HEADER, value), (HEADER, value)])
    problem(made, "unauthenticated", 401)
    problem(node.client.get("/v1/private/x"), "method_not_allowed", 405)


def test_a_replay(node: Node) -> None:
    """The same header a second time, even for the same request, is refused."""
    hospital = node.cast.hospital
    value = sign(claim(node.cast, hospital, "/v1/private/x", "POST"), hospital.signer)
    made = [node.client.post("/v1/private/x", headers={HEADER: value}) for _ in range(2)]
    assert made[0].status_code == 200
    problem(made[1], "replayed_request", 401)


def test_a_stale_one(node: Node) -> None:
    """Expired, or valid for too long."""
    now = node.engine.now()
    problem(ask(node, node.cast.hospital, expires=now - 1), "request_stale", 401)
    problem(ask(node, node.cast.hospital, expires=now + 3_600_000), "request_stale", 401)


def test_another_chain_path_method_and_body(node: Node) -> None:
    """Signed for something else."""
    hospital = node.cast.hospital
    problem(ask(node, hospital, chain="other"), "wrong_chain")
    for path in ("/v1/private/y", "/v1/private/x", "/v1/private/x?a= b"):
        value = sign(claim(node.cast, hospital, path.replace(" ", "+"), "POST"), hospital.signer)
        made = node.client.post("/v1/private/x?a=%20b", headers={HEADER: value})
        assert problem(made, "request_differs", 401)["parameters"] == {"part": "path"}
    value = sign(claim(node.cast, hospital, "/v1/private/x"), hospital.signer)
    made = node.client.post("/v1/private/x", headers={HEADER: value})
    assert problem(made, "request_differs", 401)["parameters"] == {"part": "method"}
    value = sign(claim(node.cast, hospital, "/v1/private/x", "POST", b"1"), hospital.signer)
    made = node.client.post("/v1/private/x", content=b"2", headers={HEADER: value})
    assert problem(made, "request_differs", 401)["parameters"] == {"part": "body"}


def test_a_large_body(node: Node) -> None:
    """The route's own limit holds before anything is judged."""
    made = ask(node, node.cast.hospital, body=b"x" * 1001)
    assert problem(made, "body_too_large", 413)["parameters"] == {"limit": 1000}


def test_a_revoked_key(node: Node) -> None:
    """From the block of its revocation on a key asks for nothing."""
    bob = node.person("bob")
    fresh = node.cast.signer("bob's second")
    assert ask(node, bob).status_code == 200
    proof = node.cast.proof(bob.id, fresh)
    node.must(bob, identity.RotateKey(old=bob.signer.id, key=fresh.key, proof=proof))
    problem(ask(node, bob), "key_revoked", 403)
    assert ask(node, Actor(bob.id, fresh, bob.payer)).status_code == 200


def test_foreign_and_unknown_keys(node: Node) -> None:
    """A key must be on the chain, the sender's own, and have signed."""
    stranger = node.cast.actor("stranger", node.cast.hospital)
    problem(ask(node, stranger), "unknown_key", 403)
    insurer = node.cast.insurer
    problem(ask(node, insurer, sender=node.cast.hospital.id), "sender_not_signer", 403)
    problem(
        ask(node, insurer, key=node.cast.hospital.signer.id, sender=node.cast.hospital.id),
        "bad_signature",
        403,
    )


def test_an_added_route_is_described_and_counted(node: Node) -> None:
    """In the OpenAPI document, on the page, and in the counters, by its template."""
    document = node.get("/openapi.json").json()
    assert document["paths"][PATH]["post"]["summary"] == "Tell who asks."
    assert PATH in node.get("/docs").text
    ask(node, node.cast.hospital)
    assert f'route="{PATH}",status="200"' in node.get("/metrics").text
