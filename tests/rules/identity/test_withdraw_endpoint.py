"""Rules of `identity.WithdrawEndpoint`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.identity.certificates import certificate
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import ENDPOINTS

WITHDRAW = messages.WithdrawEndpoint()


def _published(world: Chain) -> None:
    message = messages.PublishEndpoint(url="https://a.example", certificate=certificate("a"))
    world.must(world.hospital, message)


@accepted(messages.WithdrawEndpoint)
def test_an_organisation_is_reached_no_more(world: Chain) -> Play:
    _published(world)
    yield world.sign(world.hospital, WITHDRAW)
    assert not ENDPOINTS.has(world.state, world.hospital.id)


@accepted(messages.WithdrawEndpoint)
def test_a_program_withdraws_for_its_organisation(world: Chain) -> Play:
    _published(world)
    yield world.sign(world.agent(), WITHDRAW)
    assert not ENDPOINTS.has(world.state, world.hospital.id)


@refused(messages.WithdrawEndpoint, errors.NO_ENDPOINT)
def test_another_organisations_stays(world: Chain) -> bytes:
    _published(world)
    return world.sign(world.insurer, WITHDRAW)


@refused(messages.WithdrawEndpoint, errors.NOT_AN_ORGANISATION)
def test_a_person_withdraws_nothing(world: Chain) -> bytes:
    _published(world)
    return world.sign(world.person(), WITHDRAW)


@refused(messages.WithdrawEndpoint, errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    _published(world)
    return world.sign(world.hospital, WITHDRAW, on_behalf_of=world.ward().id)
