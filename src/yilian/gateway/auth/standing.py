"""What the chain says now of somebody who signs in: by it the portal shows pages, and nothing more.

What may be done is judged by each route itself.
"""

from __future__ import annotations

import msgspec

from yilian.ledger.codec import Millis, Name
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.ledger.modules.identity.state import SUBJECTS, licences_in_force
from yilian.ledger.state import State


class HeldLicence(msgspec.Struct, frozen=True, kw_only=True):
    """A licence in force: for which profession, and when it ends (ms)."""

    profession: Name
    ends: Millis


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one's organisation is, and one's licences in force."""

    organisation_kind: OrganisationKind | None
    licences: tuple[HeldLicence, ...]


def read_standing(state: State, subject: str, organisation: str, now: int) -> Standing:
    """Read the standing of somebody whose home is `organisation`, at `now` (ms)."""
    home = SUBJECTS.get(state, organisation)
    return Standing(
        organisation_kind=None if home is None else home.organisation_kind,
        licences=tuple(
            HeldLicence(profession=each.profession, ends=each.ends)
            for each in licences_in_force(state, subject, now)
        ),
    )
