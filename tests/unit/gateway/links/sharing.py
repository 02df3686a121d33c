"""People who share by link at a served node, and programs that open links as strangers do."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import httpx
from jwcrypto import jwe, jwk

from tests.rows.consenting import Actor, keep, path, speak
from tests.rows.served import Served
from yilian.gateway.links.health_links import HealthLinks
from yilian.ledger import codec
from yilian.node.config import HostedOrganisation

GLUCOSE = '{"resourceType":"Observation","status":"final","valueQuantity":{"value":5.10}}'
HIV = '{"resourceType":"Observation","status":"final","valueString":"reactive"}'
ASTHMA = '{"resourceType":"Condition","code":{"text":"哮喘"}}'
RECIPIENT = {"recipient": "云溪诊所 王医生"}


class Kept(NamedTuple):
    """Records of a person: one normal, one sensitive of the same category, one of another."""

    glucose: str
    hiv: str
    asthma: str


class Link:
    """A link as its recipient has it."""

    def __init__(self, served: Served, made: dict[str, Any]) -> None:
        self.served, self.made = served, made
        self.id: str = made["health_link"]["link"]
        self.payload: dict[str, Any] = decoded(made["shlink"])
        self.address = self.payload["url"].rpartition("/")[2]

    def post(self, body: Any = None, **more: Any) -> httpx.Response:
        """Ask for the manifest."""
        sent = RECIPIENT if body is None else body
        return httpx.post(f"{self.served.url}/shl/{self.address}", json=sent, timeout=30, **more)

    def get(self, recipient: str | None = "Dr Wang", **more: Any) -> httpx.Response:
        """Ask for the one file."""
        asked = {} if recipient is None else {"recipient": recipient}
        url = f"{self.served.url}/shl/{self.address}"
        return httpx.get(url, params=asked, timeout=30, **more)

    def fetch(self, location: str) -> httpx.Response:
        """Fetch a file of a manifest, at the address where the test serves."""
        return httpx.get(self.served.url + location[location.index("/shl/") :], timeout=30)

    def opened(self, file: str) -> dict[str, Any]:
        """Decrypt a file with the link's key, by another implementation than the server's."""
        found: dict[str, Any] = json.loads(decrypted(file, self.payload["key"]))
        return found


def decoded(link: str) -> dict[str, Any]:
    """Read the payload of a `shlink:` URI."""
    assert link.startswith("shlink:/")
    found: dict[str, Any] = json.loads(codec.to_bytes(link.removeprefix("shlink:/")))
    return found


def decrypted(file: str, key: str) -> bytes:
    """Decrypt a JWE with jwcrypto."""
    token = jwe.JWE(algs=["dir", "A256GCM"])
    token.deserialize(file, key=jwk.JWK(kty="oct", k=key))
    content: bytes = token.payload
    return content


def keep_three(served: Served, patient: str, at: HostedOrganisation | None = None) -> Kept:
    """Have the hospital keep three records of a person."""
    at = at or served.a
    more: dict[str, Any] = {"retention": "none"}
    return Kept(
        keep(served, at, patient, "laboratory", GLUCOSE, **more),
        keep(served, at, patient, "laboratory", HIV, sensitivity="hiv", **more),
        keep(served, at, patient, "problem", ASTHMA, **more),
    )


def links_path(served: Served, patient: str, rest: str = "") -> str:
    return path(served.a, f"persons/{patient}/health-links{rest}")


def share(
    served: Served, who: Actor, body: dict[str, Any] | None = None, patient: str | None = None
) -> Link:
    """Make a link; laboratory results unless said otherwise."""
    asked = {"categories": ["laboratory"]} if body is None else body
    with speak(served, who, served.a) as client:
        made = client.request("POST", links_path(served, patient or who.id), asked)
    return Link(served, made)


def shown(served: Served, who: Actor, link: Link) -> dict[str, Any]:
    """Ask where a link stands."""
    with speak(served, who, served.a) as client:
        found: dict[str, Any] = client.request("GET", links_path(served, who.id, f"/{link.id}"))
        return found


def house(served: Served) -> HealthLinks:
    """The links of hospital A."""
    return HealthLinks(served.node.organisations[served.a.id])


def lines_of(served: Served, record: str) -> list[Any]:
    """The journal's lines about a record, the newest last."""
    return served.node.organisations[served.a.id].vault.journal_about(record)
