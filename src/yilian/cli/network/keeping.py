"""`yilian network rotate-key`: a validator's new key, and never two at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yilian.bootstrap import engine_process
from yilian.bootstrap.rotation import Rotation
from yilian.cli.console import DONE, REFUSED, STOPPED, UNREACHABLE, Console
from yilian.cli.network import asking
from yilian.cli.shape import Command
from yilian.node.home import EngineHome

WAITS = 180.0


def commands(console: Console) -> list[click.Command]:
    """Make the command."""
    return [_rotate(console)]


def _rotate(console: Console) -> Command:
    def run(folder: Path, **given: Any) -> int:
        at = asking.own(console, folder)
        if not at.consensus.vote:
            return asking.failed(console, "does_not_vote", REFUSED, folder=str(folder))
        if engine_process.processes(EngineHome(at.folder.engine)) is None:
            return asking.failed(console, "not_running", UNREACHABLE, folder=str(folder))
        with asking.speaking(console, at, given) as client:
            if not _has_power(client, at.organisation.id):
                return asking.failed(console, "no_power", REFUSED, folder=str(folder))
            rotation = Rotation(at.folder, at.configuration.chain, at.organisation.id, client)
            rotation.begin()
            said = set()

            def done() -> bool:
                step = rotation.step()
                if step not in said:
                    said.add(step)
                    console.note(console.of("network", f"rotation/{step}"))
                return step == "done"

            if not asking.again(WAITS, done):
                return asking.failed(console, "rotation_waits", STOPPED, folder=str(folder))
            public = rotation.public()
        lines = [
            console.of("network", "rotated", name=at.name, public=public),
            console.of("network", "next_key_backup", folder=str(folder)),
        ]
        console.show({"ok": True, "public": public, "height": rotation.height}, lines)
        return DONE

    return asking.command(console, "rotate-key", run, asking.to_member(console))


def _has_power(client: Any, organisation: str) -> bool:
    listed = client.page("governance", "validators").items
    return any(each["organisation"] == organisation for each in listed)
