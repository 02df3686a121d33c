"""Encounters and referrals that stand, for the tests of several messages."""

from __future__ import annotations

from tests.chain import DAY, Actor, Chain, digest_of, name_of
from yilian.ledger.modules.care import messages

OPEN = messages.OpenEncounter(encounter=name_of("encounter"), terms=digest_of("terms"))
CLOSE = messages.CloseEncounter(encounter=name_of("encounter"))
CANCEL = messages.CancelEncounter(encounter=name_of("encounter"))
ACCEPT = messages.AcceptReferral(referral=name_of("referral"))
DECLINE = messages.DeclineReferral(referral=name_of("referral"))
END = messages.EndReferral(referral=name_of("referral"))


def licensed(world: Chain, label: str = "doctor", at: Actor | None = None) -> Actor:
    """Enrol a practitioner whose licence is in force."""
    doctor = world.practitioner(label, at)
    world.licence(doctor, f"licence of {label}")
    return doctor


def refer(world: Chain, to: Actor | None = None, ends: int = DAY) -> messages.Refer:
    """Make the message that refers a patient, to the insurer's clinic where nobody is named."""
    return messages.Refer(
        referral=name_of("referral"),
        to=(to or world.insurer).id,
        terms=digest_of("terms"),
        ends=world.time + ends,
    )


def referred(world: Chain) -> None:
    """Have the hospital refer to the insurer for a day."""
    world.must(world.hospital, refer(world))
