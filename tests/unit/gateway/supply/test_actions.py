"""Actions: judged before, all or nothing, once for each key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.unit.gateway.supply.pack_events import (
    DAY,
    MAKER,
    OTHER,
    OWN,
    START,
    case,
    made,
    pack,
    packed,
    seen,
    site,
)
from tests.unit.gateway.supply.pack_shop import Ledger, Shop, order
from yilian.gateway.epcis.validation import validate
from yilian.gateway.supply import action_errors as errors
from yilian.gateway.supply.actions import Site
from yilian.gateway.supply.orders import ActionName, Scanned
from yilian.gateway.supply.outside import End
from yilian.gateway.supply.stock import Stock
from yilian.ledger.errors import MALFORMED, Code, Refusal
from yilian.vault.envelope import new_id

A, B, C = pack(1), pack(2), pack(3)
BOX, PALLET = case(1), case(2)
HERE, THERE = site(1), site(2)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    yield found
    found.room.close()


def test_a_day_of_work(shop: Shop) -> None:
    shop.stock(A, B, C)
    assert shop.room.unit(A).lot == "L1"
    shop.do("aggregate", [A, B], parent=BOX)
    assert shop.room.unit(A).parent == BOX
    done = shop.do("ship", [BOX], to=OTHER)
    assert {each.unit: each.standing for each in done.units} == dict.fromkeys(
        (A, B, BOX), "in_transit"
    )
    assert shop.titles.asked[-1] == ("ship", OTHER, A, B)
    shop.do("dispense", [C], part=True)
    assert shop.room.standing(C) == "partially_dispensed"
    shop.do("dispense", [C])
    assert shop.titles.asked[-1] == ("dispensed", C)
    assert shop.room.broken() == []


def test_a_receiver_sees_the_history_of_what_it_gets_and_no_more(shop: Shop) -> None:
    shop.stock(A)
    shop.stock(B)
    shop.do("aggregate", [A], parent=BOX)
    shop.do("aggregate", [B], parent=PALLET)
    done = shop.do("ship", [BOX], to=OTHER)
    shown = [
        stored.event_id
        for stored in shop.room.repository.after(0, 100)
        if shop.room.repository.event(stored.event_id, OTHER) is not None
    ]
    assert len(shown) == 3
    assert done.events[0] in shown
    assert all(
        B not in str(shop.room.repository.event(each).event)  # type: ignore[union-attr]
        for each in shown
    )


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("aggregate", {"parent": BOX}),
        ("ship", {"to": OTHER}),
        ("dispense", {}),
        ("decommission", {}),
        ("destroy", {}),
        ("report_stolen", {}),
        ("report_lost", {}),
        ("sample", {}),
        ("export", {}),
        ("quarantine", {"reason": "damaged"}),
        ("use", {}),
        ("sterilise", {}),
        ("recall", {}),
    ],
)
def test_every_action_writes_valid_events_and_leads_where_it_says(
    shop: Shop, action: ActionName, more: dict[str, Any]
) -> None:
    shop.stock(A)
    done = shop.do(action, [A], **more)
    expected = {
        "ship": "in_transit",
        "dispense": "dispensed",
        "decommission": "decommissioned",
        "destroy": "destroyed",
        "report_stolen": "stolen",
        "report_lost": "lost",
        "sample": "sampled",
        "export": "exported",
        "quarantine": "quarantined",
        "recall": "recalled",
    }.get(action, "active")
    assert shop.room.standing(A) == expected
    for each in done.events:
        stored = shop.room.repository.event(each)
        assert stored is not None
        assert validate(stored.event, "default") == []
    assert shop.room.broken() == []


REFUSALS: list[tuple[ActionName, str, dict[str, Any], Code]] = [
    ("dispense", pack(99), {}, errors.UNIT_UNKNOWN),
    ("ship", pack(99), {"to": OTHER}, errors.UNIT_UNKNOWN),
    ("dispense", "transit", {}, errors.WRONG_STANDING),
    ("dispense", "held", {}, errors.QUARANTINED),
    ("dispense", "done", {}, errors.ALREADY_DISPENSED),
    ("ship", "done", {"to": OTHER}, errors.ALREADY_DISPENSED),
    ("receive", "here", {}, errors.WRONG_STANDING),
    ("restock", "here", {}, errors.WRONG_STANDING),
    ("dispense", "here", {"place": THERE}, errors.WRONG_PLACE),
    ("dispense", "theirs", {}, errors.NOT_YOURS),
    ("report_stolen", "theirs", {}, errors.NOT_YOURS),
    ("report_lost", "theirs", {}, errors.NOT_YOURS),
    ("report_lost", "done", {}, errors.ALREADY_DISPENSED),
    ("quarantine", "here", {"reason": "did_not_occur"}, errors.FIELD_NEEDED),
    ("declare_error", "here", {"declares": "x" * 21 + "A"}, MALFORMED),
    ("dispense", "old", {}, errors.EXPIRED),
    ("export", "old", {}, errors.EXPIRED),
    ("dispense", "packed", {}, errors.IN_A_PARENT),
    ("aggregate", "packed", {"parent": PALLET}, errors.IN_A_PARENT),
    ("disaggregate", "here", {"parent": BOX}, errors.NOT_IN_PARENT),
    ("release", "here", {}, errors.WRONG_STANDING),
    ("commission", "here", {"lot": "L1"}, errors.UNIT_EXISTS),
    ("aggregate", "here", {}, errors.FIELD_NEEDED),
    ("ship", "here", {}, errors.FIELD_NEEDED),
    ("quarantine", "here", {}, errors.FIELD_NEEDED),
    ("commission", pack(99), {}, errors.FIELD_NEEDED),
    ("dispense", "here", {"at": 10**15}, errors.BAD_TIME),
    ("dispense", "here", {"at": 1}, errors.CHANGED_SINCE),
]


@pytest.mark.parametrize(("action", "name", "more", "code"), REFUSALS)
def test_each_reason_has_its_code(
    shop: Shop, action: ActionName, name: str, more: dict[str, Any], code: Code
) -> None:
    words = ("here", "done", "held", "transit", "packed")
    names = {word: pack(number) for number, word in enumerate(words)}
    shop.stock(*names.values())
    names["old"] = pack(20)
    shop.do("commission", [pack(20)], lot="L0", expiry="2026-01-01")
    names["theirs"] = pack(21)
    shop.room.take(made(0, [pack(21)]), by=MAKER)
    shop.do("dispense", [names["done"]])
    shop.do("quarantine", [names["held"]], reason="damaged")
    shop.do("ship", [names["transit"]], to=OTHER)
    shop.do("aggregate", [names["packed"]], parent=BOX)
    assert shop.refused(action, [names.get(name, name)], **more) is code


def test_one_bad_unit_stops_all_and_every_bad_one_is_told(shop: Shop) -> None:
    shop.stock(A, B, C)
    shop.do("dispense", [B])
    with pytest.raises(errors.UnitsRefused) as refusal:
        shop.do("dispense", [A, B, pack(99), C, C])
    told = {each.parameters["unit"]: each.code for each in refusal.value.refused}
    assert told == {
        B: errors.ALREADY_DISPENSED,
        pack(99): errors.UNIT_UNKNOWN,
        C: errors.DOUBLE_SCAN,
    }
    assert shop.room.standing(A) == "active"


def test_what_is_inside_is_judged_too(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("quarantine", [B], reason="damaged")
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("aggregate", [BOX], parent=PALLET)
    with pytest.raises(errors.UnitsRefused) as refusal:
        shop.do("ship", [PALLET], to=OTHER)
    assert [each.parameters["unit"] for each in refusal.value.refused] == [B]
    assert shop.do("ship", [PALLET], to=OTHER, returning=True).shipment is not None


def test_a_recall_stops_what_goes_to_patients_and_lets_go_back(shop: Shop) -> None:
    shop.stock(A, B)
    shop.recalls.lots.add("L1")
    for action in ("dispense", "ship", "export"):
        assert shop.refused(action, [A], to=OTHER) is errors.RECALLED
    shop.do("recall", [A])
    assert shop.refused("release", [A]) is errors.RECALLED
    shop.do("ship", [A], to=OTHER, returning=True)
    shop.recalls.lots.clear()
    shop.do("recall", [B])
    shop.do("release", [B])
    assert shop.room.standing(B) == "active"


def test_recalled_goods_come_in_and_are_set_aside(shop: Shop) -> None:
    shop.room.take(
        made(0, [A]), made(1, [B], lot="L2"), seen(2, [A, B], "shipping", "in_transit"), by=MAKER
    )
    shop.recalls.lots.add("L1")
    done = shop.do("receive", [A, B])
    assert {each.unit: each.standing for each in done.units} == {A: "recalled", B: "active"}


def test_expiry_is_judged_by_the_clock_of_the_place(shop: Shop) -> None:
    shop.do("commission", [A, B], lot="L1", expiry="2026-06-28")
    # 2026-06-28T20:00Z is the 28th in London's summer, and the 29th in Shanghai.
    shop.room.time = 1_782_676_800_000
    assert shop.refused("dispense", [A]) is errors.EXPIRED
    shop.do("dispense", [A], offset="+01:00")


def test_a_lot_or_date_that_differs_is_refused_and_alerted(shop: Shop) -> None:
    shop.stock(A)
    assert shop.refused("dispense", [Scanned(code=A, lot="L2")]) is errors.WRONG_LOT
    wrong = Scanned(code=A, lot="L1", expiry="2028-12-31")
    assert shop.refused("dispense", [wrong]) is errors.WRONG_EXPIRY
    assert [each[:2] for each in shop.room.broken()] == [
        ("wrong_expiry", "suspect"),
        ("wrong_lot", "suspect"),
    ]
    right = Scanned(code=A, lot="L1", expiry="2027-12-31")
    assert shop.do("dispense", [right]).units[0].standing == "dispensed"


def test_codes_as_they_are_scanned(shop: Shop) -> None:
    gtin = A.split("/")[4]
    shop.stock(A)
    scanned = Scanned(code=f"(01){gtin}(17)271231(10)L1(21)S1")
    assert shop.do("dispense", [scanned]).units[0].unit == A
    traced = shop.actions.read(Scanned(code="81234560000000000017"))
    assert traced.unit == f"https://id.gs1.org/01/{gtin}/21/0000000000017"
    for bad in ("garbage!", "urn:epc:id:sgtin:1", "90000000000000000000", gtin):
        with pytest.raises(Refusal) as refusal:
            shop.actions.read(Scanned(code=bad))
        assert refusal.value.code.name == "supply.code_unreadable"


def test_a_second_dispensing_is_refused_and_graded(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("dispense", [A])
    assert shop.refused("dispense", [A]) is errors.ALREADY_DISPENSED
    assert shop.room.broken() == [("dispensed_twice", "error", A)]
    assert shop.refused("dispense", [A], place=THERE) is errors.ALREADY_DISPENSED
    assert shop.refused("dispense", [pack(99)]) is errors.UNIT_UNKNOWN
    assert [each[:2] for each in shop.room.broken()] == [
        ("dispensed_twice", "error"),
        ("dispensed_twice", "suspect"),
        ("unknown_serial", "suspect"),
    ]


def test_the_same_key_acts_once(shop: Shop) -> None:
    shop.stock(A, B)
    asked = order([A])
    shop.room.time += 1000
    first = shop.actions.carry_out("dispense", asked, OWN)
    newest = shop.room.repository.newest()
    again = shop.actions.carry_out("dispense", asked, OWN)
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.events, again.units) == (first.events, first.units)
    assert shop.room.repository.newest() == newest
    assert shop.room.broken() == []
    with pytest.raises(Refusal) as refusal:
        shop.actions.carry_out("dispense", order([B], key=asked.key), OWN)
    assert refusal.value.code is errors.KEY_REUSED


def test_a_refused_key_may_be_asked_again(shop: Shop) -> None:
    shop.stock(A)
    shop.do("quarantine", [A], reason="damaged")
    asked = order([A])
    with pytest.raises(errors.UnitsRefused):
        shop.actions.carry_out("dispense", asked, OWN)
    shop.do("release", [A])
    shop.room.time += 1000
    assert not shop.actions.carry_out("dispense", asked, OWN).replayed


def test_a_returned_pack_is_sold_again_only_after_it_was_verified(shop: Shop) -> None:
    shop.stock(A)
    shop.do("ship", [A], to=OTHER)
    shop.verified.passes[A] = shop.room.time
    shop.do("return", [A])
    assert shop.room.standing(A) == "returned"
    assert shop.refused("dispense", [A]) is errors.WRONG_STANDING
    # A verification from before it came back says nothing of what came back.
    assert shop.refused("restock", [A]) is errors.NOT_VERIFIED
    shop.verified.passes[A] = shop.room.time + 1
    shop.do("restock", [A])
    assert shop.room.standing(A) == "active"
    shop.do("dispense", [A])
    assert shop.room.broken() == []


def test_a_receipt_takes_in_what_the_sender_showed(shop: Shop) -> None:
    shipment = new_id()
    events = [made(0, [A, B]), packed(1, BOX, [A, B]), seen(2, [BOX], "shipping", "in_transit")]
    bad = {"type": "ObjectEvent", "eventTime": "never"}
    shop.told.shipments[shipment] = (MAKER, [*events, bad])
    assert shop.refused("receive", [BOX]) is errors.UNIT_UNKNOWN
    shop.do("receive", [BOX], shipment=shipment)
    unit = shop.room.unit(A)
    assert (unit.standing, unit.holder, unit.lot) == ("active", OWN, "L1")
    assert shop.titles.asked[-1] == ("accept", A, B)
    assert shop.room.broken() == []


def test_only_own_products_are_commissioned(shop: Shop) -> None:
    shop.products.owner = OTHER
    assert shop.refused("commission", [A], lot="L1") is errors.NOT_MADE_HERE
    assert shop.refused("commission", [A, A], lot="L1") in (
        errors.NOT_MADE_HERE,
        errors.UNIT_EXISTS,
    )


def test_a_case_cannot_hold_itself(shop: Shop) -> None:
    shop.stock(A)
    shop.do("aggregate", [A], parent=BOX)
    shop.do("aggregate", [BOX], parent=PALLET)
    assert shop.refused("aggregate", [PALLET], parent=BOX) is errors.IN_A_PARENT
    assert shop.refused("aggregate", [BOX], parent=BOX) is errors.IN_A_PARENT


def test_a_case_is_emptied_at_once(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    done = shop.do("disaggregate", [], parent=BOX)
    assert [each.unit for each in done.units] == [A, B]
    assert shop.room.packs.contents(BOX) == []
    assert shop.refused("disaggregate", [], parent=BOX) is errors.FIELD_NEEDED


def test_goods_between_two_places_of_one_organisation(shop: Shop) -> None:
    shop.stock(A)
    shop.do("ship", [A], to=OWN)
    assert ("ship", OWN, A) not in shop.titles.asked
    shop.do("receive", [A], place=THERE)
    assert shop.refused("dispense", [A]) is errors.WRONG_PLACE
    shop.do("dispense", [A], place=THERE)


def test_a_title_that_is_refused_leaves_nothing_behind(shop: Shop) -> None:
    class Fails(Ledger):
        def finish(self, units: Sequence[str], end: End, connection: sql.Connection) -> str:
            raise errors.NOT_YOURS(unit=units[0])

    shop.stock(A)
    shop.actions._titles._holding = Fails(shop.site.mine)
    assert shop.refused("dispense", [A]) is errors.NOT_YOURS
    assert shop.actions.known("x" * 22) is None


def test_an_action_follows_a_partner_whose_clock_is_ahead(shop: Shop) -> None:
    at = shop.room.time - START
    shop.room.take(made(0, [A]), seen(at + 100_000, [A], "shipping", "in_transit"), by=MAKER)
    done = shop.do("receive", [A])
    assert done.at == START + at + 100_000
    shop.room.take(seen(at + 10 * DAY, [A], "holding", "damaged"), by=MAKER)
    assert shop.refused("destroy", [A]) is errors.CHANGED_SINCE


def test_a_location_number_counts_from_when_there_is_one() -> None:
    held: list[str] = []
    own = Site(OWN, lambda: held[-1] if held else "")
    uri = "https://id.gs1.org/417/6901234000009"
    assert own.mine(OWN)
    assert not own.mine(uri)
    assert not own.mine("https://id.gs1.org/417/")
    held.append("6901234000009")
    assert own.mine(OWN)
    assert own.mine(uri)
    assert not own.mine("6901234000009")
    assert (Site(OWN, "6901234000009").gln, Site(OWN).gln, own.gln) == (held[0], "", held[0])
    assert Site(OWN, "6901234000009").mine(uri)


def test_packs_made_before_a_company_registered_are_still_its_own(shop: Shop) -> None:
    held: list[str] = []
    shop.site._gln = lambda: held[-1] if held else ""
    shop.stock(A)
    assert shop.room.unit(A).holder == OWN
    held.append("6901234000009")
    shop.room.take(made(0, [B]), seen(2, [B], "shipping", "in_transit"), by=MAKER)
    shop.do("receive", [B])
    assert shop.room.unit(B).holder == "https://id.gs1.org/417/6901234000009"
    shop.do("aggregate", [A, B], parent=BOX)
    assert {shop.room.standing(each) for each in (A, B)} == {"active"}
    stock = Stock(shop.site, shop.room.database, lambda: shop.room.time)
    assert sum(each.packs for each in stock.lines()) == 2


def test_who_is_shown_packs_is_told_once_they_can_be_seen(shop: Shop) -> None:
    repository, seen_then = shop.room.repository, list[int]()

    def told(_: int) -> None:
        seen_then.append(len(repository.query({}, limit=9, viewer=OTHER).events))

    shop.stock(A)
    repository.listeners.append(told)
    shop.do("ship", [A], to=OTHER)
    assert seen_then[-1] == 2


def test_a_lost_pack_leaves_its_case_and_the_trade(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("report_lost", [A])
    assert shop.titles.asked[-1] == ("lost", A)
    assert (shop.room.standing(A), shop.room.unit(A).parent) == ("lost", None)
    assert shop.room.broken() == []
    assert shop.refused("dispense", [A]) is errors.WRONG_STANDING
    shop.do("ship", [BOX], to=OTHER)
    assert shop.titles.asked[-1] == ("ship", OTHER, B)


def test_a_lost_pallet_is_lost_with_all_that_is_on_it(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("report_lost", [BOX])
    assert {shop.room.standing(each) for each in (A, B, BOX)} == {"lost"}
    assert shop.room.unit(A).parent == BOX


def test_what_was_lost_and_is_found_can_be_destroyed_and_not_sold(shop: Shop) -> None:
    class Ends(Ledger):
        def holds(
            self, units: Sequence[str], connection: sql.Connection | None = None
        ) -> dict[str, bool]:
            gone = {unit for end, *ended in self.asked if end == "lost" for unit in ended}
            return {
                unit: held and unit not in gone
                for unit, held in super().holds(units, connection).items()
            }

    shop.stock(A)
    shop.actions._titles._holding = shop.actions._checks._holding = Ends(shop.site.mine)
    shop.do("report_lost", [A])
    assert shop.refused("release", [A]) is errors.NOT_YOURS
    assert shop.refused("quarantine", [A], reason="damaged") is errors.NOT_YOURS
    shop.do("destroy", [A])
    assert shop.room.standing(A) == "destroyed"
