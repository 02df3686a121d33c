"""Reading a Patient for the desk: what is sound is kept, what is not is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.builders import identifier
from yilian.gateway.fhir.patient import described
from yilian.vault.desk_formats import Person

WHO = identifier("wang")
WANG: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"use": "official", "text": "王秀英", "family": "王", "given": ["秀英"]}],
    "birthDate": "1958-02-28",
    "telecom": [
        {"system": "phone", "value": "138 0013 8000"},
        {"system": "email", "value": "wang@example.cn"},
    ],
    "communication": [{"language": {"coding": [{"code": "zh-CN"}]}}],
}


def read(**changes: Any) -> Person | None:
    return described(WHO, json.dumps({**WANG, **changes}).encode())


def test_a_patient_is_read_as_the_desk_knows_people() -> None:
    person = read()
    assert person is not None
    assert (person.person, person.name, person.born) == (WHO, "王秀英", "1958-02-28")
    assert person.language == "zh-CN"
    assert (person.contacts.email, person.contacts.phone) == ("wang@example.cn", "+8613800138000")
    assert person.contacts.webhook is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([{"family": "王", "given": ["秀英"]}], "王秀英"),
        ([{"family": "Dunmere", "given": ["Hugo", "Kofi"]}], "Hugo Kofi Dunmere"),
        ([{"use": "nickname", "text": "Hu"}, {"use": "official", "text": "Hugo"}], "Hugo"),
        ([{"use": "maiden", "text": "Old"}, {"use": "usual", "text": "New"}], "New"),
        ([{"text": "  A \n B "}], "A B"),
        ([{"text": "x" * 500}], "x" * 200),
    ],
)
def test_the_name_in_use(names: list[dict[str, Any]], expected: str) -> None:
    person = read(name=names)
    assert person is not None
    assert person.name == expected


@pytest.mark.parametrize(
    "names", [[], [{}], [{"text": "  "}], [{"text": "王\u202e秀英"}], [{"text": "a\x00b"}]]
)
def test_without_a_usable_name_there_is_no_entry(names: list[dict[str, Any]]) -> None:
    assert read(name=names) is None


@pytest.mark.parametrize(
    ("changes", "born", "email", "phone"),
    [
        ({"birthDate": "1958"}, None, "wang@example.cn", "+8613800138000"),
        ({"birthDate": "1958-02-30"}, None, "wang@example.cn", "+8613800138000"),
        ({"telecom": [{"system": "email", "value": "none"}]}, "1958-02-28", None, None),
        ({"telecom": [{"system": "phone", "value": "555-0163"}]}, "1958-02-28", None, None),
        (
            {"telecom": [{"system": "phone", "value": "+1 (617) 555-0163"}]},
            "1958-02-28",
            None,
            "+16175550163",
        ),
        (
            {
                "telecom": [
                    {"system": "email", "value": "a@b"},
                    {"system": "phone", "value": "13800138000"},
                ]
            },
            "1958-02-28",
            None,
            "+8613800138000",
        ),
    ],
)
def test_what_is_unsound_is_left_out_alone(
    changes: dict[str, Any], born: str | None, email: str | None, phone: str | None
) -> None:
    person = read(**changes)
    assert person is not None
    assert (person.born, person.contacts.email, person.contacts.phone) == (born, email, phone)


@pytest.mark.parametrize(
    ("spoken", "name", "language"),
    [
        ([], "王秀英", "zh-CN"),
        ([], "Hugo", "en"),
        (["en-US"], "王秀英", "en"),
        (["fr"], "Hugo", "en"),
        (["fr", "zh"], "Hugo", "zh-CN"),
    ],
)
def test_the_language_of_notices(spoken: list[str], name: str, language: str) -> None:
    communication = [{"language": {"coding": [{"code": each}]}} for each in spoken]
    person = read(communication=communication, name=[{"text": name}])
    assert person is not None
    assert person.language == language


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(field=st.sampled_from(sorted(WANG)), value=_json)
def test_no_patient_breaks_the_reading(field: str, value: Any) -> None:
    person = described(WHO, json.dumps({**WANG, field: value}).encode("utf-8", "surrogatepass"))
    assert person is None or person.person == WHO


def test_what_is_no_patient_is_nobody() -> None:
    for content in (b"", b"[]", b"\xff", b"[" * 100_000):
        assert described(WHO, content) is None
