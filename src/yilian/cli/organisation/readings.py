"""`yilian organisation`: read, list, correct and note an organisation's own records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.organisation.records import FHIR_JSON
from yilian.cli.shape import Command


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_read, _list, _correct, _note, _versions)]


def _asking_for(purpose: str | None) -> str:
    return "" if purpose is None else f"?purpose={purpose}"


def _read(console: Console) -> Command:
    def run(record: str, purpose: str | None, out: Path | None, **given: Any) -> int:
        with speaking(console, given) as client:
            path = place(given, f"records/{record}") + _asking_for(purpose)
            answer = client.request("GET", path)
        if out is not None:
            out.write_text(answer["content"], "utf-8")
        console.show({"ok": True, **answer}, [] if out is not None else [answer["content"]])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--record", required=True),
        option(console, "--purpose", metavar="NAME"),
        option(console, "--out", type=values.file(console), metavar="FILE"),
    ]
    return command(console, "read-own", run, params)


def _list(console: Console) -> Command:
    def run(person: str, purpose: str | None, **given: Any) -> int:
        with speaking(console, given) as client:
            path = place(given, f"persons/{person}/records") + _asking_for(purpose)
            answer = client.request("GET", path)
        lines = [
            console.of(
                "node",
                "record_line",
                record=each["record"],
                month=each["month"],
                category=each["category"],
                sensitivity=each["sensitivity"],
                kind=each["kind"],
                status=each["status"],
            )
            for each in answer["entries"]
        ] or [console.of("node", "no_records")]
        console.show({"ok": True, **answer}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(console, "--purpose", metavar="NAME"),
    ]
    return command(console, "records", run, params)


def _correct(console: Console) -> Command:
    def run(record: str, file: Path, **given: Any) -> int:
        with speaking(console, given) as client:
            path = place(given, f"records/{record}/corrections")
            content = file.read_bytes()
            answer = client.request("POST", path, content, media_type=FHIR_JSON)
        lines = [
            console.of(
                "node",
                "record_corrected",
                record=record,
                by=answer["record"],
                height=answer["height"],
            )
        ]
        console.show({"ok": True, **answer}, lines)
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        id_option(console, "--record", required=True),
    ]
    return command(console, "correct", run, params)


def _note(console: Console) -> Command:
    def run(person: str, text: str, replaces: str | None, **given: Any) -> int:
        body = {"text": text} if replaces is None else {"text": text, "replaces": replaces}
        with speaking(console, given) as client:
            answer = client.request("POST", place(given, f"persons/{person}/notes"), body)
        lines = [
            console.of("node", "noted", record=answer["record"], height=answer["height"]),
        ]
        console.show({"ok": True, **answer}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(console, "--text", required=True, metavar="TEXT"),
        id_option(console, "--replaces"),
    ]
    return command(console, "note", run, params)


def _versions(console: Console) -> Command:
    def run(record: str, **given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, f"records/{record}/versions"))
        lines = [
            console.of(
                "node",
                "version_line",
                record=each["record"],
                time=console.moment(each["deposited"]),
                status=each["status"],
            )
            for each in answer["versions"]
        ]
        console.show({"ok": True, **answer}, lines)
        return DONE

    return command(console, "versions", run, [id_option(console, "--record", required=True)])
