"""Nodes are not at one block at the same moment: each waits a little for what the other has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.members.world import House, World
from yilian.gateway.members import peers as ways
from yilian.gateway.members.listener import Listener
from yilian.ledger.errors import Refusal
from yilian.node.embedded import Embedded


class Late:
    """The engine as a node sees it that is some blocks behind until it is asked often enough."""

    def __init__(self, engine: Embedded, behind: int, patience: int) -> None:
        self._engine = engine
        self.behind = behind
        self._left = patience

    @property
    def height(self) -> int:
        self._left -= 1
        if self._left <= 0:
            self.behind = 0
        return self._engine.height - self.behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def late(house: House, behind: int, patience: int) -> None:
    """Put a house's listener behind an engine that lags."""
    house.listener.close()
    engine: Any = Late(house.world.engine, behind, patience)
    own = house.credentials
    house.listener = Listener(
        engine,
        {house.id: house.organisation},
        own.certificate,
        own.key,
        port=int(house.url.rpartition(":")[2]),
    )
    house.listener.start()


def test_a_node_that_is_behind_waits_for_the_block(world: World) -> None:
    a, b = world.members
    late(a, behind=1, patience=40)
    assert b.organisation.counterpart(a.id).staff([a.id]) == {}


def test_a_node_that_stays_behind_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = world.members
    late(a, behind=1, patience=10_000_000)
    monkeypatch.setattr("yilian.gateway.http.members.admission.CATCH_UP_SECONDS", 0.1)
    with pytest.raises(Refusal) as refused:
        b.organisation.counterpart(a.id).staff([a.id])
    assert refused.value.code.name == "members.behind"


def test_heights_beyond_belief_are_not_waited_for(world: World) -> None:
    a, b = world.members
    late(a, behind=ways.FAR_AHEAD + 1, patience=10_000_000)
    with pytest.raises(Refusal) as refused:
        b.organisation.counterpart(a.id).staff([a.id])
    assert refused.value.code.name == "members.behind"
