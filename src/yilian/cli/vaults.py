"""`yilian node backup` and `yilian node restore`: the vaults of a node that is down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import option
from yilian.cli.shape import Command, Option
from yilian.gateway.practice import backups
from yilian.ledger.errors import Refusal
from yilian.node.config import NodeFolder
from yilian.node.store import Store
from yilian.vault.backup import DAYS, MAX_DAYS

WithStore = Callable[[Console, Path, Callable[[Store], int]], int]
"""Opens the chain's store of a node that is down, and says why it cannot."""


def backup(console: Console, folder: click.Argument, with_store: WithStore) -> Command:
    """Make the command that backs up."""

    def run(folder: Path, to: Path, erasure_to: Path, days: int) -> int:
        def work(store: Store) -> int:
            try:
                made = backups.back_up(NodeFolder(folder), to, erasure_to, days)
            except Refusal as refusal:
                return console.law_refused(refusal)
            lines = [
                console.of(
                    "node", "backed_up", organisation=name, expires=console.moment(each.expires)
                )
                for name, each in made.items()
            ]
            told = [
                {"organisation": name, "backup": each.backup, "expires": each.expires}
                for name, each in made.items()
            ]
            console.show({"ok": True, "vaults": told}, lines)
            return DONE

        return with_store(console, folder, work)

    params: list[click.Parameter] = [
        folder,
        option(console, "--to", required=True, type=values.file(console), metavar="DIR"),
        option(console, "--erasure-to", required=True, type=values.file(console), metavar="DIR"),
        _named(console, "--expire-days", "days", type=click.IntRange(1, MAX_DAYS), default=DAYS),
    ]
    return Command(console, "backup", console.of("node", "commands/backup"), run, params)


def restore(console: Console, folder: click.Argument, with_store: WithStore) -> Command:
    """Make the command that restores."""

    def run(folder: Path, source: Path, erasure_from: Path, names: tuple[str, ...]) -> int:
        def work(store: Store) -> int:
            try:
                done = backups.restore(NodeFolder(folder), store, source, erasure_from, names)
            except Refusal as refusal:
                return console.law_refused(refusal)
            lines = [
                console.of(
                    "node",
                    "restored",
                    organisation=name,
                    destroyed=each.destroyed,
                    sealed=each.sealed,
                )
                for name, each in done.items()
            ]
            told = [
                {"organisation": name, "destroyed": each.destroyed, "sealed": each.sealed}
                for name, each in done.items()
            ]
            console.show({"ok": True, "vaults": told}, lines)
            return DONE

        return with_store(console, folder, work)

    params: list[click.Parameter] = [
        folder,
        _named(
            console, "--from", "source", required=True, type=values.file(console), metavar="DIR"
        ),
        option(console, "--erasure-from", required=True, type=values.file(console), metavar="DIR"),
        _named(console, "--only", "names", multiple=True, type=values.id_of(console), metavar="ID"),
    ]
    return Command(console, "restore", console.of("node", "commands/restore"), run, params)


def _named(console: Console, name: str, parameter: str, **settings: Any) -> Option:
    """Make an option that the code calls otherwise than the command line does."""
    note = console.of("node", "options/" + name.removeprefix("--").replace("-", "_"))
    return Option(console, [name, parameter], note, **settings)
