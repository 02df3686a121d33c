"""How the members of a network stand, asked of their gateways: heights, hashes, votes, who lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from yilian.ledger import codec
from yilian.ledger.block import Validator
from yilian.node.config import NodeFolder
from yilian.node.home import EngineHome
from yilian.node.link import EngineAway
from yilian.node.rpc import Rpc, RpcError

PATIENCE = 3.0
LAGS = 3
"""A member this many blocks behind the first is said to lag; fewer are in flight."""

_AT_ONCE = 16
_SIGNED = 2


class Address(NamedTuple):
    """Where to ask about one member; `folder` is None where it is on another machine."""

    name: str
    gateway: str
    organisation: str | None = None
    folder: Path | None = None


class Standing(NamedTuple):
    """How one member stands; what its gateway did not tell is None.

    `peers` and `catching_up` are its engine's, which only its own machine can ask.
    """

    name: str
    gateway: str
    organisation: str | None
    height: int | None = None
    sealed: int | None = None
    time: int | None = None
    app_hash: str | None = None
    pending: int | None = None
    version: str | None = None
    peers: tuple[str, ...] | None = None
    catching_up: bool | None = None
    problem: str | None = None


class Voter(NamedTuple):
    """A validator: whose, its power, and whether it signed the newest block that all know."""

    organisation: str | None
    address: str
    power: int
    signed: bool


class Overview(NamedTuple):
    """All members, who votes, and whether those who have a block have the same one.

    `differ` pairs each hash of block `compared` with the members that hold it, where there is more
    than one; `split` the same for the state root of members at one height.
    """

    members: tuple[Standing, ...]
    voters: tuple[Voter, ...]
    law: int | None
    compared: int | None
    differ: dict[str, list[str]]
    split: dict[str, list[str]]

    @property
    def height(self) -> int:
        """The newest height that any member told of."""
        return max((each.height or 0 for each in self.members), default=0)

    def lag(self, member: Standing) -> int:
        """Count the blocks by which a member is behind the first."""
        return 0 if member.height is None else self.height - member.height

    @property
    def agree(self) -> bool:
        """Tell whether no two members were seen to differ."""
        return not self.differ and not self.split


def overview(addresses: Sequence[Address], patience: float = PATIENCE) -> Overview:
    """Ask every member at once; each has `patience` seconds for every answer."""
    with httpx.Client(timeout=patience) as http, ThreadPoolExecutor(_AT_ONCE) as pool:
        members = tuple(pool.map(lambda each: _standing(http, each), addresses))
        reached = [each for each in members if each.sealed]
        compared = min((each.sealed or 0 for each in reached), default=None)
        blocks: dict[str, dict[str, Any]] = {}
        if compared is not None:
            asked = pool.map(lambda each: _block(http, each.gateway, compared), reached)
            found = zip(reached, asked, strict=True)
            blocks = {member.name: block for member, block in found if block is not None}
        voters, law = _voters(http, reached, blocks)
    return Overview(
        members=members,
        voters=voters,
        law=law,
        compared=compared,
        differ=_parted({name: str(block["hash"]) for name, block in blocks.items()}),
        split=_split(members),
    )


def get(http: httpx.Client, gateway: str, path: str) -> dict[str, Any] | None:
    """Ask a gateway; None where it does not answer, or does not have it."""
    try:
        answer = http.get(gateway + path)
        if answer.status_code != 200:
            return None
        found = answer.json()
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _standing(http: httpx.Client, at: Address) -> Standing:
    blank = Standing(at.name, at.gateway, at.organisation)
    peers, catching_up = (None, None) if at.folder is None else engine_peers(at.folder)
    blank = blank._replace(peers=peers, catching_up=catching_up)
    status = get(http, at.gateway, "/v1/status")
    if status is None:
        return blank._replace(problem="unreachable")
    newest = get(http, at.gateway, "/v1/blocks/latest") if status["height"] else None
    ready = get(http, at.gateway, "/readyz")
    return blank._replace(
        height=status["height"],
        sealed=0 if newest is None else newest["height"],
        time=status["time"],
        app_hash=status["app_hash"],
        pending=status["pending"],
        version=status["version"],
        problem=None if ready is not None else "not_ready",
    )


def engine_peers(folder: Path) -> tuple[tuple[str, ...] | None, bool | None]:
    """Ask a member's engine on this machine with whom it is connected and whether it follows."""
    rpc = Rpc(EngineHome(NodeFolder(folder).engine).rpc)
    try:
        peers = rpc.call("net_info")["peers"] or []
        status = rpc.status()["sync_info"]
    except (EngineAway, RpcError, KeyError, OSError):
        return None, None
    finally:
        rpc.close()
    return tuple(str(each["node_info"]["id"]) for each in peers), bool(status["catching_up"])


def _block(http: httpx.Client, gateway: str, height: int) -> dict[str, Any] | None:
    return get(http, gateway, f"/v1/blocks/{height}")


def _voters(
    http: httpx.Client, reached: Sequence[Standing], blocks: Mapping[str, dict[str, Any]]
) -> tuple[tuple[Voter, ...], int | None]:
    for member in sorted(reached, key=lambda each: -(each.height or 0)):
        listed = get(http, member.gateway, "/v1/governance/validators")
        law = get(http, member.gateway, "/v1/governance/law/current")
        block = blocks.get(member.name)
        if listed is None or block is None:
            continue
        signed = _signers(block)
        voters = tuple(_voter(each, signed) for each in listed["items"])
        return voters, None if law is None else law["value"]["version"]
    return (), None


def signers(gateway: str, height: int, patience: float = PATIENCE) -> set[str] | None:
    """Name those whose vote a member holds for a block: addresses, in capital hex.

    None where it does not have the block, or not yet whole.
    """
    with httpx.Client(timeout=patience) as http:
        block = _block(http, gateway, height)
    return None if block is None else _signers(block)


def address(public: bytes) -> str:
    """Name a validator's key (32 bytes) as commits do."""
    return Validator(public, 0).address.hex().upper()


def _signers(block: Mapping[str, Any]) -> set[str]:
    return {
        str(each["validator_address"])
        for each in block["commit"]["signatures"]
        if each["block_id_flag"] == _SIGNED
    }


def _voter(listed: dict[str, Any], signed: set[str]) -> Voter:
    name = address(codec.to_bytes(listed["public"]))
    return Voter(listed["organisation"], name, listed["power"], name in signed)


def _split(members: Sequence[Standing]) -> dict[str, list[str]]:
    """Find members at one height whose state roots differ."""
    for height in {each.height for each in members if each.height}:
        parted = _parted(
            {
                each.name: each.app_hash
                for each in members
                if each.height == height and each.app_hash
            }
        )
        if parted:
            return parted
    return {}


def _parted(hashes: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, each in hashes.items():
        found.setdefault(each, []).append(name)
    return found if len(found) > 1 else {}
