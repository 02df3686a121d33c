"""How soon all holders of a recalled lot are found in a chain of a hundred thousand packs.

    python -m bench.recall [--packs 100000] [--moves 2000] [--json]

A random trade of six members: packs packed at four levels, shipped, received, unpacked, repacked,
sent back, made into others. Each lot is asked for (`p95`, milliseconds), and what is found is held
against a brute-force walk over the same trade.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.unit.gateway.supply.flows import LEVELS, Flow, gtin_of, lots
from tests.unit.gateway.supply.pack_events import OWN, Room

from yilian.gateway.supply.makings import Makings
from yilian.gateway.supply.trace import Trace

IN_A_PALLET = LEVELS[0] * LEVELS[1] * LEVELS[2]
PALLETS_IN_A_LOT = 5
AT_ONCE = 500
ROUNDS = 3


def fill(room: Room, flow: Flow) -> float:
    """Take the events in; gives the seconds that it took."""
    start = time.perf_counter()
    for first in range(0, len(flow.told), AT_ONCE):
        with room.database.write() as connection:
            for each in flow.told[first : first + AT_ONCE]:
                room.repository.put([each.event], each.by, connection)
    room.packs.catch_up()
    return time.perf_counter() - start


def measure(packs: int, moves: int) -> dict[str, Any]:
    """Build the trade, ask for every lot a few times, and check what is found."""
    count = max(1, packs // (IN_A_PALLET * PALLETS_IN_A_LOT))
    flow = Flow(9, lots=count, pallets=PALLETS_IN_A_LOT).play(moves)
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder))
        makings = Makings(room.database, room.repository, room.packs)
        trace = Trace(room.database, room.packs, makings, lambda who: who == OWN)
        took = fill(room, flow)
        makings.catch_up()
        times, wrong, found = [], 0, 0
        for round_ in range(ROUNDS):
            for lot in lots(flow):
                start = time.perf_counter()
                holders = trace.holders(gtin_of(lot), lot)
                times.append(1000 * (time.perf_counter() - start))
                if round_ == 0:
                    found += len(holders)
                    wrong += len(holders.items() ^ flow.truth.holders(lot).items())
        room.close()
    times.sort()
    return {
        "packs": len(flow.truth.lot),
        "events": len(flow.told),
        "lots": len(lots(flow)),
        "found": found,
        "wrong": wrong,
        "taken_in_s": round(took, 1),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[min(len(times) - 1, len(times) * 95 // 100)], 1),
        "worst_ms": round(times[-1], 1),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=100_000)
    parser.add_argument("--moves", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.packs, asked.moves)
    if asked.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:>12}  {value}")


if __name__ == "__main__":
    main()
