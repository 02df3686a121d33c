"""Waves of load: hand in, watch the commits, and work out what they cost."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.network.cluster import Member
from bench.network.doors import encode
from yilian.ledger.keys import sha256

AT_ONCE = 100
COMMIT_SECONDS = 300.0


class Handed(NamedTuple):
    """A transaction's hash, the member it was handed to, and when that began."""

    hash: bytes
    member: int
    at: float


class Wave(NamedTuple):
    """What one wave did. Seconds, bytes, and latencies in seconds, sorted.

    `offered` is how many a second were handed in, 0 for as fast as they were taken.
    """

    seconds: float
    offered: float
    blocks: int
    latencies: list[float]
    application: float
    engine: float
    loader: float
    application_disk: int
    engine_disk: int


def run(members: Sequence[Member], raws: Sequence[bytes], per_second: float | None) -> Wave:
    """Hand in transactions, members in turn, and wait until all have committed all of them.

    Without `per_second` as fast as the engines take them; with it evenly, ten at once.
    """
    size = AT_ONCE if per_second is None else 10
    batches = [raws[at : at + size] for at in range(0, len(raws), size)]
    requests = [encode(each) for each in batches]
    before = [each.watch.transactions for each in members]
    heights = [max(each.watch.when, default=0) for each in members]
    spent, disk = _spent(members), _disk(members)
    start = time.monotonic()
    every = None if per_second is None else size / per_second
    began = _hand_in(members, requests, every, start)
    _await_commits(members, [count + len(raws) for count in before])
    after, disk_after = _spent(members), _disk(members)
    handed = [
        Handed(sha256(raw), number % len(members), began[number])
        for number, batch in enumerate(batches)
        for raw in batch
    ]
    heights_of, blocks = _find(members[0], min(heights) + 1)
    committed = [members[each.member].watch.when[heights_of[each.hash]] for each in handed]
    return Wave(
        seconds=max(committed) - start,
        offered=per_second or 0.0,
        blocks=blocks,
        latencies=sorted(when - each.at for when, each in zip(committed, handed, strict=True)),
        application=after[0] - spent[0],
        engine=after[1] - spent[1],
        loader=after[2] - spent[2],
        application_disk=disk_after[0] - disk[0],
        engine_disk=disk_after[1] - disk[1],
    )


def _hand_in(
    members: Sequence[Member], requests: Sequence[bytes], every: float | None, start: float
) -> dict[int, float]:
    """Have one thread for each member hand in its share; gives when each request began."""
    began: dict[int, float] = {}
    failed: list[Exception] = []

    def share(at: int) -> None:
        try:
            for number in range(at, len(requests), len(members)):
                if every is not None:
                    time.sleep(max(0.0, start + number * every - time.monotonic()))
                began[number] = time.monotonic()
                members[at].door.post(requests[number])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=share, args=(at,)) for at in range(len(members))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failed:
        raise failed[0]
    return began


def _await_commits(members: Sequence[Member], counts: Sequence[int]) -> None:
    deadline = time.monotonic() + COMMIT_SECONDS
    while any(each.watch.transactions < count for each, count in zip(members, counts, strict=True)):
        if time.monotonic() > deadline:
            found = [each.watch.transactions for each in members]
            raise TimeoutError(f"committed {found} transactions of {list(counts)}")
        time.sleep(0.01)


def _find(member: Member, first: int) -> tuple[dict[bytes, int], int]:
    """Find each transaction's height, and count the blocks that hold any; all must be accepted."""
    found: dict[bytes, int] = {}
    blocks = 0
    for height in range(first, max(member.watch.when) + 1):
        block = member.rpc.call("block", height=str(height))["block"]
        txs = block["data"]["txs"] or []
        if not txs:
            continue
        blocks += 1
        results = member.rpc.call("block_results", height=str(height))["txs_results"]
        refused = {each.get("code", 0) for each in results} - {0}
        if refused:
            raise RuntimeError(f"block {height} refused transactions: {refused}")
        for text in txs:
            hashed = sha256(base64.b64decode(text))
            if hashed in found:
                raise RuntimeError("a transaction stands twice")
            found[hashed] = height
    return found, blocks


def _spent(members: Sequence[Member]) -> tuple[float, float, float]:
    pairs = [each.seconds() for each in members]
    own = os.times()
    return sum(each[0] for each in pairs), sum(each[1] for each in pairs), own.user + own.system


def _disk(members: Sequence[Member]) -> tuple[int, int]:
    """Give what one member has on the disk, on average."""
    pairs = [each.disk() for each in members]
    count = len(members)
    return sum(each[0] for each in pairs) // count, sum(each[1] for each in pairs) // count
