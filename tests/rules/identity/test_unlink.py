"""Rules of `identity.Unlink`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import LINKS

UNLINK = messages.Unlink(link=name_of("link"))


def _linked(world: Chain) -> None:
    world.must(world.hospital, messages.Link(link=name_of("link"), terms=digest_of("terms")))


@accepted(messages.Unlink)
def test_the_organisation_parts_them(world: Chain) -> Play:
    _linked(world)
    yield world.sign(world.agent(), UNLINK)
    assert LINKS.require(world.state, name_of("link")).ended == world.height


@refused(messages.Unlink, errors.UNKNOWN_LINK)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.hospital, UNLINK)


@refused(messages.Unlink, errors.NOT_YOUR_LINK)
def test_another_organisation_does_not(world: Chain) -> bytes:
    _linked(world)
    return world.sign(world.insurer, UNLINK)


@refused(messages.Unlink, errors.NOT_AN_ORGANISATION)
def test_a_person_does_not(world: Chain) -> bytes:
    _linked(world)
    return world.sign(world.person(), UNLINK)


@refused(messages.Unlink, errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    _linked(world)
    return world.sign(world.hospital, UNLINK, on_behalf_of=world.ward().id)


@refused(messages.Unlink, errors.LINK_ENDED)
def test_once_is_enough(world: Chain) -> bytes:
    _linked(world)
    world.must(world.hospital, UNLINK)
    return world.sign(world.hospital, UNLINK)
