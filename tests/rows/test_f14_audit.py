"""F14: as many audit entries as calls, each found by subject, actor and transaction, and proved."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.calls import Counted, at, leads_to, open_session
from tests.rows.patience import until
from tests.rows.served import Served, yilian
from tests.scale import scale
from yilian.gateway.fhir import sample
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("f14_audit")

REPOSITORY = Path(__file__).resolve().parents[2]
JSON = "application/json"


class Busy:
    """A node after a day of all kinds of calls, each of them counted."""

    def __init__(self, served: Served) -> None:
        self.served, self.counted = served, Counted(served)
        self.doctor, self.signer, _ = served.doctor(served.b)
        self.a, self.b = (self.counted.operator(each) for each in (served.a, served.b))
        self.reader = self.counted.of(self.doctor, self.signer, served.b)
        (bundle, self.second) = sample.bundles(14, 2)
        self.loaded = self.a.request("POST", at(served.a, "bundles"), bundle)
        self.person = self.loaded["person"]
        asked = {
            "person": self.person,
            "grantee": served.b.id,
            "practitioner": self.doctor,
            "categories": ["laboratory"],
        }
        self.grant = self.a.request("POST", at(served.a, "grants"), asked)
        self.session = open_session(served, self.reader, served.b, self.grant["grant"])

    def read(self) -> dict[str, Any]:
        path = at(self.served.b, f"sessions/{self.session}/read")
        answer: dict[str, Any] = self.reader.request("POST", path)
        return answer

    def one(self, number: int) -> None:
        """Make one call of some kind; most of them are refused."""
        served, counted = self.served, self.counted
        kind = number % 10
        with suppress(ProblemError):
            if kind == 0:
                self.read()
            elif kind == 1:
                self.b.request("GET", at(served.a, "audit"))
            elif kind == 2:
                self.reader.request("GET", at(served.b, f"persons/{self.person}/disclosures"))
            elif kind == 3:
                self.a.request("GET", at(served.a, f"persons/{self.person}/disclosures"))
            elif kind == 4:
                self.a.request("GET", at(served.a, "audit?since=yesterday"))
            elif kind == 5:
                counted.raw("GET", at(served.a, f"persons/{self.person}/records"))
            elif kind == 6:
                counted.raw("POST", "/v1/transactions", b"{}", {"Content-Type": JSON})
            elif kind == 7:
                counted.raw("PATCH", at(served.a, "integrity"))
            elif kind == 8:
                counted.raw("GET", at(served.a, f"nothing/{number}"))
            else:
                counted.raw("GET", f"/v1/organisations/{drafts.fresh_id()}/audit")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    with Served(tmp_path_factory.mktemp("f14") / "node") as served:
        made = Busy(served)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(made.one, range(scale(120, 12_000))))
        yield made
        made.counted.transport.end()


def all_entries(busy: Busy) -> list[dict[str, Any]]:
    served = busy.served
    return [
        line["entry"]
        for organisation in (served.a, served.b, served.authority)
        for line in busy.counted.entries(busy.counted.operator(organisation), organisation)
    ]


def test_as_many_entries_as_calls(busy: Busy) -> None:
    """Concurrent, refused, malformed, unknown, unsigned: one entry each, with the same answer."""
    made = list(busy.counted.transport.made)
    entries = all_entries(busy)
    known = {each.request for each in busy.counted.transport.made}
    found = Counter(each["request"] for each in entries)
    for each in made:
        assert found[each.request] == 1, each
    statuses = {each["request"]: each["status"] for each in entries}
    assert all(statuses[each.request] == each.status for each in made)
    assert {200, 400, 401, 403, 404, 405} <= {each.status for each in made}
    # And no entry is of a call that nobody made; two were, to enrol and license the doctor.
    others = [each for each in entries if each["request"] not in known]
    assert Counter(each["operation"] for each in others) == {"post_v1_transactions": 2}


def test_every_entry_is_found_by_subject_actor_and_transaction(busy: Busy) -> None:
    served = busy.served
    entries = [each["entry"] for each in busy.counted.entries(busy.a, served.a)]
    looked = {
        *(("actor", each["actor"]) for each in entries),
        *(("operation", each["operation"]) for each in entries),
        *(("subject", subject) for each in entries for subject in each["subjects"]),
        *(("transaction", each["transaction"]) for each in entries if each["transaction"]),
    }
    assert {name for name, _ in looked} == {"actor", "operation", "subject", "transaction"}
    seen = {each["number"] for each in entries}
    for name, value in sorted(looked):
        found = [
            each["entry"]["number"]
            for each in busy.counted.entries(busy.a, served.a, **{name: value})
        ]
        expected = [
            each["number"]
            for each in entries
            if value in (each["subjects"] if name == "subject" else [each[name]])
        ]
        assert [each for each in found if each in seen] == expected, name
    both = {"subject": busy.person, "actor": served.a.id}
    assert all(
        busy.person in each["entry"]["subjects"] and each["entry"]["actor"] == served.a.id
        for each in busy.counted.entries(busy.a, served.a, **both)
    )


def test_transactions_are_found_by_their_hash(busy: Busy) -> None:
    """A refused one, and one that the organisation's agent signed within a call."""
    served = busy.served
    tag, key = drafts.fresh_salt(), Ed25519Signer.generate().key
    busy.b.identity.enrol_person(person=drafts.fresh_id(), tag=tag, key=key)
    with pytest.raises(ProblemError) as caught:
        busy.b.identity.enrol_person(
            person=drafts.fresh_id(), tag=tag, key=Ed25519Signer.generate().key
        )
    refused = caught.value.transaction
    found = [
        each["entry"] for each in busy.counted.entries(busy.b, served.b, transaction=str(refused))
    ]
    assert [(each["refusal"], each["actor"]) for each in found] == [
        ("identity.already_enrolled", served.b.id)
    ]
    loaded = busy.loaded["transaction"]
    [entry] = [each["entry"] for each in busy.counted.entries(busy.a, served.a, transaction=loaded)]
    assert entry["operation"] == "post_v1_organisations_by_organisation_bundles"
    assert entry["subjects"] == [busy.person]
    granted = busy.grant["transaction"]
    [entry] = [
        each["entry"] for each in busy.counted.entries(busy.a, served.a, transaction=granted)
    ]
    assert (entry["on_behalf_of"], entry["grants"]) == (busy.person, [busy.grant["grant"]])


def test_every_entry_is_proved_against_the_chain(busy: Busy) -> None:
    served = busy.served
    last = max(each["entry"]["number"] for each in busy.counted.entries(busy.a, served.a))

    def anchored() -> list[dict[str, Any]]:
        found = list(busy.counted.entries(busy.a, served.a))[:last]
        return found if all(each["proof"] for each in found) else []

    lines = until(anchored)
    assert [each["entry"]["number"] for each in lines] == list(range(1, last + 1))
    roots: dict[str, str] = {}
    for line in lines:
        proof = line["proof"]
        if proof["batch"] not in roots:
            batch = busy.a.get("records", "batches", proof["batch"]).value
            assert batch["of"] == "disclosures"
            roots[proof["batch"]] = batch["root"]
        assert leads_to(line["entry"], proof, roots[proof["batch"]])
        changed = {**line["entry"], "outcome": "error"}
        assert not leads_to(changed, proof, roots[proof["batch"]])


def test_a_fault_of_ours_is_an_entry_too(busy: Busy) -> None:
    """A payload that cannot be read any more is a 5xx, journalled and audited."""
    served = busy.served
    loaded = busy.a.request("POST", at(served.a, "bundles"), busy.second)
    vault = served.node.organisations[served.a.id].vault
    record = vault.records_of(loaded["person"])[0]
    row = vault.catalogue.record(record)
    assert row is not None
    [path] = [
        each
        for each in served.folder.vault(served.a.id).joinpath("payloads").rglob("*.pack")
        if vault._payloads.get(row.stored) in each.read_bytes()
    ]
    kept = path.read_bytes()
    content = vault._payloads.get(row.stored)
    at_byte = kept.index(content) + len(content) // 2
    path.write_bytes(kept[:at_byte] + bytes([kept[at_byte] ^ 1]) + kept[at_byte + 1 :])
    try:
        with pytest.raises(ProblemError) as caught:
            busy.a.request("GET", at(served.a, f"records/{record}?purpose=legal"))
    finally:
        path.write_bytes(kept)
    assert caught.value.status >= 500
    [entry] = [
        each["entry"]
        for each in busy.counted.entries(busy.a, served.a, actor=served.a.id)
        if each["entry"]["records"] == [record]
    ]
    assert (entry["outcome"], entry["refusal"]) == ("error", caught.value.code)


@pytest.mark.parametrize("who", ["stranger", "doctor", "person", "unsigned"])
def test_the_trail_is_for_the_organisation_alone(busy: Busy, who: str) -> None:
    served = busy.served
    path = at(served.b, "audit")
    if who == "unsigned":
        answer = busy.counted.raw("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        return
    client = {"stranger": busy.a, "doctor": busy.reader}.get(who)
    if client is None:
        signer, person = Ed25519Signer.generate(), drafts.fresh_id()
        busy.b.identity.enrol_person(person=person, tag=drafts.fresh_salt(), key=signer.key)
        client = busy.counted.of(person, signer, served.b)
    with pytest.raises(ProblemError) as caught:
        client.request("GET", path)
    assert caught.value.code == "forbidden"


def test_bad_questions_are_refused(busy: Busy) -> None:
    for query in (
        "subject=x",
        "actor=Li",
        "transaction=00",
        "operation=DROP%20TABLE",
        "since=-1",
        "until=x",
        "limit=0",
        "cursor=AAAAAAAAAAAAAAAAAAAAAA",
        "format=xml",
        "person=x",
        "since=1&since=2",
    ):
        with pytest.raises(ProblemError) as caught:
            busy.a.request("GET", at(busy.served.a, f"audit?{query}"))
        assert caught.value.code == "bad_parameter", query
    page = busy.a.request("GET", at(busy.served.a, "audit?limit=1"))
    path = f"audit?limit=1&actor={busy.served.a.id}&cursor={page['next']}"
    with pytest.raises(ProblemError):
        busy.a.request("GET", at(busy.served.a, path))


def test_the_trail_as_a_searchset_of_audit_events(busy: Busy) -> None:
    path = at(busy.served.a, f"audit?format=fhir&limit=3&subject={busy.person}")
    call = busy.a._run(busy.a._signed("GET", path, None, JSON))
    headers = {**call.headers, "Accept": "application/fhir+json"}
    answer = busy.counted.raw("GET", path, headers=headers)
    assert answer.headers["content-type"] == "application/fhir+json"
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    assert [each["relation"] for each in bundle["link"]] == ["self", "next"]
    assert len({each["fullUrl"] for each in bundle["entry"]}) == len(bundle["entry"]) == 3
    for each in bundle["entry"]:
        assert each["search"] == {"mode": "match"}
        assert each["resource"]["resourceType"] == "AuditEvent"
        assert busy.person in json.dumps(each["resource"])


def test_the_command_shows_the_trail(busy: Busy) -> None:
    served = busy.served
    key = served.folder.operator_key(served.a.id)
    signing = ("--key", key, "--sender", served.a.id, "--node", served.url)
    own = ("--organisation", served.a.id)
    code, told = yilian(
        "organisation", "audit", *own, *signing, "--subject", busy.person, "--most", "3"
    )
    assert code == 0
    assert [busy.person in each["entry"]["subjects"] for each in told["entries"]] == [True] * 3


DYING = """
import os, signal, sys, uvicorn
from pathlib import Path
from yilian.bootstrap import Node
from yilian.gateway.server import server
from yilian.node.config import NodeFolder
class Dying:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        async def last(message):
            if scope["path"].endswith("/read") and message["type"] == "http.response.start":
                os.kill(os.getpid(), signal.SIGKILL)
            await send(message)
        await self.app(scope, receive, last)
node = Node(NodeFolder(Path(sys.argv[1])))
app = node.app()
app.add_middleware(Dying)
made = server(app, "127.0.0.1", int(sys.argv[2]))
made.run()
"""


def test_a_kill_between_journal_and_answer_loses_nothing(tmp_path: Path) -> None:
    """The server dies at the first byte of an answer: what it was about to say is on the disk."""
    with Served(tmp_path / "node") as served:
        doctor, signer, _ = served.doctor(served.b)
        person = served.load(served.a)["person"]
        grant = served.share(person, doctor, ["laboratory"])["grant"]
        with served.as_(doctor, signer, served.b) as client:
            session = open_session(served, client, served.b, grant)
        port = int(served.url.rpartition(":")[2])
    dying = subprocess.Popen(
        [sys.executable, "-c", DYING, str(tmp_path / "node"), str(port)], cwd=REPOSITORY
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url))
        with served.as_(doctor, signer, served.b) as client:
            call = client._run(
                client._signed("POST", at(served.b, f"sessions/{session}/read"), None, JSON)
            )
            with pytest.raises(httpx.TransportError):
                httpx.post(url + call.path, headers=call.headers, timeout=30)
        assert dying.wait(30) == -9
    finally:
        dying.kill()
        dying.wait()
    with Served(tmp_path / "node") as served:
        counted = Counted(served)
        operation = "post_v1_organisations_by_organisation_sessions_by_session_read"
        with counted.operator(served.b) as b:
            [line] = counted.entries(b, served.b, operation=operation)
        assert line["entry"]["actor"] == doctor
        assert line["entry"]["sessions"] == [session]
        records = line["entry"]["records"]
        with counted.operator(served.a) as a:
            seen = a.request("GET", at(served.a, f"persons/{person}/disclosures"))["disclosures"]
            assert not a.request("GET", at(served.a, "integrity"))["damaged"]
        told = [each for each in seen if each["session"] == session]
        assert sorted(record for each in told for record in each["records"]) == sorted(records)
        assert len(records) > 0
        counted.transport.end()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + "/livez").status_code == 200
    except httpx.TransportError:
        return False
