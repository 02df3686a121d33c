"""What a handler may reach: engine, index, pending submissions, streams, nonces, counters."""

from __future__ import annotations

from anyio import CapacityLimiter
from starlette.requests import Request

from yilian.gateway.index import ChainIndex
from yilian.gateway.metrics import Metrics
from yilian.gateway.nonces import Nonces
from yilian.gateway.stream import Feed
from yilian.gateway.submission import Submissions
from yilian.node.engine import Engine, Stopped
from yilian.node.store import StoreDamaged

PROOFS_AT_ONCE = 4
"""Proofs of old heights rebuild part of the tree and hold the engine's commit lock meanwhile."""


class Door:
    """One node's gateway: everything behind the routes."""

    def __init__(self, engine: Engine, index: ChainIndex) -> None:
        self.engine = engine
        self.index = index
        self.chain = engine.genesis.chain
        self.metrics = Metrics(engine, index)
        self.submissions = Submissions(engine, index)
        self.feed = Feed(index)
        self.nonces = Nonces()
        self.proofs = CapacityLimiter(PROOFS_AT_ONCE)

    def running(self) -> bool:
        """Tell whether the engine still takes transactions."""
        try:
            self.engine.submit_many([])
        except (Stopped, StoreDamaged):
            return False
        return True

    def close(self) -> None:
        """End the worker threads; the engine and the index stay open."""
        self.submissions.close()


def door(request: Request) -> Door:
    """Give the door of the application that a request came in by."""
    found = request.app.state.door
    assert isinstance(found, Door)
    return found
