"""The emergency parts of one organisation's vault, made together from what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from yilian.vault.catalogue import Catalogue
from yilian.vault.emergency import Emergency
from yilian.vault.emergency_keys import EmergencyKeys
from yilian.vault.emergency_register import Register
from yilian.vault.emergency_requester import Requester
from yilian.vault.envelope import JournalLine
from yilian.vault.escrow import Escrow
from yilian.vault.keystore import Keystore
from yilian.vault.outage import OutageLog
from yilian.vault.own_copies import OwnCopies
from yilian.vault.records import Records
from yilian.vault.recovery import Recovery


class EmergencyParts(NamedTuple):
    """Everything that opens records without a grant, and the recovery of reading."""

    keys: EmergencyKeys
    holder: Emergency
    requester: Requester
    escrow: Escrow
    outage: OutageLog
    register: Register
    recovery: Recovery
    copies: OwnCopies


def emergency_parts(
    organisation: str,
    keystore: Keystore,
    catalogue: Catalogue,
    records: Records,
    journal: Callable[[Sequence[JournalLine]], None],
    clock: Callable[[], int],
) -> EmergencyParts:
    """Make the parts; `journal` writes lines durably, `clock` gives milliseconds of UTC."""
    keys = EmergencyKeys(organisation, keystore, catalogue, clock)
    holder = Emergency(organisation, keys, catalogue, records, journal, clock)
    return EmergencyParts(
        keys=keys,
        holder=holder,
        requester=Requester(organisation, keystore, catalogue),
        escrow=Escrow(organisation, keystore, catalogue, journal, clock),
        outage=OutageLog(organisation, keystore, catalogue, holder, clock),
        register=Register(keystore, catalogue),
        recovery=Recovery(keystore, catalogue, clock),
        copies=OwnCopies(catalogue, records, journal, clock),
    )
