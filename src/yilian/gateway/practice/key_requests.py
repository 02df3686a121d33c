"""A new key for a person who lost theirs: asked for here, approved by guardians, then proposed.

Guardians are known to the chain by salted commitments alone. Each asks with their own commitment
whether somebody waits for them, and approves with the key and salt behind it. When as many have
approved as the person once said, the organisation's program puts the approvals on the chain, where
the waiting time begins and the old key can still cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from yilian.gateway.organisation import Organisation
from yilian.ledger import codec, keys
from yilian.ledger.errors import Refusal, code
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.errors import (
    BAD_PROOF,
    KEY_TAKEN,
    NO_GUARDIANS,
    RECOVERY_RUNNING,
)
from yilian.ledger.modules.identity.messages import Approval, ProposeRecovery
from yilian.ledger.modules.identity.rules import (
    guardian_commitment,
    key_proof,
    recovery_approval,
)
from yilian.ledger.modules.identity.state import GUARDIANS, KEYS, RECOVERIES, RUNNING, Recovery
from yilian.vault.envelope import new_id
from yilian.vault.key_requests import KEY_REQUEST_UNKNOWN, KeyRequest

NOT_A_GUARDIAN = code(9854, "key_requests.not_a_guardian", 403)

DAY_MS = 86_400_000
LASTS_MS = 30 * DAY_MS
"""How long a request waits for guardians: 30 days."""


class Counted(NamedTuple):
    """A request, how many guardians have approved, and how many must."""

    request: KeyRequest
    approved: int
    threshold: int


class Standing(NamedTuple):
    """How a person stands: their guardians on the chain, what waits here, and what waits there.

    `guardians` and `threshold` are 0 where none are named; `running` is the recovery that waits.
    """

    guardians: int
    threshold: int
    request: Counted | None
    running: tuple[str, Recovery] | None


State = Literal["waiting", "proposed"]


class Approved(NamedTuple):
    """A guardian's approval is kept; `proposed`: it was the last that was missing."""

    approved: int
    threshold: int
    state: State


class KeyRequests:
    """The requests for new keys at one organisation. Holds nothing itself."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._engine = organisation.engine
        self._kept = organisation.vault.key_requests

    # -- the person ----------------------------------------------------------------------------

    def ask(self, person: str, key: PublicKey, proof: str) -> Standing:
        """Ask for a new key, in the place of what was asked before; the same key changes nothing.

        Refuses `identity.no_guardians`, `identity.recovery_running`, `identity.key_taken`,
        `identity.bad_proof_of_possession`, and a key that the chain does not admit.
        """
        state = self._engine.state()
        if GUARDIANS.get(state, person) is None:
            raise NO_GUARDIANS(id=person)
        running = RUNNING.get(state, person)
        if running is not None:
            raise RECOVERY_RUNNING(id=running.subject)
        keys.Suites(self._engine.genesis.profile).admit(key)
        if not keys.verify(key, key_proof(person, key), codec.to_bytes(proof)):
            raise BAD_PROOF()
        if KEYS.has(state, keys.key_id(key)):
            raise KEY_TAKEN(key=keys.key_id(key))
        waiting = self._waiting(person)
        if waiting is None or waiting.key != key:
            now = self._engine.now()
            self._kept.put(
                KeyRequest(recovery=new_id(), person=person, key=key, proof=proof, asked=now)
            )
        return self.standing(person)

    def withdraw(self, person: str) -> None:
        """Take a request back before enough guardians have approved; again is fine."""
        self._kept.forget(person)

    def standing(self, person: str) -> Standing:
        """Say how a person stands."""
        state = self._engine.state()
        named = GUARDIANS.get(state, person)
        mark = RUNNING.get(state, person)
        request = self._waiting(person)
        return Standing(
            guardians=0 if named is None else len(named.guardians),
            threshold=0 if named is None else named.threshold,
            request=None if request is None else self._counted(request),
            running=None
            if mark is None
            else (mark.subject, RECOVERIES.require(state, mark.subject)),
        )

    # -- the guardians -------------------------------------------------------------------------

    def for_guardian(self, commitments: Sequence[str]) -> list[tuple[str, Counted]]:
        """List the requests that wait for one of these guardians, each with whose it is."""
        found = []
        for each in self._kept.all():
            waiting = self._waiting(each.person)
            named = self._named(each.person)
            if waiting is not None and waiting.recovery == each.recovery:
                mine = [name for name in commitments if name in named]
                found += [(name, self._counted(each)) for name in mine]
        return found

    def approve(self, recovery: str, approval: Approval) -> Approved:
        """Take a guardian's approval; with the last one missing, put all on the chain.

        Refuses `key_request_unknown`, `key_requests.not_a_guardian` for one whom the person did not
        name and for a signature of something else, and as the chain does.
        """
        found = self._kept.get(recovery)
        if self._waiting(found.person) is None:
            raise KEY_REQUEST_UNKNOWN()
        self._require_guardian(found, approval)
        counted = self._counted(self._kept.approve(recovery, approval))
        if counted.approved < counted.threshold:
            return Approved(counted.approved, counted.threshold, "waiting")
        self._propose(counted.request)
        return Approved(counted.approved, counted.threshold, "proposed")

    def _require_guardian(self, found: KeyRequest, approval: Approval) -> None:
        keys.Suites(self._engine.genesis.profile).admit(approval.key)
        text = recovery_approval(found.recovery, found.person, found.key)
        named = guardian_commitment(approval.key, approval.salt) in self._named(found.person)
        if not named or not keys.verify(approval.key, text, codec.to_bytes(approval.signature)):
            raise NOT_A_GUARDIAN()

    def _propose(self, request: KeyRequest) -> None:
        message = ProposeRecovery(
            recovery=request.recovery,
            person=request.person,
            key=request.key,
            proof=request.proof,
            approvals=list(self._standing(request)),
        )
        try:
            self._organisation.write(message)
        except Refusal as refusal:
            # Two guardians may be the last at the same moment: the chain has it already.
            if refusal.code != RECOVERY_RUNNING or not self._on_chain(request):
                raise
        self._kept.forget(request.person)

    def _on_chain(self, request: KeyRequest) -> bool:
        return RECOVERIES.has(self._engine.state(), request.recovery)

    def _counted(self, request: KeyRequest) -> Counted:
        named = GUARDIANS.get(self._engine.state(), request.person)
        threshold = 0 if named is None else named.threshold
        return Counted(request, len(self._standing(request)), threshold)

    def _standing(self, request: KeyRequest) -> list[Approval]:
        """Keep the approvals of those who are guardians still: the person may have named others."""
        named = self._named(request.person)
        return [
            each for each in request.approvals if guardian_commitment(each.key, each.salt) in named
        ]

    def _named(self, person: str) -> tuple[str, ...]:
        named = GUARDIANS.get(self._engine.state(), person)
        return () if named is None else named.guardians

    def _waiting(self, person: str) -> KeyRequest | None:
        """Give a person's request unless its time is over or the chain has it."""
        found = self._kept.of(person)
        if found is None or self._engine.now() >= found.asked + LASTS_MS:
            return None
        return None if self._on_chain(found) else found
