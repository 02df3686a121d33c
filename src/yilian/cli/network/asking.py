"""What the commands of a network share: how options are told, and how a network is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from yilian.bootstrap.network import Network
from yilian.bootstrap.overview import Address
from yilian.cli import connect, values
from yilian.cli.console import USAGE, Console, Usage
from yilian.cli.shape import Command, Option
from yilian.node.binary import NEXT, EngineDiffers, EngineMissing, find_engine
from yilian.node.config import (
    Configuration,
    ConfigurationError,
    Consensus,
    HostedOrganisation,
    NodeFolder,
)

if TYPE_CHECKING:
    from yilian.sdk.client import Client

PATIENCE = 20.0
TURN = 0.5


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
    raise Usage(text)


def addresses(console: Console, path: Path) -> tuple[str, list[Address]]:
    """Give the chain and where its members are asked, from a network's or a member's folder."""
    if NodeFolder(path).exists():
        at = own(console, path)
        return at.configuration.chain, at.addresses()
    found = network(console, path)
    return found.chain, [
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


class Own(NamedTuple):
    """A member's own folder, as its operator works on it."""

    folder: NodeFolder
    configuration: Configuration
    organisation: HostedOrganisation
    consensus: Consensus

    @property
    def name(self) -> str:
        """How the member's folder is called."""
        return self.folder.path.resolve().name

    @property
    def gateway(self) -> str:
        """Where the member's own gateway answers."""
        host = self.configuration.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 (what was configured, not where to listen)
            host = "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.configuration.port}"

    def others(self) -> list[str]:
        """List the gateways of other members that this one knows."""
        return [each.gateway for each in self.consensus.peers if each.gateway is not None]

    def addresses(self) -> list[Address]:
        """Give where this member and the others are asked."""
        own = Address(self.name, self.gateway, self.organisation.id, self.folder.path)
        peers = [Address(each.name, each.gateway) for each in self.consensus.peers if each.gateway]
        return [own, *peers]


def own(console: Console, path: Path) -> Own:
    """Read a member's folder, or say that it is none."""
    folder = NodeFolder(path)
    if not folder.exists():
        raise Usage(console.of("network", "errors/no_member", folder=str(path)))
    try:
        configuration = folder.configuration()
    except ConfigurationError as error:
        raise Usage(str(error)) from None
    if configuration.consensus is None or not configuration.organisations:
        raise Usage(console.of("network", "errors/alone", folder=str(path)))
    first = configuration.organisations[0]
    return Own(folder, configuration, first, configuration.consensus)


def to_member(console: Console) -> list[click.Parameter]:
    """Make the options of commands by which a member's operator writes to the chain."""
    return [
        folder(console),
        option(console, "--node", metavar="URL"),
        option(console, "--key", "signing_key", type=values.file(console), metavar="FILE"),
        connect.passphrase_option(console),
    ]


def speaking(console: Console, at: Own, given: Mapping[str, Any]) -> Client:
    """Make the client that signs as the member's organisation."""
    from yilian.sdk.client import Client
    from yilian.sdk.signers import Ed25519Signer

    path = given.get("signing_key") or at.folder.operator_key(at.organisation.id)
    signer = Ed25519Signer.read(path, connect.passphrase(console, given))
    return Client(
        given.get("node") or at.gateway,
        signer=signer,
        sender=at.organisation.id,
        payer=at.organisation.id,
        language=console.language,
        patience=PATIENCE,
    )


def again(seconds: float, done: Callable[[], bool]) -> bool:
    """Ask until it is done or the time is over; gives whether it is done."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(TURN)
    return True
