"""Stock and its warnings equal a count by hand over the events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.scale import scale
from tests.unit.gateway.supply.pack_events import (
    DAY,
    OTHER,
    OWN,
    START,
    Room,
    made,
    pack,
    seen,
    site,
)
from yilian.gateway.supply.actions import Site
from yilian.gateway.supply.stock import Stock

DAYS = 60


class Told(NamedTuple):
    """What the hand count knows of a pack: its product, and what happened to it, when and where."""

    gtin: str
    lot: str
    expiry: str
    steps: list[tuple[int, str, int]]


class Hand:
    """A pharmacy of two places through two months, and its books kept by hand."""

    def __init__(self, room: Room, seed: int, packs: int) -> None:
        self.room = room
        self.random = random.Random(seed)
        self.packs: dict[str, Told] = {}
        for number in range(packs):
            self._one(number)
        room.time = START + DAYS * DAY
        # The 28th of July in Shanghai already, though not yet in London.
        self.today = date(2026, 7, 28)

    def _one(self, number: int) -> None:
        draw = self.random
        item = draw.randint(1, 3)
        lot = f"L{draw.randint(1, 2)}"
        expiry = (date(2026, 6, 1) + timedelta(days=40 * (item + 3 * (lot == "L1")))).isoformat()
        unit = pack(number, item)
        at = draw.randint(0, 20) * DAY + number
        place = draw.randint(1, 2)
        told = Told(unit.split("/")[4], lot, expiry, [(at, "active", place)])
        events = [
            seen(
                at,
                [unit],
                "commissioning",
                action="ADD",
                place=place,
                ilmd={"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": expiry},
            )
        ]
        for _ in range(draw.randint(0, 3)):
            if told.steps[-1][1] in ("dispensed", "destroyed"):
                break
            at += draw.randint(1, 13) * DAY
            step, standing, action = draw.choice(
                [
                    ("shipping", "in_transit", "OBSERVE"),
                    ("dispensing", "dispensed", "OBSERVE"),
                    ("holding", "quarantined", "OBSERVE"),
                    ("destroying", "destroyed", "DELETE"),
                ]
            )
            if told.steps[-1][1] == "in_transit":
                before = told.steps[-2][1]
                standing = "quarantined" if before == "quarantined" else "active"
                step, action = "receiving", "OBSERVE"
                place = draw.randint(1, 2)
            word = "damaged" if step == "holding" else "in_progress"
            if standing == "in_transit" and told.steps[-1][1] == "in_transit":
                continue
            told.steps.append((at, standing, place))
            events.append(seen(at, [unit], step, word, action=action, place=place))
        self.packs[unit] = told
        self.room.take_some(events)

    def lines(self) -> Counter[tuple[str, str, str, str, str]]:
        return Counter(
            (told.gtin, told.lot, told.expiry, site(told.steps[-1][2]), told.steps[-1][1])
            for told in self.packs.values()
            if told.steps[-1][1] not in ("dispensed", "destroyed")
        )

    def expiring(self, within: int) -> dict[tuple[str, str, str, str], tuple[int, int]]:
        found: Counter[tuple[str, str, str, str]] = Counter()
        for told in self.packs.values():
            left = (date.fromisoformat(told.expiry) - self.today).days
            if told.steps[-1][1] in ("active", "quarantined") and left <= within:
                found[told.gtin, told.lot, told.expiry, site(told.steps[-1][2])] += 1
        return {
            key: (count, (date.fromisoformat(key[2]) - self.today).days)
            for key, count in found.items()
        }

    def delayed(self, days: int) -> dict[tuple[str, str, str], tuple[int, int]]:
        ages: dict[tuple[str, str, str], list[int]] = {}
        for told in self.packs.values():
            at, standing, place = told.steps[-1]
            if standing == "in_transit" and DAYS * DAY - at > days * DAY:
                ages.setdefault((told.gtin, told.lot, site(place)), []).append(DAYS * DAY - at)
        return {key: (len(found), max(found) // DAY) for key, found in ages.items()}

    def short(
        self, days: int, least: dict[tuple[str, str], int]
    ) -> dict[tuple[str, str], tuple[int, int, int, int | None]]:
        have: Counter[tuple[str, str]] = Counter()
        used: Counter[tuple[str, str]] = Counter()
        for told in self.packs.values():
            at, standing, place = told.steps[-1]
            if standing == "active":
                have[told.gtin, site(place)] += 1
            if standing == "dispensed" and at > (DAYS - days) * DAY:
                used[told.gtin, site(place)] += 1
        found = {}
        for key in sorted({*have, *used, *least}):
            lasts = have[key] * days // used[key] if used[key] else None
            if have[key] < least.get(key, 0) or (lasts is not None and lasts < days):
                found[key] = (have[key], least.get(key, 0), used[key], lasts)
        return found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    found = Room(tmp_path)
    yield found
    found.close()


def stock_of(room: Room) -> Stock:
    return Stock(Site(OWN), room.database, lambda: room.time)


@pytest.mark.parametrize("seed", range(scale(3, 60)))
def test_the_view_equals_a_hand_count(room: Room, seed: int) -> None:
    hand = Hand(room, seed, scale(120, 3000))
    room.settle()
    stock = stock_of(room)
    lines = {each[:5]: each.packs for each in stock.lines()}
    assert lines == hand.lines()
    gtin = sorted({told.gtin for told in hand.packs.values()})[0]
    least = {(gtin, site(1)): 500, (gtin, site(9)): 1, (gtin, site(2)): 1}
    for (name, place), count in least.items():
        stock.set_minimum(name, place, count)
    for days in (5, 30, 365):
        found = stock.warnings(expiry_days=days, transit_days=days, cover_days=days)
        assert {each[:4]: each[4:] for each in found.expiring} == hand.expiring(days)
        assert {each[:3]: each[3:] for each in found.delayed} == hand.delayed(days)
        assert {each[:2]: each[2:] for each in found.short} == hand.short(days, least)
    stock.set_minimum(gtin, site(1), 0)
    assert (gtin, site(1)) not in {each[:2] for each in stock.warnings().short if each.least}


def test_lines_by_product_lot_and_place(room: Room) -> None:
    room.take(made(0, [pack(1), pack(2)]), made(1, [pack(3, 2)], lot="L2"))
    stock = stock_of(room)
    gtin = pack(1).split("/")[4]
    assert [each.packs for each in stock.lines(gtin=gtin)] == [2]
    assert [each.lot for each in stock.lines(lot="L2")] == ["L2"]
    assert stock.lines(place=site(2)) == []
    assert len(stock.lines(place="urn:epc:id:sgln:9520001.00001.0")) == 2


def test_what_others_hold_is_no_stock(room: Room) -> None:
    room.take(made(0, [pack(1)]), by=OTHER)
    assert stock_of(room).lines() == []


def test_the_last_day_is_a_day_of_use(room: Room) -> None:
    room.take(made(0, [pack(1)], expiry="2026-06-28"))
    # 2026-06-28T15:00Z is the 28th in Shanghai, an hour later the 29th.
    room.time = 1_782_658_800_000
    assert [each.days for each in stock_of(room).warnings(expiry_days=0).expiring] == [0]
    room.time += 3_600_000
    assert [each.days for each in stock_of(room).warnings(expiry_days=0).expiring] == [-1]
