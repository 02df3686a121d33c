"""The chain as an organisation follows it: what others signed, it carries out in its own vault.

Whoever takes a grant back (the person's own key, a custodian, a program), the holder renews the
person's keys, wraps the new ones for the grants that stay, and delivers them: once, and also after
a restart, for the place in the chain is durable. Nothing is deposited before the chain was followed
up to its newest block, so no record goes under a key that somebody lost the right to.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from yilian.gateway.members.formats import PackageSent
from yilian.gateway.members.there import ACCEPT
from yilian.gateway.practice.notices import tell
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.vault.envelope import address
from yilian.vault.notice import Parameters

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

NOTE_EVERY = 256
"""Heights without anything of ours after which the place is written down all the same."""

_TIMERS = -1
_MILLI = 1_000_000
log = logging.getLogger("yilian.gateway")


class Happened(NamedTuple):
    """An event about a person of this organisation; `cause` is the digest of its place."""

    cause: str
    time: int
    event: dict[str, Any]


class Watch:
    """Follows the chain for one organisation. Safe for threads; one at a time goes on."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._rotation = organisation.vault.rotation
        self._lock = threading.RLock()
        self._height = self._noted = self._rotation.place()

    def catch_up(self) -> int:
        """Deal with all blocks up to the newest; gives how many events were ours."""
        with self._lock:
            count = 0
            for height in range(self._height + 1, self._organisation.engine.height + 1):
                found = list(self._ours(height))
                for each in found:
                    self._deal_with(each)
                count += len(found)
                self._height = height
                if found or height - self._noted >= NOTE_EVERY:
                    self._rotation.move(height)
                    self._noted = height
            return count

    def standing(self, person: str) -> list[str]:
        """List a person's grants that stand on the chain, on the terms that are current here.

        One whose change waits for a signature is not among them: its new terms are not agreed.
        """
        state, now = self._organisation.engine.state(), self._organisation.engine.now()
        found = []
        for grant, (commitment, _) in self._organisation.vault.given_to(person).items():
            stands = GRANTS.get(state, grant)
            if stands is not None and stands.valid(now) and stands.terms == commitment:
                found.append(grant)
        return found

    def extend(self, person: str) -> None:
        """Wrap a person's new keys for the grants that stand, and deliver them."""
        giver = self._organisation.vault.giver
        for each in giver.rewrap(person, self.standing(person)):
            self.deliver(each.grant, each.package)

    def deliver(self, grant: str, package: bytes) -> bool:
        """Hand a package to the grantee, or have it brought there; tells whether they have it."""
        name = self._organisation.vault.giver.grantee(grant)
        if name is None:
            return False
        grantee = self._organisation.hosted(name)
        if grantee is not None:
            grantee.accept(grant, package)
            return True
        if self._organisation.peers is not None:
            sent = PackageSent(grant=grant, package=package)
            self._organisation.courier.send(name, ACCEPT, address(package), sent)
        return False

    def redeliver(self, grant: str) -> bytes | None:
        """Package everything that a grant opens, anew, and deliver it; gives as `repackage`."""
        package = self.repackage(grant)
        if package is not None:
            self.deliver(grant, package)
        return package

    def repackage(self, grant: str) -> bytes | None:
        """Package everything that a grant opens, anew.

        Gives the package; None where the chain does not hold exactly the terms current here.
        """
        vault, state = self._organisation.vault, self._organisation.engine.state()
        stands = GRANTS.get(state, grant)
        if stands is None or stands.revoked is not None or vault.giver.patient(grant) is None:
            return None
        commitment, terms = vault.given_to(stands.person).get(grant, (None, None))
        if terms is None or commitment != stands.terms:
            return None
        if self._organisation.engine.now() >= stands.ends:
            return None
        recipient = self._organisation.key_service(terms.grantee)
        return vault.grant(terms, grant, stands.person, recipient).package

    # Events

    def _ours(self, height: int) -> Iterator[Happened]:
        store = self._organisation.engine.store
        outcomes = store.outcomes(height)
        if outcomes is None:
            return
        texts = [(_TIMERS, outcomes.timer_events)]
        texts += [(at, each.events) for at, each in enumerate(outcomes.results)]
        for at, text in texts:
            if b'"consent.' not in text and b'"identity.RecoveryProposed"' not in text:
                continue
            for number, event in enumerate(json.loads(text)):
                if event["type"] in _DEALT and self._at_home(event["person"]):
                    place = f"yilian/event/1\0{height}.{at}.{number}".encode()
                    cause = codec.to_text(hashlib.sha256(place).digest())
                    decided = store.decided(height)
                    assert decided is not None
                    yield Happened(cause, decided.time // _MILLI, event)

    def _at_home(self, person: str) -> bool:
        found = SUBJECTS.get(self._organisation.engine.state(), person)
        return found is not None and found.organisation == self._organisation.id

    def _deal_with(self, happened: Happened) -> None:
        try:
            _DEALT[happened.event["type"]](self, happened)
        except Refusal as refusal:
            # One damaged row must not hold up everybody else's rights; `integrity` names it.
            kind = happened.event["type"]
            log.error("%s %s: not carried out: %s", kind, happened.cause, refusal.code.name)
        self._organisation.replicas.touched(happened.event["person"])

    def _granted(self, happened: Happened) -> None:
        self._hand_over(happened, "grant_given")

    def _changed(self, happened: Happened) -> None:
        self._hand_over(happened, "grant_changed")

    def _hand_over(self, happened: Happened, kind: str) -> None:
        event, vault = happened.event, self._organisation.vault
        grant = event["grant"]
        name = vault.giver.grantee(grant)
        if name is None or vault.giver.patient(grant) != event["person"]:
            # Its terms were never shown here: it opens nothing.
            return
        grantee = self._organisation.hosted(name)
        stands = GRANTS.require(self._organisation.engine.state(), grant)
        # Whether a grantee elsewhere has it already is not known here; twice does no harm.
        lacking = (
            self._organisation.reaches(name)
            if grantee is None
            else (not grantee.vault.holds_grant(grant, stands.terms))
        )
        if lacking:
            self.redeliver(grant)
        if vault.replicas.given.is_allowance(grant):
            kind = "replica_allowed"
        self._tell(happened, kind, {"ends": event["ends"], "grant": grant, "organisation": name})

    def _revoked(self, happened: Happened) -> None:
        event, organisation = happened.event, self._organisation
        person, grant = event["person"], event["grant"]
        if self._rotation.renew(person, happened.cause):
            self.extend(person)
        else:
            for each in self.standing(person):
                self.redeliver(each)
        organisation.emergencies.refresh(person)
        name = organisation.vault.giver.grantee(grant)
        if name is not None:
            allowance = organisation.vault.replicas.given.is_allowance(grant)
            kind = "replica_ended" if allowance else "grant_revoked"
            self._tell(happened, kind, {"grant": grant, "organisation": name})

    def _custodian_named(self, happened: Happened) -> None:
        event = happened.event
        parameters = {"custodian": event["custodian"], "ends": event["ends"]}
        self._tell(happened, "custodian_named", parameters)

    def _custodian_switched(self, happened: Happened) -> None:
        parameters = {"custodian": happened.event["custodian"], "time": happened.time}
        self._tell(happened, "custodian_switched", parameters)

    def _recovery_proposed(self, happened: Happened) -> None:
        event = happened.event
        parameters = {"ends": event["due"], "recovery": event["recovery"]}
        self._tell(happened, "recovery_started", parameters)

    def _tell(self, happened: Happened, kind: str, parameters: Parameters) -> None:
        person = happened.event["person"]
        tell(self._organisation, person, kind, parameters, cause=happened.cause)


_DEALT = {
    "consent.Changed": Watch._changed,
    "consent.CustodianNamed": Watch._custodian_named,
    "consent.CustodianSwitched": Watch._custodian_switched,
    "consent.Granted": Watch._granted,
    "consent.Revoked": Watch._revoked,
    "identity.RecoveryProposed": Watch._recovery_proposed,
}
