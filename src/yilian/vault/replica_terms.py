"""Allowing a replica: a grant whose one purpose is `replica`. Pure.

Whoever may grant for a person names a member, categories and an end, and takes it back, as with any
grant; the chain cannot tell it from one. It hands over no key and opens nothing to its grantee, who
keeps what is covered as ciphertext and answers other grantees with it (`replicas.py`).
"""

from __future__ import annotations

from yilian.ledger.errors import code
from yilian.vault.envelope import Terms

REPLICA = "replica"

REPLICA_TERMS = code(9730, "replicas.terms_refused", 400)
"""Terms that name the purpose `replica` name something besides that no replica can keep to."""


def allows_replica(terms: Terms) -> bool:
    """Tell whether terms allow a replica, and so open nothing."""
    return REPLICA in terms.purposes


def check(terms: Terms) -> None:
    """Refuse `replicas.terms_refused` for terms of a replica that say more than whose and until.

    A purpose beside it would need keys; readers, conditions, single records and labels to take out
    are for whoever reads, and nobody reads under these terms.
    """
    if not allows_replica(terms):
        return
    readers = (terms.practitioner, terms.role, terms.records)
    rest = (terms.team, terms.redact, terms.conditions)
    if terms.purposes != (REPLICA,) or any(each is not None for each in readers) or any(rest):
        raise REPLICA_TERMS()


def covers(terms: Terms, category: str, sensitivity: str) -> bool:
    """Tell whether terms of a replica cover a record of a category and sensitivity."""
    if category in terms.denied:
        return False
    return category in terms.categories and sensitivity in terms.sensitivities
