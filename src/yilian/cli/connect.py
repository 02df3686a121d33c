"""The options that lead to a node, and the client and signers that they make."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yilian.cli import values
from yilian.cli.console import Console
from yilian.cli.shape import Option
from yilian.sdk import drafts
from yilian.sdk.errors import KeyFileError
from yilian.sdk.signers import Ed25519Signer, Passphrase, passphrase_file

if TYPE_CHECKING:
    from yilian.sdk.client import Client

NODE = "http://127.0.0.1:8420"
PATIENCE = 5.0


def to_node(console: Console) -> list[click.Parameter]:
    """Make the options of every command that asks a node."""
    words = console.words
    return [
        Option(console, ["--node"], words("options/node", default=NODE), envvar="YILIAN_NODE"),
        Option(
            console,
            ["--patience"],
            words("options/patience", default=f"{PATIENCE:g}"),
            type=values.seconds(console),
            metavar="SECONDS",
        ),
    ]


def passphrase_option(console: Console) -> Option:
    """Make the option that names a passphrase file; a passphrase itself is never an option."""
    return Option(
        console,
        ["--passphrase-file"],
        console.words("options/passphrase_file"),
        type=values.file(console),
        metavar="FILE",
        envvar="YILIAN_PASSPHRASE_FILE",
    )


def to_sign(console: Console) -> list[click.Parameter]:
    """Make the options of every command that signs a transaction."""
    words = console.words
    id_, file = values.id_of(console), values.file(console)
    return [
        Option(
            console,
            ["signing_key", "--key"],
            words("options/key"),
            type=file,
            metavar="FILE",
            envvar="YILIAN_KEY",
            required=True,
        ),
        Option(
            console,
            ["countersign", "--countersign"],
            words("options/countersign"),
            type=file,
            metavar="FILE",
            multiple=True,
        ),
        passphrase_option(console),
        Option(
            console,
            ["--sender"],
            words("options/sender"),
            type=id_,
            metavar="ID",
            envvar="YILIAN_SENDER",
            required=True,
        ),
        Option(
            console,
            ["--payer"],
            words("options/payer"),
            type=id_,
            metavar="ID",
            envvar="YILIAN_PAYER",
        ),
        Option(console, ["--on-behalf-of"], words("options/on_behalf_of"), type=id_, metavar="ID"),
        Option(console, ["--chain"], words("options/chain"), envvar="YILIAN_CHAIN"),
        Option(
            console,
            ["--expires-in"],
            words("options/expires_in", default=drafts.EXPIRES_IN),
            type=values.seconds(console),
            metavar="SECONDS",
            default=float(drafts.EXPIRES_IN),
        ),
        Option(console, ["--no-wait"], words("options/no_wait"), is_flag=True),
        Option(console, ["--dry-run"], words("options/dry_run"), is_flag=True),
        *to_node(console),
    ]


def client(console: Console, given: Mapping[str, Any], **more: Any) -> Client:
    """Make the client of a command."""
    # Half of the program's start is the HTTP library, which help and key files do without.
    from yilian.sdk.client import Client

    url = given.get("node") or NODE
    if not url.startswith(("http://", "https://")):
        expected = console.words("expects/url")
        raise console.usage("expects", name="--node", expected=expected)
    patience = given.get("patience") or PATIENCE
    more = {"language": console.language, "patience": patience, **more}
    if console.as_python:
        from yilian.cli.python import TellingClient

        return TellingClient(url, console, given, **more)
    return Client(url, **more)


def passphrase(console: Console, given: Mapping[str, Any], *, new: bool = False) -> Passphrase:
    """Give the way to a passphrase: its file, or a prompt where a person sits."""
    named: Path | None = given.get("passphrase_file")
    if named is not None:
        return passphrase_file(named)

    def ask() -> bytes:
        if not sys.stdin.isatty():
            raise KeyFileError("passphrase_missing", "-")
        again: str | bool = console.words("passphrase_again") if new else False
        asked = console.words("passphrase")
        text: str = click.prompt(asked, hide_input=True, err=True, confirmation_prompt=again)
        return text.encode("utf-8")

    return ask


def signers(given: Mapping[str, Any], ask: Passphrase) -> list[Ed25519Signer]:
    """Open the key files that sign: the sender's first."""
    return [Ed25519Signer.read(each, ask) for each in (given["signing_key"], *given["countersign"])]
