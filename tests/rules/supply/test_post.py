"""Rules of `supply.Post`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from tests.rules.supply.cast import begun, other, post, registered
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import (
    PACE,
    Spent,
    last_post,
    pace,
    posted,
    posted_at,
    spent,
)

POST = messages.Post


@accepted(POST)
def test_a_company_posts(world: Chain) -> Play:
    registered(world)
    request = post(world)
    yield world.sign(world.agent(), request)
    name, at = world.hospital.id, request.interval
    assert posted(world.state, name, at) == request.root
    assert posted(world.state, name, at - 1) is None
    assert posted(world.state, world.insurer.id, at) is None
    assert last_post(world.state, name) == at
    for slot, nullifier in enumerate(request.nullifiers):
        assert spent(world.state, name, nullifier) == Spent(interval=at, slot=slot)
        assert spent(world.state, world.insurer.id, nullifier) is None
    assert spent(world.state, name, digest_of("another")) is None
    assert posted_at(world.state, name, at) == world.time
    assert posted_at(world.state, name, at - 1) is None


@accepted(POST)
def test_the_next_interval_may_be_early_by_one(world: Chain) -> Play:
    registered(world)
    now = post(world)
    world.must(world.hospital, now)
    yield world.sign(world.hospital, post(world, "next", interval=now.interval + 1))
    assert last_post(world.state, world.hospital.id) == now.interval + 1


@accepted(POST)
def test_an_interval_may_be_missed(world: Chain) -> Play:
    registered(world)
    first = post(world)
    world.must(world.hospital, first)
    world.wait(600_000)
    late = post(world, "late", interval=first.interval + 1)
    yield world.sign(world.hospital, late)
    assert last_post(world.state, world.hospital.id) == late.interval


@accepted(POST)
def test_two_companies_post_for_the_same_interval(world: Chain) -> Play:
    registered(world)
    maker = other(world)
    world.must(world.hospital, post(world))
    request = post(world, "maker", interval=post(world).interval)
    yield world.sign(maker, request)
    assert posted(world.state, maker.id, request.interval) == request.root


@accepted(POST)
def test_members_change_the_slots(world: Chain) -> Play:
    registered(world)
    world.carried(SetParameter("supply_slots", 1), "one slot")
    yield world.sign(world.hospital, post(world, nullifiers=[digest_of("only")]))


@accepted(POST)
def test_a_longer_interval_leaves_none_behind(world: Chain) -> Play:
    registered(world)
    before = post(world)
    world.must(world.hospital, before)
    world.carried(SetParameter("supply_interval_ms", 3_600_000), "an hour")
    request = post(world, "hourly")
    assert request.interval > before.interval
    yield world.sign(world.hospital, request)
    held = PACE.require(world.state, "current")
    assert held.ms == 3_600_000
    assert held == pace(world.state, world.time + 1)
    assert held.begins(request.interval) == held.since
    assert held.at(held.since + 3_599_999) == request.interval
    assert held.at(held.since + 3_600_000) == request.interval + 1


@refused(POST, errors.INTERVAL_PAST)
def test_an_interval_is_posted_for_once(world: Chain) -> bytes:
    registered(world)
    world.must(world.hospital, post(world))
    return world.sign(world.hospital, post(world, "again"))


@refused(POST, errors.INTERVAL_PAST)
def test_intervals_go_forward(world: Chain) -> bytes:
    registered(world)
    world.wait(60_000)
    now = post(world)
    world.must(world.hospital, now)
    return world.sign(world.hospital, post(world, "before", interval=now.interval - 1))


@refused(POST, errors.INTERVAL_PAST)
def test_nothing_is_posted_for_before_the_company_was(world: Chain) -> bytes:
    registered(world)
    last = last_post(world.state, world.hospital.id)
    assert last is not None
    return world.sign(world.hospital, post(world, interval=last))


@refused(POST, errors.INTERVAL_AHEAD)
def test_nothing_is_posted_for_later(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.hospital, post(world, interval=post(world).interval + 2))


@refused(POST, errors.WRONG_SLOTS)
def test_a_post_has_no_fewer_nullifiers(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.hospital, post(world, nullifiers=post(world).nullifiers[:7]))


@refused(POST, errors.WRONG_SLOTS)
def test_a_post_has_no_more_nullifiers(world: Chain) -> bytes:
    registered(world)
    more = [*post(world).nullifiers, digest_of("one more")]
    return world.sign(world.hospital, post(world, nullifiers=more))


@refused(POST, errors.SPENT)
def test_a_title_is_spent_once(world: Chain) -> bytes:
    registered(world)
    first = post(world)
    world.must(world.hospital, first)
    world.wait(20_000)
    again = [*post(world, "second").nullifiers[:7], first.nullifiers[3]]
    return world.sign(world.hospital, post(world, "second", nullifiers=again))


@accepted(POST)
def test_who_copies_a_post_takes_nothing_from_its_owner(world: Chain) -> Play:
    registered(world)
    copier = other(world)
    request = post(world)
    world.must(copier, request)
    yield world.sign(world.hospital, request)
    at = request.interval
    assert posted(world.state, world.hospital.id, at) == request.root
    for slot, nullifier in enumerate(request.nullifiers):
        for each in (world.hospital, copier):
            assert spent(world.state, each.id, nullifier) == Spent(interval=at, slot=slot)


@refused(POST, errors.SPENT)
def test_a_title_is_spent_once_by_its_owner_whoever_copied_it(world: Chain) -> bytes:
    registered(world)
    copier = other(world)
    first = post(world)
    world.must(world.hospital, first)
    world.must(copier, first)
    world.wait(20_000)
    again = [*post(world, "second").nullifiers[:7], first.nullifiers[7]]
    return world.sign(world.hospital, post(world, "second", nullifiers=again))


@refused(POST, errors.BAD_LIST)
def test_a_nullifier_stands_once(world: Chain) -> bytes:
    registered(world)
    twice = [digest_of("same")] * 2 + post(world).nullifiers[:6]
    return world.sign(world.hospital, post(world, nullifiers=twice))


@refused(POST, errors.NO_COMPANY)
def test_who_does_not_trade_does_not_post(world: Chain) -> bytes:
    return world.sign(begun(world).insurer, post(world))


@refused(POST, errors.NO_COMPANY)
def test_who_ended_its_company_posts_no_more(world: Chain) -> bytes:
    registered(world)
    world.must(world.hospital, messages.EndCompany(company=name_of("company")))
    return world.sign(world.hospital, post(world))


@refused(POST, identity_errors.NOT_AN_ORGANISATION)
def test_a_device_does_not_post(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.device(), post(world))


@refused(POST, identity_errors.NOT_ON_BEHALF)
def test_a_post_names_no_person(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.hospital, post(world), on_behalf_of=world.ward().id)
