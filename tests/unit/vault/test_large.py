"""Large objects: bounded memory, every damaged slice named, uploads that survive a break."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.vault.builders import HOSPITAL, NOW, PATIENT, identifier, item, open_vault
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import large
from yilian.vault.catalogue import Catalogue
from yilian.vault.envelope import commitment, new_key
from yilian.vault.errors import NOT_OPENED
from yilian.vault.keystore import Keystore, Sealer
from yilian.vault.large import LargeObjects, Stored
from yilian.vault.large_manifest import (
    CHUNK,
    MIB,
    MOST_CHUNK,
    Manifest,
    ObjectKeys,
    SealedChunk,
    open_chunk,
    read_manifest,
)
from yilian.vault.payloads import FolderStore

REPOSITORY = Path(__file__).resolve().parents[3]
RECORD = identifier("study")
DICOM = "application/dicom"
SMALL = 1024


class Erasure:
    """Seals at rest whose keys can be destroyed, one for each record."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], bytes] = {}
        self.gone: set[tuple[str, str]] = set()

    def __call__(self, patient: str, record: str) -> Sealer:
        if (patient, record) in self.gone:
            raise NOT_OPENED()
        return Sealer(self.keys.setdefault((patient, record), new_key()))

    def make(self, patient: str, record: str) -> None:
        self.keys.setdefault((patient, record), new_key())

    def destroy(self, record: str) -> None:
        for place in [each for each in self.keys if each[1] == record]:
            self.erase(*place)

    def erase(self, patient: str, record: str) -> None:
        self.gone.add((patient, record))
        self.keys.pop((patient, record))


class Room:
    """Large objects in a folder."""

    def __init__(self, folder: Path, outer: Erasure | None = None) -> None:
        self.folder = folder
        self.now = NOW
        self.keystore = Keystore.open(folder / "keys", HOSPITAL)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", HOSPITAL)
        self.payloads = FolderStore(folder / "large")
        self.objects = LargeObjects(
            self.keystore, self.catalogue, self.payloads, lambda: self.now, outer
        )

    def close(self) -> None:
        self.payloads.close()
        self.catalogue.close()

    def put(self, content: bytes, record: str = RECORD, chunk: int = SMALL) -> Stored:
        return self.objects.put(record, PATIENT, DICOM, [content], chunk)

    def run(self, statement: str, **values: Any) -> None:
        with self.catalogue.write() as database:
            database.execute(sql.text(statement), values)

    def packs(self) -> list[Path]:
        return sorted((self.folder / "large" / "packs").glob("*/*.pack"))

    def stored(self) -> bytes:
        paths = [*self.packs(), *self.folder.glob("catalogue.sqlite*")]
        return b"".join(path.read_bytes() for path in paths)

    def flip(self, address: str) -> None:
        """Flip a bit in the middle of a payload."""
        sealed = self.payloads.get(address)
        [path] = [each for each in self.packs() if sealed in each.read_bytes()]
        kept = bytearray(path.read_bytes())
        kept[kept.index(sealed) + len(sealed) // 2] ^= 1
        path.write_bytes(kept)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def content_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def refused(doing: Callable[[], object], **parameters: int | str) -> str:
    with pytest.raises(Refusal) as caught:
        doing()
    for name, value in parameters.items():
        assert caught.value.parameters[name] == value
    return caught.value.code.name


# Taking in and reading


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 9 * SMALL, 9 * SMALL + 500])
def test_what_went_in_comes_out(room: Room, size: int) -> None:
    content = content_of(size)
    stored = room.put(content)
    manifest = read_manifest(stored.manifest)
    assert (manifest.size, manifest.count) == (size, -(-size // SMALL))
    assert manifest.sha256 == codec.to_text(hashlib.sha256(content).digest())
    assert len(stored.manifest) < 400
    pieces = list(room.objects.open(stored.manifest))
    assert b"".join(pieces) == content
    assert all(0 < len(each) <= SMALL for each in pieces)
    assert room.objects.check(stored.manifest) == []
    assert room.objects.addresses(stored.manifest) == stored.addresses
    assert len(set(stored.addresses)) == manifest.count
    assert sorted(stored.addresses) == list(room.payloads.addresses())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 5 * SMALL), st.integers(0, 5 * SMALL), st.integers(1, 3000), st.randoms())
def test_ranges_and_pieces_of_any_size(
    room: Room, start: int, length: int, piece: int, dice: random.Random
) -> None:
    content = dice.randbytes(4 * SMALL + 7)
    record = codec.to_text(dice.randbytes(16))
    pieces = [content[at : at + piece] for at in range(0, len(content), piece)]
    room.objects.delete(record)
    stored = room.objects.put(record, PATIENT, DICOM, pieces, SMALL)
    if start + length > len(content):
        refusal = refused(lambda: room.objects.read(stored.manifest, start, length))
        assert refusal == "large_range_refused"
    else:
        found = b"".join(room.objects.read(stored.manifest, start, length))
        assert found == content[start : start + length]


def test_ranges_outside_are_refused(room: Room) -> None:
    stored = room.put(content_of(100))
    for start, length in ((-1, 5), (0, -1), (0, 101), (101, 0), (2**60, 1)):
        reading = lambda s=start, n=length: room.objects.read(stored.manifest, s, n)  # noqa: E731
        assert refused(reading, size=100) == "large_range_refused"
    assert list(room.objects.read(stored.manifest, 100, 0)) == []
    for index in (-1, 1):
        looking = lambda i=index: room.objects.sealed(stored.manifest, i)  # noqa: E731
        assert refused(looking) == "large_range_refused"


def test_memory_is_bounded_by_the_slice(room: Room) -> None:
    size = 48 * MIB
    block = content_of(MIB // 4)
    tracemalloc.start()
    stored = room.objects.put(
        RECORD, PATIENT, DICOM, (block for _ in range(size // len(block))), CHUNK
    )
    length = sum(len(each) for each in room.objects.open(stored.manifest))
    assert room.objects.check(stored.manifest) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == size
    assert peak < 10 * MIB


def test_nothing_readable_is_kept(room: Room) -> None:
    content = b"BEGIN " + b"plain text of a study " * 400
    stored = room.put(content)
    manifest = read_manifest(stored.manifest)
    kept = room.stored()
    for hidden in (b"plain text", codec.to_bytes(manifest.key), manifest.key.encode()):
        assert hidden not in kept
    assert hashlib.sha256(content).digest() not in kept
    assert manifest.key not in repr(manifest)


def test_the_manifest_is_the_record(tmp_path: Path) -> None:
    """Deposited and read like any content; a reader elsewhere checks slices by it alone."""
    with open_vault(tmp_path / "vault", HOSPITAL) as vault:
        room = Room(tmp_path)
        content = content_of(5 * SMALL + 3)
        stored = room.put(content)
        vault.deposit([item(1, record=RECORD, content=stored.manifest, category="imaging")])
        read = vault.read_own([RECORD], identifier("doctor"), "treat")[RECORD]
        manifest = read_manifest(read)
        sent = [room.objects.sealed(read, index) for index in range(6)]
        sent = [codec.decode(codec.encode(each), SealedChunk) for each in sent]
        assert b"".join(open_chunk(manifest, each) for each in sent) == content
        room.close()


def test_a_slice_for_another_place_is_refused_elsewhere(room: Room) -> None:
    stored = room.put(content_of(5 * SMALL))
    other = room.put(content_of(5 * SMALL), identifier("other"))
    manifest = read_manifest(stored.manifest)
    good = room.objects.sealed(stored.manifest, 2)
    foreign = room.objects.sealed(other.manifest, 2)
    replace = msgspec.structs.replace
    for bad in (
        replace(good, chunk=3),
        replace(good, chunk=7),
        replace(good, sealed=good.sealed[:-1]),
        replace(good, sealed=foreign.sealed),
        replace(good, path=foreign.path),
        replace(good, path=good.path[:-1]),
        replace(good, path=("A" * 43, *good.path[1:])),
        replace(good, record=identifier("other")),
        foreign,
    ):
        assert refused(lambda b=bad: open_chunk(manifest, b)) == "large_chunk_damaged"  # type: ignore[misc]
    # Even the object's key does not help without the root.
    keys = ObjectKeys(codec.to_bytes(manifest.key))
    forged = replace(good, sealed=keys.seal(RECORD, 2, b"x" * SMALL))
    assert refused(lambda: open_chunk(manifest, forged)) == "large_chunk_damaged"


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 1},
        {"count": 9},
        {"chunk": 0},
        {"chunk": 2**40},
        {"count": -1},
        {"key": "A"},
        {"root": "A" * 44},
        {"media_type": "x"},
        {"record": "../../x"},
        {"format": "yilian-large/2"},
        {"more": 1},
    ],
)
def test_malformed_manifests_are_refused(room: Room, changes: dict[str, Any]) -> None:
    stored = room.put(content_of(3000))
    good = msgspec.json.decode(stored.manifest)
    bad = codec.encode({**good, **changes})
    for use in (room.objects.open, room.objects.check, room.objects.addresses):
        assert refused(lambda u=use: u(bad)) == "malformed"  # type: ignore[misc]
    assert refused(lambda: room.objects.check(stored.manifest + b" ")) == "not_canonical"
    assert refused(lambda: room.objects.open(b"\xff")) == "malformed"


# Integrity


def test_an_altered_slice_is_named(room: Room) -> None:
    stored = room.put(content_of(20 * SMALL))
    for index in (0, 7, 19):
        room.flip(stored.addresses[index])
    assert room.objects.check(stored.manifest) == [0, 7, 19]
    reading = room.objects.read(stored.manifest, SMALL, 10 * SMALL)
    for _ in range(6):
        next(reading)
    assert refused(lambda: next(reading), chunk=7, record=RECORD) == "large_chunk_damaged"
    assert refused(lambda: room.objects.sealed(stored.manifest, 7)) == "large_chunk_damaged"
    assert open_chunk(read_manifest(stored.manifest), room.objects.sealed(stored.manifest, 8))


def test_missing_slices_are_named(room: Room) -> None:
    stored = room.put(content_of(8 * SMALL))
    room.payloads.delete(stored.addresses[3])
    assert room.objects.check(stored.manifest) == [3]
    room.run("DELETE FROM large_chunks WHERE number = 5")
    assert room.objects.check(stored.manifest) == [3, 5]
    assert refused(lambda: list(room.objects.open(stored.manifest)), chunk=3)
    assert len(list(room.objects.read(stored.manifest, 6 * SMALL, 2 * SMALL))) == 2
    assert refused(lambda: room.objects.sealed(stored.manifest, 0)) == "large_chunk_damaged"


def test_truncated_and_lengthened_objects(room: Room) -> None:
    stored = room.put(content_of(8 * SMALL))
    row = "INSERT INTO large_chunks SELECT record, 8, address, commitment FROM large_chunks"
    room.run(row + " WHERE number = 0")
    assert room.objects.check(stored.manifest) == []
    assert len(list(room.objects.open(stored.manifest))) == 8
    room.run("DELETE FROM large_chunks WHERE number >= 6")
    assert room.objects.check(stored.manifest) == [6, 7]


@pytest.mark.parametrize("columns", ["address", "address, commitment"])
def test_swapped_slices_are_named(room: Room, columns: str) -> None:
    stored = room.put(content_of(8 * SMALL))
    rows = {each.number: each for each in room.objects._chunk_rows(RECORD)}
    for at, of in ((2, 5), (5, 2)):
        room.run("UPDATE large_chunks SET address = :a WHERE number = :n", n=at, a=rows[of].address)
        if "commitment" in columns:
            room.run(
                "UPDATE large_chunks SET commitment = :c WHERE number = :n",
                n=at, c=rows[of].commitment,
            )  # fmt: skip
    assert room.objects.check(stored.manifest) == [2, 5]


def test_a_slice_of_another_object_is_named(room: Room) -> None:
    stored = room.put(content_of(4 * SMALL))
    other = room.put(content_of(4 * SMALL), identifier("other"))
    room.run(
        "UPDATE large_chunks SET address = :a WHERE number = 1 AND record = :r",
        a=other.addresses[1], r=RECORD,
    )  # fmt: skip
    assert room.objects.check(stored.manifest) == [1]
    assert room.objects.check(other.manifest) == []


def test_altered_rows_over_sound_slices_hide_nothing(room: Room) -> None:
    content = content_of(6 * SMALL)
    stored = room.put(content)
    room.run("UPDATE large_chunks SET commitment = :c WHERE number = 4", c="A" * 43)
    assert room.objects.check(stored.manifest) == []
    assert b"".join(room.objects.open(stored.manifest)) == content
    room.flip(stored.addresses[1])
    assert 1 in room.objects.check(stored.manifest)


def test_a_slice_forged_with_the_objects_key_is_named(room: Room) -> None:
    stored = room.put(content_of(6 * SMALL))
    keys = ObjectKeys(codec.to_bytes(read_manifest(stored.manifest).key))
    address = room.payloads.put(keys.seal(RECORD, 3, b"x" * SMALL))
    room.run("UPDATE large_chunks SET address = :a WHERE number = 3", a=address)
    assert room.objects.check(stored.manifest) == [3]
    committed = commitment(keys.salt(3), b"x" * SMALL)
    room.run("UPDATE large_chunks SET commitment = :c WHERE number = 3", c=committed)
    # Whoever can do this left no row that could tell which slice it was.
    assert room.objects.check(stored.manifest) == list(range(6))
    assert refused(lambda: list(room.objects.open(stored.manifest)))
    room.payloads.delete(stored.addresses[5])
    assert 5 in room.objects.check(stored.manifest)


def test_dicom_files_of_others(room: Room) -> None:
    """One slice of each of pydicom's own small images is altered, and found."""
    data = pytest.importorskip("pydicom.data", reason="pydicom is not installed")
    found = 0
    for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "JPEG2000.dcm"):
        path = data.get_testdata_file(name, download=False)
        if path is None:
            continue
        content = Path(path).read_bytes()
        stored = room.put(content, identifier(name))
        assert b"".join(room.objects.open(stored.manifest)) == content
        index = random.Random(name).randrange(len(stored.addresses))
        room.flip(stored.addresses[index])
        assert room.objects.check(stored.manifest) == [index]
        found += 1
    assert found >= 2


# Uploads


def test_an_upload_is_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    content = content_of(10 * SMALL + 9)
    first = Room(tmp_path)
    first.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    assert first.objects.append(RECORD, 0, content[: 4 * SMALL]) == 4 * SMALL
    first.close()
    second = Room(tmp_path)
    at = second.objects.received(RECORD)
    assert at == 4 * SMALL
    assert second.objects.append(RECORD, at, content[at:]) == len(content)
    digest = codec.to_text(hashlib.sha256(content).digest())
    stored = second.objects.finish(RECORD, digest)
    assert b"".join(second.objects.open(stored.manifest)) == content
    second.close()


def test_pieces_repeated_late_or_early_change_nothing(room: Room) -> None:
    content = content_of(3 * SMALL + 10)
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    append = room.objects.append
    append(RECORD, 0, content[:SMALL])
    for offset in (0, 2 * SMALL, SMALL - 1, -1, 2**60):
        code = refused(lambda o=offset: append(RECORD, o, b"x" * SMALL), expected=SMALL)  # type: ignore[misc]
        assert code == "large_offset_differs"
    append(RECORD, SMALL, content[SMALL:])
    # After a shorter slice the object has ended.
    assert refused(lambda: append(RECORD, len(content), b"x")) == "large_offset_differs"
    stored = room.objects.finish(RECORD)
    assert b"".join(room.objects.open(stored.manifest)) == content
    assert refused(lambda: append(RECORD, len(content), b"x")) == "large_offset_differs"
    assert refused(lambda: room.objects.finish(RECORD)) == "large_object_exists"


def test_of_many_pieces_for_one_place_one_is_taken(room: Room) -> None:
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    told: list[str] = []
    ready = threading.Barrier(6)

    def send(letter: bytes) -> None:
        ready.wait()
        try:
            room.objects.append(RECORD, 0, letter * SMALL)
            told.append("taken")
        except Refusal as refusal:
            told.append(refusal.code.name)

    threads = [threading.Thread(target=send, args=(bytes([65 + n]),)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(told) == ["large_offset_differs"] * 5 + ["taken"]
    stored = room.objects.finish(RECORD)
    [content] = room.objects.open(stored.manifest)
    assert content == content[:1] * SMALL
    room.objects.sweep(0, list)
    assert list(room.payloads.addresses()) == list(stored.addresses)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((identifier("new"), PATIENT, DICOM, SMALL - 1), "large_chunk_size_refused"),
        ((identifier("new"), PATIENT, DICOM, MOST_CHUNK + 1), "large_chunk_size_refused"),
        (("../x", PATIENT, DICOM, SMALL), "malformed"),
        ((identifier("new"), "Li Ming", DICOM, SMALL), "malformed"),
        ((identifier("new"), PATIENT, "x", SMALL), "malformed"),
        ((RECORD, PATIENT, DICOM, SMALL), "large_object_exists"),
    ],
)
def test_uploads_that_cannot_begin(room: Room, arguments: Any, code: str) -> None:
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    assert refused(lambda: room.objects.begin(*arguments)) == code
    assert room.objects.objects_of(PATIENT) == [RECORD]


def test_what_is_too_large_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    monkeypatch.setattr(large, "MAX_PIECE", 4 * SMALL)
    append = room.objects.append
    code = refused(lambda: append(RECORD, 0, b"x" * (4 * SMALL + 1)), limit=4 * SMALL)
    assert code == "large_object_too_large"
    monkeypatch.setattr(large, "MAX_CHUNKS", 2)
    code = refused(lambda: append(RECORD, 0, b"x" * (2 * SMALL + 1)), limit=2 * SMALL)
    assert code == "large_object_too_large"
    assert room.objects.received(RECORD) == 0
    assert list(room.payloads.addresses()) == []


def test_another_content_than_announced_is_not_finished(room: Room) -> None:
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    room.objects.append(RECORD, 0, b"x")
    assert refused(lambda: room.objects.finish(RECORD, "A" * 43)) == "large_content_differs"
    good = codec.to_text(hashlib.sha256(b"x").digest())
    assert room.objects.finish(RECORD, good)


def test_a_slice_that_cannot_be_read_back_is_not_finished(room: Room) -> None:
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    room.objects.append(RECORD, 0, b"x" * 3 * SMALL)
    room.flip(room.objects._chunk_rows(RECORD)[1].address)
    assert refused(lambda: room.objects.finish(RECORD), chunk=1) == "large_chunk_damaged"


def test_unknown_objects(room: Room) -> None:
    stored = room.put(b"x")
    manifest = msgspec.structs.replace(read_manifest(stored.manifest), record=identifier("other"))
    bad = codec.encode(manifest)
    other = identifier("other")
    for use in (
        lambda: room.objects.received(other),
        lambda: room.objects.append(other, 0, b"x"),
        lambda: room.objects.finish(other),
        lambda: room.objects.open(bad),
        lambda: room.objects.check(bad),
    ):
        assert refused(use, record=other) == "large_object_unknown"


def test_a_broken_stream_leaves_nothing(room: Room) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 3 * SMALL
        raise OSError("the scanner went away")

    with pytest.raises(OSError, match="scanner"):
        room.objects.put(RECORD, PATIENT, DICOM, broken(), SMALL)
    assert room.objects.objects_of(PATIENT) == []
    assert list(room.payloads.addresses()) == []
    room.put(b"x")
    assert refused(lambda: room.put(b"y")) == "large_object_exists"
    assert room.objects.objects_of(PATIENT) == [RECORD]


# Erasure


def test_deleting_removes_every_slice(room: Room) -> None:
    stored = room.put(content_of(5 * SMALL))
    other = room.put(content_of(2 * SMALL), identifier("other"))
    room.payloads.delete(stored.addresses[0])
    room.objects.delete(RECORD)
    room.objects.delete(RECORD)
    assert sorted(room.payloads.addresses()) == sorted(other.addresses)
    assert room.objects.objects_of(PATIENT) == [identifier("other")]
    assert room.objects.check(other.manifest) == []


def test_without_the_erasure_key_nothing_opens_whatever_else_was_kept(tmp_path: Path) -> None:
    erasure = Erasure()
    room = Room(tmp_path, erasure)
    content = content_of(3 * SMALL)
    stored = room.put(content)
    other = room.put(content, identifier("other"))
    assert b"".join(room.objects.open(stored.manifest)) == content
    # The manifest and its key do not open what lies in the store.
    manifest = read_manifest(stored.manifest)
    raw = room.payloads.get(stored.addresses[0])
    keys = ObjectKeys(codec.to_bytes(manifest.key))
    assert refused(lambda: keys.open(RECORD, 0, raw)) == "envelope_not_opened"
    erasure.erase(PATIENT, RECORD)
    for use in (room.objects.open, room.objects.check):
        assert refused(lambda u=use: u(stored.manifest)) == "envelope_not_opened"  # type: ignore[misc]
    assert room.objects.check(other.manifest) == []
    room.objects.delete(RECORD)
    room.close()


def test_an_upload_in_progress_falls_to_erasure_too(tmp_path: Path) -> None:
    erasure = Erasure()
    room = Room(tmp_path, erasure)
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    room.objects.append(RECORD, 0, b"x" * SMALL)
    erasure.erase(PATIENT, RECORD)
    assert refused(lambda: room.objects.append(RECORD, SMALL, b"x")) == "envelope_not_opened"
    assert refused(lambda: room.objects.finish(RECORD)) == "envelope_not_opened"
    room.close()


def test_sweeping_takes_what_was_given_up_and_nothing_else(room: Room) -> None:
    kept = room.put(content_of(3 * SMALL))
    lost = identifier("lost")
    room.put(content_of(3 * SMALL), lost)
    room.payloads.put(b"what nobody names")
    room.now += 1000
    room.objects.begin(identifier("new"), PATIENT, DICOM, SMALL)
    room.objects.append(identifier("new"), 0, b"x")
    held = [RECORD]

    def present(records: Any) -> list[str]:
        return [each for each in records if each in held]

    assert room.objects.sweep(NOW, present) == 1
    assert room.objects.sweep(NOW + 1, present) == 1
    assert room.objects.sweep(NOW + 1, present) == 0
    assert room.objects.objects_of(PATIENT) == sorted([RECORD, identifier("new")])
    assert room.objects.check(kept.manifest) == []
    assert len(list(room.payloads.addresses())) == 4


CRASHING = """
import os, shutil, sys
from pathlib import Path
from tests.unit.vault.crash import DIED, SURVIVED, arm
from tests.unit.vault.test_large import DICOM, PATIENT, RECORD, SMALL, Room, content_of
folder = Path(sys.argv[1])
Room(folder / "empty").close()
def work(number):
    shutil.copytree(folder / "empty", folder / str(number))
    room = Room(folder / str(number))
    content = content_of(2 * SMALL)
    said = os.open(folder / f"{number}.said", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    arm(number, room.catalogue)
    room.objects.begin(RECORD, PATIENT, DICOM, SMALL)
    os.write(said, b"0\\n")
    for at in (0, SMALL):
        done = room.objects.append(RECORD, at, content[at : at + SMALL])
        os.write(said, f"{done}\\n".encode())
    room.objects.finish(RECORD)
    room.objects.delete(RECORD)
    os.write(said, b"deleted\\n")
for number in range(1, 300):
    child = os.fork()
    if child == 0:
        work(number)
        os._exit(SURVIVED)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended == SURVIVED:
        sys.exit(0)
    if ended != DIED:
        sys.exit(f"step {number} failed by itself")
"""


def test_whatever_the_instant_of_death_the_upload_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    content = content_of(2 * SMALL)
    rubbish = 0
    states = set()
    for path in sorted(tmp_path.glob("*.said")):
        said = path.read_text().split()
        states.add(len(said))
        room = Room(path.with_suffix(""))
        rubbish += room.objects.sweep(0, list)
        rows = room.catalogue.rows(large.LargeRow, sql.select(large._objects))
        if not rows:
            assert len(said) in (0, 3, 4)  # not begun, or deleted
            assert list(room.payloads.addresses()) == []
        elif rows[0].key:
            at = room.objects.received(RECORD)
            assert at >= max([0, *(int(each) for each in said)])
            room.objects.append(RECORD, at, content[at:])
            stored = room.objects.finish(RECORD)
            assert b"".join(room.objects.open(stored.manifest)) == content
        room.objects.delete(RECORD)
        assert list(room.payloads.addresses()) == []
        room.close()
    assert rubbish > 0
    assert states == {0, 1, 2, 3, 4}


def test_a_manifests_key_is_never_shown(room: Room) -> None:
    manifest: Manifest = read_manifest(room.put(b"x").manifest)
    assert repr(manifest) == f"<Manifest of {RECORD}>"
