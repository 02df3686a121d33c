"""`yilian scan`: whether a pack is real, by the code on it; without key, account or login."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from yilian.cli import connect
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.shape import Command

TEXTS = "trade"
SOUND = "genuine"
"""The verdict that leads to the exit code 0."""

_PAINT = {"green": "32", "blue": "34", "amber": "33", "red": "31", "grey": "90"}


def command(console: Console) -> Command:
    """Make the command."""

    def run(code: str, **given: Any) -> int:
        with connect.client(console, given) as client:
            found = client.scan(code)
        console.show({"ok": found["verdict"] == SOUND, **found}, _lines(console, found))
        return DONE if found["verdict"] == SOUND else REFUSED

    params: list[click.Parameter] = [
        click.Argument(["code"], metavar="CODE"),
        *connect.to_node(console),
    ]
    return Command(console, "scan", console.words("nouns/scan"), run, params)


def _lines(console: Console, found: Mapping[str, Any]) -> Iterator[str]:
    yield _painted(found["title"], found["colour"])
    yield found["do"]
    if found["why"]:
        yield found["why"]
    yield console.of(TEXTS, "scan/product", product=found["product"], maker=found["maker"])
    told = {name: found.get(name) or "-" for name in ("serial", "lot", "expiry")}
    yield console.of(TEXTS, "scan/numbers", gtin=found["gtin"], **told)
    recall = found.get("recall")
    if recall is not None:
        told = {name: recall[name] for name in ("id", "grade", "reason")}
        yield console.of(TEXTS, "scan/recall", time=console.moment(recall["issued"]), **told)


def _painted(text: str, colour: str) -> str:
    """Colour a verdict where a person looks at a terminal."""
    paint = _PAINT.get(colour)
    if paint is None or not sys.stdout.isatty():
        return text
    return f"\x1b[1;{paint}m{text}\x1b[0m"
