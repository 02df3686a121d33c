"""What others sign on the chain is carried out in the vault: once, and also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rows.consenting import Actor, doctor, give, keep, person, speak
from tests.rows.served import Served
from yilian.gateway.practice.watch import NOTE_EVERY, Watch
from yilian.vault.vault import Vault


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fresh node, served."""
    with Served(tmp_path / "node") as node:
        yield node


def vault_of(served: Served) -> Vault:
    return served.node.organisations[served.a.id].vault


def generations(served: Served, patient: Actor) -> int:
    return len(vault_of(served).keystore.category_keys(patient.id))


def kinds(served: Served, who: Actor) -> list[str]:
    return sorted(each.kind for each in vault_of(served).outbox.inbox(who.id))


def test_each_event_is_dealt_with_once_also_after_a_restart(served: Served) -> None:
    patient = person(served, served.a)
    keep(served, served.a, patient.id, "laboratory", "one")
    given = give(served, patient, patient.id, categories=["laboratory"])
    assert generations(served, patient) == 1
    with speak(served, patient, served.a) as client:
        client.consent.revoke(grant=given["grant"])
    served.node.organisations[served.a.id].watch.catch_up()
    assert generations(served, patient) == 2
    told = kinds(served, patient)
    assert told == ["grant_given", "grant_revoked"]
    served.stop()
    served.start()
    Watch(served.node.organisations[served.a.id]).catch_up()
    assert kinds(served, patient) == told
    assert generations(served, patient) == 2
    # The place was lost, as where an old backup is restored: nobody is told twice even then.
    vault_of(served).rotation.move(0)
    Watch(served.node.organisations[served.a.id]).catch_up()
    assert kinds(served, patient) == told


def test_what_was_signed_while_the_node_was_away_is_made_up_for(served: Served) -> None:
    patient = person(served, served.a)
    keep(served, served.a, patient.id, "laboratory", "one")
    given = give(served, patient, patient.id, categories=["laboratory"])
    organisation = served.node.organisations[served.a.id]
    organisation.watch.catch_up()
    place = vault_of(served).rotation.place()
    with speak(served, patient, served.a) as client:
        client.consent.revoke(grant=given["grant"])
    served.stop()
    served.start()
    served.node.organisations[served.a.id].watch.catch_up()
    assert vault_of(served).rotation.place() > place
    assert generations(served, patient) == 2
    assert kinds(served, patient) == ["grant_given", "grant_revoked"]


def test_others_persons_and_grants_without_terms_are_left_alone(served: Served) -> None:
    elsewhere, here = person(served, served.b, "1"), person(served, served.a, "2")
    keep(served, served.a, here.id, "laboratory", "one")
    watch = served.node.organisations[served.a.id].watch
    watch.catch_up()
    for who, at in ((elsewhere, served.b), (here, served.a)):
        with speak(served, who, at) as client:
            grant = doctor(served, served.b).id
            now = served.node.engine.now()
            client.consent.grant(grant=grant, terms="A" * 43, starts=now, ends=now + 10**6)
    watch.catch_up()
    assert kinds(served, here) == []
    assert kinds(served, elsewhere) == []


def test_the_place_is_written_down_now_and_then(served: Served) -> None:
    organisation = served.node.organisations[served.a.id]
    watch = Watch(organisation)
    for _ in range(NOTE_EVERY + 1):
        organisation.publish_key_service()
    watch.catch_up()
    assert vault_of(served).rotation.place() >= NOTE_EVERY
