"""Carers at the node: made known by a code, named for those in custody, listed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.consenting import Actor, path, person, speak
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import Browser, good
from tests.unit.gateway.auth.browser import refused as not_taken
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.vault.desk_formats import Person

FAR = 2**45


def refused(client: Client, method: str, place: str, body: Any = None) -> str:
    with pytest.raises(ProblemError) as caught:
        client.request(method, place, body)
    return str(caught.value.code)


def at(served: Served, who: str, rest: str) -> str:
    return path(served.a, f"persons/{who}/{rest}")


def named(served: Served, label: str, name: str) -> Actor:
    made = person(served, served.a, label)
    desk = served.node.organisations[served.a.id].vault.desk
    desk.put_person(Person(person=made.id, name=name, language="zh-CN"))
    return made


def code_of(served: Served, who: Actor) -> str:
    with speak(served, who, served.a) as client:
        return str(client.request("POST", at(served, who.id, "carer-codes"))["code"])


def test_a_code_tells_a_name_to_who_brings_it_and_to_nobody_else(served: Served) -> None:
    elder, relative = named(served, "1", "王建国"), named(served, "2", "王小明")
    stranger = named(served, "3", "李四")
    code = code_of(served, relative)
    with speak(served, elder, served.a) as client:
        met = client.request("POST", at(served, elder.id, "carers/met"), {"code": code})
        assert met == {"custodian": relative.id, "name": "王小明"}
        for powers, other in ((["read"], relative), (["revoke"], stranger)):
            client.consent.name_custodian(custodian=other.id, ends=FAR, powers=powers)
        found = client.request("GET", at(served, elder.id, "carers"))["carers"]
    assert {each["custodian"]: each["name"] for each in found} == {
        relative.id: "王小明",
        stranger.id: None,
    }
    with speak(served, relative, served.a) as client:
        (ward,) = client.request("GET", at(served, relative.id, "wards"))["wards"]
    assert (ward["person"], ward["name"], ward["powers"]) == (elder.id, "王建国", ["read"])


@pytest.mark.parametrize("wrong", ["", "x" * 52, "own", "last letter", "other maker"])
def test_what_is_no_code_is_refused_alike(served: Served, wrong: str) -> None:
    elder, relative = person(served, served.a, "1"), person(served, served.a, "2")
    code = code_of(served, relative)
    bad = {
        "own": code_of(served, elder),
        "last letter": code[:-1] + ("A" if code[-1] != "A" else "B"),
        "other maker": person(served, served.a, "3").id + code[22:],
    }.get(wrong, wrong)
    with speak(served, elder, served.a) as client:
        place = at(served, elder.id, "carers/met")
        assert refused(client, "POST", place, {"code": bad}) == "introduction_unknown"
        assert refused(client, "POST", place, {"code": code, "more": 1}) == "malformed"


def test_a_code_is_over_after_an_hour(served: Served) -> None:
    elder, relative = person(served, served.a, "1"), person(served, served.a, "2")
    known = served.node.organisations[served.a.id].vault.introductions
    made = known.make(relative.id, served.now() - 3_600_000)
    with speak(served, elder, served.a) as client:
        place = at(served, elder.id, "carers/met")
        assert refused(client, "POST", place, {"code": made.code}) == "introduction_unknown"


def test_the_organisation_names_for_those_in_custody_alone(served: Served) -> None:
    child = str(served.load(served.a)["person"])
    parent, elder = person(served, served.a, "parent"), person(served, served.a, "elder")
    asked = {"custodian": parent.id, "powers": ["revoke", "read"], "ends": FAR}
    with served.client(served.a) as client:
        made = client.request("POST", at(served, child, "carers"), asked)
        assert made["custodian"] == parent.id
        wrong = refused(client, "POST", at(served, elder.id, "carers"), asked)
        assert wrong == "identity.not_custodian"
        in_custody = {**asked, "custodian": str(served.load(served.a, 2)["person"])}
        wrong = refused(client, "POST", at(served, child, "carers"), in_custody)
        assert wrong == "consent.not_a_custodian"
        assert refused(client, "POST", at(served, child, "carers"), {**asked, "powers": []}) == (
            "malformed"
        )
        over = {**asked, "ends": 1}
        assert refused(client, "POST", at(served, child, "carers"), over) == "consent.bad_period"
    with speak(served, parent, served.a) as client:
        assert client.request("GET", at(served, child, "records?purpose=patient-request"))[
            "records"
        ]
        assert client.request("GET", at(served, parent.id, "wards"))["wards"][0]["custody"] is True
    with served.client(served.a) as client:
        place = at(served, child, f"carers/{parent.id}")
        client.request("PUT", place, {"on": False})
        assert refused(client, "PUT", place, {"on": False}) == "consent.already_switched"
        other = at(served, child, f"carers/{elder.id}")
        assert refused(client, "PUT", other, {"on": False}) == "consent.unknown_custodian"
        (ended,) = client.request("GET", at(served, child, "carers"))["carers"]
        assert ended["on"] is False
    with speak(served, parent, served.a) as client:
        assert client.request("GET", at(served, parent.id, "wards"))["wards"] == []
        records = at(served, child, "records?purpose=patient-request")
        assert refused(client, "GET", records) == "forbidden"


def test_nobody_else_asks_for_a_person(served: Served) -> None:
    elder, relative = person(served, served.a, "1"), person(served, served.a, "2")
    powers = ["change", "grant", "read", "revoke"]
    with speak(served, elder, served.a) as client:
        client.consent.name_custodian(custodian=relative.id, ends=FAR, powers=powers)
    more = {"custodian": relative.id, "powers": ["read"], "ends": FAR}
    calls: list[tuple[str, str, Any]] = [
        ("POST", "carer-codes", None),
        ("POST", "carers/met", {"code": "x"}),
        ("GET", "carers", None),
        ("POST", "carers", more),
        ("PUT", f"carers/{relative.id}", {"on": False}),
        ("GET", "wards", None),
    ]
    # A custodian with every power changes no custodians, and learns of no other one.
    with speak(served, relative, served.a) as client:
        for method, rest, body in calls:
            assert refused(client, method, at(served, elder.id, rest), body) == "forbidden", rest
    with served.client(served.a) as client:
        for rest in ("carer-codes", "wards"):
            method = "POST" if rest == "carer-codes" else "GET"
            assert refused(client, method, at(served, elder.id, rest)) == "forbidden"
    with served.client(served.b) as client:
        for method, rest, body in calls:
            assert refused(client, method, at(served, elder.id, rest), body) == "forbidden", rest


def test_who_does_not_sign_for_themself_makes_no_code(served: Served) -> None:
    child = str(served.load(served.a)["person"])
    with served.client(served.a) as client:
        invited = client.request("POST", path(served.a, "invitations"), {"subject": child})
    browser = Browser(served.url, served.node.engine.now)
    good(browser.join(str(invited["link"]).rpartition("#")[2]))
    answer = browser.request("POST", at(served, child, "carer-codes"))
    assert not_taken(answer) == "carers.no_own_key"
    browser.close()


def test_an_erasure_forgets_who_is_known(served: Served) -> None:
    elder, relative = named(served, "1", "王建国"), named(served, "2", "王小明")
    code = code_of(served, relative)
    vault = served.node.organisations[served.a.id].vault
    with speak(served, elder, served.a) as client:
        client.request("POST", at(served, elder.id, "carers/met"), {"code": code})
    assert vault.introductions.knows(elder.id, relative.id)
    assert not vault.introductions.knows(relative.id, elder.id)
    vault.introductions.forget(relative.id)
    assert not vault.introductions.knows(elder.id, relative.id)
