"""`yilian keys`: make and show key files, and sign what goes into messages. No node is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import connect, values
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Command, Group, Option
from yilian.ledger.keys import key_id
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer, read_public, write_public


def command(console: Console) -> Group:
    """Make the noun."""
    makers = (_new, _show, _id, _proof, _guardian, _approve)
    commands = [make(console) for make in makers]
    return Group(console, "keys", console.words("nouns/keys"), commands)


def _new(console: Console) -> Command:
    def run(file: Path, plain: bool, public: Path | None, **given: Any) -> int:
        signer = Ed25519Signer.generate()
        signer.write(file, None if plain else connect.passphrase(console, given, new=True))
        if public is not None:
            write_public(public, signer.key)
        if plain:
            console.note(console.words("keys/plain", path=str(file)))
        result = _told(signer.key_id, signer.key.suite, signer.key.public)
        console.show({**result, "path": str(file)}, _lines(console, result))
        return DONE

    words = console.words
    params: list[click.Parameter] = [
        _file(console),
        Option(console, ["--plain"], words("options/plain"), is_flag=True),
        Option(
            console,
            ["--public"],
            words("options/public"),
            type=values.file(console),
            metavar="FILE",
        ),
        connect.passphrase_option(console),
    ]
    return Command(console, "new", words("keys/new"), run, params)


def _show(console: Console) -> Command:
    def run(file: Path) -> int:
        key = read_public(file)
        result = _told(key_id(key), key.suite, key.public)
        console.show(result, _lines(console, result))
        return DONE

    return Command(console, "show", console.words("keys/show"), run, [_file(console)])


def _id(console: Console) -> Command:
    def run() -> int:
        drawn = drafts.fresh_id()
        console.show({"id": drawn}, [drawn])
        return DONE

    return Command(console, "id", console.words("keys/id"), run)


def _proof(console: Console) -> Command:
    def run(file: Path, owner: str, **given: Any) -> int:
        signer = Ed25519Signer.read(file, connect.passphrase(console, given))
        proof = drafts.key_proof(owner, signer)
        console.show({"key": _key(signer), "owner": owner, "proof": proof}, [proof])
        return DONE

    words = console.words
    params: list[click.Parameter] = [
        _file(console),
        _id_option(console, ["--owner"], words("options/owner")),
        connect.passphrase_option(console),
    ]
    return Command(console, "proof", words("keys/proof"), run, params)


def _guardian(console: Console) -> Command:
    def run(file: Path, salt: str | None) -> int:
        salt = drafts.fresh_salt() if salt is None else salt
        commitment = drafts.guardian_commitment(read_public(file), salt)
        lines = [
            console.words("keys/commitment", commitment=commitment),
            console.words("keys/salt", salt=salt),
        ]
        console.show({"commitment": commitment, "salt": salt}, lines)
        return DONE

    params = [_file(console), _salt(console, required=False)]
    return Command(console, "guardian", console.words("keys/guardian"), run, params)


def _approve(console: Console) -> Command:
    def run(
        file: Path, recovery: str, person: str, new: values.NewKey, salt: str, **given: Any
    ) -> int:
        guardian = Ed25519Signer.read(file, connect.passphrase(console, given))
        approval = drafts.recovery_approval(recovery, person, new.key, guardian, salt)
        result = msgspec.to_builtins(approval)
        console.show(result, [msgspec.json.encode(result).decode("utf-8")])
        return DONE

    words = console.words
    params: list[click.Parameter] = [
        _file(console),
        _id_option(console, ["--recovery"], words("options/recovery")),
        _id_option(console, ["--person"], words("options/person")),
        Option(
            console,
            ["new", "--new-key"],
            words("options/new_key"),
            type=values.key(console),
            metavar="KEY",
            required=True,
        ),
        _salt(console, required=True),
        connect.passphrase_option(console),
    ]
    return Command(console, "approve", words("keys/approve"), run, params)


def _file(console: Console) -> click.Argument:
    return click.Argument(["file"], metavar="FILE", type=values.file(console))


def _id_option(console: Console, names: list[str], note: str) -> Option:
    return Option(console, names, note, type=values.id_of(console), metavar="ID", required=True)


def _salt(console: Console, *, required: bool) -> Option:
    note = console.words("options/salt" if required else "options/new_salt")
    kind = values.digest(console)
    return Option(console, ["--salt"], note, type=kind, metavar="SALT", required=required)


def _key(signer: Ed25519Signer) -> dict[str, str]:
    return {"suite": signer.key.suite, "public": signer.key.public}


def _told(name: str, suite: str, public: str) -> dict[str, str]:
    return {"key_id": name, "suite": suite, "public": public}


def _lines(console: Console, told: dict[str, str]) -> list[str]:
    written = f"{told['suite']}:{told['public']}"
    return [console.words("keys/named", id=told["key_id"], key=written)]
