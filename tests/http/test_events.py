"""Events as pages and as a live stream: resumed, filtered, bounded."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chain import Actor, Chain, name_of
from tests.http.node import UNKNOWN, Node, problem
from yilian.gateway import stream
from yilian.gateway.server import Connection
from yilian.ledger.modules.consent import messages as consent

STREAM = {"Accept": "text/event-stream"}


@contextmanager
def streaming(node: Node, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Open a stream; gives its events as they come."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with (
        httpx.Client(base_url=node.url, timeout=20) as client,
        client.stream("GET", f"/v1/events{query}", headers={**STREAM, **named}) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


def take(events: Iterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Take some events of a stream."""
    return [next(events) for _ in range(count)]


@pytest.fixture(scope="module")
def alice(node: Node) -> Actor:
    """A person who gave and took back a grant."""
    made = node.person("alice")
    now = node.engine.now()
    grant = consent.Grant(grant=name_of("g"), terms="A" * 43, starts=now, ends=now + 10**8)
    node.must(made, grant)
    node.must(made, consent.Revoke(grant=name_of("g")))
    return made


def test_pages_reach_every_event_once(node: Node, alice: Actor) -> None:
    """`next` goes on where the page ended, also when nothing was new."""
    whole = node.get("/v1/events").json()["events"]
    assert [each["event"]["type"] for each in whole[:3]] == [
        "identity.Enrolled",
        "identity.KeyAdded",
        "governance.MemberAdmitted",
    ]
    found: list[Any] = []
    after = ""
    while True:
        page = node.get(f"/v1/events?limit=4{after}").json()
        found += page["events"]
        after = f"&after={page['next']}"
        if not page["events"]:
            break
    assert found == whole
    assert page["next"] == whole[-1]["id"]
    assert node.get("/v1/events?after=latest").json() == {"events": [], "next": whole[-1]["id"]}


def test_filters(node: Node, alice: Actor) -> None:
    """By capability and by any id that an event names."""
    types = [
        each["event"]["type"]
        for each in node.get(f"/v1/events?capability=consent&id={alice.id}").json()["events"]
    ]
    assert types == ["consent.Granted", "consent.Revoked"]
    assert node.get(f"/v1/events?id={UNKNOWN}").json()["events"] == []
    assert node.get("/v1/events?capability=records").json()["events"] == []


def test_a_stream_tells_the_past_and_then_the_present(node: Node, alice: Actor) -> None:
    """The same events as the pages, and new ones within a moment."""
    whole = node.get("/v1/events").json()["events"]
    with streaming(node) as events:
        past = take(events, len(whole))
        assert [each["id"] for each in past] == [each["id"] for each in whole]
        assert [each["event"] for each in past] == [each["event"]["type"] for each in whole]
        assert past[-1]["data"] == {
            name: whole[-1][name] for name in ("height", "time", "transaction", "event")
        }
        made = node.must(node.cast.hospital, Chain.enrol_person("live", None))
        (live,) = take(events, 1)
        assert live["data"]["transaction"] == made["hash"]
        assert live["id"] == f"{made['height']}.{made['index']}.0"


def test_a_stream_goes_on_after_last_event_id(node: Node, alice: Actor) -> None:
    """Nothing twice and nothing lost, also for events that came while nobody listened."""
    whole = node.get("/v1/events").json()["events"]
    with streaming(node) as events:
        seen = take(events, 5)
    node.must(node.cast.hospital, Chain.enrol_person("meanwhile", None))
    expected = node.get("/v1/events").json()["events"][5:]
    with streaming(node, "?after=0.t.0", last_event_id=seen[-1]["id"]) as events:
        rest = take(events, len(expected))
    assert [each["id"] for each in rest] == [each["id"] for each in expected]
    assert len(expected) == len(whole) - 4


def test_only_the_live_ones(node: Node, alice: Actor) -> None:
    """`after=latest` leaves the past out; filters work on a stream too."""
    other = node.person("other")
    with streaming(node, f"?after=latest&id={other.id}") as events:
        node.must(node.cast.hospital, Chain.enrol_person("not shown", None))
        now = node.engine.now()
        grant = consent.Grant(grant=name_of("o"), terms="A" * 43, starts=now, ends=now + 10**8)
        node.must(other, grant)
        assert next(events)["event"] == "consent.Granted"


def test_many_streams_share_one_reading(node: Node, alice: Actor) -> None:
    """All of them see all events in order."""
    before = len(node.get("/v1/events").json()["events"])
    got: list[list[str]] = []

    def listen() -> None:
        with streaming(node) as events:
            got.append([each["id"] for each in take(events, before + 5)])

    threads = [threading.Thread(target=listen) for _ in range(12)]
    for each in threads:
        each.start()
    for number in range(5):
        node.must(node.cast.hospital, Chain.enrol_person(f"shared {number}", None))
    for each in threads:
        each.join()
    assert len(got) == 12
    assert all(each == got[0] for each in got)
    assert len(set(got[0])) == len(got[0])


@pytest.mark.parametrize("query", [
    "?after=x", "?after=1", "?after=1.0", "?after=1.0.0.0", "?after=-1.0.0", "?after=",
    "?after=1.0.0&after=1.0.0", "?capability=nothing", "?capability=", "?id=x", "?id=",
    "?limit=0", "?limit=999", "?nothing=1",
])  # fmt: skip
def test_bad_parameters(node: Node, query: str) -> None:
    """A page and a stream refuse alike."""
    problem(node.get(f"/v1/events{query}"), "bad_parameter", 400)
    problem(node.get(f"/v1/events{query}", accept="text/event-stream"), "bad_parameter", 400)


def test_bad_headers_and_methods(node: Node) -> None:
    """A place that cannot be read is not taken for the beginning."""
    for value in ("x", "1.1", "99999999999999999999.0.0"):
        answer = node.get("/v1/events", last_event_id=value)
        assert problem(answer, "bad_parameter", 400)["parameters"] == {"name": "Last-Event-ID"}
    problem(node.client.post("/v1/events"), "method_not_allowed", 405)
    problem(node.get("/v1/events", accept="text/plain"), "not_acceptable", 406)


def test_a_silent_stream_says_that_it_lives(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment keeps proxies from closing a stream without events."""
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.05)
    with (
        httpx.Client(base_url=node.url, timeout=10) as client,
        client.stream("GET", "/v1/events?after=latest", headers=STREAM) as answer,
    ):
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(3)] == [": open", "", ": still here"]


def test_streams_are_limited(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes when all places are taken is told so."""
    monkeypatch.setattr("yilian.gateway.http.events.MAX_STREAMS", 0)
    answer = node.get("/v1/events", accept="text/event-stream")
    assert problem(answer, "rate_limited", 429)["parameters"] == {"limit": 0}


class Hasty(Connection):
    """A connection that gives slow readers little time."""

    write_seconds = 0.3


def test_a_reader_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    """The server keeps no more for it than its buffers, and then hangs up."""
    node = Node(tmp_path, connection=Hasty)
    try:
        for at in range(0, 4_000, 1_000):
            raws = [
                node.cast.sign(node.cast.hospital, Chain.enrol_person(f"row {each}", None))
                for each in range(at, at + 1_000)
            ]
            assert {each.result().code for each in node.engine.submit_many(raws)} == {0}
        assert node.index.wait(node.engine.height, 20)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect(("127.0.0.1", node.port))
            idle.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            feed = node.app.state.door.feed
            assert _until(lambda: feed.streams == 1)
            assert _until(lambda: feed.streams == 0)
        assert node.get("/livez").status_code == 200
    finally:
        node.close()


def _until(condition: Any) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True
