"""`yilian organisation`: share chosen records once as a SMART Health Link, list links, end them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command

_LISTS = ("categories", "records", "sensitivities")
_MAX_PASSCODE = 1_024


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_make, _all, _end)]


def _passcode(console: Console, file: Path) -> str:
    """Read a passcode from a file: on a command line every user of the machine could see it."""
    try:
        with file.open("rb") as source:
            return source.read(_MAX_PASSCODE).decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise console.usage("unreadable", path=str(file)) from None


def _make(console: Console) -> Command:
    def run(person: str, passcode_file: Path | None, direct: bool, **given: Any) -> int:
        body: dict[str, Any] = {
            name: given[name] for name in ("label", "minutes", "openings") if given[name]
        }
        body |= {name: given[name].split(",") for name in _LISTS if given[name]}
        if direct:
            body["direct"] = True
        if passcode_file is not None:
            body["passcode"] = _passcode(console, passcode_file)
        with speaking(console, given) as client:
            made = client.request("POST", place(given, f"persons/{person}/health-links"), body)
        link = made["health_link"]
        lines = [
            console.of(
                "node",
                "health_link_made",
                link=link["link"],
                records=len(link["records"]),
                expires=console.moment(link["expires"]),
                left=link["left"],
            ),
            made["viewer"],
            made["shlink"],
        ]
        if made["left_out"]:
            lines.append(console.of("node", "health_link_left_out", records=made["left_out"]))
        console.show({"ok": True, **made}, lines)
        return DONE

    number = values.whole(console, int)
    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        *(option(console, "--" + name, metavar="NAME,NAME") for name in _LISTS),
        option(console, "--label", metavar="TEXT"),
        option(console, "--minutes", type=number, metavar="MINUTES"),
        option(console, "--openings", type=number, metavar="COUNT"),
        option(console, "--passcode-file", type=values.file(console), metavar="FILE"),
        option(console, "--direct", is_flag=True),
    ]
    return command(console, "share-link", run, params)


def _line(console: Console, link: dict[str, Any]) -> str:
    return console.of(
        "node",
        "health_link_" + link["state"],
        link=link["link"],
        label=link["label"],
        expires=console.moment(link["expires"]),
        left=link["left"],
        opened=len(link["openings"]),
    )


def _all(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", place(given, f"persons/{person}/health-links"))
        lines = []
        for link in found["health_links"]:
            lines.append(_line(console, link))
            lines += [
                console.of(
                    "node",
                    "health_link_opening",
                    time=console.moment(each["time"]),
                    recipient=each["recipient_unverified"] or "-",
                )
                for each in link["openings"]
            ]
        console.show({"ok": True, **found}, lines or [console.of("node", "no_health_links")])
        return DONE

    return command(console, "share-links", run, [id_option(console, "--person", required=True)])


def _end(console: Console) -> Command:
    def run(person: str, health_link: str, **given: Any) -> int:
        with speaking(console, given) as client:
            path = place(given, f"persons/{person}/health-links/{health_link}")
            ended = client.request("DELETE", path)
        console.show({"ok": True, **ended}, [_line(console, ended)])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        id_option(console, "--health-link", required=True),
    ]
    return command(console, "end-share-link", run, params)
