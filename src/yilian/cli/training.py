"""`yilian training`: check somebody's training credential; no organisation is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import connect, values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.shape import Command, Group, Option
from yilian.cli.verify import read_trust
from yilian.gateway.training import check
from yilian.sdk import verify as verifier

TEXTS = "portal_training"


def command(console: Console) -> Group:
    """Make the noun."""
    return Group(console, "training", console.words("nouns/training"), [_verify(console)])


def _verify(console: Console) -> Command:
    def run(file: Path, trust: Path, now: bool, **given: Any) -> int:
        pinned = read_trust(console, trust)
        text = _bytes(console, file)
        try:
            newest = _newest(console, given, text) if now else None
            report = check.check(text, pinned, verifier.verify, newest)
        except verifier.NotVerified as reason:
            told = {"verified": False, "code": reason.code, "detail": reason.detail}
            why = console.words(f"proof/{reason.code}")
            lines = [console.words("not_verified", file=str(file)), f"  {why} ({reason.code})"]
            console.show({"file": str(file), **told}, lines)
            return REFUSED
        good = report.withdrawn is None
        told = {"verified": good, **report._asdict(), "facts": report.facts._asdict()}
        console.show({"file": str(file), **told}, _lines(console, file, report))
        return DONE if good else REFUSED

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
        Option(console, ["--now"], console.of(TEXTS, "cli/now"), is_flag=True),
        *connect.to_node(console),
    ]
    return Command(console, "verify", console.of(TEXTS, "cli/verify"), run, params)


def _newest(console: Console, given: dict[str, Any], text: bytes) -> bytes:
    """Ask a node for the state proof of today; it is judged like those in the file."""
    key = check.status_key(text)
    with connect.client(console, given) as client:
        return msgspec.json.encode(client.state_proof(key))


def _bytes(console: Console, path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(check.MAX_FILE + 1)
    except OSError:
        raise console.usage("unreadable", path=str(path)) from None


def _lines(console: Console, file: Path, report: check.Report) -> Iterator[str]:
    facts, withdrawn = report.facts, report.withdrawn
    yield console.words("verified" if withdrawn is None else "not_verified", file=str(file))
    if withdrawn is not None:
        yield "  " + console.of(TEXTS, "cli/withdrawn", time=console.moment(withdrawn))
    yield "  " + console.of(
        TEXTS,
        "cli/completed",
        subject=facts.subject,
        course=console.of(TEXTS, f"courses/{facts.course}/title"),
        version=facts.version,
        band=facts.band,
    )
    yield "  " + console.of(
        TEXTS,
        "cli/issued",
        name=report.name,
        organisation=facts.organisation,
        time=console.moment(report.anchored),
    )
    if withdrawn is None:
        yield "  " + console.of(TEXTS, "cli/asked", height=report.asked, time=report.time)
    yield "  " + console.words("level/" + report.level.replace(" ", "_"))
    if report.warnings:
        yield "  " + console.words("trust_old")
