"""F3: a member proposes what no block may hold -> the others reject it and never diverge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.network.liars.lies import Lying, agree_from, lying
from tests.network.members import Load, Member, Running, require_all, wait_for
from yilian.ledger.block import Validator
from yilian.node.embedded import validator_public

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def follows(member: Member, height: int) -> None:
    """Wait until a member's gateway tells of a height."""
    with httpx.Client(timeout=5) as http:
        wait_for(
            f"{member.name} follows",
            60,
            lambda: (member.status(http) or {"height": 0})["height"] >= height,
        )


@contextmanager
def proposing(running: Running, kind: str) -> Iterator[Lying]:
    """Let D propose as a liar does, and honestly again afterwards."""
    liar = running["D"]
    running.agreed(3)
    liar.stop()
    with lying(liar, kind) as process:
        follows(liar, running.overview().height)
        yield process
        assert process.process.poll() is None
    liar.start()
    liar.wait_serving()


def proposers(member: Member, heights: range) -> set[str]:
    """Whose proposals became blocks."""
    with httpx.Client(base_url=member.url, timeout=10) as http:
        return {
            http.get(f"/v1/blocks/{each}").json()["header"]["proposer_address"] for each in heights
        }


def name(member: Member) -> str:
    return Validator(validator_public(member.folder.validator_seed()), 1).address.hex().upper()


def test_a_proposal_beyond_the_limits_is_never_a_block(running: Running) -> None:
    liar = running["D"]
    honest = [each for each in running if each is not liar]
    with proposing(running, "too much"):
        before = running.overview().height
        with Load(running, clients=1) as load:
            # Each validator has proposed at least twice by then.
            wait_for("ten blocks", 60, lambda: running.overview().height >= before + 10)
        seen = running.agreed(before + 10)
        made = proposers(liar, range(before + 2, seen.height))
        assert made == {name(each) for each in honest}
        require_all(running, load.sent)


def test_junk_in_a_block_is_refused_alike_by_all(running: Running) -> None:
    liar = running["D"]
    with proposing(running, "junk"):
        before = running.overview().height
        with Load(running, clients=2) as load:
            wait_for("12 blocks", 60, lambda: running.overview().height >= before + 12)
        seen = running.agreed(before + 12)
        assert name(liar) in proposers(liar, range(before + 1, seen.height))
        agree_from(list(running), running, before)
        require_all(running, load.sent)
