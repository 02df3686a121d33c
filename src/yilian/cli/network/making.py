"""`yilian network init`: make all members of a new network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.network import asking
from yilian.cli.shape import Command
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.messages import OrganisationKind

KINDS: tuple[OrganisationKind, ...] = ("hospital", "hospital", "insurer", "authority")
"""The kinds of members that were given by label alone, in order; all further ones are hospitals."""

USUAL = "A,B,C,D"
LONGEST_PAUSE = 60.0
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_ADDRESS = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,180}[a-z0-9])?")


class Given(NamedTuple):
    """A member as typed: LABEL:KIND:NAME:REGISTRATION."""

    label: str
    kind: OrganisationKind
    name: str
    registration: str


def commands(console: Console) -> list[click.Command]:
    """Make the command."""
    from yilian.bootstrap.network import PORT

    params: list[click.Parameter] = [
        asking.folder(console),
        asking.option(console, "--members", "labels", metavar="LABEL,LABEL,..."),
        asking.option(
            console,
            "--member",
            "given",
            type=values.Value(console, "member", read_member),
            metavar="LABEL:KIND:NAME:REGISTRATION",
            multiple=True,
        ),
        asking.option(
            console,
            "--machine",
            "hosts",
            type=values.Value(console, "place", read_place),
            metavar="LABEL=ADDRESS",
            multiple=True,
        ),
        asking.option(console, "--chain", default="yilian"),
        asking.option(
            console,
            "--port",
            type=values.whole(console, int),
            metavar="NUMBER",
            default=PORT,
        ),
        asking.option(
            console,
            "--empty-blocks",
            type=values.seconds(console),
            metavar="SECONDS",
            default=30.0,
        ),
    ]
    return [_init(console, params)]


def _init(console: Console, params: list[click.Parameter]) -> Command:
    def run(
        folder: Path,
        labels: str | None,
        given: tuple[Given, ...],
        hosts: tuple[tuple[str, str], ...],
        chain: str,
        port: int,
        empty_blocks: float,
    ) -> int:
        from yilian.bootstrap.network import USUAL as USUAL_PACE
        from yilian.bootstrap.network import make_network

        if labels and given:
            raise console.usage("either", one="--members", other="--member")
        members = list(given) or _named(console, labels or USUAL)
        _check(console, members, port, empty_blocks)
        places = dict(hosts)
        if set(places) - {each.label for each in members}:
            choices = ", ".join(each.label for each in members)
            raise console.usage("choice", name="--machine", choices=choices)
        pace = USUAL_PACE._replace(empty_blocks_ms=round(empty_blocks * 1000))
        founders = [(each.label, _founder(each)) for each in members]
        try:
            made = make_network(folder, chain, founders, port=port, hosts=places, pace=pace)
        except FileExistsError:
            raise console.usage("folder_in_use", path=str(folder)) from None
        except msgspec.ValidationError:
            expected = console.words("expects/chain")
            raise console.usage("expects", name="--chain", expected=expected) from None
        except Refusal as refusal:
            return console.law_refused(refusal)
        _show(console, folder, made, members, apart=bool(places))
        return DONE

    return asking.command(console, "init", run, params)


def _show(console: Console, folder: Path, made: Any, members: list[Given], *, apart: bool) -> None:
    from yilian.node.config import NodeFolder

    of = console.of
    told = [
        {
            "name": seat.name,
            "kind": member.kind,
            "organisation": seat.organisation,
            "organisation_name": member.name,
            "folder": str(folder / seat.folder),
            "gateway": seat.gateway,
            "operator_key": str(NodeFolder(folder / seat.folder).operator_key(seat.organisation)),
        }
        for seat, member in zip(made.members, members, strict=True)
    ]
    lines = [of("network", "made", folder=str(folder), chain=made.chain, count=len(told))]
    lines += [of("network", "member_made", **each) for each in told]
    lines.append(of("network", "genesis", hash=made.genesis))
    if len(told) < 4:
        lines.append(of("network", "few", count=len(told)))
    lines.append(of("network", "next_carry" if apart else "next_up", folder=str(folder)))
    console.show({"ok": True, "chain": made.chain, "genesis": made.genesis, "members": told}, lines)


def _founder(given: Given) -> Any:
    from yilian.bootstrap.making import Founder

    return Founder(given.name, given.kind, given.registration)


def _named(console: Console, labels: str) -> list[Given]:
    """Give members that only have labels a kind, a name in the reader's language, a number."""
    found = []
    for at, label in enumerate(asking.words(console, labels)):
        kind = KINDS[at] if at < len(KINDS) else "hospital"
        name = console.of("network", f"founders/{kind}", label=label)
        found.append(Given(label, kind, name, f"{kind[0]}-{label}".upper()))
    return found


def _check(console: Console, members: list[Given], port: int, empty_blocks: float) -> None:
    from yilian.bootstrap.network import PORTS_PER_MEMBER

    seen = set()
    for each in members:
        if not _LABEL.fullmatch(each.label) or each.label.upper() in seen:
            expected = console.words("expects/labels")
            raise console.usage("expects", name="--members", expected=expected)
        seen.add(each.label.upper())
    if not members:
        raise console.usage("missing", name="--members")
    if not 1 <= port <= 65_535 - PORTS_PER_MEMBER * len(members):
        raise console.usage("expects", name="--port", expected=console.words("expects/number"))
    if empty_blocks > LONGEST_PAUSE:
        expected = console.words("expects/pause", most=int(LONGEST_PAUSE))
        raise console.usage("expects", name="--empty-blocks", expected=expected)


def read_member(text: str) -> Given:
    """Read LABEL:KIND:NAME:REGISTRATION. Raises ValueError."""
    label, kind, name, registration = text.split(":")
    if kind not in get_args(OrganisationKind) or not name.strip() or not _LABEL.fullmatch(label):
        raise ValueError(text)
    return Given(label, msgspec.convert(kind, OrganisationKind), name.strip(), registration)


def read_place(text: str) -> tuple[str, str]:
    """Read LABEL=ADDRESS: a host name or an IPv4 address. Raises ValueError."""
    label, equals, address = text.partition("=")
    if not equals or not _LABEL.fullmatch(label) or not _ADDRESS.fullmatch(address):
        raise ValueError(text)
    return label, address
