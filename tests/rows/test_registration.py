"""The desk receives who comes back, sees cards, and gives what two people heard agreed to."""

from __future__ import annotations

from typing import Any

from tests.rows.desk import SYSTEM, at, digest, employ, enrol, refused
from tests.rows.served import Served
from yilian.ledger.modules.identity.errors import NOT_CUSTODIAN
from yilian.sdk import drafts

NUMBER = "110101195802281234"
BY_NUMBER = {"system": SYSTEM, "number": NUMBER, "reason": "registration"}


def test_the_desk_finds_by_number_without_an_encounter_and_it_is_in_the_trail(
    served: Served,
) -> None:
    person, _ = enrol(served, served.a, NUMBER)
    path = at(served.a, "persons/look-up")
    bare = {"system": SYSTEM, "number": NUMBER}
    with served.client(served.a) as client:
        assert refused(client, "POST", path, bare) == "desk_not_found"
        assert client.request("POST", path, BY_NUMBER) == {"person": person}
        calls = client.request("GET", at(served.a, f"persons/{person}/calls"))["calls"]
        trail = client.request("GET", at(served.a, "audit"))
    (call,) = [each for each in calls if each["purpose"] == "registration"]
    assert (call["actor"]["id"], call["status"]) == (served.a.id, 200)
    assert NUMBER not in str(trail)


def test_only_the_desk_finds_so_and_unknown_numbers_sound_like_all_others(served: Served) -> None:
    enrol(served, served.a, NUMBER)
    doctor, signer = employ(served, served.a)
    path = at(served.a, "persons/look-up")
    with served.as_(doctor, signer, served.a) as client:
        assert refused(client, "POST", path, BY_NUMBER) == "forbidden"
    with served.client(served.b) as client:
        assert refused(client, "POST", path, BY_NUMBER) == "forbidden"
        # Registered at another organisation alone.
        elsewhere = at(served.b, "persons/look-up")
        assert refused(client, "POST", elsewhere, BY_NUMBER) == "desk_not_found"
    with served.client(served.a) as client:
        for more in (
            {"encounter": drafts.fresh_id()},
            {"card": "yilian:card:x"},
            {"reason": "curiosity"},
            {"number": None},
        ):
            assert refused(client, "POST", path, {**BY_NUMBER, **more}) == "malformed"
        told = [
            refused(client, "POST", path, {**BY_NUMBER, "number": f"1101011958022899{each:02}"})
            for each in range(11)
        ]
        assert told == ["desk_not_found"] * 10 + ["desk_too_many_look_ups"]
        # Who guessed too often is not told about somebody who is here either.
        assert refused(client, "POST", path, BY_NUMBER) == "desk_too_many_look_ups"


def test_the_desk_lists_cards_and_nobody_else_does(served: Served) -> None:
    person, signer = enrol(served, served.a, NUMBER)
    other, other_signer = enrol(served, served.a, "110101195802281235")
    doctor, doctor_signer = employ(served, served.a)
    path = at(served.a, f"persons/{person}/cards")
    with served.client(served.a) as client:
        made = [client.request("POST", path)["card"] for _ in range(2)]
        client.request("POST", at(served.a, "cards/revoke"), {"card": made[0]})
        cards = client.request("GET", path)["cards"]
        assert sorted(each["card"] for each in cards) == sorted(made)
        assert [each["card"] for each in cards if each["ended"] is not None] == [made[0]]
    with served.as_(person, signer, served.a) as client:
        assert client.request("GET", path)["cards"] == cards
    for sender, key in ((other, other_signer), (doctor, doctor_signer)):
        with served.as_(sender, key, served.a) as client:
            assert refused(client, "GET", path) == "forbidden"


def agreed(served: Served, person: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Terms that were prepared, and what two witnesses keep of the person's yes."""
    witnesses = [employ(served, served.a)[0] for _ in range(2)]
    asked = {"person": person, "grantee": served.b.id, "categories": ["laboratory"]}
    with served.client(served.a) as client:
        prepared = client.request("POST", at(served.a, "grants/prepare"), asked)
    evidence = {
        "terms": prepared["commitment"],
        "witnesses": witnesses,
        "method": "in-person",
        "language": "zh-CN",
        "statement": "同意。",
        **more,
    }
    return prepared, evidence


def test_a_grant_stands_only_on_evidence_of_exactly_its_terms(served: Served) -> None:
    person = str(served.load(served.a)["person"])
    prepared, evidence = agreed(served, person)
    give = at(served.a, f"persons/{person}/grants/{prepared['grant']}/witnessed")
    keep = at(served.a, f"persons/{person}/witnessed-consents")
    with served.client(served.a) as client:
        assert refused(client, "POST", give) == "consents.not_witnessed"
        client.request("POST", keep, {**evidence, "terms": digest("other terms")})
        assert refused(client, "POST", give) == "consents.not_witnessed"
        kept = client.request("POST", keep, evidence)
        given = client.request("POST", give)
        assert (given["evidence"], given["delivered"]) == (kept["evidence"], True)
        state = client.get("consent", "grants", prepared["grant"]).value
        assert (state["terms"], state["person"]) == (prepared["commitment"], person)
        again = client.request("POST", give)
        assert again == {**given, "transaction": None}
        client.request(
            "POST", at(served.a, "revocations"), {"person": person, "grant": prepared["grant"]}
        )
        assert refused(client, "POST", give) == "consents.grant_over"


def test_nobody_else_gives_so_and_not_for_others(served: Served) -> None:
    person = str(served.load(served.a)["person"])
    other, signer = enrol(served, served.a, NUMBER)
    doctor, doctor_signer = employ(served, served.a)
    prepared, evidence = agreed(served, person)
    rest = f"grants/{prepared['grant']}/witnessed"
    give = at(served.a, f"persons/{person}/{rest}")
    with served.client(served.a) as client:
        client.request("POST", at(served.a, f"persons/{person}/witnessed-consents"), evidence)
        unknown = "organisation.grant_unknown"
        assert refused(client, "POST", at(served.a, f"persons/{other}/{rest}")) == unknown
        nothing = at(served.a, f"persons/{person}/grants/{drafts.fresh_id()}/witnessed")
        assert refused(client, "POST", nothing) == unknown
    for sender, key, payer in (
        (other, signer, served.a),
        (doctor, doctor_signer, served.a),
        (served.b.id, served.operator(served.b), served.b),
    ):
        with served.as_(sender, key, payer) as client:
            assert refused(client, "POST", give) == "forbidden"
    # Who holds a key signs themself, whatever others heard.
    own, evidence = agreed(served, other)
    with served.client(served.a) as client:
        client.request("POST", at(served.a, f"persons/{other}/witnessed-consents"), evidence)
        give = at(served.a, f"persons/{other}/grants/{own['grant']}/witnessed")
        assert refused(client, "POST", give) == NOT_CUSTODIAN.name
