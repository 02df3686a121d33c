"""A witness signs what only grew, says what did not, and never signs two histories."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from tests.unit.node.logs import ORIGIN, Log, log, root_of
from yilian.ledger import checkpoint as notes
from yilian.ledger.checkpoint import Checkpoint, Note, VerifierKey
from yilian.ledger.errors import MALFORMED, Code, Refusal
from yilian.node import witness as witnesses
from yilian.node.config import ConfigurationError
from yilian.node.witness import Witness, verify_ed25519

NOW = 1_800_000_000
Open = Callable[[], Witness]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def witness(home: Path) -> Iterator[Witness]:
    made = Witness.make(home, "witness.example/w", [log(each, 0).key for each in "abc"])
    yield made
    made.close()


def refused(code: Code, work: Callable[[], object]) -> dict[str, int | str]:
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code is code
    return caught.value.parameters


def check_cosigned(witness: Witness, point: Checkpoint, seconds: int = NOW) -> Note:
    assert witness.cosigned is not None
    found, data = witness.cosigned
    assert found == point
    note = Note.decode(data)
    assert note.text == point.text()
    (classic,), (modern,) = (note.by(key) for key in witness.keys)
    stamp = seconds.to_bytes(8, "big")
    assert classic.signature[:8] == modern.signature[:8] == stamp
    text = notes.cosignature_text(point, seconds)
    assert verify_ed25519(witness.keys[0].public, text, classic.signature[8:])
    message = notes.subtree_text(point, seconds, "witness.example/w")
    MLDSA44PublicKey.from_public_bytes(witness.keys[1].public).verify(modern.signature[8:], message)
    return note


# -- growing -------------------------------------------------------------------------------------


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness) -> None:
    one = log("a", 3)
    for grown in (0, 1, 300, 70_000, 5):
        one.grow(grown)
        told = witness.watch([one.member], now=NOW)
        assert (told.size, told.signed, told.problems) == (len(one.leaves), True, ())
        check_cosigned(witness, one.checkpoint())
    assert witness.watch([one.member], now=NOW + 9).signed is False
    check_cosigned(witness, one.checkpoint(), NOW)


def test_only_new_tiles_are_fetched(witness: Witness) -> None:
    one = log("a", 600)
    witness.watch([one.member])
    one.grow(10)
    one.asked.clear()
    witness.watch([one.member])
    assert one.asked == ["checkpoint", "tile/0/002.p/98"]


def test_a_full_tile_serves_where_the_partial_one_is_gone(witness: Witness) -> None:
    one = log("a", 300)
    note = one.fetch("checkpoint")
    one.grow(300)
    one.say = {"checkpoint": note, "tile/0/001.p/44": None}
    assert witness.watch([one.member]).size == 300


def test_most_members_must_show_it(witness: Witness) -> None:
    a, b, c = log("a", 10), log("b", 12), log("c", 15)
    assert witness.watch([each.member for each in (a, b, c)]).size == 12
    assert witness.watch([each.member for each in (a, b, c)], needed=1).size == 15
    assert witness.watch([each.member for each in (a, b, c)], needed=3).signed is False


def test_the_keys_of_all_who_show_it_stand_under_it(witness: Witness) -> None:
    a, b = log("a", 10), log("b", 10)
    witness.watch([a.member, b.member], now=NOW)
    note = check_cosigned(witness, a.checkpoint())
    assert [len(note.by(each.key)) for each in (a, b)] == [1, 1]


# -- what is not counted -------------------------------------------------------------------------


def _nothing(one: Log) -> None:
    one.say["checkpoint"] = OSError("away")


def _gone(one: Log) -> None:
    one.say["checkpoint"] = None


def _garbage(one: Log) -> None:
    one.say["checkpoint"] = b"garbage"


def _unsigned(one: Log) -> None:
    one.say["checkpoint"] = one.signed(one.checkpoint())[:-9] + b"AAAAAAA=\n"


def _stranger(one: Log) -> None:
    one.say["checkpoint"] = log("x", 5).signed(one.checkpoint())


def _another_origin(one: Log) -> None:
    point = one.checkpoint()
    one.say["checkpoint"] = one.signed(Checkpoint("yilian/chain/other", point.size, point.root))


def _empty(one: Log) -> None:
    one.leaves = []


def _too_far(one: Log) -> None:
    one.say["checkpoint"] = one.signed(Checkpoint(ORIGIN, 2**50, bytes(32)))


def _other_tiles(one: Log) -> None:
    one.say["tile/0/000.p/20"] = bytes(640)


def _no_tiles(one: Log) -> None:
    one.say["tile/0/000.p/20"] = None


def _cut_tiles(one: Log) -> None:
    one.say["tile/0/000.p/20"] = bytes(608)


@pytest.mark.parametrize(
    ("reason", "bend"),
    [
        ("unreachable", _nothing),
        ("unreachable", _gone),
        ("malformed", _garbage),
        ("bad_signature", _unsigned),
        ("unknown_key", _stranger),
        ("wrong_origin", _another_origin),
        ("empty", _empty),
        ("too_far", _too_far),
        ("tiles_differ", _other_tiles),
        ("tiles_missing", _no_tiles),
        ("tiles_missing", _cut_tiles),
    ],
)
def test_a_member_that_is_not_counted(
    witness: Witness, reason: str, bend: Callable[[Log], None]
) -> None:
    a, b, c = (log(each, 20) for each in "abc")
    bend(b)
    told = witness.watch([a.member, b.member, c.member], now=NOW)
    assert told.problems == (("b", reason),)
    assert (told.size, told.signed) == (20, True)
    if "checkpoint" in b.say:
        found = refused(witnesses.NO_AGREEMENT, lambda: witness.watch([b.member]))
        assert found == {"found": 0, "needed": 1}
    assert witness.evidence() == []


def test_without_a_log_key_nothing_is_believed(tmp_path: Path) -> None:
    bare = Witness.make(tmp_path / "bare", "w")
    one = log("a", 5)
    refused(witnesses.NO_LOG_KEY, lambda: bare.watch([one.member]))
    bare.pin(one.key)
    bare.pin(one.key)
    assert bare.watch([one.member]).signed
    refused(MALFORMED, lambda: bare.pin(Log("z", origin="yilian/chain/other").key))
    refused(MALFORMED, lambda: bare.pin(VerifierKey(ORIGIN, notes.COSIGN_ED25519, bytes(32))))
    bare.close()
    again = Witness(tmp_path / "bare")
    assert again.log_keys == (one.key,)
    again.close()


def test_a_log_that_shrank_is_named_and_nothing_is_signed(witness: Witness) -> None:
    one = log("a", 20)
    witness.watch([one.member], now=NOW)
    one.leaves = one.leaves[:12]
    refused(witnesses.NO_AGREEMENT, lambda: witness.watch([one.member]))
    other = log("b", 20)
    assert witness.watch([one.member, other.member], needed=1).problems == (("a", "shrank"),)
    assert witness.evidence() == []


# -- two histories -------------------------------------------------------------------------------


def evidence_of(witness: Witness, size: int) -> list[Note]:
    (path,) = witness.evidence()
    told = json.loads(path.read_bytes())
    assert (told["format"], told["size"]) == ("yilian-split-view/1", size)
    return [Note.decode(each.encode()) for each in told["notes"]]


def test_two_members_who_show_two_histories(witness: Witness) -> None:
    """Two dishonest validators: one log each for two readers, both signed, of one size."""
    a, b, c = log("a", 20), log("b", 20, "branch "), log("c", 20)
    told = refused(witnesses.SPLIT_VIEW, lambda: witness.watch([each.member for each in (a, b, c)]))
    assert told["size"] == 20
    one, other = evidence_of(witness, 20)
    assert [len(one.by(a.key)), len(other.by(b.key))] == [1, 1]
    assert one.text != other.text
    assert witness.cosigned is None
    # It stays refused, also where only one side is shown now, until a person has looked.
    refused(witnesses.HALTED, lambda: witness.watch([a.member]))
    witness.evidence()[0].unlink()
    assert witness.watch([a.member]).signed


def test_a_branch_of_another_size_is_found_leaf_by_leaf(witness: Witness) -> None:
    shared = log("a", 15)
    witness.watch([shared.member])
    a, b = log("a", 20), log("b", 15)
    b.grow(300, "branch ")
    told = refused(witnesses.SPLIT_VIEW, lambda: witness.watch([b.member, a.member]))
    assert told["size"] == 20
    evidence_of(witness, 20)


def test_a_history_that_was_rewritten_below_what_was_signed(witness: Witness) -> None:
    one = log("a", 300)
    witness.watch([one.member], now=NOW)
    signed = one.checkpoint()
    for size in (300, 280):
        other = log("b", size, "branch ")
        assert refused(witnesses.SPLIT_VIEW, lambda: witness.watch([other.member]))["size"] == size  # noqa: B023
        evidence_of(witness, size)
        witness.evidence()[0].unlink()
    # A longer one is found by the proof of consistency that its own tiles make.
    longer = log("c", 700, "branch ")
    assert refused(witnesses.SPLIT_VIEW, lambda: witness.watch([longer.member]))["size"] == 300
    evidence_of(witness, 300)
    check_cosigned(witness, signed)


def test_tiles_that_prove_nothing_are_no_evidence(witness: Witness) -> None:
    one = log("a", 20)
    witness.watch([one.member])
    other = log("b", 40, "branch ")
    other.say["tile/0/000.p/40"] = os.urandom(40 * 32)
    refused(witnesses.NO_AGREEMENT, lambda: witness.watch([other.member]))
    assert witness.evidence() == []


# -- crashes and folders -------------------------------------------------------------------------


def test_one_process_at_a_time(home: Path, witness: Witness) -> None:
    refused(witnesses.BUSY, lambda: Witness(home))


def test_a_folder_that_holds_no_witness(tmp_path: Path, home: Path, witness: Witness) -> None:
    with pytest.raises(ConfigurationError):
        Witness(tmp_path / "nothing")
    with pytest.raises(FileExistsError):
        Witness.make(home, "again")
    witness.close()
    (home / "ed25519.key").chmod(0o644)
    with pytest.raises(ConfigurationError):
        Witness(home)
    (home / "ed25519.key").chmod(0o600)


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "x" * 256])
def test_a_name_that_no_note_can_carry(tmp_path: Path, name: str) -> None:
    refused(MALFORMED, lambda: Witness.make(tmp_path / "w", name))


def test_a_crash_before_the_signature_was_synced_leaves_nothing_signed(
    home: Path, witness: Witness
) -> None:
    """Leaves reach the disk first; what is behind them without a signature is forgotten."""
    one = log("a", 300)
    witness.watch([one.member], now=NOW)
    before = (home / "signed").read_bytes()
    one.grow(10)
    witness.watch([one.member], now=NOW)
    witness.close()
    (home / "signed").write_bytes(before)
    again = Witness(home)
    assert again.cosigned is not None
    assert again.cosigned[0].size == 300
    # A branch behind the 300 is as good as the other one: only the lost leaves had gone on.
    branch = log("b", 300)
    branch.grow(20, "branch ")
    assert again.watch([branch.member], now=NOW).size == 320
    check_cosigned(again, branch.checkpoint())
    again.close()


def test_lost_leaves_are_fetched_again_and_must_be_the_same(home: Path, witness: Witness) -> None:
    one = log("a", 300)
    witness.watch([one.member], now=NOW)
    witness.close()
    shutil.rmtree(home / "hashes")
    again = Witness(home)
    refused(witnesses.SPLIT_VIEW, lambda: again.watch([log("b", 400, "branch ").member], now=NOW))
    again.evidence()[0].unlink()
    assert again.watch([one.member]).signed is False
    one.grow(3)
    assert again.watch([one.member], now=NOW).size == 303
    check_cosigned(again, one.checkpoint())
    again.close()


# -- publishing ----------------------------------------------------------------------------------


def published(folder: Path) -> dict[str, int]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.stat().st_size for each in files}


def test_the_folder_holds_the_checkpoint_and_all_its_tiles(
    tmp_path: Path, witness: Witness
) -> None:
    one, folder = log("a", 10), tmp_path / "usb"
    witness.publish(folder)
    assert not folder.exists()
    for grown in (0, 90, 300, 1, 500):
        one.grow(grown)
        witness.watch([one.member], now=NOW)
        witness.publish(folder)
        expected = {notes.tile_path(*tile): tile[2] * 32 for tile in notes.tiles(len(one.leaves))}
        held = published(folder)
        day = held.pop("checkpoints/2027-01-15")
        assert day
        assert held.pop("checkpoint")
        assert held == expected
        kept = b"".join(
            (folder / notes.tile_path(*tile)).read_bytes()
            for tile in notes.tiles(len(one.leaves))
            if tile[0] == 0
        )
        leaves = [kept[at : at + 32] for at in range(0, len(kept), 32)]
        assert root_of(leaves) == one.checkpoint().root
    first = Note.decode((folder / "checkpoints/2027-01-15").read_bytes())
    assert Checkpoint.decode(first.text).size == 10


def test_a_medium_that_was_away_gets_what_it_lacks(tmp_path: Path, witness: Witness) -> None:
    one = log("a", 400)
    witness.watch([one.member], now=NOW)
    witness.publish(tmp_path / "one")
    one.grow(400)
    witness.watch([one.member], now=NOW)
    for each in ("one", "two"):
        witness.publish(tmp_path / each)
    # Where nothing was dropped a partial tile may be left; what is needed is the same.
    assert published(tmp_path / "one") == published(tmp_path / "two")


def test_evidence_is_published_too(tmp_path: Path, witness: Witness) -> None:
    a, b = log("a", 20), log("b", 20, "branch ")
    refused(witnesses.SPLIT_VIEW, lambda: witness.watch([a.member, b.member]))
    witness.publish(tmp_path / "usb")
    (name,) = published(tmp_path / "usb")
    assert name.startswith("evidence/split-view-20-")


def test_another_log_is_not_overwritten(tmp_path: Path, witness: Witness) -> None:
    one = log("a", 20)
    witness.watch([one.member], now=NOW)
    witness.publish(tmp_path / "usb")
    other = Witness.make(tmp_path / "other", "other", [log("b", 0).key])
    other.watch([log("b", 30, "branch ").member])
    refused(witnesses.FOLDER_OF_ANOTHER, lambda: other.publish(tmp_path / "usb"))
    other.close()
