"""How many EPCIS events a second are put under posts, and proved to be: over all cores.

    python -m bench.anchoring [--events 20000] [--workers 2] [--proofs 500] [--json]

Each worker is an organisation with its own repository, full of events that no post has yet. Timed,
from the same moment in all of them: one post for all events (leaves, trees, a signed transaction,
its block, what is written down), until the chain has the root. Then, for some events, an inclusion
proof is made and checked against the root on the chain. The law runs in memory, so the figures are
those of anchoring, not of a network; the repository's database is on the disk (synchronous=FULL).
Events are those of `tests/epcis_sample.py`; how fast they are captured is in `bench/epcis_store`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from itertools import islice
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from tests.epcis_sample import events as sample
from tests.unit.gateway.supply.market import World

from yilian.gateway.epcis.repository import Repository
from yilian.gateway.supply.anchors import Anchors, verify
from yilian.gateway.supply.posting import Poster

AT_ONCE = 1_000


class Measured(NamedTuple):
    """What one worker measured: the moments (s) of one clock, and seconds."""

    began: float
    ended: float
    events: int
    prove: float
    check: float


def work(seed: int, events: int, proofs: int, together: Barrier) -> Measured:
    """Fill a repository, wait for the others, post once, prove."""
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as folder:
        world = World(Path(folder))
        maker = world.maker
        log = Repository(maker.database, now=lambda: world.market.time)
        anchors = Anchors(maker.id, maker.database, log, maker.titles.histories)
        poster = Poster(maker.titles, anchors)
        source, names = sample(seed, events), []
        while some := list(islice(source, AT_ONCE)):
            with maker.database.write() as connection:
                names += [each.event_id for each in log.put(some, maker.id, connection)]
        interval = world.market.go_on()
        together.wait()
        began = time.monotonic()
        poster.prepare(interval)
        assert poster.send(interval)
        ended = time.monotonic()
        assert anchors.pending() is None
        chosen = names[:: max(1, len(names) // proofs)][:proofs]
        start = time.perf_counter()
        made = [anchors.proof(each) for each in chosen]
        middle = time.perf_counter()
        assert all(verify(each, world.market.state).interval == interval for each in made)
        end = time.perf_counter()
        world.close()
    return Measured(
        began, ended, events, (middle - start) / len(chosen), (end - middle) / len(chosen)
    )


def _work(given: tuple[int, int, int]) -> Measured:
    assert _together is not None
    return work(*given, _together)


_together: Barrier | None = None


def _begin(together: Barrier) -> None:
    global _together
    _together = together


def measure(events: int, workers: int, proofs: int) -> dict[str, float]:
    """Run the workers at the same time; the rate is all events over the time of the slowest."""
    together = multiprocessing.Barrier(workers)
    with multiprocessing.Pool(workers, _begin, (together,)) as pool:
        found = pool.map(_work, [(1 + each, events, proofs) for each in range(workers)], 1)
    spent = max(each.ended for each in found) - min(each.began for each in found)
    return {
        "workers": workers,
        "events": events * workers,
        "seconds": round(spent, 2),
        "events_per_second": round(events * workers / spent),
        "proof_ms": round(1e3 * max(each.prove for each in found), 2),
        "check_ms": round(1e3 * max(each.check for each in found), 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=20_000, help="of each worker")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--proofs", type=int, default=500, help="of each worker")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.events, given.workers, given.proofs)
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:<20}{value:>12}")


if __name__ == "__main__":
    main()
