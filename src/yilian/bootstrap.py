"""The one wiring place: makes and opens a node, and builds clients that need no network."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from starlette.applications import Starlette

from yilian.gateway import app as gateway_app
from yilian.gateway.audit import Audit, audited_by
from yilian.gateway.fhir.redact import redact
from yilian.gateway.http import organisation as organisation_http
from yilian.gateway.index import ChainIndex
from yilian.gateway.organisation import Agent, Organisation
from yilian.gateway.practice.telling import Telling, senders
from yilian.ledger import codec, keys
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.node.config import Configuration, HostedOrganisation, NodeFolder
from yilian.node.embedded import Embedded, validator_public
from yilian.node.engine import Stopped, now_ms
from yilian.node.integrity import scan_blocks
from yilian.node.store import StoreDamaged
from yilian.sdk import drafts, verify
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer, Signer
from yilian.sdk.transport import InProcess
from yilian.vault import duplicates
from yilian.vault.envelope import new_id
from yilian.vault.vault import Vault

ANCHOR_EVERY = 1.0
"""Seconds between anchorings: a disclosure is on the chain within two."""

GIVEN_UP_MS = 7 * 86_400_000
"""An upload that was not finished a week after it began is swept away when the node starts."""

log = logging.getLogger("yilian.node")


class Founder(NamedTuple):
    """An organisation to begin a chain with; `registration` is its public number."""

    name: str
    kind: OrganisationKind
    registration: str


class Node:
    """An open node: engine, index, the organisations it works for, and its HTTP application."""

    def __init__(self, folder: NodeFolder) -> None:
        """Raises ConfigurationError, or StoreDamaged where the chain must not be served."""
        self.folder = folder
        self.configuration = folder.configuration()
        self.engine = Embedded(folder.chain, folder.validator_seed())
        self.organisations: dict[str, Organisation] = {}
        self.index: ChainIndex | None = None
        self._closing = threading.Event()
        self._anchoring: threading.Thread | None = None
        self.telling: Telling | None = None
        try:
            for each in self.configuration.organisations:
                vault = Vault.open(folder.vault(each.id), each.id, redact=redact)
                vault.sweep(self.engine.now() - GIVEN_UP_MS)
                vault.unanchor_above(self.engine.height)
                agent = Agent(each.agent, each.agent_key)
                organisation = Organisation(each.id, self.engine, vault, agent)
                organisation.hosted = self.organisations.get
                self.organisations[each.id] = organisation
            self.index = ChainIndex(f"sqlite:///{folder.index}", self.engine)
            channels = senders(folder, self.configuration.notices)
            self.telling = Telling(self.engine, self.organisations, channels)
        except BaseException:
            self.close()
            raise
        self._anchor_outages()
        self._finish_erasures()
        self._anchoring = threading.Thread(target=self._anchor, name="yilian-anchor", daemon=True)
        self._anchoring.start()
        self.telling.start()

    def app(self) -> Starlette:
        """Build the node's HTTP application."""
        if self.index is None:
            raise RuntimeError("the node is closed")
        routes = organisation_http.routes(self.organisations, verify.verify)
        app = gateway_app.build(self.engine, self.index, routes=routes)
        trails = {name: each.vault.audit for name, each in self.organisations.items()}
        app.add_middleware(Audit, trails=trails, audited=audited_by(tuple(trails)))
        return app

    def client(self, signer: Signer, sender: str, payer: str) -> Client:
        """Build a client that speaks to this node without a network; close it before the node."""
        return Client(transport=InProcess(self.app()), signer=signer, sender=sender, payer=payer)

    def close(self) -> None:
        """Anchor what is left, stop the engine and close every store."""
        self._closing.set()
        if self.telling is not None:
            self.telling.stop()
        if self._anchoring is not None:
            self._anchoring.join()
        if self.index is not None:
            self.index.close()
            self.index = None
        for organisation in self.organisations.values():
            organisation.vault.close()
        self.engine.close()

    def scan(self) -> StoreDamaged | None:
        """Check every block up to now, which may be while the node serves; damage stops it.

        Tiles of the state are checked whenever they are loaded; `yilian node check` checks all.
        """
        found = scan_blocks(self.engine.store, self.engine.tip)
        if found is None:
            return None
        damaged = StoreDamaged(found.what, found.height)
        self.engine.condemn(damaged)
        return damaged

    def _anchor_outages(self) -> None:
        """Put what happened while the chain was away on it, before anything else."""
        for organisation in self.organisations.values():
            try:
                organisation.emergencies.resume()
            except (Refusal, Stopped, StoreDamaged):
                log.exception("an outage log could not be anchored; trying again")

    def _finish_erasures(self) -> None:
        """Carry out what was promised before the node went down, before anything is served."""
        for organisation in self.organisations.values():
            try:
                organisation.erasures.resume(self.organisations.get)
            except (Refusal, Stopped, StoreDamaged):
                log.exception("an erasure could not be finished; trying again at the next start")

    def _anchor(self) -> None:
        """Put what vaults journalled on the chain, every second until the end and once at it."""
        more = True
        while more:
            more = not self._closing.wait(ANCHOR_EVERY)
            for organisation in self.organisations.values():
                try:
                    organisation.watch.catch_up()
                    organisation.emergencies.tend()
                    organisation.anchor_all()
                except (Refusal, Stopped, StoreDamaged):
                    log.exception("a vault's batches could not be anchored; trying again")

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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
    named = [(new_id(), founder, Ed25519Signer.generate()) for founder in founders]
    genesis = Genesis(
        chain=chain,
        time=now_ms(),
        members=[
            FirstMember(
                organisation=name,
                kind=founder.kind,
                name=founder.name,
                registration=founder.registration,
                key=signer.key,
            )
            for name, founder, signer in named
        ],
        validators=[FirstValidator(public=codec.to_text(validator_public(seed)), power=10)],
        parameters=Parameters(),
    )
    secret = duplicates.new_secret()
    hosted = []
    with Embedded.create(folder.chain, genesis, seed) as engine:
        for name, founder, signer in named:
            hosted.append(_settle_in(folder, engine, name, founder, signer, secret))
    configuration = Configuration(chain=chain, organisations=hosted, port=port)
    folder.write_configuration(configuration)
    return configuration


def _settle_in(
    folder: NodeFolder,
    engine: Embedded,
    name: str,
    founder: Founder,
    signer: Ed25519Signer,
    secret: bytes,
) -> HostedOrganisation:
    """Give a founder its vault, its operator's key file, an enrolled agent and a key service."""
    folder.vault(name).parent.mkdir(parents=True, exist_ok=True)
    signer.write(folder.operator_key(name), None)
    with Vault.open(folder.vault(name), name) as vault:
        only = duplicates.share(secret, 1, 1)[0]
        vault.keystore.keep_duplicate_share(only.index, only.scalar)
        agent_seed = secrets.token_bytes(32)
        key = Ed25519Signer(agent_seed).key
        agent = Agent(new_id(), keys.key_id(key))
        vault.keystore.add_signing_key(agent.key, agent_seed)
        message = identity.EnrolAgent(agent=agent.subject, key=key)
        body = drafts.draft(
            chain=engine.genesis.chain,
            sender=name,
            payer=name,
            messages=[message],
            signers=[signer],
        )
        engine.submit(drafts.sign(body, [signer])).result()
        Organisation(name, engine, vault, agent).publish_key_service()
    return HostedOrganisation(
        id=name,
        name=founder.name,
        kind=founder.kind,
        agent=agent.subject,
        agent_key=agent.key,
    )
