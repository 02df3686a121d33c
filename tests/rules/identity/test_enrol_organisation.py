"""Rules of `identity.EnrolOrganisation`."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from yilian.ledger import errors as envelope
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import REGISTRATIONS, SUBJECTS


def _request(world: Chain, label: str = "pharmacy") -> messages.EnrolOrganisation:
    return messages.EnrolOrganisation(
        organisation=name_of(label),
        kind="pharmacy",
        name="云溪大药房",
        registration=label.upper(),
        key=world.signer(label).key,
    )


@accepted(messages.EnrolOrganisation)
def test_a_member_vouches(world: Chain) -> Play:
    yield world.sign(world.hospital, _request(world))
    found = SUBJECTS.require(world.state, name_of("pharmacy"))
    assert found.organisation == world.hospital.id
    assert found.keys == (world.signer("pharmacy").id,)
    assert REGISTRATIONS.require(world.state, "PHARMACY").subject == name_of("pharmacy")


@accepted(messages.EnrolOrganisation)
def test_a_members_agent_vouches(world: Chain) -> Play:
    yield world.sign(world.agent(), _request(world))
    assert SUBJECTS.require(world.state, name_of("pharmacy")).organisation == world.hospital.id


@refused(messages.EnrolOrganisation, errors.NOT_A_MEMBER)
def test_who_is_no_member_vouches_for_nobody(world: Chain) -> bytes:
    return world.sign(world.organisation(), _request(world, "clinic"))


@refused(messages.EnrolOrganisation, errors.NOT_AN_ORGANISATION)
def test_a_person_vouches_for_nobody(world: Chain) -> bytes:
    return world.sign(world.person(), _request(world))


@refused(messages.EnrolOrganisation, errors.ALREADY_ENROLLED)
def test_a_registration_is_enrolled_once(world: Chain) -> bytes:
    world.organisation("pharmacy")
    again = msgspec.structs.replace(_request(world, "clinic"), registration="PHARMACY")
    return world.sign(world.insurer, again)


@refused(messages.EnrolOrganisation, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    taken = msgspec.structs.replace(_request(world), organisation=world.insurer.id)
    return world.sign(world.hospital, taken)


@refused(messages.EnrolOrganisation, errors.KEY_TAKEN)
def test_a_key_has_one_owner(world: Chain) -> bytes:
    taken = msgspec.structs.replace(_request(world), key=world.insurer.signer.key)
    return world.sign(world.hospital, taken)


@refused(messages.EnrolOrganisation, envelope.MALFORMED)
def test_a_registration_ends_with_its_last_letter(world: Chain) -> bytes:
    odd = msgspec.structs.replace(_request(world), registration="PHARMACY\n")
    return world.sign(world.hospital, odd)
