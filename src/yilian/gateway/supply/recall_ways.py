"""Recalls on an organisation's own node and over the members' door (`recalls.Out`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from yilian.gateway.members import problem
from yilian.gateway.members.supply_formats import MadeOfRecalled
from yilian.gateway.members.there import SUPPLY_RECALL, SUPPLY_RECALLED, Operation
from yilian.gateway.practice import notices
from yilian.gateway.supply import recall_answers
from yilian.gateway.supply.recall_answers import DOMAIN, RecallAnswer, SignedAnswer
from yilian.gateway.supply.steps import PARTY
from yilian.gateway.supply.title_errors import EVENT_NOT_ANCHORED
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import sha256
from yilian.ledger.modules.identity.state import SUBJECTS, standing
from yilian.ledger.modules.supply.state import RECALLS
from yilian.vault.notice import Parameters

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation
    from yilian.gateway.supply.anchors import Anchors
    from yilian.gateway.supply.directory import Directory
    from yilian.gateway.supply.patients import Patients

log = logging.getLogger("yilian.gateway")
_GLN = "https://id.gs1.org/417/"


class RecallWays:
    """The ways by which word of recalls leaves an organisation."""

    def __init__(self, organisation: Organisation, directory: Directory, anchors: Anchors) -> None:
        self._organisation = organisation
        self._directory = directory
        self._anchors = anchors
        self.patients: Patients | None = None

    def answer(self, issuer: str, answer: RecallAnswer, proof: bytes | None) -> None:
        """Sign an answer with the agent's key and have it brought."""
        organisation, content = self._organisation, recall_answers.write(answer)
        signed = SignedAnswer(
            content=content,
            key=organisation.agent.key,
            signature=organisation.vault.keystore.sign(organisation.agent.key, DOMAIN + content),
            proof=proof,
        )
        here = organisation.hosted(issuer)
        if here is None:
            mark = f"{answer.recall} {answer.number} {'shown' if proof else 'told'}"
            self._send(issuer, SUPPLY_RECALL, mark, signed)
            return
        self._hand(lambda: here.trade().recalling.progress.take(organisation.id, signed))

    def word(self, receiver: str, recall: str, units: Sequence[str]) -> None:
        """Have a receiver told of packs that were made of recalled ones."""
        organisation = self._organisation
        here = organisation.hosted(receiver)
        if here is None:
            sent = MadeOfRecalled(recall=recall, units=tuple(units))
            mark = f"{recall} {sha256(chr(10).join(units).encode()).hex()}"
            self._send(receiver, SUPPLY_RECALLED, mark, sent)
            return

        def hand() -> None:
            found = here.trade()
            found.recalling.recalls.hear(organisation.id, recall, units)
            found.wake()

        self._hand(hand)

    def _send(self, receiver: str, operation: Operation, mark: str, sent: object) -> None:
        if self._organisation.peers is None:
            log.warning("a recall cannot be told of: there is no way to other members")
            return
        self._organisation.courier.send(receiver, operation, mark, sent)

    def _hand(self, hand: Callable[[], None]) -> None:
        """Hand something over at this node; what is refused for good is given up."""
        try:
            hand()
        except Refusal as refusal:
            if problem.passing(refusal):
                raise
            log.warning("word of a recall is refused: %s", refusal.code.name)

    def people(self, recall: str, issuer: str) -> None:
        """Tell everybody in the staff directory, once."""
        for each in self._organisation.vault.desk.all_staff():
            self._tell(each.practitioner, "product_recalled", issuer, recall)

    def persons(self, recall: str, units: Sequence[str]) -> int:
        """Tell those to whom packs were handed out."""
        return 0 if self.patients is None else self.patients.tell(recall, units)

    def tell_person(self, person: str, recall: str) -> str:
        """Tell somebody who was handed a recalled pack, once; gives the notice."""
        return self._tell(person, "pack_recalled", self._organisation.id, recall)

    def _tell(self, reader: str, kind: str, by: str, recall: str) -> str:
        found = RECALLS.get(self._organisation.engine.state(), recall)
        time = 0 if found is None else found.issued
        parameters: Parameters = {"organisation": by, "recall": recall, "time": time}
        return notices.tell(self._organisation, reader, kind, parameters, cause=recall)

    def proof(self, event_id: str) -> bytes | None:
        """Prove an event, once a post has it."""
        try:
            return self._anchors.proof(event_id)
        except Refusal as refusal:
            if refusal.code is not EVENT_NOT_ANCHORED:
                raise
            return None

    def party(self, name: str) -> str | None:
        """Name the organisation behind an id, its URI, or the URI of a location number."""
        if name.startswith(_GLN):
            return self._directory.organisation_of(name.removeprefix(_GLN))
        named = name.removeprefix(PARTY)
        if not named.isascii() or len(named) != 22:
            return None
        found = standing(self._organisation.engine.state(), named)
        return named if found is not None and found.kind == "organisation" else None

    def told_here(self, teller: str) -> bool:
        """Whether who told of an event is no other organisation: own people, programs, tokens."""
        if teller == self._organisation.id:
            return True
        found = SUBJECTS.get(self._organisation.engine.state(), teller)
        return found is None or found.kind != "organisation"
