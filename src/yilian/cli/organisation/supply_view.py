"""A regulator's view: what a member's posts moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import TEXTS, address, command, number_option
from yilian.cli.shape import Command

AT_ONCE = 200
"""Intervals in one question."""

MOST_SHOWN = 20
"""Packs of one movement that are printed."""


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_openings(console)]


def _openings(console: Console) -> Command:
    def run(member: str, first: int, last: int | None, **given: Any) -> int:
        end = first if last is None else last
        found: list[dict[str, Any]] = []
        with speaking(console, given) as client:
            for begin in range(first, end + 1, AT_ONCE):
                asked = {"first": begin, "last": min(end, begin + AT_ONCE - 1)}
                path = address(given, f"openings/{member}", asked)
                found += client.request("GET", path)["intervals"]
        wrong = [each for each in found if each["fault"] in ("missing", "wrong")]
        lines = [line for each in found for line in _lines(console, each)]
        console.show({"ok": not wrong, "member": member, "intervals": found}, lines)
        return REFUSED if wrong else DONE

    params: list[click.Parameter] = [
        click.Argument(["member"], metavar="ID", type=values.id_of(console)),
        number_option(console, "--first", required=True),
        number_option(console, "--last"),
    ]
    return command(console, "openings", run, params)


def _lines(console: Console, each: Mapping[str, Any]) -> Iterator[str]:
    state = each["fault"] or ("opened" if each["movements"] else "empty")
    yield console.of(TEXTS, f"opening/{state}", interval=each["interval"])
    for move in each["movements"]:
        kind = "made" if move["made"] and move["kind"] == "kept" else move["kind"]
        units = move["units"]
        rest = ", …" if len(units) > MOST_SHOWN else ""
        yield console.of(
            TEXTS,
            f"movement/{kind}",
            count=len(units),
            units=", ".join(units[:MOST_SHOWN]) + rest,
            holder=move.get("holder") or "-",
            word=move.get("word") or "-",
        )
