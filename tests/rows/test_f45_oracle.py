"""F45, F52: who has the packs of a lot, asked over HTTP, against a walk over the plain truth.

A random trade of six members: packs at four levels, shipped, received, unpacked, repacked, sent
back, made into others. All that they tell is captured at one repository by their tokens, chunk by
chunk and within a chunk by teller, so not in the order in which it happened. Then every lot is
traced, and some are recalled: 0 packs missed, 0 too many, each with its holder. In full
(YILIAN_SCALE=100) there are 100,000 packs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.epcis.place import document
from tests.rows.supplied import PATIENCE, Traders, path
from tests.rows.test_f45_recall import wait
from tests.scale import SCALE, scale
from tests.unit.gateway.supply.flows import MAKER, MEMBERS, Flow, Told, gtin_of, lots
from yilian.sdk import drafts
from yilian.sdk.client import Client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 if SCALE == 1 else 0)]

LOTS = scale(2, 125)
PALLETS = scale(1, 4)
MOVES = scale(250, 2_000)
AT_ONCE = 500
RECALLED = 3
"""How many lots are recalled, of those that were made into others first of all."""

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders who are registered; the maker hears of everything."""
    with Traders(Path(tmp_path_factory.mktemp("oracle")) / "node") as running:
        running.open_trade()
        yield running


@pytest.fixture(scope="module")
def flow(served: Traders) -> Flow:
    """The trade, captured and followed."""
    played = Flow(23, lots=LOTS, pallets=PALLETS).play(MOVES)
    assert len(played.truth.lot) >= LOTS * PALLETS * 200
    began = time.monotonic()
    capture(served, played)
    supply = served.node.organisations[served.maker.id].supply
    assert supply is not None
    supply.catch_up()
    took = time.monotonic() - began
    print(
        f"{len(played.told)} events of {len(played.truth.lot)} packs taken in within {took:.0f} s"
    )
    return played


def capture(served: Traders, flow: Flow) -> None:
    """Hand everything in at the maker's, each by a token of who tells it."""
    where = f"{served.url}/epcis/{served.maker.id}/capture"
    bearers = {each: bearer(served, each) for each in MEMBERS}
    with httpx.Client(timeout=120) as trade:
        for first in range(0, len(flow.told), AT_ONCE):
            by: dict[str, list[Told]] = {}
            for each in flow.told[first : first + AT_ONCE]:
                by.setdefault(each.by, []).append(each)
            jobs = [
                (hand_in(trade, where, bearers[who], written(served, told)), bearers[who])
                for who, told in by.items()
            ]
            for job, shown in jobs:
                done(trade, served.url + job, shown)


def real(served: Traders, member: str) -> str:
    """The name of a member of the trade; its maker is the one that hears of everything."""
    return served.maker.id if member == MAKER else member


def bearer(served: Traders, member: str) -> str:
    """What a member's program shows."""
    token = {
        "name": "member",
        "rights": ["capture"],
        "partner": real(served, member),
        "expires": time.time_ns() // 1_000_000 + 86_400_000,
    }
    with served.client(served.maker) as client:
        made = client.request("POST", f"/v1/organisations/{served.maker.id}/epcis/tokens", token)
    return f"Bearer {made['bearer']}"


def written(served: Traders, told: list[Told]) -> bytes:
    """A document of events."""
    data = document([each.event for each in told])
    return data.replace(MAKER.encode(), served.maker.id.encode())


def hand_in(trade: httpx.Client, where: str, shown: str, data: bytes) -> str:
    """Capture; gives where the job is."""
    answer = trade.post(where, content=data, headers={**JSON, "Authorization": shown})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def done(trade: httpx.Client, job: str, shown: str) -> None:
    """Wait until a job is done."""
    end = time.monotonic() + PATIENCE
    while True:
        found = trade.get(job, headers={"Authorization": shown}).json()
        if not found["running"]:
            assert found["success"], found
            return
        assert time.monotonic() < end, "the capture did not end"
        time.sleep(0.05)


def traced(client: Client, served: Traders, lot: str) -> dict[str, str]:
    """Who has the packs of a lot and all that was made of them, as the trace tells it."""
    asked = path(served.maker, f"trace?gtin={gtin_of(lot)}&lot={lot}")
    tree: dict[str, Any] = client.request("GET", asked)
    assert tree["more"] is False
    items = {each["item"]: each for each in tree["items"]}
    waiting, found = list(tree["roots"]), dict[str, str]()
    while waiting:
        item = items[waiting.pop()]
        if item["item"] not in found:
            # What is on its way here counts as here, as it does in the truth.
            here = item["where"] == "coming"
            found[item["item"]] = served.maker.id if here else item["other"]
            waiting += item["made_into"]
    return {item: other for item, other in found.items() if "/21/" in item}


def test_the_trace_of_every_lot_is_the_truth(served: Traders, flow: Flow) -> None:
    assert len(flow.truth.made_from) > 3
    took = []
    with served.client(served.maker) as client:
        client._http.timeout = httpx.Timeout(PATIENCE)  # A busy machine is slow at whole lots.
        for lot in lots(flow):
            began = time.monotonic()
            found = traced(client, served, lot)
            took.append(time.monotonic() - began)
            wanted = flow.truth.holders(lot)
            assert found == {each: real(served, who) for each, who in wanted.items()}, lot
    print(f"{len(took)} lots traced, the slowest in {max(took):.2f} s")


def concerned(flow: Flow, lot: str) -> dict[str, str]:
    """Where the packs of a lot, and what was made of them, are that the maker has to do with."""
    found = {}
    for each in flow.truth.of_lot(lot):
        holder, to = flow.truth.holder[each], flow.truth.to.get(each)
        word = flow.truth.ended.get(each, "")
        if to == MAKER:
            found[each] = "coming"
        elif holder == MAKER and to:
            found[each] = "away"
        elif holder == MAKER:
            found[each] = {"": "held", "dispensed": "dispensed"}.get(word, "ended")
    return found


def test_a_recall_finds_what_is_here_by_the_truth(served: Traders, flow: Flow) -> None:
    mixed = {flow.truth.lot[pack] for given in flow.truth.made_from.values() for pack in given}
    seen = set()
    with served.client(served.maker) as client:
        for lot in sorted(mixed)[:RECALLED]:
            recall = drafts.fresh_id()
            client.supply.issue_recall(
                recall=recall,
                gtin=gtin_of(lot),
                grade=2,
                reason="potency",
                lots=[lot],
                serials=[],
            )
            finding = wait(lambda: followed(client, served, recall))  # noqa: B023
            assert finding["more"] is False
            found = {each["unit"]: each["where"] for each in finding["units"]}
            assert found == concerned(flow, lot)
            assert {each["unit"] for each in finding["units"] if each["derived"]} == {
                each for each in found if flow.truth.lot[each] != lot
            }
            seen |= set(found.values())
    assert len(seen) > 1


def followed(client: Client, served: Traders, recall: str) -> dict[str, Any]:
    """What a recall concerns, once it was followed."""
    listed = client.request("GET", path(served.maker, "recalls"))["recalls"]
    if not any(each["recall"] == recall and each["answer"] for each in listed):
        return {}
    found: dict[str, Any] = client.request("GET", path(served.maker, f"recalls/{recall}"))
    return found
