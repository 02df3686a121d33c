"""Openings: a regulator sees every movement of a member exactly, or the member is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.chain import name_of
from tests.unit.gateway.supply.market import Line, Trader, World, packs
from yilian.gateway.supply import openings
from yilian.gateway.supply.openings import Opened, Opening, Openings, Viewer
from yilian.gateway.supply.posting import Poster
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply.state import view
from yilian.vault.keystore import Keystore

UNITS = packs(0, 20)


class Sight:
    """The regulator, and the openings that members give it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = name_of("regulator")
        self.line = Line(world.market, world.market.trader("regulator"))
        keystore = Keystore.open(world.folder / "regulator" / "keys", self.id)
        self.viewer = Viewer(self.id, keystore, self.line.state, self.ask)
        self.silent: set[str] = set()
        self.altered: dict[str, bytes] = {}
        world.market.must(world.market.trader("regulator"), self.viewer.publish())
        for each in world.traders:
            for message in openings_of(each).grants():
                world.market.must(world.market.trader(each.label), message)

    def ask(self, organisation: str, intervals: Sequence[int]) -> Sequence[bytes]:
        """Ask a member."""
        if organisation in self.silent:
            return []
        given = openings_of(self.world.of(organisation)).give(self.id, intervals)
        return [self.altered.get(organisation, each) for each in given]

    def open(self, trader: Trader) -> Opened:
        """Open what a trader posted just now."""
        return self.viewer.open(trader.id, self.world.market.interval())


def openings_of(trader: Trader) -> Openings:
    titles = trader.titles
    return Openings(
        trader.database, trader.keystore, titles.secrets, titles.histories, trader.line.state
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_every_movement_is_seen_as_it_was(world: World) -> None:
    sight, maker, wholesaler = Sight(world), world.maker, world.wholesaler
    maker.commission(UNITS)
    world.tick()
    (made,) = sight.open(maker).movements
    assert (made.kind, made.holder, made.made) == ("kept", maker.id, True)
    assert set(made.units) == set(UNITS)
    shipment = maker.ship(UNITS[:5], wholesaler)
    maker.finish(UNITS[5:7], "sampled")
    world.tick()
    seen = {each.kind: each for each in sight.open(maker).movements if each.kind != "kept"}
    assert set(seen["given"].units) == set(UNITS[:5])
    assert (seen["given"].holder, seen["given"].made) == (wholesaler.id, False)
    assert set(seen["ended"].units) == set(UNITS[5:7])
    assert seen["ended"].word == "sampled"
    assert sight.open(wholesaler) == Opened(wholesaler.id, world.market.interval(), (), "")
    wholesaler.accept(shipment)
    wholesaler.ship(UNITS[:2], world.pharmacy)
    world.tick()
    given = [each for each in sight.open(wholesaler).movements if each.kind == "given"]
    assert [(set(each.units), each.holder) for each in given] == [
        (set(UNITS[:2]), world.pharmacy.id)
    ]
    # All intervals of all members at once, the quiet ones included.
    last = world.market.interval()
    for each in world.traders:
        found = list(sight.viewer.open_many(each.id, range(last - 2, last + 1)))
        assert [one.fault for one in found] == ["", "", ""]


def test_a_member_that_hides_or_lies_is_named(world: World) -> None:
    sight, maker = Sight(world), world.maker
    maker.commission(UNITS)
    world.tick()
    sight.silent.add(maker.id)
    assert sight.open(maker).fault == "missing"
    sight.silent.clear()
    assert sight.viewer.open(maker.id, world.market.interval() + 1).fault == "silent"
    sight.altered[maker.id] = b"\x01" + bytes(60)
    assert sight.open(maker).fault == "wrong"
    # Another interval's opening, or another member's, is no opening of this one.
    maker.ship(UNITS[:3], world.pharmacy)
    world.tick()
    sight.altered.clear()
    (earlier,) = sight.ask(maker.id, [world.market.interval() - 1])
    sight.altered[maker.id] = earlier
    assert sight.open(maker).fault == "wrong"


def test_an_opening_with_anything_changed_does_not_open(world: World) -> None:
    maker = world.maker
    maker.commission(UNITS)
    world.tick()
    maker.ship(UNITS[:3], world.pharmacy)
    maker.finish([UNITS[9]])
    world.tick()
    state, real = world.market.state, openings_of(maker).opening(world.market.interval())
    assert openings.opens(real, state)
    replace = msgspec.structs.replace
    first = real.moves[0]
    hidden = tuple(each for each in real.moves if each.into is not first.into)
    wrong: list[Opening] = [
        replace(real, moves=hidden),
        replace(real, moves=(*real.moves, replace(first, units=("more",)))),
        replace(real, moves=(replace(first, units=first.units[1:]), *real.moves[1:])),
        replace(real, moves=(replace(first, into=real.moves[-1].into), *real.moves[1:])),
        replace(real, moves=(replace(first, spend=9), *real.moves[1:])),
        replace(real, spends=()),
        replace(real, seed=bytes(32)),
        replace(real, events=bytes(32)),
        replace(real, events=b"1"),
        replace(real, interval=real.interval - 1),
        replace(real, spends=(replace(real.spends[0], secret=bytes(32)),)),
        replace(real, spends=(replace(real.spends[0], organisation=world.clinic.id),)),
    ]
    for each in wrong:
        assert not openings.opens(each, state)


def test_only_a_regulator_that_was_granted_a_view_is_given_openings(world: World) -> None:
    maker = openings_of(world.maker)
    assert maker.grants() == []
    with pytest.raises(Refusal) as refused:
        maker.give(name_of("regulator"), [1])
    assert refused.value.code.name == "members.not_about_caller"
    sight = Sight(world)
    assert maker.grants() == []
    with pytest.raises(Refusal) as refused:
        maker.give(world.clinic.id, [1])
    assert refused.value.code.name == "members.not_about_caller"
    assert maker.give(sight.id, [1]) == [b""]


def test_a_regulator_with_another_key_reads_nothing(world: World, tmp_path: Path) -> None:
    sight, maker = Sight(world), world.maker
    maker.commission(UNITS)
    world.tick()
    stranger = Keystore.open(tmp_path / "stranger" / "keys", sight.id)
    other = Viewer(sight.id, stranger, sight.line.state, sight.ask)
    assert other.open(maker.id, world.market.interval()).fault == "wrong"


def test_views_are_granted_by_themselves(world: World) -> None:
    maker = world.maker
    poster = Poster(maker.titles, None, openings_of(maker))
    poster.chores()
    assert maker.line.raws == []
    line = Line(world.market, world.market.trader("regulator"))
    keystore = Keystore.open(world.folder / "regulator" / "keys", name_of("regulator"))
    regulator = world.market.trader("regulator")
    viewer = Viewer(regulator.id, keystore, line.state, lambda *_: [])
    world.market.must(regulator, viewer.publish())
    poster.chores()
    poster.chores()
    assert len(maker.line.raws) == 1
    assert view(world.market.state, maker.id, regulator.id) is not None
