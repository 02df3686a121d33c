"""`yilian node`: look after a node's store and vaults while the node is down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from yilian.cli import heights, values, vaults
from yilian.cli.console import DONE, REFUSED, STOPPED, USAGE, Console
from yilian.cli.progress import Progress
from yilian.cli.shape import Command, Group
from yilian.node import archive, bundle, integrity, rollback
from yilian.node.config import NodeFolder
from yilian.node.store import Store, StoreBusy, StoreDamaged


def command(console: Console) -> Group:
    """Make the noun."""
    commands = [
        _check(console),
        _rollback(console),
        _export(console),
        _replay(console),
        *heights.commands(console, _with_store),
        vaults.backup(console, _folder(console), _with_store),
        vaults.restore(console, _folder(console), _with_store),
    ]
    return Group(console, "node", console.words("nouns/node"), commands)


def _check(console: Console) -> Command:
    def run(folder: Path) -> int:
        try:
            with Progress(console, "progress/checked") as progress:
                found = integrity.scan_folder(_chain(console, folder), progress.of)
        except StoreBusy:
            return _failed(console, "busy", USAGE, folder=str(folder))
        if found is not None:
            text = console.of("node", "first_bad", what=found.what)
            console.note(text)
            told = {"code": "store_damaged", "title": found.what, "height": found.height}
            console.fail(told)
            return REFUSED
        console.show({"ok": True, "damaged": None}, [console.of("node", "intact")])
        return DONE

    return _command(console, "check", run, [_folder(console)])


def _rollback(console: Console) -> Command:
    def run(folder: Path) -> int:
        def work(store: Store) -> int:
            try:
                tip = rollback.rollback(store)
            except rollback.CannotRollBack:
                return _failed(console, "cannot_roll_back", USAGE)
            NodeFolder(folder).drop_index()
            lines = [console.of("node", "rolled_back", height=tip.height)]
            console.show({"ok": True, "height": tip.height}, lines)
            return DONE

        return _with_store(console, folder, work)

    return _command(console, "rollback", run, [_folder(console)])


def _export(console: Console) -> Command:
    def run(folder: Path, file: Path) -> int:
        def work(store: Store) -> int:
            tip = store.tip()
            total = 0 if tip is None else tip.height
            with file.open("xb") as sink, Progress(console, "progress/exported") as progress:
                height = archive.export(store, sink, lambda done: progress.of(done, total))
            lines = [console.of("node", "exported", height=height, path=str(file))]
            console.show({"ok": True, "height": height, "path": str(file)}, lines)
            return DONE

        if file.exists():
            raise console.usage("folder_in_use", path=str(file))
        return _with_store(console, folder, work)

    return _command(console, "export", run, [_folder(console), _file(console)])


def _replay(console: Console) -> Command:
    def run(files: tuple[Path, ...], folder: Path) -> int:
        try:
            genesis, heights = bundle.chained(files)
            with Progress(console, "progress/replayed") as progress:
                tip = archive.replay(genesis, heights, folder, lambda done: progress.of(done, 0))
        except FileExistsError:
            raise console.usage("folder_in_use", path=str(folder)) from None
        except OSError as error:
            path = error.filename or files[0]
            raise console.usage("unreadable", path=str(path)) from None
        except (archive.ExportUnreadable, bundle.BundleUnreadable) as error:
            return _failed(console, "export_unreadable", REFUSED, reason=str(error))
        except StoreDamaged as damaged:
            return _failed(console, "replay_differs", REFUSED, what=damaged.what)
        root = tip.app_hash.hex()
        lines = [console.of("node", "replayed", height=tip.height, root=root)]
        console.show({"ok": True, "height": tip.height, "app_hash": root}, lines)
        return DONE

    files = click.Argument(
        ["files"], metavar="FILE...", type=values.file(console), nargs=-1, required=True
    )
    return _command(console, "replay", run, [files, _folder(console, "chain_folder")])


def _command(
    console: Console, name: str, run: Callable[..., int], params: list[click.Parameter]
) -> Command:
    return Command(console, name, console.of("node", f"commands/{name}"), run, params)


def _folder(console: Console, name: str = "folder") -> click.Argument:
    return click.Argument(["folder"], metavar=name.upper(), type=values.file(console))


def _file(console: Console) -> click.Argument:
    return click.Argument(["file"], metavar="FILE", type=values.file(console))


def _chain(console: Console, folder: Path) -> Path:
    node = NodeFolder(folder)
    if not node.exists():
        raise console.usage("no_node", path=str(folder))
    return node.chain


def _with_store(console: Console, folder: Path, work: Callable[[Store], int]) -> int:
    chain = _chain(console, folder)
    try:
        store = Store(chain)
    except StoreBusy:
        return _failed(console, "busy", USAGE, folder=str(folder))
    except StoreDamaged as damaged:
        return _failed(console, "damaged", STOPPED, what=damaged.what, folder=str(folder))
    try:
        return work(store)
    except StoreDamaged as damaged:
        return _failed(console, "damaged", STOPPED, what=damaged.what, folder=str(folder))
    finally:
        store.close()


def _failed(console: Console, key: str, exit_code: int, **parameters: Any) -> int:
    text = console.of("node", key, **parameters)
    console.note(text)
    console.fail({"code": key, "title": text, "parameters": parameters})
    return exit_code
