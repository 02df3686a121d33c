"""`yilian network promote`: one organisation's chain goes on as a consortium's."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, STOPPED, USAGE, Console
from yilian.cli.network import asking
from yilian.cli.shape import Command
from yilian.ledger.errors import Refusal


def commands(console: Console) -> list[click.Command]:
    """Make the command."""
    from yilian.bootstrap.network import PORT

    params: list[click.Parameter] = [
        click.Argument(["old"], metavar="NODE_FOLDER", type=values.file(console)),
        asking.folder(console),
        asking.option(
            console,
            "--seat",
            "seats",
            type=values.Value(console, "seat", read_seat),
            metavar="LABEL=ID",
            multiple=True,
        ),
        asking.option(console, "--chain", "chain", default="consortium"),
        asking.option(
            console, "--port", type=values.whole(console, int), metavar="NUMBER", default=PORT
        ),
    ]
    return [_promote(console, params)]


def _promote(console: Console, params: list[click.Parameter]) -> Command:
    def run(
        old: Path, folder: Path, seats: tuple[tuple[str, str], ...], chain: str, port: int
    ) -> int:
        from yilian.bootstrap import promote
        from yilian.node.config import ConfigurationError, NodeFolder
        from yilian.node.store import StoreBusy, StoreDamaged

        try:
            made = promote(NodeFolder(old), folder, chain, dict(seats), port=port)
        except FileExistsError:
            raise console.usage("folder_in_use", path=str(folder)) from None
        except msgspec.ValidationError:
            expected = console.words("expects/chain")
            raise console.usage("expects", name="--chain", expected=expected) from None
        except ConfigurationError as error:
            console.note(str(error))
            console.fail({"code": "cannot_promote", "title": str(error)})
            return USAGE
        except StoreBusy:
            text = console.of("node", "busy", folder=str(old))
            console.note(text)
            console.fail({"code": "busy", "title": text})
            return USAGE
        except StoreDamaged as damaged:
            console.note(console.of("node", "damaged", what=damaged.what, folder=str(old)))
            console.fail({"code": "store_damaged", "title": damaged.what, "height": damaged.height})
            return STOPPED
        except Refusal as refusal:
            return console.law_refused(refusal)
        members = [msgspec.to_builtins(each) for each in made.members]
        of = console.of
        lines = [
            of("network", "promoted", chain=chain, count=len(members), old=str(old)),
            of("network", "genesis", hash=made.genesis),
            of("network", "old_kept", old=str(old)),
            of("network", "next_up", folder=str(folder)),
        ]
        console.show(
            {"ok": True, "chain": made.chain, "genesis": made.genesis, "members": members}, lines
        )
        return DONE

    return asking.command(console, "promote", run, params)


def read_seat(text: str) -> tuple[str, str]:
    """Read LABEL=ID. Raises ValueError."""
    label, organisation = text.split("=")
    if not label or not organisation:
        raise ValueError(text)
    return label, organisation
