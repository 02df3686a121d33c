"""`yilian network backup, restore, confirm-dead, rollback`: a member's node, saved and had back."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import Any

import click

from yilian.bootstrap import engine_process, saving
from yilian.bootstrap.overview import address, get, signers
from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, STOPPED, UNREACHABLE, USAGE, Console
from yilian.cli.network import asking
from yilian.cli.shape import Command
from yilian.ledger.errors import Refusal
from yilian.node import rollback
from yilian.node.binary import find_engine
from yilian.node.config import NodeFolder
from yilian.node.embedded import validator_public
from yilian.node.home import EngineHome
from yilian.node.store import Store, StoreBusy, StoreDamaged
from yilian.vault.backup import DAYS, MAX_DAYS

PASSES_IN = 300.0
SEALS_IN = 10.0
SAID_EVERY = 5.0
ROLLS_BACK_IN = 120.0


def commands(console: Console) -> list[click.Command]:
    """Make the commands."""
    return [_backup(console), _restore(console), _confirm(console), _rollback(console)]


def _folder_option(console: Console, name: str, *names: str, required: bool = True) -> Any:
    return asking.option(
        console, name, *names, type=values.file(console), metavar="DIR", required=required
    )


def _backup(console: Console) -> Command:
    def run(folder: Path, to: Path, erasure_to: Path, keys_to: Path | None, days: int) -> int:
        at = asking.own(console, folder)
        try:
            made = saving.back_up(at.folder, to, erasure_to, keys_to, days)
        except FileExistsError as taken:
            raise console.usage("folder_in_use", path=str(taken.args[0])) from None
        except StoreBusy:
            return asking.failed(console, "backup_busy", STOPPED, folder=str(folder))
        except Refusal as refusal:
            return console.law_refused(refusal)
        of, label = console.of, made.label
        held = f"{made.held:.2f}"
        lines = [
            of("network", "backed_up", to=str(to), height=label.height),
            of("network", "expires", to=str(erasure_to), expires=console.moment(made.expires)),
        ]
        if label.running:
            lines.insert(1, of("network", "held_still", seconds=held))
        key = "keys_apart" if keys_to is None else "keys_saved"
        lines.append(of("network", key, to=str(keys_to or "DIR")))
        told = {"height": label.height, "held_seconds": held, "expires": made.expires}
        console.show({"ok": True, "running": label.running, **told}, lines)
        return DONE

    params = [
        asking.folder(console),
        _folder_option(console, "--to"),
        _folder_option(console, "--erasure-to"),
        _folder_option(console, "--keys-to", required=False),
        asking.option(
            console,
            "--expire-days",
            "days",
            type=click.IntRange(1, MAX_DAYS),
            metavar="DAYS",
            default=DAYS,
        ),
    ]
    return asking.command(console, "backup", run, params)


def _restore(console: Console) -> Command:
    def run(folder: Path, source: Path, erasure_from: Path, keys_from: Path, alone: bool) -> int:
        missing = asking.require_engine(console)
        if missing is not None:
            return missing
        said_at = 0.0

        def tell(own: int, newest: int) -> None:
            nonlocal said_at
            if time.monotonic() - said_at > SAID_EVERY:
                said_at = time.monotonic()
                console.note(console.of("network", "following", height=own, newest=newest))

        try:
            done = saving.restore(
                NodeFolder(folder), source, erasure_from, keys_from, tell, alone=alone
            )
        except FileExistsError as taken:
            raise console.usage("folder_in_use", path=str(taken.args[0])) from None
        except saving.NotABackup:
            return asking.failed(console, "not_a_backup", USAGE, path=str(source))
        except saving.NobodyToAsk:
            return asking.failed(console, "nobody_to_ask", UNREACHABLE)
        except saving.OldNodeRuns as running:
            return asking.failed(console, "old_node_runs", USAGE, address=str(running))
        except TimeoutError:
            return asking.failed(console, "does_not_follow", STOPPED)
        except StoreDamaged as damaged:
            return asking.failed(console, "backup_damaged", REFUSED, what=damaged.what)
        except Refusal as refusal:
            return console.law_refused(refusal)
        of = console.of
        lines = [of("network", "restored", folder=str(folder), height=done.height)]
        lines += [
            of("node", "restored", organisation=name, destroyed=each.destroyed, sealed=each.sealed)
            for name, each in done.vaults.items()
        ]
        lines.append(of("network", "next_confirm", folder=str(folder)))
        told = [
            {"organisation": name, "destroyed": each.destroyed, "sealed": each.sealed}
            for name, each in done.vaults.items()
        ]
        shown = {"ok": True, "height": done.height, "votes": False, "vaults": told}
        console.show(shown, lines)
        return DONE

    return asking.command(console, "restore", run, _to_restore(console))


def _to_restore(console: Console) -> list[click.Parameter]:
    return [
        asking.folder(console),
        _folder_option(console, "--from", "source"),
        _folder_option(console, "--erasure-from"),
        _folder_option(console, "--keys-from"),
        asking.option(console, "--alone", is_flag=True),
    ]


def _confirm(console: Console) -> Command:
    def run(folder: Path, old_node_is_dead: bool) -> int:
        at = asking.own(console, folder)
        if at.consensus.vote:
            return asking.failed(console, "votes_already", REFUSED, folder=str(folder))
        if not old_node_is_dead:
            return asking.failed(console, "not_confirmed", USAGE, folder=str(folder))
        if engine_process.processes(EngineHome(at.folder.engine)) is None:
            return asking.failed(console, "not_running", UNREACHABLE, folder=str(folder))
        others = saving.others_height(at.consensus)
        if others is None:
            return asking.failed(console, "nobody_to_ask", UNREACHABLE)
        confirmation = saving.Confirmation(
            at.folder, at.configuration, max(others, _height(at.gateway))
        )
        console.note(console.of("network", "waits_past", height=confirmation.last))
        if not asking.again(PASSES_IN, lambda: confirmation.past(_height(at.gateway))):
            return asking.failed(console, "not_past", STOPPED, height=confirmation.last)
        if _signs(at, confirmation.last + 1):
            last = confirmation.last + 1
            return asking.failed(console, "old_node_signs", REFUSED, height=last)
        confirmation.vote()
        lines = [console.of("network", "votes_again", height=confirmation.last + 1)]
        console.show({"ok": True, "votes": True, "past": confirmation.last}, lines)
        return DONE

    params = [
        asking.folder(console),
        asking.option(console, "--old-node-is-dead", is_flag=True),
    ]
    return asking.command(console, "confirm-dead", run, params)


def _signs(at: asking.Own, height: int) -> bool:
    """Tell whether the node's key signed a block that was begun after the operator's word.

    This node has no key then, so another one signed.
    """
    own = address(validator_public(at.folder.validator_seed()))
    asking.again(SEALS_IN, lambda: signers(at.gateway, height) is not None)
    return any(own in (signers(each, height) or ()) for each in (at.gateway, *at.others()))


def _height(gateway: str) -> int:
    import httpx

    with httpx.Client(timeout=3.0) as http:
        found = get(http, gateway, "/v1/status")
    return 0 if found is None else int(found["height"])


def _rollback(console: Console) -> Command:
    def run(folder: Path) -> int:
        at = asking.own(console, folder)
        missing = asking.require_engine(console)
        if missing is not None:
            return missing
        try:
            store = Store(at.folder.chain)
        except StoreBusy:
            return asking.failed(console, "still_running", USAGE, folder=str(folder))
        except StoreDamaged as damaged:
            return asking.failed(console, "damaged", STOPPED, what=damaged.what)
        with contextlib.closing(store):
            try:
                tip = rollback.rollback(store)
            except rollback.CannotRollBack:
                return asking.failed(console, "cannot_roll_back", USAGE)
            except StoreDamaged as damaged:
                return asking.failed(console, "damaged", STOPPED, what=damaged.what)
            at.folder.drop_index()
            said = _engine_back(at.folder.engine)
        if said is not None:
            return asking.failed(console, "engine_not_back", STOPPED, words=said)
        lines = [
            console.of("network", "rolled_back", height=tip.height),
            console.of("network", "next_up_again", folder=str(folder)),
        ]
        console.show({"ok": True, "height": tip.height}, lines)
        return DONE

    return asking.command(console, "rollback", run, [asking.folder(console)])


def _engine_back(home: Path) -> str | None:
    """Take the engine's newest height back too; gives its words where it does not.

    An engine that is one height ahead of its node hands that height over again when it starts, so
    a break between the two does no harm.
    """
    done = subprocess.run(
        [str(find_engine()), "rollback", "--home", "."],
        cwd=home,
        capture_output=True,
        timeout=ROLLS_BACK_IN,
        check=False,
    )
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace")[-300:]
