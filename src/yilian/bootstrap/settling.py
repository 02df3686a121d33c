"""What a node puts on the chain before its organisation can work: agent, key service, endpoint.

Every step looks at the chain first, so it may be broken off anywhere and done again.
"""

from __future__ import annotations

from yilian.gateway.organisation import Agent, Organisation
from yilian.ledger import codec, errors
from yilian.ledger.keys import PublicKey
from yilian.ledger.module import Message
from yilian.ledger.modules.governance.state import is_member
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.state import ENDPOINTS, KEY_SERVICES, SUBJECTS, standing
from yilian.node.config import HostedOrganisation, NodeFolder
from yilian.node.engine import Engine
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.vault import Vault


def settle(engine: Engine, folder: NodeFolder, hosted: HostedOrganisation, vault: Vault) -> None:
    """Enrol an organisation's agent and publish its key service, where the chain has them not.

    Raises the refusal of a step, and what a stopped engine raises.
    """
    state = engine.state()
    if SUBJECTS.get(state, hosted.agent) is None:
        key = PublicKey("ed25519", codec.to_text(vault.keystore.public_key(hosted.agent_key)))
        _operator(engine, folder, hosted.id, identity.EnrolAgent(agent=hosted.agent, key=key))
    organisation = Organisation(hosted.id, engine, vault, Agent(hosted.agent, hosted.agent_key))
    published = KEY_SERVICES.get(engine.state(), hosted.id)
    public = codec.to_text(vault.service_public_key()[1:])
    if published is None or published.public != public:
        organisation.publish_key_service()


def publish_endpoint(organisation: Organisation, url: str, certificate: bytes) -> None:
    """Say on the chain where other members reach this node, where that is not said already."""
    found = ENDPOINTS.get(organisation.engine.state(), organisation.id)
    text = codec.to_text(certificate)
    if found is None or (found.url, found.certificate) != (url, text):
        organisation.write(identity.PublishEndpoint(url=url, certificate=text))


def admitted(engine: Engine, organisation: str) -> bool:
    """Tell whether an organisation is enrolled and a member, so that it may settle."""
    state = engine.state()
    return standing(state, organisation) is not None and is_member(state, organisation)


def _operator(engine: Engine, folder: NodeFolder, organisation: str, message: Message) -> None:
    signer = Ed25519Signer.read(folder.operator_key(organisation), None)
    body = drafts.draft(
        chain=engine.genesis.chain,
        sender=organisation,
        payer=organisation,
        messages=[message],
        signers=[signer],
    )
    outcome = engine.submit(drafts.sign(body, [signer])).result()
    if outcome.code != errors.OK:
        raise errors.Refusal(errors.by_number(outcome.code), outcome.parameters)
