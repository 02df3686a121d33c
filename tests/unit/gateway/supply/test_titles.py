"""Titles: packs go from maker to patient, and nobody has what another has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.chain import name_of
from tests.scale import scale
from tests.unit.gateway.supply.market import Trader, World, gtin, pack, packs
from yilian.gateway.supply import plans, titles
from yilian.gateway.supply.titles import check
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply.messages import Post
from yilian.ledger.modules.supply.state import spent


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stocked(world: World) -> World:
    """The maker has thirty packs, and the chain knows."""
    world.maker.commission(packs(0, 30))
    world.tick()
    return world


def refused(call: Callable[..., Any], *given: Any) -> str:
    with pytest.raises(Refusal) as found:
        call(*given)
    return found.value.code.name


def holders(world: World, unit: str) -> list[str]:
    return [each.label for each in world.traders if unit in each.held()]


def test_packs_go_from_their_maker_to_the_counter(stocked: World) -> None:
    units = packs(0, 30)
    stocked.move(units[:20], stocked.maker, stocked.wholesaler)
    stocked.move(units[5:10], stocked.wholesaler, stocked.pharmacy)
    assert stocked.pharmacy.held() == set(units[5:10])
    assert stocked.wholesaler.held() == set(units[:5]) | set(units[10:20])
    document = stocked.pharmacy.titles.proof(units[7])
    course = check(document, stocked.market.state)[units[7]]
    maker, wholesaler, pharmacy = stocked.maker, stocked.wholesaler, stocked.pharmacy
    assert [each[0] for each in course.holders] == [maker.id, maker.id, wholesaler.id]
    assert course.note.holder == pharmacy.id
    stocked.pharmacy.finish([units[7]])
    stocked.tick()
    assert holders(stocked, units[7]) == []
    assert refused(stocked.pharmacy.titles.proof, units[7]) == "supply.title_not_held"


def test_who_copies_a_post_that_waits_stops_nobody(stocked: World) -> None:
    units, maker, clinic = packs(0, 5), stocked.maker, stocked.clinic
    shipment = maker.ship(units, stocked.wholesaler)
    maker.poster.chores()
    interval = stocked.market.go_on()
    maker.poster.prepare(interval)
    maker.line.cut = "before"
    with pytest.raises(ConnectionError):
        maker.poster.send(interval)
    waiting = msgspec.json.decode(maker.line.raws[-1])["body"]["messages"][0]
    copied = msgspec.convert(
        {name: waiting[name] for name in ("interval", "root", "nullifiers")}, Post
    )
    clinic.line.submit(clinic.line.sign(copied, stocked.market.time + 60_000))
    first = copied.nullifiers[0]
    assert spent(stocked.market.state, clinic.id, first) is not None
    assert spent(stocked.market.state, maker.id, first) is None
    # The owner's post is as good as ever, and so are the packs.
    maker.line.cut = None
    stocked.tick(maker, stocked.wholesaler)
    assert spent(stocked.market.state, maker.id, first) == spent(
        stocked.market.state, clinic.id, first
    )
    assert maker.titles.shipment(shipment).state == "brought"
    stocked.wholesaler.accept(shipment)
    assert stocked.wholesaler.held() == set(units)
    course = check(stocked.wholesaler.titles.proof(units[0]), stocked.market.state)[units[0]]
    assert [each[0] for each in course.holders] == [maker.id, maker.id]
    # Who copied it goes on as well, and has nothing of it.
    stocked.tick()
    assert clinic.held() == set()
    assert clinic.titles.incoming() == []


def test_who_sold_a_product_makes_no_more_of_its_packs(stocked: World) -> None:
    market = stocked.market
    for place, (seller, buyer) in enumerate((("maker", "clinic"), ("clinic", "pharmacy"))):
        market.sell(gtin(), seller, buyer)
        stocked.of(name_of(buyer)).commission([pack(100 + place)])
        stocked.tick()
    stocked.maker.commission([pack(200)])
    stocked.clinic.commission([pack(201)])
    stocked.tick()
    for trader, unit in (
        (stocked.maker, pack(0)),
        (stocked.clinic, pack(100)),
        (stocked.pharmacy, pack(101)),
    ):
        assert check(trader.titles.proof(unit), market.state)[unit].note.holder == trader.id
    for trader, unit in ((stocked.maker, pack(200)), (stocked.clinic, pack(201))):
        assert refused(check, trader.titles.proof(unit), market.state) == "supply.title_origin"


def test_packs_are_held_until_they_are_on_their_way(world: World) -> None:
    units = packs(0, 3)
    world.maker.commission(units)
    assert world.maker.titles.holds([*units, "other"]) == {
        **dict.fromkeys(units, True),
        "other": False,
    }
    assert refused(world.maker.titles.proof, units[0]) == "supply.title_not_held"
    # Even before the chain knows of them they may be shipped: one post later they go.
    shipment = world.maker.ship(units[:2], world.wholesaler)
    assert world.maker.titles.holds(units) == {units[0]: False, units[1]: False, units[2]: True}
    world.tick()
    assert world.maker.titles.shipment(shipment).state == "queued"
    world.tick()
    assert world.maker.titles.shipment(shipment).state == "brought"
    (came,) = world.wholesaler.titles.incoming()
    assert (came.shipment, came.sender, came.checked) == (shipment, world.maker.id, True)
    assert came.units == tuple(units[:2])
    assert world.wholesaler.titles.holds(units[:2]) == dict.fromkeys(units[:2], False)
    world.wholesaler.accept(shipment)
    assert world.wholesaler.titles.holds(units[:2]) == dict.fromkeys(units[:2], True)
    assert world.maker.held() == {units[2]}


def test_what_cannot_be_is_refused_and_changes_nothing(stocked: World) -> None:
    units, maker = packs(0, 30), stocked.maker
    wholesaler = stocked.wholesaler
    stranger = "https://id.gs1.org/01/09506000134352/21/X"
    assert refused(maker.commission, [units[3]]) == "supply.title_exists"
    assert refused(maker.commission, [stranger, stranger]) == "supply.title_exists"
    assert refused(wholesaler.ship, [units[0]], maker) == "supply.title_not_held"
    assert refused(maker.ship, [], wholesaler) == "supply.title_not_held"
    assert refused(maker.ship, [units[0], units[0]], wholesaler) == "supply.title_not_held"
    assert refused(maker.ship, [units[0], stranger], wholesaler) == "supply.title_not_held"
    assert refused(maker.ship, [units[0]], maker) == "supply.cannot_ship_there"
    assert refused(maker.finish, [units[0]], "eaten") == "malformed"
    many = [f"{stranger}{number}" for number in range(titles.MAX_SHIPMENT + 1)]
    assert refused(maker.ship, many, wholesaler) == "supply.shipment_too_large"
    with maker.database.write() as connection:
        nobody = name_of("nobody")
        call = maker.titles.ship
        assert refused(call, [units[0]], nobody, connection) == "supply.cannot_ship_there"
    maker.ship(units[:5], wholesaler)
    assert refused(maker.ship, units[4:6], wholesaler) == "supply.title_moving"
    assert refused(maker.finish, [units[0]]) == "supply.title_moving"
    assert maker.held() == set(units)
    assert all(maker.titles.holds(units[5:]).values())
    # What left cannot be made again.
    stocked.tick(count=2)
    assert refused(maker.commission, [units[0]]) == "supply.title_exists"
    assert refused(maker.ship, [units[0]], wholesaler) == "supply.title_not_held"


def test_a_shipment_is_called_off_until_it_is_posted(stocked: World) -> None:
    units, maker = packs(0, 30), stocked.maker
    first = maker.ship(units[:3], stocked.wholesaler)
    maker.cancel(first)
    assert all(maker.titles.holds(units).values())
    assert refused(maker.cancel, first) == "supply.shipment_unknown"
    assert refused(maker.cancel, name_of("none")) == "supply.shipment_unknown"
    second = maker.ship(units[:3], stocked.wholesaler)
    ended = maker.finish(units[3:5], "destroyed")
    maker.poster.chores()
    maker.poster.prepare(stocked.market.go_on())
    assert refused(maker.cancel, second) == "supply.shipment_posting"
    stocked.tick()
    assert refused(maker.cancel, ended) == "supply.shipment_posting"
    assert maker.titles.shipment(second).state == "brought"
    assert refused(maker.titles.shipment, ended) == "supply.shipment_unknown"
    assert maker.held() == set(units[5:])


def test_what_is_not_accepted_goes_back_by_a_shipment(stocked: World) -> None:
    units, maker, wholesaler = packs(0, 10), stocked.maker, stocked.wholesaler
    shipment = maker.ship(units, wholesaler)
    stocked.tick()
    back = wholesaler.accept(shipment, units[:7])
    assert back is not None
    assert refused(wholesaler.accept, shipment) == "supply.shipment_decided"
    assert refused(wholesaler.decline, shipment) == "supply.shipment_decided"
    assert refused(wholesaler.accept, name_of("none")) == "supply.shipment_unknown"
    stocked.tick()
    (came,) = maker.titles.incoming()
    assert (came.shipment, set(came.units)) == (back, set(units[7:]))
    maker.accept(back)
    assert all(maker.titles.holds(units[7:]).values())
    assert wholesaler.held() == set(units[:7])
    course = check(maker.titles.proof(units[8]), stocked.market.state)[units[8]]
    names = [each[0] for each in course.holders]
    assert names == [maker.id, maker.id, wholesaler.id]
    # And may go out again, by a pedigree in which their maker stands twice.
    stocked.move([units[8]], maker, stocked.pharmacy)
    declined = maker.ship([units[9]], wholesaler)
    stocked.tick()
    again = wholesaler.decline(declined)
    stocked.tick()
    maker.accept(again)
    assert maker.titles.holds([units[9]])[units[9]]
    other = maker.ship([units[9]], wholesaler)
    stocked.tick()
    assert refused(wholesaler.accept, other, [units[1]]) == "supply.title_not_held"


def test_who_gives_no_claims_holds_up_nobody_else(
    stocked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    units, maker = packs(0, 30), stocked.maker
    silent = stocked.pharmacy

    def down(giver: str, count: int) -> list[bytes]:
        raise ConnectionError(giver, count)

    monkeypatch.setattr(silent.titles, "promise", down)
    waits = maker.ship(units[:3], silent)
    goes = maker.ship(units[3:6], stocked.wholesaler)
    for _ in range(2):
        interval = stocked.market.go_on()
        with pytest.raises(ConnectionError):
            maker.poster.chores()
        maker.poster.prepare(interval)
        maker.poster.send(interval)
        maker.titles.send_off()
    assert maker.titles.shipment(goes).state == "brought"
    assert maker.titles.shipment(waits).state == "queued"
    monkeypatch.undo()
    stocked.tick()
    assert maker.titles.shipment(waits).state == "brought"


def test_claims_are_given_within_bounds(world: World) -> None:
    pharmacy, maker = world.pharmacy.titles, world.maker.id
    assert len(set(pharmacy.promise(maker, 64))) == 64
    assert refused(pharmacy.promise, maker, 65) == "supply.claims_exhausted"
    assert refused(pharmacy.promise, maker, 0) == "supply.claims_exhausted"
    for _ in range(63):
        pharmacy.promise(maker, 64)
    assert refused(pharmacy.promise, maker, 1) == "supply.claims_exhausted"
    assert len(pharmacy.promise(world.clinic.id, 1)) == 1


def test_a_large_shipment_goes_by_several_posts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "NOTE_UNITS", 10)
    units = packs(0, 120)
    world.maker.commission(units)
    world.tick()
    shipment = world.maker.ship(units[5:115], world.wholesaler)
    posts = 0
    while world.maker.titles.shipment(shipment).state != "brought":
        world.tick()
        posts += 1
    assert posts == 2
    assert world.maker.held() == set(units[:5]) | set(units[115:])
    world.wholesaler.accept(shipment)
    assert world.wholesaler.held() == set(units[5:115])
    check(world.wholesaler.titles.proof(units[5]), world.market.state)


def test_packs_that_stay_go_through_few_notes(world: World) -> None:
    units = packs(0, 200)
    world.maker.commission(units)
    world.tick()
    for number in range(0, 60, 2):
        world.maker.finish([units[number]], "sampled")
        world.tick(world.maker)
    longest = 0
    for unit in sorted(world.maker.held()):
        document = world.maker.titles.proof(unit)
        course = check(document, world.market.state)[unit]
        longest = max(longest, len(course.holders))
    assert longest <= 1 + 4 + plans.SMALL


class Model:
    """Who has which pack, as somebody who watches all of them would say."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.holder: dict[str, str] = {}
        self.ended: set[str] = set()
        self.made = 0

    def step(self) -> None:
        """Let something happen."""
        kind = self.random.choice(["make", "ship", "ship", "ship", "end", "accept", "some", "back"])
        trader = self.random.choice(self.world.traders)
        free = sorted(each for each, held in self.free(trader).items() if held)
        if kind == "make":
            count = self.random.randint(1, 12)
            self.world.maker.commission(packs(self.made, count))
            self.holder |= dict.fromkeys(packs(self.made, count), self.world.maker.id)
            self.made += count
        elif kind in ("accept", "some", "back"):
            self.decide(trader, kind)
        elif free:
            units = self.random.sample(free, self.random.randint(1, min(6, len(free))))
            if kind == "end":
                trader.finish(units, "dispensed")
                for each in units:
                    self.holder.pop(each)
                self.ended.update(units)
            else:
                others = [each for each in self.world.traders if each is not trader]
                trader.ship(units, self.random.choice(others))

    def free(self, trader: Trader) -> dict[str, bool]:
        """Tell what a trader may give."""
        return trader.titles.holds(sorted(trader.held()))

    def decide(self, trader: Trader, kind: str) -> None:
        """Accept, or not."""
        waiting = trader.titles.incoming()
        if not waiting:
            return
        came = self.random.choice(waiting)
        assert came.checked, came.fault
        for each in came.units:
            self.holder[each] = trader.id
        if kind == "accept":
            trader.accept(came.shipment)
        elif kind == "some":
            trader.accept(came.shipment, self.random.sample(came.units, len(came.units) // 2))
        else:
            trader.decline(came.shipment)

    def require(self) -> None:
        """Hold everything against what the traders say."""
        for trader in self.world.traders:
            came = {unit for each in trader.titles.incoming() for unit in each.units}
            assert not came & trader.held()
            for unit in came:
                assert self.holder[unit] != trader.id
        held = [unit for each in self.world.traders for unit in each.held()]
        underway = [
            unit
            for each in self.world.traders
            for came in each.titles.incoming()
            for unit in came.units
        ]
        assert len(held) == len(set(held))
        assert not set(held) & set(underway)
        assert len(underway) == len(set(underway))
        assert set(held) | set(underway) == set(self.holder)


@pytest.mark.parametrize("seed", range(scale(4, 100)))
def test_every_pack_has_one_holder_whatever_happens(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, slots=4)
    model = Model(world, seed)
    model.world.maker.commission(packs(0, 20))
    model.made = 20
    model.holder = dict.fromkeys(packs(0, 20), world.maker.id)
    for _ in range(18):
        for _ in range(4):
            model.step()
        world.tick()
    # Whatever was asked for gets done.
    world.tick(count=8)
    model.require()
    for trader in world.traders:
        assert trader.poster.reconcile() is None
        free = model.free(trader)
        for unit in sorted(free):
            course = check(trader.titles.proof(unit), world.market.state)[unit]
            assert course.note.holder == trader.id
            assert course.holders[0][0] == world.maker.id
    assert model.ended
    assert model.made > 20
    posted = [each for trader in world.traders for post in trader.nullifiers() for each in post]
    assert len(posted) == len(set(posted))
    world.close()
