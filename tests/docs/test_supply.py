"""The page on the supply chain: its blocks are commands that exist, with what each needs."""

from __future__ import annotations

import re

from tests.docs.test_docs import FENCE, OPERATOR, options_of, resolve, text_of, words_of

PAGE = "docs/supply.md"
CHINESE = "docs/supply.zh-CN.md"
SCANNING = ("docs/scanning.md", "docs/scanning.zh-CN.md")
SET = ("YILIAN_SENDER", "YILIAN_PAYER", "YILIAN_KEY", "YILIAN_PLACE")


def lines() -> list[str]:
    text = "\n".join(body for language, body in FENCE.findall(text_of(PAGE)) if language == "sh")
    text = re.sub(r"<<'END'\n.*?^END$", "", text, flags=re.S | re.M)
    return [each for each in text.splitlines() if each.strip() and "() {" not in each]


def commands() -> list[list[str]]:
    found = []
    for line in lines():
        for words in words_of(line):
            while words and (words[0] in ("until", "do", "if") or "=" in words[0]):
                words = words[1:]
            if words and words[0] == "yilian":
                found.append(words[1:])
    return found


def test_the_page_sets_what_its_commands_take_from_the_environment() -> None:
    text = text_of(PAGE)
    assert all(f"{name}=" in text for name in SET)


def test_each_command_exists_and_has_what_it_needs() -> None:
    typed = commands()
    assert len(typed) > 30
    for words in typed:
        assert not any(OPERATOR.match(each) for each in words)
        command, rest = resolve(words)
        known = options_of(command)
        rest = rest[: rest.index("--")] if "--" in rest else rest
        given = {each.partition("=")[0] for each in rest if re.match(r"--?[a-z]", each)}
        assert given <= set(known), words
        missing = [
            each.opts
            for each in known.values()
            if each.required and each.envvar not in SET and not given & {*each.opts}
        ]
        assert not missing, (words, missing)


def test_every_command_of_the_noun_that_acts_is_named() -> None:
    from yilian.cli.organisation.supply_actions import ACTIONS

    text = text_of(PAGE)
    assert all(f"`{each.name}`" in text for each in ACTIONS)


def shape_of(path: str) -> tuple[list[str], list[str], list[int]]:
    """What two pages about the same must share: levels of sections, blocks, rows of tables."""
    text = text_of(path)
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    return (
        re.findall(r"^(#+) ", prose, flags=re.M),
        re.findall(r"```.*?```", text, flags=re.S),
        [each.count("\n") for each in re.findall(r"(?:^\|.*\n)+", prose, flags=re.M)],
    )


def test_the_chinese_pages_have_the_same_sections_commands_and_tables() -> None:
    for english, chinese in ((PAGE, CHINESE), SCANNING):
        assert shape_of(english) == shape_of(chinese)
        for page, other in ((english, chinese), (chinese, english)):
            assert f"({other.removeprefix('docs/')})" in text_of(page)


def test_both_pages_on_scanning_name_the_same_codes() -> None:
    codes = [set(re.findall(r"`([a-z_.]+)`", text_of(each))) for each in SCANNING]
    assert codes[0] == codes[1]
