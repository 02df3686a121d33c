"""A member whose node lies: `yilian up` with one thing changed in this process.

    python -m tests.network.liars.lies KIND FOLDER

It lies about blocks with transactions, from the first that it works out after its start.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.network.members import Member, Running, Sent, wait_for
from yilian.ledger.machine import Applied, Machine
from yilian.ledger.module import Misbehaviour
from yilian.node.abci.messages import Decision, Limits, TxResult, ValidatorUpdate
from yilian.node.cometbft import BLOCK_TRANSACTIONS, Consortium
from yilian.node.home import EngineHome

STOPPED = 4
"""With this code a node ends that must not serve its store."""

ROOT = Path(__file__).resolve().parents[3]


def _another_law() -> None:
    """Work out every transaction with a clock that is an hour ahead: another state, and whole."""
    true = Machine.apply_block

    def apply_block(
        self: Machine,
        height: int,
        time: int,
        transactions: Sequence[bytes],
        misbehaviour: Sequence[Misbehaviour] = (),
    ) -> Applied:
        ahead = 3_600_000 if transactions else 0
        return true(self, height, time + ahead, transactions, misbehaviour)

    Machine.apply_block = apply_block  # type: ignore[method-assign]


def _other_results() -> None:
    """Say of every transaction that it was refused."""
    true = Consortium.results

    def results(applied: Applied) -> list[TxResult]:
        return [each._replace(code=1) for each in true(applied)]

    Consortium.results = staticmethod(results)  # type: ignore[method-assign]


def _other_root() -> None:
    """Answer another state root than the one that was worked out."""
    true = Consortium.finalize

    def finalize(self: Consortium, decision: Decision) -> Applied:
        applied = true(self, decision)
        if decision.txs:
            applied.view.root = bytes(32)
        return applied

    Consortium.finalize = finalize  # type: ignore[method-assign]


def _other_validators() -> None:
    """Give this node's own validator a hundred times the power."""
    true = Consortium.changes

    def changes(self: Consortium, applied: Applied) -> tuple[list[ValidatorUpdate], Limits | None]:
        updates, limits = true(self, applied)
        if applied.results and not updates:
            first = self.genesis.validator_set().validators[0]
            updates = [ValidatorUpdate(first.public_key, first.power * 100)]
        return updates, limits

    Consortium.changes = changes  # type: ignore[method-assign]


def _too_much() -> None:
    """Propose more transactions than a block may hold, and find that right."""

    def prepare(self: Consortium, max_bytes: int, moment: int) -> list[bytes]:
        return [b"%d" % each for each in range(BLOCK_TRANSACTIONS + 1)]

    Consortium.prepare = prepare  # type: ignore[method-assign]
    Consortium.process = lambda self, txs: True  # type: ignore[method-assign]


def _junk() -> None:
    """Propose what is no transaction beside what is, and each of those twice."""
    true = Consortium.prepare

    def prepare(self: Consortium, max_bytes: int, moment: int) -> list[bytes]:
        good = true(self, max_bytes, moment)
        return [b"", b"\x80", b"{}", *good, *good, b"[" * 1_000, os.urandom(200)] if good else []

    Consortium.prepare = prepare  # type: ignore[method-assign]


LIES: dict[str, Callable[[], None]] = {
    "another law": _another_law,
    "other results": _other_results,
    "other root": _other_root,
    "other validators": _other_validators,
    "too much": _too_much,
    "junk": _junk,
}


class Lying:
    """A member's node that lies, running."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def ended(self, seconds: float) -> int:
        """Wait until it has stopped by itself; gives its exit code."""
        wait_for("the liar stops by itself", seconds, lambda: self.process.poll() is not None)
        self._reader.join()
        return int(self.process.returncode)


def lying(member: Member, kind: str) -> AbstractContextManager[Lying]:
    """Run a member that lies, which must be stopped; it is stopped again at the end."""
    return run(member, __name__, kind)


@contextmanager
def run(member: Member, module: str, *words: str) -> Iterator[Lying]:
    """Run a module in place of a member's node, and wait until it serves or has ended."""
    assert member.fleet is None
    with (member.path / "node.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words, str(member.path.resolve())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        made = Lying(process)
        wait_for("the liar serves", 60, lambda: made.said or process.poll() is not None)
        assert all(each.get("ok") for each in made.said[:1]), made.said
        yield made
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def lay_back(member: Member, kept: Path) -> None:
    """Lay back a stopped member's folder, all but what its validator has signed up to.

    A validator that forgets what it signed may sign twice.
    """
    state = EngineHome(member.folder.engine).validator_state
    signed = state.read_bytes()
    shutil.rmtree(member.path)
    shutil.copytree(kept, member.path)
    state.write_bytes(signed)


def agree_from(members: list[Member], running: Running, height: int) -> int:
    """Check that members have the same blocks up to the newest that all have."""
    newest = min(running.overview().members, key=lambda each: each.sealed or 10**9).sealed
    assert newest is not None
    assert newest > height
    first, *others = [running.blocks(each, range(1, newest + 1)) for each in members]
    assert all(each == first for each in others)
    return newest


def require(member: Member, sent: Sequence[Sent]) -> None:
    """Check that a member has every acknowledged transaction, at the acknowledged height."""
    with httpx.Client(base_url=member.url, timeout=10) as http:
        for one in sent:
            found = http.get(f"/v1/transactions/{one.hash}").raise_for_status().json()
            assert (found["status"], found["height"]) == ("committed", one.height), member.name


def main() -> int:
    """Run `yilian up` with a lie in it."""
    kind, folder = sys.argv[1:]
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    from yilian import cli

    LIES[kind]()
    return cli.main(["up", folder, "--json"])


if __name__ == "__main__":
    sys.exit(main())
