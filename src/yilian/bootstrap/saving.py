"""Backup and restore of a member's node: chain, engine, vaults and keys, each where it belongs.

    <to>/chain/ engine/ node.json    the ledger's side, as a crash at one moment would leave it
    <to>/vaults/<organisation>/      the vaults; opens nothing by itself (`vault/backup.py`)
    <to>/backup.json                 written last: without it, no backup
    <erasure to>/<organisation>/     the vaults' erasure keys, on another medium, with an end
    <keys to>/                       all other secret keys, under another person's lock

A node that runs is held still while its last files are copied, node first, so that in the copy the
node is never ahead of its engine. What the validator signed last (`priv_validator_state.json`) is
never copied: an old one would let it sign a height twice. A restored node therefore does not vote
until `Confirmation` has seen to it that the old one is dead and its last height is past.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import httpx
import msgspec

from yilian.bootstrap import engine_process
from yilian.bootstrap.overview import get
from yilian.gateway.practice import backups
from yilian.node.config import Configuration, Consensus, NodeFolder
from yilian.node.engine import now_ms
from yilian.node.home import EngineHome
from yilian.node.member import Member
from yilian.node.store import Store, StoreBusy
from yilian.vault.erasure import Replayed

LABEL = "backup.json"
MARGIN = 2
"""A validator may be one height ahead of what others have seen, and others one behind each other.
"""

FOLLOW_TURN = 0.5
STOPPED_BY_CHANCE = 15.0
_STAGE = "backup.part"
_NEVER_CHANGE = (".sst", ".ldb", ".pack")
_STATE = "priv_validator_state.json"
_INDEX = "index.sqlite"
_ENGINE_KEYS = ("priv_validator_key.json", "node_key.json")
_KEYS = ("validator.key", "validator.key.next", "members.key", "log.key")
_SKIPPED = ("node.log", "node.log.1", "engine.log", "rpc.sock", "abci.sock", "LOCK", "lock", _STAGE)


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a backup says of itself; `running`: whether the node went on meanwhile."""

    chain: str
    organisations: list[str]
    height: Annotated[int, msgspec.Meta(ge=0)]
    made: int
    running: bool
    format: Literal["yilian-member-backup/1"] = "yilian-member-backup/1"


class Saved(NamedTuple):
    """A backup that was made: its label, how long the node was held still, until when it is good.

    `expires` (ms) is when the erasure keys do.
    """

    label: Label
    held: float
    expires: int


class NotABackup(Exception):
    """The folder holds no finished backup of a member."""


class NobodyToAsk(Exception):
    """No other member answers, so nobody tells how far the chain is."""


class OldNodeRuns(Exception):
    """Somebody listens where this member's consensus engine would: the old node still runs."""


class Restored(NamedTuple):
    """A restored node: its height, and what was erased again in each vault."""

    height: int
    vaults: dict[str, Replayed]


# -- backup ------------------------------------------------------------------------------------


def back_up(
    folder: NodeFolder, to: Path, erasure_to: Path, keys_to: Path | None, days: int
) -> Saved:
    """Back up a member that runs or not. Raises FileExistsError, StoreBusy, OSError and refusals.

    Needs room beside the node's folder for what changes while it runs; the rest is linked there.
    """
    for each in (to, *(() if keys_to is None else (keys_to,))):
        if each.exists() and any(each.iterdir()):
            raise FileExistsError(each)
    stage = NodeFolder(folder.path / _STAGE)
    shutil.rmtree(stage.path, ignore_errors=True)
    try:
        running, held = _stage(folder, stage)
        height = _height(stage)
        configuration = stage.configuration()
        made = backups.back_up(stage, to / "vaults", erasure_to, days)
        label = Label(
            chain=configuration.chain,
            organisations=[each.id for each in configuration.organisations],
            height=height,
            made=now_ms(),
            running=running,
        )
        if keys_to is not None:
            _copy_keys(stage.path, keys_to)
        _move_ledger(stage.path, to)
        _write_label(to, label)
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)
    return Saved(label, held, min(each.expires for each in made.values()))


def _stage(folder: NodeFolder, stage: NodeFolder) -> tuple[bool, float]:
    """Copy a node's folder as it is at one moment; gives whether it ran, and seconds held still."""
    home = EngineHome(folder.engine)
    _copy(folder.path, stage.path, linked_only=True)
    until = time.monotonic() + STOPPED_BY_CHANCE
    while True:
        with engine_process.frozen(home) as ran:
            if ran:
                began = time.monotonic()
                _copy(folder.path, stage.path)
                return True, time.monotonic() - began
        # Not running, or its engine is just being started again: only then the store is in use.
        try:
            store = Store(folder.chain)
        except StoreBusy:
            if time.monotonic() > until:
                raise
            time.sleep(FOLLOW_TURN)
            continue
        with contextlib.closing(store):
            _copy(folder.path, stage.path)
        return False, 0.0


def _copy(source: Path, target: Path, *, linked_only: bool = False) -> None:
    """Bring a copy up to date: files that never change are linked, all others are copied."""
    kept = set()
    for path in _files(source):
        place = target / path.relative_to(source)
        kept.add(place)
        immutable = path.suffix in _NEVER_CHANGE
        if immutable and place.exists() and place.samefile(path):
            continue
        if linked_only and not immutable:
            continue
        _make_folder(place.parent)
        with contextlib.suppress(FileNotFoundError):
            _link_or_copy(path, place, immutable)
    if not linked_only:
        for path in list(_files(target)):
            if path not in kept:
                path.unlink()


def _link_or_copy(path: Path, place: Path, immutable: bool) -> None:
    place.unlink(missing_ok=True)
    if immutable:
        with contextlib.suppress(OSError):
            os.link(path, place)
            return
    shutil.copy2(path, place)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in (*_SKIPPED, "snapshots")]
        for name in names:
            if name not in _SKIPPED and name != _STATE and not name.startswith(_INDEX):
                yield Path(root, name)


def _height(stage: NodeFolder) -> int:
    """Open the copied store, which shows that it can be, and give its height."""
    with contextlib.closing(Store(stage.chain)) as store:
        tip = store.tip()
    return 0 if tip is None else tip.height


def _copy_keys(source: Path, to: Path) -> None:
    _make_folder(to)
    for path in _key_files(source):
        place = to / path.relative_to(source)
        _make_folder(place.parent)
        shutil.copy2(path, place)


def _make_folder(path: Path) -> None:
    """Make a folder and those above it, closed to others: `mkdir` closes the last one alone."""
    if not path.exists():
        _make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _key_files(source: Path) -> list[Path]:
    found = [source / name for name in _KEYS]
    found += [source / "engine" / "config" / name for name in _ENGINE_KEYS]
    found += sorted((source / "organisations").glob("*.operator.key"))
    found += sorted((source / "organisations").glob("*.master-key"))
    return [each for each in found if each.exists()]


def _move_ledger(stage: Path, to: Path) -> None:
    for name in _ENGINE_KEYS:
        (stage / "engine" / "config" / name).unlink(missing_ok=True)
    for name in ("chain", "engine", "log"):
        if (stage / name).exists():
            shutil.copytree(stage / name, to / name)
    shutil.copy2(stage / "node.json", to / "node.json")


def _write_label(to: Path, label: Label) -> None:
    for path in to.rglob("*"):
        if path.is_file():
            _sync(path)
    part = to / f"{LABEL}.part"
    part.write_bytes(msgspec.json.encode(label) + b"\n")
    _sync(part)
    os.replace(part, to / LABEL)
    _sync(to)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- restore -----------------------------------------------------------------------------------


def restore(
    folder: NodeFolder,
    source: Path,
    erasure_source: Path,
    keys_source: Path,
    tell: Callable[[int, int], None],
    *,
    alone: bool = False,
    patience: float = 600.0,
) -> Restored:
    """Restore a member into an empty folder, follow the others, then open its vaults.

    The vaults come last, so that what was erased since the backup is erased again. `tell` is given
    this node's height and the others'. With `alone` nobody is asked, and only what the backup's
    own chain knows is erased again. The node does not vote. Raises FileExistsError, NotABackup,
    NobodyToAsk, OldNodeRuns, TimeoutError, OSError, and refusals of the vault.
    """
    # Whoever watches over the node may have begun its log again meanwhile.
    if folder.path.exists() and {each.name for each in folder.path.iterdir()} - {"node.log"}:
        raise FileExistsError(folder.path)
    _read_label(source)
    try:
        return _restore(folder, source, erasure_source, keys_source, tell, alone, patience)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _restore(
    folder: NodeFolder,
    source: Path,
    erasure_source: Path,
    keys_source: Path,
    tell: Callable[[int, int], None],
    alone: bool,
    patience: float,
) -> Restored:
    _make_folder(folder.path)
    for name in ("chain", "engine", "log"):
        if (source / name).exists():
            shutil.copytree(source / name, folder.path / name)
    _copy_keys(keys_source, folder.path)
    configuration = NodeFolder(source).configuration()
    consensus = configuration.consensus
    if consensus is None:
        raise NotABackup(source)
    if not alone and _listens(consensus.host, consensus.port):
        raise OldNodeRuns(f"{consensus.host}:{consensus.port}")
    silent = msgspec.structs.replace(consensus, vote=False)
    folder.engine.chmod(0o700)
    EngineHome(folder.engine).write_validator_state(0)
    if not alone:
        _follow(folder, silent, tell, patience)
    folder.write_configuration(msgspec.structs.replace(configuration, consensus=silent))
    with contextlib.closing(Store(folder.chain)) as store:
        tip = store.tip()
        vaults = backups.restore(folder, store, source / "vaults", erasure_source, ())
    return Restored(0 if tip is None else tip.height, vaults)


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _read_label(source: Path) -> Label:
    try:
        return msgspec.json.decode((source / LABEL).read_bytes(), type=Label)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        raise NotABackup(source) from None


def _follow(
    folder: NodeFolder, consensus: Consensus, tell: Callable[[int, int], None], patience: float
) -> None:
    """Run engine and law alone, without vaults and doors, until they are where the others are."""
    until = time.monotonic() + patience
    member = Member(folder, folder.path.name, consensus)
    try:
        while True:
            newest = others_height(consensus)
            if newest is None:
                raise NobodyToAsk
            tell(member.engine.height, newest)
            if member.engine.height >= newest and member.engine.sealed_height >= newest - 1:
                return
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(FOLLOW_TURN)
    finally:
        member.close()


def others_height(consensus: Consensus) -> int | None:
    """Ask the other members how far the chain is; None where none answers."""
    with httpx.Client(timeout=3.0) as http:
        told = [get(http, each.gateway, "/v1/status") for each in consensus.peers if each.gateway]
    return max((int(each["height"]) for each in told if each is not None), default=None)


# -- voting again ------------------------------------------------------------------------------


class Confirmation:
    """The way of a restored node back to voting, once its operator says that the old one is dead.

    From that moment the old one signs nothing more, so the last height that it may have signed is
    the newest that anybody has seen, and `MARGIN` more. When the chain is past it, the engine is
    told that it voted up to there, given the key, and started again.
    """

    def __init__(self, folder: NodeFolder, configuration: Configuration, seen: int) -> None:
        """`seen` is the newest height that any member tells of now."""
        self._folder = folder
        self._configuration = configuration
        self._home = EngineHome(folder.engine)
        self.last = seen + MARGIN

    def past(self, height: int) -> bool:
        """Tell whether a node at this height is past the last that the old one may have signed."""
        return height > self.last

    def vote(self) -> bool:
        """Let the node vote; gives whether a running engine was started again for it."""
        consensus = self._configuration.consensus
        assert consensus is not None
        # The engine signs nothing below what stands here, whatever else goes wrong.
        self._home.write_validator_state(self.last + 1)
        self._home.write_validator_key(self._folder.validator_seed())
        changed = msgspec.structs.replace(consensus, vote=True)
        self._folder.write_configuration(
            msgspec.structs.replace(self._configuration, consensus=changed)
        )
        return engine_process.restart(self._home)
