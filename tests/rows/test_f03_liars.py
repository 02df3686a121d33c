"""F3: a validator signs twice -> it is proved on the chain and loses its power; nobody diverges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.network.liars import proving
from tests.network.liars.proving import Tell, Told, address, found_in, powers, wait_punished
from tests.network.members import Member, Running, require_all, send
from tests.rows.served import yilian
from yilian.ledger import evidence
from yilian.ledger.modules.governance.state import MISDEEDS
from yilian.node.config import NodeFolder
from yilian.node.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


@pytest.fixture(scope="module")
def tell(tmp_path_factory: pytest.TempPathFactory) -> Tell:
    return proving.build(tmp_path_factory.mktemp("liar"))


def signers(member: Member, height: int) -> set[str]:
    """Whose votes closed a height."""
    found = httpx.get(f"{member.url}/v1/blocks/{height}", timeout=10).raise_for_status().json()
    return {
        each["validator_address"]
        for each in found["commit"]["signatures"]
        if each["block_id_flag"] == 2
    }


@pytest.mark.parametrize("spoil", ["signature", "power", "same"])
def test_a_false_accusation_is_refused(running: Running, tell: Tell, spoil: str) -> None:
    height = running.agreed(3).height
    before = powers(running["A"])
    said = tell(running["A"], "votes", [running["D"]], height - 1, spoil)
    assert said.refused
    send(running, running["A"], [running["B"]])
    running.agreed(height + 1)
    assert {each.name: powers(each) for each in running} == dict.fromkeys("ABCD", before)


class Lied:
    """D signed two precommits for one height, and A's engine was told."""

    def __init__(self, running: Running, tell: Tell) -> None:
        self.running = running
        self.before = powers(running["A"])
        self.height = running.agreed(3).height - 1
        self.told: Told = tell(running["A"], "votes", [running["D"]], self.height)
        assert not self.told.refused
        self.later = wait_punished(running, running["D"])


@pytest.fixture(scope="module")
def lied(running: Running, tell: Tell) -> Lied:
    return Lied(running, tell)


def test_who_signs_twice_loses_its_power(lied: Lied) -> None:
    running, liar = lied.running, lied.running["D"]
    left = {name: power for name, power in lied.before.items() if name != liar.seat.organisation}
    assert len(left) == 3
    assert {each.name: powers(each) for each in running} == dict.fromkeys("ABCD", left)


def test_the_chain_goes_on_without_the_liars_vote(lied: Lied) -> None:
    running, liar = lied.running, lied.running["D"]
    # The liar still follows and takes its organisation's transactions in; it no longer votes.
    sent = [send(running, liar, [each]) for each in running]
    seen = running.agreed(max(each.height for each in sent) + 2)
    require_all(running, sent)
    assert {each.organisation for each in seen.voters} == {
        each.seat.organisation for each in running if each is not liar
    }
    named = address(liar).hex().upper()
    assert named in set().union(*(signers(running["A"], each) for each in range(1, lied.height)))
    assert named not in signers(running["A"], seen.height - 1)
    first, *others = [running.blocks(each, range(1, seen.height)) for each in running]
    assert all(each == first for each in others)


def test_the_same_proof_again_changes_nothing(lied: Lied, tell: Tell) -> None:
    running = lied.running
    before = powers(running["B"])
    again = tell(running["B"], "votes", [running["D"]], lied.height)
    assert again.evidence == lied.told.evidence
    running.agreed(lied.later + 2)
    assert powers(running["B"]) == before


def test_the_proof_is_sealed_as_it_was_signed_and_replays(lied: Lied, tmp_path: Path) -> None:
    """Last in this file: it stops the members to read their stores."""
    running, liar = lied.running, lied.running["D"]
    running.agreed()
    running.stop()
    seen: set[tuple[Any, ...]] = set()
    for each in running:
        store = Store(NodeFolder(each.path).chain)
        height, sealed = found_in(store)
        # The bytes that CometBFT's own types make of what its RPC showed as JSON.
        assert sealed == lied.told.evidence
        ((key, value),) = store.scan(MISDEEDS.key(""))
        misdeed = MISDEEDS.decode(value)
        seen.add((height, key.decode(), misdeed.outcome, misdeed.organisation))
        store.close()
    (proved,) = evidence.misbehaviour([lied.told.evidence])
    assert (proved.kind, proved.address) == ("duplicate_vote", address(liar))
    assert (proved.height, proved.power) == (lied.height, 10)
    place = MISDEEDS.key(f"{address(liar).hex()}/{lied.height:016d}/duplicate_vote").decode()
    ((height, *rest),) = seen
    assert rest == [place, "removed", liar.seat.organisation]
    assert height > lied.height

    code, exported = yilian("node", "export", running["B"].path, tmp_path / "chain.export")
    assert code == 0
    code, replayed = yilian("node", "replay", tmp_path / "chain.export", tmp_path / "fresh")
    assert (code, replayed["height"]) == (0, exported["height"])
    assert yilian("node", "check", running["C"].path)[0] == 0
