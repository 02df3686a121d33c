"""Imaging studies and other large objects: sent in pieces, fetched whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.progress import Progress
from yilian.cli.shape import Command
from yilian.ledger import codec
from yilian.sdk.client import Client

OCTETS = "application/octet-stream"
PIECE = 4 * 1024 * 1024


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_add(console), _get(console)]


def _add(console: Console) -> Command:
    def run(file: Path, person: str, media_type: str, record: str | None, **given: Any) -> int:
        rest = f"persons/{person}/studies"
        end = {name: given[name] for name in ("sensitivity", "retention")}
        try:
            source = file.open("rb")
        except OSError:
            raise console.usage("unreadable", path=str(file)) from None
        with source, speaking(console, given) as client:
            if record is None:
                begun = client.request("POST", place(given, rest), {"media_type": media_type})
            else:
                begun = client.request("GET", place(given, f"{rest}/{record}"))
            at = place(given, f"{rest}/{begun['record']}")
            digest = _send(console, client, at, source, begun)
            answer = client.request("POST", f"{at}/finish", {**end, "sha256": digest})
        told = {name: answer[name] for name in ("record", "size", "slices", "height")}
        console.show({"ok": True, **answer}, [console.of("node", "study_added", **told)])
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        id_option(console, "--person", required=True),
        option(console, "--media-type", default="application/dicom", metavar="TYPE"),
        option(console, "--sensitivity", default="normal", metavar="NAME"),
        option(console, "--retention", default="imaging", metavar="NAME"),
        id_option(console, "--record"),
    ]
    return command(console, "add-study", run, params)


def _send(
    console: Console, client: Client, at: str, source: BinaryIO, begun: dict[str, Any]
) -> str:
    """Send what the other side does not have yet; gives the digest of the whole file."""
    whole, received = hashlib.sha256(), begun["received"]
    size = os.fstat(source.fileno()).st_size
    step = max(1, PIECE // begun["chunk"]) * begun["chunk"]
    left = received
    while left > 0 and (known := source.read(min(left, PIECE))):
        whole.update(known)
        left -= len(known)
    with Progress(console, "progress/sent") as progress:
        while piece := source.read(step):
            whole.update(piece)
            path = f"{at}/pieces?offset={received}"
            answer = client.request("POST", path, piece, media_type=OCTETS)
            received = answer["received"]
            progress.of(received, size)
    return codec.to_text(whole.digest())


def _get(console: Console) -> Command:
    def run(file: Path, record: str, **given: Any) -> int:
        asked = {name: given[name] for name in ("purpose", "session") if given[name] is not None}
        path = place(given, f"records/{record}/object")
        part = file.with_name(file.name + ".part")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError:
            raise console.usage("not_written", path=str(file)) from None
        try:
            with os.fdopen(handle, "wb") as sink, speaking(console, given) as client:
                where = f"{path}?{urlencode(asked)}" if asked else path
                size = client.download(where, sink, media_type="*/*")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        lines = [console.of("node", "study_fetched", path=str(file), size=size)]
        console.show({"ok": True, "path": str(file), "size": size}, lines)
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        id_option(console, "--record", required=True),
        option(console, "--purpose", metavar="NAME"),
        id_option(console, "--session"),
    ]
    return command(console, "get-study", run, params)
