"""Notices: what they may carry is ids and times, and their words say nothing of health."""

from __future__ import annotations

import json
from importlib import resources
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.builders import HOSPITAL, NOW, identifier
from yilian.ledger.errors import Refusal
from yilian.text import LANGUAGES
from yilian.vault.notice import PARAMETERS, TIMES, checked, moment, opened, words

KINDS = sorted(PARAMETERS)
HEALTH = ["diagnos", "disease", "laborator", "medicin", "drug", "cancer", "virus"]
HEALTH += ["化验", "诊断", "疾病", "药", "癌", "病毒", "检验", "精神"]


def parameters(kind: str) -> dict[str, Any]:
    return {
        name: NOW if name in TIMES else identifier(f"{kind} {name}")
        for name in PARAMETERS[kind]  # type: ignore[index]
    }


def named(organisation: str) -> str:
    return {HOSPITAL: "仁爱医院"}.get(organisation, "Clinic\r\nBcc: all@example.cn\x00")


def raw(language: str) -> dict[str, Any]:
    file = resources.files("yilian.text") / language / "notices.json"
    return json.loads(file.read_text("utf-8"))  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_carried_comes_back(kind: str) -> None:
    assert opened(kind, checked(kind, parameters(kind))) == parameters(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_parameter_can_carry_a_text(kind: str) -> None:
    """Each parameter in turn: a text, a text as long as an id, another type, one too few."""
    for name in PARAMETERS[kind]:  # type: ignore[index]
        digits = 16 if name in TIMES else 0
        for value in (
            "HIV positive",
            "diabetes-mellitus-type2",
            "王秀英",
            "9" * digits,
            True,
            None,
        ):
            with pytest.raises(Refusal) as caught:
                checked(kind, parameters(kind) | {name: value})
            assert caught.value.code.name == "notice_parameters_differ"
            assert caught.value.parameters == {"kind": kind}
        fewer = parameters(kind)
        del fewer[name]
        with pytest.raises(Refusal):
            checked(kind, fewer)
    with pytest.raises(Refusal):
        checked(kind, parameters(kind) | {"note": identifier("note")})


@given(kind=st.sampled_from(KINDS), text=st.text(max_size=40))
def test_a_text_passes_only_where_it_has_the_form_of_an_id(kind: str, text: str) -> None:
    """Whatever passes is 22 letters of base64url, so it can hold no sentence."""
    name = next(each for each in PARAMETERS[kind] if each not in TIMES)  # type: ignore[index]
    try:
        checked(kind, parameters(kind) | {name: text})
    except Refusal:
        return
    assert len(text) == 22
    assert text.isascii()
    assert " " not in text


@pytest.mark.parametrize("kind", ["", "death", "grant_given\n", "../errors", "王"])
def test_an_unknown_kind_is_refused_and_not_repeated(kind: str) -> None:
    with pytest.raises(Refusal) as caught:
        checked(kind, {})
    assert caught.value.code.name == "notice_kind_unknown"
    assert caught.value.parameters == {}


def test_both_languages_have_all_words_and_only_harmless_places() -> None:
    for language in LANGUAGES:
        said = raw(language)
        assert said.keys() == {*KINDS, "outside"}
        for kind in KINDS:
            assert said[kind].keys() == {"title", "body"}
            places = {place for _, place, _, _ in Formatter().parse(said[kind]["body"]) if place}
            assert places <= {"organisation", *TIMES} & set(PARAMETERS[kind])
            assert "{" not in said[kind]["title"]
        text = json.dumps(said, ensure_ascii=False).lower()
        assert [word for word in HEALTH if word in text] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_said(kind: str, language: Any) -> None:
    """A name cannot break out of its line, and what leaves the house names only the sender."""
    made = words(kind, parameters(kind), language, named, HOSPITAL)
    chinese = any("一" <= letter <= "鿿" for letter in made.title)
    assert chinese == (language == "zh-CN")
    assert made.body.isprintable()
    assert "仁爱医院" in made.outside
    assert "Clinic" not in made.outside + made.title
    assert not any(str(value) in made.outside + made.title for value in parameters(kind).values())


@pytest.mark.parametrize(
    ("time", "offset", "said"),
    [
        (0, 480, "1970-01-01 08:00 (UTC+08:00)"),
        (1_790_000_000_000, 0, "2026-09-21 14:13 (UTC+00:00)"),
        (1_790_000_000_000, -210, "2026-09-21 10:43 (UTC-03:30)"),
        (2**53 - 1, 480, str(2**53 - 1)),
    ],
)
def test_moments(time: int, offset: int, said: str) -> None:
    assert moment(time, offset) == said
