"""A prepared grant given for a person in custody who agreed before witnesses, and only so.

The terms are prepared, read aloud, and agreed to before two members of staff; the evidence names
the commitment of exactly these terms. Only then does the organisation's program sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.organisation import GRANT_UNKNOWN
from yilian.gateway.practice.consents import TO_ITSELF, Consents, Given
from yilian.ledger.errors import code
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.records.state import ANCHORS

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

NOT_WITNESSED = code(9432, "consents.not_witnessed", 409)


class Attested(NamedTuple):
    """A grant with the evidence of its consent; without an outcome it stood already."""

    given: Given
    evidence: str
    height: int


def give_witnessed(organisation: Organisation, person: str, grant: str) -> Attested:
    """Sign a prepared grant for a person in custody, and hand its keys over; again is fine.

    Refuses `organisation.grant_unknown` for another person's too, `consents.to_itself`,
    `consents.not_witnessed` without evidence of exactly these terms on the chain, and as the chain
    does.
    """
    consents = Consents(organisation)
    if consents.patient(grant) != person:
        raise GRANT_UNKNOWN()
    commitment, terms = organisation.vault.given_to(person)[grant]
    if terms.grantee == organisation.id:
        raise TO_ITSELF()
    evidence = _evidence(organisation, person, commitment)
    state = organisation.engine.state()
    found = GRANTS.get(state, grant)
    if found is not None and found.terms == commitment:
        return Attested(consents.deliver(grant), evidence, found.since)
    message = consent.Grant(grant=grant, terms=commitment, starts=terms.starts, ends=terms.ends)
    outcome = organisation.write(message, on_behalf_of=person)
    given = consents.deliver(grant)._replace(outcome=outcome)
    return Attested(given, evidence, outcome.height)


def _evidence(organisation: Organisation, person: str, commitment: str) -> str:
    """Name the evidence that the person agreed to these terms, as the chain has it."""
    state = organisation.engine.state()
    for each in organisation.vault.desk.witnessing.of(person):
        anchor = ANCHORS.get(state, each.evidence.evidence)
        if (
            each.evidence.terms == commitment
            and anchor is not None
            and anchor.commitment == each.commitment
        ):
            return each.evidence.evidence
    raise NOT_WITNESSED()
