"""F35: a new result at A; the doctor at B whom a grant lets read is told, and reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.desk import at, employ, refused, sending
from tests.rows.patience import until
from tests.rows.served import Served
from tests.unit.gateway.notices.servers import Receiver, receiving, say
from yilian.gateway.fhir import sample
from yilian.gateway.notices.webhook import genuine
from yilian.ledger import codec
from yilian.ledger.modules.consent.messages import OpenSession
from yilian.sdk.signers import Ed25519Signer

POTASSIUM = "6.2 mmol/L, repeated and confirmed"
FHIR = "application/fhir+json"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(say(200)) as running:
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with sending(tmp_path / "node") as node:
        yield node


def result(category: str = "laboratory", text: str = POTASSIUM) -> bytes:
    """A bundle with one new observation of the generated patient."""
    (bundle,) = sample.bundles(1, 1)
    patient = next(
        each
        for each in json.loads(bundle)["entry"]
        if each["resource"]["resourceType"] == "Patient"
    )
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": system, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueString": text,
    }
    whole = {"resourceType": "Bundle", "type": "collection"}
    entries = [patient, {"resource": observation}]
    return json.dumps({**whole, "entry": entries}, ensure_ascii=False).encode()


def write(served: Served, person: str, bundle: bytes) -> dict[str, Any]:
    with served.client(served.a) as client:
        answer: dict[str, Any] = client.request(
            "POST", at(served.a, f"bundles?person={person}"), bundle, media_type=FHIR
        )
        return answer


def inbox(served: Served, doctor: str, signer: Ed25519Signer) -> list[dict[str, Any]]:
    with served.as_(doctor, signer, served.b) as client:
        found: list[dict[str, Any]] = client.request(
            "GET", at(served.b, f"staff/{doctor}/notices")
        )["notices"]
        return found


def read(served: Served, doctor: str, signer: Ed25519Signer, grant: str) -> dict[str, str]:
    """Open a session under a grant and read all of it."""
    prepared = served.prepare(doctor, signer, grant)
    with served.as_(doctor, signer, served.b) as client:
        client.send([OpenSession(**prepared)])
    answer = served.read(doctor, signer, prepared["session"])
    return {each["record"]: each["content"] for each in answer["records"]}


def test_the_granted_doctor_is_told_and_reads_the_new_result(
    served: Served, receiver: Receiver
) -> None:
    person = served.load(served.a)["person"]
    doctor, signer = employ(served, served.b)
    with served.as_(doctor, signer, served.b) as client:
        kept = client.request(
            "PUT",
            at(served.b, f"staff/{doctor}/contacts"),
            {"contacts": {"webhook": receiver.url()}, "language": "zh-CN"},
        )
    grant = served.share(person, doctor, ["laboratory"])["grant"]
    before = read(served, doctor, signer, grant)
    assert not any(POTASSIUM in each for each in before.values())
    assert inbox(served, doctor, signer) == []

    write(served, person, result())
    (notice,) = until(lambda: inbox(served, doctor, signer))
    assert notice["kind"] == "result_shared"
    assert notice["parameters"]["grant"] == grant
    assert notice["parameters"]["organisation"] == served.a.id
    after = read(served, doctor, signer, notice["parameters"]["grant"])
    (new,) = set(after) - set(before)
    assert new == notice["parameters"]["record"]
    assert POTASSIUM in after[new]

    (posted,) = until(lambda: receiver.posted)
    secret = codec.to_bytes(kept["webhook_secret"])
    stamp = float(posted.headers["webhook-timestamp"])
    assert genuine(secret, posted.headers, posted.body, stamp)
    assert "云溪" not in posted.body.decode()
    assert not any(each in posted.body for each in (POTASSIUM.encode(), person.encode()))
    with served.client(served.a) as client:
        told = client.request("GET", at(served.a, f"persons/{person}/notices"))["notices"]
    assert [each["kind"] for each in told].count("result_ready") == 1
    with served.as_(doctor, signer, served.b) as client:
        path = at(served.b, f"staff/{doctor}/notices/{notice['notice']}/read")
        assert client.request("POST", path)["read"] >= notice["at"]


def test_who_may_not_read_the_result_is_not_told(served: Served) -> None:
    person = served.load(served.a)["person"]
    granted, signer = employ(served, served.b)
    other, other_signer = employ(served, served.b)
    revoked, revoked_signer = employ(served, served.b)
    served.share(person, granted, ["laboratory"])
    served.share(person, other, ["imaging"])
    grant = served.share(person, revoked, ["laboratory"])["grant"]
    with served.client(served.a) as client:
        client.request("POST", at(served.a, "revocations"), {"person": person, "grant": grant})
    write(served, person, result())
    until(lambda: inbox(served, granted, signer))
    until(lambda: not served.node.organisations[served.a.id].vault.announcing.pending())
    assert len(inbox(served, granted, signer)) == 1
    assert inbox(served, other, other_signer) == []
    assert inbox(served, revoked, revoked_signer) == []


def test_after_a_revocation_the_grant_that_stays_reads_what_comes_under_new_keys(
    served: Served,
) -> None:
    person = served.load(served.a)["person"]
    stays, signer = employ(served, served.b)
    goes, _ = employ(served, served.b)
    grant = served.share(person, stays, ["laboratory"])["grant"]
    ended = served.share(person, goes, ["laboratory"])["grant"]
    with served.client(served.a) as client:
        client.request("POST", at(served.a, "revocations"), {"person": person, "grant": ended})
    write(served, person, result())
    (notice,) = until(lambda: inbox(served, stays, signer))
    assert POTASSIUM in read(served, stays, signer, grant)[notice["parameters"]["record"]]


def test_a_node_that_stopped_before_telling_tells_once_after_its_start(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, signer = employ(served, served.b)
    grant = served.share(person, doctor, ["laboratory"])["grant"]
    holder = served.node.organisations[served.a.id]
    until(lambda: not holder.vault.announcing.pending())
    assert served.node.telling is not None
    served.node.telling.stop()
    holder.load(result(), person)
    # The keys were packaged, and the package was lost with the process.
    holder.vault.extend_grant(grant)
    for _ in range(2):
        served.stop()
        served.start()
        (notice,) = until(lambda: inbox(served, doctor, signer))
    assert POTASSIUM in read(served, doctor, signer, grant)[notice["parameters"]["record"]]


def test_a_practitioners_inbox_is_the_practitioners(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, signer = employ(served, served.b)
    colleague, colleague_signer = employ(served, served.b)
    outsider, outsider_signer = employ(served, served.a)
    served.share(person, doctor, ["laboratory"])
    write(served, person, result())
    (notice,) = until(lambda: inbox(served, doctor, signer))
    mine = f"staff/{doctor}"
    read_it = ("POST", f"{mine}/notices/{notice['notice']}/read", None)
    asked: tuple[tuple[str, str, Any], ...] = (
        read_it,
        ("GET", f"{mine}/notices", None),
        ("GET", f"{mine}/notices/{notice['notice']}/proofs", None),
        ("PUT", f"{mine}/contacts", {"contacts": {}}),
    )
    for who in (
        (colleague, colleague_signer, served.b),
        (outsider, outsider_signer, served.a),
        (served.a.id, served.operator(served.a), served.a),
    ):
        with served.as_(*who) as client:
            codes = {refused(client, each[0], at(served.b, each[1]), each[2]) for each in asked}
        assert codes == {"forbidden"}
    for method, rest, _ in asked:
        unsigned = httpx.request(method, served.url + at(served.b, rest)).json()
        assert unsigned["code"] == "unauthenticated"
    with served.client(served.b) as client:
        assert client.request("GET", at(served.b, asked[1][1]))["notices"]
        assert refused(client, "POST", at(served.b, read_it[1])) == "forbidden"
