"""People who consent, at a served node: with keys of their own, and what they do with them."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tests.rows.served import Served
from yilian.gateway.fhir import sample
from yilian.ledger.modules.consent import messages as consent
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.terms import check_terms

SYSTEM = "urn:oid:2.16.156.112605.1"


class Actor(NamedTuple):
    """Somebody with an id and a key."""

    id: str
    signer: Ed25519Signer


def person(served: Served, at: HostedOrganisation, number: str = "N-1") -> Actor:
    """Enrol a person with a key of their own."""
    signer = Ed25519Signer.generate()
    organisation = served.node.organisations[at.id]
    name, _ = organisation.enrol_person(SYSTEM, number, signer.key)
    return Actor(name, signer)


def doctor(served: Served, at: HostedOrganisation) -> Actor:
    """Enrol and license a doctor."""
    name, signer, _ = served.doctor(at)
    return Actor(name, signer)


def speak(served: Served, who: Actor, at: HostedOrganisation) -> Client:
    """Speak as somebody, at the expense of where they are at home."""
    return served.as_(who.id, who.signer, at)


def keep(
    served: Served, at: HostedOrganisation, patient: str, category: str, text: str, **more: Any
) -> str:
    """Have an organisation keep and anchor one record of a person; gives its id."""
    from yilian.vault.vault import Item

    organisation = served.node.organisations[at.id]
    fields: dict[str, Any] = {
        "record": drafts.fresh_id(),
        "patient": patient,
        "category": category,
        "sensitivity": "normal",
        "period": "2026-11",
        "media_type": "application/fhir+json",
        "content": text.encode(),
    }
    item = Item(**(fields | more))
    organisation.anchor(organisation.deposit([item]))
    return item.record


def path(at: HostedOrganisation, rest: str) -> str:
    return f"/v1/organisations/{at.id}/{rest}"


def ask(served: Served, reader: Actor, **changes: Any) -> tuple[str, bool]:
    """Have a doctor of hospital B ask hospital A's patient; gives its id and whether it came."""
    body = {
        "holder": served.a.id,
        "system": SYSTEM,
        "number": "N-1",
        "categories": ["laboratory"],
        "reason": "follow-up",
        **changes,
    }
    with speak(served, reader, served.b) as client:
        made = client.request("POST", path(served.b, "asks"), body)
        client.send([msgspec.convert(made, consent.Ask)])
        answer = client.request("POST", path(served.b, f"asks/{made['ask']}/deliver"))
    return str(made["ask"]), bool(answer["delivered"])


def asked_of(served: Served, who: Actor) -> list[dict[str, Any]]:
    """List what was asked of somebody at hospital A, as they see it."""
    with speak(served, who, served.a) as client:
        answer = client.request("GET", path(served.a, f"persons/{who.id}/asks"))
    return list(answer["asks"])


def give(served: Served, who: Actor, patient: str, **asked: Any) -> dict[str, Any]:
    """Prepare, check, sign and deliver a grant at hospital A; `patient` may be another person."""
    body = {"person": patient, "grantee": served.b.id, **asked}
    with speak(served, who, served.a) as client:
        prepared = client.request("POST", path(served.a, "grants/prepare"), body)
        message = check_terms(prepared, body)
        if patient == who.id:
            client.send([message])
        else:
            client.send([message], on_behalf_of=patient)
        delivered: dict[str, Any] = client.request(
            "POST", path(served.a, f"grants/{prepared['grant']}/deliver")
        )
        return delivered


def session(served: Served, reader: Actor, grant: str, **asked: Any) -> str:
    """Prepare a session at hospital B and open it on the chain."""
    with speak(served, reader, served.b) as client:
        made = client.request("POST", path(served.b, "sessions"), {"grant": grant, **asked})
        client.send([msgspec.convert(made, consent.OpenSession)])
        return str(made["session"])


def read(served: Served, reader: Actor, opened: str, query: str = "") -> dict[str, Any]:
    """Read what a session opens."""
    with speak(served, reader, served.b) as client:
        answer: dict[str, Any] = client.request(
            "POST", path(served.b, f"sessions/{opened}/read{query}")
        )
        return answer


def contents(answer: dict[str, Any]) -> set[str]:
    return {each["content"] for each in answer["records"]}


def numbers() -> tuple[str, str]:
    """The system and number of the patient that `Served.load` takes in with seed 1."""
    from yilian.gateway.fhir import intake

    (bundle,) = sample.bundles(1, 1)
    named = intake.take_apart(bundle).identity
    return named.system, named.value
