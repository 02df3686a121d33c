"""Who may act for a person, and for whom a person may act: what the chain says, with names.

The chain knows custodians by id. A name is told to those alone whom it concerns: a custodian sees
whom they act for, and a person sees the name of who made themself known to them
(`vault/introductions.py`). For a person in custody the organisation signs.
"""

from __future__ import annotations

from typing import NamedTuple

from yilian.gateway.organisation import Organisation
from yilian.ledger.errors import code
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.consent.state import CUSTODIANS, Custodian
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.node.history import Outcome
from yilian.vault.introductions import Introduction

NO_OWN_KEY = code(9853, "carers.no_own_key", 409)


class Tie(NamedTuple):
    """One who acts for another: the other one's id, their name where it may be told, and how.

    `custody`: whether the organisation signs for that other one.
    """

    other: str
    name: str | None
    custody: bool
    entry: Custodian


class Carers:
    """The custodians of one organisation's people. Holds nothing itself."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._known = organisation.vault.introductions

    # -- making oneself known ------------------------------------------------------------------

    def introduce(self, person: str) -> Introduction:
        """Make a code by which a person can be named custodian.

        Refuses `carers.no_own_key`: the chain takes nobody who does not sign for themself.
        """
        engine = self._organisation.engine
        if self._custody(person):
            raise NO_OWN_KEY()
        return self._known.make(person, engine.now())

    def meet(self, person: str, code: str) -> tuple[str, str | None]:
        """Give the id and the name of who made a code, known to `person` from now on.

        Refuses `introduction_unknown`.
        """
        other = self._known.meet(code, person, self._organisation.engine.now())
        return other, self._name(other)

    # -- reading -------------------------------------------------------------------------------

    def of(self, person: str) -> list[Tie]:
        """List who may act for a person, or once might; the last that was changed first."""
        state = self._organisation.engine.state()
        prefix = CUSTODIANS.key(f"{person}/")
        found = []
        for key, value in state.scan(prefix):
            other = key[len(prefix) :].decode("ascii")
            found.append(self._tie(person, other, CUSTODIANS.decode(value)))
        return sorted(found, key=lambda each: (-each.entry.changed, each.other))

    def wards(self, person: str) -> list[Tie]:
        """List for whom a person may act now, by name."""
        engine = self._organisation.engine
        state, now = engine.state(), engine.now()
        found = []
        for place, entry in CUSTODIANS.scan(state):
            ward, _, name = place.partition("/")
            if name == person and entry.stands(now) and self._at_home(ward):
                found.append(Tie(ward, self._name(ward), self._custody(ward), entry))
        return sorted(found, key=lambda each: (each.name or "", each.other))

    # -- for a person in custody ---------------------------------------------------------------

    def name(self, person: str, message: consent.NameCustodian) -> Outcome:
        """Name a custodian; refuses as the chain does, one with an own key among them."""
        return self._organisation.write(message, on_behalf_of=person)

    def switch(self, person: str, custodian: str, *, on: bool) -> Outcome:
        """Let a custodian act, or act no more; refuses as the chain does."""
        message = consent.SwitchCustodian(custodian=custodian, on=on)
        return self._organisation.write(message, on_behalf_of=person)

    def _tie(self, person: str, other: str, entry: Custodian) -> Tie:
        name = self._name(other) if self._known.knows(person, other) else None
        return Tie(other, name, self._custody(other), entry)

    def _name(self, person: str) -> str | None:
        found = self._organisation.vault.desk.find(person)
        return None if found is None else found.name

    def _custody(self, person: str) -> bool:
        found = SUBJECTS.get(self._organisation.engine.state(), person)
        return found is not None and found.custody

    def _at_home(self, person: str) -> bool:
        found = SUBJECTS.get(self._organisation.engine.state(), person)
        return found is not None and found.organisation == self._organisation.id
