"""F52: the trace of a lot or serial, up to its maker and down to the counter, over all members."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.epcis_sample import sscc
from tests.rows.desk import refused
from tests.rows.supplied import PREFIX, Traders, gtin, pack, path
from tests.rows.test_f45_recall import passed_on, wait
from yilian.sdk import drafts

BOX, PALLET = (sscc(PREFIX, number, link=True) for number in (1, 2))
PACKS = [pack(1), pack(2), pack(3)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """A lot that was packed twice, shipped on, unpacked, and in part handed out."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        maker, shop, other = running.traders
        running.do(maker, "commission", PACKS, lot="L1", expiry="2070-12-31")
        running.do(maker, "aggregate", PACKS[:2], parent=BOX)
        running.do(maker, "aggregate", [BOX], parent=PALLET)
        passed_on(running, maker, shop, [PALLET])
        running.do(shop, "disaggregate", [], parent=PALLET)
        running.do(shop, "disaggregate", [], parent=BOX)
        passed_on(running, shop, other, PACKS[:1])
        running.until_done(other, "dispense", PACKS[:1])
        yield running


def test_by_lot_and_by_serial(served: Traders) -> None:
    maker, shop, other = served.traders
    scanned = quote(f"(01){gtin()}(21)S1", safe="")
    with served.client(other) as client:
        tree = client.request("GET", path(other, f"trace?code={scanned}"))
        (item,) = tree["items"]
        assert (item["item"], item["lot"], item["where"]) == (PACKS[0], "L1", "dispensed")
        # Up to the maker, in the cases of the time, as the senders showed it.
        assert [(each["act"], each["cases"], each["by"]) for each in item["life"]] == [
            ("commission", [], shop.id),
            ("observe", [BOX], shop.id),
            ("observe", [BOX, PALLET], shop.id),
            ("ship", [BOX, PALLET], shop.id),
            ("receive", [BOX, PALLET], shop.id),
            ("observe", [BOX], shop.id),
            ("observe", [], shop.id),
            ("ship", [], shop.id),
            ("receive", [], other.id),
            ("dispense", [], other.id),
        ]
        assert refused(client, "GET", path(other, f"trace?gtin={gtin()}&lot=L9")) == (
            "supply.nothing_to_trace"
        )
        assert refused(client, "GET", path(other, "trace")) == "bad_parameter"
        for wrong in (f"gtin={gtin()}", f"code={scanned}&lot=L1", "gtin=1&lot=L1", "x=1"):
            assert refused(client, "GET", path(other, f"trace?{wrong}")) == "bad_parameter"
    with served.client(maker) as client:
        asked = f"trace?gtin={gtin()}&lot=L1"
        # The maker answers for the product, and is told of the end by who dispensed the pack.
        lot = wait(lambda: ended(client.request("GET", path(maker, asked))))
        assert {each["item"]: each["where"] for each in lot["items"]} == {
            PACKS[0]: "elsewhere",
            PACKS[1]: "away",
            PACKS[2]: "held",
        }
        assert lot["more"] is False
        # In a recall its issuer follows each pack to its end.
        client.supply.issue_recall(
            recall=drafts.fresh_id(),
            gtin=gtin(),
            grade=2,
            reason="stability",
            lots=["L1"],
            serials=[],
        )
    with served.client(other) as client:
        assert refused(client, "GET", path(maker, "trace?code=x")) == "forbidden"


def ended(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree, once the first pack is known to be dispensed."""
    standings = {each["item"]: each["standing"] for each in tree["items"]}
    return tree if standings[PACKS[0]] == "dispensed" else {}


def whole(hops: list[dict[str, Any]], until: list[str]) -> list[dict[str, Any]]:
    """The hops, once all of these tell."""
    told = [each["organisation"] for each in hops if each["moments"]]
    return hops if told == until else []


def test_across_members(served: Traders) -> None:
    maker, shop, other = served.traders
    asked = f"trace/members?code={quote(PACKS[0], safe='')}"
    with served.client(maker) as client:
        before = client.request("GET", path(maker, asked))["hops"]
        # The maker knows whom it sold to; to whom that one sold is none of its business.
        assert [each["organisation"] for each in before] == [maker.id, shop.id]
        assert before[1]["to"] == ""
        client.supply.issue_recall(
            recall=drafts.fresh_id(),
            gtin=gtin(),
            grade=2,
            reason="stability",
            lots=["L1"],
            serials=[],
        )
        until = [maker.id, shop.id, other.id]
        # Each member has to have found the pack before it knows that its issuer may follow it.
        hops = wait(lambda: whole(client.request("GET", path(maker, asked))["hops"], until))
        assert [each["act"] for each in hops[-1]["moments"]] == ["receive", "dispense"]
        assert [each["fault"] for each in hops] == ["", "", ""]
        assert hops[1]["to"] == other.id
    with served.client(other) as client:
        # The title names the maker, whatever it tells one that it never dealt with.
        hops = client.request("GET", path(other, asked))["hops"]
        assert [each["organisation"] for each in hops] == until
        assert hops[0]["fault"] in ("", "members.not_about_caller")
        assert [each["fault"] for each in hops[1:]] == ["", ""]
    with served.client(shop) as client:
        hops = client.request("GET", path(shop, asked))["hops"]
        assert [(each["organisation"], each["fault"]) for each in hops] == [
            (maker.id, ""),
            (shop.id, ""),
            (other.id, ""),
        ]
    with served.client(maker) as client:
        nothing = f"trace/members?code={quote(pack(9), safe='')}"
        assert refused(client, "GET", path(maker, nothing)) == "supply.nothing_to_trace"
        assert refused(client, "GET", path(maker, "trace/members")) == "bad_parameter"
