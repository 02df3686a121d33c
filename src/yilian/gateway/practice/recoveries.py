"""Recovery of reading at one organisation: bundles for its patients, and their own ciphertexts.

A bundle holds the patient's category keys under a secret that guardians share. It is opened where
the patient's new key is, never here: `hand_back` is what a guardian does, `open_bundle` and
`open_copies` what the patient does, each on a device of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault.own_copies import Copies, open_copies
from yilian.vault.recovery import (
    NO_BUNDLE,
    GuardianShare,
    RecoveryBundle,
    Standing,
    category_keys,
    hand_back,
    open_bundle,
)
from yilian.vault.shares import Keeper, Keepers

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

__all__ = [
    "GuardianShare",
    "Recoveries",
    "RecoveryBundle",
    "Standing",
    "category_keys",
    "hand_back",
    "open_bundle",
    "open_copies",
]

COPIES_AT_ONCE = 100


class Kept(NamedTuple):
    """How a patient's recovery stands.

    `bundle` is the one accepted now, `complete` whether it has all keys; `waiting` are shares of
    the newest bundle that no guardian is known to have.
    """

    bundle: RecoveryBundle | None
    complete: bool
    waiting: tuple[GuardianShare, ...]


class Recoveries:
    """The recovery of reading of one organisation's patients."""

    def __init__(self, organisation: Organisation) -> None:
        self._parts = organisation.vault.emergencies

    def make(
        self, person: str, threshold: int, guardians: Sequence[tuple[str, bytes]]
    ) -> tuple[GuardianShare, ...]:
        """Make the next bundle; each share is for its guardian alone.

        The bundle before stands until `threshold` guardians have theirs (`delivered`). Refuses
        `share_keepers_refused` and `envelope_key_not_accepted`, and then changes nothing.
        """
        members = tuple(Keeper(name, public) for name, public in guardians)
        return tuple(self._parts.recovery.make(person, Keepers(threshold, members)))

    def kept(self, person: str) -> Kept:
        """Tell how a patient's recovery stands; refuses `recovery_bundle_unknown` for none."""
        recovery = self._parts.recovery
        waiting = tuple(recovery.outgoing(person))
        try:
            bundle = recovery.standing(person)
        except Refusal as refusal:
            if refusal.code is not NO_BUNDLE or not waiting:
                raise
            return Kept(None, complete=False, waiting=waiting)
        return Kept(bundle, recovery.complete(person), waiting)

    def delivered(self, person: str, number: int, guardians: Sequence[str]) -> Kept:
        """Note that guardians have their shares of a bundle; again is fine.

        Refuses `malformed` for a number that is not the newest bundle's.
        """
        waiting = self._parts.recovery.outgoing(person)
        if waiting and waiting[0].number != number:
            raise MALFORMED()
        for each in waiting:
            if each.guardian in guardians:
                self._parts.recovery.delivered(each)
        return self.kept(person)

    def copies(self, person: str, reader: str, after: str = "") -> Copies:
        """Give a patient's own ciphertexts, journalled, `COPIES_AT_ONCE` behind an id."""
        return self._parts.copies.of(person, reader, after, COPIES_AT_ONCE)
