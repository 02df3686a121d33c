"""How many EPCIS events a second one organisation's repository takes in, durably, and finds.

    python -m bench.epcis_store [--events 50000] [--each 1000] [--json]

Captures of 1,000 events each from hand-in to done, then all events in a single capture with
`rollback` while another program captures one event at a time: what it had to wait at most is how
long one large capture keeps others out. Then queries on what is there. Events are those of
`tests/epcis_sample.py`, not seen before. A capture is done when it is on the disk
(synchronous=FULL); the last line is what the same disk needs for one synced write.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from tests.epcis_sample import events as sample

from yilian.gateway.epcis.document import Document, Event
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.supply.database import FILE, SupplyDatabase

ORGANISATION = "A" * 22
QUERIES: Mapping[str, Mapping[str, Any]] = {
    "one pack": {"MATCH_epc": ["urn:epc:id:sgtin:9520001.000001.b-1004"]},
    "one product, newest 30": {
        "MATCH_epc": ["urn:epc:idpat:sgtin:9520001.000001.*"],
        "orderBy": "eventTime",
    },
    "step and place": {
        "EQ_bizStep": ["dispensing"],
        "EQ_readPoint": ["urn:epc:id:sgln:9520001.00001.0"],
    },
    "warmer than 30 C": {"GT_value_CEL": 30},
    "newest 30": {"orderBy": "recordTime"},
}


def document(events: list[Event]) -> Document:
    """Give events as a document that was read."""
    return Document("EPCISDocument", "2.0", None, {}, tuple(events), (), {})


def many(
    repository: Repository, source: Iterator[Event], count: int, each: int
) -> dict[str, float]:
    """Capture documents one behind the other, all handed in at once as a busy sender does."""
    given = [document(list(islice(source, each))) for _ in range(count // each)]
    began, cpu = time.perf_counter(), time.process_time()
    jobs = [repository.capture(one, behaviour="rollback", submitter="bench").id for one in given]
    done = [repository.wait(job, 600) for job in jobs]
    seconds = time.perf_counter() - began
    assert all(job.success for job in done)
    total = len(given) * each
    return {
        "events": total,
        "events_per_second": round(total / seconds),
        "cpu_us_per_event": round((time.process_time() - cpu) / total * 1e6),
    }


def one_large(repository: Repository, source: Iterator[Event], count: int) -> dict[str, float]:
    """Capture all events as one, and take what a single capture beside it has to wait."""
    given, singles = document(list(islice(source, count))), list(islice(source, 20_000))
    began = time.perf_counter()
    job = repository.capture(given, behaviour="rollback", submitter="bench").id
    taken = time.perf_counter() - began
    waits: list[float] = []
    over = threading.Event()

    def beside() -> None:
        for event in singles:
            if over.wait(0.02):
                return
            before = time.perf_counter()
            repository.capture_one(event, "beside")
            waits.append(time.perf_counter() - before)

    other = threading.Thread(target=beside)
    other.start()
    found = repository.wait(job, 600)
    seconds = time.perf_counter() - began
    over.set()
    other.join()
    assert found.success
    return {
        "events": count,
        "taken_in_seconds": round(taken, 2),
        "done_seconds": round(seconds, 2),
        "events_per_second": round(count / seconds),
        "captured_beside": len(waits),
        "beside_median_ms": round(statistics.median(waits) * 1e3, 1),
        "beside_longest_ms": round(max(waits) * 1e3, 1),
    }


def asked(repository: Repository) -> dict[str, float]:
    """Milliseconds of the first page of 30 of each query, the median of 5."""
    found = {}
    for name, parameters in QUERIES.items():
        times = []
        for _ in range(5):
            began = time.perf_counter()
            repository.query(parameters, limit=30)
            times.append(time.perf_counter() - began)
        found[name] = round(statistics.median(times) * 1e3, 1)
    return found


def synced_write(folder: Path) -> float:
    """Milliseconds of one write of 4 KiB that is on the disk when it returns."""
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(30):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e3, 2)


def main() -> None:
    """Run it all in a temporary folder and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--each", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = SupplyDatabase(folder / FILE, ORGANISATION)
        repository = Repository(database, now=lambda: time.time_ns() // 10**6)
        source = sample(1, 10**9)
        figures: dict[str, Any] = {
            "captures": many(repository, source, arguments.events, arguments.each),
            "one capture": one_large(repository, source, arguments.events),
            "query_ms": asked(repository),
        }
        repository.stop()
        database.close()
        figures["bytes_per_event"] = round((folder / FILE).stat().st_size / (2 * arguments.events))
        figures["synced_write_ms"] = synced_write(folder)
    if arguments.json:
        print(json.dumps(figures))
        return
    for title, told in figures.items():
        for key, value in told.items() if isinstance(told, dict) else [("", told)]:
            print(f"{title:<18}{key:<26}{value:>12}")


if __name__ == "__main__":
    main()
