"""Run by `test_erasure_crash.py` as a process of its own: an erasure that dies at the n-th step.

Steps as in `crash.py`. In one batch lie two records to destroy, one to seal, and others that stay.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.unit.vault import crash
from tests.unit.vault.builders import HOSPITAL, PATIENT, identifier, item, open_vault
from yilian.vault.vault import Item

MARY = identifier("mary")
ITEMS: tuple[Item, ...] = (
    item(0, retention="none"),
    item(1, retention="none", category="imaging"),
    item(2),
    item(3),
    item(4, patient=MARY),
)
DESTROYED, SEALED = (identifier(0), identifier(1)), (identifier(2),)
STAYING = (identifier(3), identifier(4))


def work(folder: Path, number: int) -> None:
    said = os.open(folder / f"{number}.said", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    vault = open_vault(folder / str(number), HOSPITAL)
    vault.deposit(ITEMS)
    plan = vault.plan_erasure(PATIENT, [*DESTROYED, *SEALED])
    crash.arm(number, vault._catalogue)
    vault.erasure.prepare(plan)
    os.write(said, b"prepared\n")
    vault.erase(plan)
    os.write(said, b"erased\n")


if __name__ == "__main__":
    crash.main(Path(sys.argv[1]), work)
