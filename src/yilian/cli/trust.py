"""`yilian trust`: whom one must believe to believe a receipt, as a number that can be read out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import connect, values
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Command


def command(console: Console) -> Command:
    """Make the command."""

    def run(trust: Path | None, **given: Any) -> int:
        # The verifier is loaded when it is needed: help does without.
        from yilian.cli.verify import read_trust
        from yilian.sdk.trust import check_number

        if trust is not None:
            text = read_trust(console, trust)
        else:
            with connect.client(console, given) as client:
                text = msgspec.json.encode(client.trust())
        number, chain = check_number(text), msgspec.json.decode(text)["chain_id"]
        console.show(
            {"ok": True, "chain_id": chain, "check_number": number},
            [console.words("trust_number", chain=chain), number],
        )
        if trust is None:
            console.note(console.words("trust_number_is_theirs"))
        return DONE

    words = console.words
    argument = click.Argument(
        ["trust"], metavar="[FILE]", type=values.file(console), required=False
    )
    params: list[click.Parameter] = [argument, *connect.to_node(console)]
    return Command(console, "trust", words("nouns/trust"), run, params)
