"""What an organisation asked of responders about packs in its hands, and what it was told.

The answers are kept with their receipts: a pack that came back is sold again only after one that
speaks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sql

from yilian.gateway.supply.code_form import Code
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.responders import Responders
from yilian.gateway.supply.scan_errors import NO_SERIAL, REQUESTER_UNKNOWN
from yilian.gateway.supply.unit import Unit
from yilian.gateway.supply.verdict import Question
from yilian.gateway.supply.verification import Answer
from yilian.vault.database import position, values
from yilian.vault.envelope import new_id


@dataclass(frozen=True, slots=True)
class Check:
    """An answer that was given to this organisation, at `at` (ms of its own clock).

    `responder` is a location number; `verification` is the answer's id there.
    """

    check: str
    at: int
    gtin: str
    serial: str
    verified: int
    reason: str
    concern: str
    responder: str
    verification: str
    receipt: str


CHECKS = table("supply_checks", Check, [], position(), sql.UniqueConstraint("check"))
sql.Index("supply_checks_pack", CHECKS.c.gtin, CHECKS.c.serial, CHECKS.c.position)


class Checks:
    """The verifications that one organisation asked for. Safe for threads."""

    def __init__(self, organisation: str, database: SupplyDatabase, now: Callable[[], int]) -> None:
        """`now` gives milliseconds of UTC."""
        self._organisation = organisation
        self._database = database
        self._now = now

    def ask(
        self, responders: Responders, code: Code, *, context: str = "", asked_by: str = ""
    ) -> tuple[Check, Answer]:
        """Ask the responder whether a scanned pack is real, and keep what it says.

        Refuses `supply.no_serial` for a code that names no single pack, `supply.requester_unknown`
        for an organisation without a location number, and as `Responders.answer` does; then
        nothing is kept.
        """
        directory = responders.directory
        if not code.serial or not (code.gtin or code.drug_code):
            raise NO_SERIAL()
        gln = directory.gln_of(self._organisation)
        if gln is None:
            raise REQUESTER_UNKNOWN()
        requester = responders.requester(self._organisation, gln, asked_by)
        listing = directory.find(code)
        question = Question(
            gtin=listing.gtin,
            serial=code.serial,
            lot=code.lot or None,
            expiry=code.expiry or None,
        )
        answer = responders.answer(listing, question, requester, context)
        check = Check(
            check=new_id(),
            at=self._now(),
            gtin=listing.gtin,
            serial=code.serial,
            verified=int(answer.verdict.verified),
            reason=answer.verdict.reason,
            concern=answer.verdict.concern,
            responder=answer.responder,
            verification=answer.verification,
            receipt=answer.receipt,
        )
        with self._database.write() as connection:
            connection.execute(sql.insert(CHECKS).values(**values(check)))
        return check, answer

    def passed(self, unit: Unit, since: int) -> bool:
        """Tell whether the newest answer about a pack came after `since` (ms) and spoke for it."""
        query = (
            sql.select(CHECKS)
            .where(CHECKS.c.gtin == unit.gtin, CHECKS.c.serial == unit.serial)
            .order_by(CHECKS.c.position.desc())
            .limit(1)
        )
        found = self._database.one(Check, query)
        return found is not None and found.at > since and found.verified == 1
