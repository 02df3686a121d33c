"""A member's half of consensus, whole: the engine's folder, its process, the sockets, the law."""

from __future__ import annotations

import logging
from typing import Any

from yilian.node import binary
from yilian.node.abci.application import Application
from yilian.node.abci.server import Server
from yilian.node.cometbft import Consortium
from yilian.node.config import ConfigurationError, Consensus, NodeFolder
from yilian.node.dialling import Dialling
from yilian.node.home import EngineHome, Pace, Peer
from yilian.node.integrity import scan
from yilian.node.pair import Pair
from yilian.node.provider import NoAnswer, NotOurChain, Provider
from yilian.node.rpc import Rpc
from yilian.node.store import StoreDamaged
from yilian.node.turns import Turns

TRUST_PERIOD = "87600h0m0s"
"""Ten years: what is trusted is the chain's first block, which genesis names."""

log = logging.getLogger("yilian.node")


class Member:
    """The engine `cometbft` of one node, running. `engine` is what the rest of the node sees."""

    def __init__(self, folder: NodeFolder, name: str, consensus: Consensus) -> None:
        """Raises ConfigurationError, StoreDamaged, and what `binary.find_engine` raises."""
        found = binary.find_engine()
        self.home = EngineHome(folder.engine)
        if not self.home.exists():
            raise ConfigurationError(f"{folder.engine} is missing: this node was not made whole")
        self.rpc = Rpc(self.home.rpc)
        self.engine = Consortium(
            folder.chain,
            self.rpc,
            consensus.snapshot_every,
            consensus.empty_blocks_ms,
            consensus.keep_blocks,
        )
        self._providers: list[Provider] = []
        try:
            self._configure(folder, name, consensus)
            self._server = Server(self.home.abci, Application(self.engine))
        except BaseException:
            self._end_providers()
            self.engine.close()
            raise
        self._pair = Pair(found, self.home, self._diverged)
        self._dialling = Dialling(self.rpc, _peers(consensus))
        self._turns = Turns(self.engine, consensus.begin_from)

    def _configure(self, folder: NodeFolder, name: str, consensus: Consensus) -> None:
        pace = Pace(
            consensus.propose_ms, consensus.vote_ms, consensus.commit_ms, consensus.empty_blocks_ms
        )
        place = (consensus.host, consensus.port)
        self.home.configure(name, place, _peers(consensus), pace, self._sync(consensus))
        if consensus.vote:
            self.home.write_validator_key(folder.validator_seed())
        else:
            self.home.write_idle_key()

    def _sync(self, consensus: Consensus) -> dict[str, Any] | None:
        """Say how the engine begins from a snapshot, where this node has nothing and is told to."""
        if self.engine.height or not consensus.begin_from:
            return None
        try:
            for each in consensus.begin_from:
                self._providers.append(Provider(each, self.engine.genesis))
            firsts = [each.first_header(self.engine.tip.app_hash) for each in self._providers]
        except (NoAnswer, NotOurChain) as problem:
            raise ConfigurationError(f"cannot begin from other members: {problem}") from problem
        # One address twice is one witness: the light client wants two.
        addresses = [each.address for each in self._providers]
        return {
            "enable": True,
            "rpc_servers": ",".join(addresses if len(addresses) > 1 else addresses * 2),
            "trust_height": firsts[0].height,
            "trust_hash": firsts[0].hash().hex().upper(),
            "trust_period": TRUST_PERIOD,
            "discovery_time": "5s",
            "chunk_request_timeout": "10s",
        }

    def _end_providers(self) -> None:
        for each in self._providers:
            each.close()
        self._providers = []

    @property
    def pid(self) -> int | None:
        """The consensus engine's process id while it runs."""
        return self._pair.pid

    def _diverged(self, words: str) -> None:
        """Say where this member's state is not what the others agreed on, and stop."""
        found = scan(self.engine.store)
        if found is None:
            height = self.engine.height
            damaged = StoreDamaged(
                f"the others agreed on another state after height {height} than this node has",
                height,
            )
        else:
            damaged = StoreDamaged(found.what, found.height)
        self.engine.condemn(damaged)

    def close(self) -> None:
        """Stop the consensus engine, then the law behind it."""
        self._turns.close()
        self._dialling.close()
        self._pair.close()
        self._server.close()
        self._end_providers()
        self.engine.close()


def _peers(consensus: Consensus) -> list[Peer]:
    return [Peer(each.node, each.host, each.port) for each in consensus.peers]
