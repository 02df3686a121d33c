"""F28: break the glass with a reason: timed, the emergency set alone, told, reviewed; outages."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.rows.served import Served, yilian
from yilian.gateway.fhir import sample
from yilian.ledger import codec
from yilian.ledger.modules.consent.messages import (
    BreakGlass,
    EndBreakGlass,
    ReviewBreakGlass,
)
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

REASON = {"reason": "unable_to_consent", "text": "昏迷，急诊抢救", "place": "emergency-room"}
EMERGENCY_SET = {"allergy", "demographics", "immunization", "medication", "problem"}
TYPES = {
    "AllergyIntolerance",
    "Condition",
    "Immunization",
    "MedicationAdministration",
    "MedicationRequest",
    "MedicationStatement",
    "Patient",
}


class Doctor:
    """A licensed doctor with a client at home in a hospital."""

    def __init__(self, served: Served, at: HostedOrganisation) -> None:
        self.id, self.signer, self.licence = served.doctor(at)
        self.served = served
        self.at = at

    def path(self, rest: str) -> str:
        return f"/v1/organisations/{self.at.id}/{rest}"

    def ask(self, method: str, rest: str, body: Any = None) -> Any:
        with self.served.as_(self.id, self.signer, self.at) as client:
            return client.request(method, self.path(rest), body)

    def prepare(self, holder: HostedOrganisation, **whom: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask(
            "POST", "emergencies", {"holder": holder.id, **REASON, **whom}
        )
        return answer

    def send(self, *messages: Any) -> None:
        with self.served.as_(self.id, self.signer, self.at) as client:
            client.send(list(messages))

    def break_glass(self, holder: HostedOrganisation, **whom: Any) -> str:
        made = self.prepare(holder, **whom)
        self.send(BreakGlass(access=made["access"], terms=made["terms"], ends=made["ends"]))
        return str(made["access"])

    def read(self, access: str, body: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("POST", f"emergencies/{access}/read", body)
        return answer


def kinds(reading: dict[str, Any]) -> set[str]:
    return {codec_kind(each["content"]) for each in reading["records"]}


def codec_kind(content: str) -> str:
    return str(msgspec.json.decode(content)["resourceType"])


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[str, int]:
    with pytest.raises(ProblemError) as problem:
        call(*arguments, **named)
    return problem.value.code, problem.value.status


def identity(seed: int) -> dict[str, str]:
    """The number of a generated patient."""
    (bundle,) = sample.bundles(seed, 1)
    (patient,) = [
        each["resource"]
        for each in msgspec.json.decode(bundle)["entry"]
        if each["resource"]["resourceType"] == "Patient"
    ]
    named = patient["identifier"][0]
    return {"system": named["system"], "number": named["value"]}


def by(served: Served, at: HostedOrganisation, method: str, rest: str, body: Any = None) -> Any:
    with served.client(at) as client:
        return client.request(method, f"/v1/organisations/{at.id}/{rest}", body)


def test_glass_broken_at_another_hospital_opens_the_emergency_set_alone(served: Served) -> None:
    loaded = served.load(served.a)
    doctor = Doctor(served, served.b)
    access = doctor.break_glass(served.a, person=loaded["person"])
    reading = doctor.read(access)
    assert 0 < len(reading["records"]) < loaded["records"]
    assert kinds(reading) <= TYPES
    assert "Patient" in kinds(reading)
    assert reading["alone"]
    assert reading["anchored"]

    (told,) = served.node.organisations[served.a.id].vault.outbox.inbox(loaded["person"])
    assert told.kind == "glass_broken"
    assert told.parameters["access"] == access
    assert doctor.read(access)["records"] == reading["records"]
    assert len(served.node.organisations[served.a.id].vault.outbox.inbox(loaded["person"])) == 1


def test_by_number_and_unknown_people_have_one_answer(served: Served) -> None:
    person = served.load(served.a, seed=3)["person"]
    doctor = Doctor(served, served.b)
    reading = doctor.read(doctor.break_glass(served.a, **identity(3)))
    assert reading["records"]

    body: dict[str, list[str]] = {"categories": []}
    by(served, served.a, "PUT", f"persons/{person}/emergency-categories", body)
    nothing = [
        doctor.break_glass(served.a, **identity(3)),
        doctor.break_glass(served.a, **identity(4)),
        doctor.break_glass(served.a, person=drafts.fresh_id()),
    ]
    answers = [{**doctor.read(each), "access": None} for each in nothing]
    assert answers[0]["records"] == []
    assert answers[0] == answers[1] == answers[2]


def test_it_ends_by_its_reader_and_what_it_used_is_replaced(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor = Doctor(served, served.b)
    access = doctor.break_glass(served.a, person=person)
    assert doctor.read(access)["records"]
    keys = served.node.organisations[served.a.id].vault.emergencies.keys
    (used, _) = keys.standing(person) or pytest.fail("no emergency key")
    doctor.send(EndBreakGlass(access=access))
    assert refused(doctor.read, access) == ("emergency_refused", 403)

    served.node.organisations[served.a.id].emergencies.tend()
    (replaced, _) = keys.standing(person) or pytest.fail("no emergency key")
    assert replaced.pair != used.pair
    assert replaced.used_until is None
    again = doctor.break_glass(served.a, person=person)
    assert doctor.read(again)["records"]


def test_before_the_chain_has_it_nothing_opens(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor = Doctor(served, served.b)
    made = doctor.prepare(served.a, person=person)
    with pytest.raises(ProblemError) as problem:
        doctor.read(made["access"])
    assert problem.value.code == "emergency_refused"
    assert "emergency_not_on_chain" in str(problem.value.parameters["reasons"])
    other = doctor.prepare(served.a, person=person, minutes=1)
    doctor.send(BreakGlass(access=made["access"], terms=other["terms"], ends=made["ends"]))
    assert refused(doctor.read, made["access"]) == ("emergency_refused", 403)


def test_who_may_not(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, other = Doctor(served, served.b), Doctor(served, served.b)
    access = doctor.break_glass(served.a, person=person)
    assert refused(other.read, access) == ("emergencies.unknown", 404)
    assert refused(doctor.read, drafts.fresh_id()) == ("emergencies.unknown", 404)
    stranger = Doctor(served, served.a)
    stranger.at = served.b
    assert refused(stranger.prepare, served.a, person=person) == ("forbidden", 403)
    body = {"holder": served.a.id, "person": person, **REASON}
    assert refused(by, served, served.b, "POST", "emergencies", body) == ("forbidden", 403)
    elsewhere = refused(doctor.ask, "POST", "emergencies", {**body, "holder": served.b.id[::-1]})
    assert elsewhere[0] in ("organisation.holder_elsewhere", "malformed")
    with served.client(served.authority) as client:
        client.identity.revoke_licence(licence=doctor.licence)
    assert refused(doctor.read, access) == ("emergency_refused", 403)
    assert refused(doctor.prepare, served.a, person=person) == (
        "identity.licence_not_in_force",
        403,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"text": "   "},
        {"text": "x" * 501},
        {"reason": "curiosity"},
        {"minutes": 0},
        {"minutes": 241},
        {"person": None},
        {"system": "urn:x"},
        {"system": "urn:x", "number": "1"},
        {"extra": 1},
    ],
)
def test_malformed_is_refused(shared: tuple[Served, Doctor], changes: dict[str, Any]) -> None:
    served, doctor = shared
    whom = {"person": drafts.fresh_id(), **changes}
    assert refused(doctor.prepare, served.a, **whom) == ("malformed", 400)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Served(tmp_path_factory.mktemp("f28") / "node") as node:
        yield node, Doctor(node, node.b)


def test_the_review_queue_fills_and_the_reader_does_not_review(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, reviewer = Doctor(served, served.b), Doctor(served, served.b)
    doctor.prepare(served.a, person=person)
    access = doctor.break_glass(served.a, person=person)
    doctor.read(access)
    for listed in (
        reviewer.ask("GET", "emergencies")["accesses"],
        by(served, served.b, "GET", "emergencies")["accesses"],
        by(served, served.a, "GET", "emergencies")["accesses"],
        by(served, served.a, "GET", f"persons/{person}/emergencies")["accesses"],
    ):
        (entry,) = listed
        assert (entry["access"], entry["person"], entry["reader"]) == (access, person, doctor.id)
        assert (entry["text"], entry["status"], entry["finding"]) == (REASON["text"], "open", None)
    outsider = Doctor(served, served.a)
    assert outsider.ask("GET", "emergencies")["accesses"] == []

    judged = {"finding": "justified", "text": "抢救记录属实"}
    review = f"emergencies/{access}/review"
    assert refused(doctor.ask, "POST", review, judged) == ("consent.may_not_review", 403)
    assert refused(outsider.ask, "POST", review, judged) == ("emergencies.unknown", 404)
    made = reviewer.ask("POST", review, judged)
    own = msgspec.convert(made, ReviewBreakGlass)
    with pytest.raises(ProblemError):
        doctor.send(own)
    reviewer.send(own)
    assert refused(reviewer.ask, "POST", review, judged) == ("consent.already_reviewed", 409)
    (entry,) = by(served, served.b, "GET", "emergencies")["accesses"]
    assert (entry["finding"], entry["reviewer"], entry["review"]) == (
        "justified",
        reviewer.id,
        judged["text"],
    )
    (entry,) = by(served, served.a, "GET", f"persons/{person}/emergencies")["accesses"]
    assert (entry["finding"], entry["review"]) == ("justified", None)


def test_own_staff_break_the_glass_at_home(served: Served) -> None:
    loaded = served.load(served.a)
    doctor = Doctor(served, served.a)
    reading = doctor.read(doctor.break_glass(served.a, person=loaded["person"]))
    assert reading["records"]
    assert kinds(reading) <= TYPES
    (told,) = served.node.organisations[served.a.id].vault.outbox.inbox(loaded["person"])
    assert told.kind == "glass_broken"
    unknown = doctor.read(doctor.break_glass(served.a, person=drafts.fresh_id()))
    assert unknown["records"] == []


def test_the_person_chooses_what_opens_and_nobody_else(served: Served) -> None:
    person, signer = enrolled(served)
    path = f"/v1/organisations/{served.a.id}/persons/{person}/emergency-categories"
    with served.as_(person, signer, served.a) as own:
        assert set(own.request("GET", path)["categories"]) == EMERGENCY_SET
        made = own.request("PUT", path, {"categories": ["allergy", "laboratory"]})
        assert made == {"categories": ["allergy", "laboratory"], "sensitivities": ["normal"]}
        assert refused(own.request, "PUT", path, {"categories": "allergy"}) == ("malformed", 400)
    body: dict[str, list[str]] = {"categories": []}
    doctor, elsewhere = Doctor(served, served.a), Doctor(served, served.b)
    rest = f"persons/{person}/emergency-categories"
    for call in (
        lambda: by(served, served.a, "PUT", rest, body),
        lambda: doctor.ask("PUT", rest, body),
        lambda: elsewhere.ask("PUT", rest, body),
        lambda: served.client(served.b).request("PUT", path, body),
        lambda: doctor.ask("GET", rest),
        lambda: doctor.ask("GET", f"persons/{person}/emergencies"),
    ):
        assert refused(call) == ("forbidden", 403)
    with served.as_(person, signer, served.a) as own:
        assert own.request("GET", path)["categories"] == ["allergy", "laboratory"]


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for something that happens by itself; the test's own time limit is the only one."""
    while not done():
        time.sleep(0.1)


def test_a_stopped_chain_stops_no_care_at_home(served: Served) -> None:
    loaded = served.load(served.a)
    person = loaded["person"]
    doctor, away = Doctor(served, served.a), Doctor(served, served.b)
    grant = served.share(person, away.id, ["laboratory"])["grant"]
    before = doctor.prepare(served.a, person=person)
    assert before["finality"]

    served.node.engine.condemn(RuntimeError("the disk is full"))
    wait_until(lambda: not doctor.prepare(served.a, person=person)["finality"])
    made = doctor.prepare(served.a, person=person)
    glass = BreakGlass(access=made["access"], terms=made["terms"], ends=made["ends"])
    body = drafts.draft(
        chain="yilian",
        sender=doctor.id,
        payer=served.a.id,
        messages=[glass],
        signers=[doctor.signer],
        expires_in=3_600,
    )
    raw = drafts.sign(body, [doctor.signer])
    wrong = {"transaction": codec.to_text(raw)}
    assert refused(doctor.read, before["access"], wrong) == (
        "emergencies.transaction_differs",
        409,
    )
    reading = doctor.read(made["access"], {"transaction": codec.to_text(raw)})
    assert reading["records"]
    assert kinds(reading) <= TYPES
    assert not reading["anchored"]
    assert refused(away.prepare, served.a, person=person) == ("emergencies.no_finality", 503)
    session = refused(away.ask, "POST", "sessions", {"grant": grant})
    assert session == ("emergencies.no_finality", 503)
    (entry,) = by(served, served.a, "GET", "emergencies")["accesses"]
    assert (entry["access"], entry["outage"], entry["anchored"]) == (made["access"], True, False)

    served.stop()
    served.start()
    outage = served.node.organisations[served.a.id].vault.emergencies.outage
    first = outage.entries()[0]
    anchored, broken = place(served, first.batch or ""), place(served, made["access"])
    assert anchored < broken
    (entry,) = by(served, served.a, "GET", "emergencies")["accesses"]
    assert (entry["outage"], entry["anchored"], entry["status"]) == (True, True, "open")
    assert served.node.organisations[served.a.id].vault.outbox.inbox(person)
    assert doctor.read(made["access"])["anchored"]


def place(served: Served, about: str) -> tuple[int, ...]:
    """Where the chain first names an id: height, position, number."""
    with httpx.Client(base_url=served.url) as plain:
        while not (found := plain.get("/v1/events", params={"id": about}).json()["events"]):
            time.sleep(0.1)
    return tuple(map(int, found[0]["id"].split(".")))


def test_from_the_command_line(served: Served, tmp_path: Path) -> None:
    person = served.load(served.a)["person"]
    doctor, reviewer = Doctor(served, served.b), Doctor(served, served.b)
    key = tmp_path / "doctor.key"
    doctor.signer.write(key, None)
    reviewer.signer.write(tmp_path / "reviewer.key", None)
    out = tmp_path / "records.jsonl"

    def run(name: str, who: str, signing: Path, at: HostedOrganisation, *words: str) -> Any:
        common: list[str | Path] = [
            "--organisation",
            at.id,
            "--sender",
            who,
            "--key",
            signing,
            "--node",
            served.url,
        ]
        return yilian("organisation", name, *common, *words)

    code, told = run(
        "break-glass",
        doctor.id,
        key,
        served.b,
        *("--holder", served.a.id, "--person", person, "--reason", "life_threatening"),
        *("--text", "过敏性休克", "--minutes", "5", "--out", str(out)),
    )
    assert (code, told["ok"], told["alone"]) == (0, True, True)
    assert len(out.read_text("utf-8").splitlines()) == len(told["records"]) > 0
    code, listed = run("emergencies", reviewer.id, tmp_path / "reviewer.key", served.b)
    assert [each["access"] for each in listed["accesses"]] == [told["access"]]
    words = ["--access", told["access"], "--finding", "unjustified", "--text", "没有紧急情况"]
    assert run("review-emergency", doctor.id, key, served.b, *words)[0] == 1
    assert run("review-emergency", reviewer.id, tmp_path / "reviewer.key", served.b, *words)[0] == 0
    operator = served.folder.operator_key(served.a.id)
    at_a = (served.a.id, operator, served.a, "--person", person)
    code, listed = run("emergencies", *at_a)
    assert [each["finding"] for each in listed["accesses"]] == ["unjustified"]
    code, shown = run("emergency-categories", *at_a, "--none")
    assert (code, shown["categories"]) == (0, [])
    assert run("emergency-categories", *at_a)[1]["categories"] == []


def test_unsigned_is_refused_everywhere(shared: tuple[Served, Doctor]) -> None:
    served, _ = shared
    base = f"/v1/organisations/{served.a.id}"
    access, person = drafts.fresh_id(), drafts.fresh_id()
    with httpx.Client(base_url=served.url) as plain:
        for method, rest in (
            ("POST", "emergencies"),
            ("GET", "emergencies"),
            ("POST", f"emergencies/{access}/read"),
            ("POST", f"emergencies/{access}/review"),
            ("GET", f"persons/{person}/emergencies"),
            ("GET", f"persons/{person}/emergency-categories"),
            ("PUT", f"persons/{person}/emergency-categories"),
        ):
            answer = plain.request(method, f"{base}/{rest}")
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_custodian_chooses_only_with_the_power_and_while_on(served: Served) -> None:
    (elder, own), (child, hers) = (enrolled(served), enrolled(served))
    path = f"/v1/organisations/{served.a.id}/persons/{elder}/emergency-categories"
    body = {"categories": ["allergy"]}
    later = time.time_ns() // 1_000_000 + 86_400_000

    def put() -> Any:
        with served.as_(child, hers, served.a) as client:
            return client.request("PUT", path, body)

    assert refused(put) == ("forbidden", 403)
    with served.as_(elder, own, served.a) as client:
        client.consent.name_custodian(custodian=child, ends=later, powers=["read"])
    assert refused(put) == ("forbidden", 403)
    with served.as_(elder, own, served.a) as client:
        client.consent.name_custodian(custodian=child, ends=later, powers=["change"])
    assert put()["categories"] == ["allergy"]
    with served.as_(elder, own, served.a) as client:
        client.consent.switch_custodian(custodian=child, on=False)
    assert refused(put) == ("forbidden", 403)


def enrolled(served: Served) -> tuple[str, Ed25519Signer]:
    """A person of hospital A with a key of their own."""
    person, signer = drafts.fresh_id(), Ed25519Signer.generate()
    with served.client(served.a) as client:
        client.identity.enrol_person(person=person, tag=drafts.fresh_salt(), key=signer.key)
    return person, signer


def test_the_command_line_goes_on_without_the_chain(served: Served, tmp_path: Path) -> None:
    person = served.load(served.a)["person"]
    doctor = Doctor(served, served.a)
    key = tmp_path / "doctor.key"
    doctor.signer.write(key, None)
    served.node.engine.condemn(RuntimeError("the disk is full"))
    wait_until(served.node.organisations[served.a.id].emergencies.finality.lost)
    words: list[str | Path] = ["--organisation", served.a.id, "--sender", doctor.id, "--key", key]
    words += ["--node", served.url, "--holder", served.a.id, "--person", person]
    words += ["--reason", "other", "--text", "停链期间抢救"]
    code, told = yilian("organisation", "break-glass", *words)
    assert (code, told["anchored"]) == (0, False)
    assert told["records"]
    served.stop()
    served.start()
    with served.client(served.a) as client:
        found = client.get("consent", "emergencies", told["access"]).value
    assert (found["reader"], found["ends"]) == (doctor.id, told["ends"])
