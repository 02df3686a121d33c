"""Rules of `identity.EnrolPerson`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, Signer, digest_of, name_of
from yilian.ledger import codec
from yilian.ledger import errors as envelope
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import SUBJECTS


@accepted(messages.EnrolPerson)
def test_a_person_brings_a_key(world: Chain) -> Play:
    signer = world.signer("alice")
    yield world.sign(world.hospital, world.enrol_person("alice", signer.key))
    found = SUBJECTS.require(world.state, name_of("alice"))
    assert (found.kind, found.organisation) == ("person", world.hospital.id)
    assert (found.custody, found.keys) == (False, (signer.id,))


@accepted(messages.EnrolPerson)
def test_without_a_key_the_organisation_is_custodian(world: Chain) -> Play:
    yield world.sign(world.hospital, world.enrol_person("ward", None))
    found = SUBJECTS.require(world.state, name_of("ward"))
    assert (found.custody, found.keys) == (True, ())


@accepted(messages.EnrolPerson)
def test_another_organisation_may_meet_the_same_tag(world: Chain) -> Play:
    world.person("alice")
    again = messages.EnrolPerson(person=name_of("alice at the insurer"), tag=digest_of("alice"))
    yield world.sign(world.insurer, again)
    assert SUBJECTS.has(world.state, name_of("alice at the insurer"))


@refused(messages.EnrolPerson, errors.ALREADY_ENROLLED)
def test_a_tag_is_enrolled_once(world: Chain) -> bytes:
    world.person("alice")
    again = messages.EnrolPerson(person=name_of("alice again"), tag=digest_of("alice"))
    return world.sign(world.hospital, again)


@refused(messages.EnrolPerson, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.person("alice")
    again = messages.EnrolPerson(person=name_of("alice"), tag=digest_of("bob"))
    return world.sign(world.insurer, again)


@refused(messages.EnrolPerson, errors.KEY_TAKEN)
def test_a_key_has_one_owner(world: Chain) -> bytes:
    return world.sign(world.hospital, world.enrol_person("alice", world.insurer.signer.key))


@refused(messages.EnrolPerson, errors.NOT_AN_ORGANISATION)
def test_a_practitioner_enrols_nobody(world: Chain) -> bytes:
    return world.sign(world.practitioner(), world.enrol_person("alice", None))


@refused(messages.EnrolPerson, envelope.SUITE_NOT_ALLOWED)
def test_a_suite_outside_the_profile_is_refused(world: Chain) -> bytes:
    other = "ecdsa-p256" if world.suite == "ed25519" else "ed25519"
    return world.sign(world.hospital, world.enrol_person("alice", Signer("alice", other).key))


@refused(messages.EnrolPerson, envelope.KEY_REFUSED)
def test_a_key_that_is_no_point_is_refused(world: Chain) -> bytes:
    size = 32 if world.suite == "ed25519" else 33
    key = PublicKey(world.suite, codec.to_text(bytes(size)))
    return world.sign(world.hospital, world.enrol_person("alice", key))


@refused(messages.EnrolPerson, envelope.NOT_CANONICAL)
def test_spare_bits_in_a_key_are_refused(world: Chain) -> bytes:
    public = world.signer("alice").key.public
    odd = public + "AB" if len(public) % 4 == 0 else public[:-1] + _other_spelling(public[-1])
    return world.sign(world.hospital, world.enrol_person("alice", PublicKey(world.suite, odd)))


def _other_spelling(letter: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) | 1]
