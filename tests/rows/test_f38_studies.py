"""F38: a large imaging study off the chain: one altered slice is named; read under the policy."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.calls import Counted, at, open_session
from tests.rows.served import Served, yilian
from yilian.ledger import codec
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

CHUNK = 16_384
DICOM = "application/dicom"
OCTETS = "application/octet-stream"
CONTENT = b"\0" * 128 + b"DICM" + random.Random(38).randbytes(40 * CHUNK + 77)


class Room:
    """A served node, a person at A, and a doctor at B."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served = Served(folder / "node")
        self.counted = Counted(self.served)
        self.a, self.b = (self.counted.operator(each) for each in (self.served.a, self.served.b))
        self.person = self.served.load(self.served.a)["person"]
        self.doctor, self.signer, _ = self.served.doctor(self.served.b)
        self.reader = self.counted.of(self.doctor, self.signer, self.served.b)

    def studies(self, rest: str = "", person: str | None = None) -> str:
        return at(self.served.a, f"persons/{person or self.person}/studies{rest}")

    def begin(self) -> str:
        made = self.a.request("POST", self.studies(), {"media_type": DICOM, "chunk": CHUNK})
        assert (made["received"], made["finished"]) == (0, False)
        return str(made["record"])

    def send(self, record: str, offset: int, data: bytes, client: Client | None = None) -> Any:
        path = self.studies(f"/{record}/pieces?offset={offset}")
        return (client or self.a).request("POST", path, data, media_type=OCTETS)

    def finish(self, record: str, content: bytes = CONTENT) -> dict[str, Any]:
        digest = codec.to_text(hashlib.sha256(content).digest())
        answer: dict[str, Any] = self.a.request(
            "POST", self.studies(f"/{record}/finish"), {"sha256": digest}
        )
        return answer

    def add(self, content: bytes = CONTENT) -> dict[str, Any]:
        record = self.begin()
        step = 10 * CHUNK
        for offset in range(0, len(content), step):
            self.send(record, offset, content[offset : offset + step])
        return self.finish(record, content)

    def fetch(self, client: Client, path: str) -> bytes:
        sink = io.BytesIO()
        client.download(path, sink, media_type="*/*")
        return sink.getvalue()

    def ranged(self, client: Client, path: str, span: str) -> httpx.Response:
        call = client._run(client._signed("GET", path, None, "application/json"))
        headers = {**call.headers, "Accept": "*/*", "Range": span}
        return self.counted.raw("GET", path, headers=headers)

    def damaged(self) -> list[dict[str, Any]]:
        answer = self.a.request("GET", at(self.served.a, "integrity"))
        found: list[dict[str, Any]] = answer["damaged"]
        return found

    def slices(self, record: str) -> list[str]:
        vault = self.served.node.organisations[self.served.a.id].vault
        return [each.address for each in vault.large._chunk_rows(record)]

    def alter(self, address: str) -> tuple[Path, bytes]:
        """Flip a bit of one slice on the disk; gives the file and what it was."""
        vault = self.served.node.organisations[self.served.a.id].vault
        stored = vault.large.stored(address)
        folder = self.served.folder.vault(self.served.a.id) / "large"
        [path] = [each for each in folder.rglob("*.pack") if stored in each.read_bytes()]
        kept = path.read_bytes()
        changed = bytearray(kept)
        changed[kept.index(stored) + len(stored) // 2] ^= 1
        path.write_bytes(changed)
        return path, kept


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    made = Room(tmp_path_factory.mktemp("f38"))
    yield made
    made.counted.transport.end()
    made.served.stop()


def refused(client: Client, method: str, path: str, body: Any = None, **more: str) -> str:
    with pytest.raises(ProblemError) as caught:
        client.request(method, path, body, **more)
    return caught.value.code


def test_an_altered_slice_is_named_and_no_other(room: Room) -> None:
    made = room.add()
    other = room.add(CONTENT[: 3 * CHUNK])
    assert (made["size"], made["slices"]) == (len(CONTENT), 41)
    assert room.damaged() == []
    batch = room.a.get("records", "batches", made["batch"]).value
    assert (batch["of"], batch["size"]) == ("records", 1)
    pack, kept = room.alter(room.slices(made["record"])[17])
    assert [(each["subject"], each["id"], each["reason"]) for each in room.damaged()] == [
        ("slice", f"{made['record']}/17", "large_chunk_damaged")
    ]
    # What is whole can still be read; the altered slice cannot, nor anything in its place.
    grant = room.served.share(room.person, room.doctor, ["imaging"])["grant"]
    session = open_session(room.served, room.reader, room.served.b, grant)
    path = at(room.served.b, f"records/{made['record']}/object?session={session}")
    assert room.ranged(room.reader, path, f"bytes=0-{CHUNK - 1}").content == CONTENT[:CHUNK]
    bad = room.ranged(room.reader, path, f"bytes={17 * CHUNK}-{17 * CHUNK}")
    assert (bad.status_code, bad.json()["code"]) == (500, "large_chunk_damaged")
    assert bad.json()["parameters"] == {"record": made["record"], "chunk": 17}
    with pytest.raises(httpx.TransportError):
        room.ranged(room.reader, path, "bytes=0-")
    whole = at(room.served.b, f"records/{other['record']}/object?session={session}")
    assert room.fetch(room.reader, whole) == CONTENT[: 3 * CHUNK]
    pack.unlink()
    missing = [each["id"] for each in room.damaged()]
    assert f"{made['record']}/17" in missing
    assert all(each.startswith(made["record"]) for each in missing)
    pack.write_bytes(kept)
    assert room.damaged() == []


def test_an_upload_goes_on_after_the_server_stopped(tmp_path: Path) -> None:
    made = Room(tmp_path)
    record = made.begin()
    made.send(record, 0, CONTENT[: 5 * CHUNK])
    made.served.stop()
    made.served.start()
    made.counted = Counted(made.served)
    made.a = made.counted.operator(made.served.a)
    state = made.a.request("GET", made.studies(f"/{record}"))
    assert (state["received"], state["chunk"], state["finished"]) == (5 * CHUNK, CHUNK, False)
    # A piece that comes again, too late or too early is refused and changes nothing.
    for offset in (0, 4 * CHUNK, 6 * CHUNK):
        path = made.studies(f"/{record}/pieces?offset={offset}")
        code = refused(made.a, "POST", path, b"x" * CHUNK, media_type=OCTETS)
        assert code == "large_offset_differs"
    made.send(record, 5 * CHUNK, CONTENT[5 * CHUNK :])
    digest = {"sha256": codec.to_text(bytes(32))}
    assert refused(made.a, "POST", made.studies(f"/{record}/finish"), digest) == (
        "large_content_differs"
    )
    done = made.finish(record)
    assert done["size"] == len(CONTENT)
    for code, method, path in (
        ("large_object_exists", "POST", made.studies(f"/{record}/finish")),
        ("large_object_exists", "DELETE", made.studies(f"/{record}")),
    ):
        assert refused(made.a, method, path, {} if method == "POST" else None) == code
    late = made.studies(f"/{record}/pieces?offset={len(CONTENT)}")
    assert refused(made.a, "POST", late, b"x", media_type=OCTETS) == "large_object_exists"
    assert made.a.request("GET", made.studies(f"/{record}"))["finished"] is True
    vault = made.served.node.organisations[made.served.a.id].vault
    assert record in vault.records_of(made.person)
    given_up = made.begin()
    made.send(given_up, 0, CONTENT[:CHUNK])
    assert made.a.request("DELETE", made.studies(f"/{given_up}")) is None
    assert refused(made.a, "GET", made.studies(f"/{given_up}")) == "large_object_unknown"
    assert made.damaged() == []
    made.served.stop()


def test_it_is_read_whole_and_in_ranges_under_the_grant_and_journalled(room: Room) -> None:
    made = room.add()
    record = made["record"]
    grant = room.served.share(room.person, room.doctor, ["imaging"])["grant"]
    session = open_session(room.served, room.reader, room.served.b, grant)
    path = at(room.served.b, f"records/{record}/object?session={session}")
    assert room.fetch(room.reader, path) == CONTENT
    size = len(CONTENT)
    for span, start, end in (
        ("bytes=0-0", 0, 1),
        (f"bytes={CHUNK - 3}-{2 * CHUNK + 3}", CHUNK - 3, 2 * CHUNK + 4),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-9", size - 9, size),
        (f"bytes=5-{size + 99}", 5, size),
    ):
        answer = room.ranged(room.reader, path, span)
        assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["content-type"] == DICOM
    for span in ("bytes=0-1,5-6", "lines=0-1", "bytes=9-5", "bytes=-", "bytes=x-1"):
        answer = room.ranged(room.reader, path, span)
        assert (answer.status_code, len(answer.content)) == (200, size)
    for span in (f"bytes={size}-", "bytes=-0"):
        answer = room.ranged(room.reader, path, span)
        assert (answer.status_code, answer.json()["code"]) == (416, "large_range_refused")
        assert answer.headers["content-range"] == f"bytes */{size}"
    seen = room.a.request("GET", at(room.served.a, f"persons/{room.person}/disclosures?limit=200"))
    lines = [each for each in seen["disclosures"] if record in each["records"]]
    assert sum(each["session"] == session for each in lines) == 13
    assert {each["outcome"] for each in lines} == {"permit"}


def test_who_may_not_read_the_record_may_not_read_the_object(room: Room) -> None:
    made = room.add(CONTENT[:CHUNK])
    record = made["record"]
    own = at(room.served.a, f"records/{record}/object")
    # A doctor of the same organisation without a relation, a person, a program, a stranger.
    doctor, signer, _ = room.served.doctor(room.served.a)
    colleague = room.counted.of(doctor, signer, room.served.a)
    assert refused(colleague, "GET", own) == "reading.denied"
    key, person = Ed25519Signer.generate(), drafts.fresh_id()
    room.a.identity.enrol_person(person=person, tag=drafts.fresh_salt(), key=key.key)
    assert refused(room.counted.of(person, key, room.served.a), "GET", own) == "reading.denied"
    assert refused(room.a, "GET", own) == "reading.denied"
    assert refused(room.b, "GET", own) == "forbidden"
    assert room.counted.raw("GET", own).status_code == 401
    assert room.fetch(room.a, own + "?purpose=legal") == CONTENT[:CHUNK]
    # Under a grant of another category, and in somebody else's session.
    grant = room.served.share(room.person, room.doctor, ["laboratory"])["grant"]
    session = open_session(room.served, room.reader, room.served.b, grant)
    path = at(room.served.b, f"records/{record}/object?session={session}")
    assert refused(room.reader, "GET", path) == "reading.denied"
    assert refused(room.b, "GET", path) == "organisation.session_unknown"
    unknown = at(room.served.b, f"records/{record}/object?session={drafts.fresh_id()}")
    assert refused(room.reader, "GET", unknown) == "organisation.session_unknown"
    # Denials are in the journal, with their reasons.
    seen = room.a.request("GET", at(room.served.a, f"persons/{room.person}/disclosures?limit=200"))
    lines = [each for each in seen["disclosures"] if each["records"] == [record]]
    assert {each["reader"]["id"] for each in lines if each["outcome"] == "deny"} >= {
        doctor,
        person,
        room.doctor,
    }
    small = room.served.node.organisations[room.served.a.id].vault.records_of(room.person)[0]
    other = at(room.served.a, f"records/{small}/object?purpose=legal")
    if small != record:
        assert refused(room.a, "GET", other) == "large_object_unknown"


@pytest.mark.parametrize("who", ["doctor", "stranger", "person", "unsigned"])
def test_only_the_organisation_sends_studies(room: Room, who: str) -> None:
    record = room.begin()
    key, person = Ed25519Signer.generate(), drafts.fresh_id()
    if who == "unsigned":
        assert room.counted.raw("POST", room.studies()).status_code == 401
        return
    if who == "person":
        room.a.identity.enrol_person(person=person, tag=drafts.fresh_salt(), key=key.key)
    doctor, signer, _ = room.served.doctor(room.served.a)
    client = {
        "doctor": room.counted.of(doctor, signer, room.served.a),
        "stranger": room.b,
        "person": room.counted.of(person, key, room.served.a),
    }[who]
    for method, rest, body in (
        ("POST", "", {"media_type": DICOM}),
        ("GET", f"/{record}", None),
        ("POST", f"/{record}/pieces?offset=0", b"x"),
        ("POST", f"/{record}/finish", {}),
        ("DELETE", f"/{record}", None),
    ):
        media = OCTETS if isinstance(body, bytes) else "application/json"
        assert refused(client, method, room.studies(rest), body, media_type=media) == "forbidden"
    assert room.a.request("GET", room.studies(f"/{record}"))["received"] == 0


def test_malformed_uploads_are_refused(room: Room) -> None:
    record, elsewhere = room.begin(), drafts.fresh_id()
    bodies: tuple[Any, ...] = (
        {},
        {"media_type": "x"},
        {"media_type": DICOM, "chunk": 3},
        {"media_type": DICOM, "chunk": 2**30},
        {"media_type": DICOM, "more": 1},
        [],
    )
    for asked in bodies:
        assert refused(room.a, "POST", room.studies(), asked) == "malformed"
    unknown = room.studies(person=elsewhere)
    assert refused(room.a, "POST", unknown, {"media_type": DICOM}) == "forbidden"
    room.a.identity.enrol_person(
        person=elsewhere, tag=drafts.fresh_salt(), key=Ed25519Signer.generate().key
    )
    foreign = room.studies(f"/{record}", person=elsewhere)
    assert refused(room.a, "GET", foreign) == "large_object_unknown"
    for path, body, media, code in (
        (f"/{record}/pieces?offset=0", b"x", "text/plain", "unsupported_media_type"),
        (f"/{record}/pieces?offset=-1", b"x", OCTETS, "bad_parameter"),
        (f"/{record}/pieces", b"x", OCTETS, "bad_parameter"),
        (f"/{record}/pieces?offset=0", b"x" * (8 * 2**20 + 1), OCTETS, "body_too_large"),
        (f"/{drafts.fresh_id()}/pieces?offset=0", b"x", OCTETS, "large_object_unknown"),
    ):
        assert refused(room.a, "POST", room.studies(path), body, media_type=media) == code
    room.send(record, 0, b"x" * (CHUNK + 1))
    late = room.studies(f"/{record}/pieces?offset={CHUNK + 1}")
    assert refused(room.a, "POST", late, b"x", media_type=OCTETS) == "large_offset_differs"
    finish = room.studies(f"/{record}/finish")
    assert refused(room.a, "POST", finish, {"retention": "for-ever"}) == "retention_class_unknown"
    assert refused(room.a, "POST", finish, {"sha256": "x"}) == "malformed"


def test_the_commands_send_and_fetch_a_study(room: Room) -> None:
    served = room.served
    file, out = room.folder / "study.dcm", room.folder / "fetched.dcm"
    file.write_bytes(CONTENT)
    key = served.folder.operator_key(served.a.id)
    signing = ("--key", key, "--sender", served.a.id, "--node", served.url)
    own = ("--organisation", served.a.id)
    sent = yilian("organisation", "add-study", file, "--person", room.person, *own, *signing)
    assert sent[0] == 0, json.dumps(sent[1])
    record = sent[1]["record"]
    fetched = yilian(
        "organisation", "get-study", out, "--record", record, "--purpose", "legal", *own, *signing
    )
    assert fetched[0] == 0, json.dumps(fetched[1])
    assert out.read_bytes() == CONTENT
    # An upload that broke off goes on where the other side is.
    begun = room.begin()
    room.send(begun, 0, CONTENT[: 7 * CHUNK])
    again = yilian(
        "organisation", "add-study", file, "--person", room.person, "--record", begun,
        *own, *signing,
    )  # fmt: skip
    assert (again[0], again[1]["size"]) == (0, len(CONTENT))
    checked = yilian("organisation", "check", *own, *signing)
    assert (checked[0], checked[1]["damaged"]) == (0, [])
