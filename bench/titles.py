"""How long titles take: commissioning many packs, shipping some of them, and what a package weighs.

    python -m bench.titles [--packs 100000] [--ship 1000]

The law runs in memory, so the figures are those of titles and their database, not of a node. Steps:
enter the packs, plan and build the post, carry it out, ship, seal the package, check it at the
receiver, accept; then the same packs go on to a third organisation.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.unit.gateway.supply.market import Trader, World, packs

R = TypeVar("R")


def timed(name: str, count: int, work: Callable[[], R]) -> R:
    """Do something and print what it took."""
    began = time.perf_counter()
    made = work()
    spent = time.perf_counter() - began
    print(f"{name:44} {spent:8.2f} s {spent / count * 1e6:10.1f} us a pack", flush=True)
    return made


def post(world: World, trader: Trader, name: str, count: int) -> None:
    """Post once, and print its parts."""
    interval = world.market.go_on()
    trader.titles.fetch_claims()
    timed(f"{name}: plan, tree, sign", count, lambda: trader.poster.prepare(interval))
    timed(f"{name}: block, then carried out", count, lambda: trader.poster.send(interval))


def pass_on(world: World, from_: Trader, to: Trader, units: list[str]) -> None:
    """Ship packs and have them accepted."""
    count = len(units)
    from_.held_back = True
    shipment = timed("ask for the shipment", count, lambda: from_.ship(units, to))
    while from_.titles.shipment(shipment).state != "done":
        post(world, from_, "post of the shipment", count)
    timed("pedigree and package", count, from_.titles.send_off)
    package = from_.brought[-1][2]
    print(f"{'package':44} {len(package):>10,} bytes {len(package) / count:6.1f} a pack")
    timed("open and check", count, lambda: to.titles.receive(package, from_.id))
    timed("accept", count, lambda: to.accept(shipment))


def main() -> None:
    """Measure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--packs", type=int, default=100_000)
    arguments.add_argument("--ship", type=int, default=1_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        units = packs(0, given.packs)
        timed("enter packs", given.packs, lambda: world.maker.commission(units))
        post(world, world.maker, "post of the packs", given.packs)
        some = units[: given.ship]
        pass_on(world, world.maker, world.wholesaler, some)
        print("-- and on")
        pass_on(world, world.wholesaler, world.pharmacy, some)
        print("-- from the middle of eight notes, one pack of each")
        scattered = [units[given.ship + each * 1_000 + 500] for each in range(8)]
        pass_on(world, world.maker, world.clinic, scattered)
        one = scattered[0]
        timed("proof of one pack", 1, lambda: world.clinic.titles.proof(one))
        print(f"{'proof':44} {len(world.clinic.titles.proof(one)):>10,} bytes (JSON)")
        size = (Path(folder) / "maker" / "supply.sqlite").stat().st_size
        print(f"{'database of the maker':44} {size / given.packs:10.1f} bytes a pack")
        world.close()


if __name__ == "__main__":
    main()
