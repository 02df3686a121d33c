"""The trace of packs: held against the plain truth of a random trade, and shown in small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.epcis_sample import lgtin
from tests.scale import scale
from tests.unit.gateway.supply.flows import MAKER, MEMBERS, Flow, gtin_of, lots
from tests.unit.gateway.supply.pack_events import (
    DAY,
    OTHER,
    OWN,
    Room,
    case,
    event,
    made,
    pack,
    packed,
    seen,
    undone,
)
from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.makings import Makings, lot_class, lot_of
from yilian.gateway.supply.steps import PARTY
from yilian.gateway.supply.trace import Concerned, Trace
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply.numbers import serial_digest

GTIN, NEW = gtin_of("L1"), gtin_of("R1")
A, B, C, D = (pack(each) for each in range(1, 5))
X, Y = (pack(each, 2) for each in (1, 2))


class Traced(Room):
    """A room whose packs can be traced."""

    def __init__(self, folder: Path, own: str = OWN) -> None:
        super().__init__(folder)
        self.makings = Makings(self.database, self.repository, self.packs)
        self.trace = Trace(self.database, self.packs, self.makings, lambda who: who == own)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Traced]:
    made_ = Traced(tmp_path)
    yield made_
    made_.close()


def both(found: Concerned) -> tuple[set[str], set[str]]:
    return set(found.direct), set(found.derived)


def mixed(at: int, inputs: list[str], outputs: list[str], lot: str = "R1", **more: object) -> Event:
    ilmd = {"cbvmda:lotNumber": lot}
    told = {"inputEPCList": inputs, "outputEPCList": outputs, "ilmd": ilmd} | more
    kept = {name: value for name, value in told.items() if value}
    return event("TransformationEvent", at, "commissioning", **kept)


def play(room: Room, flow: Flow) -> None:
    with room.database.write() as connection:
        for each in flow.told:
            room.repository.put([each.event], each.by, connection)
    room.packs.catch_up()


@pytest.mark.parametrize("seed", range(scale(4, 60)))
def test_holders_of_a_lot_are_those_of_the_truth(tmp_path: Path, seed: int) -> None:
    flow = Flow(seed, lots=3, pallets=1).play(400)
    room = Traced(tmp_path)
    try:
        play(room, flow)
        assert len(flow.truth.made_from) > 3
        for lot in lots(flow):
            assert room.trace.holders(gtin_of(lot), lot) == flow.truth.holders(lot), lot
    finally:
        room.close()


def test_cases_at_the_time_are_those_of_the_truth(tmp_path: Path) -> None:
    """At every event, a pack's cases are what they were just then."""
    flow = Flow(5, lots=1, pallets=1)
    packs = list(flow.truth.lot)[:5]
    was: dict[tuple[str, str], tuple[str, ...]] = {}
    for _ in range(150):
        before = len(flow.told)
        flow.play(1)
        for told in flow.told[before:]:
            for each in packs:
                was[(each, told.event["eventID"])] = tuple(flow.truth.above(each))
    room = Traced(tmp_path)
    try:
        play(room, flow)
        checked = 0
        for each in packs:
            for moment in room.trace.life(each):
                expected = was.get((each, moment.event_id))
                if expected is not None:
                    assert moment.cases == expected, (each, moment)
                    checked += 1
        assert checked > 20
    finally:
        room.close()


def test_each_member_tells_of_what_is_with_it(tmp_path: Path) -> None:
    """What members know apart adds up to the truth: nothing is with nobody, nothing with two."""
    flow = Flow(11, lots=2, pallets=1).play(300)
    rooms: dict[str, Traced] = {}
    for each in MEMBERS:
        (tmp_path / each).mkdir()
        rooms[each] = Traced(tmp_path / each, each)
    try:
        for told in flow.told:
            if told.sender:
                from_, to = rooms[told.sender], rooms[told.by]
                with from_.database.read() as connection:
                    every = sorted(from_.packs.sequences(told.units, connection))
                shown = [from_.repository.after(each - 1, 1)[0] for each in every]
                for one in shown:
                    if to.repository.event(one.event_id) is None:
                        to.take(one.event, by=told.sender)
            rooms[told.by].take(told.event, by=told.by)
        found: dict[str, list[tuple[str, str]]] = {}
        for name, room in rooms.items():
            for place in room.trace.places(flow.truth.lot):
                if place.where not in ("elsewhere", "coming"):
                    found.setdefault(place.row.id, []).append((name, place.where))
        for unit in flow.truth.lot:
            # Who shipped a pack that came back later has it, and the other has shipped it.
            has = [(name, where) for name, where in found[unit] if where != "away"]
            holder = flow.truth.holder[unit]
            word = flow.truth.ended.get(unit, "")
            expected = {"": "held", "dispensed": "dispensed"}.get(word, "ended")
            if unit in flow.truth.to:
                assert has == [], unit
                assert (holder, "away") in found[unit]
            else:
                assert has == [(holder, expected)], unit
    finally:
        for room in rooms.values():
            room.close()


def test_a_tree_goes_up_to_the_maker_and_down_to_the_counter(room: Traced) -> None:
    room.take(made(0, [A, B], "L1"), made(1, [C], "L2"), by=MAKER)
    room.take(
        packed(10, case(1), [A, B]),
        packed(11, case(2), [case(1)]),
        seen(20, [case(2)], "shipping", "in_transit", source=PARTY + MAKER),
        by=MAKER,
    )
    room.take(
        seen(30, [case(2)], "receiving", "in_progress", destination=PARTY + OWN),
        packed(40, case(2), [case(1)], "DELETE"),
        packed(41, case(1), [A], "DELETE"),
        mixed(50, [A], [X, Y]),
        seen(60, [X], "dispensing", "dispensed", place=1),
    )
    tree = room.trace.unit(X)
    assert tree.roots == (X,)
    branches = {each.item: each for each in tree.branches}
    # A was used up: what else it went into hangs together with X only through A.
    assert set(branches) == {A, X}
    assert branches[X].made_from == (A,)
    assert branches[A].made_into == (X, Y)
    assert (branches[X].where, branches[A].where) == ("dispensed", "ended")
    lives = [(each.act, each.cases) for each in branches[A].life]
    assert lives == [
        ("commission", ()),
        ("observe", (case(1),)),
        ("observe", (case(1), case(2))),
        ("ship", (case(1), case(2))),
        ("receive", (case(1), case(2))),
        ("observe", (case(1),)),
        ("observe", ()),
        ("consume", ()),
    ]
    assert branches[A].life[0].by == MAKER
    assert [each.act for each in branches[X].life] == ["consume", "dispense"]
    down = room.trace.lot(GTIN, "L1")
    assert {each.item for each in down.branches} == {A, B, X, Y}
    assert {each.item: each.where for each in down.branches}[Y] == "held"
    assert [(each.inputs, each.outputs) for each in down.makings] == [((A,), (X, Y))]
    with pytest.raises(Refusal) as refused:
        room.trace.lot(GTIN, "L9")
    assert refused.value.code.name == "supply.nothing_to_trace"


def test_a_lot_without_numbers_goes_into_packs(room: Traced) -> None:
    """Two events of one transformation: what went in, and what came out later."""
    bulk = lgtin("9520001", 9, "B1", link=False)
    gtin = lot_of(room_lot := lgtin("9520001", 9, "B1", link=True))
    assert gtin is not None
    given = {"inputQuantityList": [{"epcClass": bulk, "quantity": 5, "uom": "KGM"}]}
    name = {"transformationID": "urn:epc:id:gdti:9520001.00001.9"}
    room.take(
        event("TransformationEvent", 0, "commissioning", **given, **name),
        mixed(DAY, [], [X], "R1", **name),
    )
    found = room.trace.concerned(gtin[0], ("B1",), ())
    assert (found.direct, found.derived) == (frozenset(), frozenset({X}))
    tree = room.trace.lot(gtin[0], "B1")
    assert {each.item: each.made_into for each in tree.branches}[room_lot] == (X,)
    assert {each.item for each in room.trace.unit(X).branches} == {X, room_lot}


def test_a_lot_as_a_whole_may_have_any_of_its_packs(room: Traced) -> None:
    room.take(made(0, [A, B], "L1"))
    given = [{"epcClass": lot_class(GTIN, "L1"), "quantity": 2}]
    room.take(mixed(10, [], [X], inputQuantityList=given))
    serial = serial_digest(GTIN, "S1")
    assert both(room.trace.concerned(GTIN, (), (serial,))) == ({A}, {X})
    # Going down from one pack, its neighbours are not concerned.
    assert both(room.trace.concerned(NEW, ("R1",), ())) == ({X}, set())


def test_what_a_recall_names(room: Traced) -> None:
    room.take(made(0, [A], "L1"), made(1, [B], "L2"), made(2, [X], "L1"), made(3, [C], "l1"))
    serial = serial_digest(GTIN, "S2")
    for lots_, serials, expected in (
        (("L1",), (), {A}),
        (("L2",), (), {B}),
        ((), (serial,), {B}),
        (("L1",), (serial,), {A, B}),
        ((), (), {A, B, C}),
        (("L3",), (), set()),
        ((), (serial_digest(NEW, "S2"),), set()),
    ):
        assert both(room.trace.concerned(GTIN, lots_, serials)) == (expected, set())


def test_a_making_that_did_not_happen_concerns_nothing(room: Traced) -> None:
    wrong = mixed(10, [A], [X])
    room.take(made(0, [A, B], "L1"), wrong)
    assert room.trace.concerned(GTIN, ("L1",), ()).derived == {X}
    room.take(undone(wrong))
    assert room.trace.concerned(GTIN, ("L1",), ()).derived == frozenset()
    room.take(mixed(20, [B], [Y], "R2"))
    assert room.trace.concerned(GTIN, ("L1",), ()).derived == {Y}


def test_makings_in_a_ring_come_to_an_end(room: Traced) -> None:
    room.take(made(0, [A], "L1"), mixed(1, [A], [X]), mixed(2, [X], [Y], "R2"))
    room.take(mixed(3, [Y], [A], "L7"))
    assert room.trace.concerned(GTIN, ("L1",), ()).derived >= {X, Y}
    assert {each.item for each in room.trace.unit(X).branches} == {A, X, Y}


def test_where_a_pack_is(room: Traced) -> None:
    def shipped(at: int, unit: str, from_: str, to: str) -> Event:
        told = seen(at, [unit], "shipping", "in_transit", source=PARTY + from_)
        to_ = [{"type": "owning_party", "destination": PARTY + to}]
        return told | {"destinationList": to_}

    room.take(made(0, [A, B, C, D]), shipped(10, A, OWN, OTHER))
    room.take(made(0, [X, Y]), shipped(10, X, OTHER, OWN), by=OTHER)
    room.take(seen(20, [B], "dispensing", "dispensed"))
    room.take(seen(20, [C], "destroying", "destroyed", action="DELETE"))
    found = {
        each.row.id: (each.where, each.other) for each in room.trace.places([A, B, C, D, X, Y])
    }
    assert found == {
        A: ("away", OTHER),
        B: ("dispensed", OWN),
        C: ("ended", OWN),
        D: ("held", OWN),
        X: ("coming", OTHER),
        Y: ("elsewhere", OTHER),
    }
