"""What both engines are to who hands transactions in: one text, one place, one answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain import Cast, Chain, digest_of, engine, name_of
from tests.consensus.simulator import Network
from yilian.ledger.errors import MALFORMED, TOO_MANY_PENDING, InvariantBroken, Refusal
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.ledger.modules.records.messages import Anchor
from yilian.node.embedded import Embedded
from yilian.node.engine import Stopped, write_genesis
from yilian.node.history import Outcome
from yilian.node.store import StoreDamaged

PATIENCE = 30.0


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[tuple[Embedded, Cast]]:
    running, cast = engine(tmp_path / "node")
    with running:
        yield running, cast


def enrol(cast: Cast, label: str) -> bytes:
    return cast.sign(cast.hospital, Chain.enrol_person(label, cast.signer(label).key))


def test_the_same_text_from_many_at_once_has_one_place(embedded: tuple[Embedded, Cast]) -> None:
    running, cast = embedded
    raws = [enrol(cast, f"person {number}") for number in range(20)]
    told: list[Outcome] = []

    def hand_in() -> None:
        for raw in raws:
            told.append(running.submit(raw).result(timeout=PATIENCE))

    threads = [threading.Thread(target=hand_in) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(told) == 120
    assert len({(each.hash, each.height, each.index) for each in told}) == 20
    assert {each.code for each in told} == {0}


def test_one_bad_text_among_many_fails_alone(embedded: tuple[Embedded, Cast]) -> None:
    running, cast = embedded
    good = [enrol(cast, f"person {number}") for number in range(3)]
    futures = running.submit_many([good[0], b"junk", good[1], good[0], good[2]])
    assert isinstance(futures[1].exception(PATIENCE), Refusal)
    told = [futures[at].result(timeout=PATIENCE) for at in (0, 2, 3, 4)]
    assert told[0] == told[2]
    assert {each.code for each in told} == {0}


def test_alone_a_refusal_is_raised_at_once(embedded: tuple[Embedded, Cast]) -> None:
    running, _ = embedded
    with pytest.raises(Refusal) as refused:
        running.submit(b"junk")
    assert refused.value.code is MALFORMED
    assert running.pending() == 0


def test_nothing_is_nothing(embedded: tuple[Embedded, Cast]) -> None:
    running, _ = embedded
    assert running.submit_many([]) == []
    running.close()
    with pytest.raises(Stopped):
        running.submit_many([])


def test_a_full_line_is_told_to_who_hands_in() -> None:
    network = Network(powers=(10,))
    try:
        node, town = network.replicas[0].node, network.town
        limit = SetParameter(name="pending_per_payer", value=100)
        assert network.block(0, town.carry(limit, voters=(0,)))
        futures = node.submit_many([town.anchor() for _ in range(101)])
        assert node.pending() == 100
        refused = futures[-1].exception(PATIENCE)
        assert isinstance(refused, Refusal)
        assert refused.code is TOO_MANY_PENDING
        assert network.block()
        assert node.pending() == 0
        assert futures[99].result(timeout=PATIENCE).code == 0
    finally:
        network.close()


def test_what_a_stopped_engine_is_given_is_refused(embedded: tuple[Embedded, Cast]) -> None:
    running, cast = embedded
    raw = enrol(cast, "late")
    told: list[str] = []
    running.when_condemned = lambda: told.append("stopped")
    running.condemn(InvariantBroken("found by a test"))
    running.condemn(InvariantBroken("found again"))
    with pytest.raises(Stopped):
        running.submit(raw)
    assert str(running.fault) == "found by a test"
    assert told
    running.close()
    running.close()


def test_a_folder_without_a_chain_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(StoreDamaged):
        Embedded(tmp_path / "nothing", bytes(32))


def test_a_genesis_is_written_once(tmp_path: Path) -> None:
    cast = Cast()
    write_genesis(tmp_path / "node", cast.genesis)
    with pytest.raises(FileExistsError):
        write_genesis(tmp_path / "node", cast.genesis)


def test_listeners_hear_every_height_in_order(embedded: tuple[Embedded, Cast]) -> None:
    running, cast = embedded
    heard: list[int] = []
    running.listen(heard.append)
    for number in range(3):
        running.submit(enrol(cast, f"person {number}")).result(timeout=PATIENCE)
    message = Anchor(record=name_of("record"), commitment=digest_of("record"))
    done = running.submit(cast.sign(cast.insurer, message)).result(timeout=PATIENCE)
    running.receipt(bytes.fromhex(done.hash), wait=PATIENCE)
    running.close()
    assert heard == list(range(heard[0], heard[0] + len(heard)))
    assert done.height in heard
