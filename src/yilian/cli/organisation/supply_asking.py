"""What the commands of the supply chain share: codes as scanners type them, places, answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import Console
from yilian.cli.organisation import asking
from yilian.cli.shape import Command, Option
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.steps import Answer, check

TEXTS = "trade"
"""The file that has their words."""

MAX_CODES = 10_000
GLN_DIGITS = 13


def command(console: Console, name: str, run: Any, params: Sequence[click.Parameter]) -> Command:
    """Make a command of the supply chain; as `asking.command`, with words of its own file."""
    about = console.of(TEXTS, f"commands/{name}")
    return asking.command(console, name, run, list(params), about)


def option(console: Console, name: str, **settings: Any) -> Option:
    """Make an option whose words stand in the texts of `trade`."""
    key = name.removeprefix("--").replace("-", "_")
    return Option(console, [name], console.of(TEXTS, f"options/{key}"), **settings)


def id_option(console: Console, name: str, **settings: Any) -> Option:
    """Make an option that takes an id."""
    return option(console, name, type=values.id_of(console), metavar="ID", **settings)


def number_option(console: Console, name: str, **settings: Any) -> Option:
    """Make an option that takes an integer."""
    return option(console, name, type=values.whole(console, int), metavar="NUMBER", **settings)


def code_argument() -> click.Argument:
    """Make the argument for one code as it was scanned."""
    return click.Argument(["code"], metavar="CODE")


def address(given: dict[str, Any], rest: str, query: Mapping[str, Any] | None = None) -> str:
    """Give an address of the organisation's supply chain; nulls are left out of the query."""
    asked = {name: value for name, value in (query or {}).items() if value is not None}
    end = "?" + urlencode(asked, quote_via=quote) if asked else ""
    return asking.place(given, f"supply/{rest}") + end


def place(console: Console, text: str) -> str:
    """Read a place: a GLN, or a URI as it is."""
    if text.isascii() and text.isdigit():
        if len(text) != GLN_DIGITS:
            expected = console.of(TEXTS, "expects/place")
            raise console.usage("expects", name="--place", expected=expected)
        return f"https://id.gs1.org/414/{text}"
    return text


def codes(
    console: Console, given: Sequence[str], file: str | None, *, needed: bool = True
) -> list[str]:
    """Gather codes: arguments, then the lines of a file (`-`: what is typed or piped in).

    Where neither is given they are read from what is piped in. A group separator (0x1D) inside a
    line belongs to its code.
    """
    found = list(given)
    if file is None and not found and needed:
        file = "-"
    if file is not None:
        found += _lines(console, file)
    if not found and needed:
        raise console.usage("missing", name="CODE...")
    if len(found) > MAX_CODES:
        raise console.usage(
            "expects",
            name="CODE...",
            expected=console.of(TEXTS, "expects/codes", limit=MAX_CODES),
        )
    return found


def _lines(console: Console, file: str) -> list[str]:
    if file == "-" and sys.stdin.isatty():
        console.note(console.of(TEXTS, "scan_now"))
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise console.usage("unreadable", path=file) from None
    # Neither `splitlines` nor a bare `strip`: both take a group separator for white space.
    return [line for each in text.split("\n") if (line := each.strip(" \t\r"))]


def sent(
    console: Console, client: Client, method: str, path: str, body: Any = None
) -> tuple[Any, int | None]:
    """Make a request; where units are refused, say each, and give the exit code instead."""
    answer = client.exchange(method, path, body)
    units = refused_units(answer)
    if not units:
        check(answer)
        return msgspec.json.decode(answer.body), None
    try:
        check(answer)
    except ProblemError as problem:
        told = (problem.title, problem.detail, problem.next)
        code = console.refused(
            problem.code, problem.parameters, told, number=problem.number, units=units
        )
        for each in units:
            console.note(console.of(TEXTS, "refused_line", unit=each["unit"], code=each["code"]))
        return None, code
    raise AssertionError("an answer with refused units is a problem")


def refused_units(answer: Answer) -> list[dict[str, Any]]:
    """List the units that a problem document names, each with the code that says why."""
    if answer.status < 400:
        return []
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    units = found.get("units") if isinstance(found, dict) else None
    return [
        each
        for each in units or ()
        if isinstance(each, dict) and isinstance(each.get("unit"), str) and "code" in each
    ]
