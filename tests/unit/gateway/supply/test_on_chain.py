"""From whom packs may come, as the chain's directory has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain import name_of
from tests.unit.gateway.supply.market import World, gtin, pack
from yilian.gateway.supply.on_chain import TitleView
from yilian.ledger import codec
from yilian.ledger.modules.supply import messages as supply

START = "https://id.gs1.org"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("directory"))
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
    view = TitleView(world.market.state)
    assert view.made_by(unit, world.maker.id)
    assert not view.made_by(unit, world.wholesaler.id)


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
    view = TitleView(world.market.state)
    assert not any(view.made_by(unit, each.id) for each in world.traders)


def test_a_product_that_changed_hands_is_made_by_both(tmp_path: Path) -> None:
    world = World(tmp_path)
    old, new = world.maker, world.clinic
    world.market.must(world.market.trader("maker"), supply.OfferProduct(gtin=gtin(), to=new.id))
    world.market.must(world.market.trader("clinic"), supply.AcceptProduct(gtin=gtin()))
    view = TitleView(world.market.state)
    assert view.made_by(pack(1), old.id)
    assert view.made_by(pack(1), new.id)
    assert not view.made_by(pack(1), name_of("wholesaler"))
    world.close()


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
