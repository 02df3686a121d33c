"""Treatment relations of one organisation: encounters and referrals, from opening to end.

The chain has each one's status and a commitment; whom it is about and who treats stands in the
vault (`vault/relations.py`). The organisation's agent signs for the organisation; a practitioner
signs with a key of their own, and is given here what to sign. A relation counts only while the
chain says that it stands, and with the commitment that the vault has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from yilian.ledger.errors import code
from yilian.ledger.modules.care import messages as care
from yilian.ledger.modules.care.errors import (
    NOT_YOUR_ENCOUNTER,
    NOT_YOUR_REFERRAL,
    UNKNOWN_ENCOUNTER,
    UNKNOWN_REFERRAL,
)
from yilian.ledger.modules.care.state import ENCOUNTERS, REFERRALS, Referral
from yilian.ledger.modules.identity.state import LICENCES, SUBJECTS, standing
from yilian.ledger.state import State
from yilian.node.history import Outcome
from yilian.vault.relations import EncounterTerms, Prepared, ReferralTerms, Standing
from yilian.vault.relations import Relation as Kept

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

PERSON_ELSEWHERE = code(9420, "treatment.person_elsewhere", 409, "id")
TEAM_ELSEWHERE = code(9421, "treatment.team_elsewhere", 409, "id")
TERMS_NEEDED = code(9422, "treatment.terms_needed", 409, "id")
OTHER_PERSON = code(9423, "treatment.referral_of_other_person", 409, "id")

DAY_MS = 86_400_000
OVER = ("closed", "cancelled", "declined", "ended")
"""Status of a relation that never stands again."""


class Made(NamedTuple):
    """A relation to stand: what its message says, and where the chain took it if it did."""

    prepared: Prepared
    ends: int | None = None
    outcome: Outcome | None = None


class Relation(NamedTuple):
    """A relation of a person: its status on the chain (`prepared`: not there yet).

    `stands`: it lets its team treat now, at this organisation. Times in milliseconds.
    """

    kind: str
    relation: str
    status: str
    stands: bool
    organisation: str
    to: str | None
    team: tuple[str, ...]
    reason: str | None
    opened: int | None
    ends: int | None


class Attended(NamedTuple):
    """A relation that stands now, and whose it is by the id here."""

    person: str
    relation: Relation


class Opened(NamedTuple):
    """What the sender of a referral shows the receiver: its terms and their salt."""

    terms: ReferralTerms
    salt: str


def professions(state: State, practitioner: str, now: int) -> tuple[str, ...]:
    """List the professions of a practitioner's licences in force at `now` (ms), sorted."""
    subject = SUBJECTS.get(state, practitioner)
    found = set()
    for name in () if subject is None else subject.licences:
        licence = LICENCES.get(state, name)
        if (
            licence is not None
            and licence.revoked is None
            and now < licence.ends
            and standing(state, licence.issuer) is not None
        ):
            found.add(licence.profession)
    return tuple(sorted(found))


def standing_now(state: State, now: int, organisation: str) -> Standing:
    """Give what `Relations.treats` asks: the chain's commitment of a relation that stands now.

    An encounter stands at the organisation that opened it, a referral at the one that accepted it.
    """

    def stands(kind: str, relation: str) -> str | None:
        if kind == "encounter":
            met = ENCOUNTERS.get(state, relation)
            if met is not None and met.organisation == organisation and met.open_at(now):
                return met.terms
            return None
        sent = REFERRALS.get(state, relation)
        if sent is not None and sent.to == organisation and sent.accepted_at(now):
            return sent.terms
        return None

    return stands


class Care:
    """The encounters and referrals of one organisation. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._relations = organisation.vault.relations

    # -- encounters ----------------------------------------------------------------------------

    def open_encounter(self, person: str, team: Sequence[str], *, by_agent: bool = True) -> Made:
        """Begin an encounter with a person of this organisation and those who treat them.

        With `by_agent` the chain has it on return; else whoever asked signs `care.OpenEncounter`
        as it was prepared. Refuses `treatment.person_elsewhere` and `treatment.team_elsewhere`.
        """
        self._require_person(person)
        self._require_team(team, self._organisation.id)
        prepared = self._relations.encounter(person, team)
        message = care.OpenEncounter(encounter=prepared.relation, terms=prepared.commitment)
        return Made(prepared, None, self._organisation.write(message) if by_agent else None)

    def close_encounter(self, encounter: str) -> Outcome:
        """End an encounter of this organisation; the relation that rests on it ends too."""
        self._require_encounter(encounter)
        return self._organisation.write(care.CloseEncounter(encounter=encounter))

    def cancel_encounter(self, encounter: str) -> Outcome:
        """Take back an encounter that was opened by mistake."""
        self._require_encounter(encounter)
        return self._organisation.write(care.CancelEncounter(encounter=encounter))

    # -- referrals -----------------------------------------------------------------------------

    def refer(
        self,
        person: str,
        to: str,
        team: Sequence[str],
        reason: str,
        days: int,
        *,
        by_agent: bool = True,
    ) -> Made:
        """Ask another organisation to go on with a person's care for some days.

        As `open_encounter`; the team is of the other organisation, and may be left open.
        """
        self._require_person(person)
        self._require_team(team, to)
        ends = self._organisation.engine.now() + days * DAY_MS
        prepared = self._relations.referral(person, to, team, reason, ends)
        message = care.Refer(
            referral=prepared.relation, to=to, terms=prepared.commitment, ends=ends
        )
        return Made(prepared, ends, self._organisation.write(message) if by_agent else None)

    def show(self, referral: str, to: str) -> Opened:
        """Show a referral's terms to the organisation it is addressed to, and to no other.

        Refuses `care.unknown_referral`, `care.not_your_referral`, `relation_unknown`.
        """
        if self._require_referral(referral).to != to:
            raise NOT_YOUR_REFERRAL(id=referral)
        relation, salt = self._relations.opened(referral)
        if not isinstance(relation.terms, ReferralTerms):
            raise UNKNOWN_REFERRAL(id=referral)
        return Opened(relation.terms, salt)

    def take_in(self, referral: str, shown: Opened, person: str) -> Kept:
        """Keep a referral that came in, as about a person of this organisation.

        Refuses what the chain did not commit to (`relation_differs_from_chain`), a referral to
        another organisation, a person who is not at home here, and one that was kept for another
        person before (`treatment.referral_of_other_person`).
        """
        found = self._require_referral(referral)
        if found.to != self._organisation.id or shown.terms.referral != referral:
            raise NOT_YOUR_REFERRAL(id=referral)
        self._require_person(person)
        kept = self._relations.receive(shown.terms, shown.salt, found.terms, person)
        if all(each.relation != referral for each in self._relations.of_patient(person)):
            raise OTHER_PERSON(id=referral)
        return kept

    def accept(self, referral: str, shown: Opened, person: str) -> Outcome:
        """Take a referral on: kept first, so that what the chain accepts can be acted on."""
        self.take_in(referral, shown, person)
        return self._organisation.write(care.AcceptReferral(referral=referral))

    def decline(self, referral: str) -> Outcome:
        """Say that a referral is not taken on."""
        return self._organisation.write(care.DeclineReferral(referral=referral))

    def end(self, referral: str) -> Outcome:
        """End a referral early, from either side."""
        return self._organisation.write(care.EndReferral(referral=referral))

    def sender(self, referral: str) -> str:
        """Name the organisation that referred; refuses `care.unknown_referral`."""
        return self._require_referral(referral).organisation

    # -- who treats ----------------------------------------------------------------------------

    def treats(
        self, person: str, practitioner: str | None
    ) -> Literal["encounter", "referral"] | None:
        """Tell what makes a practitioner treat a person here now; None: nothing does.

        `practitioner` None asks for the organisation as a whole.
        """
        engine = self._organisation.engine
        stands = standing_now(engine.state(), engine.now(), self._organisation.id)
        return self._relations.treats(person, practitioner, stands)

    def of_person(self, person: str) -> list[Relation]:
        """List a person's relations that are kept here, the newest last, standing or not."""
        engine = self._organisation.engine
        state, now = engine.state(), engine.now()
        stands = standing_now(state, now, self._organisation.id)
        found = [
            _shown(state, self._organisation.id, each, stands)
            for each in self._relations.of_patient(person)
        ]
        return sorted(found, key=lambda each: (each.opened or 0, each.relation))

    def waiting(self, practitioner: str | None) -> list[Attended]:
        """List whom a practitioner treats now, those who came first at the top; None: anybody.

        What is over for good is forgotten on the way, so that the next list is as short.
        """
        engine = self._organisation.engine
        state, now = engine.state(), engine.now()
        stands = standing_now(state, now, self._organisation.id)
        found, over = [], []
        for relation, person in self._relations.waiting.all():
            kept, _ = self._relations.opened(relation)
            shown = _shown(state, self._organisation.id, kept, stands)
            if shown.stands:
                if practitioner is None or not shown.team or practitioner in shown.team:
                    found.append(Attended(person, shown))
            elif shown.status in OVER or (shown.ends is not None and shown.ends <= now):
                over.append(relation)
        self._relations.waiting.drop(over)
        return sorted(found, key=lambda each: (each.relation.opened or 0, each.relation.relation))

    def _require_person(self, person: str) -> None:
        found = standing(self._organisation.engine.state(), person)
        if found is None or (found.kind, found.organisation) != ("person", self._organisation.id):
            raise PERSON_ELSEWHERE(id=person)

    def _require_team(self, team: Sequence[str], organisation: str) -> None:
        state = self._organisation.engine.state()
        for each in team:
            found = standing(state, each)
            if found is None or (found.kind, found.organisation) != ("practitioner", organisation):
                raise TEAM_ELSEWHERE(id=each)

    def _require_encounter(self, encounter: str) -> None:
        found = ENCOUNTERS.get(self._organisation.engine.state(), encounter)
        if found is None:
            raise UNKNOWN_ENCOUNTER(id=encounter)
        if found.organisation != self._organisation.id:
            raise NOT_YOUR_ENCOUNTER(id=encounter)

    def _require_referral(self, referral: str) -> Referral:
        found = REFERRALS.get(self._organisation.engine.state(), referral)
        if found is None:
            raise UNKNOWN_REFERRAL(id=referral)
        return found


def _shown(state: State, organisation: str, kept: Kept, stands: Standing) -> Relation:
    terms, name = kept.terms, kept.relation
    standing_here = stands(kept.kind, name) == kept.commitment
    if isinstance(terms, EncounterTerms):
        met = ENCOUNTERS.get(state, name)
        return Relation(
            kind="encounter",
            relation=name,
            status="prepared" if met is None else met.status,
            stands=standing_here,
            organisation=organisation,
            to=None,
            team=terms.team,
            reason=None,
            opened=None if met is None else met.opened,
            ends=None if met is None else met.ended,
        )
    sent = REFERRALS.get(state, name)
    return Relation(
        kind="referral",
        relation=name,
        status="prepared" if sent is None else sent.status,
        stands=standing_here,
        organisation=terms.organisation,
        to=terms.to,
        team=terms.team,
        reason=terms.reason,
        opened=None if sent is None else sent.made,
        ends=terms.ends if sent is None or sent.ended is None else sent.ended,
    )
