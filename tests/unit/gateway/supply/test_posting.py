"""Posts: one for each interval, alike whatever happened, and nothing lost in any crash."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest
import sqlalchemy as sql

from tests.chain import digest_of
from tests.scale import scale
from tests.unit.gateway.supply.market import Trader, World, packs
from yilian.gateway.supply import posting, title_rows
from yilian.gateway.supply.titles import check
from yilian.ledger.modules.governance.messages import Propose, SetParameter, Vote
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.modules.supply.messages import Post

UNITS = packs(0, 20)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.maker.commission(UNITS)
    made.tick()
    yield made
    made.close()


def body(raw: bytes) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(raw)["body"]["messages"][0]
    return found


def rows(trader: Trader) -> list[str]:
    with trader.database.read() as connection:
        return list(
            connection.scalars(
                sql.select(title_rows.posts.c.state).order_by(title_rows.posts.c.post)
            )
        )


def test_posts_are_alike_whatever_happened(world: World) -> None:
    world.maker.ship(UNITS[:5], world.wholesaler)
    world.maker.finish(UNITS[5:7], "stolen")
    world.tick(count=3)
    raws = [raw for each in world.traders for raw in each.line.raws]
    assert len(raws) == 4 * 4
    assert len({len(raw) for raw in raws}) == 1
    assert all(len(body(raw)["nullifiers"]) == 8 for raw in raws)  # type: ignore[arg-type]
    roots = [body(raw)["root"] for raw in raws]
    assert len(set(map(str, roots))) == len(roots)
    # Idle intervals leave no rows, so a quiet organisation's file does not grow.
    assert rows(world.clinic) == []
    assert rows(world.maker) == ["posted", "posted"]


def test_an_interval_is_posted_for_once(world: World) -> None:
    maker = world.maker
    interval = world.market.interval()
    maker.poster.prepare(interval)
    assert maker.poster.send(interval)
    before = supply.posted(world.market.state, maker.id, interval)
    maker.ship(UNITS[:2], world.wholesaler)
    maker.poster.chores()
    maker.poster.prepare(interval)
    assert maker.poster.send(interval)
    assert supply.posted(world.market.state, maker.id, interval) == before
    world.tick()
    assert UNITS[0] not in maker.held()


def test_what_is_late_goes_with_the_next(world: World) -> None:
    maker = world.maker
    shipment = maker.ship(UNITS[:2], world.wholesaler)
    maker.poster.chores()
    interval = world.market.go_on()
    assert maker.poster.send(interval)
    maker.poster.prepare(interval)
    assert maker.titles.shipment(shipment).state == "posting"
    assert maker.poster.send(world.market.go_on())
    assert maker.titles.shipment(shipment).state == "done"


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_post_that_got_lost_is_found_or_taken_back(
    world: World, cut: str, restarts: bool
) -> None:
    maker, wholesaler = world.maker, world.wholesaler
    shipment = maker.ship(UNITS[:4], wholesaler)
    maker.poster.chores()
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    maker.line.cut = cut
    with pytest.raises(ConnectionError):
        maker.poster.send(interval)
    maker.line.cut = None
    if restarts:
        maker.restart()
    # While it is open nothing else is done: the same bytes are handed in again.
    maker.finish([UNITS[9]], "sampled")
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    maker.poster.send(interval)
    assert len(set(maker.line.raws)) == len(maker.line.raws) - (cut == "before")
    world.tick(count=2)
    assert maker.titles.shipment(shipment).state == "brought"
    wholesaler.accept(shipment)
    check(wholesaler.titles.proof(UNITS[0]), world.market.state)
    assert maker.held() == set(UNITS[4:]) - {UNITS[9]}


def test_a_post_that_no_block_can_take_any_more_is_made_anew(world: World) -> None:
    maker = world.maker
    shipment = maker.ship(UNITS[:4], world.wholesaler)
    maker.poster.chores()
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    maker.line.cut = "before"
    with pytest.raises(ConnectionError):
        maker.poster.send(interval)
    maker.line.cut = None
    lost = maker.line.raws[-1]
    world.market.wait(10_000 + posting.EXPIRES_MS)
    world.tick(count=1)
    assert maker.titles.shipment(shipment).state == "brought"
    # Whoever kept the lost one cannot have it taken now.
    result = world.market.block(lost).results[0]
    assert result.code != 0
    with maker.database.read() as connection:
        assert not title_rows.found(
            connection,
            title_rows.PostRow,
            sql.select(title_rows.posts).where(title_rows.posts.c.state != "posted"),
        )


def test_what_was_planned_and_never_sent_is_taken_up(world: World) -> None:
    maker = world.maker
    shipment = maker.ship(UNITS[:4], world.wholesaler)
    maker.poster.chores()
    interval = world.market.go_on()
    assert maker.poster._planned() is not None
    maker.restart()
    assert rows(maker)[-1] == "planned"
    maker.poster.prepare(interval)
    assert maker.poster.send(interval)
    assert maker.titles.shipment(shipment).state == "done"


def test_fewer_slots_by_vote_are_kept_to(world: World) -> None:
    maker = world.maker
    maker.ship(UNITS[:1], world.wholesaler)
    maker.poster.chores()
    maker.poster._planned()
    market = world.market
    voters = [market.hospital, market.insurer, market.authority]
    voters += [market.trader(each) for each in ("maker", "wholesaler", "pharmacy")]
    action = SetParameter(name="supply_slots", value=1)
    name = "A" * 22
    market.must(voters[0], Propose(proposal=name, action=action))
    for each in voters[1:]:
        market.block(market.sign(each, Vote(proposal=name, approve=True)))
    assert supply.slots(market.state) == 1
    world.tick(count=2)
    assert {len(each) for each in maker.nullifiers()[-2:]} == {1}
    assert maker.held() == set(UNITS[1:])


@pytest.mark.parametrize("busy", [False, True])
def test_what_is_refused_is_tried_again_and_looks_alike(world: World, busy: bool) -> None:
    maker = world.maker
    shipment = maker.ship(UNITS[:4], world.wholesaler) if busy else None
    maker.poster.chores()
    ahead = world.market.interval() + 2
    maker.poster.prepare(ahead)
    maker.poster.arm(ahead)
    assert not maker.poster.send(ahead)
    assert not maker.poster.retry(ahead)
    if busy:
        assert rows(maker)[-1] == "planned"
    world.market.go_on()
    assert maker.poster.retry(ahead)
    raws = maker.line.raws[-3:]
    # Three transactions, and one post.
    assert len(set(raws)) == 3
    assert len({str(body(raw)) for raw in raws}) == 1
    if shipment is not None:
        assert maker.titles.shipment(shipment).state == "done"
        maker.poster.chores()
        world.wholesaler.accept(shipment)


@pytest.mark.parametrize("busy", [False, True])
def test_what_got_lost_goes_first_whatever_it_was(world: World, busy: bool) -> None:
    maker = world.maker
    if busy:
        maker.ship(UNITS[:4], world.wholesaler)
        maker.poster.chores()
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    maker.poster.arm(interval)
    maker.line.cut = "before"
    with pytest.raises(ConnectionError):
        maker.poster.send(interval)
    maker.line.cut = None
    maker.finish([UNITS[9]])
    following = world.market.go_on()
    maker.poster.prepare(following)
    maker.poster.arm(following)
    assert maker.poster.send(following)
    assert maker.line.raws[-1] == maker.line.raws[-2]
    assert UNITS[9] in maker.held()
    world.tick()
    assert UNITS[9] not in maker.held()


def test_a_restored_backup_gives_up_what_it_no_longer_has(world: World) -> None:
    maker = world.maker
    maker.database.close()
    path = world.folder / "maker"
    shutil.copytree(path, world.folder / "backup")
    maker.open()
    world.move(UNITS[:4], maker, world.wholesaler)
    maker.database.close()
    shutil.rmtree(path)
    shutil.copytree(world.folder / "backup", path)
    maker.open()
    assert set(UNITS) == maker.held()
    # It says that it has them, and cannot give them: the chain knows better.
    maker.ship(UNITS[:2], world.pharmacy)
    maker.poster.chores()
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    assert not maker.poster.send(interval)
    assert maker.held() == set()
    assert world.wholesaler.held() == set(UNITS[:4])
    world.tick()


def test_who_copies_a_post_before_it_is_taken_takes_no_title(world: World) -> None:
    maker, copier = world.maker, world.clinic
    maker.ship(UNITS[:5], world.wholesaler)
    maker.poster.chores()
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    seen = body(maker.poster._ready[interval].raw)
    copied = Post(
        interval=interval,
        root=digest_of("another root"),
        nullifiers=cast("list[str]", seen["nullifiers"]),
    )
    copier.line.submit(copier.line.sign(copied, world.market.time + 60_000))
    maker.poster.send(interval)
    assert set(UNITS[5:]) <= maker.held()
    assert copier.held() == set()
    # Its posts go on, whatever the law makes of the copy.
    assert maker.poster.retry(interval)


@pytest.mark.parametrize("seed", range(scale(3, 100)))
def test_crashes_at_any_moment_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = World(tmp_path, slots=2)
    maker, wholesaler = world.maker, world.wholesaler
    made = 0
    asked: list[str] = []
    for _ in range(25):
        maker.line.cut = chance.choice([None, None, "before", "after"])
        maker.commission(packs(made, 3))
        made += 3
        free = sorted(each for each, has in maker.titles.holds(packs(0, made)).items() if has)
        asked.append(maker.ship(chance.sample(free, min(2, len(free))), wholesaler))
        if chance.random() < 0.3:
            maker.restart()
        interval = world.market.go_on()
        maker.poster.chores()
        if chance.random() < 0.8:
            maker.poster.prepare(interval)
        if chance.random() < 0.2:
            maker.restart()
        try:
            maker.poster.send(interval)
        except ConnectionError:
            if chance.random() < 0.5:
                world.market.wait(chance.choice([0, 20_000, 60_000]))
        if chance.random() < 0.3:
            maker.restart()
        wholesaler.accept_all()
    maker.line.cut = None
    for _ in range(60):
        world.tick()
        wholesaler.accept_all()
        if all(maker.titles.shipment(each).state == "brought" for each in asked):
            break
    assert {maker.titles.shipment(each).state for each in asked} == {"brought"}
    assert maker.held() | wholesaler.held() == set(packs(0, made))
    assert not maker.held() & wholesaler.held()
    assert len(wholesaler.held()) == sum(maker.titles.shipment(each).units for each in asked)
    for unit in wholesaler.held():
        check(wholesaler.titles.proof(unit), world.market.state)
    world.close()


@pytest.mark.parametrize("busy", [False, True])
def test_a_post_waits_for_nothing_that_says_what_is_in_it(
    world: World, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    maker = world.maker
    if busy:
        maker.ship(UNITS[:4], world.wholesaler)
        maker.poster.chores()
    interval = world.market.go_on()
    maker.poster.prepare(interval)
    maker.poster.arm(interval)
    signed: list[object] = []
    monkeypatch.setattr(maker.line, "sign", lambda *given: signed.append(given))
    maker.line.reached.clear()
    sending = threading.Thread(target=maker.poster.send, args=(interval,))
    # Somebody writes to the database for as long as it takes: the post is handed in meanwhile.
    with maker.database.write():
        sending.start()
        assert maker.line.reached.wait(30)
    sending.join(30)
    assert not signed
    assert not sending.is_alive()
    assert maker.held() == (set(UNITS[4:]) if busy else set(UNITS))


def test_members_do_not_post_all_at_once(world: World) -> None:
    moments = []
    for each in world.traders:
        interval, moment = each.poster.next_moment(-1)
        assert moment > world.market.time
        assert each.poster.next_moment(interval) == (interval + 1, moment + 10_000)
        moments.append(moment % 10_000)
    assert len(set(moments)) == len(moments)


def test_the_threads_post_by_themselves_and_stop(world: World) -> None:
    maker = world.maker
    posted = threading.Event()
    seen: list[int] = []

    def told(interval: int) -> None:
        seen.append(interval)
        posted.set()

    maker.poster.on_posted.append(told)
    # The clock of this market stands, so the thread waits for its moment; a nearer one is set.
    interval, moment = maker.poster.next_moment(world.market.interval())
    world.market.time = moment - 20
    maker.poster.start()
    maker.poster.start()
    assert posted.wait(20)
    maker.poster.stop()
    maker.poster.stop()
    assert seen[0] == interval
    assert supply.posted(world.market.state, maker.id, interval) is not None
