"""Drafts: the law itself reads what they make, and malformed ones never leave."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.chain import CHAIN_ID, Actor, Chain, digest_of, name_of
from yilian.ledger import codec, errors, transaction
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.messages import Grant, Revoke
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer

FAR = 4_000_000_000_000


def signer_of(label: str) -> Ed25519Signer:
    """The same key as `tests.chain.Signer` makes of the label."""
    return Ed25519Signer(sha256(b"key " + label.encode()).digest())


def grant(label: str = "grant") -> Grant:
    return Grant(grant=name_of(label), terms=digest_of(label), starts=1, ends=FAR)


@pytest.fixture
def chain() -> Chain:
    """A chain whose clock is where the drafts' own clock is."""
    made = Chain(parameters=Parameters(recovery_delay_ms=1000))
    body = drafts.draft(CHAIN_ID, made.hospital.id, made.hospital.id, [grant()], [signer()])
    made.time = body.expires - 120_000
    return made


def signer() -> Ed25519Signer:
    return signer_of("hospital")


def sent(chain: Chain, actor: Actor, *messages: transaction.Message) -> int:
    label = next(each for each in LABELS if name_of(each) == actor.id)
    signers = [signer_of(label)]
    body = drafts.draft(CHAIN_ID, actor.id, actor.payer, messages, signers)
    return chain.block(drafts.sign(body, signers)).results[0].code


LABELS = ("hospital", "alice", "bob")


def test_the_law_accepts_a_draft(chain: Chain) -> None:
    alice = chain.person("alice")
    assert sent(chain, alice, grant()) == errors.OK
    assert sent(chain, alice, Revoke(grant=name_of("grant"))) == errors.OK


def test_a_draft_lasts_two_minutes_and_has_a_nonce_of_its_own() -> None:
    made = [
        drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), [grant()], [signer()]) for _ in range(2)
    ]
    assert made[0].nonce != made[1].nonce
    short = drafts.draft(
        CHAIN_ID, name_of("a"), name_of("a"), [grant()], [signer()], expires_in=0.5
    )
    assert 100_000 < made[0].expires - short.expires < 120_000


def test_signers_at_different_places_make_the_same_bytes(chain: Chain) -> None:
    alice = chain.person("alice", at=chain.insurer)
    signers = [signer_of("alice"), signer_of("hospital")]
    keys_only = [each.key for each in signers]
    body = drafts.draft(CHAIN_ID, alice.id, chain.hospital.id, [grant()], keys_only)
    apart = {each.key_id: drafts.signature(body, each) for each in reversed(signers)}
    raw = drafts.assemble(body, apart)
    assert raw == drafts.sign(body, signers)
    assert chain.block(raw).results[0].code == errors.OK


def test_all_listed_signers_sign_and_no_other() -> None:
    body = drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), [grant()], [signer()])
    other = signer_of("insurer")
    with pytest.raises(Refusal) as missing:
        drafts.sign(body, [])
    with pytest.raises(Refusal) as strange:
        drafts.sign(body, [signer(), other])
    assert missing.value.code == strange.value.code == errors.SIGNATURES_MISSING


def test_a_wrong_signature_does_not_leave() -> None:
    class Broken:
        """A token that answers with another text's signature."""

        key = signer().key
        key_id = signer().key_id

        def sign(self, message: bytes) -> bytes:
            return signer().sign(message + b"!")

    body = drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), [grant()], [signer()])
    with pytest.raises(Refusal) as caught:
        drafts.sign(body, [Broken()])
    assert caught.value.code == errors.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("sender", "messages", "nonce"),
    [
        ("short", [grant()], None),
        (name_of("a"), [], None),
        (name_of("a"), [grant()] * 33, None),
        (name_of("a"), [grant()], "no nonce"),
        (name_of("a"), [Grant(grant="x", terms="y", starts=1, ends=2)], None),
        (name_of("a"), [Grant(grant=name_of("g"), terms=digest_of("t"), starts=-1, ends=2)], None),
        (name_of("a"), [identity.RevokeKey(key=name_of("k") + "=")], None),
    ],
)
def test_malformed_drafts_are_refused_before_they_are_signed(
    sender: str, messages: list[transaction.Message], nonce: str | None
) -> None:
    with pytest.raises(Refusal) as caught:
        drafts.draft(CHAIN_ID, sender, name_of("a"), messages, [signer()], nonce=nonce)
    assert caught.value.code == errors.MALFORMED


def test_a_message_that_contradicts_itself_is_refused() -> None:
    backwards = Grant(grant=name_of("g"), terms=digest_of("t"), starts=2, ends=1)
    with pytest.raises(Refusal) as caught:
        drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), [backwards], [signer()])
    assert caught.value.code.name == "consent.bad_period"


def test_a_signer_listed_twice_is_refused() -> None:
    twice = [signer(), signer()]
    body = drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), [grant()], twice)
    with pytest.raises(Refusal):
        drafts.sign(body, twice)


def test_too_large_a_draft_does_not_leave() -> None:
    guardians = [digest_of(f"guardian {n}") for n in range(15)]
    many = [identity.SetGuardians(threshold=1, guardians=guardians)] * 32
    large = [
        identity.EnrolOrganisation(
            organisation=name_of("o"),
            kind="clinic",
            name="院" * 200,
            registration="R",
            key=signer().key,
        )
    ] * 32
    body = drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), many, [signer()])
    assert len(drafts.sign(body, [signer()])) < transaction.MAX_BYTES
    proofs = [
        identity.PublishKeyService(kem="mlkem768-x25519", public="A" * 8000) for _ in range(10)
    ]
    body = drafts.draft(CHAIN_ID, name_of("a"), name_of("a"), [*proofs, *large[:10]], [signer()])
    with pytest.raises(Refusal) as caught:
        drafts.sign(body, [signer()])
    assert caught.value.code == errors.TOO_LARGE


def test_the_law_accepts_key_proofs(chain: Chain) -> None:
    alice = chain.person("alice")
    new = Ed25519Signer.generate()
    proof = drafts.key_proof(alice.id, new)
    assert sent(chain, alice, identity.AddKey(key=new.key, proof=proof)) == errors.OK
    found = KEYS.get(chain.state, new.key_id)
    assert found is not None
    assert found.owner == alice.id
    elsewhere = Ed25519Signer.generate()
    stolen = drafts.key_proof(name_of("mallory"), elsewhere)
    refused = sent(chain, alice, identity.AddKey(key=elsewhere.key, proof=stolen))
    assert errors.by_number(refused).name == "identity.bad_proof_of_possession"


def test_guardians_recover_a_person(chain: Chain) -> None:
    alice, bob = chain.person("alice"), chain.person("bob")
    guardians = [(Ed25519Signer.generate(), drafts.fresh_salt()) for _ in range(3)]
    commitments = [drafts.guardian_commitment(each.key, salt) for each, salt in guardians]
    named = identity.SetGuardians(threshold=2, guardians=commitments)
    assert sent(chain, alice, named) == errors.OK
    new, recovery = Ed25519Signer.generate(), drafts.fresh_id()
    approvals = [
        drafts.recovery_approval(recovery, alice.id, new.key, each, salt)
        for each, salt in guardians
    ]
    asked = identity.ProposeRecovery(
        recovery=recovery,
        person=alice.id,
        key=new.key,
        proof=drafts.key_proof(alice.id, new),
        approvals=approvals[:1],
    )
    few = sent(chain, bob, asked)
    assert errors.by_number(few).name == "identity.not_enough_guardians"
    enough = identity.ProposeRecovery(
        recovery=recovery,
        person=alice.id,
        key=new.key,
        proof=asked.proof,
        approvals=approvals[1:],
    )
    assert sent(chain, bob, enough) == errors.OK
    chain.wait(2000)
    chain.block()
    person = SUBJECTS.get(chain.state, alice.id)
    assert person is not None
    assert person.keys == (new.key_id,)


def test_fresh_ids_and_salts_are_of_the_law_s_form() -> None:
    ids = {drafts.fresh_id() for _ in range(200)}
    assert len(ids) == 200
    for each in ids:
        assert codec.decode(codec.encode(each), codec.Id) == each
    salt = drafts.fresh_salt()
    assert codec.decode(codec.encode(salt), codec.Digest) == salt
    assert drafts.guardian_commitment(signer().key, salt) != drafts.guardian_commitment(
        signer().key, drafts.fresh_salt()
    )
