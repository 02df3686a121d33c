"""`yilian receipt`: fetch what a stranger can check without us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import connect, values
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Command, Option


def command(console: Console) -> Command:
    """Make the command."""

    def run(name: str, out: Path | None, save_trust: Path | None, **given: Any) -> int:
        with connect.client(console, given) as client:
            receipt = client.receipt(name)
            trust = client.trust() if save_trust is not None else {}
        if save_trust is not None:
            _save(console, save_trust, trust)
            console.note(console.words("trust_is_theirs", path=str(save_trust)))
        if out is not None:
            _save(console, out, receipt)
            result: dict[str, Any] = {"ok": True, "hash": name, "path": str(out)}
            console.show(result, [console.words("receipt_saved", path=str(out))])
        else:
            console.show(receipt, [msgspec.json.encode(receipt).decode("utf-8")])
        return DONE

    words = console.words
    params: list[click.Parameter] = [
        click.Argument(["name"], metavar="HASH", type=_hash(console)),
        _file(console, ["--out"], words("options/out")),
        _file(console, ["--save-trust"], words("options/save_trust")),
        *connect.to_node(console),
    ]
    return Command(console, "receipt", words("nouns/receipt"), run, params)


def _file(console: Console, names: list[str], note: str) -> Option:
    return Option(console, names, note, type=values.file(console), metavar="FILE")


def _hash(console: Console) -> values.Value:
    def read(given: str) -> str:
        if len(bytes.fromhex(given)) != 32 or len(given) != 64:
            raise ValueError(given)
        return given.lower()

    return values.Value(console, "hash", read)


def _save(console: Console, path: Path, document: dict[str, Any]) -> None:
    try:
        path.write_bytes(msgspec.json.encode(document) + b"\n")
    except OSError:
        raise console.usage("not_written", path=str(path)) from None
