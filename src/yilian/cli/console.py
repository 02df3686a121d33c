"""What a command says, and where: results to stdout, everything else to stderr.

Exit codes: 0 done or verified; 1 refused or not verified; 2 usage, or a file that cannot be read;
3 no node answers; 4 the node answers but its engine stopped, is damaged or not ready.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

import click
import msgspec

from yilian.ledger.errors import Refusal, by_name
from yilian.text import LANGUAGES, say

DONE = 0
REFUSED = 1
USAGE = 2
UNREACHABLE = 3
STOPPED = 4


class Usage(click.UsageError):
    """A command line that says something else than its author can mean."""


class Console:
    """The reader's language and form of output, fixed before any command is built."""

    def __init__(self, language: str, as_json: bool, as_python: bool = False) -> None:
        """`as_python`: a command that asks a node tells what a program would write instead."""
        self.language = language
        self.as_json = as_json
        self.as_python = as_python

    def words(self, key: str, /, **parameters: int | str) -> str:
        """Give a sentence of the command line itself."""
        return say(self.language, "cli", key, **parameters)

    def of(self, capability: str, key: str, /, **parameters: int | str) -> str:
        """Give a sentence of a capability."""
        return say(self.language, capability, key, **parameters)

    def usage(self, key: str, /, **parameters: int | str) -> Usage:
        """Make the error to raise for a command line that cannot be meant."""
        return Usage(self.words(f"usage/{key}", **parameters))

    def show(self, result: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Give the result: one JSON object, or lines for a person."""
        if self.as_json:
            _write(sys.stdout, msgspec.json.encode(result).decode("utf-8"))
        else:
            for line in lines:
                _write(sys.stdout, line)

    def note(self, line: str) -> None:
        """Say something that is not the result."""
        _write(sys.stderr, line)

    def moment(self, millis: int) -> str:
        """Write a moment in UTC, to the second where it is whole."""
        try:
            at = datetime.fromtimestamp(millis / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return f"{millis} ms"
        return at.isoformat(timespec="milliseconds" if millis % 1000 else "seconds").replace(
            "+00:00", "Z"
        )

    def refused(
        self,
        code: str,
        parameters: Mapping[str, int | str],
        fallback: Sequence[str] = (),
        **more: Any,
    ) -> int:
        """Say what was refused, why, and what to do next; gives the exit code."""
        title, detail, following = self._told(code, parameters, fallback)
        for line in (f"{title} ({code})", detail, following):
            if line:
                self.note(line)
        answer = {"code": code, "parameters": parameters, "title": title, **more}
        self.fail({**answer, "detail": detail, "next": following})
        return REFUSED

    def law_refused(self, refusal: Refusal) -> int:
        """Say what the law refuses before anything is sent; gives the exit code."""
        number = refusal.code.number
        return self.refused(refusal.code.name, refusal.parameters, number=number)

    def fail(self, error: Mapping[str, Any]) -> None:
        """With --json, give an error as the one object on stdout."""
        if self.as_json:
            self.show({"ok": False, "error": error}, ())

    def _told(
        self, code: str, parameters: Mapping[str, int | str], fallback: Sequence[str]
    ) -> tuple[str, str, str]:
        try:
            known = set(by_name(code).parameters) <= set(parameters)
        except KeyError:
            known = False
        try:
            if known:
                title, detail, following = (
                    say(self.language, "errors", f"{code}/{part}", **parameters)
                    for part in ("title", "detail", "next")
                )
                return title, detail, following
        except KeyError:
            pass
        title, detail, following = (*fallback, "", "", "")[:3]
        return title or self.words("refused_title"), detail, following


def language_of(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Choose the language: `--language`, YILIAN_LANGUAGE, LC_ALL, LC_MESSAGES, LANG, English."""
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--language":
            given = value if equals else "".join(arguments[at + 1 : at + 2])
            return given if given in LANGUAGES else "en"
    if environment.get("YILIAN_LANGUAGE") in LANGUAGES:
        return environment["YILIAN_LANGUAGE"]
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(variable):
            return "zh-CN" if environment[variable].lower().startswith("zh") else "en"
    return "en"


def _write(stream: IO[str], line: str) -> None:
    click.echo(line, file=stream)
