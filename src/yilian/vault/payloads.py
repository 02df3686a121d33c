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
erased singly by destroying its key. Objects of another store (S3) would keep the same four verbs.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import RLock

from yilian.ledger import codec
from yilian.vault import durable
from yilian.vault.envelope import address, new_id
from yilian.vault.errors import PAYLOAD_DAMAGED, PAYLOAD_MISSING, PAYLOAD_TOO_LARGE

MAX_PAYLOAD = 256 * 1024 * 1024

_MAGIC = b"yilian-pack/1\n"
_HEAD = 32 + 8
_SCHEMA = """
CREATE TABLE IF NOT EXISTS packs (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payloads (
  address TEXT NOT NULL PRIMARY KEY, pack INTEGER NOT NULL REFERENCES packs (id),
  start INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS payloads_by_pack ON payloads (pack);
"""


class FolderStore:
    """A payload store in a folder. Safe for threads; one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or start the store; reads again the packs that the index does not know."""
        self._packs = folder / "packs"
        durable.make_folder(self._packs)
        durable.clear_parts(self._packs)
        self._index_path = folder / "index.sqlite"
        self._lock = RLock()
        try:
            self._index = self._open_index()
            self._reconcile()
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                Path(str(self._index_path) + suffix).unlink(missing_ok=True)
            self._index = self._open_index()
            self._reconcile()

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
        with self._lock:
            new = {name: each for name, each in named.items() if self._find(name) is None}
            if new:
                self._write_pack(self._pack_path(new_id()), new)
        return addresses

    def get(self, name: str) -> bytes:
        """Read the payload with this address.

        Refuses `payload_missing`, and `payload_damaged` where its bytes no longer have the digest
        that is its address.
        """
        found = self._read(name)
        if found is None:
            # Another thread may have rewritten the pack between look-up and read.
            with self._lock:
                found = self._read(name)
        if found is None:
            raise PAYLOAD_DAMAGED(address=name)
        return found

    def delete(self, name: str) -> None:
        """Remove a payload durably; refuses `payload_missing`."""
        with self._lock:
            if self._find(name) is None:
                raise PAYLOAD_MISSING(address=name)
            self.delete_many([name])

    def delete_many(self, names: Iterable[str]) -> None:
        """Remove payloads durably, each pack rewritten once; absent ones are fine.

        Only for space: what makes a payload unreadable everywhere is the loss of its key.
        """
        with self._lock:
            packs: dict[str, set[str]] = {}
            for name in names:
                row = self._find(name)
                if row is not None:
                    packs.setdefault(row[0], set()).add(name)
            for pack, gone in sorted(packs.items()):
                self._rewrite(pack, gone)

    def _rewrite(self, pack: str, gone: set[str]) -> None:
        path = self._pack_path(pack)
        kept = [entry for entry in _scan(path) if entry[0] not in gone] if path.exists() else []
        if kept:
            durable.replace({path: _copied(path, kept)})
            self._index_pack(path)
        else:
            durable.remove(path)
            self._forget_pack(pack)

    def packs(self) -> list[Path]:
        """List the pack files; each is replaced whole, so a copy of one is never half."""
        return sorted(self._packs.glob("*/*.pack"))

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

    def _read(self, name: str) -> bytes | None:
        with self._lock:
            row = self._find(name)
        if row is None:
            raise PAYLOAD_MISSING(address=name)
        pack, start, length = row
        try:
            with self._pack_path(pack).open("rb") as file:
                file.seek(start)
                content = file.read(length)
        except OSError:
            return None
        return content if address(content) == name else None

    def _find(self, name: str) -> tuple[str, int, int] | None:
        row = self._index.execute(
            "SELECT packs.name, start, length FROM payloads JOIN packs ON packs.id = pack"
            " WHERE address = ?",
            (name,),
        ).fetchone()
        return (str(row[0]), int(row[1]), int(row[2])) if row else None

    # Packs

    def _pack_path(self, name: str) -> Path:
        fan = hashlib.sha256(name.encode()).hexdigest()[:2]
        return self._packs / f"{fan}/{name}.pack"

    def _write_pack(self, path: Path, payloads: dict[str, bytes]) -> None:
        durable.make_folder(path.parent)
        durable.replace({path: _pieces(payloads.items())})
        start = len(_MAGIC)
        entries: list[tuple[str, int, int]] = []
        for name, content in payloads.items():
            entries.append((name, start + _HEAD, len(content)))
            start += _HEAD + len(content)
        self._store_entries(path.stem, start, entries)

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
        present = {path.stem: path for path in self._packs.glob("*/*.pack")}
        for name in sorted(known.keys() - present.keys()):
            self._forget_pack(name)
        for name, path in sorted(present.items()):
            if known.get(name) != path.stat().st_size:
                self._index_pack(path)

    def _index_pack(self, path: Path) -> None:
        self._store_entries(path.stem, path.stat().st_size, list(_scan(path)))

    def _store_entries(self, pack: str, size: int, entries: list[tuple[str, int, int]]) -> None:
        with self._lock:
            self._index.execute("BEGIN IMMEDIATE")
            try:
                self._drop_rows(pack)
                row = self._index.execute(
                    "INSERT INTO packs (name, size) VALUES (?, ?) RETURNING id", (pack, size)
                ).fetchone()
                self._index.executemany(
                    "INSERT OR REPLACE INTO payloads VALUES (?, ?, ?, ?)",
                    [(name, row[0], start, length) for name, start, length in entries],
                )
                self._index.execute("COMMIT")
            except BaseException:
                self._index.execute("ROLLBACK")
                raise

    def _forget_pack(self, pack: str) -> None:
        self._index.execute("BEGIN IMMEDIATE")
        self._drop_rows(pack)
        self._index.execute("COMMIT")

    def _drop_rows(self, pack: str) -> None:
        self._index.execute(
            "DELETE FROM payloads WHERE pack IN (SELECT id FROM packs WHERE name = ?)", (pack,)
        )
        self._index.execute("DELETE FROM packs WHERE name = ?", (pack,))


def _pieces(payloads: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    yield _MAGIC
    for name, content in payloads:
        yield codec.to_bytes(name) + len(content).to_bytes(8, "big")
        yield content


def _scan(path: Path) -> Iterator[tuple[str, int, int]]:
    """List address, start and length of a pack's payloads; a damaged tail ends the list."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = len(file.read(len(_MAGIC)))
        while start + _HEAD <= size:
            file.seek(start)
            head = file.read(_HEAD)
            length = int.from_bytes(head[32:], "big")
            if start + _HEAD + length > size:
                return
            yield codec.to_text(head[:32]), start + _HEAD, length
            start += _HEAD + length


def _copied(path: Path, entries: list[tuple[str, int, int]]) -> Iterator[bytes]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield _MAGIC
        for name, start, length in entries:
            yield codec.to_bytes(name) + length.to_bytes(8, "big")
            yield os.pread(handle, length, start)
    finally:
        os.close(handle)
