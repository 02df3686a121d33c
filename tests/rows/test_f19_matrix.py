"""F19: role x resource x action x purpose at the doors is the table, and nothing besides."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.rows.calls import Counted, at
from tests.rows.consenting import Actor, give, person
from tests.rows.served import Served
from tests.rows.test_f27_relation import LABORATORY
from tests.scale import scale
from yilian.ledger.modules.consent.messages import Power
from yilian.ledger.modules.identity.messages import EnrolAgent
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.vault import policy
from yilian.vault.vault import Item

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("f19_matrix")

KEPT = "identity clinical results medication payment other"
LETTERS = {
    "r": "read",
    "w": "write",
    "c": "correct",
    "n": "note",
    "x": "export",
    "e": "erase",
    "b": "break-glass",
}
TABLE = {
    ("physician", "treat"): {"rwc": "identity clinical results medication"},
    ("physician", "emergency"): {"rb": "identity", "rwb": "clinical medication"},
    ("nurse", "treat"): {"r": "identity results medication", "rwc": "clinical"},
    ("nurse", "emergency"): {"rb": "identity", "rwb": "clinical medication"},
    ("pharmacist", "treat"): {"r": "identity", "rwc": "medication"},
    ("technician", "treat"): {"r": "identity", "rwc": "results"},
    ("registrar", "operate"): {"rwc": "identity"},
    ("registrar", "patient-request"): {"xe": KEPT},
    ("billing", "pay"): {"r": "identity", "rwc": "payment"},
    ("researcher", "research"): {"r": "clinical results medication"},
    ("auditor", "operate"): {"r": "payment"},
    ("auditor", "legal"): {"rx": KEPT},
    ("auditor", "retention-duty"): {"rxe": KEPT},
    ("regulator", "legal"): {"r": "clinical results medication payment"},
    ("regulator", "public-health"): {"r": "clinical results"},
    ("patient", "patient-request"): {"rnxe": KEPT + " sensitive"},
    ("custodian", "patient-request"): {"rnx": KEPT},
}
"""Every permit there is, written down a second time; all else is denied."""

STAFF = (
    "physician",
    "nurse",
    "pharmacist",
    "technician",
    "registrar",
    "billing",
    "researcher",
    "auditor",
    "regulator",
)
NO_ROLE = ("dentist", "patient", "custodian")
"""Licences that are no role of staff: unknown here, or a word for somebody else."""

PURPOSES = (
    "treat",
    "pay",
    "operate",
    "research",
    "public-health",
    "legal",
    "retention-duty",
    "patient-request",
    "emergency",
)
CATEGORIES = {
    "identity": "demographics",
    "clinical": "problem",
    "results": "laboratory",
    "medication": "medication",
    "payment": "claim",
    "other": "other",
}
RESOURCES: dict[str, dict[str, Any]] = {
    "identity": {"resourceType": "Patient", "active": True},
    "clinical": {"resourceType": "Condition"},
    "results": {"resourceType": "Observation", "category": [{"coding": [LABORATORY]}]},
    "medication": {"resourceType": "MedicationRequest"},
    "payment": {"resourceType": "Claim"},
    "other": {"resourceType": "Observation"},
}

SENSITIVE = tuple(sorted(CATEGORIES, reverse=True))[: scale(1, 6)]


def permits(role: str, resource: str, action: str, purpose: str) -> bool:
    """Look a combination up in the second table."""
    return any(
        action in (LETTERS[letter] for letter in letters) and resource in resources.split()
        for letters, resources in TABLE.get((role, purpose), {}).items()
    )


def test_the_policy_is_the_table() -> None:
    found = {cell[:4] for cell in policy.matrix(policy.DEFAULT) if cell.permit}
    expected = {
        cell
        for cell in itertools.product(
            (*STAFF, "patient", "custodian"),
            (*CATEGORIES, "sensitive"),
            LETTERS.values(),
            PURPOSES,
        )
        if permits(*cell)
    }
    assert found == expected


class Reader(NamedTuple):
    """Somebody who asks: the role at the doors, who they are, and how they speak."""

    name: str
    role: str
    id: str
    client: Client


class Kept(NamedTuple):
    """A record that is asked for: whose, and its class without and with its label."""

    patient: str
    plain: str
    resource: str


class Asked(NamedTuple):
    """One call, as far as both books tell of it."""

    reader: str
    record: str
    purpose: str
    outcome: str


class House:
    """A hospital with all its people, and two patients: one is treated, one is not."""

    def __init__(self, served: Served) -> None:
        self.served, self.counted = served, Counted(served)
        self.operator = self.counted.operator(served.a)
        self.authority = self.counted.operator(served.authority)
        self.treated, self.other = (person(served, served.a, each) for each in ("1", "2"))
        self.records = {**self._keep(self.treated), **self._keep(self.other)}
        self.staff = [self._licensed(each) for each in (*STAFF, *NO_ROLE)]
        self.people = self._people()
        team = {"person": self.treated.id, "team": [each.id for each in self.staff]}
        self.operator.request("POST", at(served.a, "encounters"), team)
        # To everybody here: it is the role that must keep all others from using it.
        give(
            served,
            self.treated,
            self.treated.id,
            grantee=served.a.id,
            categories=list(CATEGORIES.values()),
            purposes=["research"],
        )
        self.asked: Counter[Asked] = Counter()

    def _keep(self, patient: Actor) -> dict[str, Kept]:
        organisation = self.served.node.organisations[self.served.a.id]
        items = [
            Item(
                record=drafts.fresh_id(),
                patient=patient.id,
                category=CATEGORIES[plain],
                sensitivity=sensitivity,
                period="2026-11",
                media_type="application/fhir+json",
                content=json.dumps(RESOURCES[plain]).encode(),
            )
            for plain in CATEGORIES
            for sensitivity in (("normal", "hiv") if plain in SENSITIVE else ("normal",))
        ]
        organisation.anchor(organisation.deposit(items))
        plain = {category: name for name, category in CATEGORIES.items()}
        return {
            each.record: Kept(
                patient.id,
                plain[each.category],
                plain[each.category] if each.sensitivity == "normal" else "sensitive",
            )
            for each in items
        }

    def _licensed(self, profession: str) -> Reader:
        signer, name = Ed25519Signer.generate(), drafts.fresh_id()
        self.operator.identity.enrol_practitioner(
            practitioner=name, tag=drafts.fresh_salt(), key=signer.key
        )
        self.authority.identity.issue_licence(
            licence=drafts.fresh_id(),
            practitioner=name,
            profession=profession,
            ends=time.time_ns() // 1_000_000 + 86_400_000,
        )
        role = "" if profession in NO_ROLE else profession
        return Reader(profession, role, name, self.counted.of(name, signer, self.served.a))

    def _people(self) -> list[Reader]:
        served, agent, signer = self.served, drafts.fresh_id(), Ed25519Signer.generate()
        self.operator.send([EnrolAgent(agent=agent, key=signer.key)])
        readers = [
            Reader("agent", "", agent, self.counted.of(agent, signer, served.a)),
            Reader("organisation", "auditor", served.a.id, self.operator),
            self._speaking("themself", "patient", self.treated),
        ]
        of_hers = self._speaking("themself", "patient", self.treated).client.consent
        named: tuple[tuple[str, list[Power], bool], ...] = (
            ("custodian", ["read"], True),
            ("custodian without the power", ["change", "grant", "revoke"], True),
            ("custodian switched off", ["read"], False),
        )
        for name, powers, on in named:
            acting = person(served, served.a, name)
            of_hers.name_custodian(custodian=acting.id, ends=2**45, powers=powers)
            if not on:
                of_hers.switch_custodian(custodian=acting.id, on=False)
            role = "custodian" if name == "custodian" else ""
            readers.append(self._speaking(name, role, acting))
        return readers

    def _speaking(self, name: str, role: str, who: Actor) -> Reader:
        return Reader(name, role, who.id, self.counted.of(who.id, who.signer, self.served.a))

    def ask(self, reader: Reader, method: str, rest: str, sent: Any = None, **more: Any) -> int:
        """Ask below the hospital; gives the status."""
        try:
            reader.client.request(method, at(self.served.a, rest), sent, **more)
        except ProblemError as problem:
            return problem.status
        return 200

    def expected(self, reader: Reader, kept: Kept, action: str, purpose: str) -> bool:
        """What the table and the relations say; the glass is broken at another door."""
        if reader.role in ("patient", "custodian") and kept.patient != self.treated.id:
            return False
        if purpose in ("treat", "research") and kept.patient != self.treated.id:
            return False
        if purpose == "emergency":
            return False
        return permits(reader.role, kept.resource, action, purpose)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Served(tmp_path_factory.mktemp("f19") / "node") as served:
        made = House(served)
        yield made
        made.counted.transport.end()


def outcome(status: int) -> str:
    return "permit" if status == 200 else "deny"


def test_reading_is_the_table(house: House) -> None:
    wrong = []
    for reader in (*house.staff, *house.people):
        for (record, kept), purpose in itertools.product(house.records.items(), PURPOSES):
            status = house.ask(reader, "GET", f"records/{record}?purpose={purpose}")
            house.asked[Asked(reader.id, record, purpose, outcome(status))] += 1
            if status != (200 if house.expected(reader, kept, "read", purpose) else 403):
                wrong.append((reader.name, kept, purpose, status))
    assert wrong == []
    assert {each.outcome for each in house.asked} == {"permit", "deny"}


def test_both_books_have_every_reading_and_every_denial(house: House) -> None:
    trail: Counter[Asked] = Counter()
    operation = "get_v1_organisations_by_organisation_records_by_record"
    for line in house.counted.entries(house.operator, house.served.a, operation=operation):
        entry = line["entry"]
        [record] = entry["records"]
        trail[Asked(entry["actor"], record, entry["purpose"], entry["outcome"])] += 1
    assert trail == house.asked
    seen: Counter[Asked] = Counter()
    for patient in (house.treated, house.other):
        client = house._speaking("", "", patient).client
        asked = "limit=200"
        while True:
            path = at(house.served.a, f"persons/{patient.id}/disclosures?{asked}")
            page = client.request("GET", path)
            for each in page["disclosures"]:
                for record in each["records"]:
                    told = (each["reader"]["id"], record, each["purpose"], each["outcome"])
                    seen[Asked(*told)] += 1
            if "next" not in page:
                break
            asked = f"limit=200&cursor={page['next']}"
    assert seen == house.asked


def test_correcting_is_the_table(house: House) -> None:
    """Each permitted one corrects the newest version; programs are not judged by the table."""
    wrong = []
    own = {name: kept for name, kept in house.records.items() if kept.patient == house.treated.id}
    newest = {name: name for name in own}
    readers = [each for each in house.people if each.name in ("themself", "custodian")]
    for reader, (first, kept), purpose in itertools.product(
        (*house.staff, *readers), own.items(), ("treat", "pay", "operate", "emergency")
    ):
        path = at(house.served.a, f"records/{newest[first]}/corrections?purpose={purpose}")
        content = json.dumps(RESOURCES[kept.plain]).encode()
        try:
            made = reader.client.request("POST", path, content, media_type="application/fhir+json")
            newest[first], status = made["record"], 200
        except ProblemError as problem:
            status = problem.status
        if status != (200 if house.expected(reader, kept, "correct", purpose) else 403):
            wrong.append((reader.name, kept, purpose, status))
    assert wrong == []


@pytest.mark.parametrize("action", ["note", "export", "erase"])
def test_notes_exports_and_erasures_are_the_patients(house: House, action: str) -> None:
    person = house.treated.id
    record = next(name for name, kept in house.records.items() if kept.patient == person)
    calls: dict[str, tuple[str, str, Any]] = {
        "note": ("POST", f"persons/{person}/notes", {"text": "note"}),
        "export": ("GET", f"persons/{person}/export", None),
        "erase": ("POST", "erasures", {"person": person, "records": [record]}),
    }
    allowed = {"themself"} if action == "erase" else {"themself", "custodian"}
    found = {}
    for reader in sorted((*house.staff, *house.people), key=lambda each: each in house.people):
        call = calls[action]
        if action == "export":
            signed = reader.client._signed(call[0], at(house.served.a, call[1]), None, "")
            sent = reader.client._run(signed)
            headers = {**sent.headers, "Accept": "application/zip"}
            status = house.counted.raw("GET", sent.path, headers=headers).status_code
        else:
            status = house.ask(reader, *call)
        found[(reader.name, reader.id)] = status
    assert found == {
        (each.name, each.id): 200 if each.name in allowed and each in house.people else 403
        for each in (*house.staff, *house.people)
    }
