"""Four members that trade in packs, each with its own node: what they do, and what they know."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.epcis_sample import check_digit, sscc
from tests.network.members import Member, Running, wait_for
from tests.rows.supplied import INTERVAL_MS, PATIENCE, PREFIX, Trading, gtin, pack, path, place
from yilian.bootstrap import Founder
from yilian.gateway.members.certificates import KEY_NAME, context, read_credentials
from yilian.gateway.members.peers import (
    CHAIN_HEADER,
    HEIGHT_HEADER,
    MEDIA_TYPE,
    MEMBER_HEADER,
    REQUEST_HEADER,
    server_name,
)
from yilian.gateway.members.there import Operation, encode
from yilian.gateway.supply.database import FILE
from yilian.ledger import codec
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client

FOUNDERS = (
    ("M", Founder("云溪制药", "maker", "M-0001")),
    ("W", Founder("Eastgate Wholesale", "distributor", "W-0002")),
    ("P", Founder("河滨药房", "pharmacy", "P-0003")),
    ("R", Founder("云溪市药品监督管理局", "regulator", "R-0004")),
)
LOT, CALLED_BACK, EXPIRY = "L1", "L9", "2070-12-31"
DAY_MS = 86_400_000
BOX = sscc(PREFIX, 1, link=True)
FIRST = 700_000_000


def packs(first: int, count: int) -> list[str]:
    """Packs' ids, with serial numbers that stand in no file by chance."""
    return [pack(FIRST + number) for number in range(first, first + count)]


def serial(unit: str) -> str:
    """A pack's serial number."""
    return unit.rpartition("/")[2]


def gln(number: int) -> str:
    """The location number of a member's company."""
    body = f"{PREFIX}{number:05d}"
    return body + check_digit(body)


class Trade(Trading):
    """A maker, a wholesaler, a pharmacy and a regulator."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.members = list(running)
        self.maker, self.wholesaler, self.pharmacy, self.regulator = (
            each.organisation for each in self.members
        )
        self.by_id = {each.organisation.id: each for each in self.members}
        self.traders = (self.maker, self.wholesaler, self.pharmacy)
        self.places = {each.id: place(number) for number, each in enumerate(self.traders, 1)}
        self._open()

    def member(self, organisation: HostedOrganisation) -> Member:
        """The member that an organisation is."""
        return self.by_id[organisation.id]

    def client(self, organisation: HostedOrganisation) -> Client:
        """Speak as an organisation, at its own node."""
        return self.member(organisation).client()

    def _open(self) -> None:
        """Vote for short intervals; register companies and the product."""
        proposal = drafts.fresh_id()
        for number, each in enumerate((self.maker, self.wholesaler, self.pharmacy)):
            with self.client(each) as client:
                if number == 0:
                    action = SetParameter(name="supply_interval_ms", value=INTERVAL_MS)
                    height = client.governance.propose(proposal=proposal, action=action).height
                else:
                    height = client.governance.vote(proposal=proposal, approve=True).height
            self.running.agreed(height or 0)
        for number, each in enumerate(self.traders, 1):
            with self.client(each) as client:
                client.supply.register_company(
                    company=drafts.fresh_id(),
                    gln=gln(number),
                    prefixes=[PREFIX] if each is self.maker else [],
                )
        with self.client(self.regulator) as client:
            client.supply.issue_credential(
                credential=drafts.fresh_id(),
                organisation=self.pharmacy.id,
                role="trading_partner",
                ends=time.time_ns() // 1_000_000 + DAY_MS,
            )
        with self.client(self.maker) as client:
            height = client.supply.register_product(
                gtin=gtin(), kind="medicine", name="阿莫西林胶囊", responder=self.maker.id
            ).height
        self.running.agreed(height or 0)

    # -- what people see -----------------------------------------------------------------------

    def scan(self, at: HostedOrganisation, unit: str, lot: str = LOT) -> dict[str, Any]:
        """Scan a pack at a member's node, as anybody may."""
        code = f"(01){gtin()}(17)701231(10){lot}(21){serial(unit)}"
        with Client(self.member(at).url) as client:
            return client.scan(code)

    def verify(self, who: HostedOrganisation, number: int, unit: str) -> dict[str, Any]:
        """Verify a pack by the standard's own message, at one's own node."""
        correlation = "5ae27a1c-1d2f-4b0a-9d2b-7d4f1e0a9c33"
        rest = f"linkType=verificationService&reqGLN={gln(number)}&corrUUID={correlation}"
        where = f"/verify/gtin/{gtin()}/lot/{LOT}/ser/{serial(unit)}?exp=701231&{rest}"
        with self.client(who) as client:
            found: dict[str, Any] = client.request("GET", where)
        return found

    def ask(self, who: HostedOrganisation, rest: str) -> Any:
        """Ask below an organisation's supply chain."""
        with self.client(who) as client:
            return client.request("GET", path(who, rest))

    def shipments(self, who: HostedOrganisation) -> list[dict[str, Any]]:
        """What came in and waits, or was refused."""
        found: list[dict[str, Any]] = self.ask(who, "shipments")["shipments"]
        return found

    # -- files ---------------------------------------------------------------------------------

    def supply_file(self, who: HostedOrganisation) -> Path:
        """An organisation's supply database."""
        return self.member(who).path / "organisations" / who.id / FILE

    def rows(self, who: HostedOrganisation, query: str, *given: Any) -> list[tuple[Any, ...]]:
        """Read from a supply database, beside the node that has it open."""
        address = f"file:{self.supply_file(who)}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            return connection.execute(query, given).fetchall()

    @contextmanager
    def stopped(self, who: HostedOrganisation) -> Iterator[Member]:
        """Stop a member's node for a while."""
        member = self.member(who)
        member.stop()
        try:
            yield member
        finally:
            member.start()
            member.wait_serving()

    def copy(self, who: HostedOrganisation, target: Path) -> Path:
        """Copy a supply database as it is now."""
        source, made = sqlite3.connect(self.supply_file(who)), sqlite3.connect(target)
        with closing(source), closing(made):
            source.backup(made)
        return target

    def put_back(self, who: HostedOrganisation, copy: Path) -> None:
        """Put an older copy in the place of a stopped node's supply database."""
        file = self.supply_file(who)
        for each in file.parent.glob(file.name + "*"):
            each.unlink()
        shutil.copy(copy, file)

    @contextmanager
    def writing(self, who: HostedOrganisation) -> Iterator[sqlite3.Connection]:
        """Write into a stopped node's supply database, as a dishonest member may."""
        with closing(sqlite3.connect(self.supply_file(who))) as connection:
            yield connection
            connection.commit()

    # -- the members' door ---------------------------------------------------------------------

    def knock(
        self,
        caller: HostedOrganisation,
        called: HostedOrganisation,
        operation: Operation,
        asked: Any,
    ) -> httpx.Response:
        """Ask at a member's own door with another member's key, without the caller's node."""
        member, host = self.member(caller), self.member(called)
        own = read_credentials(member.path / KEY_NAME)
        with host.client() as client:
            endpoint = client.get("identity", "endpoints", called.id).value
        trusted = context(False, own, [codec.to_bytes(endpoint["certificate"])])
        headers = {
            "Content-Type": MEDIA_TYPE,
            CHAIN_HEADER: host.folder.configuration().chain,
            MEMBER_HEADER: caller.id,
            HEIGHT_HEADER: "1",
            REQUEST_HEADER: drafts.fresh_id(),
        }
        with httpx.Client(verify=trusted, trust_env=False, timeout=20) as http:
            return http.post(
                f"{endpoint['url']}/members/v1/{called.id}/{operation.name}",
                content=encode(asked),
                headers=headers,
                extensions={"sni_hostname": server_name(own.certificate)},
            )


def until(what: str, look: Any) -> Any:
    """Look again and again until something is found."""
    return wait_for(what, PATIENCE, look)
