"""The words of the CBV: all of them, no others, and every spelling of each."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from yilian.gateway.epcis.vocabulary import WORDS, Kind, bare, expanded, written_out

ENUMERATIONS: dict[Kind, str] = {
    "bizStep": "bizStep",
    "disposition": "disposition",
    "bizTransaction": "bizTransaction-type",
    "sourceOrDestination": "source-dest-type",
    "reason": "error-reason",
    "component": "component",
    "measurement": "measurementType",
    "alert": "sensorAlertType",
}
ALL = sorted((kind, word) for kind, words in WORDS.items() for word in words)


def test_the_words_are_those_of_the_schema() -> None:
    text = shared("epcis/schema/epcis-json-schema-2.0.1.json").read_text()
    definitions = json.loads(text)["definitions"]
    for kind, name in ENUMERATIONS.items():
        assert WORDS[kind] == frozenset(definitions[name]["anyOf"][1]["enum"]), kind
    assert set(ENUMERATIONS) == set(WORDS)


@given(st.sampled_from(ALL))
def test_every_spelling_is_one_word(named: tuple[Kind, str]) -> None:
    kind, word = named
    web = expanded(kind, word)
    assert web.startswith("https://ref.gs1.org/")
    assert bare(kind, web) == bare(kind, word) == word
    short = web.replace("https://ref.gs1.org/cbv/", "cbv:").replace(
        "https://ref.gs1.org/voc/", "gs1:"
    )
    assert bare(kind, short) == word
    assert expanded(kind, short) == expanded(kind, web) == web


@pytest.mark.parametrize(
    ("kind", "urn"),
    [
        ("bizStep", "urn:epcglobal:cbv:bizstep:shipping"),
        ("disposition", "urn:epcglobal:cbv:disp:recalled"),
        ("bizTransaction", "urn:epcglobal:cbv:btt:po"),
        ("sourceOrDestination", "urn:epcglobal:cbv:sdt:location"),
        ("reason", "urn:epcglobal:cbv:er:did_not_occur"),
    ],
)
def test_urns_of_earlier_versions_are_the_same_words(kind: Kind, urn: str) -> None:
    word = urn.rpartition(":")[2]
    assert bare(kind, urn) == word
    assert expanded(kind, urn) == expanded(kind, word)


def test_a_word_of_another_vocabulary_stays() -> None:
    assert bare("bizStep", "urn:epcglobal:cbv:disp:recalled") == "urn:epcglobal:cbv:disp:recalled"
    assert bare("bizStep", "https://example.com/shipping") == "https://example.com/shipping"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("cbv:Comp-x", "https://ref.gs1.org/cbv/Comp-x"),
        ("epcis:ObjectEvent", "https://ref.gs1.org/epcis/ObjectEvent"),
        ("http://www.gs1.org/voc/Mass", "https://ref.gs1.org/voc/Mass"),
        ("my:thing", "my:thing"),
        ("cbv:", "cbv:"),
        ("cbv: a sentence", "cbv: a sentence"),
        ("", ""),
    ],
)
def test_three_prefixes_are_written_out(value: str, written: str) -> None:
    assert written_out(value) == written
