"""What the commands of a network share: how options are told, and how a network is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.bootstrap.network import Network
from yilian.bootstrap.overview import Address
from yilian.cli import values
from yilian.cli.console import USAGE, Console
from yilian.cli.shape import Command, Option
from yilian.node.binary import NEXT, EngineDiffers, EngineMissing, find_engine


def command(
    console: Console, name: str, run: Callable[..., int], params: Sequence[click.Parameter] = ()
) -> Command:
    """Make a command whose words stand in the texts of `network`."""
    return Command(console, name, console.of("network", f"commands/{name}"), run, params)


def folder(console: Console, metavar: str = "FOLDER") -> click.Argument:
    """Make the argument that names a network's folder, or a member's."""
    return click.Argument(["folder"], metavar=metavar, type=values.file(console))


def option(console: Console, name: str, *names: str, **settings: Any) -> Option:
    """Make an option whose words stand in the texts of `network`."""
    key = name.removeprefix("--").replace("-", "_")
    return Option(console, [*names, name], console.of("network", f"options/{key}"), **settings)


def words(console: Console, given: str) -> list[str]:
    """Cut a list at its commas."""
    return [each.strip() for each in given.split(",") if each.strip()]


def failed(console: Console, key: str, exit_code: int, **parameters: int | str) -> int:
    """Say what is wrong and what comes next; gives the exit code."""
    text = console.of("network", f"errors/{key}", **parameters)
    console.note(text)
    console.fail({"code": key, "title": text, "parameters": parameters})
    return exit_code


def network(console: Console, path: Path) -> Network:
    """Read a network's folder, or say that there is none."""
    try:
        return Network.read(path)
    except FileNotFoundError:
        text = console.of("network", "errors/no_network", folder=str(path))
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
        text = console.of("network", "errors/bad_network", folder=str(path))
    raise click.UsageError(text)


def addresses(path: Path, found: Network) -> list[Address]:
    """Give where a network's members are asked."""
    return [
        Address(each.name, each.gateway, each.organisation, path / each.folder)
        for each in found.members
    ]


def require_engine(console: Console) -> int | None:
    """Look for the engine's program; gives the exit code where there is no right one."""
    try:
        find_engine()
    except EngineMissing as missing:
        return failed(console, "engine_missing", USAGE, looked=", ".join(missing.looked), next=NEXT)
    except EngineDiffers as differs:
        return failed(
            console, "engine_differs", USAGE, path=str(differs.path), found=differs.found, next=NEXT
        )
    return None
