"""`yilian organisation`: documents for named members: sent, listed, read, proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command

OCTETS = "application/octet-stream"


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_send, _list, _read, _prove)]


def _send(console: Console) -> Command:
    def run(file: Path, to: tuple[str, ...], media_type: str, **given: Any) -> int:
        try:
            content = file.read_bytes()
        except OSError:
            raise console.usage("unreadable", path=str(file)) from None
        path = place(given, "private?recipients=" + ",".join(to))
        with speaking(console, given) as client:
            sent = client.request("POST", path, content, media_type=media_type)
        told = {name: sent[name] for name in ("document", "commitment")}
        console.show({"ok": True, **sent}, [console.of("node", "private_sent", **told)])
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        id_option(console, "--to", required=True, multiple=True),
        option(console, "--media-type", default=OCTETS, metavar="TYPE"),
    ]
    return command(console, "send-private", run, params)


def _list(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", place(given, "private"))
        lines = [
            console.of(
                "node",
                "private_line",
                document=each["document"],
                sent=console.moment(each["sent"]),
                sender=each["sender"],
                recipients=", ".join(each["recipients"]),
                media_type=each["media_type"],
                size=each["size"],
            )
            for each in found["documents"]
        ]
        console.show({"ok": True, **found}, lines or [console.of("node", "no_private")])
        return DONE

    return command(console, "private-documents", run, [])


def _read(console: Console) -> Command:
    def run(file: Path, document: str, **given: Any) -> int:
        part = file.with_name(file.name + ".part")
        try:
            sink = part.open("wb")
        except OSError:
            raise console.usage("not_written", path=str(file)) from None
        try:
            with sink, speaking(console, given) as client:
                part.chmod(0o600)
                size = client.download(place(given, f"private/{document}"), sink, media_type="*/*")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        lines = [console.of("node", "private_read", path=str(file), size=size)]
        console.show({"ok": True, "path": str(file), "size": size}, lines)
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        id_option(console, "--document", required=True),
    ]
    return command(console, "read-private", run, params)


def _prove(console: Console) -> Command:
    def run(document: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", place(given, f"private/{document}/proof"))
        told = {name: found[name] for name in ("batch", "index", "total")}
        console.show({"ok": True, **found}, [console.of("node", "private_proved", **told)])
        return DONE

    return command(console, "prove-private", run, [id_option(console, "--document", required=True)])
