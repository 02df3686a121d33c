"""One timeline of a person out of all sources."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_timeline(console)]


def _timeline(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        asked = {name: given[name] for name in ("since", "until", "type", "sessions")}
        query = {name: value for name, value in asked.items() if value is not None}
        if given["content"]:
            query["content"] = "true"
        path = place(given, f"persons/{person}/timeline")
        with speaking(console, given) as client:
            answer = client.request("GET", f"{path}?{urlencode(query)}" if query else path)
        lines = [_line(console, each) for each in answer["entries"]]
        lines.append(
            console.of(
                "node",
                "timeline",
                entries=len(answer["entries"]),
                sources=len(answer["sources"]),
                refused=len(answer["refused"]),
            )
        )
        lines += [
            console.of("node", "timeline_unchecked", organisation=each["organisation"])
            for each in answer["sources"]
            if not each["checked"]
        ]
        console.show({"ok": True, **answer}, lines)
        return DONE

    moment = values.moment(console)
    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(console, "--since", type=moment, metavar="TIME"),
        option(console, "--until", type=moment, metavar="TIME"),
        option(console, "--type", metavar="NAME"),
        option(console, "--sessions", metavar="ID,ID"),
        option(console, "--content", is_flag=True),
    ]
    return command(console, "timeline", run, params)


def _line(console: Console, entry: dict[str, Any]) -> str:
    when = entry["time"]["text"] if entry["time"] else console.of("node", "timeline_undated")
    said = " ".join(filter(None, (entry["display"], entry["value"])))
    line = f"{when}  {entry['type']}  {said}".rstrip()
    marks = [f"x{len(entry['sources'])}"] if len(entry["sources"]) > 1 else []
    if entry["conflicts"]:
        marks.append(console.of("node", "timeline_conflict"))
    return f"{line}  [{', '.join(marks)}]" if marks else line
