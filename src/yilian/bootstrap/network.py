"""Making a consortium on one machine: a folder per member, that all agree on one genesis.

network.json       the members and their folders      <member>/   a node's folder (`node/config.py`)

On real machines every member keeps its own folder and nobody else's: `yilian network init` writes
them all because it plays all members at once; a member's folder is then carried to its machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from yilian.bootstrap.making import Founder, Named, furnish, name_all
from yilian.gateway.members import certificates
from yilian.ledger import codec
from yilian.ledger.genesis import ChainId, FirstValidator, Genesis
from yilian.ledger.modules.governance.state import LAWS_KNOWN, Parameters
from yilian.node.config import (
    Configuration,
    Consensus,
    ConsensusPeer,
    HostedOrganisation,
    MembersDoor,
    NodeFolder,
)
from yilian.node.embedded import validator_public
from yilian.node.engine import now_ms, write_genesis
from yilian.node.home import EngineHome
from yilian.vault import duplicates

PORT = 8420
PORTS_PER_MEMBER = 10
"""A member's gateway has the first port, its door for members the next, consensus the third."""
POWER = 10
PENDING_PER_PAYER = 5_000
EVERYWHERE = "0.0.0.0"  # noqa: S104 (a member's engine and door are for other machines)
SNAPSHOT_EVERY = 10_000


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """One member's place in a network on one machine."""

    name: str
    folder: str
    organisation: codec.Id
    gateway: str


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """`network.json`: the chain and its members' folders, relative to it."""

    chain: ChainId
    genesis: str
    members: list[Seat]
    format: Literal["yilian-network/1"] = "yilian-network/1"

    @classmethod
    def read(cls, path: Path) -> Network:
        """Read it from a network's folder. Raises FileNotFoundError, msgspec.ValidationError."""
        return msgspec.json.decode((path / "network.json").read_bytes(), type=cls)

    def write(self, path: Path) -> None:
        """Write it into a network's folder."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"
        (path / "network.json").write_bytes(text)


class _Made(NamedTuple):
    label: str
    named: Named
    folder: NodeFolder
    seed: bytes
    ports: tuple[int, int, int]


class Pace(NamedTuple):
    """How fast a network goes; see `Consensus`."""

    commit_ms: int = 100
    empty_blocks_ms: int = 30_000


USUAL = Pace()


class _Plan(NamedTuple):
    host: str
    port: int
    hosts: Mapping[str, str]
    pace: Pace

    def peer(self, made: _Made, node: str) -> ConsensusPeer:
        gateway, _, consensus = made.ports
        own = self.hosts.get(made.label)
        return ConsensusPeer(
            name=made.label,
            node=node,
            host=own or self.host,
            port=consensus,
            gateway=None if own else f"http://{self.host}:{gateway}",
        )


def make_network(
    path: Path,
    chain: str,
    members: Sequence[tuple[str, Founder]],
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    hosts: Mapping[str, str] | None = None,
    pace: Pace = USUAL,
    parameters: Parameters | None = None,
    law: int = max(LAWS_KNOWN),
) -> Network:
    """Make all members' folders; `members` are labels (folder names) and their organisations.

    `hosts`: the addresses of members that get machines of their own, by label. They all have the
    first three ports there; their gateways listen on that machine alone. `law` is the version
    of the law that holds from the first block on.

    All or nothing. Raises FileExistsError where the folder holds anything, ValueError for fewer
    than one member or a label that stands twice, msgspec.ValidationError for a chain's name.
    """
    msgspec.convert(chain, ChainId)
    labels = [label for label, _ in members]
    if not labels or len(set(labels)) != len(labels):
        raise ValueError("every member needs a name of its own")
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(path)
    try:
        plan = _Plan(host, port, hosts or {}, pace)
        return _make(path, chain, members, plan, parameters or _parameters(), law)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _parameters() -> Parameters:
    # A member's mempool holds what all payers may have waiting.
    return Parameters(
        block_max_bytes=2_000_000, block_max_gas=20_000_000, pending_per_payer=PENDING_PER_PAYER
    )


def _make(
    path: Path,
    chain: str,
    members: Sequence[tuple[str, Founder]],
    plan: _Plan,
    parameters: Parameters,
    law: int,
) -> Network:
    made = []
    named_all = name_all([founder for _, founder in members])
    for at, ((label, _), named) in enumerate(zip(members, named_all, strict=True)):
        folder = NodeFolder(path / label)
        first = plan.port if label in plan.hosts else plan.port + at * PORTS_PER_MEMBER
        seed = folder.new_validator_seed()
        made.append(_Made(label, named, folder, seed, (first, first + 1, first + 2)))
    genesis = Genesis(
        chain=chain,
        time=now_ms(),
        members=[each.named.first_member() for each in made],
        validators=[
            FirstValidator(
                public=codec.to_text(validator_public(each.seed)),
                power=POWER,
                organisation=each.named.id,
            )
            for each in made
        ],
        parameters=parameters,
        law=law,
    )
    peers = [plan.peer(each, _engine(each, genesis)) for each in made]
    threshold = len(made) // 2 + 1
    shares = duplicates.share(duplicates.new_secret(), len(made), threshold)
    for each, share in zip(made, shares, strict=True):
        _furnish_member(each, genesis, peers, share, plan)
    seats = [
        Seat(
            name=each.label,
            folder=each.label,
            organisation=each.named.id,
            gateway=f"http://{plan.host}:{each.ports[0]}",
        )
        for each in made
    ]
    network = Network(chain=chain, genesis=genesis.hash().hex(), members=seats)
    network.write(path)
    return network


def _engine(made: _Made, genesis: Genesis) -> str:
    write_genesis(made.folder.chain, genesis)
    return EngineHome(made.folder.engine).make(genesis, made.seed)


def _furnish_member(
    made: _Made,
    genesis: Genesis,
    peers: Sequence[ConsensusPeer],
    share: duplicates.Share,
    plan: _Plan,
) -> None:
    hosted = furnish(made.folder, made.named, share)
    certificates.write_credentials(made.folder.members_key, certificates.new_credentials())
    configuration = member_configuration(
        genesis.chain, made.label, hosted, made.ports, peers, plan.host, plan.pace
    )
    if made.label in plan.hosts:
        configuration = on_own_machine(configuration, plan.hosts[made.label])
    made.folder.write_configuration(configuration)


def on_own_machine(configuration: Configuration, address: str) -> Configuration:
    """Let a member on a machine of its own be reached by others; its gateway stays there."""
    consensus, door = configuration.consensus, configuration.members
    assert consensus is not None
    assert door is not None
    return msgspec.structs.replace(
        configuration,
        consensus=msgspec.structs.replace(consensus, host=EVERYWHERE),
        members=MembersDoor(host=EVERYWHERE, port=door.port, url=f"https://{address}:{door.port}"),
    )


def member_configuration(
    chain: str,
    label: str,
    hosted: HostedOrganisation,
    ports: tuple[int, int, int],
    peers: Sequence[ConsensusPeer],
    host: str,
    pace: Pace,
) -> Configuration:
    """Write down what a member's node is told; `peers` are all members, itself among them."""
    gateway, door, consensus = ports
    return Configuration(
        chain=chain,
        organisations=[hosted],
        host=host,
        port=gateway,
        consensus=Consensus(
            host=host,
            port=consensus,
            peers=[each for each in peers if each.name != label],
            commit_ms=pace.commit_ms,
            empty_blocks_ms=pace.empty_blocks_ms,
            snapshot_every=SNAPSHOT_EVERY,
        ),
        members=MembersDoor(host=host, port=door, url=f"https://{host}:{door}"),
    )
