"""Ciphertexts at rest in an S3 bucket: the same packs as in a folder (`payloads.py`), as objects.

    <prefix>/<organisation>/owner                        whose vault this is
    <prefix>/<organisation>/<part>/packs/<xx>/<id>.pack  `part`: payloads or large
    <vault>/<part>/index.sqlite                          disposable, as in a folder

One request stores a deposit, and it is acknowledged once the server says that the object is stored.
An object is replaced and removed whole (Amazon S3 User Guide, "Amazon S3 data consistency model"),
so a pack without an erased payload takes the place of the one with it. A bucket that keeps older
versions or locks objects would keep that payload, so it is refused when the store is opened and
again before each removal. What is read is held against the digest that is its address, so wrong
bytes from the server are refused, never served.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import durable
from yilian.vault.bucket import Bucket
from yilian.vault.envelope import address
from yilian.vault.payloads import MAGIC, Entry, PackStore, pieces, place, scan

WINDOW = 256 * 1024
"""Bytes read at once where only the heads between payloads are wanted."""

log = logging.getLogger("yilian.vault")
_NAME = re.compile(r"[0-9a-f]{2}/([A-Za-z0-9_-]{1,64})\.pack")


class S3Store(PackStore):
    """A payload store in a bucket. Safe for threads; one process at a time."""

    def __init__(self, bucket: Bucket, prefix: str, folder: Path) -> None:
        """Open or start the store below `prefix`, its index in `folder`.

        Refuses `payload_store_unavailable`, `payload_store_refused`, `payload_bucket_missing`.
        """
        self._bucket = bucket
        self._prefix = f"{prefix}/packs/"
        durable.make_folder(folder)
        super().__init__(folder)

    def delete_many(self, names: Iterable[str]) -> None:
        """Remove payloads durably; refuses a bucket that would keep them."""
        wanted = list(names)
        if wanted:
            self._bucket.require_erasable()
        super().delete_many(wanted)

    def _key(self, pack: str) -> str:
        return self._prefix + place(pack)

    def _write(self, pack: str, payloads: Mapping[str, bytes]) -> None:
        key = self._key(pack)
        try:
            self._bucket.put(key, list(pieces(payloads.items())))
        except Refusal:
            # It may have arrived all the same: an answer can be lost.
            self._take_back(key)
            raise

    def _take_back(self, key: str) -> None:
        try:
            self._bucket.delete(key)
        except Refusal:
            log.warning("what was not acknowledged may lie in the bucket; no key opens it")

    def _read(self, pack: str, entry: Entry) -> bytes | None:
        if entry.length == 0:
            return b""
        found = self._bucket.get(self._key(pack), entry.start, entry.length)
        return None if found is None else found[0]

    def _keep_only(self, pack: str, gone: set[str]) -> bool:
        wanted = self._indexed(pack) - gone
        if not wanted:
            return False
        whole, kept = self._whole(pack, wanted)
        if not kept:
            return False
        view = memoryview(whole)
        parts: list[bytes] = [MAGIC]
        for each in kept:
            parts.append(codec.to_bytes(each.address) + each.length.to_bytes(8, "big"))
            parts.append(bytes(view[each.start : each.start + each.length]))
        self._bucket.put(self._key(pack), parts)
        return True

    def _whole(self, pack: str, wanted: set[str]) -> tuple[bytes, list[Entry]]:
        """Read a pack to write it again: what does not check is read twice, then kept as it is."""
        whole, entries = b"", list[Entry]()
        for _ in range(2):
            found = self._bucket.get(self._key(pack))
            whole = found[0] if found is not None else b""
            entries = [each for each in scan(_within(whole), len(whole)) if each.address in wanted]
            if wanted == {each.address for each in entries if _is_sound(whole, each)}:
                return whole, entries
        log.warning("a pack is damaged: what is left of it is kept")
        return whole, entries

    def _remove(self, pack: str) -> None:
        self._bucket.delete(self._key(pack))

    def _present(self) -> dict[str, int]:
        return {each.pack: each.size for each in packs(self._bucket, self._prefix)}

    def _size(self, pack: str) -> int:
        found = self._bucket.get(self._key(pack), 0, 1)
        return 0 if found is None else found[1]

    def _scan(self, pack: str) -> list[Entry]:
        key = self._key(pack)
        first = self._bucket.get(key, 0, WINDOW)
        if first is None:
            return []
        window, size = first
        begins = 0

        def read(start: int, length: int) -> bytes:
            nonlocal window, begins
            if not begins <= start <= begins + len(window) - length:
                found = self._bucket.get(key, start, WINDOW)
                window, begins = b"" if found is None else found[0], start
            return window[start - begins :][:length]

        return list(scan(read, size))


class Listed(NamedTuple):
    """A pack in a bucket: its name, its key, its size and what the server calls its content."""

    pack: str
    key: str
    size: int
    tag: str


def packs(bucket: Bucket, prefix: str) -> Iterator[Listed]:
    """List the packs whose keys begin with `prefix`; what is called otherwise is left out."""
    for key, size, tag in bucket.list(prefix):
        match = _NAME.fullmatch(key.removeprefix(prefix))
        if match is not None and place(match[1]) == match[0]:
            yield Listed(match[1], key, size, tag)


def _within(whole: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: whole[start : start + length]


def _is_sound(whole: bytes, entry: Entry) -> bool:
    return address(whole[entry.start : entry.start + entry.length]) == entry.address
