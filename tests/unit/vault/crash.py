"""Run by `test_crash.py` as a process of its own: die at the n-th step that touches the disk.

A step is each side of a file sync, of a rename and of an SQL commit. For n = 1, 2, ... a child
works in the folder `<n>` and writes a line to `<n>.said` for each thing it acknowledged; the last
child dies nowhere.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.vault.builders import DOCTOR, HOSPITAL, PATIENT, identifier, item, open_vault
from yilian.vault.catalogue import Catalogue

BEFORE = range(5)
DURING = range(5, 12)
SURVIVED = 0
DIED = 9


def main(folder: Path, task: Callable[[Path, int], None]) -> None:
    for number in range(1, 300):
        child = os.fork()
        if child == 0:
            task(folder, number)
            os._exit(SURVIVED)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == SURVIVED:
            return
        if os.waitstatus_to_exitcode(status) != DIED:
            sys.exit(f"step {number} failed by itself")
    sys.exit("there is no end to the steps")


def work(folder: Path, number: int) -> None:
    said = os.open(folder / f"{number}.said", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    vault = open_vault(folder / str(number), HOSPITAL)
    vault.deposit([item(each) for each in BEFORE])
    arm(number, vault._catalogue)
    vault.deposit([item(each, period="2026-04") for each in DURING])
    os.write(said, b"deposit\n")
    vault.read_own([identifier(0)], DOCTOR, "treatment")
    os.write(said, b"read\n")
    vault.journal_batch()
    os.write(said, b"journal\n")
    vault.end_period(PATIENT)
    os.write(said, b"period\n")


def arm(number: int, catalogue: Catalogue) -> None:
    left = number

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(DIED)

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any) -> Any:
            step()
            answer = call(*arguments)
            step()
            return answer

        return stepped

    os.fsync = around(os.fsync)
    os.replace = around(os.replace)
    dialect = catalogue._engine.dialect
    commit: Callable[[sqlite3.Connection], None] = dialect.do_commit  # type: ignore[assignment]
    dialect.do_commit = around(commit)  # type: ignore[method-assign]


if __name__ == "__main__":
    main(Path(sys.argv[1]), work)
