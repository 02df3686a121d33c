"""How an organisation comes to a network that runs: invitation, its own folder, its request.

    a member      writes an invitation: the chain's genesis, and where members are reached
    the newcomer  makes its folder from it, and writes a request: who it is, its keys, its address
    the members   enrol it, vote it in, and vote power to its validator (`voting.py`)

Invitation and request hold public facts only. The newcomer compares the genesis hash with what a
second member tells it, so that who carries the invitation cannot name another chain. Its engine
dials all members, so that none of theirs has to be configured or started again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from yilian.bootstrap.making import Founder, furnish, name_all
from yilian.bootstrap.network import Pace as NetworkPace
from yilian.bootstrap.network import member_configuration, on_own_machine
from yilian.gateway.members import certificates
from yilian.ledger import codec
from yilian.ledger.genesis import Genesis
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.governance.messages import NameValidator
from yilian.ledger.modules.governance.validators import key_proof
from yilian.ledger.modules.identity.messages import EnrolOrganisation, OrganisationKind, PublicText
from yilian.node.config import (
    Configuration,
    ConfigurationError,
    Consensus,
    ConsensusPeer,
    HostedOrganisation,
    NodeFolder,
)
from yilian.node.embedded import validator_public
from yilian.node.engine import write_genesis
from yilian.node.home import EngineHome
from yilian.sdk.signers import Ed25519Signer

MAX_FILE = 4_000_000
REQUEST = "join-request.json"
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 (what to replace, not where to listen)

_OWN_MACHINE = ("127.0.0.1", "localhost", "::1")

Text = Annotated[str, msgspec.Meta(max_length=300)]
T = TypeVar("T")


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The times of consensus, the same at every member (`Consensus`)."""

    propose_ms: int
    vote_ms: int
    commit_ms: int
    empty_blocks_ms: int


class Invitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a newcomer needs of a network; public facts only."""

    genesis: Genesis
    peers: Annotated[list[ConsensusPeer], msgspec.Meta(min_length=1, max_length=200)]
    pace: Pace
    format: Literal["yilian-invitation/1"] = "yilian-invitation/1"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a newcomer asks the members: who it is, the keys it signs and validates with."""

    chain: str
    genesis: Text
    organisation: codec.Id
    kind: OrganisationKind
    name: PublicText
    registration: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]+$(?!\n)", max_length=40)]
    key: PublicKey
    peer: ConsensusPeer
    format: Literal["yilian-join-request/1"] = "yilian-join-request/1"

    def enrolment(self) -> EnrolOrganisation:
        """Give the message by which a member vouches for it."""
        return EnrolOrganisation(
            organisation=self.organisation,
            kind=self.kind,
            name=self.name,
            registration=self.registration,
            key=self.key,
        )


class GenesisDiffers(Exception):
    """The invitation's genesis is not the one whose hash the newcomer was told."""

    def __init__(self, found: str) -> None:
        super().__init__(f"the invitation is to a chain with genesis {found}")
        self.found = found


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose folder is made: a label for people, the organisation, and where it will be reached.

    `from_snapshot`: the node begins from a snapshot of the state, and not from the first block.
    """

    label: str
    founder: Founder
    host: str
    port: int
    from_snapshot: bool = False


def invitation(folder: NodeFolder, genesis: Genesis) -> Invitation:
    """Write an invitation from a member's folder; `genesis` is what its chain started from."""
    configuration = folder.configuration()
    consensus = _consensus(configuration)
    pace = Pace(
        propose_ms=consensus.propose_ms,
        vote_ms=consensus.vote_ms,
        commit_ms=consensus.commit_ms,
        empty_blocks_ms=consensus.empty_blocks_ms,
    )
    return Invitation(
        genesis=genesis, peers=[own_peer(folder, configuration), *consensus.peers], pace=pace
    )


def own_peer(folder: NodeFolder, configuration: Configuration) -> ConsensusPeer:
    """Say how others reach this member's engine, and its gateway where they do."""
    consensus = _consensus(configuration)
    host = consensus.host
    if host in _EVERYWHERE:
        host = "" if configuration.members is None else _host_of(configuration.members.url)
    gateway: str | None = None
    if configuration.host not in _EVERYWHERE and not _is_apart(configuration.host, host):
        gateway = f"http://{_bracketed(configuration.host)}:{configuration.port}"
    return ConsensusPeer(
        name=folder.path.resolve().name,
        node=EngineHome(folder.engine).node_id(),
        host=host,
        port=consensus.port,
        gateway=gateway,
    )


def _is_apart(gateway: str, host: str) -> bool:
    """Tell whether a gateway answers on its own machine alone, while others are elsewhere."""
    return gateway in _OWN_MACHINE and host not in _OWN_MACHINE


def join(path: Path, invited: Invitation, genesis_hash: str, newcomer: Newcomer) -> Request:
    """Make a newcomer's folder and its request, which is also written into it.

    All or nothing. Raises GenesisDiffers, and FileExistsError where the folder holds anything.
    """
    found = invited.genesis.hash().hex()
    if found != genesis_hash:
        raise GenesisDiffers(found)
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(path)
    try:
        return _join(NodeFolder(path), invited, newcomer)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _join(folder: NodeFolder, invited: Invitation, newcomer: Newcomer) -> Request:
    genesis = invited.genesis
    (named,) = name_all([newcomer.founder])
    seed = folder.new_validator_seed()
    write_genesis(folder.chain, genesis)
    EngineHome(folder.engine).make(genesis, seed)
    hosted = furnish(folder, named, None)
    certificates.write_credentials(folder.members_key, certificates.new_credentials())
    configuration = _configuration(invited, newcomer, hosted)
    request = Request(
        chain=genesis.chain,
        genesis=genesis.hash().hex(),
        organisation=named.id,
        kind=named.founder.kind,
        name=named.founder.name,
        registration=named.founder.registration,
        key=named.signer.key,
        peer=msgspec.structs.replace(own_peer(folder, configuration), name=newcomer.label),
    )
    write(folder.path / REQUEST, request)
    folder.write_configuration(configuration)
    return request


def _configuration(
    invited: Invitation, newcomer: Newcomer, hosted: HostedOrganisation
) -> Configuration:
    port, pace = newcomer.port, invited.pace
    configuration = member_configuration(
        invited.genesis.chain,
        newcomer.label,
        hosted,
        (port, port + 1, port + 2),
        invited.peers,
        "127.0.0.1",
        NetworkPace(pace.commit_ms, pace.empty_blocks_ms),
    )
    consensus = msgspec.structs.replace(
        _consensus(configuration),
        propose_ms=pace.propose_ms,
        vote_ms=pace.vote_ms,
        begin_from=_gateways(invited.peers) if newcomer.from_snapshot else [],
    )
    configuration = msgspec.structs.replace(configuration, consensus=consensus)
    if newcomer.host in _OWN_MACHINE:
        return configuration
    return on_own_machine(configuration, newcomer.host)


def name_validator(chain: str, organisation: str, seed: bytes) -> NameValidator:
    """Make the message by which an organisation names the key that it validates with."""
    signer = Ed25519Signer(seed)
    public = codec.to_text(validator_public(seed))
    proof = signer.sign(key_proof(chain, organisation, public))
    return NameValidator(public=public, proof=codec.to_text(proof))


def note_peer(folder: NodeFolder, peer: ConsensusPeer) -> bool:
    """Write another member's engine into `node.json`; gives whether it was not there yet.

    It counts from the node's next start on. Nothing waits for that: who comes later dials.
    """
    configuration = folder.configuration()
    consensus = _consensus(configuration)
    others = [each for each in consensus.peers if each.node != peer.node]
    if peer in consensus.peers or peer.node == EngineHome(folder.engine).node_id():
        return False
    changed = msgspec.structs.replace(consensus, peers=[*others, peer])
    folder.write_configuration(msgspec.structs.replace(configuration, consensus=changed))
    return True


def forget_peer(folder: NodeFolder, node: str) -> bool:
    """Take an engine out of `node.json`; gives whether it was there."""
    configuration = folder.configuration()
    consensus = _consensus(configuration)
    rest = [each for each in consensus.peers if each.node != node]
    if len(rest) == len(consensus.peers):
        return False
    changed = msgspec.structs.replace(consensus, peers=rest)
    folder.write_configuration(msgspec.structs.replace(configuration, consensus=changed))
    return True


def write(path: Path, document: Invitation | Request) -> None:
    """Write a document that goes to somebody else."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    path.write_bytes(text)


def read(path: Path, kind: type[T]) -> T:
    """Read such a document. Raises OSError, msgspec.MsgspecError, UnicodeDecodeError."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise msgspec.ValidationError("too large")
    return msgspec.json.decode(data, type=kind)


def _consensus(configuration: Configuration) -> Consensus:
    if configuration.consensus is None:
        raise ConfigurationError("this node's chain is its own; it is not a member of a network")
    return configuration.consensus


def _gateways(peers: Sequence[ConsensusPeer]) -> list[str]:
    return [each.gateway for each in peers if each.gateway is not None]


def _host_of(url: str) -> str:
    host = url.removeprefix("https://")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
