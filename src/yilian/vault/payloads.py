"""Ciphertexts at rest, addressed by their SHA-256. What is kept here is never readable here.

A record's ciphertext comes here inside its second layer (`erasure_keys.py`), and the digest is that
of the outer bytes: what is released, and its own address, cannot be found in these files.

Layout, and why: a file and a sync per resource would cap a deposit at a few hundred resources a
second, so the payloads of one deposit go into ONE pack file, written, synced and renamed once.

    packs/<xx>/<id>.pack   "yilian-pack/1\\n", then per payload: SHA-256 (32 bytes),
                           length (8 bytes, big-endian), the bytes
    index.sqlite           address -> pack, offset, length

The packs are the truth. The index is disposable: it is written without waiting for the disk, and
on opening every pack it does not know, or knows at another size, is read again. Each payload still
stands alone: it is addressed, read and deleted singly (the pack is rewritten without it), and it is
erased singly by destroying its key. In S3 (`payloads_s3.py`) the packs are the same, byte by byte,
under the same names, so that either store is a copy of the other's files.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Condition, RLock
from typing import NamedTuple

from yilian.ledger import codec
from yilian.vault import durable
from yilian.vault.envelope import address, new_id
from yilian.vault.errors import PAYLOAD_DAMAGED, PAYLOAD_MISSING, PAYLOAD_TOO_LARGE

MAX_PAYLOAD = 256 * 1024 * 1024

MAGIC = b"yilian-pack/1\n"
HEAD = 32 + 8
_SCHEMA = """
CREATE TABLE IF NOT EXISTS packs (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payloads (
  address TEXT NOT NULL PRIMARY KEY, pack INTEGER NOT NULL REFERENCES packs (id),
  start INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS payloads_by_pack ON payloads (pack);
"""


class Entry(NamedTuple):
    """Where a payload stands in its pack; `start` counts from the pack's first byte."""

    address: str
    start: int
    length: int


class PackStore(ABC):
    """Payloads in packs, and the index that finds them. Safe for threads; one process at a time.

    What holds the packs says how one is written, read and removed.
    """

    def __init__(self, folder: Path) -> None:
        """Open or start the store, its index in `folder`; reads packs that the index lacks."""
        self._index_path = folder / "index.sqlite"
        # The index, briefly; never while a pack is written or read.
        self._lock = RLock()
        self._settled = Condition(self._lock)
        self._under_way: set[str] = set()
        # One rewriting of packs at a time; a reader who found nothing waits for its end.
        self._rewriting = RLock()
        try:
            self._index = self._open_index()
            self._reconcile()
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                Path(str(self._index_path) + suffix).unlink(missing_ok=True)
            self._index = self._open_index()
            self._reconcile()

    @abstractmethod
    def _write(self, pack: str, payloads: Mapping[str, bytes]) -> None:
        """Write a new pack durably, whole or not at all."""

    @abstractmethod
    def _read(self, pack: str, entry: Entry) -> bytes | None:
        """Read a payload's bytes, whatever they are; None where the pack is not there."""

    @abstractmethod
    def _keep_only(self, pack: str, gone: set[str]) -> bool:
        """Write a pack again without some payloads; False where nothing is left to keep."""

    @abstractmethod
    def _remove(self, pack: str) -> None:
        """Remove a pack durably; an absent one is fine."""

    @abstractmethod
    def _present(self) -> dict[str, int]:
        """List all packs with their sizes."""

    @abstractmethod
    def _size(self, pack: str) -> int:
        """Tell how large a pack is; 0 where it is not there."""

    @abstractmethod
    def _scan(self, pack: str) -> list[Entry]:
        """List what a pack holds; a damaged tail ends the list."""

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def put(self, ciphertext: bytes) -> str:
        """Store one payload durably and return its address; the same bytes twice are kept once."""
        return self.put_many([ciphertext])[0]

    def put_many(self, ciphertexts: Sequence[bytes]) -> list[str]:
        """Store payloads durably in one pack and return their addresses, in order."""
        if any(len(each) > MAX_PAYLOAD for each in ciphertexts):
            raise PAYLOAD_TOO_LARGE(limit=MAX_PAYLOAD)
        addresses = [address(each) for each in ciphertexts]
        named = dict(zip(addresses, ciphertexts, strict=True))
        with self._settled:
            self._settled.wait_for(lambda: self._under_way.isdisjoint(named))
            new = {name: each for name, each in named.items() if self._find(name) is None}
            self._under_way.update(new)
        try:
            if new:
                self._write_pack(new_id(), new)
        finally:
            with self._settled:
                self._under_way.difference_update(new)
                self._settled.notify_all()
        return addresses

    def get(self, name: str) -> bytes:
        """Read the payload with this address.

        Refuses `payload_missing`, and `payload_damaged` where its bytes no longer have the digest
        that is its address.
        """
        found = self._checked(name)
        if found is None:
            # Another thread may have rewritten the pack between look-up and read.
            with self._rewriting:
                found = self._checked(name)
        if found is None:
            raise PAYLOAD_DAMAGED(address=name)
        return found

    def delete(self, name: str) -> None:
        """Remove a payload durably; refuses `payload_missing`."""
        with self._rewriting:
            if self._find(name) is None:
                raise PAYLOAD_MISSING(address=name)
            self.delete_many([name])

    def delete_many(self, names: Iterable[str]) -> None:
        """Remove payloads durably, each pack rewritten once; absent ones are fine.

        Only for space: what makes a payload unreadable everywhere is the loss of its key.
        """
        with self._rewriting:
            packs: dict[str, set[str]] = {}
            for name in names:
                row = self._find(name)
                if row is not None:
                    packs.setdefault(row[0], set()).add(name)
            for pack, gone in sorted(packs.items()):
                self._rewrite(pack, gone)

    def _rewrite(self, pack: str, gone: set[str]) -> None:
        if self._keep_only(pack, gone):
            self._index_pack(pack)
        else:
            self._remove(pack)
            self._forget_pack(pack)

    def addresses(self) -> Iterator[str]:
        """List all addresses in order."""
        last = ""
        while True:
            with self._lock:
                rows = self._index.execute(
                    "SELECT address FROM payloads WHERE address > ? ORDER BY address LIMIT 1000",
                    (last,),
                ).fetchall()
            if not rows:
                return
            for (last,) in rows:
                yield last

    def _checked(self, name: str) -> bytes | None:
        row = self._find(name)
        if row is None:
            raise PAYLOAD_MISSING(address=name)
        pack, start, length = row
        content = self._read(pack, Entry(name, start, length))
        return content if content is not None and address(content) == name else None

    def _find(self, name: str) -> tuple[str, int, int] | None:
        with self._lock:
            row = self._index.execute(
                "SELECT packs.name, start, length FROM payloads JOIN packs ON packs.id = pack"
                " WHERE address = ?",
                (name,),
            ).fetchone()
        return (str(row[0]), int(row[1]), int(row[2])) if row else None

    def _indexed(self, pack: str) -> set[str]:
        """List the addresses that the index has of a pack."""
        with self._lock:
            rows = self._index.execute(
                "SELECT address FROM payloads JOIN packs ON packs.id = pack WHERE name = ?", (pack,)
            ).fetchall()
        return {str(row[0]) for row in rows}

    def _write_pack(self, pack: str, payloads: dict[str, bytes]) -> None:
        self._write(pack, payloads)
        start = len(MAGIC)
        entries: list[Entry] = []
        for name, content in payloads.items():
            entries.append(Entry(name, start + HEAD, len(content)))
            start += HEAD + len(content)
        self._store_entries(pack, start, entries)

    # Index

    def _open_index(self) -> sqlite3.Connection:
        durable.touch(self._index_path)
        index = sqlite3.connect(self._index_path, check_same_thread=False, isolation_level=None)
        index.execute("PRAGMA journal_mode = WAL")
        index.execute("PRAGMA synchronous = NORMAL")
        index.executescript(_SCHEMA)
        return index

    def _reconcile(self) -> None:
        known = dict(self._index.execute("SELECT name, size FROM packs").fetchall())
        present = self._present()
        for name in sorted(known.keys() - present.keys()):
            self._forget_pack(name)
        for name, size in sorted(present.items()):
            if known.get(name) != size:
                self._store_entries(name, size, self._scan(name))

    def _index_pack(self, pack: str) -> None:
        self._store_entries(pack, self._size(pack), self._scan(pack))

    def _store_entries(self, pack: str, size: int, entries: list[Entry]) -> None:
        with self._lock:
            self._index.execute("BEGIN IMMEDIATE")
            try:
                self._drop_rows(pack)
                row = self._index.execute(
                    "INSERT INTO packs (name, size) VALUES (?, ?) RETURNING id", (pack, size)
                ).fetchone()
                self._index.executemany(
                    "INSERT OR REPLACE INTO payloads VALUES (?, ?, ?, ?)",
                    [(each.address, row[0], each.start, each.length) for each in entries],
                )
                self._index.execute("COMMIT")
            except BaseException:
                self._index.execute("ROLLBACK")
                raise

    def _forget_pack(self, pack: str) -> None:
        with self._lock:
            self._index.execute("BEGIN IMMEDIATE")
            self._drop_rows(pack)
            self._index.execute("COMMIT")

    def _drop_rows(self, pack: str) -> None:
        self._index.execute(
            "DELETE FROM payloads WHERE pack IN (SELECT id FROM packs WHERE name = ?)", (pack,)
        )
        self._index.execute("DELETE FROM packs WHERE name = ?", (pack,))


class FolderStore(PackStore):
    """A payload store in a folder. Safe for threads; one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or start the store; reads again the packs that the index does not know."""
        self._packs = folder / "packs"
        durable.make_folder(self._packs)
        durable.clear_parts(self._packs)
        super().__init__(folder)

    def packs(self) -> list[Path]:
        """List the pack files; each is replaced whole, so a copy of one is never half."""
        return sorted(self._packs.glob("*/*.pack"))

    def _path(self, pack: str) -> Path:
        return self._packs / place(pack)

    def _write(self, pack: str, payloads: Mapping[str, bytes]) -> None:
        path = self._path(pack)
        durable.make_folder(path.parent)
        durable.replace({path: pieces(payloads.items())})

    def _read(self, pack: str, entry: Entry) -> bytes | None:
        try:
            with self._path(pack).open("rb") as file:
                file.seek(entry.start)
                return file.read(entry.length)
        except OSError:
            return None

    def _keep_only(self, pack: str, gone: set[str]) -> bool:
        path = self._path(pack)
        kept = [each for each in self._scan(pack) if each.address not in gone]
        if kept:
            durable.replace({path: _copied(path, kept)})
        return bool(kept)

    def _remove(self, pack: str) -> None:
        durable.remove(self._path(pack))

    def _present(self) -> dict[str, int]:
        return {path.stem: path.stat().st_size for path in self._packs.glob("*/*.pack")}

    def _size(self, pack: str) -> int:
        return self._path(pack).stat().st_size

    def _scan(self, pack: str) -> list[Entry]:
        path = self._path(pack)
        if not path.exists():
            return []
        with path.open("rb") as file:

            def read(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            return list(scan(read, path.stat().st_size))


def place(pack: str) -> str:
    """Give the name of a pack's file or object, in one of 256 folders."""
    return f"{hashlib.sha256(pack.encode()).hexdigest()[:2]}/{pack}.pack"


def pieces(payloads: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Give a pack's bytes: its mark, then each payload behind its head."""
    yield MAGIC
    for name, content in payloads:
        yield codec.to_bytes(name) + len(content).to_bytes(8, "big")
        yield content


def scan(read: Callable[[int, int], bytes], size: int) -> Iterator[Entry]:
    """List what a pack of `size` bytes holds; a damaged tail ends the list.

    `read` gives so many bytes from a place on, or fewer at the end.
    """
    start = len(MAGIC)
    while start + HEAD <= size:
        head = read(start, HEAD)
        length = int.from_bytes(head[32:], "big")
        if len(head) < HEAD or start + HEAD + length > size:
            return
        yield Entry(codec.to_text(head[:32]), start + HEAD, length)
        start += HEAD + length


def _copied(path: Path, entries: list[Entry]) -> Iterator[bytes]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield MAGIC
        for name, start, length in entries:
            yield codec.to_bytes(name) + length.to_bytes(8, "big")
            yield os.pread(handle, length, start)
    finally:
        os.close(handle)
