"""Titles on an organisation's own node and over the members' door.

Nothing here is imported by `titles.py` and what it rests on: they know neither vaults nor doors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from yilian.gateway.members import problem
from yilian.gateway.members.formats import ShipmentSent
from yilian.gateway.members.supply_formats import EndsSent
from yilian.gateway.members.there import SUPPLY_ENDED, SUPPLY_SHIPMENT, Operation
from yilian.ledger import codec, errors, transaction
from yilian.ledger.errors import Refusal
from yilian.ledger.module import Message
from yilian.ledger.state import State
from yilian.vault.envelope import new_id

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

log = logging.getLogger("yilian.gateway")


class OwnNode:
    """The chain as an organisation's own node has it (`on_chain.Chain`)."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def state(self) -> State:
        """Give committed state."""
        return self._organisation.engine.state()

    def now(self) -> int:
        """Give the time (ms)."""
        return self._organisation.engine.now()

    def block_time(self) -> int:
        """Give the time of the newest block (ms)."""
        return self._organisation.engine.tip.time

    def sign(self, message: Message, expires: int) -> bytes:
        """Write a transaction of the organisation's agent."""
        organisation = self._organisation
        body = transaction.Body(
            chain=organisation.engine.genesis.chain,
            sender=organisation.agent.subject,
            payer=organisation.id,
            signers=[organisation.agent.key],
            nonce=new_id(),
            expires=expires,
            messages=[message],
        )
        text = transaction.encode_body(body)
        keystore = organisation.vault.keystore
        signature = keystore.sign(organisation.agent.key, transaction.DOMAIN + text)
        return transaction.assemble(text, [codec.to_text(signature)])

    def submit(self, raw: bytes) -> None:
        """Hand in and wait for the block."""
        outcome = self._organisation.engine.submit(raw).result()
        if outcome.code != errors.OK:
            raise Refusal(errors.by_number(outcome.code), outcome.parameters)


class Ways:
    """An organisation's ways to others (`titles.Partners`): at this node, or by its courier."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def claims(self, organisation: str, count: int) -> Sequence[bytes]:
        """Ask for holder keys."""
        return self._organisation.counterpart(organisation).claims(count)

    def openings(self, organisation: str, intervals: Sequence[int]) -> Sequence[bytes]:
        """Ask for openings, as a regulator."""
        return self._organisation.counterpart(organisation).openings(intervals)

    def key_service(self, organisation: str) -> bytes:
        """Give the key that packages are sealed to."""
        return self._organisation.key_service(organisation)

    def bring(self, organisation: str, shipment: str, package: bytes) -> None:
        """Hand a package over here, or give it to the courier.

        One that an organisation of this node refuses for good is given up, as the courier does.
        """
        sent = ShipmentSent(shipment=shipment, package=package)
        name = self._organisation.id
        self._bring(
            organisation,
            SUPPLY_SHIPMENT,
            shipment,
            sent,
            lambda here: here.trade().titles.receive(package, name),
        )

    def bring_ends(self, organisation: str, parcel: str, package: bytes) -> None:
        """Hand word of ends over here, or give it to the courier; as `bring`."""
        sent = EndsSent(parcel=parcel, package=package)
        name = self._organisation.id
        self._bring(
            organisation,
            SUPPLY_ENDED,
            parcel,
            sent,
            lambda here: here.trade().ends.take(package, name),
        )

    def _bring(
        self,
        organisation: str,
        operation: Operation,
        mark: str,
        sent: object,
        hand: Callable[[Organisation], object],
    ) -> None:
        here = self._organisation.hosted(organisation)
        if here is None:
            self._organisation.courier.send(organisation, operation, mark, sent)
            return
        try:
            hand(here)
        except Refusal as refusal:
            if problem.passing(refusal):
                raise
            log.warning("%s is refused: %s", operation.name, refusal.code.name)
