from __future__ import annotations

import os
from pathlib import Path

import pytest

from yilian.ledger.errors import Refusal
from yilian.vault import durable


def test_replace_writes_files_of_the_owner_alone(tmp_path: Path) -> None:
    durable.replace({tmp_path / "a": b"one", tmp_path / "b": iter([b"t", b"wo"])})
    durable.replace({tmp_path / "a": b"new"})
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"two"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_failed_replace_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.replace({tmp_path / "a": b"old"})

    def full(_handle: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        durable.replace({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_files_are_synced_before_they_are_renamed_and_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def note_rename(source: Path, target: Path) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    durable.replace({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert steps == ["file", "file", "rename", "rename", "folder"]


def test_folders_are_the_owners_alone(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "x" / "y")
    durable.make_folder(tmp_path / "x" / "y")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "x" / "y").stat().st_mode & 0o777 == 0o700


def test_parts_left_by_a_crash_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.sealed.01234567.part").write_bytes(b"half")
    (tmp_path / "sub" / "a.sealed").write_bytes(b"whole")
    durable.clear_parts(tmp_path)
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a.sealed"]


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    held = durable.Lock(tmp_path / "lock")
    with pytest.raises(Refusal) as caught:
        durable.Lock(tmp_path / "lock")
    assert caught.value.code.name == "vault_in_use"
    held.release()
    held.release()
    durable.Lock(tmp_path / "lock").release()
