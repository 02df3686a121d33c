"""The log of a node: one leaf a height, the same from files and from the chain, never two."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import nacl.bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import CHAIN_ID, VALIDATOR_SEED, Cast, digest_of, engine, name_of
from tests.unit.node.logs import root_of
from yilian.ledger import checkpoint as notes
from yilian.ledger import merkle
from yilian.ledger.checkpoint import Checkpoint, LogProof, Note
from yilian.ledger.errors import Code, Refusal
from yilian.ledger.modules.records.messages import Anchor
from yilian.node import log as logs
from yilian.node.config import ConfigurationError
from yilian.node.embedded import Embedded
from yilian.node.engine import NotYet
from yilian.node.log import CheckpointLog, HashFiles, log_seed, write_synced
from yilian.node.rollback import rollback
from yilian.node.store import Store
from yilian.node.witness import SPLIT_VIEW, Member, Witness


def refused(code: Code, work: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code is code


def anchor(node: Embedded, cast: Cast, label: str) -> int:
    """Write a block; gives its height."""
    message = Anchor(record=name_of(label), commitment=digest_of(label))
    return node.submit(cast.sign(cast.hospital, message)).result(20).height


def entry(node: Embedded, height: int) -> bytes:
    block = node.store.block(height)
    assert block is not None
    return notes.leaf(block.header)


def opened(log: CheckpointLog) -> Checkpoint:
    """Check a log's signature on its newest checkpoint, and read it."""
    note = Note.decode(log.checkpoint())
    (line,) = note.by(log.key)
    nacl.bindings.crypto_sign_open(line.signature + note.text.encode(), log.key.public)
    return Checkpoint.decode(note.text)


# -- following a chain ---------------------------------------------------------------------------


def test_every_height_is_a_leaf_and_is_proved(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "chain")
    log = CheckpointLog(node, tmp_path)
    try:
        heights = [anchor(node, cast, f"{at}") for at in range(5)]
        for height in (*heights, 1):
            proof = LogProof.decode(log.proof(height))
            point = Checkpoint.decode(Note.decode(proof.note).text)
            assert point.origin == f"yilian/chain/{CHAIN_ID}" == log.key.name
            root = merkle.root_from_inclusion(
                entry(node, height), proof.index, point.size, proof.path
            )
            assert (proof.index, root) == (height - 1, point.root)
        point = opened(log)
        every = [entry(node, height) for height in range(1, point.size + 1)]
        assert merkle.root(every) == point.root
        assert log.tile(notes.tile_path("entries", 0, point.size)) == notes.bundle(every)
        hashes = log.tile(notes.tile_path(0, 0, point.size))
        assert hashes == b"".join(notes.leaf_hash(each) for each in every)
    finally:
        log.close()
        node.close()


def test_two_nodes_of_one_chain_have_one_log(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "chain")
    one, other = (CheckpointLog(node, tmp_path / each) for each in "ab")
    try:
        height = anchor(node, cast, "x")
        proofs = [LogProof.decode(each.proof(height)) for each in (one, other)]
        assert one.key != other.key
        while one.size != other.size:
            threading.Event().wait(0.01)
        assert opened(one) == opened(other)
        assert proofs[0].index == proofs[1].index
    finally:
        one.close()
        other.close()
        node.close()


def test_a_checkpoint_is_signed_unasked_every_so_many_heights(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "chain")
    log = CheckpointLog(node, tmp_path, every=3)
    try:
        signed = tmp_path / "log" / "signed"
        height = anchor(node, cast, "a")
        while not signed.exists():
            height = anchor(node, cast, f"{height}")
        first = Checkpoint.decode(Note.decode(signed.read_bytes()).text)
        assert first.size >= 3
    finally:
        log.close()
        node.close()


def test_what_is_not_there_yet(tmp_path: Path) -> None:
    node, _ = engine(tmp_path / "chain")
    log = CheckpointLog(node, tmp_path)
    try:
        with pytest.raises(NotYet):
            log.proof(99, wait=0)
        for name in ("tile/0/001", "tile/0/000", "tile/1/000", "tile/entries/000", "tile/x"):
            refused(logs.TILE_UNKNOWN, lambda name=name: log.tile(name))  # type: ignore[misc]
    finally:
        log.close()
        node.close()


def test_the_log_goes_on_after_a_start_and_makes_its_files_again(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "chain")
    log = CheckpointLog(node, tmp_path)
    height = anchor(node, cast, "a")
    log.proof(height)
    before, key = opened(log), log.key
    log.close()
    for harm in ("nothing", "gone", "zeros", "longer"):
        if harm == "gone":
            (tmp_path / "log" / "0").unlink()
        if harm == "zeros":
            (tmp_path / "log" / "0").write_bytes(bytes(before.size * 32))
        if harm == "longer":
            with (tmp_path / "log" / "0").open("ab") as file:
                file.write(os.urandom(70))
        log = CheckpointLog(node, tmp_path)
        log.proof(height)
        after = opened(log)
        assert (log.key, after.size >= before.size) == (key, True)
        assert log._files.root(before.size) == before.root
        log.close()
    node.close()


def test_a_chain_that_was_rolled_back_and_goes_on_otherwise_is_not_signed(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "chain")
    log = CheckpointLog(node, tmp_path)
    height = anchor(node, cast, "a")
    log.proof(height + 1)
    signed = opened(log)
    log.close()
    node.close()
    store = Store(tmp_path / "chain")
    while rollback(store).height >= height:
        pass
    store.close()
    node = Embedded(tmp_path / "chain", VALIDATOR_SEED)
    cast.clock = node.now
    log = CheckpointLog(node, tmp_path)
    try:
        refused(logs.LOG_NOT_SERVED, log.checkpoint)
        last = height
        for at in range(signed.size):
            last = anchor(node, cast, f"other {at}")
        with pytest.raises(Refusal) as caught:
            log.proof(last, wait=20)
        assert caught.value.code is logs.LOG_CONTRADICTED
        assert caught.value.parameters == {"height": signed.size}
        assert Checkpoint.decode(Note.decode((tmp_path / "log/signed").read_bytes()).text) == signed
    finally:
        log.close()
        node.close()


def test_a_node_that_cannot_read_what_it_signed_signs_nothing(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "chain")
    log = CheckpointLog(node, tmp_path)
    log.proof(anchor(node, cast, "a"))
    log.close()
    (tmp_path / "log" / "signed").write_bytes(b"damaged")
    log = CheckpointLog(node, tmp_path)
    try:
        anchor(node, cast, "b")
        refused(logs.LOG_NOT_SERVED, log.checkpoint)
        refused(logs.LOG_NOT_SERVED, lambda: log.proof(1, wait=0))
        assert (tmp_path / "log" / "signed").read_bytes() == b"damaged"
    finally:
        log.close()
        node.close()


def test_a_log_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    seed = log_seed(path)
    assert (len(seed), log_seed(path)) == (32, seed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigurationError):
        log_seed(path)


# -- files ---------------------------------------------------------------------------------------


def leaf(at: int) -> bytes:
    return notes.leaf_hash(b"%d" % at)


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=6), st.integers(0, 1500))
def test_files_hold_the_tree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    files = HashFiles(folder)
    for step in steps:
        files.extend([leaf(at) for at in range(files.size, files.size + step)])
    size = files.size
    assert files.root(size) == root_of([leaf(at) for at in range(size)])
    files.cut(cut)
    kept = min(cut, size)
    files.sync()
    files.close()
    again = HashFiles(folder)
    assert again.size == kept
    again.extend([leaf(at) for at in range(kept, kept + 260)])
    assert again.root(kept + 260) == root_of([leaf(at) for at in range(kept + 260)])
    for level, index, width in notes.tiles(kept + 260):
        assert len(again.hashes(level, index * 256, width)) == width
    with pytest.raises(IndexError):
        again.hashes(0, kept + 259, 2)
    again.close()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_synced(path, b"one")
    write_synced(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_validator_that_writes_two_chains_is_found_by_a_witness(tmp_path: Path) -> None:
    """One key, one genesis, two histories: each reader is shown a sound one of their own."""
    members, logs_ = [], []
    for side in ("one", "other"):
        node, cast = engine(tmp_path / side / "chain")
        for at in range(3):
            anchor(node, cast, f"{side} {at}")
        log = CheckpointLog(node, tmp_path / side)
        log.proof(5)
        members.append(Member(side, _fetch(log)))
        logs_.append((log, node))
    keys = [log.key for log, _ in logs_]
    witness = Witness.make(tmp_path / "witness", "w", keys)
    try:
        refused(SPLIT_VIEW, lambda: witness.watch(members))
        assert witness.cosigned is None
    finally:
        witness.close()
        for log, node in logs_:
            log.close()
            node.close()


def _fetch(log: CheckpointLog) -> Callable[[str], bytes | None]:
    def fetch(path: str) -> bytes | None:
        try:
            return log.checkpoint() if path == "checkpoint" else log.tile(path)
        except Refusal:
            return None

    return fetch
