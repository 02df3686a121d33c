"""What the chain says now of somebody who signs in: by it the portal shows pages, and nothing more.

What may be done is judged by each route itself.
"""

from __future__ import annotations

import msgspec

from yilian.ledger.codec import Millis, Name
from yilian.ledger.modules.consent.state import CUSTODIANS
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.ledger.modules.identity.state import SUBJECTS, licences_in_force
from yilian.ledger.state import State


class HeldLicence(msgspec.Struct, frozen=True, kw_only=True):
    """A licence in force: for which profession, and when it ends (ms)."""

    profession: Name
    ends: Millis


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one's organisation is, one's licences in force, and whether one acts for somebody."""

    organisation_kind: OrganisationKind | None
    licences: tuple[HeldLicence, ...]
    acts_for: bool = False


def read_standing(state: State, subject: str, organisation: str, now: int) -> Standing:
    """Read the standing of somebody whose home is `organisation`, at `now` (ms)."""
    home = SUBJECTS.get(state, organisation)
    return Standing(
        organisation_kind=None if home is None else home.organisation_kind,
        licences=tuple(
            HeldLicence(profession=each.profession, ends=each.ends)
            for each in licences_in_force(state, subject, now)
        ),
        acts_for=_acts_for(state, subject, now),
    )


def _acts_for(state: State, subject: str, now: int) -> bool:
    """Tell whether somebody is custodian of another now: a person with an own key alone can be."""
    found = SUBJECTS.get(state, subject)
    if found is None or found.kind != "person" or found.custody:
        return False
    named = CUSTODIANS.scan(state)
    return any(place.endswith(f"/{subject}") and each.stands(now) for place, each in named)
