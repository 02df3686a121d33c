"""Measure the model of EPCIS events: validate, hash, both, on one core and on several.

Run: python bench/epcis.py --events 20000 --processes 2
Events are those of `tests/epcis_sample.py`: five types, both spellings of GS1 keys, lots, sensors,
extensions. Every run works on events not seen before, in fresh processes, so that what is kept of
identifiers seen earlier is what a stream of new packs leaves. `ratio` compares with reading the
same bytes by `json.loads` alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.epcis_sample import events

from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.event_hash import digest
from yilian.gateway.epcis.json_form import encode, parse_json
from yilian.gateway.epcis.validation import validate

ROUNDS = 2

_together: Barrier
"""Where processes wait until all of them have their events."""


def _prepare(barrier: Barrier) -> None:
    global _together
    _together = barrier


def _validate(event: Event) -> None:
    validate(event)


def _hash(event: Event) -> None:
    digest(event)


def _both(event: Event) -> None:
    validate(event)
    digest(event)


WORK: dict[str, Callable[[Event], None]] = {
    "validate": _validate,
    "hash": _hash,
    "validate and hash": _both,
}


def run(name: str, seed: int, count: int) -> tuple[float, float]:
    """Do one kind of work on new events; gives the moments at which it began and ended."""
    sample = list(events(seed, count))
    if name in WORK:
        work = WORK[name]
        _together.wait()
        began = time.monotonic()
        for event in sample:
            work(event)
        return began, time.monotonic()
    data = [encode({"@context": {}, **event}) for event in sample]
    _together.wait()
    began = time.monotonic()
    if name == "json.loads alone":
        for each in data:
            json.loads(each)
    else:
        for each in data:
            event = parse_json(each).events[0] or {}
            validate(event)
            digest(event)
    return began, time.monotonic()


def rate(name: str, count: int, processes: int) -> float:
    """Events per second over all processes, the best of a few rounds."""
    best = 0.0
    for number in range(ROUNDS):
        context = get_context("spawn")
        barrier = context.Barrier(processes)
        with ProcessPoolExecutor(
            processes, mp_context=context, initializer=_prepare, initargs=(barrier,)
        ) as pool:
            seeds = range(number * processes, (number + 1) * processes)
            spans = list(pool.map(run, [name] * processes, seeds, [count] * processes))
        taken = max(end for _, end in spans) - min(began for began, _ in spans)
        best = max(best, count * processes / taken)
    return best


def main() -> None:
    """Print a table of events per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="events for each process")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {given.events} events")
    plain = rate("json.loads alone", given.events, 1)
    print(f"{'':<28}{'one process':>14}{f'{given.processes} processes':>14}{'ratio':>8}")
    print(f"{'json.loads alone':<28}{plain:>14,.0f}{'':>14}{1:>8.2f}")
    for name in (*WORK, "read, validate and hash"):
        one = rate(name, given.events, 1)
        many = rate(name, given.events, given.processes)
        print(f"{name:<28}{one:>14,.0f}{many:>14,.0f}{one / plain:>8.2f}")


if __name__ == "__main__":
    main()
