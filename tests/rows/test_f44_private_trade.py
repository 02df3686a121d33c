"""F44: who trades with whom, and how many, is not seen by somebody who has the whole chain.

Two worlds are told apart by nothing but bytes that are random in both; and an observer who learns
from half of a year of trade guesses the other half no better than by chance. That the observer is
no fool is shown with one number more, which the chain does not have.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tests.chain import name_of
from tests.rows.observing import features, guessed
from tests.scale import scale
from tests.unit.gateway.supply.market import KINDS, Trader, World, gtin, pack, packs
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import check_digit

INTERVALS = scale(200, 400)
SURE = 0.001
"""Below this chance a guess counts as better than luck."""


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw what is random from a seed, so that the verdict is the same every time."""
    monkeypatch.setattr(secrets, "token_bytes", random.Random(44).randbytes)


def masked(raw: bytes) -> bytes:
    """Blank what is random in every post: nullifiers, root, nonce and signature."""
    found = msgspec.json.decode(raw)
    (message,) = found["body"]["messages"]
    message["nullifiers"] = ["*" * len(each) for each in message["nullifiers"]]
    message["root"] = "*" * len(message["root"])
    found["body"]["nonce"] = "*" * len(found["body"]["nonce"])
    found["signatures"] = ["*" * len(each) for each in found["signatures"]]
    return msgspec.json.encode(found)


def chain_of(folder: Path, happens: Callable[[World], None]) -> list[tuple[int, list[bytes]]]:
    """Give what a chain holds after some intervals: its blocks' times and transactions."""
    world = World(folder)
    seen: list[tuple[int, list[bytes]]] = []
    block = world.market.block

    def kept(*raws: bytes, **more: object) -> object:
        applied = block(*raws, **more)  # type: ignore[arg-type]
        seen.append((applied.time, [masked(each) for each in raws]))
        return applied

    world.maker.commission(packs(0, 1_000))
    world.tick()
    world.market.block = kept  # type: ignore[assignment, method-assign]
    happens(world)
    world.tick(count=4)
    world.close()
    return seen


def test_a_thousand_packs_or_nothing_leave_the_same_chain(tmp_path: Path) -> None:
    def trade(world: World) -> None:
        world.maker.ship(packs(0, 1_000), world.wholesaler)

    def nothing(world: World) -> None:
        """Do nothing."""

    one, two = (tmp_path / each for each in ("trade", "nothing"))
    one.mkdir()
    two.mkdir()
    traded = chain_of(one, trade)
    assert len(traded) == 4 * 4
    assert traded == chain_of(two, nothing)


class Case(NamedTuple):
    """A member in an interval: what the chain shows of it, what it did, and how many slots that
    took (which the chain does not show)."""

    shown: list[float]
    to: int | None
    many: bool
    slots: int


def test_an_observer_of_the_whole_chain_guesses_by_chance_only(tmp_path: Path) -> None:
    cases = list(trade(tmp_path))

    def shipped(case: Case) -> int:
        return int(case.to is not None)

    assert guessed(cases, shipped, lambda case: case.shown).luck > SURE
    ships = [each for each in cases if each.to is not None]
    for label in (lambda case: case.to, lambda case: int(case.many)):
        assert guessed(ships, label, lambda case: case.shown).luck > SURE
    # The same observer, told how many places of a post are real, sees who ships.
    told = guessed(cases, shipped, lambda case: [*case.shown, case.slots])
    assert told.luck < SURE


def trade(folder: Path) -> Iterator[Case]:
    """Let four members trade, and give what there is to learn from it."""
    world = World(folder)
    chance = random.Random(7)
    products = [product_of(world, number) for number in range(len(world.traders))]
    made = [0] * len(world.traders)
    last: list[list[float]] = [[] for _ in world.traders]
    for interval in range(INTERVALS):
        did = [act(world, at, products[at], made, chance) for at in range(len(made))]
        world.tick()
        for at, trader in enumerate(world.traders):
            found = features(trader.line.raws[-1])
            if interval:
                to, many = did[at]
                yield Case([*found, *last[at]], to, many, real(trader, world.market.interval()))
            last[at] = found
            trader.accept_all()
    world.close()


def product_of(world: World, number: int) -> str:
    """Give a member a product of its own."""
    if number == 0:
        return gtin()
    label, prefix = KINDS[number][0], f"77012{number:02d}"
    digits = f"{prefix}00000"
    company = supply.RegisterCompany(
        company=name_of(f"prefix of {label}"), gln=digits + check_digit(digits), prefixes=[prefix]
    )
    world.market.must(world.market.trader(label), company)
    world.market.product(gtin(1, prefix), label)
    return gtin(1, prefix)


def act(
    world: World, at: int, product: str, made: list[int], chance: random.Random
) -> tuple[int | None, bool]:
    """Have a member commission, or not, and ship few or many packs to one of the others, or not."""
    trader = world.traders[at]
    if chance.random() < 0.5 or made[at] < 60:
        fresh = [pack(made[at] + each, product) for each in range(chance.choice((8, 60)))]
        trader.commission(fresh)
        made[at] += len(fresh)
    own = [each for each in sorted(posted(trader)) if product in each]
    if chance.random() < 0.5 or not own:
        return None, False
    many = chance.random() < 0.5
    others = [each for each in range(len(made)) if each != at]
    to = chance.choice(others)
    trader.ship(own[: 40 if many else 2], world.traders[to])
    return to, many


def posted(trader: Trader) -> set[str]:
    """Give the packs that a trader may ship with its next post."""
    with trader.database.read() as connection:
        query = "SELECT unit FROM title_units WHERE gone = 0 AND move IS NULL AND note IS NOT NULL"
        return {row[0] for row in connection.exec_driver_sql(query)}


def real(trader: Trader, interval: int) -> int:
    """Give how many places of a post are real."""
    with trader.database.read() as connection:
        query = "SELECT slots FROM title_posts WHERE interval = ?"
        found = connection.exec_driver_sql(query, (interval,)).first()
        return 0 if found is None else int(found[0])
