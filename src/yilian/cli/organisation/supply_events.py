"""EPCIS events: documents captured, and events asked for by the standard's query language."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import TEXTS, command, number_option, option
from yilian.cli.progress import Progress
from yilian.cli.shape import Command
from yilian.sdk.client import Client
from yilian.sdk.errors import AnswerError
from yilian.sdk.steps import Answer, check

LONGEST_SECONDS = 3_600
PAUSE = 0.1
LONGEST_PAUSE = 2.0
PER_PAGE = 1_000
_NEXT = re.compile(r"[?&]nextPageToken=([^&>]+)[^>]*>; *rel=\"?next")


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_capture(console), _events(console)]


def repository(given: dict[str, Any], rest: str) -> str:
    """Give an address of the organisation's EPCIS repository."""
    return f"/epcis/{given['organisation']}/{rest}"


def _capture(console: Console) -> Command:
    def run(file: Path, proceed: bool, **given: Any) -> int:
        try:
            content = file.read_bytes()
        except OSError:
            raise console.usage("unreadable", path=str(file)) from None
        with speaking(console, given) as client:
            job = _hand_in(client, given, content, proceed)
            found = _await(console, client, repository(given, f"capture/{job}"))
        lines = [
            console.of(
                TEXTS,
                "fault",
                event=each.get("event", "-"),
                path=each["path"] or "-",
                detail=each["detail"],
            )
            for each in found["errors"]
        ]
        key = "captured" if found["success"] else "captured_rest" if proceed else "captured_none"
        lines.append(console.of(TEXTS, key, job=job, errors=len(found["errors"])))
        console.show({"ok": found["success"], **found}, lines)
        return DONE if found["success"] else REFUSED

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console)),
        option(console, "--proceed", is_flag=True),
    ]
    return command(console, "capture", run, params)


def _hand_in(client: Client, given: dict[str, Any], content: bytes, proceed: bool) -> str:
    """Hand a document in; gives the id of its job."""
    is_xml = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"
    answer = client.exchange(
        "POST",
        repository(given, "capture"),
        content,
        media_type="application/xml" if is_xml else "application/json",
        headers={"GS1-Capture-Error-Behaviour": "proceed" if proceed else "rollback"},
    )
    check(answer)
    job = answer.headers.get("location", "").rpartition("/")[2]
    if not job:
        raise AnswerError(answer.status, "no place of the capture")
    return job


def _await(console: Console, client: Client, path: str) -> dict[str, Any]:
    """Look at a job until it has been carried out."""
    started, pause = time.monotonic(), PAUSE
    with Progress(console, "progress/captured") as progress:
        while True:
            found: dict[str, Any] = client.request("GET", path)
            seconds = int(time.monotonic() - started)
            if not found["running"] or seconds > LONGEST_SECONDS:
                return found
            progress.of(seconds, 0)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _events(console: Console) -> Command:
    def run(query: tuple[str, ...], most: int, **given: Any) -> int:
        asked = [_asked(console, each) for each in query]
        found: list[dict[str, Any]] = []
        token: str | None = None
        with speaking(console, given) as client:
            while len(found) < most:
                pairs = [*asked, ("perPage", str(min(PER_PAGE, most - len(found))))]
                pairs += [] if token is None else [("nextPageToken", token)]
                path = repository(given, "events?" + urlencode(pairs, quote_via=quote))
                answer = client.exchange("GET", path)
                found += _listed(answer)
                token = following(answer)
                if token is None:
                    break
        lines = [_line(console, each) for each in found]
        lines.append(console.of(TEXTS, "events", events=len(found)))
        if token is not None:
            lines.append(console.of(TEXTS, "events_more", most=most))
        console.show({"ok": True, "events": found, "more": token is not None}, lines)
        return DONE

    params: list[click.Parameter] = [
        option(console, "--query", multiple=True, metavar="NAME=VALUE"),
        number_option(console, "--most", default=100),
    ]
    return command(console, "events", run, params)


def _asked(console: Console, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals) or name in ("perPage", "nextPageToken"):
        raise console.usage("expects", name="--query", expected=console.words("expects/filter"))
    return name, value


def following(answer: Answer) -> str | None:
    """Give the token of the next page, from the header `Link`."""
    found = _NEXT.search(answer.headers.get("link", ""))
    return None if found is None else unquote(found[1])


def _listed(answer: Answer) -> Sequence[dict[str, Any]]:
    check(answer)
    try:
        document = msgspec.json.decode(answer.body)
        listed = document["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError):
        raise AnswerError(answer.status, "not a document of events") from None
    return list(listed)


def _line(console: Console, event: dict[str, Any]) -> str:
    things = [
        *([event["parentID"]] if "parentID" in event else []),
        *event.get("epcList", ()),
        *event.get("childEPCs", ()),
        *event.get("inputEPCList", ()),
        *event.get("outputEPCList", ()),
    ]
    shown = ", ".join(things[:3]) + (" …" if len(things) > 3 else "")
    return console.of(
        TEXTS,
        "event_line",
        time=event.get("eventTime", "-"),
        type=event.get("type", "-"),
        step=event.get("bizStep", "-"),
        disposition=event.get("disposition", "-"),
        event=event.get("eventID", "-"),
        things=shown or "-",
    )
