"""`yilian node prune`, archives, snapshots, `diff-state`: what a node keeps and what it drops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, STOPPED, UNREACHABLE, USAGE, Console
from yilian.cli.progress import Progress
from yilian.cli.shape import Command, Group, Option
from yilian.cli.vaults import WithStore
from yilian.ledger.genesis import read
from yilian.ledger.keys import Suites
from yilian.node import bundle, difference, prune, snapshot
from yilian.node.bundle import BundleUnreadable
from yilian.node.config import NodeFolder
from yilian.node.provider import Gateway, NoAnswer
from yilian.node.remote_state import Remote
from yilian.node.store import BeforeFirst, Store, StoreDamaged

Words = dict[str, int | str]


def commands(console: Console, with_store: WithStore) -> list[click.Command]:
    """Make the commands; `with_store` opens the store of a node that is down."""
    return [
        _prune(console, with_store),
        _check_archive(console),
        _receipt(console),
        _snapshot(console, with_store),
        _diff_state(console, with_store),
    ]


# -- archives --------------------------------------------------------------------------------------


def _prune(console: Console, with_store: WithStore) -> Command:
    def run(folder: Path, archive: Path, keep: int) -> int:
        def work(store: Store) -> int:
            try:
                with Progress(console, "progress/archived") as progress:
                    done = prune.prune(store, keep, archive, lambda height: progress.of(height, 0))
            except prune.KeepsTooFew as few:
                return _failed(console, "keeps_too_few", USAGE, least=few.least)
            except prune.NothingToPrune:
                return _failed(console, "nothing_to_prune", USAGE, keep=keep)
            except prune.OtherArchive:
                return _failed(console, "other_archive", USAGE, path=str(archive))
            except BundleUnreadable as error:
                return _failed(console, "damaged", STOPPED, what=str(error), folder=str(folder))
            except OSError:
                raise console.usage("not_written", path=str(archive)) from None
            return _pruned(console, done, archive)

        return with_store(console, folder, work)

    options = [_archive(console), _number(console, "--keep", 1)]
    return _command(console, "prune", run, [_folder(console), *options])


def _pruned(console: Console, done: prune.Pruned, archive: Path) -> int:
    told = {
        "ok": True,
        "first": done.first,
        "last": done.last,
        "base": done.base,
        "bytes_before": done.before,
        "bytes_after": done.after,
        "archive_bytes": done.archive,
        "path": str(archive),
    }
    words: Words = {"first": done.first, "last": done.last, "base": done.base, "path": str(archive)}
    sizes: Words = {"before": done.before, "after": done.after, "archive": done.archive}
    lines = [console.of("node", "pruned", **words), console.of("node", "pruned_sizes", **sizes)]
    console.show(told, lines)
    return DONE


def _check_archive(console: Console) -> Command:
    def run(archive: Path) -> int:
        try:
            with bundle.opened(archive) as file, Progress(console, "progress/checked") as progress:
                span = bundle.check(file, lambda height: progress.of(height, 0))
        except OSError:
            raise console.usage("unreadable", path=str(archive)) from None
        except BundleUnreadable as error:
            return _failed(console, "archive_unreadable", REFUSED, reason=str(error))
        words: Words = {"chain": span.chain, "first": span.first, "last": span.last}
        told = {"ok": True, **words, "last_block": span.last_block.hex()}
        console.show(told, [console.of("node", "archive_whole", **words)])
        return DONE

    argument = click.Argument(["archive"], metavar="FILE", type=values.file(console))
    return _command(console, "check-archive", run, [argument])


def _receipt(console: Console) -> Command:
    def run(name: str, archive: Path, out: Path | None) -> int:
        try:
            with bundle.opened(archive) as file:
                found = bundle.make_receipt(file, bytes.fromhex(name))
        except OSError:
            raise console.usage("unreadable", path=str(archive)) from None
        except BundleUnreadable as error:
            return _failed(console, "archive_unreadable", REFUSED, reason=str(error))
        if found is None:
            return _failed(console, "not_in_archive", REFUSED, hash=name, path=str(archive))
        text = msgspec.json.encode(found)
        if out is None:
            console.show(found, [text.decode("utf-8")])
            return DONE
        try:
            out.write_bytes(text + b"\n")
        except OSError:
            raise console.usage("not_written", path=str(out)) from None
        line = console.words("receipt_saved", path=str(out))
        console.show({"ok": True, "hash": name, "path": str(out)}, [line])
        return DONE

    kind = values.file(console)
    out = Option(console, ["--out"], console.words("options/out"), type=kind, metavar="FILE")
    argument = click.Argument(["name"], metavar="HASH", type=_hash(console))
    return _command(console, "receipt", run, [argument, _archive(console), out])


# -- snapshots -------------------------------------------------------------------------------------


def _snapshot(console: Console, with_store: WithStore) -> Group:
    about = console.of("node", "commands/snapshot")
    return Group(console, "snapshot", about, [_make(console, with_store), _list(console)])


def _make(console: Console, with_store: WithStore) -> Command:
    def run(folder: Path) -> int:
        def work(store: Store) -> int:
            document, tip = store.genesis(), store.tip()
            if document is None or tip is None or tip.height < 1:
                raise StoreDamaged("the folder holds no chain")
            hashing = Suites(read(document).profile).hashing
            kept = snapshot.Snapshots(_kept(folder), store, hashing)
            kept.make(tip.height)
            made = snapshot.listed(_kept(folder))[-1]
            console.show({"ok": True, **_told(*made)}, [_line(console, *made)])
            return DONE

        return with_store(console, folder, work)

    return _command(console, "make", run, [_folder(console)], "snapshot_make")


def _list(console: Console) -> Command:
    def run(folder: Path) -> int:
        if not NodeFolder(folder).exists():
            raise console.usage("no_node", path=str(folder))
        found = snapshot.listed(_kept(folder))
        lines = [_line(console, *each) for each in found]
        told = {"snapshots": [_told(*each) for each in found]}
        console.show(told, lines or [console.of("node", "no_snapshots")])
        return DONE

    return _command(console, "list", run, [_folder(console)], "snapshot_list")


def _kept(folder: Path) -> Path:
    return NodeFolder(folder).chain.with_name("snapshots")


def _told(made: snapshot.Snapshot, size: int) -> Words:
    return {
        "height": made.height,
        "format": made.format,
        "chunks": made.chunks,
        "bytes": size,
        "hash": made.hash.hex(),
    }


def _line(console: Console, made: snapshot.Snapshot, size: int) -> str:
    told: Words = {
        "height": made.height,
        "chunks": made.chunks,
        "size": size,
        "hash": made.hash.hex(),
    }
    return console.of("node", "snapshot_line", **told)


# -- difference ------------------------------------------------------------------------------------


def _diff_state(console: Console, with_store: WithStore) -> Command:
    def run(one: str, other: str) -> int:
        def compare(first: difference.Source) -> int:
            return _of(console, with_store, other, lambda second: _compared(console, first, second))

        return _of(console, with_store, one, compare)

    names = (("one", "FOLDER_OR_URL"), ("other", "OTHER"))
    params: list[click.Parameter] = [
        click.Argument([name], metavar=metavar, type=str) for name, metavar in names
    ]
    return _command(console, "diff-state", run, params)


def _of(
    console: Console, with_store: WithStore, place: str, work: Callable[[difference.Source], int]
) -> int:
    """Read a node that is down from its folder, and one that serves from its gateway."""
    if not place.startswith(("http://", "https://")):
        return with_store(console, Path(place), lambda store: work(difference.Stored(store)))
    try:
        gateway = Gateway(place)
        try:
            return work(Remote(gateway))
        finally:
            gateway.close()
    except NoAnswer as problem:
        return _failed(console, "no_state_there", UNREACHABLE, url=place, reason=str(problem))


def _compared(console: Console, one: difference.Source, other: difference.Source) -> int:
    try:
        found = difference.compare(one, other)
    except difference.OtherChain:
        return _failed(console, "other_chain", USAGE)
    except BeforeFirst as far:
        return _failed(console, "too_far_apart", USAGE, height=far.height)
    except difference.NoTree:
        return _failed(console, "no_state_tree", REFUSED)
    if found is None:
        console.show({"equal": True}, [console.of("node", "states_equal")])
        return DONE
    hashes = [None if each is None else each.hex() for each in (found.one, found.other)]
    absent = console.of("node", "state_absent")
    words: Words = {"key": found.key, "one": hashes[0] or absent, "other": hashes[1] or absent}
    told = {"equal": False, "key": found.key, "path": found.path}
    line = console.of("node", "states_differ", **words)
    console.show({**told, "one": hashes[0], "other": hashes[1]}, [line])
    return REFUSED


# -- parts -----------------------------------------------------------------------------------------


def _command(
    console: Console,
    name: str,
    run: Callable[..., int],
    params: list[click.Parameter],
    key: str | None = None,
) -> Command:
    return Command(console, name, console.of("node", f"commands/{key or name}"), run, params)


def _folder(console: Console) -> click.Argument:
    return click.Argument(["folder"], metavar="FOLDER", type=values.file(console))


def _archive(console: Console) -> Option:
    note, kind = console.of("node", "options/archive"), values.file(console)
    return Option(console, ["--archive"], note, type=kind, metavar="FILE", required=True)


def _number(console: Console, name: str, least: int) -> Option:
    note = console.of("node", "options/" + name.removeprefix("--"))
    kind = click.IntRange(min=least)
    return Option(console, [name], note, type=kind, metavar="N", required=True)


def _hash(console: Console) -> values.Value:
    def given(text: str) -> str:
        if len(text) != 64 or len(bytes.fromhex(text)) != 32:
            raise ValueError(text)
        return text.lower()

    return values.Value(console, "hash", given)


def _failed(console: Console, key: str, exit_code: int, **parameters: Any) -> int:
    text = console.of("node", key, **parameters)
    console.note(text)
    console.fail({"code": key, "title": text, "parameters": parameters})
    return exit_code
