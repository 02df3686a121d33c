"""Questions for access: asked here, brought to the holder, shown to the person who is asked.

The asker learns nothing by asking: whether the holder knows the person or not, the answer is the
same, and so is the chain's. A person who does not answer tells nothing; one who refuses lets the
asker know that, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from yilian.gateway.members.errors import ELSEWHERE, NOT_ABOUT_YOU
from yilian.gateway.members.formats import AskSent
from yilian.gateway.members.there import ASK, TELL, notice
from yilian.gateway.practice.notices import tell
from yilian.ledger.errors import Refusal, code
from yilian.ledger.modules.consent.errors import ASK_ENDED
from yilian.ledger.modules.consent.state import ASKS, GRANTS
from yilian.vault.asks import AskTerms, ByCard, ByNumber, Kept
from yilian.vault.notice import Parameters

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

ASK_NOT_ON_CHAIN = code(9419, "consents.ask_not_on_chain", 409)
ASK_ANSWERED = code(9428, "consents.ask_answered", 409)

Status = Literal["waiting", "answered", "refused", "withdrawn", "ended"]
MOST_SHOWN = 100


class Asked(NamedTuple):
    """A question as it stands; `answer` is the grant that the chain has for it."""

    kept: Kept
    status: Status
    answer: str | None


class Asking:
    """The questions of one organisation. Holds nothing itself."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._asks = organisation.vault.asks

    def prepare(self, terms: AskTerms) -> Kept:
        """Keep a question, to be put on the chain by the asker's own key; refuses `malformed`."""
        return self._asks.ask(terms)

    def deliver(self, ask: str, asker: str) -> bool:
        """Bring a question to the holder once the chain has it; tells whether the holder has it.

        To a holder that cannot be reached now it is brought later.
        The holder keeps it if it finds the person, and says nothing of that. Refuses `ask_unknown`,
        `consents.ask_not_on_chain`, `consent.ask_ended`.
        """
        kept = self._asks.asked(ask, asker)
        engine = self._organisation.engine
        found = ASKS.get(engine.state(), ask)
        if found is None or (found.asker, found.terms) != (asker, kept.commitment):
            raise ASK_NOT_ON_CHAIN()
        if not found.open_at(engine.now()):
            raise ASK_ENDED(id=ask)
        try:
            self._organisation.counterpart(kept.terms.holder).ask(kept)
        except Refusal as refusal:
            if refusal.code not in ELSEWHERE:
                raise
            if self._organisation.peers is not None:
                sent = AskSent(terms=kept.terms, salt=kept.salt)
                self._organisation.courier.send(kept.terms.holder, ASK, ask, sent)
            return False
        return True

    def receive(self, kept: Kept, committed: str) -> None:
        """Keep a question for the person it names, if there is one here, and tell them."""
        person = self._find(kept.terms)
        if person is None:
            return
        terms = kept.terms
        self._asks.receive(kept, committed, person)
        parameters: Parameters = {
            "ask": terms.ask,
            "ends": terms.ends,
            "organisation": terms.organisation,
        }
        tell(self._organisation, person, "ask_received", parameters, cause=terms.ask)

    def _find(self, terms: AskTerms) -> str | None:
        whom: ByNumber | ByCard = terms.whom
        try:
            if isinstance(whom, ByCard):
                return self._organisation.vault.desk.look_up_card(whom.card, terms.asker)
            return self._organisation.emergencies.find(whom.system, whom.number)
        except Refusal:
            # No such card, no possible number, too many tries: one answer to the asker.
            return None

    # -- refusing ------------------------------------------------------------------------------

    def refuse(self, ask: str, person: str, words: str) -> int:
        """Refuse a question for a person, and have who asked told; gives when (ms).

        `words` stay here. Again changes nothing, and tells who asked again where that was lost.
        Refuses `ask_unknown`, `consents.ask_answered` once a grant answers it, `consent.ask_ended`.
        """
        kept = self._asks.received(ask, person)
        if kept.refused is None:
            stands = self._stands(kept)
            if stands.status == "answered":
                raise ASK_ANSWERED()
            if stands.status != "waiting":
                raise ASK_ENDED(id=ask)
        time = self._asks.refuse(ask, person, words, self._organisation.engine.now())
        self._tell_asker(kept.terms, time)
        return time

    def _tell_asker(self, terms: AskTerms, time: int) -> None:
        organisation, other = self._organisation, terms.organisation
        told: Parameters = {"ask": terms.ask, "organisation": organisation.id, "time": time}
        if organisation.hosted(other) is not None:
            organisation.counterpart(other).tell(terms.asker, "ask_refused", told, terms.ask)
        elif organisation.peers is not None:
            sent = notice(terms.asker, "ask_refused", told, terms.ask)
            organisation.courier.send(other, TELL, f"ask_refused {terms.ask}", sent)

    def hear_refusal(self, holder: str, asker: str, told: Parameters) -> None:
        """Note that a question of somebody here was refused, by word of the holder it went to.

        Refuses `members.not_about_caller` for a question that did not go there, or is another's.
        """
        ask, time = str(told.get("ask", "")), told.get("time")
        try:
            kept = self._asks.asked(ask, asker)
        except Refusal:
            raise NOT_ABOUT_YOU() from None
        if kept.terms.holder != holder or not isinstance(time, int):
            raise NOT_ABOUT_YOU()
        self._asks.hear_refusal(ask, asker, time)

    # -- reading -------------------------------------------------------------------------------

    def of_person(self, person: str) -> list[Asked]:
        """List the questions that a person was asked, the one that ends last first."""
        return _last_first(self._stands(each) for each in self._asks.of_person(person))

    def of_asker(self, asker: str) -> list[Asked]:
        """List what somebody here asked, at most 100, the one that ends last first.

        What answers it is not known here: a grant names no question.
        """
        return _last_first(self._stands(each) for each in self._asks.of_asker(asker))[:MOST_SHOWN]

    def _stands(self, kept: Kept) -> Asked:
        state, now = self._organisation.engine.state(), self._organisation.engine.now()
        on_chain = ASKS.get(state, kept.terms.ask)
        answer = kept.answer
        if answer is not None and not GRANTS.has(state, answer):
            answer = None
        status: Status = "ended"
        if answer is not None:
            status = "answered"
        elif kept.refused is not None:
            status = "refused"
        elif on_chain is not None and on_chain.withdrawn is not None:
            status = "withdrawn"
        elif on_chain is not None and on_chain.open_at(now):
            status = "waiting"
        return Asked(kept, status, answer)


def _last_first(found: Iterable[Asked]) -> list[Asked]:
    return sorted(found, key=lambda each: (-each.kept.terms.ends, each.kept.terms.ask))
