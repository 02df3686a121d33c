"""F33: three hospitals know one person; the doctor sees one timeline, nothing twice, all proved."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.rows.served import FOUNDERS, Served, yilian
from tests.shared import shared
from yilian.bootstrap import Founder
from yilian.gateway.fhir import intake, sample
from yilian.ledger.modules.care.messages import OpenEncounter
from yilian.ledger.modules.consent.messages import NameCustodian, SwitchCustodian
from yilian.ledger.modules.records.state import BATCHES
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.envelope import RecordProof, check_inclusion
from yilian.vault.policy import resource

Resource = dict[str, Any]
CATEGORIES = sorted({*intake.CATEGORIES.values(), *intake.OBSERVATIONS.values(), "other"})
TREATED = ("identity", "clinical", "results", "medication")
"""What a physician may read for treatment (`vault/policy.py`)."""

THIRD = Founder("云溪市中医院", "hospital", "H-C-0004")
DAY_MS = 86_400_000


class Person:
    """One person at three hospitals of a node, and a doctor at the first who treats them."""

    def __init__(self, served: Served, bundle: Resource) -> None:
        self.served = served
        self.hospitals = [served.a, served.b, served.more[0]]
        self.parts = split(bundle)
        self.ids = [
            self._load(at, part) for at, part in zip(self.hospitals, self.parts, strict=True)
        ]
        self.doctor, self.signer, _ = served.doctor(served.a)
        self.sessions = [self._session(place) for place in (1, 2)]

    def _load(self, at: HostedOrganisation, part: list[Resource]) -> str:
        told = {"resourceType": "Bundle", "type": "collection", "entry": part}
        with self.served.client(at) as client:
            path = f"/v1/organisations/{at.id}/bundles"
            answer = client.request("POST", path, json.dumps(told).encode())
        return str(answer["person"])

    def _session(self, place: int) -> str:
        holder = self.hospitals[place]
        with self.served.client(holder) as client:
            granted = client.request(
                "POST",
                f"/v1/organisations/{holder.id}/grants",
                {
                    "person": self.ids[place],
                    "grantee": self.served.a.id,
                    "practitioner": self.doctor,
                    "categories": CATEGORIES,
                },
            )
        with self.served.as_(self.doctor, self.signer, self.served.a) as client:
            prepared = client.request(
                "POST",
                f"/v1/organisations/{self.served.a.id}/sessions",
                {"grant": granted["grant"]},
            )
            client.consent.open_session(**prepared)
        return str(prepared["session"])

    def treat(self) -> None:
        """Open an encounter of the person with the doctor at the first hospital."""
        organisation = self.served.node.organisations[self.served.a.id]
        prepared = organisation.vault.relations.encounter(self.ids[0], [self.doctor])
        organisation.write(OpenEncounter(encounter=prepared.relation, terms=prepared.commitment))

    def ask(self, query: str = "", who: tuple[str, Ed25519Signer] | None = None) -> Any:
        sender, signer = who or (self.doctor, self.signer)
        with self.served.as_(sender, signer, self.served.a) as client:
            at = f"/v1/organisations/{self.served.a.id}/persons/{self.ids[0]}/timeline"
            return client.request("GET", at + query)

    def all(self) -> Any:
        return self.ask(f"?sessions={','.join(self.sessions)}")


def split(bundle: Resource) -> list[list[Resource]]:
    """Deal the resources of a bundle to three hospitals; some are at two, some at all three.

    Each hospital has its own ids and writes its own `meta`, as systems that exchange records do.
    """
    parts: list[list[Resource]] = [[], [], []]
    for number, entry in enumerate(bundle["entry"]):
        told = entry["resource"]
        places = {number % 3}
        if number % 4 == 0:
            places.add((number + 1) % 3)
        if number % 7 == 0 or told["resourceType"] == "Patient":
            places = {0, 1, 2}
        for place in sorted(places):
            own = {**told, "id": f"h{place}-{number}", "meta": {"source": f"urn:h{place}"}}
            if "security" in told.get("meta", {}):
                own["meta"]["security"] = told["meta"]["security"]
            parts[place].append({"resource": own})
    return parts


def plain(told: Resource) -> str:
    """A resource without what a system gives out itself, written independently of the product."""

    def blank(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: "" if name == "reference" and "?" not in str(each) else blank(each)
                for name, each in value.items()
            }
        return [blank(each) for each in value] if isinstance(value, list) else value

    kept = {name: each for name, each in told.items() if name not in ("id", "meta", "text")}
    if "contained" in kept:
        kept["contained"] = [
            {name: each for name, each in inner.items() if name not in ("id", "meta", "text")}
            for inner in kept["contained"]
        ]
    return json.dumps(blank(kept), sort_keys=True)


def visible(told: Resource, own: bool) -> bool:
    """Whether the doctor may see a resource: at home by the policy, elsewhere by the grant."""
    taken = intake.read_resource(json.dumps(told).encode())
    if taken.sensitivity != "normal":
        return False
    return not own or resource(taken.category, taken.sensitivity) in TREATED


def expected(parts: list[list[Resource]]) -> Counter[str]:
    """Count the happenings: of equal resources, as many as the hospital with most of them has."""
    found: Counter[str] = Counter()
    for place, part in enumerate(parts):
        here: Counter[str] = Counter()
        for entry in part:
            told = entry["resource"]
            if visible(told, place == 0):
                named = any(
                    each.get("system") and each.get("value")
                    for each in _many(told.get("identifier"))
                )
                key = plain(told)
                here[key] = 1 if named else here[key] + 1
        found |= here
    return found


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("three") / "node", (*FOUNDERS, THIRD)) as node:
        yield node


@pytest.fixture(scope="module")
def person(served: Served) -> Person:
    """A generated person, treated at all three hospitals."""
    (bundle,) = sample.bundles(33, 1)
    made = Person(served, json.loads(bundle))
    made.treat()
    return made


def check_whole(person: Person, answer: Any) -> None:
    """Hold a timeline against what was loaded: nothing missing, nothing twice, all proved."""
    entries = answer["entries"]
    found = Counter(plain(json.loads(each["content"])) for each in entries)
    assert found == expected(person.parts)
    records = [each["record"] for entry in entries for each in entry["sources"]]
    assert len(set(records)) == len(records)
    homes = {each.id for each in person.hospitals}
    state = person.served.node.engine.state()
    for entry in entries:
        organisations = [each["organisation"] for each in entry["sources"]]
        assert set(organisations) <= homes
        assert len(set(organisations)) == len(organisations)
        for each in entry["sources"]:
            proof = msgspec.convert(each["proof"], RecordProof)
            batch = BATCHES.require(state, proof.batch)
            assert (proof.record, batch.organisation) == (each["record"], each["organisation"])
            check_inclusion(proof, batch.root)
            assert (each["session"] is None) == (each["organisation"] == person.served.a.id)
    times = [each["time"]["low"] for each in entries if each["time"] and each["time"]["low"]]
    assert times == sorted(times)
    assert {each["organisation"] for each in answer["sources"]} == homes
    assert all(each["checked"] for each in answer["sources"])
    assert answer["refused"] == []


def test_three_hospitals_are_one_timeline(person: Person) -> None:
    answer = person.ask(f"?sessions={','.join(person.sessions)}&content=true")
    check_whole(person, answer)
    shared_by = Counter(len(each["sources"]) for each in answer["entries"])
    assert shared_by[3] > 1
    assert shared_by[2] > 5


@pytest.mark.parametrize("chosen", [0, 1])
def test_three_hospitals_are_one_timeline_of_foreign_data(served: Served, chosen: int) -> None:
    """The same with the histories of another generator (Synthea)."""
    files = sorted(
        shared("fhir/synthea").glob("*-*-*.json.gz"), key=lambda path: path.stat().st_size
    )
    bundle = json.loads(gzip.decompress(files[chosen].read_bytes()))
    made = Person(served, bundle)
    made.treat()
    check_whole(made, made.ask(f"?sessions={','.join(made.sessions)}&content=true"))


def test_every_reading_is_journalled_at_home_and_elsewhere(person: Person) -> None:
    answer = person.all()
    for each in answer["entries"][:20]:
        for source in each["sources"]:
            vault = person.served.node.organisations[source["organisation"]].vault
            line = vault.journal_about(source["record"])[-1]
            assert (line.reader, line.outcome) == (person.doctor, "permit")
            assert line.basis == ("own" if source["session"] is None else "grant")


def test_time_and_type_narrow_it(person: Person) -> None:
    whole = person.all()["entries"]
    dated = [each for each in whole if each["time"] and each["time"]["low"]]
    middle = dated[len(dated) // 2]["time"]["low"]
    joined = f"sessions={','.join(person.sessions)}"

    def ids(entries: list[Any]) -> set[str]:
        return {each["sources"][0]["record"] for each in entries}

    later = person.ask(f"?{joined}&since={middle}")["entries"]
    assert ids(later) == ids([each for each in dated if each["time"]["high"] > middle])
    before = person.ask(f"?{joined}&until={middle}")["entries"]
    assert ids(before) == ids([each for each in dated if each["time"]["low"] < middle])
    observed = person.ask(f"?{joined}&type=Observation")["entries"]
    assert ids(observed) == ids([each for each in whole if each["type"] == "Observation"])
    assert 0 < len(observed) < len(whole)
    assert all(each["content"] is None for each in observed)
    with pytest.raises(ProblemError) as refused:
        person.ask(f"?since={middle}&until={middle}")
    assert refused.value.code == "content.asked"


@pytest.mark.parametrize(
    "query",
    [
        "?since=x",
        "?until=-1",
        "?type=a b",
        "?type=" + "a" * 65,
        "?content=no",
        "?sessions=x",
        "?more=1",
        "?since=1&since=2",
        "?sessions=" + ",".join(["A" * 22] * 2),
        "?sessions=" + ",".join("A" * 20 + each + "A" for each in "abcdefghijklmnopq"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(person: Person, query: str) -> None:
    with pytest.raises(ProblemError) as refused:
        person.ask(query.replace(" ", "%20"))
    assert refused.value.code == "bad_parameter"


def test_another_persons_session_does_not_join(served: Served, person: Person) -> None:
    (bundle,) = sample.bundles(34, 1)
    other = Person(served, json.loads(bundle))
    # The same doctor may hold sessions of several persons: these records are not this person's.
    kept = person.doctor, person.signer
    person.doctor, person.signer = other.doctor, other.signer
    person.treat()
    try:
        with pytest.raises(ProblemError) as refused:
            person.ask(f"?sessions={other.sessions[0]}")
    finally:
        person.doctor, person.signer = kept
    assert refused.value.code == "organisation.person_differs"


def forbidden(code: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ProblemError) as refused:
        call()
    assert refused.value.code == code


def test_who_has_no_relation_sees_nothing(served: Served, person: Person) -> None:
    stranger, signer, _ = served.doctor(served.a)
    forbidden("forbidden", lambda: person.ask(who=(stranger, signer)))
    forbidden("forbidden", lambda: person.ask(who=(served.a.id, served.operator(served.a))))
    forbidden("forbidden", lambda: person.ask(who=(served.b.id, served.operator(served.b))))
    # Sessions are their reader's own; those of others are like none.
    organisation = served.node.organisations[served.a.id]
    prepared = organisation.vault.relations.encounter(person.ids[0], [stranger])
    organisation.write(OpenEncounter(encounter=prepared.relation, terms=prepared.commitment))
    assert person.ask(who=(stranger, signer))["entries"]
    sessions = f"?sessions={person.sessions[0]}"
    forbidden("organisation.session_unknown", lambda: person.ask(sessions, who=(stranger, signer)))
    forbidden("organisation.session_unknown", lambda: person.ask(f"?sessions={drafts.fresh_id()}"))
    at = f"/v1/organisations/{served.a.id}/persons/{person.ids[0]}/timeline"
    assert httpx.get(served.url + at).json()["code"] == "unauthenticated"


def test_the_person_sees_all_and_a_custodian_what_is_not_sensitive(
    served: Served, person: Person
) -> None:
    signer, daughter = Ed25519Signer.generate(), Ed25519Signer.generate()
    organisation = served.node.organisations[served.a.id]
    mine, _ = organisation.enrol_person("urn:test", "f33", signer.key)
    child, _ = organisation.enrol_person("urn:test", "f33-child", daughter.key)
    part = [{"resource": {**each["resource"]}} for each in person.parts[0]]
    for each in part:
        if each["resource"]["resourceType"] == "Patient":
            each["resource"]["identifier"] = [{"system": "urn:test", "value": "f33"}]
    part[-1]["resource"]["meta"] = {"security": [{"code": "HIV"}]}
    told = json.dumps({"resourceType": "Bundle", "entry": part}).encode()
    with served.client(served.a) as client:
        path = f"/v1/organisations/{served.a.id}/bundles?person={mine}"
        loaded = client.request("POST", path, told)

    def ask(who: str, key: Ed25519Signer) -> list[Any]:
        with served.as_(who, key, served.a) as client:
            at = f"/v1/organisations/{served.a.id}/persons/{mine}/timeline"
            entries: list[Any] = client.request("GET", at)["entries"]
            return entries

    everything = ask(mine, signer)
    assert sum(len(each["sources"]) for each in everything) == loaded["records"]
    forbidden("forbidden", lambda: ask(child, daughter))
    with served.as_(mine, signer, served.a) as client:
        ends = served.node.engine.now() + DAY_MS
        client.send([NameCustodian(custodian=child, powers=["read"], ends=ends)])
        assert 0 < len(ask(child, daughter)) < len(everything)
        record = ask(child, daughter)[0]["sources"][0]["record"]
        line = organisation.vault.journal_about(record)[-1]
        assert (line.reader, line.on_behalf_of, line.basis) == (child, mine, "patient")
        client.send([SwitchCustodian(custodian=child, on=False)])
    forbidden("forbidden", lambda: ask(child, daughter))


def test_the_command_shows_it(served: Served, person: Person, tmp_path: Path) -> None:
    key = tmp_path / "doctor.key"
    person.signer.write(key, None)
    code, told = yilian(
        *("organisation", "timeline", "--organisation", served.a.id, "--person", person.ids[0]),
        *("--sessions", ",".join(person.sessions), "--type", "Patient", "--key", key),
        *("--sender", person.doctor, "--node", served.url),
    )
    assert code == 0
    (entry,) = told["entries"]
    assert len(entry["sources"]) == 3
