"""Requests straight into an ASGI application: no socket, no client that would tidy them up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from yilian.ledger import errors

Header = tuple[bytes, bytes]


class Sent(NamedTuple):
    """What goes in: header lines, the body in pieces, and whether its sender stays to the end."""

    headers: tuple[Header, ...]
    pieces: tuple[bytes, ...]
    whole: bool = True


class Answer(NamedTuple):
    """What came out."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


async def send(app: Any, method: str, target: str, sent: Sent) -> Answer:
    """Send one request to an application and wait for the whole answer."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(sent.headers),
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 0),
    }
    waiting = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in sent.pieces[::-1]
    ]
    if sent.whole:
        waiting.insert(0, {"type": "http.request", "body": b"", "more_body": False})
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def tell(message: dict[str, Any]) -> None:
        told.append(message)

    await app(scope, receive, tell)
    body = b"".join(each.get("body", b"") for each in told[1:])
    return Answer(told[0]["status"], dict(told[0]["headers"]), body)


def refusal(answer: Answer, target: str) -> str:
    """Hold an answer against what every refusal is: a whole RFC 9457 problem; gives its code.

    The code is one of the registry, and status, number and parameters are those of the code. Under
    `/epcis/` a problem may have a type of EPCIS 2.0, for its own clients.
    """
    assert 400 <= answer.status < 500, answer
    assert answer.headers[b"content-type"] == b"application/problem+json", answer
    told = json.loads(answer.body)
    code = errors.by_name(told["code"])
    assert (code.status, code.number) == (answer.status, told["number"]), told
    assert told["status"] == answer.status
    standard = target.startswith("/epcis/") and told["type"].startswith("epcisException:")
    assert standard or told["type"] == f"urn:yilian:problem:{code.name}", told
    assert sorted(told["parameters"]) == list(code.parameters), told
    assert all(told[part] and "{" not in told[part] for part in ("title", "detail", "next")), told
    return code.name


Sign = Callable[[str, str, bytes], Header]
"""Makes the header `Yilian-Request` of (method, target, body)."""
