"""The page on the supply chain: its blocks are commands that exist, with what each needs."""

from __future__ import annotations

import re

from tests.docs.test_docs import FENCE, OPERATOR, options_of, resolve, text_of, words_of

PAGE = "docs/supply.md"
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
