"""What every request passes: headers, log lines, limits of the connection itself."""

from __future__ import annotations

import json
import logging
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.chain import name_of
from tests.http.node import JSON, Node, problem
from yilian.gateway import body
from yilian.gateway.server import MAX_HEAD, Connection


def talk(node: Node, sent: bytes, seconds: float = 10) -> bytes:
    """Send bytes on a connection of their own and read until the server hangs up."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=seconds) as line:
        line.sendall(sent)
        got = b""
        try:
            while chunk := line.recv(65_536):
                got += chunk
        except ConnectionResetError:
            return got
        return got


def parsed(got: bytes) -> tuple[int, dict[str, str], Any]:
    """Read an answer that ended with its connection."""
    head, _, content = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(each.lower().split(": ", 1) for each in lines[1:])
    return int(lines[0].split()[1]), headers, json.loads(content)


@pytest.mark.parametrize(
    "path", ["/v1/status", "/docs", "/unknown", "/v1/blocks?limit=x", "/metrics", "/v1/events"]
)
def test_security_headers(node: Node, path: str) -> None:
    """On good and bad answers alike; and no header that lets other origins in."""
    headers = node.get(path, origin="https://elsewhere.example").headers
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert len(headers["request-id"]) == 16
    assert not [name for name in headers if name.startswith("access-control")]
    assert "server" not in headers


def test_a_preflight_is_refused(node: Node) -> None:
    """There is no CORS: pages of other origins use a node through their own server."""
    answer = node.client.options(
        "/v1/transactions",
        headers={"Origin": "https://x.example", "Access-Control-Request-Method": "POST"},
    )
    problem(answer, "method_not_allowed", 405)


def test_one_log_line_per_request(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """JSON with method, template, status, time and number; no id, query value or body."""
    secret = name_of("secret")
    with caplog.at_level(logging.INFO, logger="yilian.gateway"):
        numbers = [
            node.get(f"/v1/identity/subjects/{secret}").headers["request-id"],
            node.get(f"/v1/consent/grants?person={secret}").headers["request-id"],
            node.get(f"/{secret}").headers["request-id"],
            node.post(b'{"secret":"' + secret.encode() + b'"}').headers["request-id"],
        ]
        _until(lambda: len(caplog.records) >= 4)
    lines = [json.loads(each.getMessage()) for each in caplog.records]
    assert [each["request"] for each in lines] == numbers
    assert [(each["method"], each["route"], each["status"]) for each in lines] == [
        ("GET", "/v1/identity/subjects/{id}", 404),
        ("GET", "/v1/consent/grants", 200),
        ("GET", "unmatched", 404),
        ("POST", "/v1/transactions", 400),
    ]
    assert all(each.keys() == {"method", "route", "status", "ms", "request"} for each in lines)
    assert secret not in caplog.text


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_fault_of_our_own(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 with the code `internal`; what happened is in the log and nowhere else."""

    def broken() -> None:
        raise ZeroDivisionError("the secret cause")

    monkeypatch.setattr(node.engine, "trust", broken)
    answer = node.get("/v1/trust")
    problem(answer, "internal", 500)
    assert "secret" not in answer.text
    assert "the secret cause" in caplog.text
    assert answer.headers["request-id"] in caplog.text


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
        b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_request(node: Node, sent: bytes) -> None:
    """A problem with the code `bad_request`, and the line is closed."""
    status, headers, content = parsed(talk(node, sent))
    assert (status, content["code"]) == (400, "bad_request")
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\nLarge: " + b"x" * (MAX_HEAD + 1) + b"\r\n\r\n",
        b"GET /" + b"x" * (MAX_HEAD + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nEndless: " + b"x" * 300_000,
    ],
)
def test_heads_have_a_limit(node: Node, head: bytes) -> None:
    """Long lines, long values, many headers, and one that never ends."""
    got = talk(node, head)
    if got:  # a client that is still writing may see a reset instead
        status, _, content = parsed(got)
        assert (status, content["code"]) == (431, "headers_too_large")
    assert node.get("/livez").status_code == 200


def test_a_body_may_be_larger_than_a_head(node: Node) -> None:
    """The limit of the head does not count the body that comes with it."""
    assert problem(node.post(b"x" * 60_000), "malformed", 400)
    for _ in range(3):
        assert node.get("/livez").status_code == 200


class Impatient(Connection):
    """A connection that waits for little."""

    head_seconds = 0.2


def test_slow_heads_and_bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends nothing, half a head or half a body does not keep its place."""
    monkeypatch.setattr(body, "BODY_SECONDS", 0.2)
    node = Node(tmp_path, connection=Impatient)
    try:
        assert talk(node, b"") == b""
        status, _, content = parsed(talk(node, b"GET /livez HTTP/1.1\r\nHost: x\r\n"))
        assert (status, content["code"]) == (408, "request_timeout")
        half = b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        status, headers, content = parsed(talk(node, half + b"Content-Length: 100\r\n\r\n{"))
        assert (status, content["code"]) == (408, "request_timeout")
        assert headers["connection"] == "close"
        for _ in range(3):
            assert node.get("/livez").status_code == 200
            time.sleep(0.15)
    finally:
        node.close()


def test_pipelined_requests_are_answered_in_order(node: Node) -> None:
    """Two requests in one write are two answers."""
    one = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got = talk(node, one + two)
    assert got.index(b"alive") < got.index(b"ready")


def test_gone_clients_leave_nothing_behind(node: Node) -> None:
    """A client that hangs up in the middle of its body is nobody's fault."""
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", node.port)) as line:
            line.sendall(
                b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
    assert node.get("/livez").status_code == 200
    assert problem(node.post(b"{}", JSON), "malformed")
