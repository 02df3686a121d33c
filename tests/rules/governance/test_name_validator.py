"""Rules of `governance.NameValidator`."""

from __future__ import annotations

import msgspec
import nacl.bindings

from tests.cases import Play, accepted, refused
from tests.chain import VALIDATOR_SEED, Chain
from tests.rules.governance.voting import key_of, named, naming, validating
from yilian.ledger import codec
from yilian.ledger import errors as envelope
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.state import NAMED_VALIDATORS, validators
from yilian.ledger.modules.governance.validators import key_proof
from yilian.ledger.modules.identity import errors as identity_errors


@accepted(messages.NameValidator)
def test_a_first_key_waits_for_a_vote(world: Chain) -> Play:
    before = validators(world.state)
    applied = yield naming(world, world.hospital, "one")
    assert applied.validators == ()
    assert validators(world.state) == before
    found = NAMED_VALIDATORS.require(world.state, world.hospital.id)
    assert codec.to_bytes(found.public) == key_of("one")


@accepted(messages.NameValidator)
def test_who_is_no_member_may_name_a_key_already(world: Chain) -> Play:
    pharmacy = world.organisation()
    yield naming(world, pharmacy, "one")
    assert NAMED_VALIDATORS.has(world.state, pharmacy.id)


@accepted(messages.NameValidator)
def test_a_key_that_waits_is_replaced(world: Chain) -> Play:
    world.block(naming(world, world.hospital, "one"))
    applied = yield naming(world, world.hospital, "two")
    assert applied.validators == ()
    world.carried(messages.SetValidator(world.hospital.id, 5))
    assert (key_of("two"), 5) in [(x.public_key, x.power) for x in validators(world.state)]


@accepted(messages.NameValidator)
def test_a_new_key_takes_the_power_at_once(world: Chain) -> Play:
    validating(world, world.hospital, "one", 5)
    applied = yield naming(world, world.hospital, "two")
    assert applied.validators == tuple(sorted([(key_of("one"), 0), (key_of("two"), 5)]))
    held = {each.public_key: each.power for each in validators(world.state)}
    assert held[key_of("two")] == 5
    assert key_of("one") not in held


@refused(messages.NameValidator, errors.VALIDATOR_KEY_USED)
def test_a_replaced_key_does_not_come_back(world: Chain) -> bytes:
    validating(world, world.hospital, "one", 5)
    world.block(naming(world, world.hospital, "two"))
    return naming(world, world.hospital, "one")


@refused(messages.NameValidator, errors.VALIDATOR_KEY_USED)
def test_a_key_that_was_voted_out_does_not_come_back(world: Chain) -> bytes:
    validating(world, world.hospital, "one", 5)
    world.carried(messages.SetValidator(world.hospital.id, 0))
    return naming(world, world.hospital, "one")


@refused(messages.NameValidator, errors.VALIDATOR_KEY_USED)
def test_a_key_is_not_named_twice(world: Chain) -> bytes:
    world.block(naming(world, world.hospital, "one"))
    return naming(world, world.hospital, "one")


@refused(messages.NameValidator, errors.VALIDATOR_KEY_USED)
def test_a_key_is_of_one_organisation(world: Chain) -> bytes:
    world.block(naming(world, world.hospital, "one"))
    return naming(world, world.insurer, "one")


@refused(messages.NameValidator, errors.VALIDATOR_KEY_USED)
def test_the_key_of_genesis_stays_nobodys(world: Chain) -> bytes:
    public = world.genesis.validators[0].public
    text = key_proof(world.genesis.chain, world.hospital.id, public)
    secret = nacl.bindings.crypto_sign_seed_keypair(VALIDATOR_SEED)[1]
    proof = codec.to_text(nacl.bindings.crypto_sign(text, secret)[:64])
    return world.sign(world.hospital, messages.NameValidator(public=public, proof=proof))


@refused(messages.NameValidator, identity_errors.BAD_PROOF)
def test_a_proof_names_its_organisation(world: Chain) -> bytes:
    return naming(world, world.hospital, "one", about=world.insurer)


@refused(messages.NameValidator, identity_errors.BAD_PROOF)
def test_a_proof_is_the_keys_own(world: Chain) -> bytes:
    one, two = named(world, world.hospital, "one"), named(world, world.hospital, "two")
    return world.sign(world.hospital, msgspec.structs.replace(one, proof=two.proof))


@refused(messages.NameValidator, identity_errors.BAD_PROOF)
def test_a_proof_is_a_signature(world: Chain) -> bytes:
    one = named(world, world.hospital, "one")
    return world.sign(world.hospital, msgspec.structs.replace(one, proof="AAAA"))


@refused(messages.NameValidator, envelope.KEY_REFUSED)
def test_a_key_of_small_order_is_no_key(world: Chain) -> bytes:
    weak = codec.to_text(bytes(32))
    one = named(world, world.hospital, "one")
    return world.sign(world.hospital, msgspec.structs.replace(one, public=weak))


@refused(messages.NameValidator, errors.NOT_THE_ORGANISATION)
def test_a_program_names_no_key(world: Chain) -> bytes:
    return naming(world, world.agent(), "one", about=world.hospital)


@refused(messages.NameValidator, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_names_no_key(world: Chain) -> bytes:
    person = world.person()
    return naming(world, person, "one")


@refused(messages.NameValidator, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    ward = world.ward()
    return world.sign(world.hospital, named(world, world.hospital, "one"), on_behalf_of=ward.id)
