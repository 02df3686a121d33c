"""Rules of `consent.Grant`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Actor, Chain, digest_of, name_of
from tests.rules.consent.custodians import named
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.governance.messages import RemoveMember
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
    assert (found.by, found.version, found.countersigned) == (None, 1, None)
    assert found.valid(request.starts)
    assert not found.valid(request.starts - 1)
    assert not found.valid(request.ends)


@accepted(messages.Grant)
def test_a_custodian_acts_for_its_ward(world: Chain) -> Play:
    ward = world.ward()
    yield world.sign(world.hospital, _request(world), on_behalf_of=ward.id)
    found = GRANTS.require(world.state, name_of("grant"))
    assert (found.person, found.by, found.countersigned) == (ward.id, world.hospital.id, None)


@accepted(messages.Grant)
def test_the_custodians_agent_acts_too(world: Chain) -> Play:
    ward = world.ward()
    agent = world.agent()
    yield world.sign(agent, _request(world), on_behalf_of=ward.id)
    found = GRANTS.require(world.state, name_of("grant"))
    assert (found.person, found.by) == (ward.id, agent.id)


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


def _countersigned(world: Chain, *others: Actor) -> Play:
    """Have the hospital grant for its ward, with others' signatures beside its own."""
    ward = world.ward()
    beside = tuple(each.signer for each in others)
    yield world.sign(world.hospital, _request(world), on_behalf_of=ward.id, beside=beside)


def _countersigner(world: Chain) -> str | None:
    return GRANTS.require(world.state, name_of("grant")).countersigned


@accepted(messages.Grant)
def test_another_organisation_countersigns(world: Chain) -> Play:
    yield from _countersigned(world, world.insurer, world.authority)
    assert _countersigner(world) == world.insurer.id


@accepted(messages.Grant)
def test_an_agent_countersigns_for_its_organisation(world: Chain) -> Play:
    yield from _countersigned(world, world.agent("own"), world.agent("theirs", world.insurer))
    assert _countersigner(world) == world.insurer.id


@accepted(messages.Grant)
def test_staff_and_patients_countersign_for_nobody(world: Chain) -> Play:
    others = (world.person("carol", world.insurer), world.practitioner("dave", world.insurer))
    yield from _countersigned(world, *others)
    assert _countersigner(world) is None


@accepted(messages.Grant)
def test_an_expelled_organisation_countersigns_nothing(world: Chain) -> Play:
    world.carried(RemoveMember(world.insurer.id))
    yield from _countersigned(world, world.insurer)
    assert _countersigner(world) is None


@accepted(messages.Grant)
def test_whom_it_vouches_for_is_no_other_organisation(world: Chain) -> Play:
    yield from _countersigned(world, world.organisation("shell"))
    assert _countersigner(world) is None


@accepted(messages.Grant)
def test_who_vouches_for_it_is_no_other_organisation(world: Chain) -> Play:
    shell = world.organisation("shell")
    ward = world.ward(at=shell)
    beside = (world.hospital.signer,)
    yield world.sign(shell, _request(world), on_behalf_of=ward.id, beside=beside)
    assert _countersigner(world) is None


@accepted(messages.Grant)
def test_a_grant_of_ones_own_needs_no_countersignature(world: Chain) -> Play:
    yield world.sign(world.person(), _request(world), beside=(world.insurer.signer,))
    assert _countersigner(world) is None


@accepted(messages.Grant)
def test_a_custodian_of_the_persons_choice_acts(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    yield world.sign(bob, _request(world), on_behalf_of=alice.id, beside=(world.insurer.signer,))
    found = GRANTS.require(world.state, name_of("grant"))
    assert (found.person, found.by) == (alice.id, bob.id)
    assert found.countersigned == world.insurer.id


@refused(messages.Grant, errors.NO_SUCH_POWER)
def test_a_custodian_needs_the_power_to_grant(world: Chain) -> bytes:
    alice, bob = named(world, "change", "read", "revoke")
    return world.sign(bob, _request(world), on_behalf_of=alice.id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_a_custodian_who_is_switched_off_does_not_act(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    world.must(alice, messages.SwitchCustodian(custodian=bob.id, on=False))
    return world.sign(bob, _request(world), on_behalf_of=alice.id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_a_custodians_time_ends(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    world.wait(DAY)
    return world.sign(bob, _request(world), on_behalf_of=alice.id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_nobody_is_their_custodians_custodian(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    return world.sign(alice, _request(world), on_behalf_of=bob.id)


@refused(messages.Grant, identity_errors.NOT_CUSTODIAN)
def test_a_person_without_a_word_acts_for_nobody(world: Chain) -> bytes:
    alice, bob = world.person("alice"), world.person("bob")
    return world.sign(bob, _request(world), on_behalf_of=alice.id)
