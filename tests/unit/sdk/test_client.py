"""Clients before a real gateway: writing once whatever breaks, reading, proofs, signed requests."""

from __future__ import annotations

import inspect
import io
import json
import socket
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.chain import CHAIN_ID, digest_of, name_of
from tests.unit.sdk.running import FAR, Breaking, Running, run, served, signer_of
from yilian.gateway.errors import ENGINE_STOPPED
from yilian.ledger import codec, signed_request
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.messages import Grant, Revoke
from yilian.sdk import drafts
from yilian.sdk.client import AsyncClient, Client
from yilian.sdk.errors import (
    AnswerError,
    PendingError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)
from yilian.sdk.steps import Happened
from yilian.sdk.transport import MAX_ANSWER, InProcess
from yilian.sdk.verify import NotVerified


def grant(label: str) -> Grant:
    return Grant(grant=name_of(label), terms=digest_of(label), starts=1, ends=FAR)


def raw_of(*messages: Any, expires_in: float = 120, sender: str = "alice") -> bytes:
    signers = [signer_of(sender)]
    payer = name_of("hospital")
    body = drafts.draft(CHAIN_ID, name_of(sender), payer, messages, signers, expires_in=expires_in)
    return drafts.sign(body, signers)


def plan(*verdicts: str | httpx.Response) -> Callable[[int], str | httpx.Response]:
    """Break the first calls as said, and pass the rest."""
    return lambda at: verdicts[at] if at < len(verdicts) else "pass"


def stopped() -> httpx.Response:
    problem = {"code": ENGINE_STOPPED.name, "number": ENGINE_STOPPED.number, "status": 503}
    return httpx.Response(503, json=problem)


# -- writing -----------------------------------------------------------------------------------


def test_a_submitted_transaction_is_committed_and_visible(node: Running) -> None:
    raw = raw_of(grant("submit"))
    with node.client("alice") as client:
        outcome = client.submit(raw)
        assert outcome.status == "committed"
        assert outcome.hash == drafts.transaction_hash(raw)
        assert [each["type"] for each in outcome.events] == ["consent.Granted"]
        assert client.get("consent", "grants", name_of("submit")).value["ends"] == FAR
        assert client.submit(raw) == outcome == client.transaction(outcome.hash)


def test_without_waiting_it_may_be_pending(node: Running) -> None:
    raw = raw_of(grant("no wait"))
    with node.client("alice") as client:
        first = client.submit(raw, wait=False)
        assert first.status in ("pending", "committed")
        assert client.submit(raw).status == "committed"


@pytest.mark.parametrize(
    "verdicts",
    [
        ("before",),
        ("after",),
        ("midst",),
        ("before", "after", "midst"),
        (stopped(),),
        (httpx.Response(502, text="a proxy's page"), httpx.Response(504)),
    ],
    ids=["before", "after", "midst", "all three", "503", "proxy"],
)
def test_broken_connections_make_exactly_one_record(
    node: Running, verdicts: tuple[str | httpx.Response, ...], request: pytest.FixtureRequest
) -> None:
    label = request.node.name
    raw = raw_of(grant(label))
    breaking = Breaking(InProcess(node.app), plan(*verdicts))
    with node.client("alice", transport=breaking) as client:
        outcome = client.submit(raw)
        assert len(breaking.bodies) == len(verdicts) + 1
        assert set(breaking.bodies) == {raw}
        page = client.page("consent", "grants", limit=200)
    assert [each["id"] for each in page.items].count(name_of(label)) == 1
    assert outcome.status == "committed"


def test_a_refusal_of_the_law_comes_at_once_with_its_code(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), plan())
    with node.client("alice", transport=breaking) as client, pytest.raises(RefusedError) as caught:
        client.submit(raw_of(Revoke(grant=name_of("unknown"))))
    problem = caught.value
    assert (problem.code, problem.number, problem.status) == ("consent.unknown_grant", 301, 404)
    assert problem.parameters == {"id": name_of("unknown")}
    assert problem.height is not None
    assert problem.transaction is not None
    assert problem.title
    assert problem.next
    assert len(breaking.bodies) == 1


def test_a_problem_speaks_the_client_s_language(node: Running) -> None:
    told = []
    for language in ("en", "zh-CN"):
        with node.client("alice", language=language) as client:
            with pytest.raises(RefusedError) as caught:
                client.submit(raw_of(Revoke(grant=name_of("unknown"))))
            told.append(caught.value.title)
    assert told[0].isascii()
    assert not told[1].isascii()


def test_a_malformed_transaction_is_not_sent(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), plan())
    with node.client("alice", transport=breaking) as client:
        for raw in (b"", b"{}", raw_of(grant("x"))[:-1], raw_of(grant("x")) + b" "):
            with pytest.raises(Refusal):
                client.submit(raw)
    assert breaking.bodies == []


def test_the_client_gives_up_when_the_transaction_expires(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: "before")
    raw = raw_of(grant("expires"), expires_in=0.7)
    started = time.monotonic()
    with (
        node.client("alice", transport=breaking, patience=None) as client,
        pytest.raises(UnreachableError),
    ):
        client.submit(raw)
    assert time.monotonic() - started < 2
    assert len(breaking.bodies) >= 3


def test_patience_ends_before_expiry() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        with Client(url, patience=0.3) as client:
            with pytest.raises(UnreachableError) as caught:
                client.submit(raw_of(grant("unheard")))
            with pytest.raises(UnreachableError):
                client.status()
    assert caught.value.url == url


def test_a_node_that_stays_unavailable_says_so(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: stopped())
    with node.client("alice", transport=breaking, patience=0.3) as client:
        with pytest.raises(UnavailableError) as caught:
            client.submit(raw_of(grant("stopped")))
        assert caught.value.code == "engine_stopped"
    assert len(breaking.bodies) >= 2


def test_never_in_a_block_is_said_only_after_a_last_look(node: Running) -> None:
    raw = raw_of(grant("never"), expires_in=0.4)
    pending = httpx.Response(202, json={"hash": drafts.transaction_hash(raw), "status": "pending"})
    breaking = Breaking(InProcess(node.app), lambda _: pending)
    with node.client("alice", transport=breaking) as client, pytest.raises(PendingError) as caught:
        client.submit(raw)
    assert caught.value.transaction == drafts.transaction_hash(raw)
    assert set(breaking.bodies[:-1]) == {raw}
    assert breaking.bodies[-1] == b""


def test_several_messages_happen_together_or_not_at_all(node: Running) -> None:
    with node.client("alice") as client:
        both = client.send([grant("both 1"), grant("both 2")])
        assert len(both.events) == 2
        with pytest.raises(RefusedError):
            client.send([grant("half"), Revoke(grant=name_of("nothing"))])
        with pytest.raises(RefusedError) as caught:
            client.get("consent", "grants", name_of("half"))
        assert caught.value.status == 404


def test_a_custodian_acts_for_a_person(node: Running) -> None:
    with node.client("hospital") as client:
        client.identity.enrol_person(person=name_of("ward"), tag=digest_of("ward"))
        client.consent.grant(
            grant=name_of("for ward"),
            terms=digest_of("for ward"),
            starts=1,
            ends=FAR,
            on_behalf_of=name_of("ward"),
        )
        found = client.get("consent", "grants", name_of("for ward"))
        assert found.value["person"] == name_of("ward")
        with pytest.raises(RefusedError) as caught:
            client.send([grant("for alice")], on_behalf_of=name_of("alice"))
        assert caught.value.code == "identity.not_custodian"


def test_a_client_without_a_signer_only_reads(node: Running) -> None:
    with Client(transport=InProcess(node.app)) as client:
        assert client.status().chain == CHAIN_ID
        with pytest.raises(ValueError, match="signer"):
            client.consent.revoke(grant=name_of("x"))
        with pytest.raises(ValueError, match="signer"):
            client.request("GET", "/v1/x")


# -- reading -----------------------------------------------------------------------------------


def test_receipts_and_state_proofs_verify_offline(node: Running) -> None:
    with node.client("alice") as client:
        outcome = client.submit(raw_of(grant("proved")))
        trust = client.trust()
        receipt = client.receipt(outcome.hash)
        key = f"consent/grant/{name_of('proved')}"
        present = client.state_proof(key)
        absent = client.state_proof(f"consent/grant/{name_of('absent')}")
        record = client.get("consent", "grants", name_of("proved"), proof=True)
        assert record.proof is not None
        for proof in (receipt, present, absent, record.proof, json.dumps(receipt)):
            assert client.verify(proof, trust).chain_id == CHAIN_ID
        assert json.loads(present["value"]) == record.value
        assert absent["value"] is None
        with pytest.raises(NotVerified):
            client.verify({**present, "value": None}, trust)
        with pytest.raises(NotVerified):
            client.verify(receipt, {**trust, "chain_id": "other"})


def test_blocks_and_genesis(node: Running) -> None:
    with node.client() as client:
        newest = client.block()
        assert client.block(newest["height"]) == newest
        assert client.block(1)["header"]["chain_id"] == CHAIN_ID
        page = client.blocks(before=3, limit=1)
        assert [each["height"] for each in page["blocks"]] == [2]
        assert client.genesis()["chain"] == CHAIN_ID
        with pytest.raises(RefusedError) as caught:
            client.block(10**9)
        assert caught.value.status == 404


def test_a_list_goes_over_all_pages_once(node: Running) -> None:
    with node.client("alice") as client:
        client.send([grant(f"listed {n}") for n in range(7)])
        whole = [each["id"] for each in client.list("consent", "grants", limit=200)]
        paged = [each["id"] for each in client.list("consent", "grants", limit=2)]
        assert paged == whole
        assert len(set(paged)) == len(paged) >= 7
        of_alice = list(client.list("consent", "grants", person=name_of("alice")))
        assert {each["person"] for each in of_alice} == {name_of("alice")}
        assert list(client.list("consent", "grants", person=name_of("nobody"))) == []
        with pytest.raises(RefusedError) as caught:
            client.page("consent", "grants", colour="red")
        assert caught.value.code == "bad_parameter"
        with pytest.raises(RefusedError):
            client.page("consent", "grants", limit=10_000)


@pytest.mark.parametrize("name", ["../../status", "a/b", "?x=1", "%2e%2e", "", "é"])
def test_a_strange_name_stays_one_part_of_the_path(node: Running, name: str) -> None:
    with node.client() as client, pytest.raises(RefusedError) as caught:
        client.get("consent", "grants", name)
    assert caught.value.status in (400, 404)


def test_unknown_things_are_refused(node: Running) -> None:
    with node.client() as client:
        for ask in (
            lambda: client.transaction("0" * 64),
            lambda: client.receipt("0" * 64),
            lambda: client.get("consent", "grants", name_of("nothing")),
            lambda: client.get("nothing", "at", name_of("all")),
        ):
            with pytest.raises(RefusedError) as caught:
                ask()
            assert caught.value.code == "not_found"
        with pytest.raises(RefusedError) as caught:
            client.transaction("not a hash")
        assert caught.value.code == "bad_parameter"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>hello</html>"),
        httpx.Response(200, content=b"\xff\xfe\x00"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"chain": 5}),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(404, text="not here"),
        httpx.Response(418, json={"code": 5}),
        httpx.Response(301, headers={"Location": "http://elsewhere.example/"}),
        httpx.Response(200, content=b"x" * (MAX_ANSWER + 1)),
    ],
    ids=["html", "bytes", "list", "types", "deep", "404", "418", "redirect", "large"],
)
def test_another_server_is_told_from_a_node(node: Running, answer: httpx.Response) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: answer)
    with node.client(transport=breaking) as client, pytest.raises(AnswerError):
        client.status()
    assert len(breaking.bodies) == 1


def test_reads_are_made_again(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), plan("before", "midst", stopped()))
    with node.client(transport=breaking) as client:
        assert client.status().chain == CHAIN_ID
    assert len(breaking.bodies) == 4


# -- signed requests ---------------------------------------------------------------------------


def test_a_signed_request_carries_what_the_gateway_judges(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: httpx.Response(200, json={"ok": 1}))
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        assert client.request("POST", "/v1/private?x=1", {"b": 1, "a": "é"}) == {"ok": 1}
    body = breaking.bodies[0]
    assert body == codec.encode({"a": "é", "b": 1})
    claimed, signature = signed_request.read(breaking.headers[0][signed_request.HEADER])
    assert (claimed.method, claimed.path) == ("POST", "/v1/private?x=1")
    assert claimed.body == signed_request.body_digest(body)
    assert (claimed.chain, claimed.sender) == (CHAIN_ID, name_of("alice"))
    assert claimed.expires <= time.time() * 1000 + signed_request.MAX_AHEAD_MS
    signer = signer_of("alice")
    assert signature == signer.sign(signed_request.text(claimed))


@pytest.mark.parametrize("status", [200, 202, 204])
def test_an_answer_without_content_is_none(node: Running, status: int) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: httpx.Response(status))
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        assert client.request("POST", "/v1/private", {}) is None


def test_an_empty_answer_that_is_no_success_is_not_of_the_contract(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: httpx.Response(302))
    client = node.client("alice", transport=breaking, chain=CHAIN_ID)
    with client, pytest.raises(AnswerError):
        client.request("GET", "/v1/private")


def test_an_exchange_gives_the_whole_answer_and_sends_further_headers(node: Running) -> None:
    told = {"Location": "/epcis/x/capture/7"}
    answers = plan(httpx.Response(202, headers=told), httpx.Response(409, json={"units": []}))
    breaking = Breaking(InProcess(node.app), answers)
    more = {"GS1-Capture-Error-Behaviour": "proceed"}
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        taken = client.exchange("POST", "/epcis/x/capture", b"<x/>", headers=more)
        assert (taken.status, taken.headers["location"], taken.body) == (202, told["Location"], b"")
        refused = client.exchange("GET", "/v1/x")
    assert (refused.status, refused.body) == (409, b'{"units":[]}')
    assert breaking.headers[0]["gs1-capture-error-behaviour"] == "proceed"
    assert all(signed_request.HEADER in each for each in breaking.headers)


def test_signed_requests_have_nonces_of_their_own_and_are_not_repeated(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), lambda at: "before" if at else httpx.Response(204))
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        assert client.request("DELETE", "/v1/private") is None
        with pytest.raises(UnreachableError):
            client.request("DELETE", "/v1/private")
    headers = [each[signed_request.HEADER] for each in breaking.headers]
    nonces = {signed_request.read(each)[0].nonce for each in headers}
    assert len(nonces) == len(breaking.bodies) == 2


def test_a_file_is_written_as_it_comes_however_large(node: Running) -> None:
    content = bytes(range(256)) * (MAX_ANSWER // 256 + 1)
    breaking = Breaking(InProcess(node.app), lambda _: httpx.Response(200, content=content))
    sink = io.BytesIO()
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        assert client.download("/v1/x", sink, media_type="application/zip") == len(content)
    assert sink.getvalue() == content
    assert breaking.headers[0]["accept"].startswith("application/zip")
    claimed, _ = signed_request.read(breaking.headers[0][signed_request.HEADER])
    assert (claimed.method, claimed.path) == ("GET", "/v1/x")


def test_a_file_that_is_refused_or_breaks_off_raises(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), plan(stopped(), "before"))
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        sink = io.BytesIO()
        with pytest.raises(UnavailableError):
            client.download("/v1/x", sink, media_type="application/zip")
        with pytest.raises(UnreachableError):
            client.download("/v1/x", sink, media_type="application/zip")
    assert sink.getvalue() == b""


def test_a_file_comes_to_who_awaits_it_too(node: Running) -> None:
    async def work() -> None:
        async with node.async_client("alice") as client:
            with pytest.raises(RefusedError):
                await client.download("/v1/nothing", io.BytesIO(), media_type="application/zip")
            sink = io.BytesIO()
            size = await client.download("/metrics", sink, media_type="text/plain")
            assert size == len(sink.getvalue()) > 0

    run(work())


def test_bytes_go_as_they_are_with_their_media_type(node: Running) -> None:
    breaking = Breaking(InProcess(node.app), lambda _: httpx.Response(204))
    with node.client("alice", transport=breaking, chain=CHAIN_ID) as client:
        client.request("POST", "/v1/x", b"\x00{ }", media_type="application/fhir+json")
    assert breaking.bodies == [b"\x00{ }"]
    assert breaking.headers[0]["content-type"] == "application/fhir+json"


# -- events ------------------------------------------------------------------------------------


def test_events_are_followed_while_they_happen(node: Running) -> None:
    found: list[Happened] = []

    def follow() -> None:
        with node.client("alice") as follower:
            stream = follower.events(after="latest", capability="consent")
            found.extend(islice(stream, 3))

    feed = node.app.state.door.feed
    assert feed.streams == 0
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    while feed.streams == 0 and thread.is_alive():
        time.sleep(0.01)
    with node.client("alice") as client:
        sent = [client.submit(raw_of(grant(f"followed {n}"))) for n in range(3)]
        thread.join(10)
        assert [each.transaction for each in found] == [each.hash for each in sent]
        assert [each.event["grant"] for each in found] == [
            name_of(f"followed {n}") for n in range(3)
        ]
        before = list(islice(client.events(), 3))
        assert [each.place for each in before] == ["0.t.0", "0.t.1", "0.t.2"]
        of_one = client.events(about=name_of("followed 2"))
        assert next(of_one).event["grant"] == name_of("followed 2")
        of_one.close()


def test_a_broken_stream_goes_on_behind_the_last_event(node: Running) -> None:
    with node.client("alice") as client:
        client.send([grant("stream start")])
        begun = client.events(about=name_of("stream start"))
        start = next(begun).place
        begun.close()
        client.send([grant(f"stream {n}") for n in range(30)])
        whole = [each.place for each in islice(client.events(after=start), 30)]
    verdicts = ["midst", "before", stopped(), "midst", "pass"]
    breaking = Breaking(InProcess(node.app), plan(*verdicts))
    with node.client("alice", transport=breaking) as client:
        torn = [each.place for each in islice(client.events(after=start), 30)]
    assert torn == whole
    assert len(set(torn)) == 30
    assert len(breaking.bodies) >= 4
    resumed = [each.get("last-event-id") for each in breaking.headers]
    assert resumed[0] == start
    assert resumed[-1] not in (None, start)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, json={}), AnswerError),
        (httpx.Response(404, text="no"), AnswerError),
        (
            httpx.Response(
                200,
                headers=[("content-type", "text/event-stream")],
                content=b"id: 1\nevent: x\ndata: {}\n\n",
            ),
            AnswerError,
        ),
        (
            httpx.Response(
                200,
                headers=[("content-type", "text/event-stream")],
                content=b"id: 1\nevent: x\ndata: [\n\n",
            ),
            AnswerError,
        ),
        (
            httpx.Response(
                200,
                headers=[("content-type", "text/event-stream")],
                content=b"data: " + b"x" * 2**21,
            ),
            AnswerError,
        ),
        (httpx.ConnectError("x"), UnreachableError),
    ],
    ids=["json", "404", "fields", "torn", "endless", "unreachable"],
)
def test_a_stream_that_is_none_is_refused(
    node: Running, answer: httpx.Response | Exception, error: type[Exception]
) -> None:
    def verdict(_: int) -> str | httpx.Response:
        return "before" if isinstance(answer, Exception) else answer

    breaking = Breaking(InProcess(node.app), verdict)
    with node.client(transport=breaking, patience=0.3) as client, pytest.raises(error):
        next(client.events())


def test_bad_questions_about_events_are_refused(node: Running) -> None:
    with node.client() as client:
        for wrong in ({"after": "nowhere"}, {"about": "short"}, {"capability": "nothing"}):
            with pytest.raises(RefusedError) as caught:
                next(client.events(**wrong))
            assert caught.value.code == "bad_parameter"


# -- over a socket, and asynchronously ---------------------------------------------------------


def test_over_a_socket(node: Running) -> None:
    with served(node.app) as url:
        settings = {"signer": signer_of("alice"), "sender": name_of("alice")}
        with Client(url, payer=name_of("hospital"), **settings) as client:
            outcome = client.consent.grant(
                grant=name_of("socket"), terms=digest_of("socket"), starts=1, ends=FAR
            )
            assert client.verify(client.receipt(outcome.hash), client.trust()).height > 0
            stream = client.events(about=name_of("socket"))
            assert next(stream).transaction == outcome.hash
            stream.close()


def test_asynchronously(node: Running) -> None:
    async def work() -> None:
        async with node.async_client("alice") as client:
            assert (await client.status()).chain == CHAIN_ID
            outcome = await client.consent.grant(
                grant=name_of("async"), terms=digest_of("async"), starts=1, ends=FAR
            )
            assert await client.submit(raw_of(grant("async 2")))
            assert client.verify(await client.receipt(outcome.hash), await client.trust())
            found = [each["id"] async for each in client.list("consent", "grants", limit=1)]
            assert name_of("async") in found
            async for happened in client.events(about=name_of("async")):
                assert happened.transaction == outcome.hash
                break
            with pytest.raises(RefusedError):
                await client.consent.revoke(grant=name_of("nothing"))
            for ask in (client.block(), client.blocks(), client.genesis()):
                assert await ask
            assert await client.state_proof("consent/grant/x")
            assert (await client.get("consent", "grants", name_of("async"))).height
            assert await client.transaction(outcome.hash) == outcome
            with pytest.raises(RefusedError):
                await client.request("GET", "/v1/nothing")
            assert (await client.exchange("GET", "/v1/nothing")).status == 404
            with pytest.raises(RefusedError):
                await client.scan("nonsense")

    run(work())


def test_asynchronous_unreachable() -> None:
    async def work() -> None:
        async with AsyncClient("http://127.0.0.1:9", patience=0.2) as client:
            with pytest.raises(UnreachableError):
                await client.status()
            with pytest.raises(UnreachableError):
                async for _ in client.events():
                    pass

    run(work())


def test_both_clients_have_the_same_methods_and_words() -> None:
    def public(client: type) -> dict[str, Any]:
        found = inspect.getmembers(client, inspect.isfunction)
        return {name: each for name, each in found if not name.startswith("_")}

    plain, waiting = public(Client), public(AsyncClient)
    assert sorted(plain) == sorted(waiting)
    for name, each in plain.items():
        assert each.__doc__ == waiting[name].__doc__
        ours, theirs = inspect.signature(each), inspect.signature(waiting[name])
        assert list(ours.parameters.values()) == list(theirs.parameters.values()), name


def test_no_client_shows_a_key(node: Running) -> None:
    with node.client("alice") as client:
        shown = repr(client) + repr(vars(client))
    seed = signer_of("alice")._secret[:32]
    assert seed.hex() not in shown
    assert codec.to_text(seed) not in shown
