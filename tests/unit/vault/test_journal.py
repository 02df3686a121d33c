"""The disclosure journal: found by reader, batched once, proved line by line from one tree."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.vault.builders import DOCTOR, HOSPITAL, NOW, identifier
from yilian.ledger import codec, merkle
from yilian.vault.catalogue import Catalogue, JournalRow
from yilian.vault.envelope import JournalLine, new_id
from yilian.vault.journal import Journal
from yilian.vault.keystore import Keystore


class Room:
    """A journal in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keystore = Keystore.open(folder / "keys", HOSPITAL)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", HOSPITAL)
        self.journal = Journal(self.keystore, self.catalogue)

    def write(self, count: int, reader: str = DOCTOR, time: int = NOW) -> list[JournalLine]:
        lines = [
            JournalLine(
                disclosure=new_id(),
                basis="own",
                session=None,
                grant=None,
                record=identifier(number),
                reader=reader,
                purpose="treat",
                time=time,
                outcome="permit",
                reasons=(),
            )
            for number in range(count)
        ]
        self.journal.write(lines)
        return lines


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.catalogue.close()


def test_a_reader_is_found_and_not_in_clear(room: Room) -> None:
    mine = room.write(3)
    room.write(2, identifier("nurse"))
    assert room.journal.search(reader=DOCTOR) == mine
    assert room.journal.search(reader=identifier("nobody")) == []
    stored = b"".join(path.read_bytes() for path in room.folder.rglob("*") if path.is_file())
    assert mine[0].disclosure.encode() in stored
    for hidden in (DOCTOR, identifier("nurse")):
        assert hidden.encode() not in stored


def test_lines_of_a_span(room: Room) -> None:
    early, late = room.write(3), room.write(3, time=NOW + 5)
    records = [line.record for line in early]
    about = room.journal.about_patient
    assert about(records, until=NOW + 5) == early
    assert about(records, since=NOW + 1) == late
    assert about(records[:1], since=NOW, until=NOW + 6) == [early[0], late[0]]
    assert about(records, limit=4) == [*early, late[0]]
    assert about([]) == []


def test_every_line_of_a_large_batch_is_proved_from_one_reading(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = room.write(2_000)
    batch = room.journal.batch()
    assert batch is not None
    reads: list[str] = []
    read = Catalogue.lines_of_batch

    def counted(self: Catalogue, name: str) -> list[JournalRow]:
        reads.append(name)
        return read(self, name)

    monkeypatch.setattr(Catalogue, "lines_of_batch", counted)
    for line in lines:
        proof = room.journal.proof(line.disclosure)
        path = [codec.to_bytes(step) for step in proof.path]
        leaf = codec.encode(proof.line)
        root = merkle.root_from_inclusion(leaf, proof.index, proof.total, path)
        assert root is not None
        assert (proof.line, codec.to_text(root)) == (line, batch.root)
    assert reads == [batch.batch]


def test_only_anchored_lines_are_told_to_be(room: Room) -> None:
    first = room.write(2)
    batch = room.journal.batch()
    assert batch is not None
    later = room.write(2)
    names = [line.disclosure for line in (*first, *later)]
    assert room.journal.anchored(names) == frozenset()
    room.catalogue.anchored(batch.batch, "ab" * 32, 7)
    assert room.journal.anchored(names) == {line.disclosure for line in first}
    assert room.journal.anchored([]) == frozenset()


def test_batches_made_at_once_share_no_line(room: Room) -> None:
    for _ in range(20):
        room.write(5)
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: room.journal.batch(), range(4)))
        assert sum(each.size for each in made if each is not None) == 5
    assert list(room.journal.damaged()) == []
