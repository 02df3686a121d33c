"""The cold chain: exactly what was there during an excursion is held back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.scale import scale
from tests.unit.gateway.supply.pack_events import (
    OWN,
    START,
    Room,
    case,
    event,
    made,
    pack,
    packed,
    seen,
    site,
    undone,
)
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Stored
from yilian.gateway.supply.cold_chain import CARRIER, ColdChain
from yilian.gateway.supply.directory import Listing
from yilian.gateway.supply.keeping import Budget
from yilian.ledger.errors import Refusal

MINUTE = 60_000
HOUR = 60 * MINUTE
GTIN = "09520001000010"
A, B, C, D = (pack(number) for number in range(1, 5))
BOX, PALLET = case(1), case(2)


class Shelf:
    """Products as a directory tells of them."""

    def __init__(self, **ranges: tuple[int, int] | None) -> None:
        self.ranges: dict[str, tuple[int, int] | None] = {GTIN: (200, 800)}
        self.ranges |= ranges

    def product(self, gtin: str) -> Listing | None:
        if gtin not in self.ranges:
            return None
        low, high = self.ranges[gtin] or (None, None)
        return Listing(gtin, "V", "vaccine", OWN, "", "", OWN, "", low, high, False, None, False)


class Cold(Room):
    """An organisation that follows temperatures too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shelf = Shelf()
        self.cold = ColdChain(
            self.database,
            self.repository,
            self.packs,
            self.alerts,
            self.shelf,
            organisation=OWN,
            now=lambda: self.time,
        )
        self.repository.listeners += [lambda _: self.packs.catch_up()]
        self.repository.listeners += [lambda _: self.cold.catch_up()]

    def take(self, *events: Event, by: str = OWN) -> list[Stored]:
        return [self.repository.capture_one(each, by) for each in events]

    def held(self) -> list[str]:
        """All units that stand in quarantine."""
        units = [pack(number) for number in range(1, 60)]
        found = (self.packs.find(each) for each in units)
        return [each.id for each in found if each and each.standing == "quarantined"]

    def holds(self) -> list[Event]:
        """The events by which units were held back."""
        stored = self.repository.after(0, 100_000)
        return [each.event for each in stored if CARRIER in each.event]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Cold]:
    found = Cold(tmp_path)
    yield found
    found.close()


def reading(at: int, celsius: str, *units: str, device: str = "1", **more: Any) -> Event:
    """A logger reports what it measured at this time."""
    sensors = [
        {
            "sensorMetadata": {"deviceID": f"urn:epc:id:giai:9520001.{device}"},
            "sensorReport": [{"type": "Temperature", "value": Decimal(celsius), "uom": "CEL"}],
        }
    ]
    if units:
        return seen(at, units, "sensor_reporting", sensorElementList=sensors, **more)
    return event(
        "ObjectEvent", at, "sensor_reporting", action="OBSERVE", sensorElementList=sensors, **more
    )


def test_exactly_what_was_inside_is_held_back(room: Cold) -> None:
    room.take(made(0, [A, B, C, D]), packed(1 * HOUR, BOX, [A, B, C]))
    room.take(packed(2 * HOUR, BOX, [C], "DELETE"))
    room.take(reading(3 * HOUR, "5", BOX), reading(4 * HOUR, "9", BOX))
    assert room.held() == [A, B]
    room.take(reading(5 * HOUR, "5", BOX), packed(6 * HOUR, BOX, [D]))
    room.take(reading(7 * HOUR, "6", BOX))
    assert room.held() == [A, B]
    (hold,) = room.holds()
    assert hold["epcList"] == [A, B]
    assert (hold["bizStep"], hold["disposition"]) == ("holding", "non_conformant")
    assert hold[CARRIER] == BOX
    assert [(each.kind, each.unit) for each in room.open()] == [("temperature", BOX)]


def test_a_unit_that_leaves_during_an_excursion_has_only_its_part(room: Cold) -> None:
    room.take(made(0, [A, B]), packed(1 * HOUR, BOX, [A, B]))
    room.take(reading(2 * HOUR, "5", BOX), reading(3 * HOUR, "9", BOX))
    room.take(packed(4 * HOUR, BOX, [A], "DELETE"), reading(6 * HOUR, "5", BOX))
    first, second = room.cold.report(A), room.cold.report(B)
    assert [(each.start, each.end) for each in first.excursions] == [
        (START + 3 * HOUR, START + 4 * HOUR)
    ]
    assert (first.outside, second.outside) == (1 * HOUR, 3 * HOUR)
    assert not first.ongoing


def test_a_pallet_around_the_case_counts(room: Cold) -> None:
    room.take(made(0, [A, B]), packed(1 * HOUR, BOX, [A]), packed(2 * HOUR, PALLET, [BOX]))
    room.take(reading(3 * HOUR, "-1", PALLET))
    assert room.held() == [A]
    assert room.cold.report(A).lowest == -100


def test_readings_that_come_late_are_judged_by_where_units_were_then(room: Cold) -> None:
    room.take(made(0, [A, B]), packed(1 * HOUR, BOX, [A, B]))
    room.take(packed(4 * HOUR, BOX, [A], "DELETE"))
    room.take(reading(9 * HOUR, "5", BOX), reading(5 * HOUR, "12", BOX))
    assert room.held() == [B]
    room.take(reading(3 * HOUR, "12", BOX))
    assert room.held() == [A, B]


def test_packing_that_comes_late_is_judged_again(room: Cold) -> None:
    room.take(made(0, [A, B]), packed(1 * HOUR, BOX, [A]))
    room.take(reading(3 * HOUR, "12", BOX), reading(4 * HOUR, "5", BOX))
    assert room.held() == [A]
    room.take(packed(2 * HOUR, BOX, [B]))
    assert room.held() == [A, B]


def test_a_place_counts_for_what_is_there(room: Cold) -> None:
    room.take(made(0, [A, B]))
    room.take(seen(1 * HOUR, [A], "storing", place=2))
    room.take(reading(2 * HOUR, "15", place=2))
    assert room.held() == [A]
    assert room.holds()[0][CARRIER] == site(2)
    room.take(seen(3 * HOUR, [B], "shipping", "in_transit", place=1))
    room.take(reading(4 * HOUR, "15", place=1))
    assert room.held() == [A]


def test_any_device_counts(room: Cold) -> None:
    room.take(made(0, [A]), packed(1 * HOUR, BOX, [A]))
    room.take(reading(2 * HOUR, "5", BOX, device="1"), reading(2 * HOUR, "9", BOX, device="2"))
    room.take(reading(3 * HOUR, "5", BOX, device="1"), reading(4 * HOUR, "5", BOX, device="2"))
    found = room.cold.report(A)
    assert [(each.start, each.end) for each in found.excursions] == [
        (START + 2 * HOUR, START + 4 * HOUR)
    ]


def test_a_budget_is_used_up(room: Cold) -> None:
    room.cold.set_budget(GTIN, Budget(outside=2 * HOUR, ceiling=2500))
    room.take(made(0, [A]), reading(1 * HOUR, "12", A), reading(2 * HOUR, "5", A))
    found = room.cold.report(A)
    assert (found.outside, found.left, found.conforms) == (HOUR, HOUR, True)
    assert room.held() == []
    room.take(reading(3 * HOUR, "12", A), reading(5 * HOUR, "5", A))
    found = room.cold.report(A)
    assert (found.outside, found.left, found.conforms) == (3 * HOUR, 0, False)
    assert room.held() == [A]


def test_beyond_the_ceiling_no_budget_helps(room: Cold) -> None:
    room.cold.set_budget(GTIN, Budget(outside=100 * HOUR, floor=0, ceiling=2500))
    room.take(made(0, [A, B]), reading(1 * HOUR, "25", A), reading(1 * HOUR, "25.01", B))
    assert room.held() == [B]
    room.take(reading(2 * HOUR, "-0.01", A))
    assert room.held() == [A, B]


def test_a_wrong_budget_is_refused(room: Cold) -> None:
    for wrong in (Budget(-1), Budget(5, floor=10, ceiling=9)):
        with pytest.raises(Refusal, match=r"supply\.bad_budget"):
            room.cold.set_budget(GTIN, wrong)
    assert room.cold.budget(GTIN) == Budget(0)
    room.cold.set_budget(GTIN, Budget(7))
    room.cold.set_budget(GTIN, None)
    assert room.cold.budget(GTIN) == Budget(0)


def test_what_was_released_is_held_again_for_more(room: Cold) -> None:
    room.take(made(0, [A]), reading(1 * HOUR, "12", A), reading(2 * HOUR, "5", A))
    assert room.held() == [A]
    room.time += HOUR
    room.take(seen(40 * 24 * HOUR, [A], "storing", "sellable_accessible"))
    assert room.held() == []
    room.take(reading(40 * 24 * HOUR + HOUR, "6", A))
    assert room.held() == []
    room.time += 11 * 24 * HOUR
    room.take(reading(40 * 24 * HOUR + 2 * HOUR, "20", A))
    assert room.held() == [A]
    assert len(room.holds()) == 2


def test_what_is_held_for_another_reason_is_held_for_this_too(room: Cold) -> None:
    room.take(made(0, [A]), seen(1 * HOUR, [A], "holding", "damaged"))
    room.take(reading(2 * HOUR, "12", A))
    assert room.holds()[0]["epcList"] == [A]


def test_a_dispensed_pack_is_told_to_people(room: Cold) -> None:
    room.take(made(0, [A]), packed(1 * HOUR, BOX, [A]))
    room.take(packed(5 * HOUR, BOX, [A], "DELETE"), seen(6 * HOUR, [A], "dispensing", "dispensed"))
    room.take(reading(7 * HOUR, "12", BOX))
    assert room.open() == []
    room.take(reading(4 * HOUR, "12", BOX))
    assert room.standing(A) == "dispensed"
    assert room.holds() == []
    assert [(each.kind, each.unit, each.standing) for each in room.open()] == [
        ("temperature", A, "dispensed")
    ]


def test_a_case_that_holds_others_is_not_held_back(room: Cold) -> None:
    """Holding a case back holds back what came into it later."""
    crate = pack(50)
    room.take(made(0, [crate, A, B]), packed(1 * HOUR, crate, [A]))
    room.take(reading(2 * HOUR, "12", crate), reading(3 * HOUR, "5", crate))
    assert room.held() == [A, crate]
    room.take(made(4 * HOUR, [pack(51), C, D]), packed(5 * HOUR, pack(51), [C]))
    room.take(reading(6 * HOUR, "12", pack(51)))
    assert room.held() == [A, C, crate, pack(51)]


def test_a_case_into_which_others_came_is_not_held_back(room: Cold) -> None:
    crate = pack(50)
    room.take(made(0, [crate, A, B]), packed(1 * HOUR, crate, [A]), packed(9 * HOUR, crate, [B]))
    room.take(reading(3 * HOUR, "5", crate), reading(2 * HOUR, "12", crate))
    assert room.held() == [A]


def test_a_device_that_fell_silent_says_nothing_of_what_comes_later(room: Cold) -> None:
    room.take(made(0, [A, B, C]), packed(1 * HOUR, BOX, [A]), reading(2 * HOUR, "12", BOX))
    room.take(packed(2 * HOUR + 30 * MINUTE, BOX, [B]), packed(30 * HOUR, BOX, [C]))
    assert room.held() == [A, B]


def test_readings_that_are_taken_back_count_no_more(room: Cold) -> None:
    wrong = reading(1 * HOUR, "12", A)
    room.take(made(0, [A]), wrong)
    assert room.held() == [A]
    room.take(undone(wrong))
    found = room.cold.report(A)
    assert (found.readings, found.excursions) == (0, ())
    # People release; nothing is released by itself.
    assert room.held() == [A]


def test_a_declaration_may_come_before_its_event(room: Cold) -> None:
    wrong = reading(1 * HOUR, "12", A)
    room.take(made(0, [A]), undone(wrong), wrong)
    assert room.held() == []


def test_nobody_takes_back_what_another_measured(room: Cold) -> None:
    wrong = reading(1 * HOUR, "12", A)
    room.take(made(0, [A]), wrong)
    room.take(undone(wrong), by="CCCCCCCCCCCCCCCCCCCCCA")
    assert room.cold.report(A).readings == 1


def test_the_same_again_changes_nothing(room: Cold) -> None:
    room.take(made(0, [A]), packed(1 * HOUR, BOX, [A]), reading(2 * HOUR, "12", BOX))
    before, report = len(room.repository.after(0, 1000)), room.cold.report(A)
    newest = room.cold.catch_up()
    assert room.cold.rebuild() == newest
    assert room.cold.rebuild() == newest
    assert len(room.repository.after(0, 1000)) == before
    assert room.cold.report(A) == report


def test_products_without_a_range_are_left_alone(room: Cold) -> None:
    room.shelf.ranges[GTIN] = None
    room.take(made(0, [A]), reading(1 * HOUR, "40", A), reading(2 * HOUR, "40", A))
    found = room.cold.report(A)
    assert room.held() == []
    assert (found.readings, found.highest, found.outside, found.left) == (2, 4000, None, None)
    assert found.conforms


def test_how_a_unit_was_kept(room: Cold) -> None:
    room.take(made(0, [A]))
    for hour, celsius in enumerate(("5", "5", "5", "5", "20")):
        room.take(reading((hour + 1) * HOUR, celsius, A))
    found = room.cold.report(A)
    assert found.mean_kinetic == 1070
    assert (found.lowest, found.highest, found.readings) == (500, 2000, 5)
    assert found.ongoing
    kept = room.cold.kept(A)
    assert kept is not None
    assert (kept.readings, kept.mean_kinetic, kept.minutes_outside) == (5, 1070, 0)
    assert room.cold.kept(pack(77)) is None
    room.take(made(9 * HOUR, [B]))
    assert room.cold.kept(B) is None
    with pytest.raises(Refusal, match=r"supply\.unit_not_measured"):
        room.cold.report(pack(77))


def test_silence_is_told(room: Cold) -> None:
    room.take(made(0, [A]), reading(1 * HOUR, "5", A), reading(3 * HOUR, "5", A))
    assert room.cold.report(A).silent == ((START + HOUR, START + 3 * HOUR),)


class Truth:
    """Brute force: where every pack is and what every carrier measures, minute by minute."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self.parent: dict[str, list[str | None]] = {}
        self.measured: dict[str, dict[int, int]] = {}

    def join(self, unit: str, parent: str | None, since: int) -> None:
        line = self.parent.setdefault(unit, [None] * self.minutes)
        line[since:] = [parent] * (self.minutes - since)

    def outside(self, unit: str) -> set[int]:
        return {minute for minute in range(self.minutes) if self._out(unit, minute)}

    def _out(self, unit: str | None, minute: int) -> bool:
        while unit is not None:
            readings = self.measured.get(unit, {})
            newest = max((at for at in readings if at <= minute), default=None)
            if newest is not None and not 2 <= readings[newest] <= 8:
                return True
            unit = self.parent.get(unit, [None] * self.minutes)[minute]
        return False


@pytest.mark.parametrize("seed", range(scale(6, 60)))
def test_a_random_chain_equals_brute_force(room: Cold, seed: int) -> None:
    """Packing, unpacking and readings; boxes go on and off pallets. Odd seeds: late arrivals."""
    draw = random.Random(seed)
    minutes = 60
    truth = Truth(minutes)
    units = [pack(number) for number in range(1, 9)]
    boxes, pallets = [case(1), case(2)], [case(11), case(12)]
    events: list[Event] = []
    for minute in range(1, minutes):
        at = minute * MINUTE
        unit = draw.choice([*units, *boxes])
        above = pallets if unit in boxes else boxes
        now = truth.parent.get(unit, [None] * minutes)[minute]
        if draw.random() < 0.5:
            if now is None:
                parent = draw.choice(above)
                events.append(packed(at, parent, [unit]))
                truth.join(unit, parent, minute)
            else:
                events.append(packed(at, now, [unit], "DELETE"))
                truth.join(unit, None, minute)
        else:
            carrier, celsius = draw.choice([*boxes, *pallets]), draw.choice((1, 5, 5, 5, 5, 9))
            events.append(reading(at, str(celsius), carrier))
            truth.measured.setdefault(carrier, {})[minute] = celsius
    room.take(made(0, units))
    # The last minute is measured everywhere, so that all has an end.
    for carrier in (*boxes, *pallets):
        events.append(reading(minutes * MINUTE, "5", carrier))
    if seed % 2:
        draw.shuffle(events)
    room.take(*events)
    expected = {unit: truth.outside(unit) for unit in units}
    for unit in units:
        told = {
            moment // MINUTE
            for each in room.cold.report(unit).excursions
            for moment in range(each.start - START, (each.end or 0) - START, MINUTE)
        }
        assert told == expected[unit], unit
    affected = {unit for unit in units if expected[unit]}
    held = set(room.held())
    # What comes late may hold back too much until it is all there, and never too little.
    assert affected <= held if seed % 2 else affected == held
