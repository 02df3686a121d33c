"""F14 where F44 holds: who trades proves every call too, out of batches that all have one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.rows.calls import at, leads_to
from tests.rows.patience import until
from tests.rows.supplied import Traders, path
from yilian.node.config import HostedOrganisation
from yilian.vault.audit import EVEN


def test_a_call_is_proved_and_the_size_of_its_batch_tells_nothing(tmp_path: Path) -> None:
    with Traders(tmp_path / "node") as served:
        served.open_trade()
        for who, asked in ((served.shop, path(served.shop, "shipments")), (served.a, "")):
            with served.client(who) as client:
                client.request("GET", asked or at(who, "integrity"))
        shipments = until(lambda: proved(served, served.shop, "supply_shipments"))
        assert {size(served, served.shop, each) for each in shipments} == {EVEN[0]}
        # A hospital that does not trade anchors what there is, when it is there.
        looked = until(lambda: proved(served, served.a, "integrity"))
        assert {size(served, served.a, each) for each in looked} & set(range(EVEN[0]))


def proved(served: Traders, who: HostedOrganisation, operation: str) -> list[dict[str, Any]]:
    """The entries of an organisation's trail of calls of a kind, as far as they are proved."""
    with served.client(who) as client:
        entries = client.request("GET", at(who, "audit?limit=200"))["entries"]
    return [
        each for each in entries if each["proof"] and each["entry"]["operation"].endswith(operation)
    ]


def size(served: Traders, who: HostedOrganisation, line: dict[str, Any]) -> int:
    """How many leaves the batch of an entry has on the chain, which its proof leads to."""
    proof = line["proof"]
    with served.client(who) as client:
        batch = client.get("records", "batches", proof["batch"]).value
    assert leads_to(line["entry"], proof, batch["root"])
    assert proof["total"] == batch["size"]
    return int(batch["size"])
