"""Texts: complete in both languages, their places those of the codes, languages negotiated."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from importlib import resources
from string import Formatter
from typing import Any, get_args

import pytest

import yilian
from yilian.gateway.supply.code_form import Reason, Seen
from yilian.ledger import errors
from yilian.portal.kinds import words
from yilian.text import LANGUAGES, negotiate, say

PARTS = ("title", "detail", "next")
for module in pkgutil.walk_packages(yilian.__path__, "yilian."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_words(language: str) -> None:
    """Each declared code can be said, with no place left open and no parameter made up."""
    for code in errors.every():
        parameters = {name: f"<{name}>" for name in code.parameters}
        for part in PARTS:
            text = say(language, "errors", f"{code.name}/{part}", **parameters)
            assert text
            assert "{" not in text


def test_the_languages_say_the_same_of_a_code() -> None:
    """Both files know the same codes, and use the same parameters of each."""
    files = [
        json.loads((resources.files("yilian.text") / name / "errors.json").read_text("utf-8"))
        for name in LANGUAGES
    ]
    assert files[0].keys() == files[1].keys()
    for name in files[0]:
        places = [
            {
                place
                for part in PARTS
                for _, place, _, _ in Formatter().parse(words[name][part])
                if place
            }
            for words in files
        ]
        assert places[0] == places[1], name


def test_chinese_is_chinese() -> None:
    """No sentence of the Chinese file was left in English."""
    words = json.loads(
        (resources.files("yilian.text") / "zh-CN" / "errors.json").read_text("utf-8")
    )
    for name, parts in words.items():
        for part in PARTS:
            assert any("一" <= letter <= "鿿" for letter in parts[part]), (name, part)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_code_says_of_a_scanned_code_is_in_words(language: str) -> None:
    """No word of the protocol is left in a sentence, and each has one of its own."""
    told = {(each, "text") for each in get_args(Reason)} | {
        ("date", each) for each in get_args(Seen)
    }
    said = set()
    for reason, seen in told:
        detail = say(language, "errors", "supply.code_unreadable/detail", reason=reason, seen=seen)
        assert "_" not in detail
        if language == "zh-CN":
            assert not re.search("[a-z]{3}", detail), detail
        said.add(detail)
    assert len(said) == len(told)
    unknown = say(language, "errors", "supply.code_unreadable/detail", reason="new", seen="date")
    assert "new" in unknown


FILES = sorted(each.name for each in (resources.files("yilian.text") / "en").iterdir())
FORMS = {"en": ("_one", "_other"), "zh-CN": ("_other",)}
"""The plural forms of each language (Unicode CLDR, cardinals), as i18next names them."""


def _leaves(words: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in words.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}/")
        else:
            yield f"{above}{key}", value


def _counted(name: str, language: str) -> dict[str, dict[str, str]]:
    """Give a file's texts by key; those of a number of things together, by plural form."""
    file = resources.files("yilian.text") / language / name
    found: dict[str, dict[str, str]] = {}
    for key, text in _leaves(json.loads(file.read_text("utf-8"))):
        form = next((each for each in FORMS["en"] if key.endswith(each)), "")
        plural = form != "" and "{count}" in text
        found.setdefault(key.removesuffix(form) if plural else key, {})[form * plural] = text
    return found


@pytest.mark.parametrize("name", FILES)
def test_both_languages_have_the_same_texts(name: str) -> None:
    """The same keys in every file, each with the plural forms of its language, and the same
    places; none is empty.
    """
    english, chinese = (_counted(name, language) for language in ("en", "zh-CN"))
    assert english.keys() == chinese.keys()
    for key in english:
        for language, forms in (("en", english[key]), ("zh-CN", chinese[key])):
            assert set(forms) in ({""}, set(FORMS[language])), key
            assert all(text.strip() for text in forms.values()), key
        assert ("" in english[key]) is ("" in chinese[key]), key
        places = [
            {
                place
                for text in forms.values()
                for _, place, _, _ in Formatter().parse(text)
                if place
            }
            for forms in (english[key], chinese[key])
        ]
        assert places[0] == places[1], key


PORTAL = [each for each in FILES if each.startswith("portal")]


@pytest.mark.parametrize("name", PORTAL)
def test_the_portals_chinese_is_chinese(name: str) -> None:
    """Every text that people read has Chinese in it, but for names of languages and marks."""
    for key, forms in _counted(name, "zh-CN").items():
        for text in forms.values():
            bare = "".join(part for part, _, _, _ in Formatter().parse(text))
            written = any("一" <= letter <= "鿿" for letter in bare)
            lettered = any(letter.isalpha() for letter in bare)
            assert written or not lettered or key in NOT_TRANSLATED, (key, text)


NOT_TRANSLATED = {"languages/en"}


def test_every_word_of_an_event_has_its_words() -> None:
    """A page in Chinese shows no word of the protocol that was left in English."""
    for language in LANGUAGES:
        for word in words():
            assert say(language, "portal_values", f"words/{word}")


@pytest.mark.parametrize(
    ("language", "capability", "key"),
    [
        ("de", "errors", "malformed/title"),
        ("en", "nothing", "malformed/title"),
        ("en", "../en/errors", "malformed/title"),
        ("en", "errors", "no_such_code/title"),
        ("en", "errors", "malformed"),
        ("en", "errors", "malformed/title/more"),
        ("en", "errors", "too_large/detail"),
    ],
)
def test_what_is_missing_is_a_key_error(language: str, capability: str, key: str) -> None:
    """A missing language, file, key or parameter is never passed over."""
    with pytest.raises(KeyError):
        say(language, capability, key)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh-Hant-TW", "zh-CN"),
        ("ZH", "zh-CN"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr,zh;q=0.5,en;q=0.4", "zh-CN"),
        ("fr", "en"),
        ("*;q=0.1,zh;q=0", "en"),
        ("zh;q=nan,en;q=0.1", "en"),
        ("zh;q=2", "en"),
        ("zh;level=1", "en"),
        (";;;,=,q=1", "en"),
        ("x," * 5000 + "zh", "en"),
    ],
)
def test_negotiation(header: str | None, language: str) -> None:
    """The best weighted language that we speak wins; what cannot be read is passed over."""
    assert negotiate(header) == language
