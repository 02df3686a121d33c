"""F18, the reading half: the device is lost, guardians bring back the key and the reading."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.rows.served import Served, yilian
from tests.rows.test_f18_keys import WAIT_MS, guardians, propose
from yilian.gateway.fhir import intake, sample
from yilian.gateway.practice import recoveries
from yilian.ledger import codec
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.envelope import PrivateKey, new_recipient
from yilian.vault.packages import ReleasedRecord
from yilian.vault.recovery import GuardianShare, RecoveryBundle, Standing

READERS = {drafts.fresh_id(): new_recipient() for _ in range(3)}


class Person:
    """A person with a key of their own and records at hospital A."""

    def __init__(self, served: Served, seed: int = 5) -> None:
        self.served, self.signer, self.id = served, Ed25519Signer.generate(), drafts.fresh_id()
        (bundle,) = sample.bundles(seed, 1)
        named = intake.take_apart(bundle).identity
        hospital = served.node.organisations[served.a.id]
        with served.client(served.a) as client:
            client.identity.enrol_person(
                person=self.id, tag=hospital.tag(named.system, named.value), key=self.signer.key
            )
            path = f"/v1/organisations/{served.a.id}/bundles?person={self.id}"
            self.records = client.request("POST", path, bundle)["records"]

    def ask(self, method: str, rest: str, body: Any = None) -> dict[str, Any]:
        with self.served.as_(self.id, self.signer, self.served.a) as client:
            answer: dict[str, Any] = client.request(method, self.path(rest), body)
            return answer

    def path(self, rest: str) -> str:
        return f"/v1/organisations/{self.served.a.id}/persons/{self.id}/{rest}"


def asked(threshold: int = 2, readers: dict[str, PrivateKey] | None = None) -> dict[str, Any]:
    named = READERS if readers is None else readers
    return {
        "threshold": threshold,
        "guardians": [
            {"id": name, "public": codec.to_text(key.public.data)} for name, key in named.items()
        ],
    }


def hand_over(person: Person, made: dict[str, Any]) -> list[GuardianShare]:
    """Give each guardian the share, and say so."""
    shares = msgspec.convert(made["waiting"], list[GuardianShare])
    body = {"number": shares[0].number, "guardians": [each.guardian for each in shares]}
    person.ask("POST", "reading-bundles/delivered", body)
    return shares


def read_again(person: Person, shares: list[GuardianShare], new: PrivateKey) -> dict[str, bytes]:
    """What guardians and the person do: hand back, open the bundle, fetch and open records."""
    answers = [
        recoveries.hand_back(each, READERS[each.guardian], new.public.data) for each in shares
    ]
    bundle = msgspec.convert(person.ask("GET", "reading-bundles")["bundle"], RecoveryBundle)
    standing = Standing(bundle.number, bundle.set)
    content = recoveries.open_bundle(bundle, answers, new, standing)
    page = person.ask("GET", "sealed-records")
    copies = msgspec.convert(page["records"], list[ReleasedRecord])
    while page["next"] is not None:
        page = person.ask("GET", f"sealed-records?after={page['next']}")
        copies += msgspec.convert(page["records"], list[ReleasedRecord])
    with person.served.client(person.served.a) as client:
        roots = {
            name: client.get("records", "batches", name).value["root"]
            for name in {each.proof.batch for each in copies}
        }
    keys = recoveries.category_keys(content)
    return recoveries.open_copies(person.served.a.id, copies, keys, roots)


def lose_and_recover_the_key(person: Person) -> None:
    """The device is gone; two guardians bring a new signing key."""
    served, proposal = person.served, drafts.fresh_id()
    with served.client(served.a) as client:
        client.governance.propose(
            proposal=proposal, action=SetParameter(name="recovery_delay_ms", value=WAIT_MS)
        )
    for each in (served.b, served.authority):
        with served.client(each) as client:
            client.governance.vote(proposal=proposal, approve=True)
    made = guardians(served, person.id, person.signer)
    new = Ed25519Signer.generate()
    recovery = propose(served, person.id, new, made[:2])
    with served.client(served.a) as client:
        while client.get("identity", "recoveries", recovery).value.get("status") != "done":
            time.sleep(0.1)
    person.signer = new


def test_device_lost_key_and_reading_recovered(served: Served) -> None:
    person = Person(served)
    shares = hand_over(person, person.ask("POST", "reading-bundles", asked()))
    lost = person.signer
    lose_and_recover_the_key(person)
    found = read_again(person, shares[:2], new_recipient())
    assert len(found) == person.records
    vault = served.node.organisations[served.a.id].vault
    assert found == vault.read_own(list(found), served.a.id, "treat")
    (line, _) = vault.journal_about(next(iter(found)))
    assert (line.reader, line.purpose, line.outcome) == (person.id, "patient-request", "permit")
    person.signer = lost
    with pytest.raises(ProblemError) as refused:
        person.ask("GET", "reading-bundles")
    assert refused.value.code == "key_revoked"


def test_too_few_guardians_and_an_old_bundle_open_nothing(served: Served) -> None:
    person = Person(served)
    old = hand_over(person, person.ask("POST", "reading-bundles", asked()))
    with pytest.raises(Exception, match="shares_too_few"):
        read_again(person, old[:1], new_recipient())
    made = person.ask("POST", "reading-bundles", asked(threshold=3))
    assert made["bundle"]["number"] == 1
    assert len(read_again(person, old, new_recipient())) == person.records
    new = hand_over(person, made)
    assert person.ask("GET", "reading-bundles")["bundle"]["number"] == 2
    with pytest.raises(Exception, match="recovery_share_differs"):
        read_again(person, old, new_recipient())
    assert len(read_again(person, new, new_recipient())) == person.records


def test_bad_guardians_change_nothing(served: Served) -> None:
    person = Person(served)
    hand_over(person, person.ask("POST", "reading-bundles", asked()))
    before = person.ask("GET", "reading-bundles")
    twice = asked()
    twice["guardians"][1] = twice["guardians"][0]
    for body, code in (
        (asked(threshold=4), "share_keepers_refused"),
        (twice, "share_keepers_refused"),
        ({**asked(), "guardians": []}, "malformed"),
        ({**asked(), "guardians": [{"id": drafts.fresh_id(), "public": "AAAA"}]}, None),
        ({"guardians": asked()["guardians"]}, "malformed"),
    ):
        with pytest.raises(ProblemError) as refused:
            person.ask("POST", "reading-bundles", body)
        assert refused.value.status == 400
        assert code is None or refused.value.code == code
    assert person.ask("GET", "reading-bundles") == before


def test_nobody_else_makes_or_takes_them(served: Served) -> None:
    person, other = Person(served), Person(served, seed=6)
    hand_over(person, person.ask("POST", "reading-bundles", asked()))
    doctor, signer, _ = served.doctor(served.a)
    clients = [
        served.client(served.a),
        served.client(served.b),
        served.as_(doctor, signer, served.a),
        served.as_(other.id, other.signer, served.a),
    ]
    delivered = {"number": 1, "guardians": list(READERS)}
    for client in clients:
        with client:
            for method, rest, body in (
                ("POST", "reading-bundles", asked()),
                ("GET", "reading-bundles", None),
                ("POST", "reading-bundles/delivered", delivered),
                ("GET", "sealed-records", None),
            ):
                with pytest.raises(ProblemError) as refused:
                    client.request(method, person.path(rest), body)
                assert (refused.value.code, refused.value.status) == ("forbidden", 403)
    with pytest.raises(ProblemError) as refused:
        other.ask("GET", "reading-bundles")
    assert refused.value.code == "recovery_bundle_unknown"


def test_the_hospital_makes_one_for_a_person_in_its_custody(served: Served) -> None:
    person = served.load(served.a)["person"]
    path = f"/v1/organisations/{served.a.id}/persons/{person}"
    with served.client(served.a) as client:
        made = client.request("POST", f"{path}/reading-bundles", asked())
        assert made["bundle"] is None
        assert {each["guardian"] for each in made["waiting"]} == set(READERS)
        with pytest.raises(ProblemError) as refused:
            client.request("GET", f"{path}/sealed-records")
    assert refused.value.code == "forbidden"


def test_from_the_command_line(served: Served, tmp_path: Path) -> None:
    person = Person(served)
    key = tmp_path / "person.key"
    person.signer.write(key, None)
    common = ["--organisation", served.a.id, "--sender", person.id, "--key", key]
    common += ["--node", served.url, "--person", person.id]

    def run(name: str, *words: Any) -> tuple[int, dict[str, Any]]:
        return yilian("organisation", name, *words)

    for each in ("first", "second", "new"):
        public = ("--public", tmp_path / f"{each}.pub")
        assert run("reading-key", tmp_path / f"{each}.key", *public)[0] == 0
    names = {drafts.fresh_id(): each for each in ("first", "second")}
    listed = [
        part
        for name, each in names.items()
        for part in ("--guardian", f"{name}={tmp_path}/{each}.pub")
    ]
    out = tmp_path / "shares"
    assert run("guard-reading", *common, "--threshold", "2", *listed, "--out", out)[0] == 0
    told = ("--bundle", "1", "--guardians", ",".join(names))
    assert run("shares-handed-over", *common, *told) == (0, {"ok": True, "stands": True})
    answers: list[Any] = []
    for name, each in names.items():
        answer = tmp_path / f"{each}.answer"
        words = ("--reading-key", tmp_path / f"{each}.key", "--recipient", tmp_path / "new.pub")
        assert run("hand-back", out / f"1-{name}.json", *words, "--out", answer)[0] == 0
        answers += ["--answer", answer]
    found = tmp_path / "records.jsonl"
    mine = ("--reading-key", tmp_path / "new.key")
    code, few = run("read-again", *common, *mine, *answers[:2], "--out", found)
    assert (code, few["error"]["code"]) == (1, "shares_too_few")
    assert not found.exists()
    code, read = run("read-again", *common, *mine, *answers, "--out", found)
    assert (code, len(read["records"])) == (0, person.records)
    assert len(found.read_bytes().splitlines()) == person.records
    (tmp_path / "new.key").chmod(0o644)
    code, exposed = run("read-again", *common, *mine, *answers, "--out", tmp_path / "again")
    assert (code, exposed["error"]["code"]) == (2, "key_file_exposed")
