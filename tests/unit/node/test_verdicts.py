"""Signature checks in worker processes: the same verdicts, whatever becomes of the workers."""

from __future__ import annotations

import sys

import pytest

from tests.chain import Cast, Signer
from yilian.ledger.errors import BAD_SIGNATURE
from yilian.ledger.modules.identity.messages import EnrolAgent
from yilian.ledger.transaction import Envelope, decode
from yilian.node.verdicts import PARALLEL_FROM, Job, Verdicts

COUNT = 4 * PARALLEL_FROM


@pytest.fixture(scope="module")
def raws() -> list[bytes]:
    """Signed transactions, every seventh with a signature of something else."""
    cast = Cast()
    made = []
    for number in range(COUNT):
        agent = EnrolAgent(agent=cast.nonce(), key=Signer(f"agent {number}").key)
        raw = cast.sign(cast.hospital, agent)
        if number % 7 == 0:
            other = cast.sign(cast.hospital, agent)
            cut = raw.rindex(b'"signatures"')
            raw = raw[:cut] + other[other.rindex(b'"signatures"') :]
        made.append(raw)
    return made


def jobs(raws: list[bytes]) -> list[Job]:
    key = Cast().hospital.signer.key
    found: list[Envelope] = [decode(raw) for raw in raws]
    return [(envelope, [key]) for envelope in found]


def assert_judged(pool: Verdicts, raws: list[bytes]) -> None:
    refused = pool.settle(jobs(raws))
    bad = [number for number, refusal in enumerate(refused) if refusal is not None]
    assert bad == list(range(0, COUNT, 7))
    assert {each.code for each in refused if each is not None} == {BAD_SIGNATURE}


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_judge_as_one_process_does(raws: list[bytes], workers: int) -> None:
    pool = Verdicts(workers)
    try:
        assert_judged(pool, raws)
    finally:
        pool.close()


def test_a_killed_worker_costs_no_verdict(raws: list[bytes]) -> None:
    pool = Verdicts(2)
    try:
        assert_judged(pool, raws)
        for worker in pool._workers:
            worker.kill()
            worker.wait()
        assert_judged(pool, raws)
        assert_judged(pool, raws)
    finally:
        pool.close()


def test_workers_that_cannot_start_cost_no_verdict(
    raws: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    pool = Verdicts(2)
    try:
        assert_judged(pool, raws)
    finally:
        pool.close()


def test_closing_does_not_mind_what_a_dead_worker_never_read(raws: list[bytes]) -> None:
    pool = Verdicts(1)
    assert_judged(pool, raws)
    (worker,) = pool._workers
    worker.kill()
    worker.wait()
    assert worker.stdin is not None
    worker.stdin.write(b"left in the buffer")
    pool.close()
    assert_judged(pool, raws)
    pool.close()
