"""`yilian witness`: see from outside that a chain's log only grows, and sign what was seen."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, USAGE, Console
from yilian.cli.shape import Command, Group, Option
from yilian.cli.verify import read_trust
from yilian.ledger.checkpoint import ED25519, MAX_NOTE, VerifierKey
from yilian.ledger.errors import Code, Refusal
from yilian.node.config import ConfigurationError
from yilian.node.witness import NO_AGREEMENT, Fetch, Member, Round, Witness
from yilian.sdk import verify, verify_log

EVERY = 60.0
PATIENCE = 20.0
LONGEST = 60.0
"""Seconds for one answer: a member that lets it drip is one that does not answer."""


def command(console: Console) -> Group:
    """Make the noun."""
    commands = [_init(console), _pin(console), _keys(console), _run(console)]
    commands += [_trust(console), _prove(console)]
    return Group(console, "witness", console.words("nouns/witness"), commands)


def _init(console: Console) -> Command:
    def run(folder: Path, name: str, log_keys: tuple[VerifierKey, ...]) -> int:
        try:
            witness = Witness.make(folder, name, log_keys)
        except FileExistsError:
            raise console.usage("folder_in_use", path=str(folder)) from None
        try:
            return _shown(console, witness, "made")
        finally:
            witness.close()

    params = [_folder(console), _option(console, "--name", required=True, metavar="NAME")]
    return _command(console, "init", run, [*params, _log_keys(console)])


def _pin(console: Console) -> Command:
    def run(folder: Path, keys: tuple[VerifierKey, ...]) -> int:
        def work(witness: Witness) -> int:
            for each in keys:
                witness.pin(each)
            return _shown(console, witness, "pinned")

        return _with(console, folder, work)

    argument = click.Argument(
        ["keys"], metavar="VKEY...", type=_vkey(console), nargs=-1, required=True
    )
    return _command(console, "pin", run, [_folder(console), argument])


def _keys(console: Console) -> Command:
    def run(folder: Path) -> int:
        return _with(console, folder, lambda witness: _shown(console, witness, "keys"))

    return _command(console, "keys", run, [_folder(console)])


def _run(console: Console) -> Command:
    def run(folder: Path, logs: tuple[str, ...], publish: Path, **given: Any) -> int:
        members = [_member(console, each) for each in logs]
        if not members:
            raise console.usage("missing", name="--log")

        def work(witness: Witness) -> int:
            pause = threading.Event()
            while True:
                refused = _round(console, witness, members, publish, given["needed"])
                # Members and media that are away come back; a contradiction is a person's to judge.
                if given["once"] or refused not in (None, NO_AGREEMENT):
                    return DONE if refused is None else REFUSED
                pause.wait(given["every"])

        return _with(console, folder, work)

    params = [
        _folder(console),
        _option(console, "--log", "logs", multiple=True, metavar="URL"),
        _option(console, "--publish", type=values.file(console), required=True, metavar="FOLDER"),
        _option(console, "--every", type=values.seconds(console), default=EVERY, metavar="SECONDS"),
        _option(console, "--once", is_flag=True),
        _option(console, "--needed", type=values.whole(console, int), metavar="NUMBER"),
    ]
    return _command(console, "run", run, params)


def _round(
    console: Console,
    witness: Witness,
    members: list[Member],
    publish: Path,
    needed: int | None,
) -> Code | None:
    """Do one round and publish; gives what it was refused for."""
    try:
        done = witness.watch(members, needed)
    except Refusal as refusal:
        _publish(console, witness, publish)
        console.law_refused(refusal)
        return refusal.code
    if not _publish(console, witness, publish):
        return NO_AGREEMENT
    _told(console, done)
    return None


def _publish(console: Console, witness: Witness, folder: Path) -> bool:
    """Publish; a medium that is away is said, and gets what it lacks in a later round."""
    try:
        witness.publish(folder)
    except OSError:
        text = console.words("usage/not_written", path=str(folder))
        console.note(text)
        console.fail({"code": "not_written", "title": text})
        return False
    return True


def _told(console: Console, done: Round) -> None:
    of = console.of
    problems = [each._asdict() for each in done.problems]
    for each in done.problems:
        reason = of("witness", f"reasons/{each.reason}")
        console.note(of("witness", "not_counted", member=each.member, reason=reason))
    line = of("witness", "cosigned" if done.signed else "unchanged", size=done.size)
    console.show(
        {"ok": True, "size": done.size, "signed": done.signed, "problems": problems}, [line]
    )


def _trust(console: Console) -> Command:
    def run(file: Path, keys: tuple[VerifierKey, ...], threshold: int, **given: Any) -> int:
        document = json.loads(read_trust(console, file))
        document["witnesses"] = [each.encode() for each in keys]
        document["witness_threshold"] = threshold
        if given["log_keys"]:
            document["log_keys"] = [each.encode() for each in given["log_keys"]]
        names = {each.name for each in keys}
        if not 1 <= threshold <= len(names) or any(each.kind == ED25519 for each in keys):
            raise console.usage("expects", name="--threshold", expected=f"1..{len(names)}")
        out = given["out"] or file
        _save(console, out, json.dumps(document, ensure_ascii=False).encode() + b"\n")
        told = {"ok": True, "path": str(out), "witnesses": sorted(names), "threshold": threshold}
        line = console.of("witness", "trusted", path=str(out), k=threshold, n=len(names))
        console.show(told, [line])
        return DONE

    params = [
        click.Argument(["file"], metavar="TRUST", type=values.file(console)),
        _option(console, "--key", "keys", type=_vkey(console), multiple=True, metavar="VKEY"),
        _option(
            console, "--threshold", type=values.whole(console, int), required=True, metavar="NUMBER"
        ),
        _log_keys(console),
        _option(console, "--out", type=values.file(console), metavar="FILE"),
    ]
    return _command(console, "trust", run, params)


def _prove(console: Console) -> Command:
    def run(folder: Path, file: Path, out: Path) -> int:
        try:
            text = file.read_bytes()
        except OSError:
            raise console.usage("unreadable", path=str(file)) from None
        try:
            header = verify_log.header_of(verify.load(text))
            likely = header["height"] - 1
            proof = verify_log.Published(folder).proof(verify_log.entry(header), likely)
        except verify.NotVerified as reason:
            why = console.words(f"proof/{reason.code}")
            console.note(why)
            console.fail({"code": reason.code, "title": why})
            return REFUSED
        _save(console, out, verify_log.write_proof(proof))
        told = {"ok": True, "path": str(out), "index": proof.place, "size": proof.checkpoint.size}
        console.show(told, [console.of("witness", "proved", path=str(out))])
        return DONE

    file = values.file(console)
    params = [
        click.Argument(["folder"], metavar="PUBLISHED", type=file),
        click.Argument(["file"], metavar="RECEIPT", type=file),
        _option(console, "--out", type=file, required=True, metavar="FILE"),
    ]
    return _command(console, "prove", run, params)


# -- asking members ------------------------------------------------------------------------------


def _member(console: Console, url: str) -> Member:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise console.usage("expects", name="--log", expected=console.words("expects/url"))
    prefix = url.rstrip("/") + ("/v1/log" if parts.path in ("", "/") else "")
    return Member(url, _fetch(prefix))


def _fetch(prefix: str) -> Fetch:
    """Fetch over HTTP; what is larger than any note or tile is cut off, and then not believed."""
    import httpx

    client = httpx.Client(timeout=PATIENCE)

    def fetch(path: str) -> bytes | None:
        try:
            with client.stream("GET", f"{prefix}/{path}") as answer:
                if answer.status_code == 404:
                    return None
                if answer.status_code != 200:
                    raise OSError(f"HTTP {answer.status_code}")
                data, until = b"", time.monotonic() + LONGEST
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > MAX_NOTE:
                        break
                    if time.monotonic() > until:
                        raise OSError("the answer does not end")
                return data
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OSError(str(error)) from error

    return fetch


# -- shapes --------------------------------------------------------------------------------------


def _with(console: Console, folder: Path, work: Callable[[Witness], int]) -> int:
    try:
        witness = Witness(folder)
    except ConfigurationError as error:
        console.note(str(error))
        console.fail({"code": "witness_not_configured", "title": str(error)})
        return USAGE
    try:
        return work(witness)
    finally:
        witness.close()


def _shown(console: Console, witness: Witness, key: str) -> int:
    own = [each.encode() for each in witness.keys]
    logs = [each.encode() for each in witness.log_keys]
    lines = [console.of("witness", key, name=witness.keys[0].name), *own]
    if logs:
        lines += [console.of("witness", "log_keys"), *logs]
    console.show({"ok": True, "witness": own, "log_keys": logs}, lines)
    return DONE


def _command(
    console: Console, name: str, run: Callable[..., int], params: list[click.Parameter]
) -> Command:
    return Command(console, name, console.of("witness", f"commands/{name}"), run, params)


def _folder(console: Console) -> click.Parameter:
    return click.Argument(["folder"], metavar="FOLDER", type=values.file(console))


def _option(console: Console, flag: str, name: str | None = None, **more: Any) -> click.Parameter:
    names = [flag] if name is None else [name, flag]
    note = console.of("witness", f"options/{flag[2:].replace('-', '_')}")
    return Option(console, names, note, **more)


def _log_keys(console: Console) -> click.Parameter:
    kind = _vkey(console)
    return _option(console, "--log-key", "log_keys", type=kind, multiple=True, metavar="VKEY")


def _vkey(console: Console) -> values.Value:
    return values.Value(console, "vkey", VerifierKey.decode)


def _save(console: Console, path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError:
        raise console.usage("not_written", path=str(path)) from None
