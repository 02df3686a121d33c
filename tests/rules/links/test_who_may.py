"""Who may make, see and end a link: the person, a custodian with the power, the desk in custody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.consenting import Actor, doctor, path, person, speak
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import (
    Kept,
    Link,
    house,
    keep_three,
    lines_of,
    links_path,
    share,
    shown,
)
from yilian.ledger.modules.consent import messages as consent
from yilian.node.config import HostedOrganisation
from yilian.sdk.errors import ProblemError

LABORATORY = {"categories": ["laboratory"]}


def refused(
    served: Served,
    who: Actor,
    method: str,
    place: str,
    body: Any = None,
    at: HostedOrganisation | None = None,
) -> str:
    with speak(served, who, at or served.a) as client, pytest.raises(ProblemError) as problem:
        client.request(method, place, body)
    return problem.value.code


def everything(served: Served, who: Actor, patient: Actor, link: Link) -> list[str]:
    """Try all four routes; gives the refusals."""
    one = links_path(served, patient.id, f"/{link.id}")
    return [
        refused(served, who, "POST", links_path(served, patient.id), LABORATORY),
        refused(served, who, "GET", links_path(served, patient.id)),
        refused(served, who, "GET", one),
        refused(served, who, "DELETE", one),
    ]


def name_custodian(served: Served, patient: Actor, custodian: Actor, *powers: Any) -> None:
    ends = served.node.engine.now() + 10**8
    with speak(served, patient, served.a) as client:
        naming = consent.NameCustodian(custodian=custodian.id, ends=ends, powers=sorted(powers))
        client.send([naming])


def test_strangers_and_staff_may_nothing(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient)
    other = person(served, served.a, "N-2")
    for who in (other, doctor(served, served.a)):
        assert everything(served, who, patient, link) == ["forbidden"] * 4
    elsewhere = Actor(served.b.id, served.operator(served.b))
    place = links_path(served, patient.id)
    assert refused(served, elsewhere, "POST", place, LABORATORY, served.b) == "forbidden"
    nobody = links_path(served, "A" * 22)
    assert refused(served, patient, "POST", nobody, LABORATORY) == "forbidden"
    # Another's link, asked for as one's own.
    theirs = links_path(served, other.id, f"/{link.id}")
    assert refused(served, other, "GET", theirs) == "links.unknown"
    assert refused(served, other, "DELETE", theirs) == "links.unknown"
    assert shown(served, patient, link)["state"] == "standing"
    assert len(house(served).of(patient.id)) == 1


def test_the_desk_shares_for_who_is_in_its_custody_alone(
    served: Served, patient: Actor, kept: Kept
) -> None:
    desk = Actor(served.a.id, served.operator(served.a))
    place = links_path(served, patient.id)
    assert refused(served, desk, "POST", place, LABORATORY) == "forbidden"
    ward = served.load(served.a)["person"]
    made = share(served, desk, {"categories": ["laboratory"]}, patient=ward)
    record = made.made["health_link"]["records"][0]
    (line,) = [each for each in lines_of(served, record) if each.basis == "patient"]
    assert (line.reader, line.on_behalf_of) == (desk.id, ward)
    assert made.post().status_code == 200


def test_a_custodian_needs_the_power_to_share_and_sees_no_more_than_is_theirs(
    served: Served, patient: Actor, kept: Kept
) -> None:
    parent, link = person(served, served.a, "parent"), share(served, patient)
    name_custodian(served, patient, parent, "read")
    place = links_path(served, patient.id)
    one = links_path(served, patient.id, f"/{link.id}")
    assert refused(served, parent, "POST", place, LABORATORY) == "forbidden"
    assert refused(served, parent, "DELETE", one) == "forbidden"
    with speak(served, parent, served.a) as client:
        assert client.request("GET", one)["state"] == "standing"

    giver = person(served, served.a, "giver")
    name_custodian(served, patient, giver, "grant", "read")
    made = share(served, giver, patient=patient.id)
    assert made.made["health_link"]["records"] == [kept.glucose]
    assert made.made["health_link"]["by"] == giver.id
    (line,) = [each for each in lines_of(served, kept.glucose) if each.reader == giver.id]
    assert (line.basis, line.on_behalf_of) == ("patient", patient.id)
    # What is sensitive opens to nobody but the person, and so it cannot be shared by another.
    for body, code in (
        ({**LABORATORY, "sensitivities": ["hiv"]}, "links.nothing_to_share"),
        ({"records": [kept.hiv]}, "links.record_not_open"),
    ):
        assert refused(served, giver, "POST", place, body) == code
    with speak(served, giver, served.a) as client:
        assert client.request("DELETE", one)["state"] == "revoked"

    blind = person(served, served.a, "blind")
    name_custodian(served, patient, blind, "grant")
    assert refused(served, blind, "POST", place, LABORATORY) == "links.nothing_to_share"


def test_making_and_ending_are_in_the_audit_without_a_secret(
    served: Served, patient: Actor, kept: Kept
) -> None:
    keep_three(served, patient.id)
    link = share(served, patient, {**LABORATORY, "label": "for the clinic"})
    one = links_path(served, patient.id, f"/{link.id}")
    with speak(served, patient, served.a) as client:
        client.request("DELETE", one)
        calls = client.request("GET", path(served.a, f"persons/{patient.id}/calls"))["calls"]
    base = "v1_organisations_by_organisation_persons_by_person_health-links"
    found = {each["operation"]: each for each in calls}
    made, ended = found[f"post_{base}"], found[f"delete_{base}_by_link"]
    assert (made["actor"]["id"], made["outcome"]) == (patient.id, "permit")
    assert made["purpose"] == "patient-request"
    assert ended["outcome"] == "permit"
    for secret in ("for the clinic", link.payload["key"], link.address):
        assert secret not in str(calls)
