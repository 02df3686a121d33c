"""GS1 keys: two spellings, one canonical form, and no wrong digit that goes unseen."""

from __future__ import annotations

import json
from typing import Any

import biip.checksums
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from yilian.gateway.epcis.identifiers import LONGEST, canonical, constrained, parts, urn
from yilian.ledger.modules.supply.numbers import check_digit

DIGITS = st.text("0123456789", min_size=7, max_size=17)
GS1_TEXT = st.text("!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz", min_size=1, max_size=20)


def pairs() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared("epcis/hash/gs1_key_pairs.json").read_text())
    return found


def test_the_published_pairs_become_canonical_as_published() -> None:
    found = pairs()
    assert len(found) == 29
    wrong = [each for each in found if canonical(each["input"]) != each["canonical"]]
    assert wrong == []


def test_a_canonical_link_is_canonical() -> None:
    for each in pairs():
        assert canonical(each["canonical"]) == each["canonical"]


@given(DIGITS)
def test_the_check_digit_is_that_of_another_implementation(digits: str) -> None:
    assert int(check_digit(digits)) == biip.checksums.gs1_standard_check_digit(digits)


@given(st.sampled_from(("01/", "00/", "414/")), st.integers(0, 10**17 - 1), st.data())
def test_every_single_wrong_digit_is_caught(key: str, number: int, data: st.DataObject) -> None:
    length = {"01/": 13, "00/": 17, "414/": 12}[key]
    body = f"{number:017d}"[-length:]
    right = body + check_digit(body)
    at = data.draw(st.integers(0, length))
    digit = data.draw(st.sampled_from([each for each in "0123456789" if each != right[at]]))
    assert canonical(f"https://id.gs1.org/{key}{right}").endswith(right)
    with pytest.raises(ValueError, match="check_digit"):
        canonical(f"https://id.gs1.org/{key}{right[:at]}{digit}{right[at + 1 :]}")


def test_a_hundred_thousand_check_digits_are_those_of_another_implementation() -> None:
    for number in range(100_000):
        digits = f"{number * 7_919 % 10**13:013d}"
        assert int(check_digit(digits)) == biip.checksums.gs1_standard_check_digit(digits)


@given(st.integers(6, 12), st.integers(0, 10**13 - 1), GS1_TEXT)
def test_a_urn_comes_back_from_its_link(length: int, number: int, serial: str) -> None:
    digits = f"{number:013d}"
    link = f"https://id.gs1.org/01/{digits}{check_digit(digits)}/21/"
    first = urn(link + "0", length)
    assert first is not None
    quoted = "".join(
        each if each.isalnum() or each in "!'()*+,-.:;=_" else f"%{ord(each):02X}"
        for each in serial
    )
    name = f"{first.removesuffix('.0')}.{quoted}"
    assert urn(canonical(name), length) == name
    assert parts(canonical(name)).serial == serial


@pytest.mark.parametrize(
    "name",
    [
        "urn:epc:id:sscc:952007.10000000138",
        "urn:epc:id:sgln:9520001.00002.0",
        "urn:epc:id:sgln:9520001.00002.B-7",
        "urn:epc:id:pgln:952000123456.",
        "urn:epc:id:grai:9520001.00001.11",
        "urn:epc:id:giai:9520001.AAbb%2F1",
        "urn:epc:id:gsrn:9520001.0000006765",
        "urn:epc:id:gsrnp:9520001.0000006765",
        "urn:epc:id:gdti:9520001.00009.PO-4711",
        "urn:epc:id:sgcn:9520001.99999.44",
        "urn:epc:id:ginc:9520001.333",
        "urn:epc:id:gsin:9520001.999987654",
        "urn:epc:id:itip:9520001.012345.01.02.999",
        "urn:epc:id:upui:9520001.012345.AB12",
        "urn:epc:id:cpi:9520001.ABC%2F1.123",
        "urn:epc:class:lgtin:9520001.012345.L%2F1",
        "urn:epc:idpat:sgtin:9520001.012345.*",
        "urn:epc:idpat:grai:9520001.66666.*",
        "urn:epc:idpat:itip:9520001.012345.01.02.*",
        "urn:epc:idpat:cpi:9520001.ABC.*",
    ],
)
def test_every_scheme_goes_there_and_back(name: str) -> None:
    length = len(name.split(":")[4].split(".")[0])
    assert canonical(name).startswith("https://id.gs1.org/")
    assert urn(canonical(name), length) == name


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("urn:epc:id:sgtin:9520001.01234.1", "bad_partition"),
        ("urn:epc:id:sgtin:95200.01234567.1", "bad_partition"),
        ("urn:epc:id:sgtin:9520001.012345", "bad_partition"),
        ("urn:epc:id:sgtin:9520001.01234٣.1", "bad_partition"),
        ("urn:epc:id:sgtin:9520001.012345.", "bad_length"),
        ("urn:epc:id:sgtin:9520001.012345." + "1" * 21, "bad_length"),
        ("urn:epc:id:sgtin:9520001.012345.a%2", "bad_escape"),
        ("urn:epc:id:sgtin:9520001.012345.药", "bad_character"),
        ("urn:epc:id:sgtin:9520001.012345.a%E8%8D%AF", "bad_character"),
        ("urn:epc:id:sgitn:9520001.012345.1", "unknown_scheme"),
        ("urn:epc:id:lgtin:9520001.012345.1", "unknown_scheme"),
        ("urn:epc:id:sgcn:9520001.99999.4A", "bad_character"),
        ("urn:epc:id:giai:9520001.", "bad_length"),
        ("urn:epc:id:cpi:9520001.abc.1", "bad_character"),
        ("urn:epc:id:itip:9520001.012345.1.02.9", "bad_partition"),
        ("https://id.gs1.org/01/09506000134353", "check_digit"),
        ("https://id.gs1.org/01/0950600013435", "check_digit"),
        ("https://id.gs1.org/01/950600013435/21", "bad_digital_link"),
        ("https://id.gs1.org/01/09506000134352/99/1", "bad_digital_link"),
        ("https://id.gs1.org/01/09506000134352/21/1/21/2", "bad_digital_link"),
        ("https://id.gs1.org/00/34012345111111111", "bad_length"),
        ("https://id.gs1.org/nothing", "bad_digital_link"),
    ],
)
def test_what_is_no_key_is_named(uri: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        canonical(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "urn:epcglobal:cbv:bt:5200001000008:4711",
        "urn:epc:id:gid:95100000.12345.400",
        "urn:epc:idpat:sgtin:9520001.*.*",
        "http://transaction.acme.com/po/12345678",
        "https://example.com/archive/01/20240131",
        "https://example.com/01/09506000134353",
        "https://example.com/00/readme",
        "https://example.com/8004/note",
        "ni:///sha-256;00?ver=CBV2.0",
        "https://example.com/01/" + "9" * LONGEST,
    ],
)
def test_other_uris_stay_as_they_are(uri: str) -> None:
    assert canonical(uri) == uri


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("https://shop.example/a/b/gtin/9506000134352/ser/X%2f1", "01/09506000134352/21/X%2F1"),
        ("https://id.gs1.org/01/09506000134352/10/L%211", "01/09506000134352/10/L!1"),
        ("https://id.gs1.org/01/09506000134352/10/L1/21/7?17=261231", "01/09506000134352/21/7"),
        ("https://id.gs1.org/414/9506000111117/254/0", "414/9506000111117"),
        ("https://id.gs1.org/01/09506000134352/", "01/09506000134352"),
        ("HTTPS://ID.GS1.ORG/01/09506000134352/21/a", "01/09506000134352/21/a"),
        ("https://id.gs1.org/01/09506000134352/21/a%27%3B%3d", "01/09506000134352/21/a';="),
        ("urn:epc:id:sgtin:9506000.013435.a';=!()*+,:", "01/09506000134352/21/a';=!()*+,:"),
        ("URN:EPC:id:sgtin:9506000.013435.a", "01/09506000134352/21/a"),
    ],
)
def test_links_are_constrained(uri: str, link: str) -> None:
    assert canonical(uri) == f"https://id.gs1.org/{link}"


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("http://shop.example/gtin-8/01/95200019", "01/00000095200019"),
        ("http://shop.example/01/952000100009/22/A/10/L1", "01/00952000100009/10/L1"),
        ("https://id.gs1.org/01/09506000134353/21/a", "01/09506000134353/21/a"),
        ("https://shop.example/a/gtin/09506000134352/ser/X", "01/09506000134352/21/X"),
        ("urn:epc:id:sgtin:9506000.013435.a", "01/09506000134352/21/a"),
    ],
)
def test_the_event_hash_goes_by_the_form_of_a_link(uri: str, link: str) -> None:
    assert constrained(uri) == f"https://id.gs1.org/{link}"


@pytest.mark.parametrize(
    "uri",
    [
        "http://shop.example/01/97803",
        "http://shop.example/abc/9780345418913",
        "https://id.gs1.org/01/9780345418913/99/x",
        "https://shop.example/00/readme",
        "urn:epc:id:sgtin:1.2.3",
        "https://shop.example/01/" + "9" * LONGEST,
        "ni:///sha-256;00?ver=CBV2.0",
    ],
)
def test_what_has_no_such_form_is_hashed_as_it_is(uri: str) -> None:
    assert constrained(uri) == uri


def test_a_link_comes_apart() -> None:
    found = parts("https://id.gs1.org/01/09506000134352/10/L%2F1")
    assert (found.key, found.gtin14, found.lot, found.serial) == ("01", "09506000134352", "L/1", "")
    asset = parts("https://id.gs1.org/8003/04012345000221334455")
    assert (asset.gtin14, asset.serial) == ("", "334455")
    assert parts("https://id.gs1.org/414/4012345000054/254/122").extension == "122"
    with pytest.raises(ValueError, match="bad_digital_link"):
        parts("urn:epc:id:sscc:952007.10000000138")


def test_no_urn_without_the_length_of_the_prefix() -> None:
    link = "https://id.gs1.org/00/340123453111111115"
    assert urn(link, None) is None
    assert urn(link, 13) is None
    assert urn("https://example.com/", 7) is None
    assert urn(link, 7) == "urn:epc:id:sscc:4012345.3311111111"
