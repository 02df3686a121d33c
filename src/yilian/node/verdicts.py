"""Signature checks for many transactions at once, in processes beside the writer.

A check takes 50 microseconds in which the interpreter lock is free, but handing single checks to
threads costs more than it wins. So a large hand-in is cut into chunks for worker processes; a
small one is checked where it is. Verdicts only fill `Envelope.verdicts`: the law asks there.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor

from yilian.ledger import codec, keys
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey
from yilian.ledger.transaction import Envelope

Job = tuple[Envelope, list[PublicKey]]
_Text = tuple[str, bytes, bytes, bytes]

PARALLEL_FROM = 128
_CHUNK = 128


class Verdicts:
    """Gives every envelope of a hand-in its verdicts."""

    def __init__(self, workers: int | None = None) -> None:
        count = (os.cpu_count() or 1) if workers is None else workers
        self._workers = max(0, min(count, 8) - 1) if workers is None else count
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def settle(self, jobs: list[Job]) -> list[Refusal | None]:
        """Check all signatures; gives for each job its refusal, or None where all are valid."""
        if len(jobs) >= PARALLEL_FROM and self._workers:
            self._in_parallel(jobs)
        refused: list[Refusal | None] = []
        for envelope, signing in jobs:
            try:
                envelope.require_signatures(signing)
            except Refusal as refusal:
                refused.append(refusal)
            else:
                refused.append(None)
        return refused

    def close(self) -> None:
        """End the worker processes."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool = None

    def _in_parallel(self, jobs: list[Job]) -> None:
        """Let workers and this thread share the chunks; whoever is free takes the next."""
        chunks = [jobs[at : at + _CHUNK] for at in range(0, len(jobs), _CHUNK)]
        pool = self._start()
        waiting: list[tuple[list[Job], Future[bytes]]] = [
            (chunk, pool.submit(judge, [_texts(job) for job in chunk])) for chunk in chunks
        ]
        for chunk, future in reversed(waiting):
            if future.cancel():
                for envelope, signing in chunk:
                    for index, key in enumerate(signing):
                        envelope.judge(index, key)
        for chunk, future in waiting:
            if not future.cancelled():
                _take_in(chunk, future.result())

    def _start(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
            return self._pool


def judge(batch: list[list[_Text]]) -> bytes:
    """Worker: verify (suite, key, message, signature) texts; one byte, 0 or 1, for each."""
    return bytes(
        keys.SIGNATURES[suite].verify(public, message, signature)
        for texts in batch
        for suite, public, message, signature in texts
    )


def _texts(job: Job) -> list[_Text]:
    envelope, signing = job
    return [
        (key.suite, codec.to_bytes(key.public), envelope.signed, codec.to_bytes(signature))
        for key, signature in zip(signing, envelope.signatures, strict=True)
    ]


def _take_in(chunk: list[Job], verdicts: bytes) -> None:
    at = 0
    for envelope, signing in chunk:
        for index, key in enumerate(signing):
            envelope.verdicts[index, key] = bool(verdicts[at])
            at += 1
