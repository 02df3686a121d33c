"""A case that came without some of its packs: what was there is stock, the rest goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.supply.pack_events import (
    MAKER,
    OTHER,
    OWN,
    case,
    made,
    pack,
    packed,
    seen,
    site,
)
from tests.unit.gateway.supply.pack_shop import Shop, order
from yilian.gateway.supply import action_errors as errors
from yilian.gateway.supply.action_errors import UnitsRefused
from yilian.gateway.supply.orders import Scanned
from yilian.gateway.supply.stock import Stock
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault.envelope import new_id

A, B, C, D = pack(1), pack(2), pack(3), pack(4)
BOX, SECOND, PALLET = case(1), case(2), case(3)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    yield found
    found.room.close()


def sent(shop: Shop) -> str:
    """A pallet with two cases of two packs, shipped here."""
    shop.room.take(
        made(0, [A, B, C, D]),
        packed(1, BOX, [A, B], place=7),
        packed(1, SECOND, [C, D], place=7),
        packed(2, PALLET, [BOX, SECOND], place=7),
        seen(3, [PALLET], "shipping", "in_transit"),
        by=MAKER,
    )
    return new_id()


def missed(*units: str) -> tuple[Scanned, ...]:
    return tuple(Scanned(code=each) for each in units)


def counted(shop: Shop) -> int:
    stock = Stock(shop.site, shop.room.database, lambda: shop.room.time)
    return sum(each.packs for each in stock.lines())


def test_what_was_not_in_a_case_stays_the_senders(shop: Shop) -> None:
    done = shop.do("receive", [PALLET], shipment=sent(shop), missing=missed(B))
    standings = {each.unit: each.standing for each in done.units}
    assert standings == dict.fromkeys((A, C, D, BOX, SECOND, PALLET), "active") | {B: "in_transit"}
    assert done.missing == (B,)
    assert shop.titles.asked[-1] == ("accept", A, C, D)
    assert shop.room.broken() == [("missing_in_case", "error", B)]
    unit = shop.room.unit(B)
    assert (unit.parent, unit.holder, unit.place) == (None, MAKER, site(7))
    assert {shop.room.unit(each).holder for each in (A, C, D)} == {OWN}
    assert counted(shop) == 3
    assert shop.refused("dispense", [B]) is errors.WRONG_STANDING
    shop.do("disaggregate", [], parent=PALLET)
    assert [each.unit for each in shop.do("disaggregate", [], parent=BOX).units] == [A]


def test_a_whole_case_is_missing_with_what_is_in_it(shop: Shop) -> None:
    done = shop.do("receive", [PALLET], shipment=sent(shop), missing=missed(SECOND))
    assert done.missing == (SECOND,)
    assert shop.titles.asked[-1] == ("accept", A, B)
    assert {shop.room.standing(each) for each in (SECOND, C, D)} == {"in_transit"}
    assert shop.room.unit(C).parent == SECOND
    assert counted(shop) == 2


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ([PALLET], ()),
        ([PALLET, A, B], (SECOND,)),
        ([PALLET, BOX], (SECOND,)),
        ([PALLET, BOX, SECOND], ()),
        ([PALLET, A, SECOND], (B,)),
        ([PALLET, A, C], (B, D)),
        ([PALLET, A, B, C, D], ()),
    ],
)
def test_those_are_missing_that_were_not_counted(
    shop: Shop, named: list[str], missing: tuple[str, ...]
) -> None:
    done = shop.do("receive", named, shipment=sent(shop), counted=True)
    assert done.missing == missing
    away = {D, C} if SECOND in missing else set(missing)
    assert shop.titles.asked[-1] == ("accept", *sorted({A, B, C, D} - away))


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ([A, B, C, D], ()),
        ([D, B, C, A], ()),
        ([A, B, SECOND], ()),
        ([BOX, SECOND], ()),
        ([A, C, D], (B,)),
        ([A, B], (SECOND,)),
    ],
)
def test_packs_that_make_up_a_case_are_received_as_that_case(
    shop: Shop, named: list[str], missing: tuple[str, ...]
) -> None:
    shipment = sent(shop)
    done = shop.do("receive", named, shipment=shipment, missing=missed(*missing))
    assert done.missing == missing
    away = {C, D} if SECOND in missing else set(missing)
    assert shop.titles.asked[-1] == ("accept", *sorted({A, B, C, D} - away))
    assert shop.room.unit(PALLET).holder == OWN
    assert shop.room.unit(A).parent == BOX
    written = shop.room.repository.after(0, 100)[-1].event
    assert written["epcList"] == [PALLET]


@pytest.mark.parametrize(
    ("named", "unit", "around"),
    [([A], A, BOX), ([A, C], A, BOX), ([A, B], BOX, PALLET), ([A, B, C], BOX, PALLET)],
)
def test_a_part_of_a_case_is_refused_and_the_case_is_named(
    shop: Shop, named: list[str], unit: str, around: str
) -> None:
    shipment = sent(shop)
    with pytest.raises(UnitsRefused) as refusal:
        shop.do("receive", named, shipment=shipment)
    assert refusal.value.code is errors.IN_A_PARENT
    assert refusal.value.refused[0].parameters == {"unit": unit, "parent": around}
    assert shop.titles.asked == []


def test_a_pack_of_a_case_keeps_what_was_read_on_it(shop: Shop) -> None:
    read = [Scanned(code=A, lot="OTHER"), *missed(B, C, D)]
    shipment = sent(shop)
    assert shop.refused("receive", read, shipment=shipment) is errors.WRONG_LOT


def test_no_other_action_takes_packs_for_their_case(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    assert shop.refused("ship", [A, B], to=OTHER) is errors.IN_A_PARENT


@settings(max_examples=25, deadline=None)
@given(tree=st.lists(st.lists(st.integers(1, 3), max_size=3), min_size=1, max_size=3))
def test_pack_by_pack_or_as_a_whole_is_the_same(
    tree: list[list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`tree`: for each outermost unit how many packs are in each case of it; none: a loose pack."""
    found = []
    for whole in (True, False):
        shop = Shop(tmp_path_factory.mktemp("shop"))
        try:
            packs, tops = shipped(shop, tree)
            shop.do("receive", tops if whole else packs)
            unit = shop.room.unit
            found.append({each: (unit(each).standing, unit(each).parent) for each in packs + tops})
            assert all(standing == "active" for standing, _ in found[-1].values())
        finally:
            shop.room.close()
    assert found[0] == found[1]


def shipped(shop: Shop, tree: list[list[int]]) -> tuple[list[str], list[str]]:
    """Packs in cases in larger cases, on their way here; gives all packs, and the outermost."""
    packs, tops, numbers = [], [], iter(range(1, 100))
    story = []
    for cases in tree:
        inner = []
        for size in cases:
            box, inside = case(next(numbers)), [pack(next(numbers)) for _ in range(size)]
            packs += inside
            inner.append(box)
            story.append(packed(1, box, inside))
        if inner:
            tops.append(case(next(numbers)))
            story.append(packed(2, tops[-1], inner))
        else:
            tops.append(pack(next(numbers)))
            packs.append(tops[-1])
    shop.room.take(made(0, packs), *story, seen(3, tops, "shipping", "in_transit"), by=MAKER)
    return packs, tops


def test_an_empty_case_sends_every_title_back(shop: Shop) -> None:
    shop.do("receive", [PALLET], shipment=sent(shop), missing=missed(A, B, C, D))
    assert shop.titles.asked[-1] == ("accept",)
    assert counted(shop) == 0


@pytest.mark.parametrize("missing", [pack(99), PALLET, "https://id.gs1.org/414/9520001000010"])
def test_only_what_should_be_in_a_case_is_missing(shop: Shop, missing: str) -> None:
    shipment = sent(shop)
    asked = {"shipment": shipment, "missing": missed(missing)}
    assert shop.refused("receive", [PALLET], **asked) is errors.NOT_MISSING
    both = {"shipment": shipment, "missing": missed(A)}
    assert shop.refused("receive", [PALLET, A], **both) is errors.NOT_MISSING


@pytest.mark.parametrize("more", [{"missing": missed(A)}, {"counted": True}])
def test_nothing_else_is_done_without_some(shop: Shop, more: dict[str, object]) -> None:
    shop.stock(A)
    with pytest.raises(Refusal) as refusal:
        shop.actions.carry_out("dispense", order([A], **more), OWN)
    assert refusal.value.code is MALFORMED


def test_a_missing_pack_that_turns_up_is_received(shop: Shop) -> None:
    shop.do("receive", [PALLET], shipment=sent(shop), missing=missed(B))
    shop.do("receive", [B])
    assert (shop.room.standing(B), counted(shop)) == ("active", 4)


def test_a_receipt_with_missing_packs_is_taken_back_whole(shop: Shop) -> None:
    sent(shop)
    before = shop.room.tables()["supply_units"]
    done = shop.do("receive", [PALLET], missing=missed(B))
    shop.do("declare_error", [], declares=done.key, reason="did_not_occur")
    assert shop.room.tables()["supply_units"] == before


def test_what_comes_back_alone_is_out_of_the_case_it_was_shipped_in(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("ship", [BOX], to=OTHER)
    assert shop.refused("return", [A]) is errors.IN_A_PARENT
    shop.do("return", [A], shipment=new_id())
    assert (shop.room.standing(A), shop.room.unit(A).parent) == ("returned", None)
    assert (shop.room.standing(B), shop.room.unit(B).parent) == ("in_transit", BOX)
    assert shop.room.broken() == []
    shop.do("report_lost", [A])
    assert shop.titles.asked[-1] == ("lost", A)


@settings(max_examples=15, deadline=None)
@given(present=st.lists(st.integers(0, 1), min_size=6, max_size=6))
def test_stock_is_what_was_found(
    present: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    try:
        packs = [pack(each) for each in range(6)]
        shop.room.take(
            made(0, packs),
            packed(1, BOX, packs[:3]),
            packed(1, SECOND, packs[3:]),
            packed(2, PALLET, [BOX, SECOND]),
            seen(3, [PALLET], "shipping", "in_transit"),
            by=MAKER,
        )
        there = [each for each, found in zip(packs, present, strict=True) if found]
        gone = [each for each in packs if each not in there]
        shop.do("receive", [PALLET], missing=missed(*gone))
        assert counted(shop) == len(there)
        assert {each for each in packs if shop.room.standing(each) == "active"} == set(there)
        assert {unit for _, _, unit in shop.room.broken()} == set(gone)
    finally:
        shop.room.close()
