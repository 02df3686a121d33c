"""From whom packs may come, as the chain's directory has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.supply.market import World, gtin, pack
from yilian.gateway.supply.on_chain import TitleView
from yilian.ledger import codec

START = "https://id.gs1.org"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("directory"))
    made.tick()
    yield made
    made.close()


@pytest.mark.parametrize(
    "unit",
    [
        pack(1),
        f"{START}/00/069012340000000010",
        f"{START}/8003/06901234000015ABC",
        f"{START}/8004/6901234ABC",
        f"{START}/8004/69012345678901234",
    ],
)
def test_a_makers_packs_pallets_and_assets_are_its_own(world: World, unit: str) -> None:
    view, interval = TitleView(world.market.state), world.market.interval()
    assert view.made_by(unit, world.maker.id, interval)
    assert not view.made_by(unit, world.wholesaler.id, interval)


@pytest.mark.parametrize(
    "unit",
    [
        pack(1, gtin(2)),
        pack(1, gtin(1, "7701234")),
        f"{START}/01/{gtin()}",
        f"{START}/01/{gtin()}/21/",
        f"{START}/01/{gtin()}/10/L/21/S1",
        f"{START}/01/{gtin()}/21/S1/10/L",
        f"{START}/01/{gtin()}/21/S1?17=300101",
        f"{START}/01/{gtin()[1:]}/21/S1",
        f"http://id.gs1.org/01/{gtin()}/21/S1",
        f"{START}/00/06901234000000001",
        f"{START}/00/0690123400000000100",
        f"{START}/8004/69012A",
        f"{START}/8004/690123A",
        f"{START}/8004/7701234A",
        f"{START}/414/6901234000009",
        "urn:epc:id:sgtin:6901234.000001.S1",
        "",
    ],
)
def test_nothing_else_is_anybodys(world: World, unit: str) -> None:
    view, interval = TitleView(world.market.state), world.market.interval()
    assert not any(view.made_by(unit, each.id, interval) for each in world.traders)


def made(world: World, interval: int, unit: str = pack(1)) -> list[str]:
    """Tell who could make a pack by a post for an interval."""
    view = TitleView(world.market.state)
    return [each.label for each in world.traders if view.made_by(unit, each.id, interval)]


def test_packs_are_made_by_who_owned_their_product_then(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tick()
    intervals = [world.market.interval()]
    for seller, buyer in (("maker", "clinic"), ("clinic", "pharmacy"), ("pharmacy", "maker")):
        world.market.sell(gtin(), seller, buyer)
        world.tick()
        intervals.append(world.market.interval())
    owners = [["maker"], ["clinic"], ["pharmacy"], ["maker"]]
    assert [made(world, each) for each in intervals] == owners
    world.close()


def test_who_sold_a_product_makes_none_for_an_interval_long_past(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tick(world.clinic)
    missed = world.market.interval()
    world.market.sell(gtin(), "maker", "clinic")
    world.market.go_on()
    assert world.maker.poster.send(missed)
    assert TitleView(world.market.state).root(world.maker.id, missed) is not None
    assert made(world, missed) == []
    world.close()


def test_a_product_is_named_after_its_first_packs_were_made(world: World) -> None:
    interval, unit = world.market.interval(), pack(1, gtin(3))
    assert made(world, interval, unit) == []
    world.market.product(gtin(3))
    assert made(world, interval, unit) == ["maker"]
    # Once it is sold that stays so, and goes to nobody else.
    world.market.sell(gtin(3), "maker", "clinic")
    assert made(world, interval, unit) == ["maker"]


def test_no_pack_is_made_without_a_post(world: World) -> None:
    assert made(world, world.market.interval() + 1) == []
    assert made(world, 0) == []


def test_a_nullifier_counts_for_who_posted_it(world: World) -> None:
    world.maker.commission([pack(5)])
    world.tick()
    message = world.maker.nullifiers()[-1]
    view = TitleView(world.market.state)
    assert view.spent(world.maker.id, bytes(32)) is None
    for each in message:
        data = codec.to_bytes(each)
        assert view.spent(world.maker.id, data) == world.market.interval()
        assert view.spent(world.clinic.id, data) is None
