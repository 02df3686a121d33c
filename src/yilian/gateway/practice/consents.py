"""Grants of one organisation's patients: prepared for whoever signs, handed over, listed.

A person or custodian signs with a key of their own, so a grant is made in three steps: the terms
are prepared here and shown opened with their salt, the signer checks them and puts the commitment
on the chain, and only then are keys wrapped and handed to the grantee. For a person in custody the
organisation's program signs, and all three are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from yilian.gateway.members.errors import ELSEWHERE
from yilian.gateway.organisation import GRANT_UNKNOWN, Organisation
from yilian.gateway.practice.care import professions
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.consent.state import Grant as OnChain
from yilian.ledger.modules.identity.state import home, standing
from yilian.node.history import Outcome
from yilian.vault.envelope import Terms, new_id
from yilian.vault.giving import OpenedTerms
from yilian.vault.packages import NotReleased, Released

NOT_PERMITTED = code(9410, "consents.not_permitted", 403, "reasons")
TO_ITSELF = code(9411, "consents.to_itself", 403)
GRANT_OVER = code(9412, "consents.grant_over", 409)
NOT_ON_CHAIN = code(9413, "consents.not_on_chain", 409)
ROLE_NOT_HELD = code(9414, "consents.role_not_held", 403)
NOT_STAFF_HERE = code(9415, "consents.not_staff_here", 400, "id")

Status = Literal["waiting", "standing", "ended", "revoked"]


class Offer(NamedTuple):
    """A grant to be signed: its id, the opened terms with salt, and their commitment.

    `version` above 1: the terms replace those of a grant that stands (`consent.Change`).
    """

    grant: str
    opened: OpenedTerms
    commitment: str


class Given(NamedTuple):
    """A grant that is on the chain; `package` only where the grantee has not got it yet."""

    grant: str
    version: int
    ends: int
    package: bytes | None
    outcome: Outcome | None = None


class Listed(NamedTuple):
    """A grant as it stands; `opened` is None where the chain has terms not known here."""

    grant: str
    status: Status
    on_chain: OnChain
    opened: OpenedTerms | None


class Consents:
    """The grants of one organisation's patients. Holds nothing itself."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._vault = organisation.vault

    # -- giving --------------------------------------------------------------------------------

    def prepare(
        self, person: str, terms: Terms, grant: str | None = None, ask: str | None = None
    ) -> Offer:
        """Prepare a grant, or with `grant` new terms of one that stands, to be signed.

        `ask` names the question that it answers. Refuses `organisation.grant_unknown` for another
        person's too, `consents.grant_over`, `organisation.key_service_unknown`, `ask_unknown`,
        `ask_refused`, `grant_condition_unknown`, `grantee_may_not_change`.
        """
        recipient = self._organisation.key_service(terms.grantee)
        self._organisation.watch.catch_up()
        name = new_id() if grant is None else grant
        if ask is not None:
            self._vault.asks.answer(ask, person, name)
        if grant is None:
            given = self._vault.grant(terms, name, person, recipient)
        else:
            self._require_standing(person, grant)
            others = self._organisation.watch.standing(person)
            changed = self._vault.giver.change(grant, terms, others)
            given = changed.given
            for each in changed.rewrapped:
                self._organisation.watch.deliver(each.grant, each.package)
            self._organisation.emergencies.refresh(person)
        opened = self._vault.giver.opened(name, given.commitment)
        assert opened is not None
        return Offer(name, opened, given.commitment)

    def give(
        self, person: str, terms: Terms, grant: str | None = None, ask: str | None = None
    ) -> Given:
        """Give or change a grant for a person in custody, and hand its keys over.

        Refuses as `prepare` and the chain do, and `consents.to_itself`: nobody who acts for another
        opens that person's records to themselves.
        """
        if terms.grantee == self._organisation.id:
            raise TO_ITSELF()
        offer = self.prepare(person, terms, grant, ask)
        kind = consent.Grant if grant is None else consent.Change
        message = kind(
            grant=offer.grant, terms=offer.commitment, starts=terms.starts, ends=terms.ends
        )
        outcome = self._organisation.write(message, on_behalf_of=person)
        return self.deliver(offer.grant)._replace(outcome=outcome)

    def deliver(self, grant: str) -> Given:
        """Wrap a grant's keys and hand them to the grantee, once the chain holds its terms.

        Again is fine: for a package that was lost. Refuses `organisation.grant_unknown`,
        `consents.not_on_chain` where the chain has not exactly these terms of this person, and
        `consents.grant_over`.
        """
        patient = self.patient(grant)
        found = GRANTS.get(self._organisation.engine.state(), grant)
        commitment, terms = self._vault.given_to(patient)[grant]
        if found is None or (found.person, found.terms) != (patient, commitment):
            raise NOT_ON_CHAIN()
        if self._status(found) in ("ended", "revoked"):
            raise GRANT_OVER()
        package = self._organisation.watch.repackage(grant)
        if package is None:
            raise NOT_ON_CHAIN()
        taken = self._hand_over(terms.grantee, grant, package)
        return Given(grant, found.version, found.ends, None if taken else package)

    def _hand_over(self, grantee: str, grant: str, package: bytes) -> bool:
        """Bring a package to the grantee now, or have it brought; tells whether they have it."""
        try:
            self._organisation.counterpart(grantee).accept(grant, package)
        except Refusal as refusal:
            if refusal.code not in ELSEWHERE:
                raise
            return self._organisation.watch.deliver(grant, package)
        return True

    def patient(self, grant: str) -> str:
        """Name whose grant it is; refuses `organisation.grant_unknown`."""
        found = self._vault.giver.patient(grant)
        if found is None:
            raise GRANT_UNKNOWN()
        return found

    def _require_standing(self, person: str, grant: str) -> None:
        found = GRANTS.get(self._organisation.engine.state(), grant)
        if found is None or found.person != person or self._vault.giver.patient(grant) != person:
            raise GRANT_UNKNOWN()
        if self._status(found) in ("ended", "revoked"):
            raise GRANT_OVER()

    # -- reading -------------------------------------------------------------------------------

    def of_person(self, person: str) -> list[Listed]:
        """List a person's grants that are on the chain, the newest first."""
        state = self._organisation.engine.state()
        found = []
        for grant in self._vault.given_to(person):
            on_chain = GRANTS.get(state, grant)
            if on_chain is None or on_chain.person != person:
                continue
            opened = self._vault.giver.opened(grant, on_chain.terms)
            found.append(Listed(grant, self._status(on_chain), on_chain, opened))
        return sorted(found, key=lambda each: (-each.on_chain.since, each.grant))

    def _status(self, grant: OnChain) -> Status:
        now = self._organisation.engine.now()
        if grant.revoked is not None:
            return "revoked"
        if now >= grant.ends:
            return "ended"
        return "standing" if now >= grant.starts else "waiting"

    def require_role(self, reader: str, role: str | None) -> None:
        """Refuse `consents.role_not_held` for a role that a reader here neither is nor works as.

        A practitioner's roles are the professions of licences in force and the one that the staff
        directory gives; programs and organisations have none.
        """
        if role is None:
            return
        engine = self._organisation.engine
        if role in professions(engine.state(), reader, engine.now()):
            return
        staff = {each.practitioner: each.role for each in self._vault.desk.all_staff()}
        if staff.get(reader) != role:
            raise ROLE_NOT_HELD()

    def require_staff(self, name: str | None) -> None:
        """Refuse `consents.not_staff_here` for one who is no standing practitioner here."""
        if name is None:
            return
        found = standing(self._organisation.engine.state(), name)
        if found is None or found.kind != "practitioner":
            raise NOT_STAFF_HERE(id=name)
        if home(name, found) != self._organisation.id:
            raise NOT_STAFF_HERE(id=name)


def require_read(state_of: OnChain | None, now: int, answers: Sequence[Released]) -> None:
    """Refuse `consents.not_permitted` where a session as a whole gave nothing, with the reasons.

    What concerns single records alone is told record by record instead.
    """
    refused: list[NotReleased] = [each for answer in answers for each in answer.refused]
    if any(answer.records for answer in answers):
        return
    reasons = sorted({reason for each in refused for reason in each.reasons} - {"record_not_open"})
    if not refused and (state_of is None or not state_of.valid(now)):
        reasons = ["grant_not_active"]
    if reasons:
        raise NOT_PERMITTED(reasons=",".join(reasons))


def checked_terms(**fields: object) -> Terms:
    """Make terms; refuses `malformed` where they contradict themselves."""
    try:
        return Terms(**fields)  # type: ignore[arg-type]
    except ValueError:
        raise MALFORMED() from None
