"""Rules of `consent.CloseSession`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import MINUTE, Actor, Chain, digest_of, name_of
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import SESSIONS
from yilian.ledger.modules.identity import errors as identity_errors

CLOSE = messages.CloseSession(session=name_of("session"))


def _opened(world: Chain) -> Actor:
    agent = world.agent()
    request = messages.OpenSession(
        session=name_of("session"), terms=digest_of("terms"), ends=world.time + 10 * MINUTE
    )
    world.must(agent, request)
    return agent


@accepted(messages.CloseSession)
def test_the_reader_ends_it_early(world: Chain) -> Play:
    yield world.sign(_opened(world), CLOSE)
    found = SESSIONS.require(world.state, name_of("session"))
    assert found.closed == world.height
    assert not found.open_at(world.time)


@refused(messages.CloseSession, errors.UNKNOWN_SESSION)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.agent(), CLOSE)


@refused(messages.CloseSession, errors.NOT_YOUR_SESSION)
def test_nobody_else_ends_it(world: Chain) -> bytes:
    _opened(world)
    return world.sign(world.hospital, CLOSE)


@refused(messages.CloseSession, errors.SESSION_ENDED)
def test_once_is_enough(world: Chain) -> bytes:
    agent = _opened(world)
    world.must(agent, CLOSE)
    return world.sign(agent, CLOSE)


@refused(messages.CloseSession, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(_opened(world), CLOSE, on_behalf_of=world.ward().id)
