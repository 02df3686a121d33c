"""On an idle consortium a deadline is kept: somebody has a block made when it has come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.network.members import FOUNDERS, Running, require_engine, wait_for
from yilian.bootstrap.network import Pace
from yilian.bootstrap.overview import get
from yilian.ledger.modules.governance.messages import SetParameter, Vote
from yilian.ledger.modules.governance.state import Parameters
from yilian.sdk import drafts
from yilian.sdk.errors import RefusedError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

HOUR_MS = 3_600_000
OPEN_MS = 4_000
RULE = Parameters(
    block_max_bytes=2_000_000,
    block_max_gas=20_000_000,
    pending_per_payer=5_000,
    proposal_open_ms=OPEN_MS,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four members who make no empty block for an hour; proposals are open for seconds."""
    require_engine()
    path = tmp_path_factory.mktemp("deadlines") / "net"
    made = Running(path, FOUNDERS, Pace(empty_blocks_ms=HOUR_MS), parameters=RULE)
    yield made
    made.stop()


def propose(running: Running, name: str) -> str:
    """Have a member propose what nobody votes for."""
    proposal = drafts.fresh_id()
    action = SetParameter(name="person_quota", value=600)
    with running[name].client() as client:
        client.governance.propose(proposal=proposal, action=action)
    return proposal


def closed(running: Running, name: str, proposal: str) -> Any:
    """Wait until a member's chain has the proposal's end; gives what stands there."""
    path = f"/v1/governance/proposals/{proposal}"

    with httpx.Client(timeout=5) as http:

        def over() -> Any:
            found = get(http, running[name].url, path)
            return found if found and found["value"]["status"] != "open" else None

        return wait_for("it is closed", 60, over)["value"]


def ticks(running: Running, first: int) -> int:
    """Count the transactions of the blocks from a height on."""
    with httpx.Client(base_url=running["A"].url, timeout=5) as http:
        newest = http.get("/v1/blocks/latest").raise_for_status().json()["height"]
        found = [http.get(f"/v1/blocks/{each}").json() for each in range(first, newest + 1)]
    return sum(
        each["types"] == ["governance.Tick"] for one in found for each in one["transactions"]
    )


def test_a_proposal_nobody_votes_on_ends_on_an_idle_chain(running: Running) -> None:
    proposal = propose(running, "A")
    height = running.agreed().height
    for name in ("A", "D"):
        found = closed(running, name, proposal)
        assert found["status"] == "lapsed"
    running.agreed()
    # One did it, or two who did not hear of each other in time; never all, over and over.
    assert 1 <= ticks(running, height) <= 4


def test_whoever_is_next_does_it_where_the_first_is_away(running: Running) -> None:
    first = min(running, key=lambda each: each.seat.organisation)
    others = [each.name for each in running if each is not first]
    first.stop()
    try:
        proposal = propose(running, others[0])
        for name in others:
            assert closed(running, name, proposal)["status"] == "lapsed"
    finally:
        first.start()
        first.wait_serving()
    running.agreed()


def test_a_vote_after_the_deadline_changes_nothing(running: Running) -> None:
    proposal = propose(running, "B")
    closed(running, "B", proposal)
    with running["C"].client() as client, pytest.raises(RefusedError) as refused:
        client.send([Vote(proposal=proposal, approve=True)])
    assert refused.value.code == "governance.proposal_closed"
    assert closed(running, "C", proposal)["status"] == "lapsed"
