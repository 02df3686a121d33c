"""A crash at any durable step: a witness never lets two roots for one size leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.logs import log
from yilian.ledger.checkpoint import Checkpoint, Note
from yilian.ledger.errors import Refusal
from yilian.node.witness import SPLIT_VIEW, Witness

STEPS = ("fsync", "replace", "pwrite", "ftruncate")
NOW = 1_800_000_000


class Crash(BaseException):
    """The power went."""


@contextmanager
def crashing(after: int) -> Iterator[list[int]]:
    """Let the operating system carry out so many durable steps, and none after them."""
    done, plain = [0], {name: getattr(os, name) for name in STEPS}

    def step(name: str) -> Any:
        def work(*arguments: Any, **more: Any) -> Any:
            if done[0] >= after:
                raise Crash
            done[0] += 1
            return plain[name](*arguments, **more)

        return work

    try:
        for name in STEPS:
            setattr(os, name, step(name))
        yield done
    finally:
        for name, each in plain.items():
            setattr(os, name, each)


def shown(folder: Path) -> Checkpoint | None:
    """What has left: the checkpoint on the second medium."""
    try:
        return Checkpoint.decode(Note.decode((folder / "checkpoint").read_bytes()).text)
    except FileNotFoundError:
        return None


def steps(folder: Path) -> int:
    """Count the durable steps of a round and its publishing."""
    with crashing(10**9) as done:
        run(folder, first(folder, "count"))
    return done[0]


def first(folder: Path, name: str) -> Witness:
    witness = Witness.make(folder / name, "w", [log(each, 0).key for each in "ab"])
    with crashing(10**9):
        witness.watch([log("a", 300).member], now=NOW)
        witness.publish(folder / f"{name}-usb")
    return witness


def run(folder: Path, witness: Witness, branch: str = "") -> None:
    """Go on from 300 leaves to 600, on one of two branches."""
    one = log("b" if branch else "a", 300)
    one.grow(300, branch)
    witness.watch([one.member], now=NOW + 60)
    witness.publish(folder / "usb")


def test_a_crash_at_any_step_leaves_one_root_for_one_size(tmp_path: Path) -> None:
    total = steps(tmp_path)
    assert total > 15
    outcomes = set()
    for after in range(total + 1):
        folder = tmp_path / f"{after}"
        folder.mkdir()
        witness = first(folder, "w")
        try:
            with crashing(after):
                run(folder, witness)
        except Crash:
            pass
        witness.close()
        left = shown(folder / "usb")
        again = Witness(folder / "w")
        assert again.cosigned is not None
        size = again.cosigned[0].size
        if left is not None:
            # What left was signed for, and stays so.
            assert left == again.cosigned[0]
        if size == 300:
            run(folder, again, "branch ")
            assert (again.cosigned[0].size, left) == (600, None)
        else:
            with pytest.raises(Refusal) as caught:
                run(folder, again, "branch ")
            assert caught.value.code is SPLIT_VIEW
            again.evidence()[0].unlink()
            run(folder, again)
            assert shown(folder / "usb") == again.cosigned[0]
        outcomes.add((size, left is None))
        again.close()
    assert outcomes == {(300, True), (600, True), (600, False)}
