"""What an organisation needs to trace packs and to follow recalls, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from yilian.gateway.supply.anchors import Anchors
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.makings import Makings
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.patients import Patients
from yilian.gateway.supply.recall_progress import Progress
from yilian.gateway.supply.recall_ways import RecallWays
from yilian.gateway.supply.recalls import Recalls
from yilian.gateway.supply.trace import Trace
from yilian.gateway.supply.tracing import Tracing

if TYPE_CHECKING:
    from yilian.gateway.epcis.repository import Repository
    from yilian.gateway.organisation import Organisation


class RecallRoom:
    """Traces, recalls, their progress, and the people to tell, of one organisation."""

    def __init__(
        self,
        organisation: Organisation,
        database: SupplyDatabase,
        repository: Repository,
        packs: Packs,
        directory: Directory,
        anchors: Anchors,
        holders: Callable[[str], Sequence[str]],
        behind: Callable[[str], str] = str,
    ) -> None:
        """`holders`: see `Tracing`; `behind` names the organisation behind a token."""
        name, engine = organisation.id, organisation.engine
        ways = RecallWays(organisation, directory, anchors)
        self.told_here = ways.told_here
        self.makings = Makings(database, repository, packs)
        self.trace = Trace(
            database,
            packs,
            self.makings,
            lambda party: party == name or ways.party(party) == name,
            ways.told_here,
            behind,
        )
        self.patients = Patients(
            database, organisation.vault.keystore, self.trace, ways.tell_person, engine.now
        )
        ways.patients = self.patients
        self.recalls = Recalls(
            name,
            database,
            repository,
            packs,
            self.trace,
            ways,
            state=engine.state,
            now=engine.now,
        )
        self.progress = Progress(name, database, engine.state, engine.now)

        self.tracing = Tracing(
            name,
            database,
            self.trace,
            self.recalls,
            state=engine.state,
            party=ways.party,
            told_here=ways.told_here,
            ask=lambda other, unit: organisation.counterpart(other).trace_pack(unit),
            holders=holders,
        )
