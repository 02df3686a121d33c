"""Rules of `consent.ReviewBreakGlass`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from tests.rules.consent.emergencies import broken, licensed
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import EMERGENCIES
from yilian.ledger.modules.identity import errors as identity_errors

REVIEW = messages.ReviewBreakGlass(
    access=name_of("access"), finding="justified", reasons=digest_of("reasons")
)
AGAINST = messages.ReviewBreakGlass(
    access=name_of("access"), finding="unjustified", reasons=digest_of("reasons")
)


def _reviewer(world: Chain) -> str | None:
    found = EMERGENCIES.require(world.state, name_of("access"))
    assert found.reasons == digest_of("reasons")
    return found.reviewer


@accepted(messages.ReviewBreakGlass)
def test_the_organisation_judges(world: Chain) -> Play:
    broken(world)
    yield world.sign(world.hospital, AGAINST)
    assert _reviewer(world) == world.hospital.id
    assert EMERGENCIES.require(world.state, name_of("access")).finding == "unjustified"


@accepted(messages.ReviewBreakGlass)
def test_its_agent_judges(world: Chain) -> Play:
    broken(world)
    agent = world.agent()
    yield world.sign(agent, REVIEW)
    assert _reviewer(world) == agent.id


@accepted(messages.ReviewBreakGlass)
def test_a_licensed_colleague_judges(world: Chain) -> Play:
    broken(world)
    colleague = licensed(world, "colleague")
    yield world.sign(colleague, REVIEW)
    assert _reviewer(world) == colleague.id


@accepted(messages.ReviewBreakGlass)
def test_an_authority_judges(world: Chain) -> Play:
    broken(world)
    yield world.sign(world.authority, REVIEW)
    assert _reviewer(world) == world.authority.id


@accepted(messages.ReviewBreakGlass)
def test_a_regulators_agent_judges(world: Chain) -> Play:
    broken(world)
    agent = world.agent("inspector", world.organisation("office", "regulator"))
    yield world.sign(agent, REVIEW)
    assert _reviewer(world) == agent.id


@refused(messages.ReviewBreakGlass, errors.UNKNOWN_EMERGENCY)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.authority, REVIEW)


@refused(messages.ReviewBreakGlass, errors.MAY_NOT_REVIEW)
def test_the_reader_does_not(world: Chain) -> bytes:
    return world.sign(broken(world), REVIEW)


@refused(messages.ReviewBreakGlass, errors.MAY_NOT_REVIEW)
def test_another_organisation_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(world.insurer, REVIEW)


@refused(messages.ReviewBreakGlass, errors.MAY_NOT_REVIEW)
def test_a_person_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(world.person(), REVIEW)


@refused(messages.ReviewBreakGlass, errors.MAY_NOT_REVIEW)
def test_a_device_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(world.device(), REVIEW)


@refused(messages.ReviewBreakGlass, errors.MAY_NOT_REVIEW)
def test_an_authoritys_practitioner_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(licensed(world, "clerk", world.authority), REVIEW)


@refused(messages.ReviewBreakGlass, identity_errors.LICENCE_NOT_IN_FORCE)
def test_a_colleague_without_a_licence_does_not(world: Chain) -> bytes:
    broken(world)
    return world.sign(world.practitioner("colleague"), REVIEW)


@refused(messages.ReviewBreakGlass, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    broken(world)
    return world.sign(world.hospital, REVIEW, on_behalf_of=world.ward().id)


@refused(messages.ReviewBreakGlass, errors.ALREADY_REVIEWED)
def test_once_is_enough(world: Chain) -> bytes:
    broken(world)
    world.must(world.authority, REVIEW)
    return world.sign(world.hospital, AGAINST)
