"""The desk at work: what a crash between desk and chain left is mended by doing it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rows.served import FOUNDERS
from yilian.bootstrap import Node, make_node
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.care import Care
from yilian.gateway.practice.desks import Desks, new_entry
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.state import LINKS
from yilian.node.config import NodeFolder
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.desk_formats import Staff

SYSTEM, NUMBER = "urn:oid:2.16.840.1.113883.2.23.1.19.1", "110101195802281234"


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Organisation]:
    make_node(tmp_path / "node", "yilian", FOUNDERS, port=0)
    with Node(NodeFolder(tmp_path / "node")) as node:
        yield next(iter(node.organisations.values()))


def doctor(hospital: Organisation) -> str:
    name = drafts.fresh_id()
    key = Ed25519Signer.generate().key
    hospital.write(identity.EnrolPractitioner(practitioner=name, tag=drafts.fresh_salt(), key=key))
    hospital.desks.put_staff(Staff(practitioner=name, name="李静", role="physician"), "zh-CN")
    return name


def refusal(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.code.name


def test_a_number_that_a_crash_kept_off_the_list_is_put_there_by_the_next_try(
    hospital: Organisation,
) -> None:
    desk, entry = hospital.vault.desk, new_entry("王秀英", "zh-CN")
    desk.put_person(entry)
    tag = hospital.tag(SYSTEM, NUMBER)
    hospital.write(identity.EnrolPerson(person=entry.person, tag=tag))
    treats = doctor(hospital)
    Care(hospital).open_encounter(entry.person, [treats])
    look_up = hospital.desks.look_up_number
    assert refusal(look_up, SYSTEM, NUMBER, treats, treats, None) == "desk_not_found"
    again = new_entry("王秀英", "zh-CN")
    assert refusal(hospital.desks.enrol, SYSTEM, NUMBER, again) == "identity.already_enrolled"
    assert desk.find(again.person) is None
    assert look_up(SYSTEM, NUMBER, treats, treats, None) == entry.person


def test_a_link_that_a_crash_kept_from_the_chain_goes_there_by_the_next_try(
    hospital: Organisation,
) -> None:
    desks = hospital.desks
    kept = desks.enrol(SYSTEM, NUMBER, new_entry("王秀英", "zh-CN")).person
    other, witness = desks.provisional("A1", "zh-CN").person, doctor(hospital)
    lost = hospital.vault.desk.links.link(kept, other, "card", witness)
    made = desks.link(kept, other, "card", witness)
    assert made.link == lost
    assert LINKS.require(hospital.engine.state(), lost.terms.link).terms == lost.commitment
    assert refusal(desks.link, kept, other, "card", witness) == "desk_link_stands"

    hospital.vault.desk.links.unlink(lost.terms.link, witness)
    ended = desks.end_link(lost.terms.link, witness)
    found = LINKS.require(hospital.engine.state(), lost.terms.link)
    assert found.ended == ended.outcome.height
    assert refusal(desks.end_link, lost.terms.link, witness) == "desk_link_ended"
    again = desks.link(kept, other, "card", witness)
    assert again.link.terms.link != lost.terms.link


def test_a_staff_entry_keeps_the_contacts_that_are_there(hospital: Organisation) -> None:
    name = doctor(hospital)
    known = hospital.vault.desk.person(name)
    hospital.desks.set_contacts(name, known.contacts.__class__(email="li@example.cn"), "en")
    hospital.desks.put_staff(Staff(practitioner=name, name="李静", role="surgeon"), "en")
    kept = hospital.vault.desk.person(name)
    assert (kept.contacts.email, kept.language) == ("li@example.cn", "en")
    assert [each.role for each in hospital.vault.desk.all_staff()] == ["surgeon"]
    assert isinstance(hospital.desks, Desks)
    assert (
        refusal(
            hospital.desks.put_staff,
            Staff(practitioner=drafts.fresh_id(), name="X", role="nurse"),
            "en",
        )
        == "desk_staff_unknown"
    )
