"""Three guardians and their approvals, for the tests of recovery."""

from __future__ import annotations

from tests.chain import Actor, Chain, Signer, digest_of, name_of
from yilian.ledger.modules.identity import messages
from yilian.ledger.modules.identity.rules import guardian_commitment, recovery_approval

SALT = digest_of("salt")


def guardians(world: Chain) -> list[str]:
    """Give the commitments to three guardians' keys."""
    return [guardian_commitment(each.key, SALT) for each in _signers(world)]


def named(world: Chain, threshold: int = 2) -> Actor:
    """Enrol a person who names the three guardians."""
    alice = world.person()
    request = messages.SetGuardians(threshold=threshold, guardians=guardians(world))
    world.must(alice, request)
    return alice


def recovery(
    world: Chain, person: str, approving: tuple[int, ...] = (0, 1), label: str = "recovery"
) -> messages.ProposeRecovery:
    """Ask that a new key take over, with some guardians' approvals."""
    signer = world.signer("recovered")
    text = recovery_approval(name_of(label), person, signer.key)
    approvals = [
        messages.Approval(key=each.key, salt=SALT, signature=each.sign(text))
        for each in (_signers(world)[index] for index in approving)
    ]
    return messages.ProposeRecovery(
        recovery=name_of(label),
        person=person,
        key=signer.key,
        proof=world.proof(person, signer),
        approvals=approvals,
    )


def _signers(world: Chain) -> list[Signer]:
    return [world.signer(f"guardian {index}") for index in range(3)]
