"""F41: documents with published event hashes are captured over HTTP; the chain has those hashes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.rows.supplied import PATIENCE, Traders, path
from tests.shared import shared
from yilian.node.config import HostedOrganisation
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError

XML = {"Content-Type": "application/xml"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path_factory.mktemp("f41") / "node") as running:
        running.open_trade()
        yield running


def published(suffixes: tuple[str, ...]) -> dict[str, set[str]]:
    """The hashes of CBV 2.0, by document."""
    found: dict[str, set[str]] = {}
    for row in json.loads(shared("epcis/hash/vectors.json").read_text("utf-8")):
        if row["cbv"] == "CBV2.0" and row["doc"].endswith(suffixes):
            found.setdefault(row["doc"], set()).add(row["hash"])
    return found


def token(served: Traders, who: HostedOrganisation) -> str:
    """What a warehouse's program shows."""
    told = {
        "name": "warehouse",
        "rights": ["capture", "query"],
        "expires": time.time_ns() // 1_000_000 + 3_600_000,
    }
    with served.client(who) as client:
        made = client.request("POST", f"/v1/organisations/{who.id}/epcis/tokens", told)
    return f"Bearer {made['bearer']}"


def captured(trade: httpx.Client, name: str) -> bool:
    """Hand a document in; tells whether all of it was taken."""
    headers = {
        **(XML if name.endswith(".xml") else JSON),
        "GS1-Capture-Error-Behaviour": "rollback",
    }
    data = shared(f"epcis/{name}").read_bytes()
    answer = trade.post("capture", content=data, headers=headers)
    if answer.status_code != 202:
        return False
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        job = trade.get(f"capture/{answer.headers['location'].rsplit('/', 1)[1]}").json()
        if not job["running"]:
            return bool(job["success"])
        time.sleep(0.05)
    raise AssertionError("the capture did not end")


def anchored(client: Client, who: HostedOrganisation, event: str) -> str:
    """The hash of an event in its proof, as soon as there is one."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            proof = client.request("GET", path(who, f"proofs?event={quote(event, safe='')}"))
            return str(proof["event_hash"])
        except ProblemError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


@pytest.mark.parametrize(("number", "suffixes"), [(0, (".xml",)), (1, (".json", ".jsonld"))])
def test_the_chain_has_the_published_hashes(
    served: Traders, number: int, suffixes: tuple[str, ...]
) -> None:
    who = served.traders[number]
    headers = {"Authorization": token(served, who)}
    with httpx.Client(base_url=f"{served.url}/epcis/{who.id}/", headers=headers) as trade:
        wanted = {name: them for name, them in published(suffixes).items() if captured(trade, name)}
        body: Any = trade.get("events?perPage=1000").json()["epcisBody"]["queryResults"]
    events = {each["eventID"] for each in body["resultsBody"]["eventList"]}
    assert len(wanted) >= 7
    with served.client(who) as client:
        found = {anchored(client, who, each) for each in sorted(events)}
    assert set().union(*wanted.values()) <= found
