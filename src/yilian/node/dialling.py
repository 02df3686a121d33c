"""Keeps this member's engine connected with the others', however long they were away.

CometBFT dials a peer that it lost for some three minutes, then after pauses that grow threefold (16
hours in the end), and then never again (v0.38, `p2p/switch.go`, `reconnectToPeer`). After a line
that was cut for an hour nobody would dial for an hour more. So the node has its engine dial whoever
is missing, every few seconds; one that is being dialled or connected is passed over by the engine.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from yilian.node.home import Peer
from yilian.node.link import EngineAway
from yilian.node.rpc import Rpc, RpcError

EVERY = 3.0

log = logging.getLogger("yilian.node")


class Dialling:
    """Has one engine dial the peers that it is not connected with, until closed."""

    def __init__(self, rpc: Rpc, peers: Sequence[Peer], every: float = EVERY) -> None:
        self._rpc = rpc
        self._peers = tuple(peers)
        self._every = every
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="yilian-dialling", daemon=True)
        if self._peers:
            self._thread.start()

    def close(self) -> None:
        """Dial nobody any more."""
        self._closing.set()
        if self._peers:
            self._thread.join()

    def _keep(self) -> None:
        while not self._closing.wait(self._every):
            try:
                self._dial()
            except (EngineAway, RpcError, KeyError, TypeError) as problem:
                log.debug("the other engines could not be dialled: %s", problem)
        self._rpc.close()

    def _dial(self) -> None:
        peers = self._rpc.call("net_info")["peers"] or []
        connected = {each["node_info"]["id"] for each in peers}
        missing = [each.address() for each in self._peers if each.node not in connected]
        if missing:
            self._rpc.call("dial_peers", peers=missing)
