"""Rules of the envelope: who signs, who pays, until when, and that it happens once."""

from __future__ import annotations

from tests.cases import ENVELOPE, Play, accepted, name, refused
from tests.chain import DAY, STEP, Chain, digest_of, name_of, seal
from yilian.ledger import errors as envelope
from yilian.ledger.modules.consent.messages import Grant
from yilian.ledger.modules.governance.messages import RemoveMember, SetParameter, SetQuota
from yilian.ledger.modules.governance.state import USAGE
from yilian.ledger.modules.identity.messages import RevokeKey, RevokeSubject
from yilian.ledger.modules.records import errors as record_errors
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.modules.records.state import ANCHORS


def _anchor(label: str = "record") -> Anchor:
    return Anchor(record=name_of(label), commitment=digest_of(label))


@accepted(ENVELOPE)
def test_many_messages_are_one_matter(world: Chain) -> Play:
    yield world.sign(world.hospital, *[_anchor(f"record {index}") for index in range(32)])
    assert ANCHORS.has(world.state, name_of("record 31"))


@accepted(ENVELOPE)
def test_a_second_signer_pays(world: Chain) -> Play:
    alice = world.person()
    raw = world.sign(alice, _grant(world), payer=world.insurer.id, beside=(world.insurer.signer,))
    before = USAGE.get(world.state, world.hospital.id)
    yield raw
    used = USAGE.require(world.state, world.insurer.id)
    assert used.used == 1
    assert USAGE.get(world.state, world.hospital.id) == before


@accepted(ENVELOPE)
def test_a_new_day_brings_a_new_quota(world: Chain) -> Play:
    world.carried(SetQuota(world.hospital.id, 1))
    assert name(world.block(world.sign(world.hospital, _anchor())).results[0]) == "quota_used_up"
    world.wait(DAY)
    yield world.sign(world.hospital, _anchor("second"))
    assert USAGE.require(world.state, world.hospital.id).used == 1


@refused(ENVELOPE, record_errors.ID_TAKEN)
def test_all_or_nothing(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor("first"), _anchor("first"))


@refused(ENVELOPE, envelope.MALFORMED)
def test_no_transaction_at_all(world: Chain) -> bytes:
    return b"{}"


@refused(ENVELOPE, envelope.MALFORMED)
def test_no_message(world: Chain) -> bytes:
    return world.sign(world.hospital)


@refused(ENVELOPE, envelope.MALFORMED)
def test_more_than_32_messages(world: Chain) -> bytes:
    return world.sign(world.hospital, *[_anchor(f"record {index}") for index in range(33)])


@refused(ENVELOPE, envelope.NOT_CANONICAL)
def test_white_space(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor()).replace(b":", b": ", 1)


@refused(ENVELOPE, envelope.WRONG_CHAIN)
def test_another_chain(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor(), chain="other")


@refused(ENVELOPE, envelope.EXPIRED)
def test_expired_at_the_moment_named(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor(), expires=world.time + STEP)


@refused(ENVELOPE, envelope.EXPIRES_TOO_LATE)
def test_expires_after_more_than_a_day(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor(), expires=world.time + STEP + DAY + 1)


@refused(ENVELOPE, envelope.NONCE_SPENT)
def test_the_same_bytes_again(world: Chain) -> bytes:
    raw = world.sign(world.hospital, _anchor())
    world.block(raw)
    return raw


@refused(ENVELOPE, envelope.NONCE_SPENT)
def test_a_refused_transaction_has_spent_its_nonce(world: Chain) -> bytes:
    raw = world.sign(world.hospital, _anchor(), payer=world.insurer.id)
    world.block(raw)
    return raw


@refused(ENVELOPE, envelope.UNKNOWN_KEY)
def test_a_key_that_nobody_enrolled(world: Chain) -> bytes:
    stranger = world.hospital._replace(signer=world.signer("stranger"))
    return world.sign(stranger, _anchor())


@refused(ENVELOPE, envelope.KEY_REVOKED)
def test_a_countersigners_key_is_revoked(world: Chain) -> bytes:
    doctor = world.practitioner()
    world.must(world.hospital, RevokeKey(key=doctor.signer.id))
    return world.sign(world.hospital, _anchor(), beside=(doctor.signer,))


@refused(ENVELOPE, envelope.BAD_SIGNATURE)
def test_signed_by_another_key(world: Chain) -> bytes:
    return seal(world.body(world.hospital, _anchor()), world.insurer.signer)


@refused(ENVELOPE, envelope.BAD_SIGNATURE)
def test_signatures_out_of_order(world: Chain) -> bytes:
    one, two = world.hospital.signer, world.insurer.signer
    body = world.body(world.hospital, _anchor(), signers=[one.id, two.id])
    return seal(body, two, one)


@refused(ENVELOPE, envelope.SIGNATURES_MISSING)
def test_a_signature_is_missing(world: Chain) -> bytes:
    signers = [world.hospital.signer.id, world.insurer.signer.id]
    return seal(world.body(world.hospital, _anchor(), signers=signers), world.hospital.signer)


@refused(ENVELOPE, envelope.SIGNATURES_MISSING)
def test_a_signature_too_many(world: Chain) -> bytes:
    return seal(world.body(world.hospital, _anchor()), world.hospital.signer, world.insurer.signer)


@refused(ENVELOPE, envelope.SIGNER_REPEATED)
def test_a_signer_is_listed_twice(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor(), beside=(world.hospital.signer,))


@refused(ENVELOPE, envelope.SENDER_NOT_SIGNER)
def test_the_first_signer_is_the_sender(world: Chain) -> bytes:
    return world.sign(world.hospital._replace(signer=world.insurer.signer), _anchor())


@refused(ENVELOPE, envelope.PAYER_NOT_RESPONSIBLE)
def test_nobody_pays_without_signing(world: Chain) -> bytes:
    return world.sign(world.hospital, _anchor(), payer=world.insurer.id)


@refused(ENVELOPE, envelope.PAYER_INACTIVE)
def test_an_expelled_organisation_pays_nothing(world: Chain) -> bytes:
    world.carried(RemoveMember(world.insurer.id))
    return world.sign(
        world.hospital, _anchor(), payer=world.insurer.id, beside=(world.insurer.signer,)
    )


@refused(ENVELOPE, envelope.PAYER_INACTIVE)
def test_a_person_pays_nothing(world: Chain) -> bytes:
    alice = world.person()
    return world.sign(world.hospital, _anchor(), payer=alice.id, beside=(alice.signer,))


@refused(ENVELOPE, envelope.SENDER_INACTIVE)
def test_an_ended_device_sends_nothing(world: Chain) -> bytes:
    device = world.device()
    world.must(world.hospital, RevokeSubject(subject=device.id))
    return world.sign(device, _anchor())


@refused(ENVELOPE, envelope.SENDER_INACTIVE)
def test_who_belongs_to_an_expelled_member_sends_nothing(world: Chain) -> bytes:
    agent = world.agent("gateway", world.insurer)
    world.carried(RemoveMember(world.insurer.id))
    return world.sign(agent, _anchor())


@refused(ENVELOPE, envelope.SENDER_INACTIVE)
def test_who_an_expelled_member_vouched_for_sends_nothing(world: Chain) -> bytes:
    pharmacy = world.organisation("pharmacy", sponsor=world.insurer)
    world.carried(RemoveMember(world.insurer.id))
    return world.sign(pharmacy, _anchor())


@refused(ENVELOPE, envelope.QUOTA_USED_UP)
def test_an_organisation_has_a_quota(world: Chain) -> bytes:
    world.carried(SetQuota(world.authority.id, 2))
    world.must(world.authority, _anchor("first"))
    return world.sign(world.authority, _anchor("second"))


@refused(ENVELOPE, envelope.QUOTA_USED_UP)
def test_refused_transactions_count(world: Chain) -> bytes:
    world.carried(SetQuota(world.authority.id, 2))
    world.block(world.sign(world.authority, _anchor(), _anchor()))
    return world.sign(world.authority, _anchor("second"))


@refused(ENVELOPE, envelope.QUOTA_USED_UP)
def test_a_person_has_a_small_quota(world: Chain) -> bytes:
    alice = world.person()
    world.carried(SetParameter("person_quota", 10))
    world.block(*[world.sign(alice, _grant(world, f"grant {each}")) for each in range(10)])
    return world.sign(alice, _grant(world))


def _grant(world: Chain, label: str = "grant") -> Grant:
    return Grant(
        grant=name_of(label),
        terms=digest_of(label),
        starts=world.time,
        ends=world.time + DAY,
    )
