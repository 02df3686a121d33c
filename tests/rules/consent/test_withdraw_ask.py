"""Rules of `consent.WithdrawAsk`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Chain, digest_of, name_of
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import ASKS
from yilian.ledger.modules.identity import errors as identity_errors

WITHDRAW = messages.WithdrawAsk(ask=name_of("ask"))


def _asked(world: Chain) -> None:
    request = messages.Ask(ask=name_of("ask"), terms=digest_of("terms"), ends=world.time + DAY)
    world.must(world.hospital, request)


@accepted(messages.WithdrawAsk)
def test_who_asked_takes_it_back(world: Chain) -> Play:
    _asked(world)
    yield world.sign(world.hospital, WITHDRAW)
    found = ASKS.require(world.state, name_of("ask"))
    assert found.withdrawn == world.height
    assert not found.open_at(world.time)


@refused(messages.WithdrawAsk, errors.UNKNOWN_ASK)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.hospital, WITHDRAW)


@refused(messages.WithdrawAsk, errors.NOT_YOUR_ASK)
def test_another_organisation_does_not(world: Chain) -> bytes:
    _asked(world)
    return world.sign(world.insurer, WITHDRAW)


@refused(messages.WithdrawAsk, errors.NOT_YOUR_ASK)
def test_a_colleague_does_not(world: Chain) -> bytes:
    _asked(world)
    return world.sign(world.agent(), WITHDRAW)


@refused(messages.WithdrawAsk, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    _asked(world)
    return world.sign(world.hospital, WITHDRAW, on_behalf_of=world.ward().id)


@refused(messages.WithdrawAsk, errors.ASK_ENDED)
def test_once_is_enough(world: Chain) -> bytes:
    _asked(world)
    world.must(world.hospital, WITHDRAW)
    return world.sign(world.hospital, WITHDRAW)


@refused(messages.WithdrawAsk, errors.ASK_ENDED)
def test_what_is_over_is_not_taken_back(world: Chain) -> bytes:
    _asked(world)
    world.wait(DAY)
    return world.sign(world.hospital, WITHDRAW)
