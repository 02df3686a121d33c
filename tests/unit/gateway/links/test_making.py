"""A link is made of what was named and nothing else, in the form of the specification."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.rows.consenting import Actor, keep, person, speak
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import (
    GLUCOSE,
    Kept,
    decoded,
    decrypted,
    house,
    links_path,
    share,
    shown,
)
from yilian.gateway.links.payload import MAX_LABEL, MAX_URL
from yilian.ledger import codec
from yilian.ledger.modules.records.state import BATCHES
from yilian.sdk.errors import ProblemError
from yilian.vault.envelope import RecordProof, check_record


def records_of(link: Any) -> list[str]:
    return sorted(link.made["health_link"]["records"])


def refused(served: Served, who: Actor, body: Any, patient: str | None = None) -> str:
    with speak(served, who, served.a) as client, pytest.raises(ProblemError) as problem:
        client.request("POST", links_path(served, patient or who.id), body)
    assert house(served).of(patient or who.id) == []
    return problem.value.code


def test_the_payload_is_that_of_the_specification(
    served: Served, patient: Actor, kept: Kept
) -> None:
    """Fields, lengths and order of flags: SMART Health Cards and Links 1.0.0."""
    before = house(served).now()
    body = {"categories": ["laboratory"], "label": "化验结果", "passcode": "2468", "minutes": 60}
    link = share(served, patient, body)
    payload = link.payload
    assert payload.keys() == {"url", "key", "exp", "flag", "label", "v"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", payload["key"])
    assert re.fullmatch(r"http://localhost:\d+/shl/[A-Za-z0-9_-]{43}", payload["url"])
    assert len(payload["url"]) <= MAX_URL
    assert isinstance(payload["exp"], int)
    assert 3_590 <= payload["exp"] - before // 1000 <= 3_610
    assert (payload["flag"], payload["label"], payload["v"]) == ("P", "化验结果", 1)
    viewer = link.made["viewer"]
    assert re.fullmatch(r"http://localhost:\d+/en/open#shlink:/[A-Za-z0-9_-]+", viewer)
    assert decoded(viewer.partition("#")[2]) == payload
    # Minified: no space between the members.
    assert (
        json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        == json.dumps(
            decoded(link.made["shlink"]), separators=(",", ":"), ensure_ascii=False
        ).encode()
    )


def test_flags_and_label_are_left_out_where_there_are_none(
    served: Served, patient: Actor, kept: Kept
) -> None:
    assert share(served, patient).payload.keys() == {"url", "key", "exp", "v"}
    direct = share(served, patient, {"categories": ["problem"], "direct": True})
    assert direct.payload["flag"] == "U"


def test_nothing_is_shared_but_what_was_named(served: Served, patient: Actor, kept: Kept) -> None:
    plain = share(served, patient)
    assert records_of(plain) == [kept.glucose]
    assert plain.made["left_out"] == 1
    both = share(
        served, patient, {"categories": ["laboratory"], "sensitivities": ["normal", "hiv"]}
    )
    assert records_of(both) == sorted([kept.glucose, kept.hiv])
    assert both.made["left_out"] == 0
    named = share(served, patient, {"records": [kept.hiv]})
    assert records_of(named) == [kept.hiv]


def test_the_bundle_is_the_records_with_their_proofs(
    served: Served, patient: Actor, kept: Kept
) -> None:
    """A stranger checks the text of each resource against the root that the chain has."""
    note = keep(served, served.a, patient.id, "document", "Ich bin müde", media_type="text/plain")
    asked = {"categories": ["laboratory", "document"]}
    link = share(served, patient, asked)
    embedded = link.post().json()["files"][0]["embedded"]
    found = link.opened(embedded)
    assert (found["resourceType"], found["type"]) == ("Bundle", "collection")
    resources = [each["resource"] for each in found["entry"]]
    kinds = sorted(each["resourceType"] for each in resources)
    assert kinds == ["Binary", "Observation", "Provenance", "Provenance"]
    urls = [each["fullUrl"] for each in found["entry"]]
    assert len(set(urls)) == len(urls)
    texts = {kept.glucose: GLUCOSE.encode(), note: "Ich bin müde".encode()}
    for each in resources:
        if each["resourceType"] != "Provenance":
            continue
        record = each["entity"][0]["what"]["identifier"]["value"]
        assert each["target"][0]["reference"] in urls
        assert each["agent"][0]["who"]["identifier"]["value"] == served.a.id
        parts = {part["url"]: part["valueString"] for part in each["extension"][0]["extension"]}
        proof = codec.decode(parts["proof"].encode(), RecordProof)
        root = BATCHES.require(served.node.engine.state(), proof.batch).root
        assert proof.salt is not None
        check_record(texts[record], codec.to_bytes(proof.salt), proof, root)
    # The text of a resource is the record's own: in FHIR 5.10 is not 5.1.
    assert GLUCOSE.encode() in decrypted(embedded, link.payload["key"])


def test_a_corrected_record_comes_in_its_new_version(
    served: Served, patient: Actor, kept: Kept
) -> None:
    new = keep(
        served,
        served.a,
        patient.id,
        "problem",
        '{"resourceType":"Condition","code":{"text":"无哮喘"}}',
        replaces=kept.asthma,
    )
    assert records_of(share(served, patient, {"categories": ["problem"]})) == [new]
    assert records_of(share(served, patient, {"records": [kept.asthma]})) == [kept.asthma]


NO_LINKS: list[tuple[Any, str]] = [
    ({}, "links.nothing_chosen"),
    ({"categories": [], "records": []}, "links.nothing_chosen"),
    ({"categories": ["imaging"]}, "links.nothing_to_share"),
    ({"categories": ["laboratory"], "sensitivities": []}, "links.nothing_to_share"),
    ({"records": ["A" * 22]}, "links.record_not_open"),
    (
        {"categories": ["laboratory"], "direct": True, "passcode": "2468"},
        "links.direct_with_passcode",
    ),
    ({"categories": ["laboratory"], "label": "长" * (MAX_LABEL + 1)}, "malformed"),
    ({"categories": ["laboratory"], "label": "two\nlines"}, "malformed"),
    ({"categories": ["laboratory"], "minutes": 0}, "malformed"),
    ({"categories": ["laboratory"], "minutes": 30 * 1440 + 1}, "malformed"),
    ({"categories": ["laboratory"], "openings": 0}, "malformed"),
    ({"categories": ["laboratory"], "openings": 101}, "malformed"),
    ({"categories": ["laboratory"], "passcode": "123"}, "malformed"),
    ({"categories": ["laboratory"], "everything": True}, "malformed"),
    ({"records": ["x"]}, "malformed"),
    ([], "malformed"),
    ("", "malformed"),
]


def test_what_cannot_be_a_link_is_refused(served: Served, patient: Actor, kept: Kept) -> None:
    for body, code in NO_LINKS:
        assert refused(served, patient, body) == code, body


def test_another_persons_record_is_no_more_there_than_none(
    served: Served, patient: Actor, kept: Kept
) -> None:
    other = person(served, served.a, "N-2")
    assert refused(served, other, {"records": [kept.glucose]}) == "links.record_not_open"


def test_a_link_says_nothing_of_its_key_again(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient, {"categories": ["laboratory"], "label": "mine"})
    found = shown(served, patient, link)
    assert (found["state"], found["left"], found["label"]) == ("standing", 1, "mine")
    assert found == link.made["health_link"]
    key, address = link.payload["key"], link.address
    files = [each for each in served.path.rglob("*") if each.is_file()]
    for secret in (key, address, "mine", GLUCOSE):
        assert not any(secret.encode() in each.read_bytes() for each in files)


def test_so_many_links_and_no_more(
    served: Served, patient: Actor, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yilian.gateway.links.health_links.MAX_STANDING", 2)
    first = share(served, patient)
    share(served, patient)
    body = {"categories": ["laboratory"]}
    with speak(served, patient, served.a) as client:
        with pytest.raises(ProblemError, match=r"links\.too_many"):
            client.request("POST", links_path(served, patient.id), body)
        client.request("DELETE", links_path(served, patient.id, f"/{first.id}"))
    share(served, patient)


def test_too_many_records_and_too_large(
    served: Served, patient: Actor, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"categories": ["laboratory", "problem"]}
    monkeypatch.setattr("yilian.gateway.links.health_links.MAX_RECORDS", 1)
    assert refused(served, patient, both) == "links.too_many_records"
    monkeypatch.setattr("yilian.gateway.links.health_links.MAX_RECORDS", 2)
    monkeypatch.setattr("yilian.gateway.links.bundle.MAX_BYTES", len(GLUCOSE))
    assert refused(served, patient, both) == "links.too_large"


def test_the_reading_for_a_link_is_journalled_as_the_persons_own(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient)
    vault = served.node.organisations[served.a.id].vault
    (line,) = vault.journal_about(kept.glucose)
    assert (line.reader, line.basis, line.purpose) == (patient.id, "patient", "patient-request")
    assert vault.journal_about(kept.hiv) == []
    assert link.id not in {line.session, line.reader}
