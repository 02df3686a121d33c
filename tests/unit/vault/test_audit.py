"""The audit trail: durable, chained, found by ids, batched for the chain; every damage is named."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sql
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.builders import DAY, DOCTOR, GRANT, HOSPITAL, NOW, PATIENT, identifier
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault import audit
from yilian.vault.audit import ANONYMOUS, AuditEntry, AuditTrail, Call
from yilian.vault.catalogue import Catalogue
from yilian.vault.envelope import binding
from yilian.vault.keystore import Keystore
from yilian.vault.records import Damage

REPOSITORY = Path(__file__).resolve().parents[3]
HASH = "ab" * 32
READ = "post_v1_organisations_by_organisation_sessions_by_session_read"


class Room:
    """A trail in a folder, with a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.keystore = Keystore.open(folder / "keys", HOSPITAL)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", HOSPITAL)
        self.trail = self.again()

    def again(self) -> AuditTrail:
        """The trail as another start of the program finds it."""
        return AuditTrail(HOSPITAL, self.keystore, self.catalogue, lambda: self.now)

    def run(self, statement: str, **values: Any) -> None:
        with self.catalogue.write() as database:
            database.execute(sql.text(statement), values)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.catalogue.close()


def call(number: int = 0, **changes: Any) -> Call:
    fields: dict[str, Any] = {
        "actor": DOCTOR,
        "operation": READ,
        "subjects": (PATIENT,),
        "sessions": (identifier("session"),),
        "grants": (GRANT,),
        "records": (identifier(number),),
        "purpose": "treat",
        "outcome": "permit",
        "status": 200,
        "request": f"{number:016x}",
    }
    return Call(**(fields | changes))


def fill(trail: AuditTrail, count: int = 6) -> list[AuditEntry]:
    return [trail.write(call(each)) for each in range(count)]


def refused(doing: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        doing()
    return caught.value.code.name


def test_entries_are_numbered_and_chained_across_starts(room: Room) -> None:
    written = fill(room.trail)
    later = room.again().write(call(6))
    entries = [*written, later]
    assert [each.number for each in entries] == list(range(1, 8))
    assert entries[0].previous == audit.NOTHING
    for before, after in itertools.pairwise(entries):
        assert after.previous == codec.to_text(merkle.sha256(codec.encode(before)))
    assert room.trail.search() == entries
    assert list(room.trail.damaged()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "Dr Li"},
        {"actor": "anonymous\n"},
        {"on_behalf_of": "110101199003074258"},
        {"operation": "GET /v1/x?name=Li"},
        {"operation": ""},
        {"subjects": ("医生",)},
        {"subjects": (PATIENT,) * 1001},
        {"transaction": "AB" * 32},
        {"transaction": "ab" * 31},
        {"records": ("bearer abc",)},
        {"purpose": "Because he asked"},
        {"outcome": "perhaps"},
        {"status": 99},
        {"status": 600},
        {"refusal": "Not you"},
        {"request": "Bearer x"},
        {"others": -1},
    ],
)
def test_a_call_has_no_room_for_text(room: Room, changes: dict[str, Any]) -> None:
    assert refused(lambda: room.trail.write(call(**changes))) == "malformed"
    assert room.trail.search() == []


@given(st.text(max_size=40))
def test_no_text_fits_an_actor_but_ids(text: str) -> None:
    data = codec.encode(msgspec.structs.replace(call(), actor=text))
    try:
        msgspec.json.decode(data, type=Call)
    except msgspec.ValidationError:
        return
    assert text == ANONYMOUS or len(codec.to_bytes(text)) == 16


def test_entries_are_found_by_what_they_are_about(room: Room) -> None:
    other, nurse = identifier("other"), identifier("nurse")
    fill(room.trail, 3)
    room.now += DAY
    sent = call(3, actor=nurse, subjects=(), transaction=HASH, operation="post_v1_transactions")
    both = call(4, actor=nurse, subjects=(PATIENT, other))
    denied = call(5, actor=ANONYMOUS, outcome="deny", status=401, refusal="unauthenticated")
    for each in (sent, both, denied):
        room.trail.write(each)

    def numbers(found: Sequence[AuditEntry]) -> list[int]:
        return [each.number for each in found]

    search = room.trail.search
    assert numbers(search(actor=nurse)) == [4, 5]
    assert numbers(search(subject=other)) == [5]
    assert numbers(search(subject=PATIENT)) == [1, 2, 3, 5, 6]
    assert numbers(search(subject=PATIENT, actor=DOCTOR)) == [1, 2, 3]
    assert numbers(search(transaction=HASH)) == [4]
    assert numbers(search(operation="post_v1_transactions")) == [4]
    assert numbers(search(since=NOW + DAY)) == [4, 5, 6]
    assert numbers(search(until=NOW + DAY, after=1, limit=1)) == [2]
    assert search(subject=identifier("nobody")) == []
    assert search(subject="' OR 1=1 --") == []


def test_the_accounting_is_whole_and_in_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 4)
    fill(room.trail, 11)
    room.trail.write(call(subjects=(identifier("other"),)))
    told = list(room.trail.accounting(PATIENT))
    assert [each.number for each in told] == list(range(1, 12))
    assert {(each.actor, each.purpose) for each in told} == {(DOCTOR, "treat")}
    assert list(room.trail.accounting(PATIENT, since=NOW + 1)) == []


def test_nothing_but_ids_and_codes_stands_on_the_disk(room: Room, tmp_path: Path) -> None:
    room.trail.write(call(purpose="genetics-research", refusal="payload_damaged"))
    room.trail.batch()
    room.catalogue.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("catalogue.sqlite*"))
    for hidden in (b"genetics-research", b"payload_damaged", GRANT.encode(), b"yilian-audit/1"):
        assert hidden not in stored


def test_batches_go_the_way_of_disclosure_batches(room: Room) -> None:
    first = fill(room.trail, 5)
    batch = room.trail.batch()
    assert batch is not None
    assert batch.kind == "audit"
    assert (batch.size, batch.commitments) == (5, ())
    assert batch.records == tuple(each.entry for each in first)
    assert batch.root == codec.to_text(merkle.root([codec.encode(each) for each in first]))
    assert room.trail.batch() is None
    assert [each.batch for each in room.catalogue.unanchored()] == [batch.batch]
    room.catalogue.anchored(batch.batch, HASH, 7)
    assert room.catalogue.unanchored() == []
    late = room.trail.write(call(9))
    assert refused(lambda: room.trail.proof(late.entry)) == "deposit_batch_not_anchored"
    assert refused(lambda: room.trail.proof(identifier("x"))) == "audit_entry_unknown"
    for place, each in enumerate(first):
        proof = room.trail.proof(each.entry)
        assert codec.decode(codec.encode(proof), audit.AuditProof) == proof
        assert (proof.entry, proof.index) == (each, place)
        path = [codec.to_bytes(step) for step in proof.path]
        found = merkle.root_from_inclusion(codec.encode(proof.entry), place, proof.total, path)
        assert found == codec.to_bytes(batch.root)
    second = room.trail.batch()
    assert second is not None
    assert second.records == (late.entry,)
    assert list(room.trail.damaged()) == []


def test_even_batches_have_one_size_whatever_is_in_them(room: Room) -> None:
    first = fill(room.trail, 5)
    batch = room.trail.even_batch(identifier("even"))
    assert (batch.batch, batch.size) == (identifier("even"), audit.EVEN[0])
    assert batch.records == tuple(each.entry for each in first)
    none = room.trail.even_batch(identifier("none"))
    assert (none.size, none.records) == (audit.EVEN[0], ())
    assert none.root != room.trail.even_batch(identifier("more")).root
    for place, each in enumerate(first):
        proof = room.again().proof(each.entry)
        assert (proof.index, proof.total, len(proof.path)) == (place, audit.EVEN[0], 10)
        path = [codec.to_bytes(step) for step in proof.path]
        found = merkle.root_from_inclusion(codec.encode(proof.entry), place, proof.total, path)
        assert found == codec.to_bytes(batch.root)
    assert damages(room) == set()


def test_more_than_fit_into_the_first_size_take_the_second(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "EVEN", (4, 16))
    entries = fill(room.trail, 21)
    sizes = [room.trail.even_batch(identifier(f"b{each}")) for each in range(4)]
    assert [each.size for each in sizes] == [16, 16, 4, 4]
    assert [len(each.records) for each in sizes] == [16, 5, 0, 0]
    assert [name for each in sizes for name in each.records] == [each.entry for each in entries]
    assert damages(room) == set()


def test_a_change_to_an_even_batch_is_named(room: Room) -> None:
    entries = fill(room.trail)
    batch = room.trail.even_batch(identifier("even"))
    late = room.trail.write(call(9))
    room.run(
        "UPDATE audit SET batch = :batch WHERE entry = :late", batch=batch.batch, late=late.entry
    )
    assert damages(room) == {(batch.batch, "root_differs")}
    room.run("UPDATE audit SET batch = NULL WHERE entry = :late", late=late.entry)
    room.run("UPDATE batches SET size = 16384")
    assert damages(room) == {(batch.batch, "root_differs")}
    room.run("UPDATE batches SET size = 1024")
    room.run("DELETE FROM audit WHERE number = 3")
    assert (entries[2].entry, "row_missing") in damages(room)


def damages(room: Room) -> set[tuple[str, str]]:
    found = list(room.trail.damaged())
    assert all(isinstance(each, Damage) for each in found)
    return {(each.id, each.reason) for each in found}


def test_a_removed_entry_is_named(room: Room) -> None:
    entries = fill(room.trail)
    room.run("DELETE FROM audit WHERE number = 3")
    assert damages(room) == {("3-3", "row_missing")}
    room.run("DELETE FROM audit WHERE number >= 5")
    assert damages(room) == {("3-3", "row_missing"), ("5-6", "row_missing")}
    # Going on does not cover the gap.
    room.trail.write(call(7))
    room.again().write(call(8))
    assert damages(room) == {("3-3", "row_missing"), ("5-6", "row_missing")}
    assert entries[2].entry not in {each.entry for each in room.trail.search()}


def test_a_removed_entry_of_a_batch_is_named_by_its_id(room: Room) -> None:
    entries = fill(room.trail)
    room.trail.batch()
    room.run("DELETE FROM audit WHERE number = 6")
    assert damages(room) == {(entries[5].entry, "row_missing"), ("6-6", "row_missing")}


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'deny'",
        f"actor = '{identifier('another')}'",
        "time = time + 1",
        "operation = 'get_v1_status'",
        f"transaction_hash = '{HASH}'",
        f"entry = '{identifier('another')}'",
        "line = zeroblob(100)",
        "number = 90",
    ],
)
@pytest.mark.parametrize("batched", [True, False])
def test_a_changed_entry_is_named(room: Room, change: str, batched: bool) -> None:
    entries = fill(room.trail)
    if batched:
        room.trail.batch()
    room.run(f"UPDATE audit SET {change} WHERE number = 4")
    named = identifier("another") if change.startswith("entry") else entries[3].entry
    found = damages(room)
    assert (named, "catalogue_row_damaged") in found
    intact = {each.entry for each in entries} - {entries[3].entry}
    assert not intact & {each for each, _ in found}
    assert refused(lambda: room.trail.search()) == "catalogue_row_damaged"


def test_reordered_entries_are_named(room: Room) -> None:
    entries = fill(room.trail)
    for first, second in ((2, 100), (5, 2), (100, 5)):
        room.run("UPDATE audit SET number = :b WHERE number = :a", a=first, b=second)
    named = {entries[1].entry, entries[4].entry}
    assert damages(room) == {(each, "catalogue_row_damaged") for each in named}


def test_a_forged_entry_breaks_the_chain_even_with_the_key(room: Room) -> None:
    entries = fill(room.trail)
    forged = msgspec.structs.replace(entries[2], outcome="deny")
    row = room.trail._row(forged)
    line = room.keystore.sealer("audit", str(NOW // DAY)).seal(
        codec.encode(forged), audit._row_binding(row)
    )
    room.run("UPDATE audit SET line = :line, outcome = 'deny' WHERE number = 3", line=line)
    assert damages(room) == {(entries[3].entry, "chain_broken")}


def test_a_hidden_subject_is_named(room: Room) -> None:
    entries = fill(room.trail)
    room.run("DELETE FROM audit_subjects WHERE number = 2")
    room.run("INSERT INTO audit_subjects VALUES (:who, 5)", who=identifier("other"))
    found = {(entries[place].entry, "subjects_differ") for place in (1, 4)}
    assert damages(room) == found


def test_a_batch_with_another_root_is_named(room: Room) -> None:
    fill(room.trail)
    batch = room.trail.batch()
    assert batch is not None
    room.run("UPDATE batches SET root = :root", root=audit.NOTHING)
    assert damages(room) == {(batch.batch, "root_differs")}


def test_a_lost_head_is_named_and_does_not_stop_the_trail(room: Room) -> None:
    fill(room.trail)
    room.run("DELETE FROM audit_head")
    assert damages(room) == {("head", "row_missing")}
    late = room.again().write(call(6))
    assert late.number == 7
    assert damages(room) == {(late.entry, "chain_broken")}


def test_a_head_of_another_key_is_no_head(room: Room) -> None:
    fill(room.trail, 2)
    line = room.keystore.sealer("else").seal(b"{}", binding("audit-head"))
    room.run("UPDATE audit_head SET line = :line", line=line)
    assert damages(room) == {("head", "row_missing")}


def test_many_writers_share_the_syncs_and_lose_nothing(room: Room) -> None:
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    room.trail.write(call())
    sql.event.listen(room.catalogue._engine, "commit", count)
    told: list[AuditEntry] = []

    def work(worker: int) -> None:
        for each in range(50):
            told.append(room.trail.write(call(worker * 1000 + each)))

    threads = [threading.Thread(target=work, args=(each,)) for each in range(8)]
    with room.catalogue._lock:  # all of the first round come while the disk is busy
        for each in threads:
            each.start()
    for each in threads:
        each.join()
    assert commits < 400
    assert len(told) == 400
    stored = {each.entry: each for each in room.trail.search(limit=1000)}
    assert len(stored) == 401
    assert all(stored[each.entry] == each for each in told)
    assert list(room.trail.damaged()) == []


def test_where_the_disk_refuses_nothing_is_said_to_be_written(room: Room) -> None:
    room.trail.write(call(0))
    room.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert refused(lambda: room.trail.write(call(1))) == "audit_not_written"
    room.run("DROP TRIGGER full")
    assert room.trail.write(call(2)).number == 2
    assert list(room.trail.damaged()) == []


def test_a_number_taken_by_somebody_else_is_passed_by_on_the_next_try(room: Room) -> None:
    room.trail.write(call(0))
    room.again().write(call(1))
    assert refused(lambda: room.trail.write(call(2))) == "audit_not_written"
    assert room.trail.write(call(3)).number == 3


KILLED = """
import os, sys, threading
from pathlib import Path
from tests.unit.vault.test_audit import Room, call
room = Room(Path(sys.argv[1]))
def work(worker):
    for each in range(10_000):
        entry = room.trail.write(call(worker * 100_000 + each))
        os.write(1, f"{entry.entry} {entry.request}\\n".encode())
for each in range(4):
    threading.Thread(target=work, args=(each,)).start()
"""


def test_a_kill_loses_no_entry_that_was_told(tmp_path: Path, master_key: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(random.Random(7).randrange(40, 120))]
    os.kill(child.pid, signal.SIGKILL)
    told += child.stdout.read().splitlines(keepends=True)
    child.wait()
    whole = [line.decode().split() for line in told if line.endswith(b"\n")]
    room = Room(tmp_path)
    stored = {each.entry: each.request for each in room.trail.search(limit=100_000)}
    assert len(whole) >= 40
    assert all(stored[entry] == request for entry, request in whole)
    assert list(room.trail.damaged()) == []
    room.catalogue.close()
