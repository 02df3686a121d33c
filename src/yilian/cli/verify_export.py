"""`yilian verify-export`: check a person's export offline, item by item; no node is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.shape import Command, Option
from yilian.cli.verify import read_trust
from yilian.gateway.content.check import Report, verify_export
from yilian.sdk.verify import verify


def command(console: Console) -> Command:
    """Make the command."""

    def run(file: Path, trust: Path, origin_trust: tuple[Path, ...]) -> int:
        if not file.is_file():
            raise console.usage("unreadable", path=str(file))
        pinned = read_trust(console, trust)
        texts = [read_trust(console, each) for each in origin_trust]
        others = {str(json.loads(each)["chain_id"]): each for each in texts}
        report = verify_export(file, pinned, verify, others)
        console.show(_told(file, report), _lines(console, file, report))
        return REFUSED if report.bad else DONE

    kind = values.file(console)
    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=kind),
        Option(
            console,
            ["--trust"],
            console.words("options/trust"),
            type=kind,
            metavar="FILE",
            required=True,
        ),
        Option(
            console,
            ["--origin-trust"],
            console.of("export", "origin_trust"),
            type=kind,
            metavar="FILE",
            multiple=True,
        ),
    ]
    return Command(console, "verify-export", console.words("nouns/verify-export"), run, params)


def _told(file: Path, report: Report) -> dict[str, Any]:
    bad = [each._asdict() for each in report.bad]
    return {"file": str(file), "verified": not bad, **report._asdict(), "bad": bad}


def _lines(console: Console, file: Path, report: Report) -> list[str]:
    lines = [console.words("not_verified" if report.bad else "verified", file=str(file))]
    lines += ["  " + console.of("export", "bad", **each._asdict()) for each in report.bad]
    lines.append(
        "  "
        + console.of(
            "export",
            "counted",
            chain=report.chain,
            height=report.height,
            records=report.records,
            journal=report.journal,
        )
    )
    for name in ("origins", "unchecked", "pending", "withheld"):
        number = getattr(report, name)
        if number:
            lines.append("  " + console.of("export", f"besides/{name}", number=number))
    if report.level != "none":
        lines.append("  " + console.words("level/" + report.level.replace(" ", "_")))
    if report.warnings:
        lines.append("  " + console.words("trust_old"))
    return lines
