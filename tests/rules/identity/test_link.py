"""Rules of `identity.Link`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import LINKS

LINK = messages.Link(link=name_of("link"), terms=digest_of("terms"))


@accepted(messages.Link)
def test_an_organisation_links_two_ids(world: Chain) -> Play:
    yield world.sign(world.hospital, LINK)
    found = LINKS.require(world.state, name_of("link"))
    assert (found.organisation, found.terms) == (world.hospital.id, digest_of("terms"))
    assert (found.since, found.ended) == (world.height, None)


@accepted(messages.Link)
def test_an_agent_links_for_its_organisation(world: Chain) -> Play:
    yield world.sign(world.agent(), LINK)
    assert LINKS.require(world.state, name_of("link")).organisation == world.hospital.id


@refused(messages.Link, errors.NOT_AN_ORGANISATION)
def test_a_person_links_nothing(world: Chain) -> bytes:
    return world.sign(world.person(), LINK)


@refused(messages.Link, errors.NOT_AN_ORGANISATION)
def test_a_practitioner_links_nothing(world: Chain) -> bytes:
    return world.sign(world.practitioner(), LINK)


@refused(messages.Link, errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, LINK, on_behalf_of=world.ward().id)


@refused(messages.Link, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.insurer, LINK)
    return world.sign(world.hospital, LINK)
