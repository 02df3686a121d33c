"""The consensus engine as a child process: started, watched, started again, stopped.

The engine stops itself when its application goes away, and never connects again by itself
(CometBFT, "Did the application crash?"). Here the node is the parent: an engine that ends is
started again with growing pauses; when the node ends, its engine ends with it. An engine that found
another state than the node's is not started again: the node's store is scanned and the damage said.
One whose consensus has failed in any other way is ended, as it would stand still for ever.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from yilian.node.home import EngineHome

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
STEADY_SECONDS = 30.0
STOP_SECONDS = 10.0
KEPT = 2_000

_EXEC = """
import ctypes, os, sys
node, binary, home = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(node):
        sys.exit("the node is gone")
os.execv(binary, [binary, "start", "--home", home])
"""
"""Becomes the engine, after asking Linux (PR_SET_PDEATHSIG) to kill it when the node is gone."""
_BECOME = (sys.executable, "-I", "-S", "-c", _EXEC)

FAILED = "CONSENSUS FAILURE!!!"
"""After this the engine's consensus stands still, but its process does not end by itself."""

AGREED = (FAILED, "Error in validation")
"""With these it tells of blocks that more than two thirds have signed; with others of proposals,
which a liar may make as wrong as it likes."""

DIVERGED = (
    "wrong Block.Header.AppHash.",
    "wrong Block.Header.LastResultsHash.",
    "wrong Block.Header.ConsensusHash.",
    "wrong Block.Header.ValidatorsHash.",
    "wrong Block.Header.NextValidatorsHash.",
)
"""What is wrong with an agreed block where this member worked out something else."""

REPLAYED = "AppHash does not match AppHash after replay"
"""The words of an engine that at its start finds another state here than the one it knows."""

log = logging.getLogger("yilian.node")


class Pair:
    """One node's engine. `diverged` is told the engine's words where the states differ."""

    def __init__(self, binary: Path, home: EngineHome, diverged: Callable[[str], None]) -> None:
        self._binary = binary
        self._home = home
        self._diverged = diverged
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._verdict: str | None = None
        self.starts = 0
        # The engine is told when this thread dies, so the thread lives as long as the pair.
        self._thread = threading.Thread(target=self._keep, name="yilian-engine", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The engine's process id while it runs."""
        found = self._process
        return None if found is None or found.poll() is not None else found.pid

    def close(self) -> None:
        """Stop the engine and wait for it."""
        self._closing.set()
        with self._lock:
            self._stop()
        self._thread.join()

    def _stop(self) -> None:
        """Ask the engine to end; one that does not is killed a little later."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        late = threading.Timer(STOP_SECONDS, process.kill)
        late.daemon = True
        late.start()

    def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            began = time.monotonic()
            code = self._run()
            if self._closing.is_set():
                return
            if self._verdict is not None:
                self._diverged(self._verdict)
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            log.warning("the consensus engine ended (code %s); starting it again", code)
            self._closing.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _run(self) -> int:
        with self._lock:
            if self._closing.is_set():
                return 0
            # An engine that was killed leaves its socket, and the next one would not replace it.
            self._home.rpc.unlink(missing_ok=True)
            # Sockets are named relative to the folder, which may be deeper than an address holds.
            self._process = subprocess.Popen(
                [*_BECOME, str(os.getpid()), str(self._binary), str(self._home.path)],
                cwd=self._home.path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self.starts += 1
        stream = self._process.stdout
        assert stream is not None
        self._listen(stream)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _listen(self, stream: IO[bytes]) -> None:
        with (self._home.path / "engine.log").open("ab") as kept:
            for line in stream:
                kept.write(line)
                kept.flush()
                self._judge(line.decode("utf-8", "replace"))

    def _judge(self, line: str) -> None:
        """End an engine that has nothing more to do, and keep why where the states differ."""
        what, why = _read(line)
        replayed = line.startswith("panic: ") and REPLAYED in line
        differ = replayed or (what in AGREED and any(each in why for each in DIVERGED))
        if differ:
            self._verdict = self._verdict or line.rstrip()[:KEPT]
        if differ or what == FAILED:
            self._stop()


def _read(line: str) -> tuple[str, str]:
    """Take a log line's message and error; a peer's words stand in neither."""
    try:
        found = json.loads(line)
        return str(found["_msg"]), str(found.get("err", ""))
    except (ValueError, TypeError, KeyError):
        return "", ""
