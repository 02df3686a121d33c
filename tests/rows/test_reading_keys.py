"""Reading on one's own device: category keys for the device of a person who holds their own key."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from tests.rows.calls import at
from tests.rows.joining import joined
from tests.rows.served import Served
from tests.rows.test_device_key import request
from tests.rows.test_f18_reading import Person
from tests.rows.test_f116_erasure import load
from tests.unit.gateway.auth.browser import Browser, good, refused
from yilian.gateway.practice import recoveries
from yilian.gateway.practice.reading_keys import reading_key_binding
from yilian.ledger import codec
from yilian.ledger.modules.identity.rules import key_proof
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.envelope import PrivateKey, WrappedCategoryKey, new_recipient, unwrap
from yilian.vault.keystore import CategoryKey
from yilian.vault.packages import ReleasedRecord


def wanted(device: PrivateKey) -> dict[str, str]:
    return {"public": codec.to_text(device.public.data)}


def opened(person: Person, device: PrivateKey, made: dict[str, Any]) -> list[CategoryKey]:
    """What the device does with the answer."""
    found = []
    for each in msgspec.convert(made["keys"], list[WrappedCategoryKey]):
        info = reading_key_binding(person.served.a.id, person.id, each.key)
        private = PrivateKey(unwrap(device, each.wrapped, info))
        assert (private.public.id, each.recipient) == (each.key, device.public.id)
        assert each.name.patient == person.id
        found.append(CategoryKey(each.key, each.name, each.generation, private, ended=False))
    return found


def read(person: Person, keys: list[CategoryKey]) -> dict[str, bytes]:
    """Fetch the person's ciphertexts and open them by the keys given."""
    page = person.ask("GET", "sealed-records")
    copies = msgspec.convert(page["records"], list[ReleasedRecord])
    while page["next"] is not None:
        page = person.ask("GET", f"sealed-records?after={page['next']}")
        copies += msgspec.convert(page["records"], list[ReleasedRecord])
    with person.served.client(person.served.a) as client:
        roots = {
            name: client.get("records", "batches", name).value["root"]
            for name in {each.proof.batch for each in copies}
        }
    return recoveries.open_copies(person.served.a.id, copies, keys, roots)


def test_the_device_reads_what_the_hospital_keeps(served: Served) -> None:
    person, device = Person(served), new_recipient()
    made = person.ask("POST", "reading-keys", wanted(device))
    assert (made["person"], made["holder"]) == (person.id, served.a.id)
    assert made["recipient"] == device.public.id
    found = read(person, opened(person, device, made))
    assert len(found) == person.records
    vault = served.node.organisations[served.a.id].vault
    assert found == vault.read_own(list(found), served.a.id, "treat")
    line = vault.journal_about(next(iter(found)))[0]
    assert (line.reader, line.purpose, line.outcome) == (person.id, "patient-request", "permit")
    assert ("permit", 200) in asked_for(person.ask("GET", "calls")["calls"])


def asked_for(calls: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """How asking for the keys ended, by the trail of calls that the person sees."""
    return [
        (each["outcome"], each["status"])
        for each in calls
        if each["operation"].endswith("_reading-keys")
    ]


def test_what_is_erased_has_no_key_any_more(served: Served) -> None:
    patient, _ = load(served, "none")
    place, asked = f"persons/{patient.id}/reading-keys", wanted(new_recipient())
    catalogue = served.node.organisations[served.a.id].vault.catalogue
    rows = catalogue.records(catalogue.records_of_patient(patient.id))
    gone = {row.category_key for row in rows if row.category == "laboratory"}
    before = {each["key"] for each in patient.ask("POST", place, asked)["keys"]}
    assert gone < before
    erased = [row.record for row in rows if row.category_key in gone]
    patient.ask("POST", "erasures", {"person": patient.id, "records": erased})
    after = {each["key"] for each in patient.ask("POST", place, asked)["keys"]}
    assert after == before - gone


def test_nobody_else_is_given_them(served: Served, browsers: list[Browser]) -> None:
    person, other = Person(served), Person(served, seed=6)
    doctor, signer, _ = served.doctor(served.a)
    away, away_signer, _ = served.doctor(served.b)
    asked = wanted(new_recipient())
    for client in (
        served.client(served.a),
        served.client(served.b),
        served.as_(doctor, signer, served.a),
        served.as_(away, away_signer, served.b),
        served.as_(other.id, other.signer, served.a),
    ):
        with client, pytest.raises(ProblemError) as caught:
            client.request("POST", person.path("reading-keys"), asked)
        assert (caught.value.code, caught.value.status) == ("forbidden", 403)
    _, stranger = joined(served, browsers)
    assert refused(stranger.request("POST", person.path("reading-keys"), asked)) == "forbidden"
    answer = httpx.post(f"{served.url}{person.path('reading-keys')}", json=asked)
    assert answer.json()["code"] == "unauthenticated"


def test_a_session_is_not_enough(served: Served, browsers: list[Browser]) -> None:
    """In custody: it is said what to do. With a key of one's own: that key must ask."""
    person, browser = joined(served, browsers)
    place = at(served.a, f"persons/{person}/reading-keys")
    device = new_recipient()
    assert refused(browser.request("POST", place, wanted(device))) == "reading.in_custody"
    signer = Ed25519Signer.generate()
    taken = at(served.a, f"persons/{person}/device-key")
    good(browser.request("POST", taken, request(signer, person)))
    assert refused(browser.request("POST", place, wanted(device))) == "reading.own_key_wanted"
    with served.as_(person, signer, served.a) as client:
        assert client.request("POST", place, wanted(device))["keys"]
        calls = client.request("GET", at(served.a, f"persons/{person}/calls"))["calls"]
    assert [status for _, status in asked_for(calls)] == [409, 403, 200]


def test_a_lost_device_is_given_no_more(served: Served) -> None:
    """Nothing is kept of reading keys: with the device's key on the chain their giving ends."""
    person, lost = Person(served), new_recipient()
    assert person.ask("POST", "reading-keys", wanted(lost))["keys"]
    second = Ed25519Signer.generate()
    with served.as_(person.id, person.signer, served.a) as client:
        proof = codec.to_text(second.sign(key_proof(person.id, second.key)))
        client.identity.add_key(key=second.key, proof=proof)
    first, person.signer = person.signer, second
    with served.as_(person.id, second, served.a) as client:
        client.identity.revoke_key(key=first.key_id)
    person.signer = first
    with pytest.raises(ProblemError) as caught:
        person.ask("POST", "reading-keys", wanted(lost))
    assert caught.value.code == "key_revoked"
    person.signer = second
    assert person.ask("POST", "reading-keys", wanted(new_recipient()))["keys"]


def test_what_is_no_key_is_refused(served: Served) -> None:
    person = Person(served)
    small = bytearray(new_recipient().public.data)
    small[-32:] = bytes(32)
    for body, code in (
        ({}, "malformed"),
        ([], "malformed"),
        ({"public": ""}, "malformed"),
        ({"public": "AQAB="}, "malformed"),
        ({"public": "A" * 8193}, "malformed"),
        ({"public": "AQAA", "more": 1}, "malformed"),
        ({"public": "AAAA"}, "envelope_format_unknown"),
        ({"public": "AQAA"}, "envelope_key_not_accepted"),
        ({"public": codec.to_text(bytes(small))}, "envelope_key_not_accepted"),
    ):
        with pytest.raises(ProblemError) as caught:
            person.ask("POST", "reading-keys", body)
        assert (caught.value.code, caught.value.status) == (code, 400)


def test_a_person_without_records_gets_an_empty_answer(served: Served) -> None:
    signer, name = Ed25519Signer.generate(), drafts.fresh_id()
    tag = served.node.organisations[served.a.id].tag("urn:example:number", name)
    with served.client(served.a) as client:
        client.identity.enrol_person(person=name, tag=tag, key=signer.key)
    with served.as_(name, signer, served.a) as client:
        place = at(served.a, f"persons/{name}/reading-keys")
        assert client.request("POST", place, wanted(new_recipient()))["keys"] == []
