"""Rules of `identity.EnrolAgent`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS


def _request(world: Chain, label: str = "gateway") -> messages.EnrolAgent:
    return messages.EnrolAgent(agent=name_of(label), key=world.signer(label).key)


@accepted(messages.EnrolAgent)
def test_a_program_gets_a_key(world: Chain) -> Play:
    yield world.sign(world.hospital, _request(world))
    found = SUBJECTS.require(world.state, name_of("gateway"))
    assert (found.kind, found.organisation) == ("agent", world.hospital.id)


@accepted(messages.EnrolAgent)
def test_an_agent_enrols_for_its_organisation(world: Chain) -> Play:
    yield world.sign(world.agent("first"), _request(world))
    assert SUBJECTS.require(world.state, name_of("gateway")).organisation == world.hospital.id


@refused(messages.EnrolAgent, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    return world.sign(
        world.hospital,
        messages.EnrolAgent(agent=world.insurer.id, key=world.signer("gateway").key),
    )


@refused(messages.EnrolAgent, errors.KEY_TAKEN)
def test_a_key_has_one_owner(world: Chain) -> bytes:
    taken = messages.EnrolAgent(agent=name_of("gateway"), key=world.hospital.signer.key)
    return world.sign(world.hospital, taken)


@refused(messages.EnrolAgent, errors.NOT_AN_ORGANISATION)
def test_a_device_enrols_nothing(world: Chain) -> bytes:
    return world.sign(world.device(), _request(world))
