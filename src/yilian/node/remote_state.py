"""The state of a node that serves, read from its gateway for comparing: hashes and keys alone."""

from __future__ import annotations

from typing import Any

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import read
from yilian.ledger.keys import Suites
from yilian.ledger.tree_tile import FANOUT, Entry
from yilian.node.difference import Few, Inner, NoTree
from yilian.node.provider import Gateway, NoAnswer, NotKept
from yilian.node.store import UNDO_HEIGHTS, BeforeFirst

MOST_ASKED = 5_000
"""Questions after which a side counts as one without an end; a true one takes some dozens."""
_MARK = 33
_HASH = 32
_KEY = 256


class Remote:
    """A gateway as a source (`difference.Source`). Nothing it says is proved."""

    def __init__(self, gateway: Gateway) -> None:
        """Raises NoAnswer where no node of ours answers."""
        self._gateway = gateway
        try:
            genesis = read(gateway.raw("/v1/genesis"))
        except Refusal as refusal:
            raise NoAnswer(f"{gateway.address} shows no genesis document") from refusal
        self.document = codec.encode(genesis)
        self.hashing = Suites(genesis.profile).hashing
        height = gateway.read("/v1/status").get("height")
        if not isinstance(height, int) or not 0 <= height <= codec.MAX_INTEGER:
            raise NoAnswer(f"{gateway.address} tells no height")
        self.height = height

    def at(self, height: int) -> RemoteState:
        """Give the state after a height."""
        return RemoteState(self._gateway, height, self.height)


class RemoteState:
    """A node's state after one height (`difference.Side`)."""

    def __init__(self, gateway: Gateway, height: int, newest: int) -> None:
        self._gateway = gateway
        self._height = height
        self._newest = newest
        self._asked = 0

    def node(self, place: str) -> Inner | Few:
        """Give the subtree at a place. Raises NoTree for what is none."""
        found = self._read("/v1/state/tree", place=place)
        marks, leaves = found.get("marks"), found.get("leaves")
        if isinstance(marks, list) and leaves is None and len(marks) == FANOUT:
            return Inner(tuple(_mark(each) for each in marks))
        if isinstance(leaves, list) and marks is None:
            return Few(tuple(_leaf(each) for each in leaves))
        raise NoTree

    def value_hash(self, key: bytes) -> bytes | None:
        """Give the hash of the value under a key."""
        found = self._read("/v1/state/hash", key=key.decode("ascii")).get("hash")
        return None if found is None else _digest(found)

    def _read(self, path: str, **query: str) -> dict[str, Any]:
        self._asked += 1
        if self._asked > MOST_ASKED:
            raise NoTree
        try:
            return self._gateway.read(path, height=self._height, **query)
        except NotKept:
            raise BeforeFirst(self._height, max(0, self._newest - UNDO_HEIGHTS)) from None


def _mark(value: object) -> bytes:
    data = _bytes(value)
    if len(data) not in (0, _HASH, _MARK):
        raise NoTree
    return data


def _digest(value: object) -> bytes:
    data = _bytes(value)
    if len(data) != _HASH:
        raise NoTree
    return data


def _leaf(value: object) -> Entry:
    if not isinstance(value, dict):
        raise NoTree
    key = value.get("key")
    if not isinstance(key, str) or not 0 < len(key) <= _KEY:
        raise NoTree
    if not all("!" <= each <= "~" for each in key):
        raise NoTree
    return _digest(value.get("hash")), key.encode("ascii")


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise NoTree
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise NoTree from None
