"""`yilian network doctor`: what is wrong with a member's node, and what to do next."""

from __future__ import annotations

from pathlib import Path

import click

from yilian.bootstrap.diagnosis import Finding, diagnose
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.network import asking


def commands(console: Console) -> list[click.Command]:
    """Make the command."""

    def run(folder: Path) -> int:
        found = diagnose(folder)
        bad = any(each.state == "bad" for each in found)
        told = [
            {
                "check": each.code,
                "state": each.state,
                "parameters": dict(each.parameters),
                "text": _text(console, each),
                "next": _next(console, each),
            }
            for each in found
        ]
        lines = []
        for each in found:
            lines.append(
                console.of("network", f"doctor_marks/{each.state}", text=_text(console, each))
            )
            if each.state != "good":
                lines.append("    " + _next(console, each))
        lines.append(console.of("network", "doctor_bad" if bad else "doctor_good"))
        console.show({"ok": not bad, "findings": told}, lines)
        return REFUSED if bad else DONE

    return [asking.command(console, "doctor", run, [asking.folder(console)])]


def _text(console: Console, finding: Finding) -> str:
    return console.of("network", f"doctor/{finding.code}/text", **finding.parameters)


def _next(console: Console, finding: Finding) -> str:
    if finding.state == "good":
        return ""
    return console.of("network", f"doctor/{finding.code}/next", **finding.parameters)
