"""A person's whole record taken out as one file, and taken in from another instance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command
from yilian.cli.verify import read_trust
from yilian.ledger import codec

ZIP = "application/zip"


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_export(console), _import(console)]


def _export(console: Console) -> Command:
    def run(person: str, file: Path, **given: Any) -> int:
        part = file.with_name(file.name + ".part")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError:
            raise console.usage("not_written", path=str(file)) from None
        try:
            with os.fdopen(handle, "wb") as sink, speaking(console, given) as client:
                path = place(given, f"persons/{person}/export")
                size = client.download(path, sink, media_type=ZIP)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        lines = [console.of("node", "person_exported", path=str(file), size=size)]
        console.show({"ok": True, "path": str(file), "size": size}, lines)
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        id_option(console, "--person", required=True),
    ]
    return command(console, "export", run, params)


def _import(console: Console) -> Command:
    def run(file: Path, trust: Path, person: str | None, **given: Any) -> int:
        query = {"trust": codec.to_text(read_trust(console, trust))}
        if person is not None:
            query["person"] = person
        try:
            content = file.read_bytes()
        except OSError:
            raise console.usage("unreadable", path=str(file)) from None
        with speaking(console, given) as client:
            path = f"{place(given, 'imports')}?{urlencode(query)}"
            answer = client.request("POST", path, content, media_type=ZIP)
        told = {name: answer[name] for name in ("person", "records", "skipped", "origins")}
        console.show({"ok": True, **answer}, [console.of("node", "person_imported", **told)])
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        option(console, "--trust", required=True, type=values.file(console), metavar="FILE"),
        id_option(console, "--person"),
    ]
    return command(console, "import", run, params)
