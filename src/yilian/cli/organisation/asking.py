"""What all commands of an organisation share: who signs, where to, and how options are told."""

from __future__ import annotations

from typing import Any

import click

from yilian.cli import connect, values
from yilian.cli.console import Console
from yilian.cli.shape import Command, Option
from yilian.sdk.client import Client

BASE = "/v1/organisations"
_WORDS = {"check": "check-vault", "export": "export-person"}
"""Words of commands whose name `yilian node` uses too."""

_SIGNING = ("signing_key", "passphrase_file", "sender", "node", "patience")


def command(
    console: Console, name: str, run: Any, params: list[click.Parameter], about: str | None = None
) -> Command:
    """Make a command of the organisation; `run` is given its options and those for signing."""
    own = [id_option(console, "--organisation", required=True, envvar="YILIAN_PAYER"), *params]
    signing = [each for each in connect.to_sign(console) if each.name in _SIGNING]
    about = about or console.of("node", "commands/" + _WORDS.get(name, name))
    return Command(console, name, about, run, [*own, *signing])


def speaking(console: Console, given: dict[str, Any]) -> Client:
    """Make the client that speaks as whoever signs."""
    (signer,) = connect.signers({**given, "countersign": ()}, connect.passphrase(console, given))
    return connect.client(
        console, given, signer=signer, sender=given["sender"], payer=given["organisation"]
    )


def place(given: dict[str, Any], rest: str) -> str:
    """Give an address below the organisation."""
    return f"{BASE}/{given['organisation']}/{rest}"


def option(console: Console, name: str, **settings: Any) -> Option:
    """Make an option whose words stand in the texts of `node`."""
    key = "own_organisation" if name == "--organisation" else name.removeprefix("--")
    note = console.of("node", "options/" + key.replace("-", "_"))
    return Option(console, [name], note, **settings)


def id_option(console: Console, name: str, **settings: Any) -> Option:
    """Make an option that takes an id."""
    return option(console, name, type=values.id_of(console), metavar="ID", **settings)
