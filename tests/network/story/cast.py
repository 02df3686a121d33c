"""Who takes part in the story, and what they do: all of it over HTTP, each at a member's gateway.

Every test brings its own people, so that no test needs another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from tests.network.members import Member, Running, wait_for
from tests.rows.test_f27_relation import LABORATORY
from yilian.ledger.module import Message
from yilian.ledger.modules.consent.messages import Ask, BreakGlass, OpenSession
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.terms import check_terms

SYSTEM = "urn:oid:2.16.156.112605.1"
FHIR = "application/fhir+json"
DAY_MS = 86_400_000
FOLLOWS = 30.0
REASON = {"reason": "unable_to_consent", "text": "昏迷，急诊抢救", "place": "emergency-room"}

T = TypeVar("T")


class Actor:
    """Somebody with a key, at home in one organisation."""

    def __init__(self, home: Member, name: str, signer: Ed25519Signer, number: str = "") -> None:
        self.home, self.id, self.signer, self.number = home, name, signer, number

    def client(self, patience: float | None = 20.0) -> Client:
        """Speak to the gateway at home, at its organisation's expense."""
        organisation = self.home.seat.organisation
        return Client(
            self.home.url,
            signer=self.signer,
            sender=self.id,
            payer=organisation,
            patience=patience,
        )

    def ask(self, method: str, rest: str, body: Any = None, **more: Any) -> Any:
        """Ask below the organisation."""
        with self.client() as client:
            return client.request(method, at(self.home, rest), body, **more)

    def refused(self, method: str, rest: str, body: Any = None) -> ProblemError:
        """Ask once, and give the problem that must come."""
        with self.client(patience=0) as client, pytest.raises(ProblemError) as caught:
            client.request(method, at(self.home, rest), body)
        return caught.value

    def send(self, *messages: Message, **common: Any) -> int:
        """Sign with one's own key and hand in; gives the height that has it."""
        with self.client() as client:
            height = client.send(list(messages), **common).height
        assert height is not None
        return height

    def notices(self, kind: str) -> list[dict[str, Any]]:
        """Give one's notices of a kind, or as a practitioner one's own."""
        who = "staff" if self.number == "" else "persons"
        found = self.ask("GET", f"{who}/{self.id}/notices")["notices"]
        return [each for each in found if each["kind"] == kind]


def at(member: Member, rest: str) -> str:
    """Give an address below a member's organisation."""
    return f"/v1/organisations/{member.seat.organisation}/{rest}"


class Town:
    """Four members, and everybody who is at home there."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.a, self.b, self.c, self.d = running

    # -- people --------------------------------------------------------------------------------

    def operator(self, member: Member) -> Actor:
        """The organisation itself."""
        return Actor(member, member.seat.organisation, member.signer())

    def patient(self, name: str = "王秀英", at: Member | None = None, **more: Any) -> Actor:
        """Enrol a person at the desk of a member (A), with a key of their own."""
        home = at or self.a
        signer, number = Ed25519Signer.generate(), f"N-{drafts.fresh_id()}"
        key = {"suite": signer.key.suite, "public": signer.key.public}
        asked = {"system": SYSTEM, "number": number, "name": name, "key": key, **more}
        made = self.operator(home).ask("POST", "persons", asked)
        return Actor(home, made["person"], signer, number)

    def doctor(self, member: Member, name: str = "李医生") -> Actor:
        """Enrol a physician at a member, whom D licenses."""
        signer, doctor = Ed25519Signer.generate(), drafts.fresh_id()
        with member.client() as client:
            client.identity.enrol_practitioner(
                practitioner=doctor, tag=drafts.fresh_salt(), key=signer.key
            )
        with self.d.client(at=member) as client:
            client.identity.issue_licence(
                licence=drafts.fresh_id(),
                practitioner=doctor,
                profession="physician",
                ends=now() + DAY_MS,
            )
        staff = {"name": name, "role": "physician"}
        self.operator(member).ask("PUT", f"staff/{doctor}", staff)
        return Actor(member, doctor, signer)

    # -- records -------------------------------------------------------------------------------

    def write(self, patient: Actor, *resources: dict[str, Any], **query: str) -> dict[str, Any]:
        """Take resources of a patient in where they are at home, behind the person's own."""
        words = "".join(f"&{name}={value}" for name, value in query.items())
        answer: dict[str, Any] = self.operator(patient.home).ask(
            "POST",
            f"bundles?person={patient.id}{words}",
            bundle(patient, *resources),
            media_type=FHIR,
        )
        return answer

    # -- consent -------------------------------------------------------------------------------

    def question(self, doctor: Actor, patient: Actor, *categories: str) -> str:
        """A doctor asks a patient of A; gives the question's id."""
        body = {
            "holder": self.a.seat.organisation,
            "system": SYSTEM,
            "number": patient.number,
            "categories": list(categories),
            "reason": "follow-up",
        }
        made = doctor.ask("POST", "asks", body)
        doctor.send(msgspec.convert(made, Ask))
        assert doctor.ask("POST", f"asks/{made['ask']}/deliver")["delivered"]
        return str(made["ask"])

    def grant(self, patient: Actor, to: Member | None = None, **asked: Any) -> str:
        """A patient checks, signs and delivers a grant to a member (B); gives its id."""
        grantee = (to or self.b).seat.organisation
        body = {"person": patient.id, "grantee": grantee, **asked}
        prepared = patient.ask("POST", "grants/prepare", body)
        patient.send(check_terms(prepared, body))
        given = patient.ask("POST", f"grants/{prepared['grant']}/deliver")
        assert given["delivered"]
        return str(prepared["grant"])

    def session(self, reader: Actor, grant: str, **asked: Any) -> str:
        """Prepare a session at the reader's member and open it on the chain."""
        made = reader.ask("POST", "sessions", {"grant": grant, **asked})
        reader.send(msgspec.convert(made, OpenSession))
        return str(made["session"])

    def read(self, reader: Actor, session: str, query: str = "") -> list[Any]:
        """Read all that a session opens; gives the resources."""
        answer = reader.ask("POST", f"sessions/{session}/read{query}")
        assert answer["refused"] == []
        return [json.loads(each["content"]) for each in answer["records"]]

    def denied(self, reader: Actor, session: str, query: str = "") -> str:
        """Read, and give the reasons why that is refused with 403."""
        problem = reader.refused("POST", f"sessions/{session}/read{query}")
        assert (problem.status, problem.code) == (403, "consents.not_permitted")
        return str(problem.parameters["reasons"])

    # -- emergencies ---------------------------------------------------------------------------

    def break_glass(self, doctor: Actor, patient: Actor) -> str:
        """Break the glass for a patient of A; gives the access."""
        body = {"holder": self.a.seat.organisation, "person": patient.id, **REASON}
        made = doctor.ask("POST", "emergencies", body)
        doctor.send(BreakGlass(access=made["access"], terms=made["terms"], ends=made["ends"]))
        return str(made["access"])

    # -- all members ---------------------------------------------------------------------------

    def together(self) -> None:
        """Wait until every member has what A has now."""
        with self.a.client() as client:
            self.reach(client.status().height)

    def reach(self, height: int) -> None:
        """Wait until every member has a height."""
        with httpx.Client(timeout=10) as http:
            for each in self.running:

                def there(each: Member = each) -> bool:
                    found = each.status(http)
                    return found is not None and found["height"] >= height

                wait_for(f"{each.name} has height {height}", FOLLOWS, there)


def bundle(patient: Actor, *resources: dict[str, Any]) -> bytes:
    """Write a patient's resources as a bundle."""
    person = {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": patient.number}],
    }
    entries = [{"resource": each} for each in (person, *resources)]
    whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(whole, ensure_ascii=False).encode()


def now() -> int:
    """Tell the time in milliseconds."""
    return time.time_ns() // 1_000_000


def until(what: str, look: Callable[[], T]) -> T:
    """Look again and again until something is found."""
    found: T = wait_for(what, FOLLOWS, look)
    return found


def files(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Give every file below folders with its bytes; what runs may take one away meanwhile."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                try:
                    yield path, path.read_bytes()
                except FileNotFoundError:
                    continue


def finding(text: str) -> dict[str, Any]:
    """A laboratory result."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [LABORATORY]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueString": text,
    }


def image(text: str) -> dict[str, Any]:
    """An imaging report."""
    return {"resourceType": "ImagingStudy", "status": "available", "description": text}


def problem(text: str, **more: Any) -> dict[str, Any]:
    """A diagnosis."""
    return {"resourceType": "Condition", "code": {"text": text}, **more}
