"""Judging signed requests against the keys on a chain."""

from __future__ import annotations

import pytest

from tests.chain import SECOND, Actor, Chain, name_of
from tests.http.node import claim, sign
from yilian.gateway.auth import Caller, judge
from yilian.gateway.nonces import Nonces
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.governance.messages import RemoveMember
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.signed_request import MAX_AHEAD_MS, SignedRequest

PATH = "/v1/x?a=1"


def judged(
    chain: Chain,
    value: str,
    method: str = "GET",
    path: str = PATH,
    body: bytes = b"",
    nonces: Nonces | None = None,
) -> Caller:
    """Judge a header as the gateway would at the chain's time."""
    return judge(
        value,
        method,
        path,
        body,
        chain=chain.genesis.chain,
        state=chain.state,
        now=chain.time,
        nonces=Nonces() if nonces is None else nonces,
    )


def refused(chain: Chain, request: SignedRequest, actor: Actor) -> str:
    """Give the name of the code that refuses a request."""
    with pytest.raises(Refusal) as caught:
        judged(chain, sign(request, actor.signer))
    return caught.value.code.name


@pytest.fixture(scope="module")
def chain() -> Chain:
    """A chain with a person."""
    made = Chain()
    made.person()
    return made


def test_a_caller_is_known(chain: Chain) -> None:
    """Whoever signs is the sender, at home in an organisation."""
    alice = chain.actor("alice", chain.hospital)
    caller = judged(chain, sign(claim(chain, alice, PATH), alice.signer))
    assert (caller.sender, caller.key) == (alice.id, alice.signer.id)
    assert caller.subject.kind == "person"
    assert caller.organisation == chain.hospital.id
    whole = judged(chain, sign(claim(chain, chain.hospital, PATH), chain.hospital.signer))
    assert whole.organisation == chain.hospital.id


def test_the_second_profile_too() -> None:
    """A key of the other suite signs as well."""
    other = Chain(SECOND)
    signed = sign(claim(other, other.hospital, PATH), other.hospital.signer)
    assert judged(other, signed).sender == other.hospital.id


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"chain": "other"}, "wrong_chain"),
        ({"method": "POST"}, "request_differs"),
        ({"path": "/v1/x"}, "request_differs"),
        ({"body": "A" * 43}, "request_differs"),
        ({"key": name_of("no key")}, "unknown_key"),
        ({"sender": name_of("insurer")}, "sender_not_signer"),
        ({"expires": 0}, "request_stale"),
    ],
)
def test_what_does_not_fit_is_refused(chain: Chain, fields: dict[str, object], code: str) -> None:
    """Each member must be that of this request, this chain and this key."""
    assert refused(chain, claim(chain, chain.hospital, PATH, **fields), chain.hospital) == code


def test_time_has_two_bounds(chain: Chain) -> None:
    """Expired from its own moment on; never more than a minute ahead."""
    hospital = chain.hospital
    for expires, fits in (
        (chain.time, False),
        (chain.time + 1, True),
        (chain.time + MAX_AHEAD_MS, True),
        (chain.time + MAX_AHEAD_MS + 1, False),
    ):
        request = claim(chain, hospital, PATH, expires=expires)
        if fits:
            judged(chain, sign(request, hospital.signer))
        else:
            assert refused(chain, request, hospital) == "request_stale"


def test_another_body_is_refused(chain: Chain) -> None:
    """The digest covers the body's bytes."""
    hospital = chain.hospital
    value = sign(claim(chain, hospital, PATH, "POST", b"one"), hospital.signer)
    with pytest.raises(Refusal) as caught:
        judged(chain, value, "POST", body=b"two")
    assert caught.value.parameters == {"part": "body"}
    judged(chain, value, "POST", body=b"one")


def test_a_foreign_signature_is_refused_and_burns_no_nonce(chain: Chain) -> None:
    """Nobody can use up another's nonce."""
    request, nonces = claim(chain, chain.hospital, PATH), Nonces()
    with pytest.raises(Refusal) as caught:
        judged(chain, sign(request, chain.insurer.signer), nonces=nonces)
    assert caught.value.code.name == "bad_signature"
    assert len(nonces) == 0
    judged(chain, sign(request, chain.hospital.signer), nonces=nonces)
    with pytest.raises(Refusal) as caught:
        judged(chain, sign(request, chain.hospital.signer), nonces=nonces)
    assert caught.value.code.name == "replayed_request"


def test_unreadable_headers_are_unauthenticated(chain: Chain) -> None:
    """The format's own refusals are one code to a caller."""
    for value in ("", "x", "a.b", "!.!"):
        with pytest.raises(Refusal) as caught:
            judged(chain, value)
        assert caught.value.code.name == "unauthenticated"


def test_revoked_keys_and_ended_senders_are_refused() -> None:
    """A key that was rotated, a subject that was ended, and a member that was expelled."""
    chain = Chain()
    doctor = chain.practitioner()
    fresh = chain.signer("doctor's second")
    chain.must(
        doctor,
        identity.RotateKey(
            old=doctor.signer.id, key=fresh.key, proof=chain.proof(doctor.id, fresh)
        ),
    )
    assert refused(chain, claim(chain, doctor, PATH), doctor) == "key_revoked"
    now = Actor(doctor.id, fresh, doctor.payer)
    judged(chain, sign(claim(chain, now, PATH), fresh))
    chain.must(chain.hospital, identity.RevokeSubject(subject=doctor.id))
    assert refused(chain, claim(chain, now, PATH), now) == "sender_inactive"
    agent = chain.agent("program", chain.insurer)
    chain.carried(RemoveMember(organisation=chain.insurer.id))
    assert refused(chain, claim(chain, agent, PATH), agent) == "sender_inactive"
