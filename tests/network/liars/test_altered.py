"""F3: a member works out something else -> it stops by itself; the others never diverge."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.liars.lies import STOPPED, agree_from, lay_back, lying
from tests.network.members import Member, Running, send
from tests.rows.served import yilian

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


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
        """Lay it back."""
        lay_back(self.liar, self._kept)

    def honest(self) -> list[Member]:
        return [each for each in self.running if each is not self.liar]


@pytest.fixture(scope="module")
def sound(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return Sound(running, tmp_path_factory.mktemp("sound") / "D")


@pytest.fixture
def laid_back(sound: Sound) -> Iterator[Sound]:
    yield sound
    sound.lay_back()


@pytest.mark.parametrize("kind", ["another law", "other results", "other root", "other validators"])
def test_who_works_out_something_else_stops_by_itself(laid_back: Sound, kind: str) -> None:
    running, liar, honest = laid_back.running, laid_back.liar, laid_back.honest()
    height = running.overview().height
    with lying(liar, kind) as process:
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
