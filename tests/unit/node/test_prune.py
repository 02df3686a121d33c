"""Pruning: what leaves the store stands in an archive that proves it, and the disk shrinks."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import CHAIN_ID, VALIDATOR_SEED, Cast, Chain, engine
from yilian.ledger.errors import EXPIRED, Refusal
from yilian.ledger.keys import sha256
from yilian.node import archive, bundle, integrity, prune
from yilian.node.bundle import BundleUnreadable, Span
from yilian.node.embedded import Embedded
from yilian.node.prune import KeepsTooFew, NothingToPrune, OtherArchive
from yilian.node.store import UNDO_HEIGHTS, BeforeFirst, Store
from yilian.sdk import verify

KEEP = UNDO_HEIGHTS
EXTRA = 20


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes], str]:
    """A chain some heights longer than what stays: its folder, transactions, trust file."""
    folder = tmp_path_factory.mktemp("long") / "chain"
    running, cast = engine(folder)
    with running:
        raws: list[bytes] = []
        while running.height < KEEP + EXTRA:
            raw = cast.sign(cast.hospital, Chain.enrol_person(f"row {len(raws)}", None))
            running.submit(raw).result(30)
            raws.append(raw)
        running.receipt(sha256(raws[-1]))
        trust = json.dumps(running.trust())
    return folder, raws, trust


@pytest.fixture
def chain(long: tuple[Path, list[bytes], str], tmp_path: Path) -> Path:
    """A copy of it to prune."""
    shutil.copytree(long[0], tmp_path / "chain")
    return tmp_path / "chain"


@pytest.fixture
def store(chain: Path) -> Iterator[Store]:
    """The copy's store."""
    opened = Store(chain)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def written(long: tuple[Path, list[bytes], str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive of the heights 3 to 15."""
    opened = Store(long[0])
    file = io.BytesIO()
    bundle.write(opened, 3, 15, file)
    opened.close()
    return file.getvalue()


def verified(receipt: object, trust: str) -> bool:
    return "accepted" in verify.verify(json.dumps(receipt), trust).proved


def test_what_was_pruned_is_gone_here_and_proved_there(
    store: Store, long: tuple[Path, list[bytes], str], tmp_path: Path
) -> None:
    _, raws, trust = long
    tip = store.tip()
    assert tip is not None
    last = tip.height - KEEP
    done = prune.prune(store, KEEP, tmp_path / "old.archive")
    assert (done.first, done.last, done.base, store.base()) == (1, last, last + 1, last + 1)
    assert done.archive == (tmp_path / "old.archive").stat().st_size
    for height in range(1, last + 1):
        assert (store.block(height), store.commit(height)) == (None, None)
        assert store.outcomes(height) is None
        with pytest.raises(BeforeFirst, match=f"before this node's first height, {last + 1}"):
            store.require_held(height)
    for height in range(last + 1, tip.height + 1):
        assert store.block(height) is not None
    assert integrity.scan(store) is None
    archived = 0
    for raw in raws:
        with bundle.opened(tmp_path / "old.archive") as file:
            made = bundle.make_receipt(file, sha256(raw))
        place = store.where(sha256(raw))
        assert place is not None
        assert (made is not None) == (place[0] <= last)
        if made is not None:
            archived += 1
            assert verified(made, trust)
    assert archived


def test_an_archive_makes_the_very_receipts_that_the_node_made(
    long: tuple[Path, list[bytes], str], written: bytes, chain: Path
) -> None:
    same = 0
    with Embedded(chain, VALIDATOR_SEED) as running:
        for raw in long[1]:
            made = bundle.make_receipt(io.BytesIO(written), sha256(raw))
            if made is not None:
                assert made == running.receipt(sha256(raw))
                same += 1
    assert same > 5
    assert bundle.make_receipt(io.BytesIO(written), bytes(32)) is None


def test_a_pruned_node_runs_on_and_says_what_it_no_longer_has(
    chain: Path, long: tuple[Path, list[bytes], str], tmp_path: Path
) -> None:
    opened = Store(chain)
    base = prune.prune(opened, KEEP, tmp_path / "a").base
    opened.close()
    _, raws, trust = long
    with Embedded(chain, VALIDATOR_SEED) as running:
        first = sha256(raws[0])
        assert running.outcome(first) is None
        with pytest.raises(BeforeFirst) as absent:
            running.receipt(first)
        assert isinstance(absent.value, KeyError)
        assert absent.value.base == base
        with pytest.raises(KeyError):
            running.state_proof(b"governance/parameters", 1)
        assert verified(running.receipt(sha256(raws[-1])), trust)
        cast = Cast(clock=running.now)
        with pytest.raises(Refusal):
            running.submit(raws[0]).result(30)  # Its person is enrolled, its nonce spent.
        late = cast.sign(cast.hospital, Chain.enrol_person("x", None), expires=1)
        with pytest.raises(Refusal) as refused:
            running.submit(late)
        assert refused.value.code == EXPIRED
        trusted = json.dumps(running.trust())
        assert verified(running.receipt(sha256(raws[-1])), trusted)
        with bundle.opened(tmp_path / "a") as file:
            archived = bundle.make_receipt(file, first)
        assert verified(archived, trusted)


def test_archives_and_the_export_of_the_rest_replay_to_the_whole_chain(
    store: Store, tmp_path: Path
) -> None:
    tip = store.tip()
    prune.prune(store, KEEP + 8, tmp_path / "one")
    prune.prune(store, KEEP, tmp_path / "two")
    rest = io.BytesIO()
    archive.export(store, rest)
    rest.seek(0)
    genesis, after = archive.read_export(rest)

    def all_heights() -> Iterator[archive.Height]:
        for name in ("one", "two"):
            with bundle.opened(tmp_path / name) as file:
                for held in bundle.Bundle(file).heights():
                    yield held.encoded
        yield from after

    again = archive.replay(genesis, all_heights(), tmp_path / "again")
    assert tip is not None
    assert (again.height, again.app_hash, again.block_hash) == (
        tip.height,
        tip.app_hash,
        tip.block_hash,
    )


def test_pruning_refuses_what_must_not_be_and_drops_nothing(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a"
    with pytest.raises(KeepsTooFew) as refused:
        prune.prune(store, KEEP - 1, file)
    assert refused.value.least == KEEP
    with pytest.raises(NothingToPrune):
        prune.prune(store, 10_000, file)
    file.write_bytes(b"something else")
    with pytest.raises(OtherArchive):
        prune.prune(store, KEEP, file)
    assert file.read_bytes() == b"something else"
    assert store.base() == 1
    assert integrity.scan(store) is None


def test_a_damaged_height_is_neither_archived_nor_dropped(store: Store, tmp_path: Path) -> None:
    other = store.commit(5)
    assert other is not None
    store._db.put(b"c" + (4).to_bytes(8, "big"), other.encode())
    with pytest.raises(BundleUnreadable, match="block 4"):
        prune.prune(store, KEEP, tmp_path / "a")
    assert list(tmp_path.glob("a*")) == []
    assert store.block(4) is not None


def test_a_run_that_ended_between_archive_and_dropping_is_taken_up(
    store: Store, tmp_path: Path
) -> None:
    tip = store.tip()
    assert tip is not None
    file, last = tmp_path / "a", tip.height - KEEP - 5
    (tmp_path / "a.part").write_bytes(b"half")
    with file.open("wb") as sink:
        bundle.write(store, 1, last, sink)
    text = file.read_bytes()
    done = prune.prune(store, KEEP, file)
    assert (done.last, store.base(), file.read_bytes()) == (last, last + 1, text)
    with pytest.raises(OtherArchive):
        prune.prune(store, KEEP, file)
    assert store.base() == last + 1


def test_an_archive_of_another_chain_or_other_heights_is_not_taken_up(
    store: Store, tmp_path: Path
) -> None:
    running, cast = engine(tmp_path / "other")
    with running:
        raw = cast.sign(cast.hospital, Chain.enrol_person("x", None))
        running.submit(raw).result(30)
        running.receipt(sha256(raw))
        with (tmp_path / "other.archive").open("wb") as sink:
            bundle.write(running.store, 1, 2, sink)
    with (tmp_path / "later.archive").open("wb") as sink:
        bundle.write(store, 2, 4, sink)
    tip = store.tip()
    assert tip is not None
    with (tmp_path / "more.archive").open("wb") as sink:
        bundle.write(store, 1, tip.height - KEEP + 1, sink)
    for name in ("other", "later", "more"):
        with pytest.raises(OtherArchive):
            prune.prune(store, KEEP, tmp_path / f"{name}.archive")
    assert store.base() == 1


def test_an_archive_says_what_it_covers(
    written: bytes, long: tuple[Path, list[bytes], str]
) -> None:
    opened = Store(long[0])
    commit = opened.commit(15)
    opened.close()
    assert commit is not None
    assert bundle.check(io.BytesIO(written)) == Span(CHAIN_ID, 3, 15, commit.block_id.hash)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_or_cut_archive_is_never_taken_for_whole(
    written: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    if data.draw(st.booleans()):
        lie = written[:at]
    else:
        lie = written[:at] + bytes((written[at] ^ (1 << data.draw(st.integers(0, 7))),))
        lie += written[at + 1 :]
    with pytest.raises(BundleUnreadable):
        bundle.check(io.BytesIO(lie))


def frames(text: bytes) -> list[bytes]:
    found, at = [], len(bundle.FORMAT)
    while at < len(text):
        size = 5 + int.from_bytes(text[at + 1 : at + 5], "big")
        found.append(text[at : at + size])
        at += size
    return found


def sealed(parts: list[bytes]) -> io.BytesIO:
    """An archive of frames whose hash at the end is right: only its content can betray it."""
    text = bundle.FORMAT + b"".join(parts)
    return io.BytesIO(text + b"z" + (32).to_bytes(4, "big") + sha256(text))


def test_a_forged_archive_with_a_true_hash_is_refused(written: bytes) -> None:
    parts = frames(written)[:-1]
    assert bundle.check(sealed(parts)).last == 15
    g, v, b, c, r = parts[:5]
    rest = parts[5:]
    forged = {
        "without genesis": parts[1:],
        "without validators": [g, *parts[2:]],
        "of no heights": [g, v, *parts[-2:]],
        "with a hole": [g, v, b, c, r, *rest[3:]],
        "twice the same": [g, v, b, c, r, b, c, r, *rest],
        "in another order": [g, v, *rest[:3], b, c, r, *rest[3:]],
        "with another's commit": [g, v, b, rest[1], r, *rest],
        "with another's results": [g, v, b, c, rest[2], *rest],
        "without a commit": [g, v, b, r, *rest],
        "without an end": parts[:-2],
        "without its last commit": parts[:-1],
        "with something after": [*parts, b"x\0\0\0\0"],
        "too large": [g, v, b"b\xff\xff\xff\xff"],
    }
    for name, lie in forged.items():
        with pytest.raises(BundleUnreadable):
            pytest.fail(f"{name}: {bundle.check(sealed(lie))}")


def test_the_store_grows_on_after_pruning_and_prunes_again(chain: Path, tmp_path: Path) -> None:
    with Embedded(chain, VALIDATOR_SEED) as running:
        first = prune.prune(running.store, KEEP, tmp_path / "one")
        cast = Cast(clock=running.now)
        for each in range(6):
            person = Chain.enrol_person(f"later {each}", None)
            raw = cast.sign(cast.hospital, person, nonce=cast.nonce()[:-2] + "zQ")
            running.submit(raw).result(30)
        second = prune.prune(running.store, KEEP, tmp_path / "two")
        assert second.first == first.last + 1
        assert running.receipt(sha256(raw)) is not None
        with bundle.opened(tmp_path / "two") as file:
            assert bundle.check(file).first == first.base
    assert integrity.scan_folder(chain) is None
