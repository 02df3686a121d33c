"""The page on consortia says the same in both languages."""

from __future__ import annotations

from tests.docs.test_docs import _all_commands, fenced, inline, text_of

PAGES = ("docs/consortium.md", "docs/consortium.zh-CN.md")


def test_both_pages_have_the_same_commands() -> None:
    english, chinese = map(_all_commands, PAGES)
    assert english == chinese
    assert len(english) > 15
    assert fenced(text_of(PAGES[0]), "bash") == fenced(text_of(PAGES[1]), "bash")


def test_both_pages_name_the_same_files() -> None:
    english, chinese = (set(inline(text_of(page))) for page in PAGES)
    assert english == chinese
