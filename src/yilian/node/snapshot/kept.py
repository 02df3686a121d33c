"""The snapshots that a node keeps: made beside the writing of blocks, listed and handed out."""

from __future__ import annotations

import logging
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from yilian.ledger.keys import Hashing, sha256
from yilian.node.abci.messages import Snapshot
from yilian.node.snapshot.form import FORMAT, LARGEST
from yilian.node.snapshot.making import Manifest, Stopped, Writing, gently, sync_folder
from yilian.node.store import Frozen, Store

KEEP = 2
_NAME = re.compile(r"([1-9][0-9]{0,18})-1")

log = logging.getLogger("yilian.node")


class NotAtHeight(Exception):
    """The store has not the height, or no longer: a snapshot is begun right after its commit."""


class Snapshots:
    """The snapshots that a node keeps in a folder, the newest two."""

    def __init__(
        self, folder: Path, store: Store, hashing: Hashing, largest: int = LARGEST
    ) -> None:
        """Open the folder, which may be absent; what was not finished there is removed.

        `largest` belongs to the format: another one gives chunks that no other node makes.
        """
        self._folder = folder
        self._store = store
        self._hashing = hashing
        self._largest = largest
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._known: dict[int, tuple[Snapshot, Manifest]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for each in sorted(folder.iterdir()):
            self._take_in(each)

    def start(self, height: int) -> bool:
        """Begin a snapshot of the height just committed, in the background, slowly.

        The moment is held before this returns, so the next block may follow at once. Gives False
        while another one is being made. Raises NotAtHeight.
        """
        with self._lock:
            if self._stopping.is_set() or (self._worker is not None and self._worker.is_alive()):
                return False
            moment = self._hold(height)
            self._worker = threading.Thread(
                target=self._make_quietly, args=(moment, height), name="yilian-snapshot"
            )
            self._worker.start()
        return True

    def wait(self) -> None:
        """Wait until no snapshot is being made."""
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.join()

    def close(self) -> None:
        """Give up what is being made, so that the store can be closed."""
        self._stopping.set()
        self.wait()

    def make(self, height: int) -> Snapshot:
        """Make the snapshot of the newest height and wait for it. Raises NotAtHeight."""
        return self._make(self._hold(height), height, lambda: None)

    def list(self) -> list[Snapshot]:
        """List the snapshots that are whole, oldest first."""
        with self._lock:
            return [self._known[height][0] for height in sorted(self._known)]

    def chunk(self, height: int, format: int, index: int) -> bytes | None:  # noqa: A002
        """Read a chunk; None where there is none or the disk spoiled it."""
        with self._lock:
            found = self._known.get(height)
        if found is None or format != FORMAT or not 0 <= index < found[0].chunks:
            return None
        manifest = found[1]
        try:
            with (self._folder / f"{height}-1" / "chunks").open("rb") as file:
                file.seek(sum(manifest.sizes[:index]))
                data = file.read(manifest.sizes[index])
        except OSError:
            return None
        if sha256(data) == manifest.digests[index]:
            return data
        log.error("chunk %d of the snapshot of height %d is damaged", index, height)
        return None

    def _hold(self, height: int) -> Frozen:
        moment = self._store.frozen()
        tip = moment.tip()
        if tip is None or tip.height != height or height < 1:
            moment.close()
            raise NotAtHeight(height)
        return moment

    def _make_quietly(self, moment: Frozen, height: int) -> None:
        try:
            self._make(moment, height, gently(self._stopping))
        except Stopped:
            pass
        except Exception:
            log.exception("no snapshot of height %d was made", height)

    def _make(self, moment: Frozen, height: int, pause: Callable[[], None]) -> Snapshot:
        part = self._folder / f"{height}-1.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            metadata, manifest = Writing(moment, self._hashing, self._largest, pause).write(part)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        finally:
            moment.close()
        whole = self._folder / f"{height}-1"
        snapshot = _described(manifest, metadata)
        with self._lock:
            shutil.rmtree(whole, ignore_errors=True)
            part.rename(whole)
            sync_folder(self._folder)
            self._known[height] = (snapshot, manifest)
            for old in sorted(self._known)[:-KEEP]:
                del self._known[old]
                shutil.rmtree(self._folder / f"{old}-1", ignore_errors=True)
        return snapshot

    def _take_in(self, folder: Path) -> None:
        try:
            snapshot, manifest = _read(folder)
        except (OSError, ValueError):
            log.warning("removed an unfinished snapshot: %s", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            self._known[manifest.height] = snapshot, manifest


def listed(folder: Path) -> list[tuple[Snapshot, int]]:
    """List the snapshots in a folder and their bytes, oldest first; a node may be at work there."""
    found = []
    for each in folder.iterdir() if folder.is_dir() else ():
        try:
            snapshot, manifest = _read(each)
        except (OSError, ValueError):
            continue
        found.append((snapshot, sum(manifest.sizes)))
    return sorted(found, key=lambda each: each[0].height)


def _read(folder: Path) -> tuple[Snapshot, Manifest]:
    """Read what a finished snapshot says of itself. Raises OSError or ValueError."""
    named = _NAME.fullmatch(folder.name)
    if named is None:
        raise ValueError(folder.name)
    metadata = (folder / "metadata").read_bytes()
    manifest = msgspec.json.decode((folder / "manifest").read_bytes(), type=Manifest)
    snapshot = _described(manifest, metadata)
    if manifest.height != int(named[1]) or len(manifest.sizes) != snapshot.chunks:
        raise ValueError(folder.name)
    return snapshot, manifest


def _described(manifest: Manifest, metadata: bytes) -> Snapshot:
    chunks = len(manifest.digests)
    return Snapshot(manifest.height, FORMAT, chunks, sha256(metadata), metadata)
