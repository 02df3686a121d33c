"""What the chain says of a product: whose it is, who answers for its packs, what is recalled.

Read from this node's own state, so a look-up goes to the new owner in the block that says so.
"""

from __future__ import annotations

from typing import NamedTuple

from yilian.gateway.epcis.identifiers import parts
from yilian.gateway.supply.codes import Code
from yilian.gateway.supply.outside import ProductFacts
from yilian.gateway.supply.scan_errors import DRUG_CODE_NOT_LISTED, GTIN_NOT_LISTED
from yilian.ledger.modules.identity.state import SUBJECTS, standing
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.modules.supply.messages import Reason, Role
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.node.engine import Engine

REQUESTERS: tuple[Role, ...] = ("trading_partner", "dispenser", "logistics_provider", "authority")
"""Roles whose holders may ask whether a pack is real."""


class Listing(NamedTuple):
    """A product as the chain has it; temperatures in 1/100 degree C.

    `maker` and `gln` are the owner's name and location number; `responder` is the organisation that
    answers for its packs.
    """

    gtin: str
    name: str
    kind: str
    owner: str
    maker: str
    gln: str
    responder: str
    drug_code: str
    lowest: int | None
    highest: int | None
    single_use: bool
    cycles: int | None
    ended: bool


class Recall(NamedTuple):
    """A recall that stands: its id, grade (1 the gravest), reason, and since when (ms)."""

    recall: str
    grade: int
    reason: Reason
    issued: int


class Directory:
    """The directory of products, companies and credentials, as a node's newest block has it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, code: Code) -> Listing:
        """Find the product that a code names.

        Refuses `supply.gtin_not_listed` and `supply.drug_code_not_listed`.
        """
        gtin = code.gtin
        if not gtin and code.drug_code:
            named = supply.product_of_drug_code(self._engine.state(), code.drug_code)
            if named is None:
                raise DRUG_CODE_NOT_LISTED(drug_code=code.drug_code)
            gtin = named
        found = self.product(gtin)
        if found is None:
            raise GTIN_NOT_LISTED(gtin=gtin)
        return found

    def product(self, gtin: str) -> Listing | None:
        """Find a product by its GTIN of 14 digits; an ended one too: its packs are still about."""
        state = self._engine.state()
        found = supply.product(state, gtin)
        if found is None:
            return None
        owner = SUBJECTS.get(state, found.owner)
        company = supply.covering(state, gtin)
        if company is None or company.organisation != found.owner:
            company = next(iter(supply.companies(state, found.owner)), None)
        return Listing(
            gtin=gtin,
            name=found.name,
            kind=found.kind,
            owner=found.owner,
            maker="" if owner is None or owner.name is None else owner.name,
            gln="" if company is None else company.gln,
            responder=found.responder,
            drug_code=found.drug_code or "",
            lowest=found.lowest,
            highest=found.highest,
            single_use=found.single_use,
            cycles=found.cycles,
            ended=found.ended is not None,
        )

    def facts(self, gtin: str) -> ProductFacts | None:
        """Say of a product what actions at packs want to know."""
        found = supply.product(self._engine.state(), gtin)
        return None if found is None else ProductFacts(found.owner, found.single_use, found.cycles)

    def by_drug_code(self, drug_code: str) -> str | None:
        """Give the GTIN of the product that has the first part of a Chinese trace code."""
        return supply.product_of_drug_code(self._engine.state(), drug_code)

    def recalled(self, gtin: str, lot: str, serial: str) -> str | None:
        """Name the gravest recall that a pack falls under now; an unknown lot is the empty text."""
        digest = serial_digest(gtin, serial) if serial else ""
        found = supply.recalled(self._engine.state(), gtin, lot, digest, self._engine.now())
        return found[0] if found else None

    def recall(self, name: str) -> Recall | None:
        """Read a recall."""
        found = supply.RECALLS.get(self._engine.state(), name)
        return None if found is None else Recall(name, found.grade, found.reason, found.issued)

    def alert_open(self, alert: str) -> bool | None:
        """Tell whether an alert waits for a finding; None where the chain does not have it."""
        found = supply.ALERTS.get(self._engine.state(), alert)
        return None if found is None else found.status == "open"

    def organisation_of(self, gln: str) -> str | None:
        """Name the organisation that trades under a location number now."""
        state = self._engine.state()
        company = supply.company_of(state, gln)
        if company is None or standing(state, company.organisation) is None:
            return None
        return company.organisation

    def prefix_length(self, link: str) -> int | None:
        """Tell how long the company prefix in a canonical Digital Link is, where it is known."""
        try:
            key = parts(link)
        except ValueError:
            return None
        digits = {"01": key.gtin14[1:], "00": key.value[1:]}.get(key.key, key.value)[:12]
        company = supply.covering(self._engine.state(), f"0{digits}0")
        found = () if company is None else company.prefixes
        return next((len(each) for each in found if digits.startswith(each)), None)

    def gln_of(self, organisation: str) -> str | None:
        """Give a location number under which an organisation trades."""
        found = supply.companies(self._engine.state(), organisation)
        return found[0].gln if found else None

    def may_ask(self, organisation: str) -> bool:
        """Tell whether an organisation holds a credential to ask whether a pack is real."""
        state, now = self._engine.state(), self._engine.now()
        return any(supply.credentialed(state, organisation, role, now) for role in REQUESTERS)

    def kind_of(self, party: str) -> str:
        """Name the kind of an organisation; `other` for what the chain does not know."""
        found = SUBJECTS.get(self._engine.state(), party) if party.isascii() else None
        return "other" if found is None else found.organisation_kind or "other"
