"""Rules of `supply.IssueCredential`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Chain, name_of
from tests.rules.supply.cast import begun, credential, regulator
from yilian.ledger.modules.governance.messages import RemoveMember
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.rules import MAX_CREDENTIALS
from yilian.ledger.modules.supply.state import CREDENTIALS, HELD, credentialed, held_key

ISSUE = messages.IssueCredential


@accepted(ISSUE)
def test_a_regulator_credentials_an_organisation(world: Chain) -> Play:
    issuer = regulator(begun(world))
    request = credential(world)
    yield world.sign(issuer, request)
    found = CREDENTIALS.require(world.state, name_of("credential"))
    assert (found.issuer, found.role, found.since) == (issuer.id, "trading_partner", world.height)
    asked, now = world.insurer.id, world.time
    assert credentialed(world.state, asked, "trading_partner", now)
    assert credentialed(world.state, asked, "trading_partner", request.ends - 1)
    assert not credentialed(world.state, asked, "trading_partner", request.ends)
    assert not credentialed(world.state, asked, "dispenser", now)
    assert not credentialed(world.state, world.hospital.id, "trading_partner", now)
    world.carried(RemoveMember(issuer.id), "issuer goes")
    assert not credentialed(world.state, asked, "trading_partner", now)


@accepted(ISSUE)
def test_those_that_ended_make_room(world: Chain) -> Play:
    issuer = regulator(begun(world))
    for number in range(MAX_CREDENTIALS):
        world.must(issuer, credential(world, f"old {number}"))
    world.wait(2 * DAY)
    yield world.sign(issuer, credential(world))
    place = held_key(world.insurer.id, "trading_partner")
    assert HELD.require(world.state, place).credentials == (name_of("credential"),)


@refused(ISSUE, errors.TOO_MANY_CREDENTIALS)
def test_an_organisation_needs_few(world: Chain) -> bytes:
    issuer = regulator(begun(world))
    for number in range(MAX_CREDENTIALS):
        world.must(issuer, credential(world, f"same {number}"))
    return world.sign(issuer, credential(world))


@refused(ISSUE, errors.NOT_A_REGULATOR)
def test_a_member_does_not_credential_another(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, credential(world))


@refused(ISSUE, errors.NOT_A_REGULATOR)
def test_nor_a_regulator_that_has_no_vote(world: Chain) -> bytes:
    issuer = begun(world).organisation("regulator", "regulator")
    return world.sign(issuer, credential(world))


@refused(ISSUE, errors.CANNOT_HOLD)
def test_a_person_holds_none(world: Chain) -> bytes:
    issuer = regulator(begun(world))
    return world.sign(issuer, credential(world, organisation=world.person().id))


@refused(ISSUE, errors.CANNOT_HOLD)
def test_nor_who_is_not_there(world: Chain) -> bytes:
    issuer = regulator(begun(world))
    return world.sign(issuer, credential(world, organisation=name_of("nobody")))


@refused(ISSUE, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    issuer = regulator(begun(world))
    world.must(issuer, credential(world))
    return world.sign(issuer, credential(world, role="dispenser"))


@refused(ISSUE, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    issuer = regulator(begun(world))
    return world.sign(issuer, credential(world, ends=world.time + STEP))


@refused(ISSUE, identity_errors.NOT_AN_ORGANISATION)
def test_a_regulators_officer_does_not_sign_it(world: Chain) -> bytes:
    officer = world.practitioner("officer", regulator(begun(world)))
    return world.sign(officer, credential(world))
