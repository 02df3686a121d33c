"""Signature checks for many transactions at once, in processes beside the writer.

A check takes 50 microseconds in which the interpreter lock is free, but handing single checks to
threads costs more than it wins. So a large hand-in is cut into chunks for worker processes; a
small one is checked where it is. Verdicts only fill `Envelope.verdicts`: the law asks there.

Workers are started as `python -c`, not through `multiprocessing`, which would run the caller's own
main module again (a notebook, a script without a guard). A worker that dies is replaced by
checking in place: slower, never wrong.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

import msgspec

from yilian.ledger import codec, keys
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey
from yilian.ledger.transaction import Envelope

Job = tuple[Envelope, list[PublicKey]]

PARALLEL_FROM = 64
_CHUNK = 64

log = logging.getLogger("yilian.node")


class _Text(msgspec.Struct, array_like=True, frozen=True):
    suite: str
    public: bytes
    message: bytes
    signature: bytes


_read_texts = msgspec.msgpack.Decoder(list[_Text])
_pack = msgspec.msgpack.Encoder().encode


class Verdicts:
    """Gives every envelope of a hand-in its verdicts."""

    def __init__(self, workers: int | None = None) -> None:
        self._count = min(7, (os.cpu_count() or 1) - 1) if workers is None else workers
        self._workers: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def settle(self, jobs: list[Job]) -> list[Refusal | None]:
        """Check all signatures; gives for each job its refusal, or None where all are valid."""
        if len(jobs) >= PARALLEL_FROM and self._count > 0:
            with self._lock:
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
            self._stop()

    def _in_parallel(self, jobs: list[Job]) -> None:
        """Deal chunks out to the workers in turn, then collect; answers fit any pipe's buffer."""
        try:
            if not self._workers:
                self._workers = [_start() for _ in range(self._count)]
            dealt: list[tuple[subprocess.Popen[bytes], list[Job]]] = []
            for at in range(0, len(jobs), _CHUNK):
                chunk = jobs[at : at + _CHUNK]
                worker = self._workers[len(dealt) % len(self._workers)]
                _send(_pipe(worker.stdin), _pack([text for job in chunk for text in _texts(job)]))
                dealt.append((worker, chunk))
            for worker, chunk in dealt:
                _take_in(chunk, _receive(_pipe(worker.stdout)))
        except (OSError, EOFError) as error:
            log.warning("a signature worker died (%s); checking in place", type(error).__name__)
            self._stop()

    def _stop(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                # What was not flushed to a dead worker has nowhere to go.
                with suppress(OSError):
                    _pipe(pipe).close()
        self._workers = []


def serve() -> None:
    """Worker: answer each list of texts with one byte per verdict, until the pipe closes."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            texts = _read_texts.decode(_receive(source))
        except EOFError:
            return
        verdicts = (
            keys.SIGNATURES[each.suite].verify(each.public, each.message, each.signature)
            for each in texts
        )
        _send(sink, bytes(verdicts))


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from yilian.node.verdicts import serve; serve()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError("no pipe")
    return pipe


def _send(sink: IO[bytes], data: bytes) -> None:
    sink.write(len(data).to_bytes(4, "big") + data)
    sink.flush()


def _receive(source: IO[bytes]) -> bytes:
    size = source.read(4)
    if len(size) < 4:
        raise EOFError
    data = source.read(int.from_bytes(size, "big"))
    if len(data) < int.from_bytes(size, "big"):
        raise EOFError
    return data


def _texts(job: Job) -> list[_Text]:
    envelope, signing = job
    return [
        _Text(key.suite, codec.to_bytes(key.public), envelope.signed, codec.to_bytes(signature))
        for key, signature in zip(signing, envelope.signatures, strict=True)
    ]


def _take_in(chunk: list[Job], verdicts: bytes) -> None:
    at = 0
    for envelope, signing in chunk:
        for index, key in enumerate(signing):
            envelope.verdicts[index, key] = bool(verdicts[at])
            at += 1
