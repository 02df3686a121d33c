"""F40: packs from maker to patient; wrong order, wrong owner, double transfer are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.epcis_sample import check_digit, sscc
from tests.rows.supplied import PREFIX, Traders, gtin, pack, path, place
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError

BOX = sscc(PREFIX, 1, link=True)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def test_packs_go_from_their_maker_to_a_patient(served: Traders) -> None:
    maker, shop, other = served.maker, served.shop, served.other
    packs = [pack(number) for number in range(4)]
    assert served.refused(shop, "commission", packs, lot="L1") == "supply.not_made_here"
    served.do(maker, "commission", packs, lot="L1", expiry="2070-12-31")
    assert served.refused(maker, "commission", packs[:1], lot="L1") == "supply.unit_exists"
    assert served.refused(shop, "dispense", packs[:1]) == "supply.unit_unknown"
    served.do(maker, "aggregate", packs[:3], parent=BOX)
    assert served.refused(maker, "ship", packs[:1], to=shop.id) == "supply.in_a_parent"
    sent = served.until_done(maker, "ship", [BOX], to=shop.id)
    # Wrong order and double transfer: it is on its way, to one receiver.
    assert served.refused(maker, "ship", [BOX], to=other.id) == "supply.wrong_standing"
    assert served.refused(maker, "dispense", packs[:1]) == "supply.wrong_standing"
    came = served.incoming(shop)
    assert (came["shipment"], came["sender"], came["units"]) == (
        sent["shipment"],
        maker.id,
        packs[:3],
    )
    with served.client(other) as client:
        assert client.request("GET", path(other, "shipments"))["shipments"] == []
    # Not yet received, nothing is known of it here.
    assert served.refused(shop, "dispense", packs[:1]) == "supply.unit_unknown"
    served.until_done(shop, "receive", [BOX], shipment=came["shipment"])
    life = served.unit(shop, packs[0])
    assert [each["act"] for each in life["history"]] == ["commission", "observe", "ship", "receive"]
    # The shop registered after its node had begun, and is known by its location number.
    body = f"{PREFIX}{2:05d}"
    holder = f"https://id.gs1.org/417/{body}{check_digit(body)}"
    assert (life["unit"]["lot"], life["unit"]["holder"]) == ("L1", holder)
    assert served.refused(shop, "dispense", packs[:1]) == "supply.in_a_parent"
    served.do(shop, "disaggregate", [], parent=BOX)
    scanned = f"(01){gtin()}(17)701231(10)L1(21)S0"
    served.until_done(shop, "dispense", [scanned])
    assert served.refused(shop, "dispense", [scanned]) == "supply.already_dispensed"
    assert served.refused(shop, "dispense", packs[3:]) == "supply.unit_unknown"
    # What went to the shop cannot be destroyed at the maker's; see test_f40_wrong_owner.
    assert served.refused(maker, "destroy", packs[1:2]) == "supply.wrong_standing"
    with served.client(shop) as client:
        alerts = client.request("GET", path(shop, "alerts"))["alerts"]
        assert {(each["kind"], each["severity"]) for each in alerts} == {
            ("dispensed_twice", "error"),
            ("unknown_serial", "suspect"),
        }
        closed = {"finding": "data_error", "together": True}
        for each in alerts:
            client.request("POST", path(shop, f"alerts/{each['alert']}/close"), closed)
        assert client.request("GET", path(shop, "alerts"))["alerts"] == []


def test_what_was_not_in_a_case_goes_back_to_its_sender(served: Traders) -> None:
    maker, shop = served.maker, served.shop
    packs = [pack(number) for number in range(3)]
    served.do(maker, "commission", packs, lot="L1", expiry="2070-12-31")
    served.do(maker, "aggregate", packs, parent=BOX)
    served.until_done(maker, "ship", [BOX], to=shop.id)
    came = served.incoming(shop)
    missing = [{"code": packs[1]}]
    done = served.until_done(shop, "receive", [BOX], shipment=came["shipment"], missing=missing)
    assert done["missing"] == packs[1:2]
    back = served.incoming(maker)
    assert (back["sender"], back["units"]) == (shop.id, packs[1:2])
    served.until_done(maker, "return", packs[1:2], shipment=back["shipment"])
    assert served.unit(maker, packs[1])["unit"]["standing"] == "returned"
    served.until_done(maker, "report_lost", packs[1:2])
    with served.client(shop) as client:
        lines = client.request("GET", path(shop, "stock"))["lines"]
        alerts = client.request("GET", path(shop, "alerts"))["alerts"]
    assert [(each["standing"], each["packs"]) for each in lines] == [("active", 2)]
    assert [(each["kind"], each["unit"]) for each in alerts] == [("missing_in_case", packs[1])]
    assert served.unit(maker, packs[1])["unit"]["standing"] == "lost"


def test_who_gets_one_pack_of_a_case_learns_no_other_number(served: Traders) -> None:
    maker, shop = served.maker, served.shop
    packs = [pack(number) for number in range(3)]
    served.do(maker, "commission", packs, lot="L1", expiry="2070-12-31")
    served.do(maker, "aggregate", packs, parent=BOX)
    served.do(maker, "disaggregate", [], parent=BOX)
    served.until_done(maker, "ship", packs[:1], to=shop.id)
    came = served.incoming(shop)
    served.until_done(shop, "receive", packs[:1], shipment=came["shipment"])
    acts = [each["act"] for each in served.unit(shop, packs[0])["history"]]
    assert acts == ["commission", "observe", "observe", "ship", "receive"]
    with served.client(shop) as client:
        assert client.request("GET", path(shop, "alerts"))["alerts"] == []
        room = f"/epcis/{shop.id}/events"
        found = client.request("GET", f"{room}?MATCH_anyEPC={quote(packs[0], safe='')}")
        events = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        assert [each["yilian:others"] for each in events if "yilian:redacted" in each] == [2, 2]
        assert not any(name in str(events) for name in packs[1:])
        with pytest.raises(ProblemError) as refusal:
            served.unit(shop, packs[1])
        assert refusal.value.code == "supply.unit_unknown"


def test_actions_are_all_or_nothing_and_done_once(served: Traders) -> None:
    maker = served.maker
    served.do(maker, "commission", [pack(1), pack(2)], lot="L1")
    order = {
        "key": drafts.fresh_id(),
        "units": [{"code": pack(1)}, {"code": pack(9)}],
        "place": place(1),
        "reason": "damaged",
    }
    with served.client(maker) as client:
        with pytest.raises(ProblemError) as problem:
            client.request("POST", path(maker, "actions/quarantine"), order)
        assert problem.value.code == "supply.unit_unknown"
        order["units"] = [{"code": pack(1)}]
        first = client.request("POST", path(maker, "actions/quarantine"), order)
        again = client.request("POST", path(maker, "actions/quarantine"), order)
        assert (first["replayed"], again["replayed"]) == (False, True)
        assert first["events"] == again["events"]


def test_strangers_and_unlicensed_people_do_nothing(served: Traders) -> None:
    maker, shop = served.maker, served.shop
    served.do(maker, "commission", [pack(1)], lot="L1")
    doctor, signer, licence = served.doctor(maker)
    order = {
        "key": drafts.fresh_id(),
        "units": [{"code": pack(1)}],
        "place": place(1),
        "reason": "damaged",
    }
    with served.client(shop) as stranger, pytest.raises(ProblemError) as problem:
        stranger.request("POST", path(maker, "actions/quarantine"), order)
    assert problem.value.code == "forbidden"
    with served.client(served.authority) as client:
        client.identity.revoke_licence(licence=licence)
    with served.as_(doctor, signer, maker) as client, pytest.raises(ProblemError) as problem:
        client.request("POST", path(maker, "actions/quarantine"), order)
    assert problem.value.code == "identity.licence_not_in_force"
    other, signer, _ = served.doctor(maker)
    with served.as_(other, signer, maker) as client:
        client.request("POST", path(maker, "actions/quarantine"), order)
        for action in ("recall", "nonsense"):
            with pytest.raises(ProblemError) as problem:
                client.request("POST", path(maker, f"actions/{action}"), order)
            assert problem.value.code == "bad_parameter"
        with pytest.raises(ProblemError) as problem:
            client.request("POST", path(maker, "actions/ship"), {"key": "x"})
        assert problem.value.code == "malformed"
