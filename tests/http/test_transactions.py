"""Handing in transactions over HTTP, and reading what became of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from tests.chain import Actor, Chain, name_of
from tests.http.node import JSON, UNKNOWN, WAIT, Node, problem
from tests.scale import scale
from yilian.ledger import codec
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.transaction import MAX_BYTES


@pytest.fixture(scope="module")
def alice(node: Node) -> Actor:
    """A person of the hospital."""
    return node.person("alice")


def grant(node: Node, actor: Actor, label: str) -> bytes:
    """Sign a grant."""
    now = node.engine.now()
    message = consent.Grant(grant=name_of(label), terms="A" * 43, starts=now, ends=now + 1_000_000)
    return node.cast.sign(actor, message)


def test_a_committed_transaction(node: Node, alice: Actor) -> None:
    """With `Prefer: wait` the answer comes when the next read shows it."""
    raw = grant(node, alice, "first")
    answer = node.post(raw)
    assert answer.status_code == 200
    body = answer.json()
    name = sha256(raw).hexdigest()
    assert body["hash"] == name
    assert (body["status"], body["code"], body["parameters"]) == ("committed", 0, {})
    assert body["events"][0]["type"] == "consent.Granted"
    assert answer.content == codec.encode(body)
    listed = node.get(f"/v1/consent/grants?person={alice.id}").json()["items"]
    assert listed[0]["id"] == name_of("first")
    assert node.get(f"/v1/transactions/{name}").json() == body


def test_the_same_bytes_have_the_same_answer(node: Node, alice: Actor) -> None:
    """Whatever the state, and with or without waiting."""
    raw = grant(node, alice, "same")
    first = node.post(raw)
    for headers in (WAIT, JSON, {**JSON, "Prefer": "wait=1"}):
        again = node.post(raw, headers)
        assert (again.status_code, again.content) == (200, first.content)


def test_without_prefer_the_answer_is_pending(node: Node, alice: Actor) -> None:
    """202 says where to look; there the answer follows."""
    raw = grant(node, alice, "unhurried")
    answer = node.post(raw, JSON)
    name = sha256(raw).hexdigest()
    if answer.status_code == 202:
        assert answer.json() == {"hash": name, "status": "pending"}
        assert answer.headers["location"] == f"/v1/transactions/{name}"
    node.post(raw)
    assert node.get(f"/v1/transactions/{name}").json()["status"] == "committed"


def test_a_block_refuses(node: Node, alice: Actor) -> None:
    """What passed the check and was refused by its block is a problem, with its place."""
    raws = [grant(node, alice, "twice") for _ in range(2)]
    assert node.post(raws[0]).status_code == 200
    answer = node.post(raws[1])
    body = problem(answer, "consent.id_taken", 409)
    assert body["hash"] == sha256(raws[1]).hexdigest()
    assert body["parameters"] == {"id": name_of("twice")}
    assert body["height"] > 1
    assert body["index"] == 0
    assert node.post(raws[1], JSON).content == answer.content
    again = node.get(f"/v1/transactions/{body['hash']}")
    assert problem(again, "consent.id_taken") == body


def test_the_check_refuses(node: Node, alice: Actor) -> None:
    """What never enters a block is a problem without a place, and is not remembered."""
    cases = {
        "wrong_chain": node.cast.sign(alice, consent.Revoke(grant=UNKNOWN), chain="other"),
        "expired": node.cast.sign(alice, consent.Revoke(grant=UNKNOWN), expires=1),
        "bad_signature": _spoilt(node.cast.sign(alice, consent.Revoke(grant=UNKNOWN))),
        "expires_too_late": node.cast.sign(
            alice, consent.Revoke(grant=UNKNOWN), expires=node.engine.now() + 10**9
        ),
    }
    for code, raw in cases.items():
        body = problem(node.post(raw), code)
        assert "height" not in body
        problem(node.get(f"/v1/transactions/{sha256(raw).hexdigest()}"), "not_found", 404)


def _spoilt(raw: bytes) -> bytes:
    """Change a signature, still canonical."""
    value = json.loads(raw)
    old = value["signatures"][0]
    return raw.replace(old.encode(), (("A" if old[0] != "A" else "B") + old[1:]).encode())


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed"),
        (b"{}", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"null", "malformed"),
        (b"[" * 60_000, "malformed"),
        (b'{"body":{},"signatures":[]}', "malformed"),
    ],
)
def test_malformed_bodies(node: Node, raw: bytes, code: str) -> None:
    """What is no transaction is a 400 with a code."""
    problem(node.post(raw), code, 400)


def test_other_spellings_are_refused(node: Node, alice: Actor) -> None:
    """One transaction has one text."""
    raw = grant(node, alice, "spelt")
    for other in (raw + b" ", json.dumps(json.loads(raw)).encode(), b"\xef\xbb\xbf" + raw):
        body = problem(node.post(other), node.post(other).json()["code"], 400)
        assert body["code"] in ("not_canonical", "malformed")
    assert node.post(raw).status_code == 200


def test_oversized_bodies(node: Node) -> None:
    """Refused by the declared length, and by counting where none is declared."""
    problem(node.post(b"x" * (MAX_BYTES + 1)), "body_too_large", 413)

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b"x" * 8192

    with httpx.Client(base_url=node.url, timeout=30) as client:
        try:
            answer = client.post("/v1/transactions", content=endless(), headers=WAIT)
        except httpx.WriteError:
            return  # the server hung up while we were still writing: that is the limit at work
    problem(answer, "body_too_large", 413)


def test_wrong_media_type_and_method(node: Node, alice: Actor) -> None:
    """Only JSON, only POST."""
    raw = grant(node, alice, "media")
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
        answer = node.post(raw, {"Content-Type": media})
        assert problem(answer, "unsupported_media_type", 415)["parameters"] == {
            "expected": "application/json"
        }
    answer = node.client.put("/v1/transactions", content=raw, headers=JSON)
    problem(answer, "method_not_allowed", 405)
    assert answer.headers["allow"] == "POST"
    problem(node.post(raw, {**JSON, "Accept": "text/html"}), "not_acceptable", 406)
    assert (
        node.post(raw, {**WAIT, "Content-Type": "Application/JSON; charset=utf-8"}).status_code
        == 200
    )


def test_bad_preferences(node: Node, alice: Actor) -> None:
    """A wait that cannot be read is refused; a long one is cut; others are passed over."""
    raw = grant(node, alice, "preferred")
    for value in ("wait=soon", "wait=-1", "wait=1.5", "wait="):
        body = problem(node.post(raw, {**JSON, "Prefer": value}), "bad_parameter", 400)
        assert body["parameters"] == {"name": "Prefer"}
    problem(node.client.post("/v1/transactions?wait=1", content=raw, headers=JSON), "bad_parameter")
    headers = {**JSON, "Prefer": 'respond-async, handling=strict, wait="9999"; x=1'}
    assert node.post(raw, headers).status_code == 200


def test_unknown_and_malformed_hashes(node: Node) -> None:
    """404 for what the chain does not hold, 400 for what is no hash."""
    for path in ("", "/receipt"):
        problem(node.get(f"/v1/transactions/{'0' * 64}{path}"), "not_found", 404)
        for bad in ("0" * 63, "G" * 64, "A" * 64, "..", "%00"):
            answer = node.get(f"/v1/transactions/{bad}{path}")
            assert answer.status_code in (400, 404)
            assert answer.headers["content-type"] == "application/problem+json"


def test_a_receipt(node: Node, alice: Actor) -> None:
    """It closes at once, because it is asked for."""
    raw = grant(node, alice, "receipted")
    name = node.post(raw).json()["hash"]
    receipt = node.get(f"/v1/transactions/{name}/receipt").json()
    assert receipt["transaction"] == raw.decode()
    assert receipt["result"]["code"] == 0
    problem(node.client.post(f"/v1/transactions/{name}/receipt"), "method_not_allowed", 405)


def test_problems_in_the_readers_language(node: Node) -> None:
    """Chinese where it is asked for; the code stays the same."""
    english = node.post(b"{}", {**JSON, "Accept-Language": "fr"})
    chinese = node.post(b"{}", {**JSON, "Accept-Language": "zh-TW,en;q=0.5"})
    assert english.headers["content-language"] == "en"
    assert chinese.headers["content-language"] == "zh-CN"
    assert problem(english, "malformed")["number"] == problem(chinese, "malformed")["number"]
    assert "JSON" in chinese.json()["detail"]
    assert chinese.json()["title"] == "无法读取"


def test_many_at_once(node: Node) -> None:
    """Requests that arrive together share blocks; good and bad ones do not disturb each other."""
    count = scale(120, 5_000)
    raws = [
        node.cast.sign(node.cast.hospital, Chain.enrol_person(f"crowd {each}", None))
        for each in range(count)
    ]
    before = node.engine.height
    answers: dict[int, httpx.Response] = {}

    def send(part: range) -> None:
        with httpx.Client(base_url=node.url, timeout=60) as client:
            for each in part:
                raw = raws[each] if each % 3 else raws[each][:-1]
                answers[each] = client.post("/v1/transactions", content=raw, headers=WAIT)

    threads = [threading.Thread(target=send, args=(range(at, count, 8),)) for at in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for number, answer in answers.items():
        if number % 3:
            assert answer.status_code == 200, answer.text
        else:
            problem(answer, "malformed", 400)
    assert node.engine.height - before < count


def test_after_the_engine_has_stopped(tmp_path_factory: pytest.TempPathFactory) -> None:
    """503 and a code of its own; nothing is lost, nothing is taken."""
    stopped = Node(tmp_path_factory.mktemp("stopped"))
    try:
        raw = stopped.cast.sign(stopped.cast.hospital, Chain.enrol_person("late", None))
        stopped.index.close()
        stopped.engine.close()
        answer = stopped.post(raw)
        assert answer.status_code == 503
        assert answer.json()["code"] in ("engine_stopped", "unavailable")
        assert answer.headers["retry-after"] == "1"
        ready = stopped.get("/readyz")
        assert "engine_stopped" in problem(ready, "not_ready", 503)["reasons"]
        assert stopped.get("/livez").status_code == 200
    finally:
        stopped.close()
