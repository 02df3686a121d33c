"""A refused question between two nodes: told durably, and believed from its holder alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.members.world import SYSTEM, House, World, until
from yilian.gateway.practice.asks import Asking
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent import messages as consent
from yilian.sdk import drafts
from yilian.vault.asks import AskTerms, ByNumber

pytestmark = pytest.mark.slow


def asked(world: World, a: House, b: House) -> tuple[str, str, str]:
    """A question of a doctor at B to a person at A; gives question, person and doctor."""
    person = a.person()
    doctor, signer = b.doctor()
    terms = AskTerms(
        ask=drafts.fresh_id(),
        asker=doctor,
        organisation=b.id,
        holder=a.id,
        whom=ByNumber(system=SYSTEM, number="N-1"),
        categories=("allergy",),
        purposes=("treat",),
        reason="referral",
        days=30,
        ends=world.engine.now() + 86_400_000,
    )
    asking = Asking(b.organisation)
    kept = asking.prepare(terms)
    message = consent.Ask(ask=terms.ask, terms=kept.commitment, ends=terms.ends)
    world.send(signer, doctor, message, payer=b.id)
    # Where the holder is slow to answer, the courier brings it.
    asking.deliver(terms.ask, doctor)
    until(lambda: a.organisation.vault.asks.of_person(person), 30)
    return terms.ask, person, doctor


def status(house: House, doctor: str) -> list[tuple[str, int | None]]:
    found = Asking(house.organisation).of_asker(doctor)
    return [(each.status, each.kept.refused) for each in found]


def test_the_asker_is_told_when_its_node_is_back(world: World) -> None:
    a, b = world.members
    question, person, doctor = asked(world, a, b)
    port = b.listener.port
    b.listener.close()
    time = Asking(a.organisation).refuse(question, person, "nobody's business")
    assert status(b, doctor) == [("waiting", None)]
    b.listen(port=port)
    until(lambda: status(b, doctor) == [("refused", time)], 60)
    until(lambda: b.organisation.vault.outbox.inbox(doctor), 60)
    (told,) = b.organisation.vault.outbox.inbox(doctor)
    assert (told.kind, told.parameters["organisation"]) == ("ask_refused", a.id)
    assert Asking(a.organisation).refuse(question, person, "") == time


def test_word_of_a_refusal_is_taken_from_the_holder_alone(world: World) -> None:
    a, b = world.members
    question, person, doctor = asked(world, a, b)
    world.authority.publish()
    stranger = world.authority.organisation

    def good(**more: Any) -> dict[str, Any]:
        return {"ask": question, "organisation": a.id, "time": 5, **more}

    other, _ = b.doctor()
    for teller, reader, told in (
        (stranger, doctor, good(organisation=stranger.id)),
        (stranger, doctor, good()),
        (a.organisation, other, good()),
        (a.organisation, doctor, good(ask=person)),
        (a.organisation, doctor, good(time="5")),
    ):
        with pytest.raises(Refusal) as refused:
            teller.counterpart(b.id).tell(reader, "ask_refused", told, question)
        assert refused.value.code.name == "members.not_about_caller"
    assert status(b, doctor) == [("waiting", None)]
