"""One member's application for the benchmark: the law behind its engine, without a gateway.

    python -m bench.network.member CHAIN ENGINE [--where]

For every line on standard input it answers with a line of JSON: CPU seconds by part of the work
since the last one, with `--where`. Ends with its input.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yilian.ledger.machine import Machine
from yilian.ledger.tree import Tree
from yilian.node.abci import application, server, wire
from yilian.node.abci.application import Application
from yilian.node.abci.server import Server
from yilian.node.cometbft import Consortium
from yilian.node.rpc import Rpc
from yilian.node.store import Store
from yilian.node.supervise import ease_collector
from yilian.node.verdicts import Verdicts

PARTS: tuple[tuple[type, str, str], ...] = (
    (wire.Frames, "read", "socket and protobuf"),
    (Application, "answer_all", "socket and protobuf"),
    (Consortium, "check", "check: form and state"),
    (Machine, "precheck", "check: form and state"),
    (Verdicts, "settle", "check: signatures"),
    (Consortium, "prepare", "proposals"),
    (Consortium, "process", "proposals"),
    (Consortium, "finalize", "apply"),
    (Machine, "apply_block", "apply"),
    (Tree, "stage", "tree"),
    (Tree, "adopt", "tree"),
    (Consortium, "commit", "answering and bookkeeping"),
    (Store, "write_decided", "write"),
    (Store, "seal", "write"),
    (Consortium, "_seal", "sealing"),
    (Rpc, "signed", "sealing"),
)


class Meter:
    """CPU seconds of this process's threads by part, each without the parts that it calls."""

    def __init__(self) -> None:
        self._spent: Counter[str] = Counter()
        self._local = threading.local()
        for kind, name, part in PARTS:
            self._wrap(kind, name, part)
        self._wrap(server, "frame", "socket and protobuf")

    def _wrap(self, owner: Any, name: str, part: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **named: Any) -> Any:
            outside = getattr(self._local, "inside", 0.0)
            self._local.inside = 0.0
            start = time.thread_time()
            try:
                return inner(*args, **named)
            finally:
                whole = time.thread_time() - start
                self._spent[part] += whole - self._local.inside
                self._local.inside = outside + whole

        setattr(owner, name, timed)

    def take(self) -> dict[str, float]:
        """Give what was spent since the last time."""
        found, self._spent = self._spent, Counter()
        return dict(found)


def main() -> None:
    chain, engine_folder = Path(sys.argv[1]), Path(sys.argv[2])
    meter = Meter() if "--where" in sys.argv else None
    engine = Consortium(chain, Rpc(engine_folder / "rpc.sock"))
    answering = Server(engine_folder / "abci.sock", application.Application(engine))
    ease_collector()
    for _ in sys.stdin:
        print(json.dumps(meter.take() if meter else {}), flush=True)
    answering.close()
    engine.close()


if __name__ == "__main__":
    main()
