"""F18, the key half: guardians recover a lost key; a rotated key is dead, old signatures stand."""

from __future__ import annotations

import json
import time

import pytest

from tests.rows.served import Served
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.sdk import drafts, verify
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

WAIT_MS = 1_500


@pytest.fixture
def person(served: Served) -> tuple[str, Ed25519Signer]:
    """A person with a key of their own, on a chain whose recovery waits only a little."""
    signer, name, proposal = Ed25519Signer.generate(), drafts.fresh_id(), drafts.fresh_id()
    with served.client(served.a) as client:
        client.identity.enrol_person(person=name, tag=drafts.fresh_salt(), key=signer.key)
        client.governance.propose(
            proposal=proposal, action=SetParameter(name="recovery_delay_ms", value=WAIT_MS)
        )
    for each in (served.b, served.authority):
        with served.client(each) as client:
            client.governance.vote(proposal=proposal, approve=True)
    return name, signer


def guardians(served: Served, name: str, signer: Ed25519Signer) -> list[tuple[Ed25519Signer, str]]:
    """Name three guardians, two of whom suffice."""
    made = [(Ed25519Signer.generate(), drafts.fresh_salt()) for _ in range(3)]
    with served.as_(name, signer, served.a) as client:
        client.identity.set_guardians(
            threshold=2,
            guardians=[drafts.guardian_commitment(key.key, salt) for key, salt in made],
        )
    return made


def propose(
    served: Served,
    name: str,
    new: Ed25519Signer,
    approving: list[tuple[Ed25519Signer, str]],
) -> str:
    recovery = drafts.fresh_id()
    with served.client(served.a) as client:
        client.identity.propose_recovery(
            recovery=recovery,
            person=name,
            key=new.key,
            proof=drafts.key_proof(name, new),
            approvals=[
                drafts.recovery_approval(recovery, name, new.key, key, salt)
                for key, salt in approving
            ],
        )
    return recovery


def write(client: Client) -> None:
    now = time.time_ns() // 1_000_000
    client.consent.grant(
        grant=drafts.fresh_id(), terms=drafts.fresh_salt(), starts=now, ends=now + 60_000
    )


def test_two_of_three_guardians_bring_a_new_key_after_the_wait(
    served: Served, person: tuple[str, Ed25519Signer]
) -> None:
    name, lost = person
    made = guardians(served, name, lost)
    new = Ed25519Signer.generate()
    with pytest.raises(ProblemError) as refused:
        propose(served, name, new, made[:1])
    assert refused.value.code == "identity.not_enough_guardians"
    with pytest.raises(ProblemError) as refused:
        propose(served, name, new, [made[0], made[0]])
    assert refused.value.code == "identity.not_enough_guardians"

    recovery = propose(served, name, new, made[:2])
    with served.as_(name, new, served.a) as client, pytest.raises(ProblemError) as refused:
        write(client)
    assert refused.value.code == "unknown_key"
    with served.client(served.a) as client:
        for _ in range(100):
            if client.get("identity", "recoveries", recovery).value.get("status") == "done":
                break
            time.sleep(0.1)
    with served.as_(name, new, served.a) as client:
        write(client)
    with served.as_(name, lost, served.a) as client, pytest.raises(ProblemError) as refused:
        write(client)
    assert refused.value.code == "key_revoked"


def test_the_old_key_cancels_a_recovery_it_did_not_ask_for(
    served: Served, person: tuple[str, Ed25519Signer]
) -> None:
    name, own = person
    made = guardians(served, name, own)
    thief = Ed25519Signer.generate()
    recovery = propose(served, name, thief, made[1:])
    with served.as_(name, own, served.a) as client:
        client.identity.cancel_recovery(recovery=recovery)
    time.sleep(WAIT_MS / 1000 + 0.5)
    with served.as_(name, own, served.a) as client:
        write(client)
    with served.as_(name, thief, served.a) as client, pytest.raises(ProblemError) as refused:
        write(client)
    assert refused.value.code == "unknown_key"


def test_a_rotated_member_key_is_dead_and_its_old_signatures_verify(served: Served) -> None:
    old, new = served.operator(served.a), Ed25519Signer.generate()
    person = served.load(served.a)["person"]
    with served.client(served.a) as client:
        before = client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        client.identity.rotate_key(
            old=old.key_id, key=new.key, proof=drafts.key_proof(served.a.id, new)
        )
        with pytest.raises(ProblemError) as refused:
            client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        assert refused.value.code == "key_revoked"
        receipt, trust = client.receipt(before.hash), client.trust()
    verified = verify.verify(json.dumps(receipt).encode(), json.dumps(trust).encode())
    assert verified.height == before.height
    with served.as_(served.a.id, new, served.a) as client:
        client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        answer = client.request("GET", f"/v1/organisations/{served.a.id}/persons/{person}/records")
    assert answer["records"]
