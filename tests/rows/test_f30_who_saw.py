"""F30: a person asks who saw their records: the list is what the server wrote, denials too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.rows.calls import Counted, at, leads_to, open_session
from tests.rows.patience import until
from tests.rows.served import Served, yilian
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("f30_who_saw")

DOCTOR = "李医生"


class Seen:
    """A person with a key of her own at A, whose records a doctor of B read, and was denied."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served, self.counted, self.folder = served, Counted(served), folder
        self.a, self.b = (self.counted.operator(each) for each in (served.a, served.b))
        self.doctor, self.signer, _ = served.doctor(served.b)
        self.reader = self.counted.of(self.doctor, self.signer, served.b)
        staff = {"name": DOCTOR, "role": "physician"}
        self.b.request("PUT", at(served.b, f"staff/{self.doctor}"), staff)
        self.id = served.load(served.a)["person"]
        self.grant = served.share(self.id, self.doctor, ["laboratory"])["grant"]
        self.session = open_session(served, self.reader, served.b, self.grant)
        self.given = self.read()
        self.a.request(
            "POST", at(served.a, "revocations"), {"person": self.id, "grant": self.grant}
        )
        with pytest.raises(ProblemError):
            self.read()
        # Custody ends: from now on she asks herself.
        self.key = Ed25519Signer.generate()
        proof = drafts.key_proof(self.id, self.key)
        self.a.identity.hand_over_key(person=self.id, key=self.key.key, proof=proof)
        self.client = self.counted.of(self.id, self.key, served.a)
        with pytest.raises(ProblemError):
            self.b.request("GET", at(served.a, f"persons/{self.id}/records"))

    def read(self) -> dict[str, Any]:
        path = at(self.served.b, f"sessions/{self.session}/read")
        answer: dict[str, Any] = self.reader.request("POST", path)
        return answer

    def person(self) -> tuple[str, Client]:
        """Enrol another person with a key at A."""
        signer, person = Ed25519Signer.generate(), drafts.fresh_id()
        self.a.identity.enrol_person(person=person, tag=drafts.fresh_salt(), key=signer.key)
        return person, self.counted.of(person, signer, self.served.a)

    def disclosures(self, client: Client, **asked: int) -> list[dict[str, Any]]:
        return self.pages(client, "disclosures", **asked)

    def pages(self, client: Client, what: str, **asked: int | str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            query = "?" + urlencode(asked) if asked else ""
            path = at(self.served.a, f"persons/{self.id}/{what}{query}")
            page = client.request("GET", path)
            found += page[what]
            if "next" not in page:
                return found
            asked["cursor"] = page["next"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("f30")
    with Served(folder / "node") as served:
        made = Seen(served, folder)
        yield made
        made.counted.transport.end()


def test_she_sees_who_saw_what_when_what_for_and_who_was_denied(seen: Seen) -> None:
    found = [each for each in seen.disclosures(seen.client) if each["basis"] == "grant"]
    permitted = [each for each in found if each["outcome"] == "permit"]
    assert sum(len(each["records"]) for each in permitted) == len(seen.given["records"]) > 0
    assert {record for each in permitted for record in each["records"]} == {
        each["record"] for each in seen.given["records"]
    }
    denied = [each for each in found if each["outcome"] == "deny"]
    assert {reason for each in denied for reason in each["reasons"]} >= {"grant_not_active"}
    assert len(denied) > 0
    for each in found:
        assert each["reader"] == {
            "id": seen.doctor,
            "kind": "practitioner",
            "organisation": seen.served.b.id,
            "organisation_name": seen.served.b.name,
            "name": DOCTOR,
        }
        assert (each["purpose"], each["session"], each["grant"]) == (
            "treat",
            seen.session,
            seen.grant,
        )
        assert abs(each["time"] - time.time_ns() // 1_000_000) < 3_600_000


def test_the_list_is_what_the_server_wrote(seen: Seen) -> None:
    """Every line of the holder's journal about her, and every entry of its audit trail."""
    vault = seen.served.node.organisations[seen.served.a.id].vault
    for limit in (1, 2, 200):
        found = seen.disclosures(seen.client, limit=limit)
        told = {line: each for each in found for line in each["lines"]}
        assert sum(len(each["lines"]) for each in found) == len(told)
        written = vault.journal_about_patient(seen.id)
        assert len(written) > 0
        assert set(told) == {line.disclosure for line in written}
        for line in written:
            each = told[line.disclosure]
            assert each["records"][each["lines"].index(line.disclosure)] == line.record
            assert (each["reader"]["id"], each["time"]) == (line.reader, line.time)
            assert (each["purpose"], each["outcome"]) == (line.purpose, line.outcome)
            assert each["reasons"] == list(line.reasons)
        times = [each["time"] for each in found]
        assert times == sorted(times)
    calls = {each["entry"]: each for each in seen.pages(seen.client, "calls", limit=7)}
    trail = {
        each["entry"]["entry"]: each["entry"]
        for each in seen.counted.entries(seen.a, seen.served.a, subject=seen.id)
    }
    for name, entry in trail.items():
        if name in calls:
            call = calls[name]
            assert (call["actor"]["id"], call["time"]) == (entry["actor"], entry["time"])
            assert (call["operation"], call["refusal"]) == (entry["operation"], entry["refusal"])
    # The listing of calls wrote one entry for each of its pages, which it cannot have in it.
    after = [entry for name, entry in trail.items() if name not in calls]
    assert {entry["operation"].rpartition("_")[2] for entry in after} <= {"calls"}
    assert set(calls) <= set(trail)
    stranger = [each for each in calls.values() if each["actor"]["id"] == seen.served.b.id]
    assert [(each["refusal"], each["status"]) for each in stranger] == [("forbidden", 403)]


def test_each_line_is_proved_against_the_chain(seen: Seen) -> None:
    found = until(
        lambda: [
            each for each in [seen.disclosures(seen.client)] if all(one["anchored"] for one in each)
        ]
    )
    [lines] = found
    for disclosure in [line for each in lines for line in each["lines"]][::9]:
        path = at(seen.served.a, f"persons/{seen.id}/disclosures/{disclosure}/proof")
        proved = seen.client.request("GET", path)
        batch = seen.client.get("records", "batches", proved["proof"]["batch"]).value
        assert leads_to(proved["proof"]["line"], proved["proof"], batch["root"])
        changed = {**proved["proof"]["line"], "reader": drafts.fresh_id()}
        assert not leads_to(changed, proved["proof"], batch["root"])


def test_nobody_else_may_look(seen: Seen) -> None:
    other, stranger = seen.person()
    assert seen.disclosures(seen.a)
    for what in ("disclosures", "calls", f"disclosures/{drafts.fresh_id()}/proof"):
        path = at(seen.served.a, f"persons/{seen.id}/{what}")
        for client in (stranger, seen.b, seen.reader):
            with pytest.raises(ProblemError) as caught:
                client.request("GET", path)
            assert caught.value.code == "forbidden"
        assert seen.counted.raw("GET", path).status_code == 401
    unknown = at(seen.served.a, f"persons/{drafts.fresh_id()}/disclosures")
    for client in (seen.client, seen.a, stranger):
        with pytest.raises(ProblemError) as caught:
            client.request("GET", unknown)
        assert caught.value.code == "forbidden"
    # A line about her is not proved to another person, not even that it exists.
    line = seen.disclosures(seen.client)[0]["lines"][0]
    with pytest.raises(ProblemError) as caught:
        stranger.request("GET", at(seen.served.a, f"persons/{other}/disclosures/{line}/proof"))
    assert caught.value.code == "disclosure_unknown"


def test_a_custodian_looks_only_with_the_power_and_while_on(seen: Seen) -> None:
    custodian, client = seen.person()
    path = at(seen.served.a, f"persons/{seen.id}/disclosures")
    ends = time.time_ns() // 1_000_000 + 86_400_000

    def forbidden() -> bool:
        with pytest.raises(ProblemError) as caught:
            client.request("GET", path)
        return caught.value.code == "forbidden"

    consent = seen.client.consent
    consent.name_custodian(custodian=custodian, ends=ends, powers=["grant"])
    assert forbidden()
    consent.name_custodian(custodian=custodian, ends=ends, powers=["read"])
    assert client.request("GET", path)["disclosures"]
    latest = [
        each["entry"]
        for each in seen.counted.entries(seen.a, seen.served.a, actor=custodian)
        if each["entry"]["outcome"] == "permit" and each["entry"]["subjects"] == [seen.id]
    ][-1]
    assert latest["on_behalf_of"] == seen.id
    consent.switch_custodian(custodian=custodian, on=False)
    assert forbidden()


def test_a_span_of_time_is_all_of_it(seen: Seen) -> None:
    every = seen.disclosures(seen.client)
    middle = every[len(every) // 2]["time"]
    before = seen.disclosures(seen.client, until=middle)
    after = seen.disclosures(seen.client, since=middle)
    assert before + after == every
    for query in ("since=x", "limit=0", "cursor=A", "who=me"):
        with pytest.raises(ProblemError) as caught:
            seen.client.request("GET", at(seen.served.a, f"persons/{seen.id}/disclosures?{query}"))
        assert caught.value.code == "bad_parameter"


def test_the_command_shows_names(seen: Seen) -> None:
    path = seen.folder / "her.key"
    seen.key.write(path, None)
    code, told = yilian(
        "organisation", "who-saw", "--person", seen.id, "--organisation", seen.served.a.id,
        "--key", path, "--sender", seen.id, "--node", seen.served.url,
    )  # fmt: skip
    assert code == 0
    assert DOCTOR in {each["reader"]["name"] for each in told["disclosures"]}
