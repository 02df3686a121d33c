"""The audit trail of an organisation, and who saw a person's records."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command

_FILTERS = ("subject", "actor", "transaction", "operation", "since", "until")
_PAGE = 200


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_audit(console), _who_saw(console)]


def _audit(console: Console) -> Command:
    def run(most: int, **given: Any) -> int:
        asked = {name: given[name] for name in _FILTERS if given[name] is not None}
        entries = _pages(console, given, "audit", "entries", asked, most)
        lines = [_entry(console, each["entry"], each["proof"]) for each in entries]
        lines.append(console.of("node", "audit_entries", entries=len(entries)))
        console.show({"ok": True, "entries": entries}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--subject"),
        option(console, "--actor", metavar="ID"),
        option(console, "--transaction", metavar="HASH"),
        option(console, "--operation", metavar="NAME"),
        *_span(console),
        _most(console),
    ]
    return command(console, "audit", run, params)


def _who_saw(console: Console) -> Command:
    def run(person: str, most: int, **given: Any) -> int:
        asked = {name: given[name] for name in ("since", "until") if given[name] is not None}
        found = _pages(console, given, f"persons/{person}/disclosures", "disclosures", asked, most)
        lines = [_disclosure(console, each) for each in found]
        lines.append(console.of("node", "disclosures", disclosures=len(found)))
        console.show({"ok": True, "person": person, "disclosures": found}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        *_span(console),
        _most(console),
    ]
    return command(console, "who-saw", run, params)


def _span(console: Console) -> list[click.Parameter]:
    moment = values.moment(console)
    return [
        option(console, "--since", type=moment, metavar="TIME"),
        option(console, "--until", type=moment, metavar="TIME"),
    ]


def _most(console: Console) -> click.Parameter:
    return option(console, "--most", type=values.whole(console, int), default=1000, metavar="COUNT")


def _pages(
    console: Console,
    given: dict[str, Any],
    rest: str,
    member: str,
    asked: dict[str, Any],
    most: int,
) -> list[dict[str, Any]]:
    """Go through the pages of a listing until it ends or there are `most`."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    with speaking(console, given) as client:
        while len(found) < most:
            query = {**asked, "limit": min(_PAGE, most - len(found))}
            if cursor is not None:
                query["cursor"] = cursor
            page = client.request("GET", f"{place(given, rest)}?{urlencode(query)}")
            found += page[member]
            cursor = page.get("next")
            if cursor is None:
                break
    return found[:most]


def _entry(console: Console, entry: dict[str, Any], proof: dict[str, Any] | None) -> str:
    return console.of(
        "node",
        "audit_entry",
        time=console.moment(entry["time"]),
        actor=entry["actor"],
        operation=entry["operation"],
        status=entry["status"],
        refusal=entry["refusal"] or "-",
        place="-" if proof is None else str(proof["anchored"]["height"]),
    )


def _disclosure(console: Console, each: dict[str, Any]) -> str:
    reader = each["reader"]
    return console.of(
        "node",
        "disclosure",
        time=console.moment(each["time"]),
        name=reader["name"] or reader["id"],
        organisation=reader["organisation_name"] or reader["organisation"] or "-",
        records=len(each["records"]),
        purpose=each["purpose"],
        basis=each["basis"],
        outcome=each["outcome"],
        reasons=", ".join(each["reasons"]) or "-",
    )
