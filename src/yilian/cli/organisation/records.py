"""`yilian organisation`: take in records, check the vault."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import command, id_option, place, speaking
from yilian.cli.progress import Progress
from yilian.cli.shape import Command
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError

FHIR_JSON = "application/fhir+json"


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_load, _check)]


def _load(console: Console) -> Command:
    def run(files: tuple[Path, ...], **given: Any) -> int:
        found = list(_bundles(console, files))
        loaded: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        start = time.perf_counter()
        with speaking(console, given) as client, Progress(console, "progress/loaded") as progress:
            for done, path in enumerate(found, 1):
                try:
                    loaded.append({"file": path.name, **_load_one(client, given, path)})
                except ProblemError as problem:
                    console.note(f"{path.name}: {problem.title} ({problem.code})")
                    refused.append({"file": path.name, "code": problem.code})
                progress.of(done, len(found))
        seconds = time.perf_counter() - start
        records = sum(each["records"] for each in loaded)
        told = {
            "ok": not refused,
            "bundles": len(loaded),
            "records": records,
            "seconds": round(seconds, 3),
            "loaded": loaded,
            "refused": refused,
        }
        rate = round(records / seconds) if seconds else 0
        lines = [console.of("node", "loaded", bundles=len(loaded), records=records, rate=rate)]
        console.show(told, lines)
        return REFUSED if refused else DONE

    argument = click.Argument(["files"], nargs=-1, required=True, type=values.file(console))
    return command(console, "load", run, [argument, id_option(console, "--person")])


def _load_one(client: Client, given: dict[str, Any], path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    whose = f"?person={given['person']}" if given["person"] else ""
    at = place(given, "bundles") + whose
    answer: dict[str, Any] = client.request("POST", at, content, media_type=FHIR_JSON)
    return answer


def _bundles(console: Console, files: tuple[Path, ...]) -> Iterator[Path]:
    for each in files:
        if each.is_dir():
            yield from sorted((*each.glob("*.json"), *each.glob("*.json.gz")))
        elif each.exists():
            yield each
        else:
            raise console.usage("unreadable", path=str(each))


def _check(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, "integrity"))
        damaged = answer["damaged"]
        lines = [console.of("node", "vault_damaged", **each) for each in damaged] or [
            console.of("node", "vault_intact")
        ]
        console.show({"ok": not damaged, **answer}, lines)
        return REFUSED if damaged else DONE

    return command(console, "check", run, [])
