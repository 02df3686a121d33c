"""An emergency access, for the tests of several messages."""

from __future__ import annotations

from tests.chain import HOUR, Actor, Chain, digest_of, name_of
from yilian.ledger.modules.consent import messages


def licensed(world: Chain, label: str = "doctor", at: Actor | None = None) -> Actor:
    """Enrol a practitioner whose licence is in force."""
    doctor = world.practitioner(label, at)
    world.licence(doctor, f"licence of {label}")
    return doctor


def request(world: Chain, ends: int = HOUR) -> messages.BreakGlass:
    """Make the message that opens the access."""
    return messages.BreakGlass(
        access=name_of("access"), terms=digest_of("terms"), ends=world.time + ends
    )


def broken(world: Chain) -> Actor:
    """Give the hospital's doctor who broke the glass for an hour."""
    doctor = licensed(world)
    world.must(doctor, request(world))
    return doctor
