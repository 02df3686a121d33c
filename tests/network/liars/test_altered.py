"""F3: a member alters blocks or what they do -> the others reject it, go on, and never diverge."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.network.liars.lies import lying
from tests.network.members import Load, Member, Running, require_all, send, wait_for
from tests.rows.served import yilian
from yilian.ledger.block import Validator
from yilian.node.embedded import validator_public
from yilian.node.home import EngineHome

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

STOPPED = 4


class Sound:
    """D's folder while it was sound, to be laid back after each lie."""

    def __init__(self, running: Running, kept: Path) -> None:
        self.running = running
        self.liar = running["D"]
        self._kept = kept
        running.agreed(3)
        self.liar.stop()
        shutil.copytree(self.liar.path, kept)

    def lay_back(self) -> None:
        """Lay it back, all but what the validator has signed up to: that is never taken back."""
        state = EngineHome(self.liar.folder.engine).validator_state
        signed = state.read_bytes()
        shutil.rmtree(self.liar.path)
        shutil.copytree(self._kept, self.liar.path)
        state.write_bytes(signed)

    def honest(self) -> list[Member]:
        return [each for each in self.running if each is not self.liar]


@pytest.fixture(scope="module")
def sound(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return Sound(running, tmp_path_factory.mktemp("sound") / "D")


@pytest.fixture
def laid_back(sound: Sound) -> Iterator[Sound]:
    yield sound
    sound.lay_back()


def follows(member: Member, height: int) -> None:
    """Wait until a member's gateway tells of a height."""
    with httpx.Client(timeout=5) as http:
        wait_for(
            f"{member.name} follows",
            60,
            lambda: (member.status(http) or {"height": 0})["height"] >= height,
        )


def agree_from(members: list[Member], running: Running, height: int) -> int:
    """Check that members have the same blocks up to the newest that all have."""
    newest = min(running.overview().members, key=lambda each: each.sealed or 10**9).sealed
    assert newest is not None
    assert newest > height
    first, *others = [running.blocks(each, range(1, newest + 1)) for each in members]
    assert all(each == first for each in others)
    return newest


@pytest.mark.parametrize("kind", ["another law", "other results", "other root", "other validators"])
def test_who_works_out_something_else_stops_by_itself(laid_back: Sound, kind: str) -> None:
    running, liar, honest = laid_back.running, laid_back.liar, laid_back.honest()
    height = running.overview().height
    with lying(liar, kind) as process:
        follows(liar, height)
        sent = [send(running, each, [each]) for each in honest]
        assert process.ended(60) == STOPPED
    refusal = process.said[-1]["error"]
    assert refusal["code"] == "store_damaged"
    if kind == "other root":
        assert "the state does not have the root of height" in refusal["title"]
    else:
        assert "the others agreed on another state after height" in refusal["title"]
    sent += [send(running, each, [each]) for each in honest]
    agree_from(honest, running, height)
    assert yilian("node", "check", laid_back.liar.path)[0] == (1 if kind == "other root" else 0)


def proposers(member: Member, heights: range) -> set[str]:
    """Whose proposals became blocks."""
    with httpx.Client(base_url=member.url, timeout=10) as http:
        return {
            http.get(f"/v1/blocks/{each}").json()["header"]["proposer_address"] for each in heights
        }


def name(member: Member) -> str:
    return Validator(validator_public(member.folder.validator_seed()), 1).address.hex().upper()


def test_a_proposal_beyond_the_limits_is_never_a_block(laid_back: Sound) -> None:
    running, liar, honest = laid_back.running, laid_back.liar, laid_back.honest()
    with lying(liar, "too much") as process:
        follows(liar, running.overview().height)
        before = running.overview().height
        with Load(running, clients=1) as load:
            # Each validator has proposed at least twice by then.
            wait_for("ten blocks", 60, lambda: running.overview().height >= before + 10)
        seen = running.agreed(before + 10)
        assert process.process.poll() is None
        made = proposers(liar, range(before + 2, seen.height))
        assert made == {name(each) for each in honest}
        require_all(running, load.sent)


def test_junk_in_a_block_is_refused_alike_by_all(laid_back: Sound) -> None:
    running, liar = laid_back.running, laid_back.liar
    with lying(liar, "junk") as process:
        follows(liar, running.overview().height)
        before = running.overview().height
        with Load(running, clients=2) as load:
            wait_for("12 blocks", 60, lambda: running.overview().height >= before + 12)
        seen = running.agreed(before + 12)
        assert process.process.poll() is None
        assert name(liar) in proposers(liar, range(before + 1, seen.height))
        with httpx.Client(base_url=running["A"].url, timeout=10) as http:
            counts = [
                http.get(f"/v1/blocks/{each}").json()["transactions"]
                for each in range(before + 1, seen.height)
            ]
        agree_from(list(running), running, before)
        require_all(running, load.sent)
        assert counts
