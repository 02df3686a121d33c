"""Bearer tokens for programs of the trade that cannot sign."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import place, speaking
from yilian.cli.organisation.supply_asking import (
    TEXTS,
    command,
    id_option,
    number_option,
    option,
)
from yilian.cli.shape import Choice, Command

DAY_MS = 86_400_000


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_make(console), _list(console), _revoke(console)]


def _make(console: Console) -> Command:
    def run(
        name: str, rights: tuple[str, ...], days: int, partner: str | None, **given: Any
    ) -> int:
        body = {
            "name": name,
            "rights": list(rights),
            "expires": time.time_ns() // 1_000_000 + days * DAY_MS,
            **({} if partner is None else {"partner": partner}),
        }
        with speaking(console, given) as client:
            made = client.request("POST", place(given, "epcis/tokens"), body)
        lines = [_line(console, made["token"]), console.of(TEXTS, "bearer", bearer=made["bearer"])]
        console.show({"ok": True, **made}, lines)
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["name"], metavar="NAME"),
        option(
            console,
            "--rights",
            type=Choice(console, ("capture", "query")),
            multiple=True,
            required=True,
        ),
        number_option(console, "--days", default=30),
        option(console, "--partner", metavar="ID|GLN"),
    ]
    return command(console, "token", run, params)


def _list(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", place(given, "epcis/tokens"))
        lines = [_line(console, each) for each in found["tokens"]]
        console.show({"ok": True, **found}, lines or [console.of(TEXTS, "no_tokens")])
        return DONE

    return command(console, "tokens", run, [])


def _revoke(console: Console) -> Command:
    def run(token: str, **given: Any) -> int:
        with speaking(console, given) as client:
            ended = client.request("DELETE", place(given, f"epcis/tokens/{token}"))
        console.show({"ok": True, "token": ended}, [_line(console, ended)])
        return DONE

    return command(console, "revoke-token", run, [id_option(console, "--token", required=True)])


def _line(console: Console, token: Mapping[str, Any]) -> str:
    ended = token["revoked"]
    return console.of(
        TEXTS,
        "token_line" if ended is None else "token_revoked",
        token=token["token"],
        name=token["name"],
        rights=", ".join(token["rights"]),
        partner=token["partner"] or "-",
        until=console.moment(token["expires"] if ended is None else ended),
    )
