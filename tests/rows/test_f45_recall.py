"""F45: a recall reaches everybody who has or had a pack; it is set aside, blocked, shown red."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.desk import at, employ, enrol, refused
from tests.rows.supplied import PATIENCE, Traders, gtin, pack, path
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client

LOT = [pack(number) for number in range(1, 6)]
OTHER = pack(6)
NUMBER = "11010519491231002X"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def passed_on(
    served: Traders, giver: HostedOrganisation, taker: HostedOrganisation, packs: list[str]
) -> None:
    served.until_done(giver, "ship", packs, to=taker.id)
    came = served.incoming(taker)
    served.until_done(taker, "receive", packs, shipment=came["shipment"])


def wait(found: Callable[[], Any]) -> Any:
    """Wait until something is there."""
    end = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)
    return value


def said(client: Client, who: HostedOrganisation, recall: str) -> dict[str, dict[str, Any]]:
    """The issuer's table, by organisation."""
    found = client.request("GET", path(who, f"recalls/{recall}/progress"))
    return {each["organisation"]: each for each in found["members"]}


def colour(served: Traders, number: int) -> str:
    """What somebody sees who scans a pack without login."""
    code = f"(01){gtin()}(17)701231(10)L1(21)S{number}"
    headers = {"accept": "application/json"}
    url = f"{served.url}/v1/supply/scan"
    answer = httpx.get(url, params={"code": code}, headers=headers)
    return str(answer.json()["colour"])


def test_a_recall_finds_blocks_tells_and_is_answered(served: Traders) -> None:
    maker, shop, other = served.traders
    served.do(maker, "commission", LOT, lot="L1", expiry="2070-12-31")
    served.do(maker, "commission", [OTHER], lot="L2", expiry="2070-12-31")
    passed_on(served, maker, shop, [*LOT[:4], OTHER])
    passed_on(served, shop, other, LOT[:1])
    served.until_done(shop, "dispense", LOT[1:3])
    pharmacist, pharmacist_signer = employ(served, shop)
    person, signer = enrol(served, shop, NUMBER)
    link(served, person, signer, pharmacist, pharmacist_signer)
    assert colour(served, 4) == "green"
    recall = drafts.fresh_id()
    with served.client(maker) as client:
        client.supply.issue_recall(
            recall=recall, gtin=gtin(), grade=1, reason="contamination", lots=["L1"], serials=[]
        )
        # The chain says it at once: nothing is sold, and the public sees red.
        for who, packs in ((shop, LOT[3:4]), (other, LOT[:1])):
            assert served.refused(who, "dispense", packs) == "supply.recalled"
        assert colour(served, 4) == "red"
        found = wait(
            lambda: (
                table
                if (table := said(client, maker, recall))
                and all(each["answer"] for each in table.values())
                else None
            )
        )
        assert set(found) == {each.id for each in served.traders}
        names = ("held", "away", "dispensed")
        counts = {x: [found[x]["answer"][name] for name in names] for x in found}
        assert counts == {maker.id: [1, 4, 0], shop.id: [1, 1, 2], other.id: [1, 0, 0]}
        assert found[shop.id]["heard"] == "told"
        assert found[shop.id]["answer"]["persons"] == 1
        with served.client(shop) as shopkeeper:
            made = shopkeeper.request("POST", path(shop, f"recalls/{recall}/confirm"))
            assert made["answer"]["confirmed"] is True
            own = shopkeeper.request("GET", path(shop, f"recalls/{recall}"))
            assert {each["unit"]: each["where"] for each in own["units"]} == {
                LOT[0]: "away",
                LOT[1]: "dispensed",
                LOT[2]: "dispensed",
                LOT[3]: "held",
            }
            listed = shopkeeper.request("GET", path(shop, "recalls"))["recalls"]
            assert [each["recall"] for each in listed] == [recall]
            told = shopkeeper.request("GET", path(shop, f"recalls/{recall}/persons"))["persons"]
            assert [(each["person"], each["units"]) for each in told] == [(person, LOT[1:2])]
            assert (
                refused(shopkeeper, "GET", path(shop, f"recalls/{recall}/progress"))
                == "supply.not_your_recall"
            )
        wait(lambda: said(client, maker, recall)[shop.id]["heard"] == "answered")
        # Every answer is on the chain, as part of a post that shows nothing.
        wait(lambda: all(x["anchored"] for x in said(client, maker, recall).values()))
    assert served.unit(shop, LOT[3])["unit"]["standing"] == "recalled"
    assert served.unit(shop, OTHER)["unit"]["standing"] == "active"
    with served.as_(person, signer, shop) as client:
        (notice,) = client.request("GET", at(shop, f"persons/{person}/notices"))["notices"]
        assert (notice["kind"], notice["parameters"]["recall"]) == ("pack_recalled", recall)
        assert "召回" in notice["body"]
    with served.as_(pharmacist, pharmacist_signer, shop) as client:
        heard = client.request("GET", at(shop, f"staff/{pharmacist}/notices"))["notices"]
        assert [each["kind"] for each in heard] == ["product_recalled"]


def link(
    served: Traders, person: str, signer: Any, pharmacist: str, pharmacist_signer: Any
) -> None:
    """A pharmacist links a pack to a person who has agreed to it."""
    shop, other = served.shop, served.other
    handed = path(shop, "handed-out")
    wish = at(shop, f"persons/{person}/recall-notices")
    with served.as_(pharmacist, pharmacist_signer, shop) as client:
        asked = {"code": LOT[1], "person": person}
        assert refused(client, "POST", handed, asked) == "supply.person_not_agreed"
        # Nobody agrees for another.
        assert refused(client, "PUT", wish, {"agreed": True}) == "forbidden"
        with served.as_(person, signer, shop) as patient:
            assert patient.request("PUT", wish, {"agreed": True}) == {
                "person": person,
                "agreed": True,
            }
            assert refused(patient, "PUT", wish, {"agreed": 1}) == "malformed"
        made = client.request("POST", handed, asked)
        assert client.request("POST", handed, asked) == made
        wrong = {"code": LOT[3], "person": person}
        assert refused(client, "POST", handed, wrong) == "supply.not_handed_out"
        assert refused(client, "POST", handed, {"code": "", "person": person}) == "malformed"
    with served.client(other) as stranger:
        assert refused(stranger, "POST", handed, asked) == "forbidden"


def test_recalls_that_are_not_there(served: Traders) -> None:
    gone = drafts.fresh_id()
    with served.client(served.shop) as client:
        for way in ("GET", "POST"):
            rest = f"recalls/{gone}" + ("/confirm" if way == "POST" else "")
            assert refused(client, way, path(served.shop, rest)) == "supply.unknown_recall"
        assert client.request("GET", path(served.shop, "recalls"))["recalls"] == []
        assert refused(client, "GET", path(served.shop, "recalls/x")) in (
            "bad_parameter",
            "malformed",
        )
    with served.client(served.maker) as client:
        listed = path(served.shop, "recalls")
        assert refused(client, "GET", listed) == "forbidden"
