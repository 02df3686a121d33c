"""`yilian organisation`: take in records, share them, read what others share, check the vault."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.progress import Progress
from yilian.cli.shape import Command
from yilian.ledger.modules.consent.messages import OpenSession
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError

FHIR_JSON = "application/fhir+json"


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_load, _share, _take_back, _read, _check)]


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


def _share(console: Console) -> Command:
    def run(person: str, grantee: str, categories: str, days: int, **given: Any) -> int:
        body: dict[str, Any] = {
            "person": person,
            "grantee": grantee,
            "categories": categories.split(","),
            "days": days,
        }
        if given["practitioner"]:
            body["practitioner"] = given["practitioner"]
        with speaking(console, given) as client:
            answer = client.request("POST", place(given, "grants"), body)
        lines = [
            console.of(
                "node",
                "shared",
                grant=answer["grant"],
                height=answer["height"],
                ends=console.moment(answer["ends"]),
            )
        ]
        console.show({"ok": True, **answer}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        id_option(console, "--grantee", required=True),
        id_option(console, "--practitioner"),
        option(console, "--categories", required=True, metavar="NAME,NAME"),
        option(console, "--days", type=values.whole(console, int), default=30, metavar="DAYS"),
    ]
    return command(console, "share", run, params)


def _take_back(console: Console) -> Command:
    def run(person: str, grant: str, **given: Any) -> int:
        with speaking(console, given) as client:
            body = {"person": person, "grant": grant}
            answer = client.request("POST", place(given, "revocations"), body)
        lines = [console.of("node", "taken_back", grant=grant, height=answer["height"])]
        console.show({"ok": True, **answer}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        id_option(console, "--grant", required=True),
    ]
    return command(console, "take-back", run, params)


def _read(console: Console) -> Command:
    def run(grant: str, purpose: str, out: Path | None, **given: Any) -> int:
        with speaking(console, given) as client:
            body = {"grant": grant, "purpose": purpose}
            prepared = client.request("POST", place(given, "sessions"), body)
            client.send([msgspec.convert(prepared, OpenSession)])
            path = place(given, f"sessions/{prepared['session']}/read")
            answer = client.request("POST", path)
        records = answer["records"]
        if out is not None:
            out.write_text("".join(each["content"] + "\n" for each in records), "utf-8")
        lines = [console.of("node", "read", records=len(records), refused=len(answer["refused"]))]
        if out is None:
            lines += [each["content"] for each in records]
        console.show({"ok": bool(records), **answer}, lines)
        return DONE if records or not answer["refused"] else REFUSED

    params: list[click.Parameter] = [
        id_option(console, "--grant", required=True),
        option(console, "--purpose", default="treat", metavar="NAME"),
        option(console, "--out", type=values.file(console), metavar="FILE"),
    ]
    return command(console, "read", run, params)


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
