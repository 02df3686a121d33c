"""Rules of `consent.Grant`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Chain, digest_of, name_of
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.identity.messages import HandOverKey


def _request(world: Chain, label: str = "grant", ends: int = DAY) -> messages.Grant:
    now = world.time
    return messages.Grant(
        grant=name_of(label), terms=digest_of("terms"), starts=now, ends=now + ends
    )


@accepted(messages.Grant)
def test_a_person_lets_someone_read(world: Chain) -> Play:
    alice = world.person()
    request = _request(world)
    yield world.sign(alice, request)
    found = GRANTS.require(world.state, name_of("grant"))
    assert (found.person, found.terms, found.since) == (alice.id, request.terms, world.height)
    assert found.valid(request.starts)
    assert not found.valid(request.starts - 1)
    assert not found.valid(request.ends)


@accepted(messages.Grant)
def test_a_custodian_acts_for_its_ward(world: Chain) -> Play:
    ward = world.ward()
    yield world.sign(world.hospital, _request(world), on_behalf_of=ward.id)
    assert GRANTS.require(world.state, name_of("grant")).person == ward.id


@accepted(messages.Grant)
def test_the_custodians_agent_acts_too(world: Chain) -> Play:
    ward = world.ward()
    yield world.sign(world.agent(), _request(world), on_behalf_of=ward.id)
    assert GRANTS.require(world.state, name_of("grant")).person == ward.id


@refused(messages.Grant, errors.NOT_THE_PERSON)
def test_an_organisation_has_nothing_to_grant(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world))


@refused(messages.Grant, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    alice = world.person()
    world.must(alice, _request(world))
    return world.sign(alice, _request(world))


@refused(messages.Grant, errors.BAD_PERIOD)
def test_it_ends_after_it_starts(world: Chain) -> bytes:
    return world.sign(world.person(), _request(world, ends=0))


@refused(messages.Grant, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(world.person(), _request(world, ends=STEP))


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_nobody_acts_for_who_holds_a_key(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(world), on_behalf_of=world.person().id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_another_organisation_is_no_custodian(world: Chain) -> bytes:
    return world.sign(world.insurer, _request(world), on_behalf_of=world.ward().id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_a_practitioner_is_no_custodian(world: Chain) -> bytes:
    ward = world.ward()
    return world.sign(world.practitioner(), _request(world), on_behalf_of=ward.id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_custody_ends_when_the_key_is_handed_over(world: Chain) -> bytes:
    ward, own = world.ward(), world.signer("own")
    proof = world.proof(ward.id, own)
    world.must(world.hospital, HandOverKey(person=ward.id, key=own.key, proof=proof))
    return world.sign(world.hospital, _request(world), on_behalf_of=ward.id)
