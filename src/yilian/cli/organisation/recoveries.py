"""Recovery of reading: a bundle under guardians' shares, their answers, and reading again.

`reading-key` and `hand-back` ask no node: they are for guardians and for a person's new device.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command
from yilian.gateway.practice import recoveries
from yilian.gateway.practice.recoveries import GuardianShare, RecoveryBundle, Standing
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.sdk.client import Client
from yilian.sdk.errors import KeyFileError
from yilian.vault.envelope import Format, PrivateKey, PublicKey, new_recipient
from yilian.vault.packages import ReleasedRecord

MAX_FILE = 1_048_576
T = TypeVar("T")


class _Secret(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-reading-key/1"):
    """A private key that shares or a bundle are wrapped to, as its file holds it."""

    private: codec.Binary

    def __repr__(self) -> str:
        return "<a private reading key>"


class _Public(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-reading-public-key/1"
):
    """The public half, to be given away."""

    id: codec.Id
    public: codec.Binary


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    makers = (_reading_key, _guard_reading, _handed_over, _hand_back, _read_again)
    return [make(console) for make in makers]


def _reading_key(console: Console) -> Command:
    def run(file: Path, public: Path, **_: Any) -> int:
        key = new_recipient()
        _write(console, file, _Secret(private=codec.to_text(key.export())))
        _write(console, public, _public(key.public))
        lines = [console.of("node", "reading_key", key=key.public.id, path=str(file))]
        console.show({"ok": True, "key": key.public.id, "path": str(file)}, lines)
        return DONE

    params: list[click.Parameter] = [
        _file_argument(console),
        option(console, "--public", type=values.file(console), required=True, metavar="FILE"),
    ]
    return _offline(console, "reading-key", run, params)


def _guard_reading(console: Console) -> Command:
    def run(person: str, threshold: int, guardian: tuple[str, ...], out: Path, **given: Any) -> int:
        named = [_guardian(console, each) for each in guardian]
        body = {"threshold": threshold, "guardians": named}
        with speaking(console, given) as client:
            path = place(given, f"persons/{person}/reading-bundles")
            answer = client.request("POST", path, body)
        shares = msgspec.convert(answer["waiting"], list[GuardianShare])
        out.mkdir(parents=True, exist_ok=True)
        for each in shares:
            _write(console, out / f"{each.number}-{each.guardian}.json", each)
        number = shares[0].number
        lines = [console.of("node", "reading_guarded", number=number, path=str(out))]
        console.show({"ok": True, "number": number, "shares": len(shares)}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(console, "--threshold", type=values.whole(console, int), required=True, metavar="N"),
        option(console, "--guardian", multiple=True, required=True, metavar="ID=FILE"),
        option(console, "--out", type=values.file(console), required=True, metavar="FOLDER"),
    ]
    return command(console, "guard-reading", run, params)


def _handed_over(console: Console) -> Command:
    def run(person: str, bundle: int, guardians: str, **given: Any) -> int:
        body = {"number": bundle, "guardians": guardians.split(",")}
        with speaking(console, given) as client:
            path = place(given, f"persons/{person}/reading-bundles/delivered")
            answer = client.request("POST", path, body)
        stands = answer["bundle"] is not None and answer["bundle"]["number"] == bundle
        line = console.of("node", "reading_stands" if stands else "reading_waits", number=bundle)
        console.show({"ok": True, "stands": stands}, [line])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(
            console, "--bundle", type=values.whole(console, int), required=True, metavar="NUMBER"
        ),
        option(console, "--guardians", required=True, metavar="ID,ID"),
    ]
    return command(console, "shares-handed-over", run, params)


def _hand_back(console: Console) -> Command:
    def run(file: Path, reading_key: Path, recipient: Path, out: Path, **_: Any) -> int:
        private = _private(console, reading_key)
        public = _read(console, recipient, _Public).public
        held = _read(console, file, GuardianShare)
        answer = recoveries.hand_back(held, private, codec.to_bytes(public))
        _write(console, out, answer)
        lines = [console.of("node", "handed_back", key=answer.recipient, path=str(out))]
        console.show({"ok": True, "key": answer.recipient, "path": str(out)}, lines)
        return DONE

    file = values.file(console)
    params: list[click.Parameter] = [
        _file_argument(console),
        option(console, "--reading-key", type=file, required=True, metavar="FILE"),
        option(console, "--recipient", type=file, required=True, metavar="FILE"),
        option(console, "--out", type=file, required=True, metavar="FILE"),
    ]
    return _offline(console, "hand-back", run, params)


def _read_again(console: Console) -> Command:
    def run(
        person: str, reading_key: Path, answer: tuple[Path, ...], out: Path, **given: Any
    ) -> int:
        private = _private(console, reading_key)
        answers = [_read(console, each, GuardianShare) for each in answer]
        with speaking(console, given) as client:
            kept = client.request("GET", place(given, f"persons/{person}/reading-bundles"))
            bundle = msgspec.convert(kept["bundle"], RecoveryBundle)
            standing = Standing(bundle.number, bundle.set)
            content = recoveries.open_bundle(bundle, answers, private, standing)
            found = _records(client, given, person, recoveries.category_keys(content))
        _create(console, out, b"".join(each + b"\n" for each in found.values()))
        lines = [console.of("node", "read_again", records=len(found), path=str(out))]
        console.show({"ok": True, "records": sorted(found), "path": str(out)}, lines)
        return DONE

    file = values.file(console)
    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(console, "--reading-key", type=file, required=True, metavar="FILE"),
        option(console, "--answer", type=file, multiple=True, required=True, metavar="FILE"),
        option(console, "--out", type=file, required=True, metavar="FILE"),
    ]
    return command(console, "read-again", run, params)


def _records(
    client: Client, given: dict[str, Any], person: str, keys: list[Any]
) -> dict[str, bytes]:
    """Fetch a person's ciphertexts, page by page, and open them against the chain's roots."""
    found: dict[str, bytes] = {}
    after: str | None = ""
    while after is not None:
        path = place(given, f"persons/{person}/sealed-records")
        page = client.request("GET", f"{path}?after={after}" if after else path)
        copies = msgspec.convert(page["records"], list[ReleasedRecord])
        batches = sorted({each.proof.batch for each in copies})
        roots = {each: client.get("records", "batches", each).value["root"] for each in batches}
        found.update(recoveries.open_copies(page["holder"], copies, keys, roots))
        after = page["next"]
    return found


def _guardian(console: Console, text: str) -> dict[str, str]:
    name, equals, path = text.partition("=")
    if not equals:
        raise console.usage("unreadable", path=text)
    return {"id": name, "public": _read(console, Path(path), _Public).public}


def _public(key: PublicKey) -> _Public:
    return _Public(id=key.id, public=codec.to_text(key.data))


def _private(console: Console, path: Path) -> PrivateKey:
    if path.exists() and path.stat().st_mode & 0o077:
        raise KeyFileError("key_file_exposed", path)
    return PrivateKey(codec.to_bytes(_read(console, path, _Secret).private))


def _read(console: Console, path: Path, type_: type[T]) -> T:
    try:
        with path.open("rb") as source:
            return codec.decode(source.read(MAX_FILE).rstrip(b"\n"), type_)
    except (OSError, Refusal):
        raise console.usage("unreadable", path=str(path)) from None


def _write(console: Console, path: Path, value: Any) -> None:
    _create(console, path, codec.encode(value) + b"\n")


def _create(console: Console, path: Path, data: bytes) -> None:
    """Write a new file that nobody else may read; one that is there stays."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        raise console.usage("not_written", path=str(path)) from None
    with os.fdopen(handle, "wb") as sink:
        sink.write(data)


def _file_argument(console: Console) -> click.Argument:
    return click.Argument(["file"], metavar="FILE", type=values.file(console))


def _offline(console: Console, name: str, run: Any, params: list[click.Parameter]) -> Command:
    return Command(console, name, console.of("node", f"commands/{name}"), run, params)
