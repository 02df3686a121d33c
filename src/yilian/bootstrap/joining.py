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
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from yilian.bootstrap.making import Founder, furnish, name_all
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
    MembersDoor,
    NodeFolder,
)
from yilian.node.embedded import validator_public
from yilian.node.engine import write_genesis
from yilian.node.home import EngineHome
from yilian.sdk.signers import Ed25519Signer

MAX_FILE = 4_000_000
REQUEST = "join-request.json"
_EVERYWHERE = ("0.0.0.0", "::", "")

Text = Annotated[str, msgspec.Meta(max_length=300)]


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
    genesis: codec.Hex64 if hasattr(codec, "Hex64") else str  # type: ignore[valid-type]
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
