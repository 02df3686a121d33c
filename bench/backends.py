"""Compare what a node keeps in files with what it keeps by URL, inside one run.

    python -m bench.backends [--people 2000] [--deposits 20] [--records 300]

The chain index in a SQLite file and in PostgreSQL: filled from one chain, and asked. Payloads in a
folder and in S3 (versitygw): deposits, reads and removals through the payload store. Servers are
those of the tests, on this machine, so there is no network between; PostgreSQL's data is not synced
(`fsync=off`), and its commits would not wait for the disk in any case. What is absent is left out
(tools/services.sh brings both). The last column is how many times as long the second takes.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.chain import Chain, engine, name_of
from tests.stores import postgresql, s3

from yilian.gateway.index import ChainIndex, tables
from yilian.node.engine import Engine
from yilian.vault.bucket import Bucket, read_url
from yilian.vault.payloads import FolderStore, PackStore
from yilian.vault.payloads_s3 import S3Store

BYTES = 3_000
QUESTIONS = 200
Figures = dict[str, float]


def timed(doing: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    doing()
    return time.perf_counter() - began


def median(doing: Callable[[int], object], count: int) -> float:
    return statistics.median(timed(lambda each=each: doing(each)) for each in range(count))


def make_chain(folder: Path, people: int) -> Engine:
    """A chain on which people were enrolled."""
    chain, cast = engine(folder / "chain")
    for start in range(0, people, 500):
        some = range(start, min(start + 500, people))
        drafts = [Chain.enrol_person(f"person {each}", None) for each in some]
        sent = chain.submit_many([cast.sign(cast.hospital, each) for each in drafts])
        assert {each.result().code for each in sent} == {0}
    return chain


def index_figures(url: str, chain: Engine, people: int) -> Figures:
    """Milliseconds to fill an index, to list, and to find one record."""
    began = time.perf_counter()
    with ChainIndex(url, chain) as index:
        assert index.wait(chain.height, 600)
        filled = time.perf_counter() - began
        read = index.read
        return {
            f"fill with {people:,} people": filled * 1e3,
            "list 100 records": median(
                lambda _: read.records(tables.SUBJECTS, {"kind": "person"}, None, 100), QUESTIONS
            )
            * 1e3,
            "events of one id": median(
                lambda each: read.events(0, 10, None, name_of(f"person {each}")), QUESTIONS
            )
            * 1e3,
        }


def payload_figures(store: PackStore, deposits: Sequence[Sequence[bytes]]) -> Figures:
    """Milliseconds for a deposit of many payloads, for reading one, and for removing one."""
    names: list[str] = []
    stored = median(lambda each: names.extend(store.put_many(deposits[each])), len(deposits))
    draw = random.Random(1)
    asked = [draw.choice(names) for _ in range(QUESTIONS)]
    read = median(lambda each: store.get(asked[each]), QUESTIONS)
    gone = draw.sample(names, 20)
    removed = median(lambda each: store.delete(gone[each]), len(gone))
    store.close()
    return {
        f"deposit of {len(deposits[0]):,} payloads": stored * 1e3,
        "read one": read * 1e3,
        "remove one": removed * 1e3,
    }


def show(first: str, second: str, one: Figures, other: Figures) -> None:
    print(f"{'milliseconds':<32}{first:>12}{second:>12}{'ratio':>9}")
    for name, value in one.items():
        print(f"{name:<32}{value:>12.2f}{other[name]:>12.2f}{other[name] / value:>9.1f}")
    print(flush=True)


def compare_indexes(scratch: Path, people: int) -> None:
    with ExitStack() as opened:
        server = opened.enter_context(postgresql.running())
        chain = make_chain(scratch, people)
        opened.callback(chain.close)
        one = index_figures(f"sqlite:///{scratch / 'index.sqlite'}", chain, people)
        other = index_figures(server.url("bench"), chain, people)
    show("SQLite", "PostgreSQL", one, other)


def compare_payloads(scratch: Path, deposits: int, records: int) -> None:
    draw = random.Random(2)
    kept = [[draw.randbytes(BYTES) for _ in range(records)] for _ in range(deposits)]
    with s3.running() as server:
        bucket = Bucket(read_url(server.url(server.bucket()), Path()))
        one = payload_figures(FolderStore(scratch / "folder"), kept)
        other = payload_figures(S3Store(bucket, "bench", scratch / "s3"), kept)
        bucket.close()
    show("folder", "S3", one, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--deposits", type=int, default=20)
    parser.add_argument("--records", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yilian-backends-") as scratch:
        for compare in (
            lambda: compare_indexes(Path(scratch), given.people),
            lambda: compare_payloads(Path(scratch), given.deposits, given.records),
        ):
            try:
                compare()
            except pytest.skip.Exception as absent:
                print(f"left out: {absent}\n")


if __name__ == "__main__":
    main()
