"""Making a node of one machine: a chain of one organisation or several, ready to serve."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from yilian.bootstrap.settling import settle
from yilian.gateway.organisation import Agent
from yilian.ledger import codec, keys
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.modules.governance.state import LAWS_KNOWN, Parameters
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.node.config import Configuration, HostedOrganisation, NodeFolder
from yilian.node.embedded import Embedded, validator_public
from yilian.node.engine import now_ms
from yilian.sdk.signers import Ed25519Signer
from yilian.vault import duplicates
from yilian.vault.envelope import new_id
from yilian.vault.vault import Vault


class Founder(NamedTuple):
    """An organisation to begin a chain with; `registration` is its public number."""

    name: str
    kind: OrganisationKind
    registration: str


class Named(NamedTuple):
    """A founder with its id and the key by which its operator signs."""

    id: str
    founder: Founder
    signer: Ed25519Signer

    def first_member(self) -> FirstMember:
        """Write it as genesis does."""
        return FirstMember(
            organisation=self.id,
            kind=self.founder.kind,
            name=self.founder.name,
            registration=self.founder.registration,
            key=self.signer.key,
        )


def name_all(founders: Sequence[Founder]) -> list[Named]:
    """Give founders their ids and keys."""
    return [Named(new_id(), founder, Ed25519Signer.generate()) for founder in founders]


def make_node(
    path: Path, chain: str, founders: Sequence[Founder], *, port: int = 8420
) -> Configuration:
    """Make a node's folder: keys, genesis, first block, and every founder's agent at work.

    All or nothing: where a step fails, what was made is removed. Raises FileExistsError where the
    folder holds anything.
    """
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(path)
    folder = NodeFolder(path)
    try:
        return _make_node(folder, chain, founders, port)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _make_node(
    folder: NodeFolder, chain: str, founders: Sequence[Founder], port: int
) -> Configuration:
    seed = folder.new_validator_seed()
    named = name_all(founders)
    genesis = Genesis(
        chain=chain,
        time=now_ms(),
        members=[each.first_member() for each in named],
        validators=[FirstValidator(public=codec.to_text(validator_public(seed)), power=10)],
        parameters=Parameters(),
        law=max(LAWS_KNOWN),
    )
    only = duplicates.share(duplicates.new_secret(), 1, 1)[0]
    hosted = [furnish(folder, each, only) for each in named]
    with Embedded.create(folder.chain, genesis, seed) as engine:
        for each in hosted:
            with Vault.open(folder.vault(each.id), each.id) as vault:
                settle(engine, folder, each, vault)
    configuration = Configuration(chain=chain, organisations=hosted, port=port)
    folder.write_configuration(configuration)
    return configuration


def furnish(folder: NodeFolder, named: Named, share: duplicates.Share | None) -> HostedOrganisation:
    """Give an organisation its vault, its operator's key file and its agent's key.

    Nothing of this is on the chain yet (`settling.settle`). Who comes later has no share of the
    duplicate check (None).
    """
    folder.vault(named.id).parent.mkdir(parents=True, exist_ok=True)
    named.signer.write(folder.operator_key(named.id), None)
    with Vault.open(folder.vault(named.id), named.id) as vault:
        if share is not None:
            vault.keystore.keep_duplicate_share(share.index, share.scalar, share.threshold)
        agent_seed = secrets.token_bytes(32)
        key = Ed25519Signer(agent_seed).key
        agent = Agent(new_id(), keys.key_id(key))
        vault.keystore.add_signing_key(agent.key, agent_seed)
    return HostedOrganisation(
        id=named.id,
        name=named.founder.name,
        kind=named.founder.kind,
        agent=agent.subject,
        agent_key=agent.key,
    )
