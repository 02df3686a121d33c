"""Files that survive a crash: whole or absent, on the disk before we say so, ours alone to read."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from yilian.vault.errors import VAULT_IN_USE

_MARK = ".part"


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk, so that a renamed file is found after a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Put a file that another wrote, and its place in the folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder (and its parents) that only its owner may enter, durably; present is fine."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def replace(files: Mapping[Path, bytes | Iterable[bytes]]) -> None:
    """Write files so that each is old or new, never half; durable when this returns.

    All contents are synced before the first rename, and each folder once after the last, so that
    many files cost little more than one. Mode 0600 from the first byte.
    """
    parts: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            part = path.with_name(path.name + "." + secrets.token_hex(4) + _MARK)
            parts[path] = part
            _write(part, [content] if isinstance(content, bytes) else content)
        for path, part in parts.items():
            os.replace(part, path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise
    for folder in sorted({path.parent for path in files}):
        sync_folder(folder)


def _write(part: Path, pieces: Iterable[bytes]) -> None:
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Delete a file durably; an absent one is fine."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def touch(path: Path) -> None:
    """Make an empty file of mode 0600 unless there is one, for engines that open files loosely."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def clear_parts(folder: Path) -> None:
    """Delete what an interrupted `replace` left below a folder; nothing of it was acknowledged."""
    for part in folder.rglob("*" + _MARK):
        part.unlink(missing_ok=True)


class Lock:
    """Hold a folder for this process alone, until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock; refuses `vault_in_use` where another holds it."""
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise VAULT_IN_USE() from None

    def release(self) -> None:
        """Give the folder back; again is fine."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
