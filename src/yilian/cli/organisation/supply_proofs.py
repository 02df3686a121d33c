"""Proofs of events for strangers, checked offline; and the repository compared with the chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import TEXTS, address, command, option
from yilian.cli.shape import Command, Option
from yilian.sdk import verify as verifier

FORMAT = "yilian-event-evidence/1"
"""An event's proof, and the state proof of the post that it leads to."""


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_proof(console), _check(console), _audit(console)]


def _proof(console: Console) -> Command:
    def run(event: str, out: Path, save_trust: Path | None, **given: Any) -> int:
        with speaking(console, given) as client:
            proof = client.request("GET", address(given, "proofs", {"event": event}))
            name = f"{proof['organisation']}.{proof['interval']:016d}"
            post = client.get("supply", "posts", name, proof=True).proof
            trust = None if save_trust is None else client.trust()
        _write(console, out, {"format": FORMAT, "proof": proof, "post": post})
        if save_trust is not None:
            _write(console, save_trust, trust)
            console.note(console.words("trust_is_theirs", path=str(save_trust)))
        told = {"path": str(out), "event": proof["event_id"], "interval": proof["interval"]}
        console.show({"ok": True, **told}, [console.of(TEXTS, "proved", **told)])
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["event"], metavar="EVENT"),
        option(console, "--out", type=values.file(console), metavar="FILE", required=True),
        Option(
            console,
            ["--save-trust"],
            console.words("options/save_trust"),
            type=values.file(console),
            metavar="FILE",
        ),
    ]
    return command(console, "proof", run, params)


def _write(console: Console, path: Path, content: Any) -> None:
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    except OSError:
        raise console.usage("not_written", path=str(path)) from None


def _check(console: Console) -> Command:
    """Needs no node and no key, so it has none of the options for signing."""

    def run(proof: Path, trust: Path, event: Path | None) -> int:
        evidence, pinned = _read(console, proof), _read(console, trust)
        shown = None if event is None else _read(console, event)
        try:
            said, verified = check_evidence(evidence, pinned, shown)
        except verifier.NotVerified as problem:
            title = console.words(f"proof/{problem.code}")
            console.note(title)
            console.fail({"code": problem.code, "title": title})
            return REFUSED
        told = {name: said[name] for name in ("event_id", "event_hash", "organisation", "interval")}
        key = "holds" if event is None else "holds_of_event"
        lines = [console.of(TEXTS, key, **told)]
        lines.append(
            console.of(
                TEXTS,
                "holds_by",
                chain=verified.chain_id,
                height=verified.height,
                level=verified.level,
            )
        )
        told |= {"chain": verified.chain_id, "height": verified.height, "level": verified.level}
        console.show({"ok": True, **told}, lines)
        return DONE

    file = values.file(console)
    params: list[click.Parameter] = [
        click.Argument(["proof"], metavar="FILE", type=file),
        Option(
            console,
            ["--trust"],
            console.words("options/trust"),
            type=file,
            metavar="FILE",
            required=True,
        ),
        option(console, "--event", type=file, metavar="FILE"),
    ]
    return Command(console, "check-proof", console.of(TEXTS, "commands/check-proof"), run, params)


def _read(console: Console, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise console.usage("unreadable", path=str(path)) from None


def check_evidence(
    evidence: bytes, trust: bytes, event: bytes | None
) -> tuple[dict[str, Any], verifier.Verified]:
    """Check offline that an event was anchored; gives what the proof says, and by whose word.

    `event` is the event itself (JSON). Raises `NotVerified` and the refusals of `anchors.verify`.
    """
    from yilian.gateway.epcis import event_hash
    from yilian.gateway.epcis.json_form import parse_json
    from yilian.gateway.supply import anchors
    from yilian.gateway.supply.title_errors import EVENT_DIFFERS, PROOF_MALFORMED
    from yilian.ledger.state import State

    try:
        found = json.loads(evidence)
        proof, post = found["proof"], found["post"]
        named = found["format"] == FORMAT and isinstance(post["key"], str)
        if not named or not isinstance(post["value"], str | None):
            raise PROOF_MALFORMED()
    except (ValueError, LookupError, TypeError, RecursionError):
        raise PROOF_MALFORMED() from None
    verified = verifier.verify(json.dumps(post), trust)
    state = State(_OnePost(post["key"], post["value"]))
    said = anchors.verify(msgspec.json.encode(proof), state)
    if event is not None:
        events = parse_json(event).events
        only = events[0] if len(events) == 1 else None
        if (
            only is None
            or event_hash.event_hash(only) != said.event_hash
            or only.get("eventID", said.event_id) != said.event_id
        ):
            raise EVENT_DIFFERS()
    shown: dict[str, Any] = msgspec.to_builtins(said)
    return shown, verified


class _OnePost:
    """Committed state of which one key is proved; the rest is unknown, and taken for absent."""

    def __init__(self, key: str, value: str | None) -> None:
        self._key = key.encode()
        self._value = None if value is None else value.encode()

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""
        return self._value if key == self._key else None

    def scan(self, prefix: bytes, after: bytes = b"") -> Any:
        """Give nothing: what is proved is asked for by its key."""
        return iter(())


def _audit(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, "audit"))
        lines = [
            console.of(TEXTS, "changed", event=each["event"], sequence=each["sequence"])
            if each["event"]
            else console.of(TEXTS, "changed_post", interval=each["interval"])
            for each in found["changed"]
        ]
        lines.append(console.of(TEXTS, "unchanged" if not lines else "changed_some"))
        console.show({"ok": not found["changed"], **found}, lines)
        return REFUSED if found["changed"] else DONE

    return command(console, "audit", run, [])
