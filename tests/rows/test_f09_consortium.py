"""F9 among four: what four validators agreed on, replayed by the embedded side -> all the same."""

from __future__ import annotations

import itertools
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.network.members import Member, Running, wait_for
from tests.rows.served import yilian
from tests.scale import scale
from yilian.ledger.modules.records.messages import Anchor
from yilian.node.store import Store
from yilian.sdk import drafts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(1_800),
]

TRANSACTIONS = scale(600, 10_000)
SECONDS = 60 + TRANSACTIONS // 20


class Load:
    """Transactions of all kinds of fate, handed in to all members, written down by hash."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.hashes: set[str] = set()
        self.failed: list[BaseException] = []

    def run(self) -> None:
        """Hand all in, each member's share to a member drawn for each batch."""
        share = TRANSACTIONS // 4
        threads = [
            threading.Thread(target=self._share, args=(number, each, share))
            for number, each in enumerate(self.running)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not self.failed, self.failed

    def _share(self, number: int, sender: Member, count: int) -> None:
        draw = random.Random(f"{number}")
        try:
            raws = self._signed(sender, count, draw)
            with httpx.Client(timeout=30) as http:
                for raw in raws:
                    at = draw.choice(list(self.running))
                    _hand_in(http, f"{at.url}/v1/transactions", raw)
        except BaseException as failed:
            self.failed.append(failed)

    def _signed(self, sender: Member, count: int, draw: random.Random) -> list[bytes]:
        signer, organisation = sender.signer(), sender.seat.organisation
        known: list[str] = []
        made = []
        for _ in range(count):
            # One in five names a record that stands already: accepted by no block.
            again = known and draw.random() < 0.2
            record = draw.choice(known) if again else drafts.fresh_id()
            known.append(record)
            message = Anchor(record=record, commitment=drafts.fresh_salt())
            body = drafts.draft(
                self.running.network.chain,
                organisation,
                organisation,
                [message],
                [signer],
                expires_in=3_600,
            )
            raw = drafts.sign(body, [signer])
            self.hashes.add(drafts.transaction_hash(raw))
            made.append(raw)
        return made


def _hand_in(http: httpx.Client, path: str, raw: bytes) -> None:
    for _ in range(600):
        answer = http.post(path, content=raw, headers={"Content-Type": "application/json"})
        if answer.status_code in (200, 202):
            return
        # The line is full: the same bytes again, a little later.
        assert answer.status_code in (409, 429, 503), answer.text
        if answer.status_code == 409:
            return
        time.sleep(0.1)
    raise AssertionError("never taken in")


def wait_committed(running: Running, count: int) -> None:
    """Wait until no member has anything that waits, and all stand at one height."""

    def idle() -> bool:
        return all(each.pending == 0 for each in running.overview().members)

    wait_for("nothing waits", SECONDS, idle)
    running.agreed(seconds=60)


class Held:
    """What a member's store holds: height by height, and each transaction's result."""

    def __init__(self, chain: Path) -> None:
        store = Store(chain)
        try:
            tip = store.tip()
            assert tip is not None
            self.height = store.newest_sealed(tip)
            self.tip_root = tip.app_hash
            self.roots: list[bytes] = []
            self.results: dict[str, tuple[int, int, int, bytes]] = {}
            self.blocks: list[bytes] = []
            for height in range(1, self.height + 1):
                self._take(store, height)
        finally:
            store.close()

    def _take(self, store: Store, height: int) -> None:
        block, outcomes = store.block(height), store.outcomes(height)
        assert block is not None
        assert outcomes is not None
        self.roots.append(block.header.app_hash)
        self.blocks.append(block.encode())
        for index, (raw, result) in enumerate(zip(block.txs, outcomes.results, strict=True)):
            self.results[drafts.transaction_hash(raw)] = (
                height,
                index,
                result.code,
                result.data(),
            )


def test_replay_gives_every_root_and_every_result_again(running: Running, tmp_path: Path) -> None:
    load = Load(running)
    load.run()
    wait_committed(running, TRANSACTIONS)
    running.stop()

    held = {each.name: Held(each.folder.chain) for each in running}
    height = min(each.height for each in held.values())
    first = held["A"]
    assert load.hashes <= first.results.keys()
    codes = {first.results[each][2] for each in load.hashes}
    assert len(codes) > 1, "some were accepted, and some not"
    for other in held.values():
        for mine, theirs in zip(first.roots, other.roots, strict=False):
            assert mine == theirs
        assert {name: first.results[name] for name in load.hashes} == {
            name: other.results[name] for name in load.hashes
        }

    source = max(running, key=lambda each: held[each.name].height)
    code, _ = yilian("node", "export", source.path, tmp_path / "chain.export")
    assert code == 0
    code, replayed = yilian("node", "replay", tmp_path / "chain.export", tmp_path / "fresh")
    assert (code, replayed["height"]) == (0, held[source.name].height)
    fresh, true = Held(tmp_path / "fresh"), held[source.name]
    assert fresh.blocks == true.blocks
    assert fresh.roots == true.roots
    assert fresh.results == true.results
    assert fresh.tip_root.hex() == replayed["app_hash"]
    assert height >= 1
    pairs = itertools.pairwise(fresh.roots)
    assert sum(before != after for before, after in pairs) > 2
