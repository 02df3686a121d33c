"""Whether an organisation treats a patient now: what a grant's condition `encounter` asks for.

The holder sees its own referrals. An encounter elsewhere is shown to it opened: the chain proves
that the reader's organisation has it open, and whom it is with is that organisation's word, as a
place is. The ids of one person at two organisations are nowhere tied together on the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.care.state import ENCOUNTERS, REFERRALS
from yilian.vault.envelope import SALT_BYTES, commitment
from yilian.vault.relations import EncounterTerms, ReferralTerms

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation


class ShownEncounter(NamedTuple):
    """An encounter as the organisation that opened it shows it to another."""

    terms: EncounterTerms
    salt: str


def show(organisation: Organisation, person: str, reader: str) -> ShownEncounter | None:
    """Find an open encounter of one's own person that a reader takes part in, to be shown."""
    for each in organisation.vault.relations.of_patient(person):
        terms = each.terms
        if not isinstance(terms, EncounterTerms):
            continue
        shown = ShownEncounter(terms, organisation.vault.relations.opened(each.relation)[1])
        if _open(organisation, shown, organisation.id, reader):
            return shown
    return None


def treats(
    holder: Organisation, patient: str, caller: str, reader: str, shown: ShownEncounter | None
) -> bool:
    """Tell whether a caller's reader treats the holder's patient now.

    By a referral of the holder's that the caller accepted, or by an open encounter of the caller's.
    """
    if shown is not None and _open(holder, shown, caller, reader):
        return True
    state, now = holder.engine.state(), holder.engine.now()
    for each in holder.vault.relations.of_patient(patient):
        terms = each.terms
        if not isinstance(terms, ReferralTerms) or terms.to != caller:
            continue
        found = REFERRALS.get(state, each.relation)
        stands = found is not None and found.terms == each.commitment and found.accepted_at(now)
        if stands and (not terms.team or reader in terms.team):
            return True
    return False


def _open(node: Organisation, shown: ShownEncounter, organisation: str, reader: str) -> bool:
    terms = shown.terms
    found = ENCOUNTERS.get(node.engine.state(), terms.encounter)
    if found is None or found.organisation != organisation:
        return False
    if not found.open_at(node.engine.now()) or (terms.team and reader not in terms.team):
        return False
    try:
        salt = codec.to_bytes(shown.salt)
    except Refusal:
        return False
    return len(salt) == SALT_BYTES and commitment(salt, codec.encode(terms)) == found.terms
