"""F15 at the desk: enrolled once, found by card or while being treated, joined and parted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.rows.desk import SYSTEM, at, digest, employ, enrol, on_chain, refused
from tests.rows.served import Served, yilian
from yilian.gateway.fhir import sample
from yilian.ledger import codec
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.links import LinkTerms, link_commitment

NUMBER = "110101195802281234"
BY_NUMBER = {"system": SYSTEM, "number": NUMBER}


def look_up(served: Served, who: tuple[str, Ed25519Signer], body: dict[str, Any]) -> str:
    """Look somebody up at A; give the person's id, or the code of the refusal."""
    with served.as_(*who, served.a) as client:
        try:
            return str(client.request("POST", at(served.a, "persons/look-up"), body)["person"])
        except ProblemError as problem:
            return problem.code


def meet(served: Served, person: str, doctor: str) -> str:
    """Open an encounter of a person with a doctor at A."""
    with served.client(served.a) as client:
        body = {"person": person, "team": [doctor]}
        return str(client.request("POST", at(served.a, "encounters"), body)["relation"])


def test_a_person_is_enrolled_once_and_only_the_desk_knows_the_name(served: Served) -> None:
    contacts = {"email": "wang@example.cn"}
    person, signer = enrol(served, served.a, NUMBER, born="1958-02-28", contacts=contacts)
    with served.client(served.a) as client:
        again = {**BY_NUMBER, "number": "110101 19580228 1234", "name": "Wang"}
        assert refused(client, "POST", at(served.a, "persons"), again) == (
            "identity.already_enrolled"
        )
        entry = client.request("GET", at(served.a, f"persons/{person}"))
    assert (entry["name"], entry["born"]) == ("王秀英", "1958-02-28")
    assert entry["contacts"]["email"] == "wang@example.cn"
    with served.as_(person, signer, served.a) as client:
        assert client.request("GET", at(served.a, f"persons/{person}")) == entry
    assert on_chain(served, ["王秀英", NUMBER, "1958-02-28", "wang@example.cn"]) == []
    elsewhere, _ = enrol(served, served.b, NUMBER)
    assert elsewhere != person


def test_a_refused_enrolment_leaves_nothing_at_the_desk(served: Served) -> None:
    taken = Ed25519Signer.generate()
    body: dict[str, Any] = {
        **BY_NUMBER,
        "name": "王秀英",
        "key": {"suite": taken.key.suite, "public": taken.key.public},
    }
    with served.client(served.a) as client:
        client.identity.enrol_device(
            device=drafts.fresh_id(), tag=drafts.fresh_salt(), key=taken.key
        )
        assert refused(client, "POST", at(served.a, "persons"), body) == "identity.key_taken"
        bad: dict[str, Any] = {**BY_NUMBER, "name": "王\u202e秀英"}
        assert refused(client, "POST", at(served.a, "persons"), bad) == "malformed"
        bad = {**BY_NUMBER, "name": "王秀英", "contacts": {"email": "no address"}}
        assert refused(client, "POST", at(served.a, "persons"), bad) == "malformed"
        bad = {**BY_NUMBER, "name": "王秀英", "born": "1958-02-30"}
        assert refused(client, "POST", at(served.a, "persons"), bad) == "malformed"
        del body["key"]
        assert client.request("POST", at(served.a, "persons"), body)["person"]


def test_only_the_organisation_and_its_agents_work_at_the_desk(served: Served) -> None:
    person, signer = enrol(served, served.a, NUMBER)
    other, other_signer = enrol(served, served.a, "110101195802281235")
    doctor, doctor_signer = employ(served, served.a)
    evidence = {
        "terms": digest("terms"),
        "witnesses": [doctor, other],
        "method": "phone",
        "language": "zh-CN",
        "statement": "同意。",
    }
    link = {"kept": person, "other": other, "ground": "card", "witness": doctor}
    operators_only = [
        ("POST", "persons", {**BY_NUMBER, "name": "X"}),
        ("POST", "persons/provisional", {"label": "X"}),
        ("POST", f"persons/{person}/cards", None),
        ("POST", "cards/revoke", {"card": drafts.fresh_id()}),
        ("POST", "links", link),
        ("POST", f"links/{drafts.fresh_id()}/end", {"witness": doctor}),
        ("PUT", f"staff/{doctor}", {"name": "X", "role": "physician"}),
        ("POST", f"persons/{person}/witnessed-consents", evidence),
    ]
    for sender, key, payer in (
        (person, signer, served.a),
        (doctor, doctor_signer, served.a),
        (served.b.id, served.operator(served.b), served.b),
    ):
        with served.as_(sender, key, payer) as client:
            for method, rest, body in operators_only:
                assert refused(client, method, at(served.a, rest), body) == "forbidden", rest
    about = [f"persons/{person}{rest}" for rest in ("", "/links", "/witnessed-consents")]
    for sender, key in ((other, other_signer), (doctor, doctor_signer)):
        with served.as_(sender, key, served.a) as client:
            assert {refused(client, "GET", at(served.a, rest)) for rest in about} == {"forbidden"}
    for rest in about:
        unsigned = httpx.get(served.url + at(served.a, rest)).json()
        assert unsigned["code"] == "unauthenticated"
    with served.as_(other, other_signer, served.a) as patient:
        assert refused(patient, "GET", at(served.a, "staff")) == "forbidden"
        assert refused(patient, "POST", at(served.a, "persons/look-up"), BY_NUMBER) == "forbidden"


def test_a_card_finds_its_person_until_it_is_revoked(served: Served) -> None:
    person, _ = enrol(served, served.a, NUMBER)
    doctor = employ(served, served.a)
    with served.client(served.a) as client:
        card = client.request("POST", at(served.a, f"persons/{person}/cards"))
        assert look_up(served, doctor, {"card": card["text"]}) == person
        assert look_up(served, doctor, {"card": card["text"], **BY_NUMBER}) == "malformed"
        assert look_up(served, doctor, {}) == "malformed"
        client.request("POST", at(served.a, "cards/revoke"), {"card": card["card"]})
        client.request("POST", at(served.a, "cards/revoke"), {"card": card["card"]})
        unknown = {"card": drafts.fresh_id()}
        assert refused(client, "POST", at(served.a, "cards/revoke"), unknown) == (
            "desk_card_unknown"
        )
        assert refused(client, "POST", at(served.a, f"persons/{drafts.fresh_id()}/cards")) == (
            "desk_person_unknown"
        )
    for text in (card["text"], "yilian:card:" + drafts.fresh_salt(), "王秀英"):
        assert look_up(served, doctor, {"card": text}) == "desk_not_found"


def test_a_number_finds_a_person_for_who_treats_them_and_nobody_else(served: Served) -> None:
    person, _ = enrol(served, served.a, NUMBER)
    doctor, colleague = employ(served, served.a), employ(served, served.a)
    nobody = {"system": SYSTEM, "number": "110101195802289999"}
    assert look_up(served, doctor, BY_NUMBER) == "desk_not_found"
    encounter = meet(served, person, doctor[0])
    assert look_up(served, doctor, BY_NUMBER) == person
    assert look_up(served, doctor, nobody) == "desk_not_found"
    assert look_up(served, colleague, BY_NUMBER) == "desk_not_found"
    with served.client(served.a) as client:
        found = client.request("POST", at(served.a, "persons/look-up"), BY_NUMBER)
        assert found == {"person": person}
    with served.client(served.a) as client:
        client.request("POST", at(served.a, f"encounters/{encounter}/close"))
    assert look_up(served, doctor, BY_NUMBER) == "desk_not_found"
    codes = {look_up(served, colleague, BY_NUMBER) for _ in range(12)}
    assert codes == {"desk_not_found", "desk_too_many_look_ups"}


def test_who_came_without_a_name_is_found_and_joined_and_parted_again(served: Served) -> None:
    person, signer = enrol(served, served.a, NUMBER)
    doctor, colleague = employ(served, served.a), employ(served, served.a)
    with served.client(served.a) as client:
        unknown = client.request(
            "POST", at(served.a, "persons/provisional"), {"label": "急诊 3 床，男，约 60 岁"}
        )["person"]
        encounter = meet(served, unknown, doctor[0])
        with_encounter = {**BY_NUMBER, "encounter": encounter}
        assert look_up(served, doctor, with_encounter) == person
        assert look_up(served, colleague, with_encounter) == "desk_not_found"
        made_up = {**BY_NUMBER, "encounter": drafts.fresh_id()}
        assert look_up(served, doctor, made_up) == "desk_not_found"
        body = {"kept": person, "other": unknown, "ground": "document", "witness": doctor[0]}
        made = client.request("POST", at(served.a, "links"), body)
        assert refused(client, "POST", at(served.a, "links"), body) == "desk_link_stands"
        state = client.get("identity", "links", made["link"]).value
        assert state["terms"] == made["commitment"]
    with served.as_(person, signer, served.a) as client:
        shown = client.request("GET", at(served.a, f"persons/{person}/links"))
        assert shown["ids"] == sorted([person, unknown])
        (link,) = shown["links"]
        terms = codec.decode(codec.encode(link["terms"]), LinkTerms)
        assert link_commitment(codec.to_bytes(link["salt"]), terms) == state["terms"]
        told = client.request("GET", at(served.a, f"persons/{person}/notices"))["notices"]
        assert [each["kind"] for each in told] == ["link_made"]
    assert on_chain(served, ["急诊", '"kept"']) == []

    with served.client(served.a) as client:
        end = at(served.a, f"links/{made['link']}/end")
        assert refused(client, "POST", end, {"witness": person}) == "desk_staff_unknown"
        ended = client.request("POST", end, {"witness": colleague[0]})
        assert ended["ended"] is not None
        assert refused(client, "POST", end, {"witness": colleague[0]}) == "desk_link_ended"
        shown = client.request("GET", at(served.a, f"persons/{person}/links"))
        assert shown["ids"] == [person]
        assert shown["links"][0]["ended_by"] == colleague[0]
        assert client.get("identity", "links", made["link"]).value["ended"] == ended["height"]


def test_links_want_two_persons_one_of_them_here_and_a_witness_who_works_here(
    served: Served,
) -> None:
    person, _ = enrol(served, served.a, NUMBER)
    elsewhere, _ = enrol(served, served.b, NUMBER)
    stranger, _ = enrol(served, served.b, "110101195802281235")
    doctor, _ = employ(served, served.a)
    left, _ = employ(served, served.a)
    theirs, _ = employ(served, served.b)
    body = {"kept": person, "other": elsewhere, "ground": "card", "witness": doctor}
    with served.client(served.a) as client:
        client.identity.revoke_subject(subject=left)
        for changed, code in (
            ({"other": person}, "desk_link_to_itself"),
            ({"other": doctor}, "desk_person_unknown"),
            ({"other": drafts.fresh_id()}, "desk_person_unknown"),
            ({"kept": stranger}, "desk_person_unknown"),
            ({"witness": left}, "desk_staff_unknown"),
            ({"witness": theirs}, "desk_staff_unknown"),
            ({"ground": "hearsay"}, "malformed"),
        ):
            assert refused(client, "POST", at(served.a, "links"), {**body, **changed}) == code
        assert client.request("POST", at(served.a, "links"), body)["link"]
        assert (
            refused(client, "PUT", at(served.a, f"staff/{theirs}"), {"name": "X", "role": "nurse"})
            == "desk_staff_unknown"
        )
    with served.client(served.b) as client:
        end = at(served.b, f"links/{drafts.fresh_id()}/end")
        assert refused(client, "POST", end, {"witness": theirs}) == "desk_link_unknown"


def test_the_staff_directory_shows_who_works_here(served: Served) -> None:
    doctor, signer = employ(served, served.a)
    team = drafts.fresh_id()
    with served.client(served.a) as client:
        entry = {"name": "李静", "role": "physician", "teams": [team, team]}
        client.request("PUT", at(served.a, f"staff/{doctor}"), entry)
    with served.as_(doctor, signer, served.a) as client:
        (line,) = client.request("GET", at(served.a, "staff"))["staff"]
    assert line == {
        "practitioner": doctor,
        "name": "李静",
        "role": "physician",
        "teams": [team],
    }
    assert served.node.organisations[served.a.id].vault.desk.teams() == {team: (doctor,)}


def test_consent_without_a_device_stands_before_two_witnesses(served: Served) -> None:
    person = served.load(served.a)["person"]
    first, second = employ(served, served.a)[0], employ(served, served.a)[0]
    path = at(served.a, f"persons/{person}/witnessed-consents")
    body = {
        "terms": digest("terms"),
        "witnesses": [second, first],
        "method": "interpreter",
        "language": "yue",
        "statement": "我同意市二院睇我嘅化验结果。",
    }
    with served.client(served.a) as client:
        made = client.request("POST", path, body)
        (kept,) = client.request("GET", path)["evidence"]
        assert kept["witnesses"] == sorted([first, second])
        assert (kept["statement"], kept["anchored"]) == (body["statement"], True)
        anchor = client.get("records", "anchors", made["evidence"]).value
        assert anchor["commitment"] == made["commitment"] == kept["commitment"]
        for changed, code in (
            ({"witnesses": [first, first]}, "desk_witnesses_not_two"),
            ({"witnesses": [first, person]}, "desk_staff_unknown"),
            ({"language": "no language"}, "malformed"),
            ({"terms": "x"}, "malformed"),
        ):
            assert refused(client, "POST", path, {**body, **changed}) == code
        other = path.replace(person, drafts.fresh_id())
        assert refused(client, "POST", other, body) == "desk_person_unknown"
        assert len(client.request("GET", path)["evidence"]) == 1


def test_a_bundle_that_is_taken_in_registers_its_patient(served: Served) -> None:
    loaded = served.load(served.a)
    desk = served.node.organisations[served.a.id].vault.desk
    kept = desk.person(loaded["person"])
    (bundle,) = sample.bundles(1, 1)
    assert kept.name in bundle.decode()
    assert kept.born is not None
    assert kept.born in bundle.decode()
    assert on_chain(served, [kept.name, kept.born]) == []


def test_the_desk_from_the_command_line(served: Served, tmp_path: Path) -> None:
    """Names and numbers come in files: a command line is seen by others."""
    base: list[str | Path] = [
        "--organisation", served.a.id,
        "--key", served.folder.operator_key(served.a.id),
        "--sender", served.a.id,
        "--node", served.url,
    ]  # fmt: skip

    def run(*words: str, **body: Any) -> dict[str, Any]:
        file: list[Path] = []
        if body:
            file.append(tmp_path / f"{len(list(tmp_path.iterdir()))}.json")
            file[0].write_text(json.dumps(body, ensure_ascii=False), "utf-8")
        code, told = yilian("organisation", words[0], *base, *words[1:], *file)
        assert (code == 0) == told["ok"]
        return told

    person = run("enrol", **BY_NUMBER, name="王秀英")["person"]
    again = run("enrol", **BY_NUMBER, name="王秀英")
    assert again["error"]["code"] == "identity.already_enrolled"
    card = run("card", "--person", person)
    assert run("look-up", card=card["text"])["person"] == person
    run("revoke-card", "--card", card["card"])
    assert run("look-up", card=card["text"])["error"]["code"] == "desk_not_found"
    doctor, _, _ = served.doctor(served.a)
    run("staff", "--practitioner", doctor, name="李静", role="physician")
    assert [each["name"] for each in run("directory")["staff"]] == ["李静"]
    unknown = run("provisional", label="急诊 3 床")["person"]
    said = ["--ground", "document", "--witness", doctor]
    link = run("link", "--kept", person, "--other", unknown, *said)["link"]
    run("unlink", "--link", link, "--witness", doctor)
    (shown,) = run("links", "--person", person)["links"]
    assert (shown["terms"]["link"], shown["ended_by"]) == (link, doctor)
    run("contacts", "--person", person, contacts={"email": "wang@example.cn"}, language="en")
    kinds = {each["kind"]: each for each in run("notices", "--person", person)["notices"]}
    assert "registrations" in kinds["link_made"]["title"]
    notice = kinds["link_made"]["notice"]
    served.node.organisations[served.a.id].anchor_all()
    assert run("notice-proofs", "--person", person, "--notice", notice)["proofs"]
    forbidden = run("read-notice", "--person", person, "--notice", notice)
    assert forbidden["error"]["code"] == "forbidden"
    assert yilian("organisation", "notices", *base)[0] == 2
