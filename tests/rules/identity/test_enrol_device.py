"""Rules of `identity.EnrolDevice`."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS


def _request(world: Chain, label: str = "monitor") -> messages.EnrolDevice:
    return messages.EnrolDevice(
        device=name_of(label), tag=digest_of(label), key=world.signer(label).key
    )


@accepted(messages.EnrolDevice)
def test_an_organisation_enrols_its_own(world: Chain) -> Play:
    yield world.sign(world.hospital, _request(world))
    found = SUBJECTS.require(world.state, name_of("monitor"))
    assert (found.kind, found.organisation) == ("device", world.hospital.id)


@refused(messages.EnrolDevice, errors.ALREADY_ENROLLED)
def test_a_tag_is_enrolled_once(world: Chain) -> bytes:
    world.must(world.hospital, _request(world))
    again = msgspec.structs.replace(_request(world, "second"), tag=digest_of("monitor"))
    return world.sign(world.hospital, again)


@refused(messages.EnrolDevice, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.hospital, _request(world))
    again = msgspec.structs.replace(_request(world, "second"), device=name_of("monitor"))
    return world.sign(world.insurer, again)


@refused(messages.EnrolDevice, errors.KEY_TAKEN)
def test_a_key_has_one_owner(world: Chain) -> bytes:
    taken = msgspec.structs.replace(_request(world), key=world.insurer.signer.key)
    return world.sign(world.hospital, taken)


@refused(messages.EnrolDevice, errors.NOT_AN_ORGANISATION)
def test_a_person_enrols_nobody(world: Chain) -> bytes:
    return world.sign(world.person(), _request(world))
