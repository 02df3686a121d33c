"""F22: nothing of a loaded bundle is on the chain, in the index or in the log, in any form."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.needles import Scanner, files, needles, personal
from tests.rows.served import Served
from tests.rows.test_f27_relation import (
    FHIR,
    Person,
    doctor_at,
    of_category,
    operator,
    patient_at,
)
from tests.shared import shared
from yilian.gateway.fhir import sample
from yilian.ledger import codec
from yilian.ledger.modules.identity.state import TAGS
from yilian.vault import duplicates
from yilian.vault.envelope import commitment

RESIDENT = "urn:oid:2.16.840.1.113883.2.23.1.19.1"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_number(first: str) -> str:
    """Add the check digit of GB 11643-1999 (ISO 7064, MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first, WEIGHTS, strict=True))
    return first + "10X98765432"[total % 11]


def resources(bundles: list[bytes]) -> Iterator[dict[str, Any]]:
    """Give the resources of bundles."""
    for bundle in bundles:
        yield from (each["resource"] for each in json.loads(bundle)["entry"])


def chain_data(served: Served) -> Iterator[bytes]:
    """Give all that the chain has: transactions, results, events and state, decompressed."""
    store = served.node.engine.store
    for height in range(1, served.node.engine.tip.height + 1):
        block = store.block(height)
        assert block is not None
        yield from block.txs
        yield repr(store.outcomes(height)).encode("utf-8", "backslashreplace")
    for key, value in store.scan(b""):
        yield key + b"\n" + value
    after = ""
    while True:
        page = httpx.get(f"{served.url}/v1/events?limit=200{after}").json()
        yield json.dumps(page, ensure_ascii=False).encode()
        if not page["events"]:
            return
        after = f"&after={page['events'][-1]['id']}"


def load_all(served: Served, bundles: list[bytes]) -> list[str]:
    """Take bundles in over HTTP; gives the persons' ids."""
    desk = operator(served, served.a)
    return [desk.ask("POST", "bundles", each, media_type=FHIR)["person"] for each in bundles]


def scan(served: Served, words: list[str], log: str) -> set[str]:
    """Look at the chain's data, then at its files, the index and the log."""
    text = Scanner(needles(words, 4))
    found = set().union(*(text.find(each) for each in chain_data(served)))
    found |= text.find(log.encode())
    served.stop()
    # In files full of random bytes four bytes may come by chance; eight do not.
    found |= in_files(served, words)
    served.start()
    return found


def in_files(served: Served, words: list[str]) -> set[str]:
    """Look at the bytes of the chain's files and of the index."""
    raw = Scanner(needles(words, 8))
    index = sorted(served.path.glob("index.sqlite*"))
    every = list(files(served.path / "chain", *index))
    assert len(every) > 2
    return set().union(*(raw.find(data) for _, data in every))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_scan_of_all_chain_data_finds_no_word_of_a_patient(
    served: Served, caplog: pytest.LogCaptureFixture, language: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    bundles = list(sample.bundles(7, 2, language=language))
    words = sorted(set(itertools.chain(*(personal(each) for each in resources(bundles)))))
    assert len([each for each in words if each]) > 10
    for person in load_all(served, bundles):
        _live_with(served, person)
    assert scan(served, words, caplog.text) == set()


def _live_with(served: Served, person: str) -> None:
    """Share, read, treat, correct and erase: each leaves its own marks on the chain."""
    desk, doctor = operator(served, served.a), doctor_at(served, served.b)
    here = doctor_at(served, served.a)
    grant = served.share(person, doctor.id, ["demographics", "laboratory"])["grant"]
    session = served.prepare(doctor.id, doctor.signer, grant)
    with served.as_(doctor.id, doctor.signer, served.b) as client:
        client.consent.open_session(**session)
    assert served.read(doctor.id, doctor.signer, session["session"])["records"]
    desk.ask("POST", "encounters", {"person": person, "team": [here.id]})
    entries = here.ask("GET", f"persons/{person}/records")["entries"]
    record = of_category(entries, "demographics")
    content = here.ask("GET", f"records/{record}")["content"].encode()
    here.ask("POST", f"records/{record}/corrections", content, media_type=FHIR)
    desk.ask("POST", "erasures", {"person": person, "records": [record]})
    served.node.organisations[served.a.id].anchor_all()


def test_the_scan_finds_what_is_there_in_every_form(served: Served) -> None:
    word = "李小明"
    scanner = Scanner(needles([word], 4))
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "gb18030"):
        plain = word.encode(encoding)
        for hidden in (plain, plain.hex().encode(), plain.hex().upper().encode()):
            assert scanner.find(b"..." + hidden + b"...") == {word}
        for before in range(3):
            around = b"abc"[:before] + plain + b"xy"
            assert scanner.find(base64.b64encode(around)) == {word}
            assert scanner.find(base64.urlsafe_b64encode(around)) == {word}
    assert scanner.find("李大明".encode()) == set()
    founder = "云溪市第一人民医院"
    assert scan(served, [founder], "") == in_files(served, [founder]) == {founder}
    assert scan(served, ["Xiaoming Li"], "took in Xiaoming Li") == {"Xiaoming Li"}


def test_a_scan_after_loading_foreign_bundles_finds_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (path,) = sorted(shared("fhir/synthea").glob("1f99a0cb*.json.gz"))
    chinese = json.loads((shared("fhir/zh") / "Patient-zh-d1.json").read_bytes())
    bundles = [
        gzip.decompress(path.read_bytes()),
        json.dumps({"resourceType": "Bundle", "entry": [{"resource": chinese}]}).encode(),
    ]
    words = sorted(set(itertools.chain(*(personal(each) for each in resources(bundles)))))
    load_all(served, bundles)
    assert scan(served, words, caplog.text) == set()


def test_no_identity_number_of_a_region_and_day_is_confirmed_by_a_tag(served: Served) -> None:
    """All 999 numbers of a region and a day: whoever has the chain tells none from another."""
    organisation = served.node.organisations[served.a.id]
    numbers = [resident_number(f"11010119900307{place:03}") for place in range(1, 1000)]
    mine = numbers[426]
    person, _ = organisation.enrol_person(RESIDENT, mine)
    start = TAGS.key(f"{served.a.id}/")
    tags = {
        codec.to_bytes(key.removeprefix(start).decode())
        for key, _ in served.node.engine.store.scan(start)
    }
    assert codec.to_bytes(organisation.tag(RESIDENT, mine)) in tags
    chain = b"".join(chain_data(served))
    secret = duplicates.share(duplicates.new_secret(), 1, 1)[0]
    for number in numbers:
        guesses = {
            hashlib.new(name, text.encode()).digest()[:32]
            for name in ("sha256", "sha512", "sha3_256", "blake2s")
            for text in (
                number,
                f"{RESIDENT}|{number}",
                f"{RESIDENT}{number}",
                f"{served.a.id}|{RESIDENT}|{number}",
                f"{person}{number}",
            )
        }
        guesses.add(
            codec.to_bytes(duplicates.tag_alone(secret.scalar, served.a.id, RESIDENT, number))
        )
        assert not guesses & tags
        assert not any(codec.to_text(each).encode() in chain for each in guesses)


def test_no_small_resource_is_confirmed_by_its_commitment(served: Served) -> None:
    """Gender and birth date: 240 candidates, and the salt alone tells which it is."""
    patient = patient_at(served, served.a)
    organisation = served.node.organisations[served.a.id]
    candidates = [
        json.dumps({"resourceType": "Person", "gender": gender, "birthDate": f"{year}-01-01"})
        for gender in ("female", "male")
        for year in range(1900, 2020)
    ]
    mine = candidates[77].encode()
    record = _taken_in(patient, mine)
    vault = organisation.vault
    proof = vault.proof(record, with_salt=True)
    assert proof.salt is not None
    salt = codec.to_bytes(proof.salt)
    confirmed = [each for each in candidates if commitment(salt, each.encode()) == proof.commitment]
    assert confirmed == [mine.decode()]
    on_chain = b"".join(chain_data(served))
    assert proof.salt.encode() not in on_chain
    public = [bytes(32), *(codec.to_bytes(each).ljust(32, b"\0") for each in (record, patient.id))]
    public.append(hashlib.sha256(codec.to_bytes(proof.batch)).digest())
    for each in candidates:
        guesses = {commitment(salt, each.encode()) for salt in public}
        guesses.add(codec.to_text(hashlib.sha256(each.encode()).digest()))
        assert proof.commitment not in guesses
        assert not any(guess.encode() in on_chain for guess in guesses)


def _taken_in(patient: Person, content: bytes) -> str:
    """Have one small resource taken in for a person, exactly as it is."""
    served = patient.served
    organisation = served.node.organisations[served.a.id]
    row = organisation.vault.catalogue.records(organisation.vault.records_of(patient.id))
    (named,) = [each for each in row if each.category == "demographics"]
    read = organisation.vault.read_own([named.record], patient.id, "patient-request")
    bundle = b'{"resourceType":"Bundle","entry":[{"resource":%s},{"resource":%s}]}' % (
        read[named.record],
        content,
    )
    path = f"bundles?person={patient.id}"
    before = set(organisation.vault.records_of(patient.id))
    operator(served, served.a).ask("POST", path, bundle, media_type=FHIR)
    new = set(organisation.vault.records_of(patient.id)) - before
    rows = organisation.vault.catalogue.records(sorted(new))
    (found,) = [each.record for each in rows if each.category == "other"]
    return found


def test_an_unlabelled_hiv_result_goes_under_the_sensitive_key(served: Served) -> None:
    patient = patient_at(served, served.a)
    vault = served.node.organisations[served.a.id].vault
    rows = vault.catalogue.records(vault.records_of(patient.id))
    keys = {
        vault.keystore.category_key(row.patient, row.category_key).name.sensitivity: row
        for row in rows
    }
    assert sorted(keys) == ["hiv", "normal"]
    content = vault.read_own([keys["hiv"].record], patient.id, "patient-request")
    assert b"7918-6" in content[keys["hiv"].record]


def test_logs_of_refused_bundles_name_nobody(
    served: Served, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    (bundle,) = sample.bundles(3, 1, language="zh-CN")
    words = sorted(set(itertools.chain(*(personal(each) for each in resources([bundle])))))
    desk = operator(served, served.a)
    desk.ask("POST", "bundles", bundle, media_type=FHIR)
    for broken in (bundle, bundle[:-2], bundle + bundle, bundle.replace(b'"Patient"', b'"X"')):
        problem = desk.refused("POST", "bundles", broken, media_type=FHIR)
        said = json.dumps([problem.parameters, problem.title, problem.detail], ensure_ascii=False)
        assert Scanner(needles(words, 4)).find(said.encode()) == set()
    assert Scanner(needles(words, 4)).find(caplog.text.encode()) == set()
