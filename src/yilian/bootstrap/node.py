"""An open node: engine, index, the organisations it works for, and its HTTP application."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from starlette.applications import Starlette

from yilian.bootstrap.settling import admitted, publish_endpoint, settle
from yilian.gateway import app as gateway_app
from yilian.gateway.audit import Audit, audited_by
from yilian.gateway.auth import Accounts
from yilian.gateway.auth.newcomers import Newcomer, ProvedKey
from yilian.gateway.auth.oidc import Outside
from yilian.gateway.fhir.redact import redact
from yilian.gateway.http import epcis as epcis_http
from yilian.gateway.http import health_links_public, sign_in, supply_public, verification_router
from yilian.gateway.http import log as log_http
from yilian.gateway.http import organisation as organisation_http
from yilian.gateway.index import ChainIndex, IndexMismatch
from yilian.gateway.index.errors import INDEX_DIFFERS
from yilian.gateway.members import certificates
from yilian.gateway.members.listener import Listener
from yilian.gateway.organisation import Agent, Organisation
from yilian.gateway.practice.telling import Telling, senders
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.responders import Responders
from yilian.gateway.supply.supply import Supply
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.governance.messages import Tick
from yilian.ledger.modules.governance.state import members
from yilian.node.config import HostedOrganisation, NodeFolder
from yilian.node.embedded import Embedded
from yilian.node.engine import Engine, Stopped, now_ms
from yilian.node.integrity import scan_blocks
from yilian.node.log import CheckpointLog
from yilian.node.member import Member
from yilian.node.store import StoreDamaged
from yilian.portal import serve as portal
from yilian.sdk import verify
from yilian.sdk.client import Client
from yilian.sdk.signers import Signer
from yilian.sdk.transport import InProcess
from yilian.vault.desk_formats import Staff
from yilian.vault.sealer import Sealer
from yilian.vault.vault import Vault

ANCHOR_EVERY = 1.0
"""Seconds between anchorings: a disclosure is on the chain within two."""

GIVEN_UP_MS = 7 * 86_400_000
"""An upload that was not finished a week after it began is swept away when the node starts."""

LAST_SECONDS = 3.0
LOOK_EVERY = 0.5
TURN_MS = 1_000

log = logging.getLogger("yilian.node")


class Node:
    """An open node: engine, index, the organisations it works for, and its HTTP application."""

    def __init__(self, folder: NodeFolder) -> None:
        """Raises ConfigurationError, or StoreDamaged where the chain must not be served."""
        self.folder = folder
        self.configuration = folder.configuration()
        self.member = self._open_member()
        self.engine: Engine = self._open_own() if self.member is None else self.member.engine
        self.organisations: dict[str, Organisation] = {}
        self.index: ChainIndex | None = None
        self.log: CheckpointLog | None = None
        self.listener: Listener | None = None
        self.accounts: Accounts | None = None
        self.settled = threading.Event()
        self._closing = threading.Event()
        self._anchoring: threading.Thread | None = None
        self._looking: threading.Thread | None = None
        self.telling: Telling | None = None
        try:
            self.telling = self._open()
        except BaseException:
            self.close()
            raise
        if self.member is None:
            self._first_of_all()
        self._anchoring = threading.Thread(target=self._anchor, name="yilian-anchor", daemon=True)
        self._anchoring.start()
        if self.member is not None:
            self._looking = threading.Thread(target=self._look, name="yilian-look", daemon=True)
            self._looking.start()
        self.telling.start()
        for organisation in self.organisations.values():
            if organisation.supply is not None:
                organisation.supply.start()

    def _open_member(self) -> Member | None:
        consensus = self.configuration.consensus
        if consensus is None:
            return None
        return Member(self.folder, self.folder.path.name, consensus)

    def _open_own(self) -> Engine:
        return Embedded(self.folder.chain, self.folder.validator_seed(), ended=self.folder.ended())

    def _open(self) -> Telling:
        for each in self.configuration.organisations:
            organisation = self._open_organisation(each)
            organisation.hosted = self.organisations.get
            self.organisations[each.id] = organisation
        self.index = self._open_index()
        self.log = CheckpointLog(self.engine, self.folder.path)
        self.accounts = Accounts(
            self.folder.accounts,
            self.engine.genesis.chain,
            self.engine.state,
            self.engine.now,
            self._sign_in_sealer,
            self.configuration,
            self._employ,
        )
        door = self.configuration.members
        if door is not None:
            own = certificates.read_credentials(self.folder.members_key)
            self.listener = Listener(
                self.engine, self.organisations, own.certificate, own.key, door.host, door.port
            )
            self.listener.start()
        channels = senders(self.folder, self.configuration.notices)
        return Telling(self.engine, self.organisations, channels)

    def _open_organisation(self, named: HostedOrganisation) -> Organisation:
        told, base = self.configuration, self.folder.path
        vault = Vault.open(
            self.folder.vault(named.id),
            named.id,
            redact=redact,
            payloads_url=told.payloads,
            base=base,
        )
        try:
            vault.sweep(self.engine.now() - GIVEN_UP_MS)
            vault.unanchor_above(self.engine.height)
            agent = Agent(named.agent, named.agent_key)
            organisation = Organisation(
                named.id, self.engine, vault, agent, content_url=told.content, base=base
            )
            organisation.supply = Supply(organisation, vault.folder, told.notices.networks)
            return organisation
        except BaseException:
            vault.close()
            raise

    def _open_index(self) -> ChainIndex:
        """Open the chain index; refuses `index_differs` for one that is not of this chain."""
        url = self.configuration.index or f"sqlite:///{self.folder.index}"
        stale = self.folder.stale_index
        try:
            index = ChainIndex(
                url,
                self.engine,
                rebuild=stale.exists(),
                shared=self.member is not None,
                folder=self.folder.path,
            )
        except IndexMismatch as mismatch:
            raise INDEX_DIFFERS() from mismatch
        stale.unlink(missing_ok=True)
        return index

    def _sign_in_sealer(self, organisation: str) -> Sealer:
        return self.organisations[organisation].vault.keystore.sealer("sign-in")

    def _employ(
        self, organisation: str, practitioner: str, newcomer: Newcomer, proved: ProvedKey
    ) -> None:
        staff = Staff(practitioner=practitioner, name=newcomer.name, role=newcomer.role)
        desks = self.organisations[organisation].desks
        desks.employ(staff, newcomer.language, newcomer.tag, proved.key, proved.proof)

    def app(self) -> Starlette:
        """Build the node's HTTP application."""
        if self.index is None or self.log is None:
            raise RuntimeError("the node is closed")
        of_organisations = organisation_http.routes(self.organisations, verify.verify)
        responders = Responders(Directory(self.engine), self.organisations)
        routes = (
            *of_organisations,
            *log_http.routes(self.log),
            *supply_public.routes(responders),
            *verification_router.routes(responders),
            *health_links_public.routes(self.organisations),
            *epcis_http.routes(self._epcis),
            *portal.routes(story=self.folder.story),
            *sign_in.routes(),
        )
        app = gateway_app.build(self.engine, self.index, routes=routes)
        app.state.accounts = self.accounts
        if self.accounts is not None:
            credentials = self.folder.credentials
            app.state.outside = Outside(self.accounts, self.configuration, credentials)
        trails = {name: each.vault.audit for name, each in self.organisations.items()}
        app.add_middleware(Audit, trails=trails, audited=audited_by(tuple(trails)))
        return app

    def _epcis(self, organisation: str) -> epcis_http.Room | None:
        found = self.organisations.get(organisation)
        if found is None or found.supply is None:
            return None
        supply = found.supply
        return epcis_http.Room(
            supply.repository,
            supply.tokens,
            supply.subscriptions,
            supply.news,
            self.engine.now,
            supply.directory.prefix_length,
            supply.tellers.behind,
        )

    def client(self, signer: Signer, sender: str, payer: str) -> Client:
        """Build a client that speaks to this node without a network; close it before the node."""
        return Client(transport=InProcess(self.app()), signer=signer, sender=sender, payer=payer)

    def close(self) -> None:
        """Anchor what is left, stop the engine and close every store."""
        self._closing.set()
        # Other members may be gone: what still has to be anchored waits for them only so long.
        patience = threading.Timer(LAST_SECONDS, self.engine.let_go)
        if self.member is not None:
            patience.daemon = True
            patience.start()
        if self.telling is not None:
            self.telling.stop()
        for organisation in self.organisations.values():
            if organisation.supply is not None:
                organisation.supply.stop()
        for each in (self._anchoring, self._looking):
            if each is not None:
                each.join()
        if self.listener is not None:
            self.listener.close()
        if self.log is not None:
            self.log.close()
            self.log = None
        if self.accounts is not None:
            self.accounts.close()
            self.accounts = None
        if self.index is not None:
            self.index.close()
            self.index = None
        for organisation in self.organisations.values():
            organisation.content.close()
            organisation.vault.close()
        patience.cancel()
        if self.member is not None:
            self.member.close()
        else:
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

    # -- what goes on beside serving -----------------------------------------------------------

    def _first_of_all(self) -> None:
        """Do what must stand before anything else: outages on the chain, erasures carried out."""
        self._anchor_outages()
        self._finish_erasures()
        self.settled.set()

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
                organisation.erasures.resume()
            except (Refusal, Stopped, StoreDamaged):
                log.exception("an erasure could not be finished; trying again at the next start")

    def _settle(self) -> bool:
        """Put on the chain what a new member's organisation needs; gives whether all is there."""
        for each in self.configuration.organisations:
            if not admitted(self.engine, each.id):
                return False
            organisation = self.organisations[each.id]
            settle(self.engine, self.folder, each, organisation.vault)
            door = self.configuration.members
            if door is not None and self.listener is not None:
                certificate = certificates.read_credentials(self.folder.members_key).certificate
                publish_endpoint(organisation, door.url, certificate)
        return True

    def _prepare(self) -> None:
        """In a consortium all of this waits for the others, so it is not done before serving."""
        while not self._closing.is_set():
            try:
                if self.engine.height >= self.engine.genesis.first_height() and self._settle():
                    self._first_of_all()
                    return
            except (Refusal, StoreDamaged):
                log.exception("the organisation could not settle in yet; trying again")
            except Stopped:
                return
            self._closing.wait(0.2)

    def _anchor(self) -> None:
        """Put what vaults journalled on the chain, every second until the end and once at it."""
        if not self.settled.is_set():
            self._prepare()
        more = self.settled.is_set()
        while more:
            more = not self._closing.wait(ANCHOR_EVERY)
            for organisation in self.organisations.values():
                try:
                    organisation.watch.catch_up()
                    organisation.emergencies.tend()
                    organisation.anchor_all()
                except (Refusal, Stopped, StoreDamaged):
                    log.exception("a vault's batches could not be anchored; trying again")

    def _look(self) -> None:
        """Keep watch while the thread that anchors may wait for the others: finality, and time."""
        while not self._closing.wait(LOOK_EVERY):
            for organisation in self.organisations.values():
                organisation.emergencies.finality.waiting_since()
            if self.settled.is_set():
                try:
                    self._tick()
                except (Refusal, Stopped, StoreDamaged):
                    log.debug("no tick was taken", exc_info=True)

    def _tick(self) -> None:
        """Have a block made where a deadline has come and an idle chain's time has not.

        Block time is that of the votes before, so a tick's own block is old and the one after it
        acts. Members take turns, so that usually one tick comes and not one of each.
        """
        engine, now = self.engine, now_ms()
        due = engine.machine.next_due()
        if due is None or due > now or engine.tip.time >= due or engine.pending():
            return
        names = members(engine.state())
        for organisation in self.organisations.values():
            if organisation.id in names and due + TURN_MS * names.index(organisation.id) <= now:
                engine.submit(organisation.sign([Tick()]))
                return

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
