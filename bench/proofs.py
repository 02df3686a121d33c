"""What a proof weighs and costs, and how soon a node and its command line are there.

    python -m bench.proofs [--blocks 1 100 2000] [--entries 10000 1000000] [--json]

Receipts of blocks of so many transactions and state proofs over so many entries: bytes of compact
JSON, milliseconds to make and to verify offline. Then a node's start, its memory when idle, the
command line's start, and the time from handing in a transaction to holding its receipt.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import chain
from bench.http import percentile, up
from bench.restart import Stepped, stepped
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.modules.records.state import ANCHORS
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.verify import verify, verify_signature

ROUNDS = 20
SETTLED_SECONDS = 2.0

Row = dict[str, Any]


def timed(work: Callable[[], Any]) -> float:
    """Give the median of some rounds, in ms."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken) * 1000, 2)


def compact(value: Any) -> bytes:
    """Write JSON without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def first_time(text: bytes, trust: bytes) -> None:
    """Verify without what the verifier remembers of signatures that it has seen."""
    verify_signature.cache_clear()
    verify(text, trust)


def weighed(make: Callable[[], Any], trust: bytes) -> Row:
    """Make a proof and verify it, some times each."""
    text = compact(make())
    found = verify(text, trust)
    return {
        "bytes": len(text),
        "make_ms": timed(make),
        "verify_ms": timed(lambda: first_time(text, trust)),
        "level": found.level,
    }


def anchor(operator: Ed25519Signer) -> bytes:
    """Sign one transaction of an ordinary size."""
    message = Anchor(record=chain.new_id(), commitment=chain.new_digest())
    return chain.signed(operator, chain.HOSPITAL, [message])


def receipts(blocks: list[int]) -> list[Row]:
    """Measure the receipt of a transaction in the middle of blocks of several sizes."""
    operator = Ed25519Signer.generate()
    rows = []
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        engine = stepped(Path(scratch) / "chain", operator)
        trust = compact(engine.trust())
        for size in blocks:
            raws = [anchor(operator) for _ in range(size)]
            height = engine.block(raws)
            engine.block()
            made = weighed(partial(engine.history.receipt, height, size // 2), trust)
            rows.append({"block_transactions": size, "transaction_bytes": len(raws[0]), **made})
        engine.close()
    return rows


def state_proofs(entries: list[int]) -> list[Row]:
    """Measure the proofs that a record is there and that one is not, over states of some sizes."""
    rows = []
    for count in entries:
        operator = Ed25519Signer.generate()
        with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
            engine = stepped(Path(scratch) / "chain", operator, count)
            rows += [{"entries": count, **row} for row in _of_state(engine, operator)]
            engine.close()
    return rows


def _of_state(engine: Stepped, operator: Ed25519Signer) -> list[Row]:
    record = chain.new_id()
    message = Anchor(record=record, commitment=chain.new_digest())
    height = engine.block([chain.signed(operator, chain.HOSPITAL, [message])])
    engine.block()
    trust = compact(engine.trust())
    keys = {"existence": ANCHORS.key(record), "absence": GRANTS.key(chain.new_id())}
    rows = []
    for what, key in keys.items():
        assert (engine.history.state_proof(key, height)["value"] is None) == (what == "absence")
        made = weighed(partial(engine.history.state_proof, key, height), trust)
        rows.append({"proof": what, **made})
    return rows


def node() -> Row:
    """Measure a node's start, its memory, and how long a receipt takes over HTTP."""
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        with up(Path(scratch) / "node"):
            pass
        with up(Path(scratch) / "node") as served:
            time.sleep(SETTLED_SECONDS)
            row: Row = {"start_to_livez_s": round(served.seconds, 2), **_memory(served.pid)}
            waits: dict[str, list[float]] = {"committed_ms": [], "receipt_ms": []}
            with served.client() as client:
                for _ in range(2 * ROUNDS):
                    message = Anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
                    raw = served.sign(served.hospital, served.operator, message)
                    began = time.perf_counter()
                    outcome = client.submit(raw)
                    waits["committed_ms"].append(time.perf_counter() - began)
                    client.receipt(outcome.hash)
                    waits["receipt_ms"].append(time.perf_counter() - began)
    for name, values in waits.items():
        row[name] = {f"p{at}": round(percentile(values, at) * 1000, 1) for at in (50, 95)}
    return row


def _memory(pid: int) -> Row:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    named = dict(line.split(":", 1) for line in lines)
    return {"idle_rss_mb": int(named["VmRSS"].split()[0]) // 1024}


def command_line() -> Row:
    """Measure how long a command takes that does nothing, and `python -c pass` beside it."""
    commands = {
        "python_ms": [sys.executable, "-c", "pass"],
        "version_ms": [sys.executable, "-m", "yilian", "version"],
        "help_ms": [sys.executable, "-m", "yilian", "--help"],
    }

    def run(command: list[str]) -> None:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)

    return {name: timed(partial(run, command)) for name, command in commands.items()}


def main() -> None:
    """Read the flags, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 100, 2_000])
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = {
        "receipt": receipts(asked.blocks),
        "state_proof": state_proofs(asked.entries),
        "node": [node()],
        "command_line": [command_line()],
    }
    if asked.json:
        print(json.dumps(figures))
        return
    for what, rows in figures.items():
        for row in rows:
            print(f"{what:12}", "  ".join(f"{name}={value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
