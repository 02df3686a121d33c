"""`yilian status`: how a node stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from yilian.cli import connect
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Command

if TYPE_CHECKING:
    from yilian.sdk.steps import Status


def command(console: Console) -> Command:
    """Make the command."""

    def run(**given: Any) -> int:
        with connect.client(console, given) as client:
            status = client.status()
        console.show(msgspec.structs.asdict(status), _lines(console, status))
        return DONE

    about = console.words("nouns/status")
    return Command(console, "status", about, run, connect.to_node(console))


def _lines(console: Console, status: Status) -> Iterator[str]:
    told = msgspec.structs.asdict(status)
    told["time"] = console.moment(status.time)
    for name, value in told.items():
        yield f"{console.words(f'status/{name}')}: {value}"
