"""Goods without numbers of their own: in, out and on hand, by lot and unit of measure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.supply.pack_events import (
    DAY,
    MAKER,
    OTHER,
    OWN,
    Room,
    event,
    pack,
    seen,
    site,
    undone,
)
from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.actions import Site
from yilian.gateway.supply.lot_quantities import LotQuantities
from yilian.gateway.supply.steps import PARTY
from yilian.gateway.supply.stock import Stock

GTIN = pack(0).split("/")[4]
LOT = f"https://id.gs1.org/01/{GTIN}/10/L1"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    found = Room(tmp_path)
    yield found
    found.close()


def lots(room: Room) -> LotQuantities:
    mine = Site(OWN).mine
    return LotQuantities(room.database, room.repository, room.packs, room.alerts, mine=mine)


def some(amount: Any, measure: str = "", item: str = LOT) -> dict[str, Any]:
    said = {"epcClass": item} if amount is None else {"epcClass": item, "quantity": amount}
    return said | ({"uom": measure} if measure else {})


def moved(at: int, step: str, *amounts: dict[str, Any], word: str = "", **more: Any) -> Event:
    return seen(at, [], step, word, quantityList=list(amounts), place=1, **more)


def came(at: int, *amounts: dict[str, Any], **more: Any) -> Event:
    ilmd = {"cbvmda:lotNumber": "L1", "cbvmda:itemExpirationDate": "2026-07-31"}
    return moved(at, "commissioning", *amounts, action="ADD", ilmd=ilmd, **more)


def on_hand(room: Room) -> dict[tuple[str, str], str]:
    return {(each.lot, each.measure): str(each.on_hand) for each in lots(room).lines()}


def test_in_out_and_on_hand_in_each_unit_of_measure(room: Room) -> None:
    room.take(
        came(0, some(100), some(Decimal("7.5"), "KGM")),
        moved(1, "shipping", some(30), word="in_transit"),
        moved(2, "dispensing", some(Decimal("0.1"), "KGM"), word="dispensed"),
        moved(3, "receiving", some(5), destination=PARTY + OWN),
        moved(4, "inspecting", some(999)),
        moved(5, "destroying", some(None), word="destroyed"),
    )
    found = lots(room).lines()
    assert [(each.measure, each.came, each.went, each.on_hand) for each in found] == [
        ("", Decimal(105), Decimal(30), Decimal(75)),
        ("KGM", Decimal("7.5"), Decimal("0.1"), Decimal("7.4")),
    ]
    assert {each.place for each in found} == {site(1)}
    assert lots(room).lines(gtin=GTIN, lot="L1", place=site(1)) == found
    assert lots(room).lines(place=site(2)) == lots(room).lines(lot="L2") == []
    assert room.broken() == []


def test_what_others_have_or_told_is_not_ours(room: Room) -> None:
    room.take(came(0, some(10)), moved(1, "shipping", some(10)), by=MAKER)
    room.take(
        moved(2, "receiving", some(4), destination=PARTY + OTHER),
        moved(3, "shipping", some(4), source=PARTY + OTHER),
    )
    assert lots(room).lines() == []


def test_a_transformation_takes_in_and_gives_out(room: Room) -> None:
    made = LOT.replace("L1", "M1")
    room.take(
        came(0, some(10, "KGM")),
        event(
            "TransformationEvent",
            1,
            "commissioning",
            place=1,
            inputQuantityList=[some(4, "KGM")],
            outputQuantityList=[some(900, item=made)],
        ),
    )
    assert on_hand(room) == {("L1", "KGM"): "6", ("M1", ""): "900"}


def test_less_than_nothing_is_shown_and_alerted_until_it_is_explained(room: Room) -> None:
    room.take(moved(5, "dispensing", some(3), word="dispensed"))
    assert on_hand(room) == {("L1", ""): "-3"}
    assert room.broken() == [("lot_below_zero", "error", LOT)]
    room.take(moved(1, "receiving", some(3), destination=PARTY + OWN))
    assert on_hand(room) == {("L1", ""): "0"}
    assert room.broken() == []
    room.take(moved(6, "dispensing", some(1), word="dispensed"))
    assert (on_hand(room), room.kinds()) == ({("L1", ""): "-1"}, ["lot_below_zero"])


def test_what_was_declared_an_error_counts_no_more(room: Room) -> None:
    wrong = moved(1, "receiving", some(50), destination=PARTY + OWN)
    room.take(came(0, some(5)), wrong, moved(2, "dispensing", some(20), word="dispensed"))
    assert (on_hand(room), room.broken()) == ({("L1", ""): "35"}, [])
    lots(room).catch_up()
    room.take(undone(wrong))
    assert on_hand(room) == {("L1", ""): "-15"}
    assert room.kinds() == ["lot_below_zero"]


def test_what_took_a_place_below_nothing_and_did_not_happen_is_explained(room: Room) -> None:
    wrong = moved(1, "dispensing", some(3), word="dispensed")
    room.take(wrong)
    assert (on_hand(room), room.kinds()) == ({("L1", ""): "-3"}, ["lot_below_zero"])
    room.take(undone(wrong))
    assert (on_hand(room), room.kinds()) == ({}, [])


@pytest.mark.parametrize("amount", ["1e15", "1e30", "1e-10", "0.0000000001"])
def test_an_amount_that_no_stock_has_counts_nothing(room: Room, amount: str) -> None:
    room.take(came(0, some(Decimal(amount)), some(1)))
    assert on_hand(room) == {("L1", ""): "1"}


def test_what_is_on_hand_expires(room: Room) -> None:
    room.take(came(0, some(5), some(2, "KGM")), moved(1, "dispensing", some(2, "KGM")))
    stock = Stock(Site(OWN), room.database, lambda: room.time, lots(room))
    lines = stock.lots()
    (soon,) = stock.expiring_lots(lines, 90)
    assert (soon.line.expiry, soon.line.on_hand, soon.days) == ("2026-07-31", Decimal(5), 33)
    assert stock.expiring_lots(lines, 32) == []
    room.time += 60 * DAY
    assert [each.days for each in stock.expiring_lots(lines, 0)] == [-27]


@settings(max_examples=40, deadline=None)
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(["receiving", "shipping", "dispensing", "destroying", "inspecting"]),
            st.integers(1, 10**12).map(lambda each: Decimal(each).scaleb(-3)),
            st.sampled_from(["", "KGM", "LTR"]),
        ),
        max_size=12,
    ),
    order=st.randoms(use_true_random=False),
)
def test_equals_a_count_by_hand(
    moves: list[tuple[str, Decimal, str]], order: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    room = Room(tmp_path_factory.mktemp("lots"))
    try:
        expected: dict[tuple[str, str], Decimal] = {}
        events = []
        for number, (step, amount, measure) in enumerate(moves):
            events.append(moved(number, step, some(amount, measure)))
            sign = {"receiving": 1, "inspecting": 0}.get(step, -1)
            if sign:
                key = ("L1", measure)
                expected[key] = expected.get(key, Decimal(0)) + sign * amount
        order.shuffle(events)
        room.take(*events)
        found = {(each.lot, each.measure): each.on_hand for each in lots(room).lines()}
        assert found == expected
        assert bool(room.open()) == any(each < 0 for each in expected.values())
    finally:
        room.close()
