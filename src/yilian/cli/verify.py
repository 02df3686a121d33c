"""`yilian verify`: check receipts and state proofs offline; no node is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.shape import Command, Option
from yilian.sdk import verify as verifier
from yilian.sdk import verify_log

Check = Callable[[bytes, bytes], verifier.Verified]
FolderCheck = Callable[[Console, Path], int]
"""Checks a node's own folder and says what it found; gives the exit code."""


def command(console: Console, check_folder: FolderCheck | None = None) -> Command:
    """Make the command; with `check_folder` it has the option `--node` too."""

    def run(
        files: tuple[Path, ...],
        trust: Path | None,
        log_proofs: tuple[Path, ...],
        published: tuple[Path, ...],
        node: Path | None = None,
    ) -> int:
        if check_folder is not None and node is not None:
            if files or trust is not None or log_proofs or published:
                raise console.usage("either", one="FILE... --trust", other="--node")
            return check_folder(console, node)
        if not files or trust is None:
            raise console.usage("missing", name="--trust" if files else "FILE...")
        if log_proofs and len(files) > 1:
            raise console.usage("one_file", name="--log-proof")
        proofs = [_bytes(console, path) for path in log_proofs]

        def check(text: bytes, pinned: bytes) -> verifier.Verified:
            return verify_log.verify(text, pinned, proofs, published)

        return _files(console, files, trust, check)

    file = values.file(console)
    note = console.words("options/trust")
    params: list[click.Parameter] = [
        click.Argument(["files"], metavar="FILE...", type=file, nargs=-1),
        Option(console, ["--trust"], note, type=file, metavar="FILE"),
        *_of_witnesses(console, file),
    ]
    if check_folder is not None:
        note = console.words("options/folder")
        params.append(Option(console, ["--node"], note, type=file, metavar="FOLDER"))
    return Command(console, "verify", console.words("nouns/verify"), run, params)


def _of_witnesses(console: Console, file: click.ParamType[Any]) -> list[click.Parameter]:
    return [
        Option(
            console,
            ["log_proofs", "--log-proof"],
            console.words("options/log_proof"),
            type=file,
            metavar="FILE",
            multiple=True,
        ),
        Option(
            console,
            ["--published"],
            console.words("options/published"),
            type=file,
            metavar="FOLDER",
            multiple=True,
        ),
    ]


def _files(console: Console, files: tuple[Path, ...], trust: Path, check: Check) -> int:
    pinned = read_trust(console, trust)
    texts = [(path, _bytes(console, path)) for path in files]
    answers = [_checked(path, text, pinned, check) for path, text in texts]
    verified = all(each["verified"] for each in answers)
    lines = [line for each in answers for line in _lines(console, each)]
    console.show({"verified": verified, "files": answers}, lines)
    return DONE if verified else REFUSED


def _bytes(console: Console, path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(verifier.MAX_TEXT + 1)
    except OSError:
        raise console.usage("unreadable", path=str(path)) from None


def read_trust(console: Console, path: Path) -> bytes:
    """Read a trust file; refuses, as usage, what is none."""
    text = _bytes(console, path)
    try:
        verifier.parse_trust(text)
    except verifier.NotVerified:
        raise console.usage("not_a_trust_file", path=str(path)) from None
    return text


def _checked(path: Path, text: bytes, trust: bytes, check: Check) -> dict[str, Any]:
    try:
        verified = check(text, trust)
    except verifier.NotVerified as reason:
        told = {"code": reason.code, "detail": reason.detail}
        return {"file": str(path), "verified": False, **told}
    about = _about(json.loads(text))
    return {"file": str(path), "verified": True, **verified._asdict(), "about": about}


def _about(proof: dict[str, Any]) -> dict[str, Any]:
    """Say what was proved in parts that any language can put into a sentence."""
    if "key" in proof:
        return {"kind": "absent" if proof["value"] is None else "present", "key": proof["key"]}
    code = proof["result"]["code"]
    return {"kind": "accepted" if code == 0 else "refused", "code": code}


def _lines(console: Console, answer: dict[str, Any]) -> list[str]:
    words = console.words
    if not answer["verified"]:
        why = words(f"proof/{answer['code']}")
        return [words("not_verified", file=answer["file"]), f"  {why} ({answer['code']})"]
    about = dict(answer["about"])
    kind = about.pop("kind")
    where = {"chain": answer["chain_id"], "height": answer["height"], "time": answer["time"]}
    level = answer["level"].replace(" ", "_")
    lines = [
        words("verified", file=answer["file"]),
        "  " + words(f"proved/{kind}", **about, **where),
        "  " + words(f"level/{level}"),
    ]
    if answer["witnesses"]:
        names = ", ".join(answer["witnesses"])
        lines.append("  " + words("witnessed", names=names, time=answer["witnessed"]))
    notes = {verifier.TRUST_OLD: "trust_old", verify_log.ONE_SIGNER: "written_alone"}
    return [*lines, *("  " + words(notes[each]) for each in answer["warnings"])]
