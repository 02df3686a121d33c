"""The page on deploying does not lie where a program can tell."""

from __future__ import annotations

import re

import pytest

from tests.deploy.charts import DEPLOY, documents
from tests.docs import test_docs as docs

PAGE = "deploy/README.md"


@pytest.mark.parametrize(
    "check",
    [
        docs.test_links_resolve,
        docs.test_commands_exist,
        docs.test_make_targets_exist,
        docs.test_paths_exist,
        docs.test_no_path_of_a_single_machine,
    ],
)
def test_it_holds_what_every_page_holds(check: object) -> None:
    assert callable(check)
    check(PAGE)


def test_every_part_is_there() -> None:
    table = docs.text_of(PAGE).split("| what | for |")[1].split("\n\n")[0]
    for name in re.findall(r"^\| `([^`]+)` \|", table, re.M):
        assert (DEPLOY / name).exists(), name


def test_the_secrets_of_compose_are_named() -> None:
    (compose,) = documents((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))
    text = docs.text_of(PAGE)
    for each in compose["secrets"]:
        assert f"`{each}`" in text, each
