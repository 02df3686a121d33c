"""What the rows share that ask about packs: the trade's own door for it, and who may come in."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx

from tests.epcis_sample import check_digit
from tests.rows.supplied import PREFIX, Traders, gtin
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.xml_writing import write_xml
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts

DAY_MS = 86_400_000
CORRELATION = "5ae27a1c-1d2f-4b0a-9d2b-7d4f1e0a9c33"


class Answered(NamedTuple):
    """An answer of the verification service."""

    status: int
    headers: httpx.Headers
    body: dict[str, Any]

    @property
    def said(self) -> dict[str, Any]:
        """The answer itself."""
        assert self.status == 200, self.body
        data: dict[str, Any] = self.body["data"]
        return data


def gln(served: Traders, who: HostedOrganisation) -> str:
    """The location number of a trader."""
    body = f"{PREFIX}{served.traders.index(who) + 1:05d}"
    return body + check_digit(body)


def address(
    served: Traders, who: HostedOrganisation, serial: str, lot: str, expiry: str = "701231"
) -> str:
    """Where to verify a pack of the maker's, for a trader."""
    query = {
        "exp": expiry,
        "linkType": "verificationService",
        "reqGLN": gln(served, who),
        "corrUUID": CORRELATION,
    }
    return f"/verify/gtin/{gtin()}/lot/{quote(lot)}/ser/{quote(serial)}?{urlencode(query)}"


def verify(
    served: Traders,
    who: HostedOrganisation,
    serial: str,
    lot: str,
    expiry: str = "701231",
    *,
    signed_by: HostedOrganisation | None = None,
) -> Answered:
    """Ask by a signed request, one's own unless said otherwise."""
    with served.client(signed_by or who) as client:
        answer = client.exchange("GET", address(served, who, serial, lot, expiry))
    return Answered(answer.status, httpx.Headers(answer.headers), json.loads(answer.body))


def credential(served: Traders, who: HostedOrganisation) -> str:
    """The regulator lets a trader ask; gives the credential's id."""
    made = drafts.fresh_id()
    with served.client(served.regulator) as client:
        client.supply.issue_credential(
            credential=made,
            organisation=who.id,
            role="dispenser",
            ends=time.time_ns() // 1_000_000 + DAY_MS,
        )
    return made


def report(
    served: Traders, to: HostedOrganisation, events: list[Event], by: HostedOrganisation | None
) -> None:
    """Hand events in at somebody's repository, with a token for a partner or for a program."""
    token = {
        "name": "program",
        "rights": ["capture"],
        "partner": None if by is None else gln(served, by),
        "expires": time.time_ns() // 1_000_000 + DAY_MS,
    }
    with served.client(to) as client:
        made = client.request("POST", f"/v1/organisations/{to.id}/epcis/tokens", token)
    headers = {"Authorization": f"Bearer {made['bearer']}", "Content-Type": "application/xml"}
    document = write_xml(events, kind="EPCISDocument", created="2026-03-02T00:00:00Z")
    where = f"{served.url}/epcis/{to.id}/capture"
    answer = httpx.post(where, content=document, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text
    end = time.monotonic() + 30
    while time.monotonic() < end:
        job = httpx.get(served.url + answer.headers["location"], headers=headers).json()
        if not job["running"]:
            assert job["success"], job
            return
        time.sleep(0.05)
    raise AssertionError("the capture did not end")
