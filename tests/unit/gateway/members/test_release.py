"""A reader at B reads records that A keeps, between two nodes."""

from __future__ import annotations

import pytest

from tests.unit.gateway.members.world import World, until
from yilian.gateway.http.organisation.sessions import read_checked
from yilian.ledger.errors import Refusal


def test_a_record_is_read_at_another_node(world: World) -> None:
    a, b = world.members
    person = a.person()
    record = a.keep(person, "penicillin")
    doctor, signer = b.doctor()
    grant = a.grant(person, b)
    a.organisation.watch.catch_up()
    until(lambda: b.organisation.vault.catalogue.received(grant))
    session = b.session(grant, doctor, signer)
    holder = b.organisation.counterpart(a.id)
    answers = holder.release(session)
    found = read_checked(b.organisation, holder, session, answers)
    assert found.contents == {record: b"penicillin"}
    (line,) = a.organisation.vault.journal_about(record)
    assert (line.reader, line.outcome) == (doctor, "permit")


def test_a_stolen_session_tells_nothing_of_the_grant(world: World) -> None:
    a, b = world.members
    person = a.person()
    a.keep(person, "penicillin")
    doctor, signer = b.doctor()
    grant = a.grant(person, b)
    a.organisation.watch.catch_up()
    until(lambda: b.organisation.vault.catalogue.received(grant))
    session = b.session(grant, doctor, signer)
    world.authority.publish()
    with pytest.raises(Refusal) as refused:
        world.authority.organisation.counterpart(a.id).release(session)
    assert refused.value.code.name == "members.not_about_caller"


def test_a_session_of_anothers_reader_is_refused_with_the_holders_own_code(world: World) -> None:
    a, b = world.members
    person = a.person()
    a.keep(person, "penicillin")
    doctor, signer = a.doctor()
    grant = a.grant(person, b)
    a.organisation.watch.catch_up()
    until(lambda: b.organisation.vault.catalogue.received(grant))
    made = b.organisation.prepare_session(grant, doctor, "treat")
    world.send(signer, doctor, b.organisation.open_messages(made), payer=a.id)
    with pytest.raises(Refusal) as refused:
        b.organisation.counterpart(a.id).release(made)
    assert refused.value.code.name == "organisation.caller_differs"
