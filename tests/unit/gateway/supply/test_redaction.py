"""What a partner sees of a case that it got a part of: its own packs, and how many others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.supply.pack_events import MAKER, OTHER, Room, case, pack, packed
from tests.unit.gateway.supply.pack_shop import Shop
from yilian.gateway.epcis import json_form
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.errors import EVENT_EXISTS
from yilian.gateway.epcis.validation import validate
from yilian.gateway.supply.notes import event_leaf
from yilian.ledger import merkle
from yilian.ledger.errors import Refusal

A, B, C, D = pack(1), pack(2), pack(3), pack(4)
BOX, SECOND, PALLET = case(1), case(2), case(3)
THIRD = "DDDDDDDDDDDDDDDDDDDDDA"


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(folder(tmp_path, "shop"))
    yield found
    found.room.close()


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Room]:
    found = Room(folder(tmp_path, "partner"))
    yield found
    found.close()


def shown(shop: Shop, to: str = OTHER) -> list[Event]:
    """All that a partner is shown of packs that it got, as it reads it."""
    room, found = shop.room, list[Event]()
    with room.database.read() as connection:
        alive = sorted(room.packs.sequences(everything(shop), connection))
        for stored in room.repository.seen(to, alive, connection):
            found += [each for each in json_form.parse_json(stored.content).events if each]
    return found


def everything(shop: Shop) -> list[str]:
    """All units that a shop knows."""
    return [dict(row)["id"] for row in shop.room.tables()["supply_units"]]


def taken(partner: Room, events: Sequence[Event]) -> None:
    """Capture what the sender showed, as a receipt does."""
    for each in events:
        assert validate(each, "default") == []
        try:
            partner.repository.capture_one(each, MAKER)
        except Refusal as refusal:
            if refusal.code is not EVENT_EXISTS:
                raise
    partner.packs.catch_up()


def cased(shop: Shop) -> None:
    shop.stock(A, B, C)
    shop.do("aggregate", [A, B, C], parent=BOX)
    shop.do("disaggregate", [], parent=BOX)


def test_who_gets_a_part_sees_no_others_number(shop: Shop, partner: Room) -> None:
    cased(shop)
    shop.do("ship", [A], to=OTHER)
    events = shown(shop)
    assert all(each not in str(events) for each in (B, C))
    (packing,) = (each for each in events if each.get("bizStep") == "packing")
    assert packing["childEPCs"] == [A]
    original = next(
        each for each in shop.room.repository.after(0, 99) if each.event.get("bizStep") == "packing"
    )
    assert {name: packing[f"yilian:{name}"] for name in ("redacted", "others")} == {
        "redacted": True,
        "others": 2,
    }
    assert packing["yilian:anchored_event"] == original.event_id != packing["eventID"]
    leaf = event_leaf(original.salt, original.digest, merkle.sha256(original.content))
    assert packing["yilian:anchored_hash"] == f"ni:///sha-256;{leaf.hex()}"
    taken(partner, events)
    assert partner.standing(A) == "in_transit"
    assert partner.broken() == []
    assert partner.packs.find(B) is None


def test_who_gets_all_sees_the_events_that_were_anchored(shop: Shop) -> None:
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("aggregate", [BOX], parent=PALLET)
    shop.do("ship", [PALLET], to=OTHER)
    assert "redacted" not in str(shown(shop))


def test_a_case_beside_another_on_a_pallet_is_left_out(shop: Shop, partner: Room) -> None:
    shop.stock(A, B, C, D)
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("aggregate", [C, D], parent=SECOND)
    shop.do("aggregate", [BOX, SECOND], parent=PALLET)
    shop.do("disaggregate", [], parent=PALLET)
    shop.do("ship", [BOX], to=OTHER)
    shop.do("ship", [SECOND], to=THIRD)
    for partner_id, gone in ((OTHER, (SECOND, C, D)), (THIRD, (BOX, A, B))):
        events = shown(shop, partner_id)
        assert all(each not in str(events) for each in gone)
        assert {each["yilian:others"] for each in events if "yilian:others" in each} == {1}
    taken(partner, shown(shop))
    assert partner.broken() == []
    assert [each.id for each in partner.packs.contents(BOX)] == [A, B]


def test_what_was_taken_back_names_nobody(shop: Shop) -> None:
    cased(shop)
    wrong = shop.do("ship", [A, B], to=OTHER)
    shop.do("declare_error", [], declares=wrong.key, reason="did_not_occur")
    shop.do("ship", [A], to=OTHER)
    assert [each["childEPCs"] for each in shown(shop) if "childEPCs" in each] == [[A], [A]]


def test_what_is_redacted_already_counts_all_that_is_left_out(
    shop: Shop, partner: Room, tmp_path: Path
) -> None:
    cased(shop)
    shop.do("ship", [A, B], to=OTHER)
    wholesaler = Shop(folder(tmp_path, "wholesaler"))
    try:
        taken(wholesaler.room, shown(shop))
        wholesaler.do("receive", [A, B])
        wholesaler.do("ship", [B], to=THIRD)
        events = shown(wholesaler, THIRD)
        assert A not in str(events)
        packing = next(each for each in events if each.get("bizStep") == "packing")
        assert packing["yilian:others"] == 2
        taken(partner, events)
        assert partner.broken() == []
    finally:
        wholesaler.room.close()


def test_a_prefix_that_stands_for_something_else_is_left_alone(shop: Shop) -> None:
    shop.stock(A, B)
    event = packed(31 * 86_400_000, BOX, [A, B])
    shop.room.take(event | {"@context": {"yilian": "https://example.org/"}, "yilian:x": "y"})
    shop.room.time += 40 * 86_400_000
    shop.do("disaggregate", [], parent=BOX)
    shop.do("ship", [A], to=OTHER)
    packing = next(each for each in shown(shop) if each.get("bizStep") == "packing")
    assert (packing["yilian:x"], packing["yilian1:redacted"]) == ("y", True)
    assert validate(packing, "default") == []


@settings(max_examples=30, deadline=None)
@given(
    shipments=st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=1, max_size=4),
    whole=st.booleans(),
)
def test_however_parts_go_out_a_partner_knows_its_packs_alone(
    shipments: list[set[int]], whole: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    partner = Room(tmp_path_factory.mktemp("partner"))
    packs = [pack(each) for each in range(4)]
    try:
        shop.stock(*packs)
        shop.do("aggregate", packs, parent=BOX)
        if whole:
            shop.do("ship", [BOX], to=OTHER)
            taken(partner, shown(shop))
            shop.do("return", [BOX])
            for each in packs:
                shop.verified.passes[each] = shop.room.time + 10_000
            shop.do("disaggregate", [], parent=BOX)
        else:
            shop.do("disaggregate", [], parent=BOX)
        had: set[str] = set(packs) if whole else set()
        for numbers in shipments:
            named = sorted(packs[each] for each in numbers)
            for each in named:
                if shop.room.standing(each) == "in_transit":
                    shop.do("return", [each])
                if shop.room.standing(each) == "returned":
                    shop.verified.passes[each] = shop.room.time + 10_000
                    shop.do("restock", [each])
            shop.do("ship", named, to=OTHER)
            had |= set(named)
            taken(partner, shown(shop))
            known = {each for each in packs if partner.packs.find(each)}
            assert known == had
            assert all(partner.standing(each) == "in_transit" for each in named)
        assert partner.broken() == []
    finally:
        shop.room.close()
        partner.close()
