"""The supply chain of one organisation: its events, packs, titles, answers; all that follows them.

What is captured is followed in this order: packs are worked out, then temperatures judged. Posts on
the chain begin with the organisation's registration as a company (`posting.py`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yilian.gateway.epcis.news import News
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.subscriptions import Subscriptions, find_in
from yilian.gateway.epcis.tokens import Tokens
from yilian.gateway.notices.webhook import Webhook
from yilian.gateway.supply.actions import Actions, Site
from yilian.gateway.supply.ahead import Ahead
from yilian.gateway.supply.alerts import Alerts
from yilian.gateway.supply.anchors import Anchors
from yilian.gateway.supply.checks import Checks
from yilian.gateway.supply.clones import Clones
from yilian.gateway.supply.cold_chain import ColdChain
from yilian.gateway.supply.counter import Queue
from yilian.gateway.supply.database import FILE, SupplyDatabase
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.ends import Ends
from yilian.gateway.supply.even_trail import EvenTrail
from yilian.gateway.supply.lot_quantities import LotQuantities
from yilian.gateway.supply.openings import Openings, Viewer
from yilian.gateway.supply.outside import ProductFacts
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.places import Places
from yilian.gateway.supply.posting import Poster
from yilian.gateway.supply.public_way import PackWays
from yilian.gateway.supply.recall_room import RecallRoom
from yilian.gateway.supply.redaction import Redaction
from yilian.gateway.supply.scan import PublicAnswers
from yilian.gateway.supply.shown import Fetching, Showing
from yilian.gateway.supply.stock import Stock
from yilian.gateway.supply.tellers import Tellers
from yilian.gateway.supply.title_holders import TitleHolders
from yilian.gateway.supply.titles import Titles
from yilian.gateway.supply.verification import Verification
from yilian.gateway.supply.ways import OwnNode, Ways
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.state import KEYS, home, standing
from yilian.ledger.modules.supply.messages import RaiseAlert
from yilian.ledger.modules.supply.state import view_key

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

log = logging.getLogger("yilian.gateway")


class _Listed:
    """What the directory says of products, as actions ask it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def product(self, gtin: str) -> ProductFacts | None:
        return self._directory.facts(gtin)

    def by_drug_code(self, drug_code: str) -> str | None:
        return self._directory.by_drug_code(drug_code)


class Supply:
    """Everything of one organisation's supply chain. Safe for threads; `start` and `stop` once."""

    def __init__(
        self, organisation: Organisation, folder: Path, networks: Sequence[str] = ()
    ) -> None:
        """`folder` is the vault's; `networks`: see `notices.webhook.Webhook`."""
        self._organisation = organisation
        name, now = organisation.id, organisation.engine.now
        keystore = organisation.vault.keystore
        self.database = SupplyDatabase(folder / FILE, name)
        self.tokens = Tokens(self.database, now)
        self.directory = Directory(organisation.engine)
        self.tellers = Tellers(name, self.tokens, self.directory)
        view = Redaction(self.tellers.names_of)
        self.repository = Repository(self.database, now=now, view=view)
        self.news = News(self.database, self.repository)
        self.subscriptions = Subscriptions(
            self.database,
            self.news,
            find_in(self.repository.queries),
            Webhook(networks),
            now,
            self.directory.prefix_length,
            self.tokens.standing,
        )
        self.alerts = Alerts(self.database, now)
        self.packs = Packs(self.database, self.repository, self.alerts, self.tellers.behind)
        self.cold_chain = ColdChain(
            self.database,
            self.repository,
            self.packs,
            self.alerts,
            self.directory,
            organisation=name,
            now=now,
        )
        self.titles = Titles(
            name, self.database, keystore, OwnNode(organisation), Ways(organisation)
        )
        self.ends = Ends(
            name,
            self.database,
            keystore,
            self.repository,
            self.packs,
            organisation.engine.state,
        )
        self.anchors = Anchors(name, self.database, self.repository, self.titles.histories)
        self.openings = Openings(
            self.database,
            keystore,
            self.titles.secrets,
            self.titles.histories,
            organisation.engine.state,
        )
        self.showing = Showing(self.database, self.repository, self.packs, self.titles)
        self.viewer = Viewer(name, keystore, organisation.engine.state, Ways(organisation).openings)
        self.poster = Poster(self.titles, self.anchors, self.openings)
        organisation.trail = trail = EvenTrail(organisation)
        self.poster.on_posted.append(trail.posted)
        self.checks = Checks(name, self.database, now)
        self.verification = Verification(
            name, self.database, self.directory, self.packs, now=now, sign=self._sign
        )
        self.public = PublicAnswers(
            self.verification, self.packs, PackWays(self.packs, self.directory), self.cold_chain
        )
        self.places = Places(self.database)
        self.clones = Clones(
            name,
            self.database,
            self.directory,
            self.packs,
            self.alerts,
            self.places,
            now=now,
            announce=self._announce,
            behind=self.tellers.behind,
        )
        self.verification.listeners.append(self.clones.seen)
        self.ahead = Ahead(self.database, self.titles.incoming, Fetching(organisation, self.titles))
        self.titles.arrivals.listeners.append(self.ahead.wake)
        self.actions = Actions(
            Site(name, lambda: self.directory.gln_of(name) or ""),
            self.database,
            self.repository,
            self.packs,
            self.alerts,
            now,
            holding=self.titles,
            recalls=self.directory,
            products=_Listed(self.directory),
            verifications=self.checks,
            histories=self.ahead,
            gln_of=lambda other: self.directory.gln_of(other) or "",
        )
        self.recalling = RecallRoom(
            organisation,
            self.database,
            self.repository,
            self.packs,
            self.directory,
            self.anchors,
            TitleHolders(self.database, self.titles.histories).of,
            self.tellers.behind,
        )
        self.quantities = LotQuantities(
            self.database,
            self.repository,
            self.packs,
            self.alerts,
            mine=self.actions.site.mine,
            told_here=self.recalling.told_here,
        )
        self.stock = Stock(self.actions.site, self.database, now, self.quantities)
        self.queue = Queue(self.database, self.actions, self.alerts, self._key_of)
        self._resumed = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def _sign(self, data: bytes) -> bytes:
        organisation = self._organisation
        return organisation.vault.keystore.sign(organisation.agent.key, data)

    def _announce(self, message: RaiseAlert) -> None:
        organisation = self._organisation
        organisation.engine.submit(organisation.sign([message]))

    def _key_of(self, name: str) -> PublicKey | None:
        """Give a key that signs for somebody of this organisation now."""
        state = self._organisation.engine.state()
        key = KEYS.get(state, name)
        if key is None or key.until is not None:
            return None
        subject = standing(state, key.owner)
        if subject is None or home(key.owner, subject) != self._organisation.id:
            return None
        return key.public_key()

    def regulates(self) -> bool:
        """Tell whether the organisation is a regulator, which may open members' posts."""
        found = standing(self._organisation.engine.state(), self._organisation.id)
        return found is not None and found.organisation_kind == "regulator"

    def _publish_view_key(self) -> None:
        """Put a regulator's view key on the chain, so that members wrap their seeds to it.

        Asked after every block: a node may start before the chain knows its organisation's agent.
        """
        organisation = self._organisation
        state = organisation.engine.state()
        if not self.regulates() or view_key(state, organisation.id) is not None:
            return
        if KEYS.get(state, organisation.agent.key) is not None:
            organisation.write(self.viewer.publish())

    def _resume_alerts(self) -> None:
        """Announce once what a crash kept from the chain, as soon as the agent may sign."""
        state = self._organisation.engine.state()
        if self._resumed or standing(state, self._organisation.agent.subject) is None:
            return
        self.clones.resume()
        self._resumed = True

    def catch_up(self) -> None:
        """Work out packs, temperatures and suspicions up to the newest event."""
        self.packs.catch_up()
        self.quantities.catch_up()
        self.cold_chain.catch_up()
        self.clones.follow(self.repository)

    def start(self) -> None:
        """Begin to capture, follow, post and tell; again is fine."""
        if self._thread is not None:
            return
        self.repository.listeners.append(self._woken)
        self._organisation.engine.listen(self._woken)
        self.repository.start()
        self.subscriptions.start()
        self.poster.start()
        self.ahead.start()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._follow, name="yilian-supply", daemon=True)
        self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """End what runs, and close the database; again is fine."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.ahead.stop()
            self.poster.stop()
            self.subscriptions.stop()
            self.repository.stop()
        self.database.close()

    def _woken(self, _newest: int) -> None:
        self.wake()

    def wake(self) -> None:
        """Look now what has come in: events, blocks, words of others."""
        self._wake.set()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            self._try(self._publish_view_key)
            self._try(self._resume_alerts)
            self._try(self.catch_up)
            self._try(self.recalling.recalls.follow)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Refusal as refusal:
            log.warning("the supply chain could not be followed: %s", refusal.code.name)
        except Exception:
            log.exception(
                "the supply chain could not be followed; trying again with the next event"
            )
