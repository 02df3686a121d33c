"""`yilian organisation`: grants given, changed, taken back and listed, questions, and reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command
from yilian.ledger.modules.consent.messages import Ask, OpenSession
from yilian.sdk.client import Client
from yilian.sdk.terms import check_terms

_LISTS = ("categories", "records", "denied", "sensitivities", "redact", "purposes")
_MANY = {"team": "member", "conditions": "condition"}
_SINGLE = {
    "person": "person",
    "grantee": "grantee",
    "practitioner": "practitioner",
    "role": "role",
    "days": "days",
    "ends": "ends",
    "grant": "change",
    "ask": "answers",
}


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_share, _give, _take_back, _grants, _ask, _asks, _read)]


def _terms(console: Console) -> list[click.Parameter]:
    """Make the options that say what a grant opens, to whom, for what and how long."""
    lists = [option(console, "--" + name, metavar="NAME,NAME") for name in _LISTS]
    return [
        id_option(console, "--person", required=True),
        id_option(console, "--grantee", required=True),
        id_option(console, "--practitioner"),
        id_option(console, "--member", multiple=True),
        option(console, "--role", metavar="NAME"),
        *lists,
        option(console, "--condition", multiple=True, metavar="CONDITION"),
        option(console, "--days", type=values.whole(console, int), metavar="DAYS"),
        option(console, "--ends", type=values.moment(console), metavar="MOMENT"),
        id_option(console, "--change"),
        id_option(console, "--answers"),
    ]


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        name: given[said] for name, said in _SINGLE.items() if given[said] is not None
    }
    body |= {name: given[name].split(",") for name in _LISTS if given[name]}
    body |= {name: list(given[said]) for name, said in _MANY.items() if given[said]}
    return body


def _told(console: Console, answer: dict[str, Any]) -> int:
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


def _share(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            return _told(console, client.request("POST", place(given, "grants"), _asked(given)))

    return command(console, "share", run, _terms(console))


def _give(console: Console) -> Command:
    def run(**given: Any) -> int:
        body = _asked(given)
        with speaking(console, given) as client:
            prepared = client.request("POST", place(given, "grants/prepare"), body)
            # The node says what is to be signed; that it is what was asked for is seen here.
            message = check_terms(prepared, body)
            if body["person"] == given["sender"]:
                outcome = client.send([message])
            else:
                outcome = client.send([message], on_behalf_of=body["person"])
            path = place(given, f"grants/{prepared['grant']}/deliver")
            answer = client.request("POST", path)
        return _told(console, {**answer, "transaction": outcome.hash, "height": outcome.height})

    return command(console, "give", run, _terms(console))


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


def _grants(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, f"persons/{person}/grants"))
        lines = [_grant_line(console, each) for each in answer["grants"]]
        console.show({"ok": True, **answer}, lines or [console.of("node", "no_grants")])
        return DONE

    return command(console, "grants", run, [id_option(console, "--person", required=True)])


def _grant_line(console: Console, grant: dict[str, Any]) -> str:
    terms = grant["terms"]
    opened = [] if terms is None else [*terms["categories"], *(terms["records"] or ())]
    return console.of(
        "node",
        "grant_line",
        grant=grant["grant"],
        status=console.of("node", f"grant_status/{grant['status']}"),
        version=grant["version"],
        grantee="?" if terms is None else terms["grantee"],
        opened=", ".join(opened) or "?",
        ends=console.moment(grant["ends"]),
    )


def _ask(console: Console) -> Command:
    def run(categories: str, purposes: str | None, waits: int, **given: Any) -> int:
        body = {
            "categories": categories.split(","),
            "reason": given["reason"],
            "holder": given["holder"],
            "waits": waits,
            "days": given["days"] or 30,
            "system": given["system"],
            "number": given["number"],
            "card": given["card_text"],
        }
        if purposes:
            body["purposes"] = purposes.split(",")
        with speaking(console, given) as client:
            made = client.request("POST", place(given, "asks"), body)
            outcome = client.send([msgspec.convert(made, Ask)])
            answer = client.request("POST", place(given, f"asks/{made['ask']}/deliver"))
        told = {**made, **answer, "transaction": outcome.hash, "height": outcome.height}
        lines = [console.of("node", "asked", ask=made["ask"], ends=console.moment(made["ends"]))]
        console.show({"ok": bool(answer["delivered"]), **told}, lines)
        return DONE if answer["delivered"] else REFUSED

    params: list[click.Parameter] = [
        id_option(console, "--holder", required=True),
        option(console, "--system", metavar="NAME"),
        option(console, "--number", metavar="NUMBER"),
        option(console, "--card-text", metavar="TEXT"),
        option(console, "--categories", required=True, metavar="NAME,NAME"),
        option(console, "--purposes", metavar="NAME,NAME"),
        option(console, "--reason", required=True, metavar="NAME"),
        option(console, "--days", type=values.whole(console, int), metavar="DAYS"),
        option(console, "--waits", type=values.whole(console, int), default=14, metavar="DAYS"),
    ]
    return command(console, "ask", run, params)


def _asks(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, f"persons/{person}/asks"))
        lines = [
            console.of(
                "node",
                "ask_line",
                ask=each["ask"],
                status=console.of("node", f"ask_status/{each['status']}"),
                organisation=each["organisation"],
                categories=", ".join(each["categories"]),
                reason=each["reason"],
                days=each["days"],
                ends=console.moment(each["ends"]),
            )
            for each in answer["asks"]
        ]
        console.show({"ok": True, **answer}, lines or [console.of("node", "no_asks")])
        return DONE

    return command(console, "asks", run, [id_option(console, "--person", required=True)])


def _read(console: Console) -> Command:
    def run(grant: str, out: Path | None, person: str | None, **given: Any) -> int:
        body = {"grant": grant, "purpose": given["purpose"]}
        said = {"role": "role", "place": "place", "on_behalf_of": "reads_for"}
        body |= {name: given[each] for name, each in said.items() if given[each] is not None}
        with speaking(console, given) as client:
            answer = _opened(client, given, body, person)
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
        option(console, "--role", metavar="NAME"),
        option(console, "--place", metavar="NAME"),
        id_option(console, "--reads-for"),
        id_option(console, "--person"),
        option(console, "--out", type=values.file(console), metavar="FILE"),
    ]
    return command(console, "read", run, params)


def _opened(
    client: Client, given: dict[str, Any], body: dict[str, Any], person: str | None
) -> dict[str, Any]:
    prepared = client.request("POST", place(given, "sessions"), body)
    client.send([msgspec.convert(prepared, OpenSession)])
    whose = "" if person is None else f"?person={person}"
    path = place(given, f"sessions/{prepared['session']}/read{whose}")
    answer: dict[str, Any] = client.request("POST", path)
    return answer
