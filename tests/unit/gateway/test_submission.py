"""Handing in: together, once, from any loop, and one bad apple spoils nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.chain import Cast, Chain, engine
from yilian.gateway import submission
from yilian.gateway.index import ChainIndex
from yilian.gateway.submission import Submissions
from yilian.ledger.errors import Refusal
from yilian.node.embedded import Embedded
from yilian.node.engine import Stopped


class Scene:
    """An engine, an index and what is handed in to them."""

    def __init__(self, folder: Path) -> None:
        self.engine: Embedded
        self.cast: Cast
        self.engine, self.cast = engine(folder / "chain")
        self.index = ChainIndex(f"sqlite:///{folder / 'index.db'}", self.engine)
        self.submissions = Submissions(self.engine, self.index)

    def enrolment(self, label: str) -> bytes:
        """Sign something that is accepted once."""
        return self.cast.sign(self.cast.hospital, Chain.enrol_person(label, None))

    async def commit(self, raw: bytes, seconds: float = 10) -> int | str | None:
        """Hand in and wait: the code, or the name of the refusal."""
        try:
            committing = await self.submissions.hand_in(raw)
            outcome = await self.submissions.visible(committing, seconds)
        except Refusal as refusal:
            return refusal.code.name
        if outcome is None:
            return None
        assert self.index.height >= outcome.height
        return outcome.code


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A scene, and its end."""
    made = Scene(tmp_path)
    yield made
    made.submissions.close()
    made.index.close()
    made.engine.close()


def test_many_at_once_share_blocks(scene: Scene) -> None:
    """Good, bad and repeated ones, each with its own answer, in far fewer blocks."""
    raws = [scene.enrolment(f"person {each}") for each in range(60)]

    async def all_at_once() -> list[int | str | None]:
        mixed = [each for raw in raws for each in (raw, raw, raw[:-1])]
        return await asyncio.gather(*map(scene.commit, mixed))

    before = scene.engine.height
    assert asyncio.run(all_at_once()) == [0, 0, "malformed"] * 60
    assert scene.engine.height - before < 30


def test_several_loops(scene: Scene) -> None:
    """Threads with event loops of their own wait side by side, and after one another."""
    got: list[int | str | None] = []

    def alone(name: str) -> None:
        for each in range(5):
            got.append(asyncio.run(scene.commit(scene.enrolment(f"{name} {each}"))))

    threads = [threading.Thread(target=alone, args=(f"loop {each}",)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert got == [0] * 20


def test_a_loop_that_ended_is_no_harm(scene: Scene) -> None:
    """Whoever stops waiting is forgotten; the others are still woken."""

    async def impatient() -> int | str | None:
        return await scene.commit(scene.enrolment("impatient"), 0.0)

    assert asyncio.run(impatient()) in (None, 0)
    assert asyncio.run(scene.commit(scene.enrolment("patient"))) == 0


def test_what_is_pending_is_known(scene: Scene) -> None:
    """Until its block, and not after it."""
    raw = scene.enrolment("pending")
    name = sha256(raw).digest()

    async def watch() -> None:
        committing = await scene.submissions.hand_in(raw)
        if not committing.done():
            assert scene.submissions.pending(name) in (committing, None)
        await scene.submissions.visible(committing, 10)
        assert scene.submissions.pending(name) is None

    asyncio.run(watch())


def test_a_fault_harms_only_its_own(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one transaction makes the engine fail, those beside it are handed in without it."""
    poison = scene.enrolment("poison")
    raws = [scene.enrolment(f"beside {each}") for each in range(20)]
    check = scene.engine.machine.precheck

    def failing(raw: bytes, now: int) -> object:
        if raw == poison:
            raise ZeroDivisionError
        return check(raw, now)

    monkeypatch.setattr(scene.engine.machine, "precheck", failing)

    async def all_at_once() -> list[int | str | None]:
        return await asyncio.gather(*map(scene.commit, [*raws[:10], poison, *raws[10:]]))

    assert asyncio.run(all_at_once()) == [0] * 10 + ["internal"] + [0] * 10


def test_a_long_queue_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than to wait without end."""
    monkeypatch.setattr(submission, "BACKLOG", 0)
    assert asyncio.run(scene.commit(scene.enrolment("late"))) == "unavailable"


def test_after_the_end(scene: Scene) -> None:
    """A closed gateway and a closed engine both say so."""
    raw = scene.enrolment("late")
    scene.submissions.close()
    with pytest.raises(Stopped):
        asyncio.run(scene.commit(raw))
    other = Submissions(scene.engine, scene.index)
    scene.index.close()
    scene.engine.close()
    with pytest.raises(Stopped):
        asyncio.run(other.hand_in(raw))
    other.close()
