"""Promotion: one organisation's chain goes on as a consortium's, with its state and its keys.

The members vote on the older chain who shall validate; its engine then stops for good, signs where
it ended, and every member's node begins from that state under a new chain id at the next height.
The older node's folder stays as it is: its blocks and receipts are read there, and verify as ever.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import nacl.bindings

from yilian.bootstrap.network import (
    PORT,
    PORTS_PER_MEMBER,
    POWER,
    USUAL,
    Network,
    Pace,
    Seat,
    member_configuration,
)
from yilian.gateway.members import certificates
from yilian.ledger import codec
from yilian.ledger.errors import OK, Refusal, by_number
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.keys import PublicKey, Suites
from yilian.ledger.machine import Machine
from yilian.ledger.module import Message
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.governance.state import members, parameters
from yilian.ledger.modules.governance.validators import key_proof
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS
from yilian.ledger.promotion import Mark, NewChain, OldChain, Promotion, statement, voters
from yilian.ledger.state import State
from yilian.node.config import (
    ConfigurationError,
    ConsensusPeer,
    HostedOrganisation,
    NodeFolder,
)
from yilian.node.embedded import Embedded, validator_public
from yilian.node.engine import load_tree, now_ms, write_genesis
from yilian.node.home import EngineHome
from yilian.node.snapshot import Restore, Snapshot, Snapshots
from yilian.node.store import Store, StoreDamaged, Tip
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.envelope import new_id


class _Seat(NamedTuple):
    label: str
    hosted: HostedOrganisation
    folder: NodeFolder
    seed: bytes
    ports: tuple[int, int, int]


class _Ended(NamedTuple):
    """What the older chain left."""

    old: OldChain
    tip: Tip
    members: list[FirstMember]
    genesis: Genesis


def promote(
    old: NodeFolder,
    path: Path,
    chain: str,
    labels: Mapping[str, str],
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    pace: Pace = USUAL,
) -> Network:
    """Make a consortium's folders out of a node's; `labels` maps folder names to organisations.

    The node must be down, and every member of its chain must be among `labels`. All or nothing in
    `path`; on the older chain the votes stay. Raises FileExistsError, ConfigurationError,
    StoreDamaged, and the refusal of a step.
    """
    configuration = old.configuration()
    hosted = {each.id: each for each in configuration.organisations}
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(path)
    if chain == configuration.chain:
        raise ConfigurationError("the consortium's chain needs another id than the older one")
    if old.ended():
        raise ConfigurationError(f"a consortium goes on from {old.path} already")
    missing = set(labels.values()) ^ set(hosted)
    if missing or len(set(labels.values())) != len(labels):
        raise ConfigurationError(f"name each organisation of the node once: {sorted(missing)}")
    try:
        seats = []
        for at, (label, organisation) in enumerate(labels.items()):
            folder = NodeFolder(path / label)
            first = port + at * PORTS_PER_MEMBER
            seed = folder.new_validator_seed()
            ports = (first, first + 1, first + 2)
            seats.append(_Seat(label, hosted[organisation], folder, seed, ports))
        return _promote(old, path, chain, seats, host, pace)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _promote(
    old: NodeFolder, path: Path, chain: str, seats: Sequence[_Seat], host: str, pace: Pace
) -> Network:
    old_seed = old.validator_seed()
    with Embedded(old.chain, old_seed) as engine:
        _vote(engine, old, seats)
        ended_members = sorted(members(engine.state()))
        if ended_members != sorted(each.hosted.id for each in seats):
            raise ConfigurationError("the chain has members that this node does not host")
    with tempfile.TemporaryDirectory(prefix="yilian-promotion-", dir=path) as scratch:
        ended, snapshot, chunks = _end(old, Path(scratch))
        genesis = _genesis(chain, ended, seats, old_seed)
        peers = []
        for each in seats:
            _begin(each.folder, genesis, snapshot, chunks)
            node = EngineHome(each.folder.engine).make(genesis, each.seed)
            peers.append(ConsensusPeer(name=each.label, node=node, host=host, port=each.ports[2]))
    for each in seats:
        _move_in(old, each, genesis, peers, host, pace)
    network = _note(path, genesis, seats, host)
    old.note_promotion(chain, network.genesis)
    return network


# -- the older chain -------------------------------------------------------------------------------


def _vote(engine: Embedded, old: NodeFolder, seats: Sequence[_Seat]) -> None:
    """Have every member name its key, and all give each other power."""
    signers = {
        each.hosted.id: Ed25519Signer.read(old.operator_key(each.hosted.id), None) for each in seats
    }
    for each in seats:
        name = each.hosted.id
        public = codec.to_text(validator_public(each.seed))
        text = key_proof(engine.genesis.chain, name, public)
        _, secret = nacl.bindings.crypto_sign_seed_keypair(each.seed)
        proof = codec.to_text(nacl.bindings.crypto_sign(text, secret)[:64])
        _write(engine, signers[name], name, governance.NameValidator(public=public, proof=proof))
    for each in seats:
        proposal = new_id()
        action = governance.SetValidator(organisation=each.hosted.id, power=POWER)
        for at, (name, signer) in enumerate(sorted(signers.items())):
            message: Message = governance.Vote(proposal=proposal, approve=True)
            if at == 0:
                message = governance.Propose(proposal=proposal, action=action)
            try:
                _write(engine, signer, name, message)
            except Refusal as refusal:
                # Enough had voted before.
                if refusal.code.name != "governance.proposal_closed":
                    raise


def _write(engine: Embedded, signer: Ed25519Signer, name: str, message: Message) -> None:
    body = drafts.draft(
        chain=engine.genesis.chain, sender=name, payer=name, messages=[message], signers=[signer]
    )
    outcome = engine.submit(drafts.sign(body, [signer])).result()
    if outcome.code != OK:
        raise Refusal(by_number(outcome.code), outcome.parameters)


def _end(old: NodeFolder, scratch: Path) -> tuple[_Ended, Snapshot, list[bytes]]:
    store = Store(old.chain)
    try:
        document, tip = store.genesis(), store.tip()
        block = None if tip is None else store.block(tip.height)
        if document is None or tip is None or block is None:
            raise StoreDamaged("the folder holds no chain")
        genesis = msgspec.json.decode(document, type=Genesis)
        kept = Snapshots(scratch, store, Suites(genesis.profile).hashing)
        snapshot = kept.make(tip.height)
        chunks = [
            kept.chunk(tip.height, snapshot.format, index) or b""
            for index in range(snapshot.chunks)
        ]
        kept.close()
        state = State(store)
        ended = OldChain(
            chain=genesis.chain,
            height=tip.height,
            header=codec.to_text(tip.block_hash),
            state=codec.to_text(tip.app_hash),
            validators=voters(genesis.validator_set()),
        )
        first = [_first_member(state, each) for each in members(state)]
        return _Ended(ended, tip, first, _with_parameters(genesis, state)), snapshot, chunks
    finally:
        store.close()


def _with_parameters(genesis: Genesis, state: State) -> Genesis:
    return msgspec.structs.replace(genesis, parameters=parameters(state))


def _first_member(state: State, organisation: str) -> FirstMember:
    found = SUBJECTS.require(state, organisation)
    key = KEYS.require(state, found.keys[0])
    if found.organisation_kind is None or found.name is None or found.registration is None:
        raise StoreDamaged(f"the member {organisation} is no organisation")
    return FirstMember(
        organisation=organisation,
        kind=found.organisation_kind,
        name=found.name,
        registration=found.registration,
        key=PublicKey(key.suite, key.public),
    )


# -- the newer chain -------------------------------------------------------------------------------


def _genesis(chain: str, ended: _Ended, seats: Sequence[_Seat], old_seed: bytes) -> Genesis:
    bare = Genesis(
        chain=chain,
        time=max(now_ms(), ended.tip.time + 1),
        members=ended.members,
        validators=[
            FirstValidator(
                public=codec.to_text(validator_public(each.seed)),
                power=POWER,
                organisation=each.hosted.id,
            )
            for each in seats
        ],
        profile=ended.genesis.profile,
        parameters=ended.genesis.parameters,
    )
    new = NewChain(
        chain=chain,
        time=bare.time,
        genesis=codec.to_text(bare.bare_hash()),
        validators=voters(bare.validator_set()),
    )
    public, secret = nacl.bindings.crypto_sign_seed_keypair(old_seed)
    signature = nacl.bindings.crypto_sign(statement(ended.old, new), secret)[:64]
    mark = Mark(public=codec.to_text(public), signature=codec.to_text(signature))
    record = Promotion(old=ended.old, new=new, signatures=[mark])
    return msgspec.structs.replace(bare, promotion=record)


def _begin(folder: NodeFolder, genesis: Genesis, snapshot: Snapshot, chunks: list[bytes]) -> None:
    """Make a store that stands where the older chain ended, under the newer one's genesis."""
    came = genesis.promoted_from()
    assert came is not None
    write_genesis(folder.chain, genesis)
    store = Store(folder.chain)
    try:
        restore = Restore(snapshot, codec.to_bytes(came.old.state), store)
        for index, chunk in enumerate(chunks):
            restore.apply(index, chunk)
        held = restore.finish()
        machine = Machine(genesis, store, load_tree(store, Suites(genesis.profile)))
        applied = machine.promoted_state()
        tip = Tip(
            held.height, genesis.time, applied.app_hash, held.results_hash, b"", 0, b"", False
        )
        store.begin_again(applied, tip)
    finally:
        store.close()


def _move_in(
    old: NodeFolder,
    seat: _Seat,
    genesis: Genesis,
    peers: Sequence[ConsensusPeer],
    host: str,
    pace: Pace,
) -> None:
    """Give a member's folder its vault and keys, as copies of what the older node held."""
    name = seat.hosted.id
    target = seat.folder.vault(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(old.vault(name), target)
    for each in old.vault(name).parent.glob(f"{name}.*"):
        shutil.copy2(each, target.parent / each.name)
    certificates.write_credentials(seat.folder.members_key, certificates.new_credentials())
    configuration = member_configuration(
        genesis.chain, seat.label, seat.hosted, seat.ports, peers, host, pace
    )
    seat.folder.write_configuration(configuration)


def _note(path: Path, genesis: Genesis, seats: Sequence[_Seat], host: str) -> Network:
    network = Network(
        chain=genesis.chain,
        genesis=genesis.hash().hex(),
        members=[
            Seat(
                name=each.label,
                folder=each.label,
                organisation=each.hosted.id,
                gateway=f"http://{host}:{each.ports[0]}",
            )
            for each in seats
        ],
    )
    network.write(path)
    return network
