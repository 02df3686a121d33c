"""The life of packs, worked out from events: whatever order they came in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.epcis_sample import events
from tests.scale import scale
from tests.unit.gateway.supply.pack_events import (
    DAY,
    MAKER,
    OTHER,
    OWN,
    START,
    Room,
    case,
    event,
    made,
    pack,
    packed,
    party,
    seen,
    site,
    undone,
)
from yilian.gateway.epcis.document import Event

A, B, C = pack(1), pack(2), pack(3)
BOX, PALLET = case(1), case(2)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    found = Room(tmp_path)
    yield found
    found.close()


def test_a_pack_from_its_maker_to_its_patient(room: Room) -> None:
    room.take(made(0, [A, B]), by=MAKER)
    unit = room.unit(A)
    assert (unit.gtin, unit.serial, unit.lot, unit.expiry) == (
        "09520001000010",
        "S1",
        "L1",
        "2027-12-31",
    )
    assert (unit.standing, unit.holder, unit.place) == ("active", MAKER, site(1))
    room.take(packed(1, BOX, [A, B], place=1), by=MAKER)
    assert [each.id for each in room.packs.contents(BOX)] == [A, B]
    shipping = seen(2, [BOX], "shipping", "in_transit", place=1)
    room.take(shipping, by=MAKER)
    assert [room.standing(each) for each in (A, B, BOX)] == ["in_transit"] * 3
    room.take(seen(3, [BOX], "receiving", "in_progress", place=2))
    unit = room.unit(A)
    assert (unit.standing, unit.holder, unit.place) == ("active", OWN, site(2))
    room.take(packed(4, BOX, [], "DELETE", place=2))
    assert room.unit(A).parent is None
    assert room.packs.contents(BOX) == []
    room.take(seen(5, [A], "dispensing", "partially_dispensed", place=2))
    assert room.standing(A) == "partially_dispensed"
    room.take(seen(6, [A], "dispensing", "dispensed", place=2))
    assert (room.standing(A), room.standing(B)) == ("dispensed", "active")
    assert room.broken() == []
    lines = [(each.role, each.act, each.standing) for each in room.packs.history(A)]
    assert lines == [
        ("subject", "commission", "active"),
        ("child", "observe", "active"),
        ("inside", "ship", "in_transit"),
        ("inside", "receive", "active"),
        ("inside", "observe", "active"),
        ("subject", "dispense_part", "partially_dispensed"),
        ("subject", "dispense", "dispensed"),
    ]


def test_found_by_serial_lot_and_other_spellings(room: Room) -> None:
    room.take(made(0, [pack(1, link=False), B]), made(1, [C], lot="L2"))
    unit = room.unit(pack(1, link=False))
    assert unit.id == A
    assert room.packs.find_serial(unit.gtin, "S1") == unit
    assert room.packs.find_serial(unit.gtin, "S9") is None
    assert [each.id for each in room.packs.by_lot(unit.gtin, "L1")] == [A, B]
    assert [each.id for each in room.packs.by_lot(unit.gtin, "L2")] == [C]
    assert room.packs.find("urn:epc:id:sgtin:952.bad") is None


ENDS = {
    ("dispensing", "dispensed", "OBSERVE"): "dispensed",
    ("retail_selling", "retail_sold", "OBSERVE"): "dispensed",
    ("decommissioning", "inactive", "DELETE"): "decommissioned",
    ("destroying", "destroyed", "DELETE"): "destroyed",
    ("holding", "stolen", "OBSERVE"): "stolen",
    ("sampling", "inactive", "DELETE"): "sampled",
    ("holding", "recalled", "OBSERVE"): "recalled",
    ("holding", "expired", "OBSERVE"): "quarantined",
    ("inspecting", "damaged", "OBSERVE"): "quarantined",
    ("stock_taking", "unknown", "OBSERVE"): "lost",
    ("receiving", "returned", "OBSERVE"): "active",
    ("storing", "sellable_accessible", "OBSERVE"): "active",
}


@pytest.mark.parametrize(("words", "standing"), sorted(ENDS.items()))
def test_every_kind_of_step(room: Room, words: tuple[str, str, str], standing: str) -> None:
    step, word, action = words
    room.take(made(0, [A]), seen(1, [A], step, word, action=action, place=1))
    assert room.standing(A) == standing or step == "receiving"


def test_an_export_is_told_by_our_own_word(room: Room) -> None:
    gone = seen(1, [A], "decommissioning", "inactive", action="DELETE")
    gone |= {"@context": {"x": "urn:yilian:supply:"}, "x:end": "exported"}
    room.take(made(0, [A]), gone)
    assert room.standing(A) == "exported"


def test_what_was_set_aside_is_so_where_it_comes_in(room: Room) -> None:
    room.take(
        made(0, [A, B]),
        seen(1, [A], "holding", "damaged", place=1),
        seen(2, [A, B], "shipping", "in_transit", place=1),
        seen(3, [B], "holding", "damaged", place=1),
        seen(4, [A, B], "receiving", "in_progress", place=2),
    )
    assert (room.standing(A), room.standing(B)) == ("quarantined", "quarantined")
    assert room.kinds() == []
    room.take(seen(5, [A, B], "dispensing", "dispensed", place=2))
    assert room.kinds() == ["dispensed_held", "dispensed_held"]


def test_returned_goods_are_restocked_by_a_word(room: Room) -> None:
    room.take(
        made(0, [A]),
        seen(1, [A], "shipping", "in_transit", place=1),
        seen(2, [A], "receiving", "returned", place=1),
    )
    assert room.standing(A) == "returned"
    room.take(seen(3, [A], "dispensing", "dispensed", place=1))
    assert room.kinds() == ["not_restocked"]


def test_transformation_makes_and_uses_up(room: Room) -> None:
    repack = event(
        "TransformationEvent",
        1,
        "repackaging",
        inputEPCList=[A, B],
        outputEPCList=[pack(1, 2), pack(2, 2), B],
        ilmd={"cbvmda:lotNumber": "R1"},
    )
    room.take(made(0, [A, B]), repack)
    assert room.standing(A) == "decommissioned"
    assert (room.standing(B), room.unit(B).lot) == ("active", "L1")
    assert (room.standing(pack(1, 2)), room.unit(pack(1, 2)).lot) == ("active", "R1")
    assert room.broken() == []


def test_association_ties_and_counts_uses(room: Room) -> None:
    asset = "https://id.gs1.org/8004/9520001A7"
    use = "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"
    tied = {"parentID": asset, "childEPCs": [A]}
    used = event(
        "AssociationEvent",
        2,
        "urn:yilian:supply:using",
        action="ADD",
        parentID=use,
        childEPCs=[A],
    )
    room.take(made(0, [A]), event("AssociationEvent", 1, "installing", action="ADD", **tied))
    assert room.packs.history(A)[-1].tied == asset
    room.take(used, {**used, "eventTime": "2026-12-01T00:00:00Z"})
    assert room.kinds() == ["used_unsterile"]
    assert room.packs.find(use) is None


BREAKS: dict[str, tuple[list[Event], list[tuple[str, str]]]] = {
    "dispensed before commissioned": (
        [seen(0, [A], "dispensing", "dispensed"), made(1, [A])],
        [("commissioned_late", "error"), ("never_commissioned", "suspect")],
    ),
    "received without being shipped": (
        [made(0, [A]), seen(1, [A], "receiving", place=2)],
        [("not_shipped", "error")],
    ),
    "received without being made": (
        [seen(1, [A], "receiving", place=2)],
        [("never_commissioned", "error")],
    ),
    "packed twice": (
        [made(0, [A]), packed(1, BOX, [A]), packed(2, PALLET, [A])],
        [("in_another_parent", "error")],
    ),
    "unpacked from where it is not": (
        [made(0, [A]), packed(1, BOX, [A]), packed(2, PALLET, [A], "DELETE")],
        [("not_in_parent", "error")],
    ),
    "packed into itself": (
        [packed(1, BOX, [PALLET]), packed(2, PALLET, [BOX])],
        [("parent_cycle", "error")],
    ),
    "dispensed from a closed case": (
        [made(0, [A]), packed(1, BOX, [A]), seen(2, [A], "dispensing", "dispensed")],
        [("still_packed", "error")],
    ),
    "scanned twice at one counter": (
        [made(0, [A]), *(seen(at, [A], "dispensing", "dispensed", place=3) for at in (1, 2))],
        [("dispensed_twice", "error")],
    ),
    "dispensed at two places": (
        [made(0, [A]), *(seen(at, [A], "dispensing", "dispensed", place=at) for at in (1, 2))],
        [("dispensed_twice", "suspect")],
    ),
    "shipped after it was destroyed": (
        [
            made(0, [A]),
            seen(1, [A], "destroying", "destroyed", action="DELETE"),
            seen(2, [A], "shipping", "in_transit"),
        ],
        [("after_end", "suspect")],
    ),
    "sold after it was stolen": (
        [
            made(0, [A]),
            seen(1, [A], "holding", "stolen"),
            seen(2, [A], "dispensing", "dispensed"),
        ],
        [("after_end", "suspect")],
    ),
    "dispensed after the recall": (
        [
            made(0, [A]),
            seen(1, [A], "holding", "recalled"),
            seen(2, [A], "dispensing", "dispensed"),
        ],
        [("dispensed_recalled", "suspect")],
    ),
    "dispensed out of quarantine": (
        [
            made(0, [A]),
            seen(1, [A], "holding", "damaged"),
            seen(2, [A], "dispensing", "dispensed"),
        ],
        [("dispensed_held", "error")],
    ),
    "dispensed on the way": (
        [
            made(0, [A]),
            seen(1, [A], "shipping", "in_transit"),
            seen(2, [A], "dispensing", "dispensed"),
        ],
        [("not_received", "error")],
    ),
    "dispensed after its expiry": (
        [made(0, [A], expiry="2026-05-28"), seen(DAY, [A], "dispensing", "dispensed")],
        [("dispensed_expired", "error")],
    ),
    "shipped by somebody else": (
        [
            made(0, [A]),
            seen(1, [A], "shipping", "in_transit", source=party("9520001")),
            seen(2, [A], "receiving", destination=party("952007")),
            seen(3, [A], "shipping", "in_transit", source=party("952000123")),
        ],
        [("other_holder", "suspect")],
    ),
    "a case that is not empty": (
        [
            made(0, [A]),
            packed(1, BOX, [A]),
            seen(2, [BOX], "decommissioning", "inactive", action="DELETE"),
        ],
        [("not_empty", "error")],
    ),
}


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_order_raises_its_alert_and_stops_nothing(room: Room, name: str) -> None:
    told, expected = BREAKS[name]
    room.take(*told)
    assert [each[:2] for each in room.broken()] == expected
    assert room.repository.newest() == len(told)


def test_a_serial_made_twice_is_suspect_where_two_parties_made_it(room: Room) -> None:
    room.take(made(0, [A]), by=MAKER)
    room.take(made(1, [A], lot="L9"), by=OTHER)
    assert room.broken() == [("commissioned_twice", "suspect", A)]
    assert room.unit(A).lot == "L1"


def test_what_ended_never_comes_back(room: Room) -> None:
    room.take(made(0, [A]), seen(1, [A], "dispensing", "dispensed", place=2))
    later = [
        seen(2, [A], "receiving", place=1),
        seen(3, [A], "shipping", "in_transit"),
        seen(4, [A], "storing", "sellable_accessible"),
        packed(5, BOX, [A]),
        seen(6, [A], "receiving", "returned"),
    ]
    room.take(*later)
    unit = room.unit(A)
    assert (unit.standing, unit.place, unit.parent) == ("dispensed", site(2), None)
    assert len(room.broken()) == len(later)


def test_what_was_declared_an_error_is_undone_and_nothing_else(room: Room) -> None:
    wrong = seen(2, [A], "dispensing", "dispensed", place=2)
    room.take(made(0, [A, B]), seen(1, [A, B], "storing", place=2), wrong)
    room.take(seen(3, [A], "storing", place=2))
    assert room.kinds() == ["after_end"]
    room.take(undone(wrong))
    assert (room.standing(A), room.standing(B)) == ("active", "active")
    assert room.broken() == []
    (closed,) = room.alerts.list(closed=True)
    assert closed.finding == "explained"
    assert [each.act for each in room.packs.history(A)] == ["commission", "observe", "observe"]


def test_a_corrective_event_takes_the_place_of_the_wrong_one(room: Room) -> None:
    wrong = seen(2, [A], "dispensing", "dispensed", place=2)
    (right,) = room.take(made(0, [A, B]), seen(2, [B], "dispensing", "dispensed", place=2))[1:]
    declared = undone(wrong, "incorrect_data")
    declared["errorDeclaration"]["correctiveEventIDs"] = [right.event_id]
    # The declaration is there before what it is about.
    room.take(declared, wrong)
    assert (room.standing(A), room.standing(B)) == ("active", "dispensed")


def test_nobody_takes_back_what_somebody_else_has_said(room: Room) -> None:
    told = seen(1, [A], "dispensing", "dispensed")
    room.take(made(0, [A]), told)
    room.take(undone(told), by=OTHER)
    assert room.standing(A) == "dispensed"
    assert room.broken() == [("foreign_declaration", "suspect", A)]


def test_undoing_a_packing_takes_the_journey_out_too(room: Room) -> None:
    wrong = packed(1, BOX, [A, B], place=1)
    room.take(made(0, [A, B]), wrong, seen(2, [BOX], "shipping", "in_transit", place=1))
    assert room.standing(A) == "in_transit"
    room.take(undone(wrong))
    assert (room.standing(A), room.standing(BOX)) == ("active", "in_transit")
    assert room.packs.contents(BOX) == []


def test_a_late_message_explains_the_alert_it_left(room: Room) -> None:
    room.take(made(0, [A]), seen(2, [A], "receiving", place=2))
    assert room.kinds() == ["not_shipped"]
    room.take(seen(1, [A], "shipping", "in_transit", place=1))
    assert room.broken() == []
    assert room.unit(A).since == START + 2


def test_a_late_packing_finds_what_left_the_case_since(room: Room) -> None:
    """The case was emptied before the news of its journey came: the journey was theirs too."""
    room.take(
        made(0, [A]),
        packed(1, BOX, [A], place=1),
        seen(5, [BOX], "receiving", place=2),
        packed(6, BOX, [A], "DELETE", place=2),
        seen(7, [A], "dispensing", "dispensed", place=2),
    )
    assert room.kinds() == ["not_shipped", "not_shipped"]
    room.take(seen(4, [BOX], "shipping", "in_transit", place=1))
    assert room.broken() == []
    assert [each.act for each in room.packs.history(A)][2] == "ship"


def test_a_late_journey_of_a_case_finds_what_was_taken_out_unsaid(room: Room) -> None:
    """No event said that the pack left its case: it was just dispensed."""
    room.take(
        made(0, [A]),
        packed(1, BOX, [A], place=1),
        seen(5, [A], "dispensing", "dispensed", place=2),
    )
    room.take(seen(4, [BOX], "shipping", "in_transit", place=1))
    assert [each.act for each in room.packs.history(A)] == [
        "commission",
        "observe",
        "ship",
        "dispense",
    ]
    assert room.kinds() == ["not_received", "still_packed"]


def test_an_alert_that_people_closed_stays_closed(room: Room) -> None:
    room.take(made(0, [A]), seen(2, [A], "receiving", place=2))
    (alert,) = room.open()
    room.alerts.close(alert.alert, "data_error", OWN)
    room.packs.rebuild()
    assert room.open() == []


def story(seed: int, packs: int, length: int) -> list[Event]:
    """Random steps of a few packs and cases, many of them in no order at all."""
    draw = random.Random(seed)
    units = [pack(number) for number in range(packs)]
    cases = [case(number) for number in range(3)]
    told: list[Event] = [made(draw.randrange(3), units[::2])]
    steps: list[tuple[str, str, str]] = [
        ("shipping", "in_transit", "OBSERVE"),
        ("receiving", "in_progress", "OBSERVE"),
        ("receiving", "returned", "OBSERVE"),
        ("storing", "sellable_accessible", "OBSERVE"),
        ("holding", "damaged", "OBSERVE"),
        ("dispensing", "dispensed", "OBSERVE"),
        ("dispensing", "partially_dispensed", "OBSERVE"),
        ("destroying", "destroyed", "DELETE"),
        ("decommissioning", "inactive", "DELETE"),
        ("commissioning", "active", "ADD"),
    ]
    for number in range(length):
        at = 10 + 10 * number
        kind = draw.randrange(6)
        some = draw.sample(units, draw.randint(1, 3))
        place = draw.randint(1, 3)
        if kind == 0:
            step, word, action = draw.choice(steps)
            told.append(seen(at, some, step, word, action=action, place=place))
        elif kind == 1:
            step, word, action = draw.choice(steps[:8])
            told.append(seen(at, [draw.choice(cases)], step, word, action=action, place=place))
        elif kind in (2, 3):
            told.append(packed(at, draw.choice(cases), some, draw.choice(("ADD", "OBSERVE"))))
        elif kind == 4:
            told.append(packed(at, draw.choice(cases), draw.choice(([], some)), "DELETE"))
        else:
            inner, outer = draw.sample(cases, 2)
            told.append(packed(at, outer, [inner], draw.choice(("ADD", "DELETE"))))
    return told


def lives(room: Room) -> Any:
    """What the projection says, without the numbers of arrival."""
    return room.tables(recorded=False), room.broken()


@settings(
    max_examples=scale(25, 2000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_arrival_in_any_order_leads_to_the_same_lives(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    told = story(seed, 5, 14)
    shuffled = data.draw(st.permutations(told))
    rooms = [Room(tmp_path_factory.mktemp("room")) for _ in range(2)]
    try:
        rooms[0].take_at_once(told)
        rooms[1].take_at_once(shuffled)
        assert lives(rooms[0]) == lives(rooms[1])
        before = rooms[1].tables(), rooms[1].broken()
        rooms[1].packs.rebuild()
        assert (rooms[1].tables(), rooms[1].broken()) == before
    finally:
        for each in rooms:
            each.close()


@settings(
    max_examples=scale(20, 1000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_an_undone_event_leaves_no_trace(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    told = story(seed, 5, 12)
    wrong = data.draw(st.integers(0, len(told) - 1))
    rooms = [Room(tmp_path_factory.mktemp("room")) for _ in range(2)]
    try:
        rooms[0].take_at_once([*told[:wrong], *told[wrong + 1 :]])
        order = data.draw(st.permutations([*told, undone(told[wrong])]))
        rooms[1].take_at_once(order)
        found, expected = lives(rooms[1]), lives(rooms[0])
        for table in ("supply_units", "supply_history"):
            assert found[0][table] == expected[0][table]
        assert found[1] == expected[1]
    finally:
        for each in rooms:
            each.close()


def test_any_valid_event_is_taken(room: Room) -> None:
    """Events of every kind, from a generator that knows no order: none stops the projection."""
    told = list(events(7, scale(300, 5000)))
    room.take_at_once(told)
    before = room.tables()
    assert room.packs.catch_up() == len(told)
    room.packs.rebuild()
    assert room.tables() == before


def test_the_same_event_again_changes_nothing(room: Room) -> None:
    (stored,) = room.take(made(0, [A]))
    before = room.tables()
    with room.database.write() as connection:
        room.packs.apply(stored, connection)
    assert room.tables() == before


@pytest.mark.parametrize("named", [False, True], ids=["by its content", "under its own id"])
def test_an_error_is_declared_in_either_way(room: Room, named: bool) -> None:
    wrong = seen(1, [A], "dispensing", "dispensed") | {"eventID": "urn:uuid:1"}
    room.take(made(0, [A]), wrong)
    assert room.standing(A) == "dispensed"
    room.take(undone(wrong) | ({"eventID": "urn:uuid:1"} if named else {}))
    assert room.standing(A) == "active"
    assert room.broken() == []
    before = room.tables()
    room.packs.rebuild()
    assert room.tables() == before
