"""A registration desk and an outbox on a real database and key store, with a clock set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.unit.vault.builders import HOSPITAL, NOW, identifier
from yilian.vault.database import Database
from yilian.vault.desk import Desk
from yilian.vault.desk_formats import Contacts, Person, Staff
from yilian.vault.keystore import Keystore
from yilian.vault.outbox import Outbox

WANG = identifier("wang")
NURSE = identifier("nurse")
CLERK = identifier("clerk")
STRANGER = identifier("stranger")
TEAM = identifier("team")
EMAIL = "wang@example.cn"
URL = "https://wang.example.cn/notices"


@dataclass
class Clock:
    """Milliseconds, moved by hand."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Room:
    """All that a test of the desk needs."""

    folder: Path
    clock: Clock
    database: Database
    desk: Desk
    outbox: Outbox


@contextmanager
def open_room(folder: Path, clock: Clock | None = None) -> Iterator[Room]:
    """Open the desk of a folder; again after a restart."""
    clock = clock or Clock()
    folder.mkdir(exist_ok=True)
    database = Database(folder / "catalogue.sqlite", HOSPITAL)
    keystore = Keystore.open(folder / "keys", HOSPITAL)
    desk = Desk(HOSPITAL, keystore, database, clock)
    outbox = Outbox(keystore, database, clock, desk.channels)
    try:
        yield Room(folder, clock, database, desk, outbox)
    finally:
        database.close()


def wang(**contacts: str) -> Person:
    """A person with a Chinese name."""
    return Person(
        person=WANG,
        name="王秀英",
        language="zh-CN",
        contacts=Contacts(**contacts),
        born="1958-02-28",
    )


def hire(desk: Desk) -> None:
    """Two members of staff who can be witnesses."""
    desk.put_staff(Staff(practitioner=NURSE, name="李护士", role="nurse", teams=(TEAM,)))
    desk.put_staff(Staff(practitioner=CLERK, name="Zhao", role="registrar"))
