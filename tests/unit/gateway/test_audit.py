"""One entry for every audited call, on the disk before anything of its answer leaves."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sql
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.chain import Actor, name_of
from tests.http import direct
from tests.http.direct import Sent
from tests.http.node import JSON, Node, claim, enrol, problem, sign
from tests.shared import shared
from yilian.gateway.audit import (
    BALP,
    Audit,
    as_audit_event,
    as_audit_events,
    audited_by,
    noting,
    noting_transaction,
)
from yilian.gateway.auth import authenticate
from yilian.gateway.http.operation import Answer, answer, operation, routes
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED
from yilian.ledger.keys import sha256
from yilian.vault.audit import ANONYMOUS, MAX_IDS, NOTHING, AuditEntry, AuditTrail
from yilian.vault.catalogue import Catalogue
from yilian.vault.keystore import Keystore, write_master_key

REPOSITORY = Path(__file__).resolve().parents[3]
HOSPITAL, INSURER = name_of("hospital"), name_of("insurer")
PERSON, RECORD = name_of("person"), name_of("record")
ROOM = "/v1/organisations/{organisation}"
AT = f"/v1/organisations/{HOSPITAL}"
SECRET = "the content of the answer"


def route(method: str, path: str) -> Any:
    return operation(
        method, ROOM + path, tag="x", summary="x", answers=[Answer(status=200, description="x")]
    )


@route("POST", "/signed")
async def signed(request: Request) -> Response:
    caller = await authenticate(request)
    noting(actor=caller.sender, purpose="treat", records=[RECORD])
    return answer(request, {"told": SECRET})


@route("GET", "/persons/{person}/records")
def in_a_thread(request: Request) -> Response:
    noting(sessions=[name_of("session")], records=[name_of("a"), name_of("b"), name_of("a")])
    return answer(request, {"told": SECRET})


@route("GET", "/refused")
async def refuses(request: Request) -> Response:
    raise MALFORMED()


@route("GET", "/broken")
async def breaks(request: Request) -> Response:
    raise RuntimeError("by intention")


@route("GET", "/talkative")
async def talks(request: Request) -> Response:
    noting(subjects=["Li Ming, born 1990"])
    return answer(request, {})


@route("GET", "/streamed")
async def streams(request: Request) -> Response:
    async def pieces() -> Any:
        for _ in range(3):
            yield SECRET

    return StreamingResponse(pieces())


@route("GET", "/waiting")
async def waits(request: Request) -> Response:
    request.app.state.entered.set()
    await asyncio.sleep(3600)
    return answer(request, {})


@route("POST", "/transactions")
async def transacts(request: Request) -> Response:
    raw = await request.body()
    noting_transaction(raw, proved=request.query_params["proved"] == "yes")
    return answer(request, {})


HANDLERS = (signed, in_a_thread, refuses, breaks, talks, streams, waits, transacts)


class Room:
    """A node with two audited organisations and routes of all kinds."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder, routes(*HANDLERS))
        self.catalogues: list[Catalogue] = []
        self.trails = {each: self.trail(folder / each, each) for each in (HOSPITAL, INSURER)}
        audited = audited_by((HOSPITAL, INSURER))
        self.node.app.add_middleware(Audit, trails=self.trails, audited=audited)

    def trail(self, folder: Path, organisation: str) -> AuditTrail:
        write_master_key(folder / "master.key")
        keystore = Keystore.open(folder / "keys", organisation, folder / "master.key")
        self.catalogues.append(Catalogue(folder / "catalogue.sqlite", organisation))
        clock = self.node.engine.now
        return AuditTrail(organisation, keystore, self.catalogues[-1], clock)

    def entries(self, organisation: str = HOSPITAL) -> list[AuditEntry]:
        return self.trails[organisation].search(limit=10_000)

    def last(self, organisation: str = HOSPITAL) -> AuditEntry:
        return self.entries(organisation)[-1]

    def close(self) -> None:
        self.node.close()
        for each in self.catalogues:
            each.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def post_signed(room: Room, actor: Actor, path: str = AT + "/signed") -> httpx.Response:
    header = sign(claim(room.node.cast, actor, path, "POST"), actor.signer)
    return room.node.client.post(path, headers={"Yilian-Request": header})


def test_an_entry_says_who_did_what_about_whom(room: Room) -> None:
    told = room.node.get(f"{AT}/persons/{PERSON}/records")
    assert told.status_code == 200
    entry = room.last()
    assert entry.operation == "get_v1_organisations_by_organisation_persons_by_person_records"
    assert (entry.actor, entry.outcome, entry.status) == (ANONYMOUS, "permit", 200)
    assert entry.subjects == (PERSON,)
    assert entry.sessions == (name_of("session"),)
    assert entry.records == (name_of("a"), name_of("b"))
    assert entry.request == told.headers["request-id"]
    assert entry.organisation == HOSPITAL
    assert post_signed(room, room.node.cast.hospital).status_code == 200
    entry = room.last()
    assert (entry.actor, entry.purpose, entry.records) == (HOSPITAL, "treat", (RECORD,))


def test_refusals_and_faults_have_their_code(room: Room) -> None:
    unsigned = room.node.client.post(AT + "/signed")
    for told, code, outcome in (
        (unsigned, "unauthenticated", "deny"),
        (room.node.get(AT + "/refused"), "malformed", "deny"),
        (room.node.get(AT + "/nowhere"), "not_found", "deny"),
        (room.node.client.delete(AT + "/refused"), "method_not_allowed", "deny"),
        (room.node.get(AT + "/broken"), "internal", "error"),
        (room.node.get(AT + "/signed", accept="image/png"), "method_not_allowed", "deny"),
    ):
        problem(told, code)
        [entry] = [e for e in room.entries() if e.request == told.headers["request-id"]]
        assert (entry.refusal, entry.outcome, entry.status) == (code, outcome, told.status_code)
        known = code in ("unauthenticated", "malformed", "internal")
        assert (entry.operation == "unmatched") is not known


def test_a_claim_that_was_not_proved_names_nobody(room: Room) -> None:
    path = AT + "/signed"
    hospital, insurer = room.node.cast.hospital, room.node.cast.insurer
    header = sign(claim(room.node.cast, hospital, path, "POST"), insurer.signer)
    problem(room.node.client.post(path, headers={"Yilian-Request": header}), "bad_signature")
    assert room.last().actor == ANONYMOUS


def test_text_never_gets_into_an_entry(room: Room) -> None:
    problem(room.node.get(AT + "/talkative"), "internal", 500)
    assert room.last().subjects == ()
    for path in (
        f"/persons/{'Li Ming':x<22}/records",
        "/persons/110101199003074258/records",
        "/refused?person=110101199003074258",
        "/refused?person=",
    ):
        room.node.get(AT + path)
        assert room.last().subjects == ()
    room.node.get(f"{AT}/refused?person={PERSON}")
    assert room.last().subjects == (PERSON,)


def test_outside_of_a_call_noting_does_nothing() -> None:
    noting(actor="free text is not even looked at")


def test_which_calls_are_audited_and_where(room: Room) -> None:
    for path in ("/v1/status", "/v1/blocks", "/v1/organisations", "/docs", "/v1/transactions"):
        room.node.get(path)
    assert room.entries() == room.entries(INSURER) == []
    room.node.get(f"/v1/organisations/{INSURER}/refused")
    room.node.get(f"/v1/organisations/{name_of('nobody')}/refused")
    room.node.get("/v1/organisations/")
    assert [len(room.entries()), len(room.entries(INSURER))] == [2, 1]
    room.node.post(b"{}")
    assert room.last().refusal == "malformed"
    assert room.last().operation == "post_v1_transactions"
    assert audited_by(())({"type": "http", "method": "GET", "path": AT}) is None


def test_a_transaction_goes_to_the_trail_of_its_payer(room: Room) -> None:
    cast = room.node.cast
    raw = cast.sign(cast.insurer, enrol("bob", cast.signer("bob")))
    for proved, organisation, actor in (
        ("no", HOSPITAL, ANONYMOUS),
        ("yes", INSURER, cast.insurer.id),
    ):
        room.node.client.post(f"{AT}/transactions?proved={proved}", content=raw)
        entry = room.last(organisation)
        assert (entry.transaction, entry.actor) == (sha256(raw).hex(), actor)
    assert len(room.entries()) == len(room.entries(INSURER)) == 1
    assert room.trails[INSURER].search(transaction=sha256(raw).hex()) == room.entries(INSURER)


def test_a_payer_of_another_node_leaves_it_here(room: Room) -> None:
    cast = room.node.cast
    raw = cast.sign(cast.authority, enrol("carol", cast.signer("carol")))
    room.node.client.post(f"{AT}/transactions?proved=yes", content=raw)
    assert room.last().actor == cast.authority.id


def test_calls_and_entries_are_as_many(room: Room) -> None:
    """Of every kind, eight at a time; each entry is of the request that it names."""
    hospital = room.node.cast.hospital

    def call(number: int) -> httpx.Response:
        kind = number % 8
        if kind == 0:
            return post_signed(room, hospital)
        if kind == 1:
            return room.node.client.post("/v1/transactions", content=b"[]", headers=JSON)
        if kind == 2:
            return room.node.client.head(AT + "/refused")
        paths = ("/nowhere", "/broken", "/streamed", "/refused", f"/persons/{PERSON}/records")
        return room.node.get(AT + paths[kind - 3])

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(call, range(160)))
    entries = {each.request: each for each in room.entries()}
    assert len(entries) == len(room.entries()) == len(told)
    for each in told:
        assert entries[each.headers["request-id"]].status == each.status_code
    assert {each.status_code for each in told} == {200, 400, 404, 500}
    assert list(room.trails[HOSPITAL].damaged()) == []


@pytest.mark.parametrize(
    "path", [f"/persons/{PERSON}/records", "/streamed", "/refused", "/broken", "/nowhere"]
)
def test_where_no_entry_can_be_written_nothing_leaves(room: Room, path: str) -> None:
    with room.catalogues[0].write() as database:
        abort = "BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
        database.execute(sql.text(f"CREATE TRIGGER full {abort}"))
    told = room.node.get(AT + path, accept_language="zh-CN")
    assert problem(told, "audit_not_written", 503)["number"] == 9390
    assert SECRET not in told.text
    assert told.headers["content-language"] == "zh-CN"
    assert told.headers["retry-after"] == "1"
    assert told.headers["x-content-type-options"] == "nosniff"
    assert len(told.headers["request-id"]) == 16
    assert 'code="audit_not_written"' in room.node.get("/metrics").text
    with room.catalogues[0].write() as database:
        database.execute(sql.text("DROP TRIGGER full"))
    assert room.entries() == []
    assert room.node.get(f"{AT}/persons/{PERSON}/records").status_code == 200


async def watch(room: Room) -> None:
    """The entry is there when the first message leaves."""
    seen: list[int] = []
    app = room.node.app

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def look(message: Any) -> None:
            seen.append(len(room.entries()))
            await send(message)

        await app(scope, receive, look)

    for path in (f"/persons/{PERSON}/records", "/refused"):
        await direct.send(watched, "GET", AT + path, Sent((), ()))
    assert seen == [1, 1, 2, 2]


def test_the_entry_is_there_when_the_first_byte_leaves(room: Room) -> None:
    asyncio.run(watch(room))


def test_a_call_that_is_given_up_is_in_the_trail(room: Room) -> None:
    async def give_up() -> None:
        room.node.app.state.entered = asyncio.Event()
        asking = direct.send(room.node.app, "GET", AT + "/waiting", Sent((), ()))
        task = asyncio.create_task(asking)
        await room.node.app.state.entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    [entry] = room.entries()
    assert (entry.outcome, entry.refusal, entry.status) == ("error", "internal", 500)
    assert entry.operation == "get_v1_organisations_by_organisation_waiting"


def test_a_reader_that_hangs_up_at_once_has_one_entry(room: Room) -> None:
    async def hang_up() -> None:
        for _ in range(20):
            with contextlib.suppress(IndexError):  # nothing was answered
                await direct.send(room.node.app, "GET", AT + "/streamed", Sent((), ()))

    asyncio.run(hang_up())
    assert len(room.entries()) == 20


def test_more_records_than_an_entry_holds_are_counted(tmp_path: Path) -> None:
    many = [codec.to_text(number.to_bytes(16, "big")) for number in range(MAX_IDS + 5)]

    @route("GET", "/many")
    async def handler(request: Request) -> Response:
        noting(records=many[:3])
        noting(records=many)
        with pytest.raises(ValueError, match="at most"):
            noting(subjects=many)
        return answer(request, {})

    node = Node(tmp_path, routes(handler))
    master = tmp_path / "master.key"
    write_master_key(master)
    keystore = Keystore.open(tmp_path / "keys", HOSPITAL, master)
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", HOSPITAL)
    trail = AuditTrail(HOSPITAL, keystore, catalogue, node.engine.now)
    node.app.add_middleware(Audit, trails={HOSPITAL: trail}, audited=audited_by((HOSPITAL,)))
    assert node.get(AT + "/many").status_code == 200
    [entry] = trail.search()
    assert entry.records == tuple(many[:MAX_IDS])
    assert entry.others == 5
    node.close()
    catalogue.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.http.direct import Sent, send
from tests.unit.gateway.test_audit import AT, Room
room = Room(Path(sys.argv[1]))
count = 0
async def dying(scope, receive, tell):
    async def look(message):
        global count
        if message["type"] == "http.response.start":
            count += 1
            if count == 7:
                os.kill(os.getpid(), signal.SIGKILL)
        await tell(message)
    await room.node.app(scope, receive, look)
async def main():
    for each in range(100):
        await send(dying, "GET", AT + "/refused", Sent((), ()))
        os.write(1, b".")
asyncio.run(main())
"""


def test_a_kill_between_entry_and_answer_loses_no_entry(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert done.stdout == b"." * 6
    keystore = Keystore.open(
        tmp_path / HOSPITAL / "keys", HOSPITAL, tmp_path / HOSPITAL / "master.key"
    )
    catalogue = Catalogue(tmp_path / HOSPITAL / "catalogue.sqlite", HOSPITAL)
    trail = AuditTrail(HOSPITAL, keystore, catalogue, lambda: 0)
    assert [each.status for each in trail.search()] == [400] * 7
    assert list(trail.damaged()) == []
    catalogue.close()


# BALP


def entry(operation: str, **changes: Any) -> AuditEntry:
    fields: dict[str, Any] = {
        "entry": name_of("entry"),
        "organisation": HOSPITAL,
        "number": 1,
        "previous": NOTHING,
        "time": 1_790_000_000_007,
        "actor": name_of("doctor"),
        "operation": operation,
        "subjects": (PERSON,),
        "records": (RECORD,),
        "purpose": "treat",
        "outcome": "permit",
        "status": 200,
        "request": "00ff",
    }
    return AuditEntry(**(fields | changes))


READ = "get_v1_organisations_by_organisation_records_by_record_proof"
SESSION = "post_v1_organisations_by_organisation_sessions_by_session_read"
QUERY = "get_v1_organisations_by_organisation_persons_by_person_records"
CREATE = "post_v1_organisations_by_organisation_bundles"
HASH = "ab" * 32
EVENTS = {
    "PatientRead": entry(READ, records=(RECORD,), transaction=HASH),
    "Read": entry(READ, subjects=(), actor=ANONYMOUS, on_behalf_of=PERSON),
    "PatientQuery": entry(QUERY, records=(), purpose="audit-of-care"),
    "Query": entry(QUERY, subjects=(), sessions=(name_of("s"),)),
    "PatientCreate": entry(CREATE, grants=(name_of("g"), name_of("h"))),
    "Create": entry("post_v1_transactions", subjects=(), records=(), transaction=HASH),
    "AuthZconsent": entry(
        SESSION, grants=(name_of("g"),), outcome="deny", status=403, refusal="forbidden"
    ),
}


def items(value: Any, path: list[str]) -> list[Any]:
    """All values at a path of a FHIR object; a name with `[x]` is any of its choices."""
    if not path:
        return value if isinstance(value, list) else [value]
    found: list[Any] = []
    for each in value if isinstance(value, list) else [value]:
        stem = path[0].removesuffix("[x]")
        for name in each:
            if name == path[0] or (stem != path[0] and name.startswith(stem)):
                found += items(each[name], path[1:])
    return found


def fits(pattern: Any, value: Any) -> bool:
    """FHIR's `pattern[x]`: everything that the pattern has, the value has."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            name in value and fits(part, value[name]) for name, part in pattern.items()
        )
    if isinstance(pattern, list):
        return all(any(fits(part, each) for each in value) for part in pattern)
    return bool(pattern == value)


def errors_of(event: dict[str, Any], name: str) -> list[str]:
    """Hold an event against the snapshot of a profile: cardinalities, patterns and slices."""
    path = f"fhir/ihe/balp/definitions/StructureDefinition-IHE.BasicAudit.{name}.json.gz"
    with gzip.open(shared(path)) as file:
        elements = json.load(file)["snapshot"]["element"]
    patterns = {
        each["id"]: value
        for each in elements
        for key, value in each.items()
        if key.startswith(("pattern", "fixed"))
    }

    def scope(parent: str) -> list[Any]:
        """The values an element's parent stands for; of a slice, those it picks."""
        root, *parts = parent.split(".")
        assert root == "AuditEvent"
        at: list[Any] = [event]
        whole = root
        for part in parts:
            field, _, cut = part.partition(":")
            at = [item for each in at for item in items(each, [field])]
            whole += "." + part
            if cut:
                # A slice is known by itself, by type and role, or by who asked.
                own = [whole, f"{whole}.type", f"{whole}.role"]
                own = [key for key in own if key in patterns] or [f"{whole}.requestor"]
                for key in own:
                    if key in patterns:
                        rest = key.removeprefix(whole).strip(".")
                        at = [
                            each
                            for each in at
                            if any(
                                fits(patterns[key], value)
                                for value in items(each, [rest] if rest else [])
                            )
                        ]
        return at

    wrong = []
    for each in elements[1:]:
        parent, _, last = each["id"].rpartition(".")
        field, _, cut = last.partition(":")
        holders = scope(parent)
        for holder in holders:
            if not isinstance(holder, dict):
                continue
            found = scope(each["id"]) if cut else items(holder, [field])
            if len(found) < each["min"]:
                wrong.append(f"{each['id']} is missing")
            if each["max"] != "*" and len(found) > int(each["max"]):
                wrong.append(f"{each['id']} comes too often")
            if each["id"] in patterns and not cut:
                wrong += [
                    f"{each['id']} differs"
                    for value in found
                    if not fits(patterns[each["id"]], value)
                ]
    return wrong


@pytest.mark.parametrize(
    ("example", "profile"),
    [
        ("auditBasicReadServer", "PatientRead"),
        ("auditBasicReadNoPatient", "Read"),
        ("auditBasicQueryGetServer", "PatientQuery"),
        ("auditBasicCreateServer", "PatientCreate"),
        ("auditBasicCreateNoPatient", "Create"),
        ("auditAuthZconsent", "AuthZconsent"),
    ],
)
def test_the_published_examples_fit_and_those_of_others_do_not(example: str, profile: str) -> None:
    path = shared(f"fhir/ihe/balp/examples/AuditEvent-ex-{example}.json")
    event = json.loads(path.read_bytes())
    assert errors_of(event, profile) == []
    other = "PatientQuery" if "Query" not in profile else "PatientRead"
    assert errors_of(event, other)
    for part in ("type", "agent", "entity", "source", "recorded", "outcome", "subtype"):
        assert errors_of({k: v for k, v in event.items() if k != part}, profile), part


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_fit_their_profiles(name: str) -> None:
    event = as_audit_event(EVENTS[name])
    assert event["meta"]["profile"] == [BALP + name]
    assert errors_of(event, name) == []


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_are_fhir_by_the_models_of_others(name: str) -> None:
    from fhir.resources.R4B.auditevent import AuditEvent

    event = as_audit_event(EVENTS[name])
    read = json.loads(AuditEvent.model_validate(event).model_dump_json())
    assert read["recorded"].startswith("2026-09-21T14:13:20.007")
    assert len(read["agent"]) == len(event["agent"])


def roles(event: dict[str, Any]) -> list[str]:
    return [each["type"]["coding"][0]["code"] for each in event["agent"]]


def test_who_reads_is_the_destination_and_who_asks_or_writes_the_source() -> None:
    for name, expected in (
        (READ, ["110152", "110153", "IRCP"]),
        (SESSION, ["110152", "110153", "IRCP"]),
        (QUERY, ["110153", "110152", "IRCP"]),
        (CREATE, ["110153", "110152", "AUT"]),
    ):
        assert roles(as_audit_event(entry(name))) == expected


def test_an_event_for_each_person_of_a_search() -> None:
    people = (PERSON, name_of("other"))
    events = as_audit_events(entry(QUERY, subjects=people))
    named = [
        each["what"]["identifier"]["value"]
        for event in events
        for each in event["entity"]
        if each.get("role", {}).get("code") == "1"
    ]
    assert named == list(people)
    assert len(as_audit_events(entry(QUERY, subjects=()))) == 1


def test_refusals_and_faults_claim_no_profile_of_success() -> None:
    denied = as_audit_event(
        entry(READ, outcome="deny", status=404, refusal="not_found", subjects=())
    )
    assert (denied["outcome"], denied["outcomeDesc"]) == ("4", "not_found")
    broken = as_audit_event(entry(READ, outcome="error", status=500, refusal="internal"))
    assert broken["outcome"] == "8"
    assert "meta" not in denied
    assert "meta" not in broken


def test_an_event_tells_no_more_than_its_entry() -> None:
    for made in EVENTS.values():
        event = as_audit_event(made)
        assert "network" not in event["agent"][-1]
        text = json.dumps(event)
        assert made.request in text
        assert all(each in text for each in (*made.grants, *made.sessions, *made.records))
    query = as_audit_event(EVENTS["PatientQuery"])["entity"][0]
    assert base64.b64decode(query["query"]).decode() == QUERY
    purpose = as_audit_event(EVENTS["PatientRead"])["agent"][-1]["purposeOfUse"]
    assert purpose[0]["coding"][0]["code"] == "TREAT"
