"""`yilian init`: make a node's folder, with its chain and the organisations it works for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Command, Option
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.node.config import NodeFolder

PORT = 8420


def command(console: Console) -> Command:
    """Make the command."""

    def run(folder: Path, chain: str, founders: tuple[Any, ...], port: int) -> int:
        from yilian.bootstrap import make_node

        if not founders:
            raise console.usage("missing", name="--organisation")
        try:
            made = make_node(folder, chain, founders, port=port)
        except FileExistsError:
            raise console.usage("folder_in_use", path=str(folder)) from None
        except msgspec.ValidationError:
            expected = console.words("expects/chain")
            raise console.usage("expects", name="--chain", expected=expected) from None
        paths = NodeFolder(folder)
        organisations = [
            {
                "id": each.id,
                "name": each.name,
                "kind": each.kind,
                "operator_key": str(paths.operator_key(each.id)),
            }
            for each in made.organisations
        ]
        lines = [console.of("node", "made", folder=str(folder), chain=chain)]
        lines += [console.of("node", "organisation_made", **each) for each in organisations]
        lines.append(console.of("node", "next_up", folder=str(folder)))
        console.show({"ok": True, "chain": chain, "organisations": organisations}, lines)
        return DONE

    of = console.of
    params: list[click.Parameter] = [
        click.Argument(["folder"], metavar="FOLDER", type=values.file(console)),
        Option(console, ["--chain"], of("node", "options/chain"), default="yilian"),
        Option(
            console,
            ["founders", "--organisation"],
            of("node", "options/organisation", kinds=", ".join(get_args(OrganisationKind))),
            type=values.Value(console, "founder", _founder),
            metavar="KIND:NAME:REGISTRATION",
            multiple=True,
        ),
        Option(
            console,
            ["--port"],
            of("node", "options/port", default=PORT),
            type=values.whole(console, int),
            metavar="NUMBER",
            default=PORT,
        ),
    ]
    return Command(console, "init", console.words("nouns/init"), run, params)


def _founder(text: str) -> Any:
    from yilian.bootstrap import Founder

    kind, name, registration = text.split(":")
    if kind not in get_args(OrganisationKind) or not name.strip():
        raise ValueError(text)
    return Founder(name.strip(), msgspec.convert(kind, OrganisationKind), registration)
