"""Rules of `governance.Propose`, and what carried actions do."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Chain, name_of
from tests.rules.governance.voting import FIRST_MEMBERS, approval, approvals, under_law
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.state import PROPOSALS, is_member, members, parameters, quota
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.identity.state import SUBJECTS

Action = messages.AdmitMember | messages.RemoveMember | messages.SetParameter | messages.SetQuota


def _ask(action: Action, label: str = "proposal") -> messages.Propose:
    return messages.Propose(proposal=name_of(label), action=action)


QUOTA = messages.SetQuota(name_of("insurer"), 7)


@accepted(messages.Propose)
def test_the_proposer_approves_first(world: Chain) -> Play:
    yield world.sign(world.hospital, _ask(QUOTA))
    found = PROPOSALS.require(world.state, name_of("proposal"))
    assert (found.status, found.approved) == ("open", (world.hospital.id,))
    assert world.machine.next_due() == found.closes


@accepted(messages.Propose)
def test_a_member_is_admitted(world: Chain) -> Play:
    pharmacy = world.organisation()
    yield world.sign(world.hospital, _ask(messages.AdmitMember(pharmacy.id)))
    world.block(*approvals(world))
    assert is_member(world.state, pharmacy.id)
    assert members(world.state) == tuple(sorted((*FIRST_MEMBERS, pharmacy.id)))
    assert SUBJECTS.require(world.state, pharmacy.id).organisation == pharmacy.id


@accepted(messages.Propose)
def test_a_member_is_removed_by_the_others(world: Chain) -> Play:
    yield world.sign(world.hospital, _ask(messages.RemoveMember(world.insurer.id)))
    world.block(approval(world, world.authority))
    assert not is_member(world.state, world.insurer.id)
    assert SUBJECTS.require(world.state, world.insurer.id).status == "revoked"


@accepted(messages.Propose)
def test_a_parameter_is_set(world: Chain) -> Play:
    yield world.sign(world.hospital, _ask(messages.SetParameter("person_quota", 77)))
    world.block(*approvals(world))
    assert parameters(world.state).person_quota == 77


@accepted(messages.Propose)
def test_a_quota_is_set(world: Chain) -> Play:
    yield world.sign(world.hospital, _ask(QUOTA))
    world.block(*approvals(world))
    assert quota(world.state, world.insurer.id) == 7
    assert quota(world.state, world.hospital.id) > 7


@accepted(messages.Propose)
def test_what_is_impossible_at_its_end_fails(world: Chain) -> Play:
    pharmacy = world.organisation()
    yield world.sign(world.hospital, _ask(messages.AdmitMember(pharmacy.id)))
    world.carried(messages.AdmitMember(pharmacy.id))
    world.block(*approvals(world))
    assert PROPOSALS.require(world.state, name_of("proposal")).status == "failed"
    assert members(world.state).count(pharmacy.id) == 1


@accepted(messages.Propose)
def test_nobody_votes_on_their_own_removal(world: Chain) -> Play:
    yield world.sign(world.hospital, _ask(messages.RemoveMember(world.hospital.id)))
    world.block(approval(world, world.insurer))
    assert is_member(world.state, world.hospital.id)
    world.block(approval(world, world.authority))
    assert not is_member(world.state, world.hospital.id)


@accepted(messages.Propose)
def test_a_proposal_lapses(world: Chain) -> Play:
    yield world.sign(world.hospital, _ask(QUOTA))
    world.wait(14 * DAY)
    assert b"lapsed" in world.block().timer_events
    assert PROPOSALS.require(world.state, name_of("proposal")).status == "lapsed"
    assert world.machine.next_due() is None


@refused(messages.Propose, errors.NOT_A_MEMBER)
def test_only_members_propose(world: Chain) -> bytes:
    return world.sign(world.organisation(), _ask(QUOTA))


@refused(messages.Propose, errors.NOT_A_MEMBER)
def test_a_program_proposes_nothing(world: Chain) -> bytes:
    return world.sign(world.agent(), _ask(QUOTA))


@refused(messages.Propose, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_proposes_nothing(world: Chain) -> bytes:
    return world.sign(world.person(), _ask(QUOTA))


@refused(messages.Propose, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.hospital, _ask(QUOTA))
    return world.sign(world.insurer, _ask(QUOTA))


@refused(messages.Propose, errors.ALREADY_MEMBER)
def test_a_member_is_not_admitted_again(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.AdmitMember(world.insurer.id)))


@refused(messages.Propose, errors.UNKNOWN_ORGANISATION)
def test_nobody_is_admitted(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.AdmitMember(name_of("nobody"))))


@refused(messages.Propose, errors.UNKNOWN_ORGANISATION)
def test_a_person_is_no_member(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.AdmitMember(world.person().id)))


@refused(messages.Propose, errors.UNKNOWN_ORGANISATION)
def test_who_is_no_member_is_not_removed(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.RemoveMember(world.organisation().id)))


@refused(messages.Propose, errors.UNKNOWN_ORGANISATION)
def test_a_person_has_no_organisations_quota(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.SetQuota(world.person().id, 5)))


@refused(messages.Propose, errors.UNKNOWN_PARAMETER)
def test_a_parameter_has_a_known_name(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.SetParameter("vote_numerator", 1)))


@refused(messages.Propose, errors.UNKNOWN_PARAMETER)
def test_a_parameter_of_a_later_law_is_not_known_yet(world: Chain) -> bytes:
    under_law(world, 2)
    return world.sign(world.hospital, _ask(messages.SetParameter("supply_slots", 4)))


@accepted(messages.Propose)
def test_a_parameter_of_the_law_that_holds_is_set(world: Chain) -> Play:
    under_law(world, 2)
    under_law(world, 3)
    assert parameters(world.state).supply_slots is msgspec.UNSET
    yield world.sign(world.hospital, _ask(messages.SetParameter("supply_slots", 4)))
    world.block(*approvals(world))
    assert parameters(world.state).supply_slots == 4


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_a_post_has_no_more_slots_than_a_transaction_holds(world: Chain) -> bytes:
    under_law(world, 2)
    under_law(world, 3)
    return world.sign(world.hospital, _ask(messages.SetParameter("supply_slots", 257)))


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_a_parameter_has_a_least_value(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.SetParameter("person_quota", 9)))


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_a_parameter_has_a_greatest_value(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.SetParameter("expiry_limit_ms", DAY + 1)))
