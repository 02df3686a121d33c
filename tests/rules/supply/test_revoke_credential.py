"""Rules of `supply.RevokeCredential`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.supply.cast import begun, credential, member, regulator
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import CREDENTIALS, credentialed

REVOKE = messages.RevokeCredential(credential=name_of("credential"))


@accepted(messages.RevokeCredential)
def test_it_ends_at_once(world: Chain) -> Play:
    issuer = regulator(begun(world))
    world.must(issuer, credential(world))
    yield world.sign(world.agent("desk", issuer), REVOKE)
    assert CREDENTIALS.require(world.state, name_of("credential")).revoked == world.height
    assert not credentialed(world.state, world.insurer.id, "trading_partner", world.time)


@accepted(messages.RevokeCredential)
def test_another_regulator_may(world: Chain) -> Play:
    world.must(regulator(begun(world)), credential(world))
    yield world.sign(member(world, "second-regulator", "regulator"), REVOKE)
    assert not credentialed(world.state, world.insurer.id, "trading_partner", world.time)


@refused(messages.RevokeCredential, errors.NOT_A_REGULATOR)
def test_who_holds_it_does_not(world: Chain) -> bytes:
    world.must(regulator(begun(world)), credential(world))
    return world.sign(world.insurer, REVOKE)


@refused(messages.RevokeCredential, errors.UNKNOWN_CREDENTIAL)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(regulator(begun(world)), REVOKE)


@refused(messages.RevokeCredential, errors.CREDENTIAL_REVOKED)
def test_it_is_revoked_once(world: Chain) -> bytes:
    issuer = regulator(begun(world))
    world.must(issuer, credential(world))
    world.must(issuer, REVOKE)
    return world.sign(issuer, REVOKE)
