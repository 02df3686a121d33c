"""F39: only the owner moves a product; look-ups go to the new owner; no credential, no answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain import DAY, Actor
from tests.http.node import problem
from tests.unit.gateway.supply.asking import Gateway, verify_path
from tests.unit.gateway.supply.pack_events import made
from tests.unit.gateway.supply.trade import (
    GTIN,
    HOSPITAL_GLN,
    LOT,
    MAKER_GLN,
    SHOP_GLN,
    Trade,
)
from yilian.ledger import errors
from yilian.ledger.module import Message
from yilian.ledger.modules.supply import messages as supply

PACK = f"https://id.gs1.org/01/{GTIN}/21/A1"


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    running = Trade(tmp_path)
    yield running
    running.close()


def refused(trade: Trade, actor: Actor, *messages: Message) -> str:
    """Expect a block to refuse; gives the code's name."""
    outcome = trade.engine.submit(trade.cast.sign(actor, *messages)).result()
    assert outcome.code != errors.OK
    return errors.by_number(outcome.code).name


def test_a_product_changes_its_owner_and_its_responder(trade: Trade) -> None:
    """Whoever asks in the next block is answered by the new owner."""
    maker, hospital = trade.working(trade.maker), trade.working(trade.hospital)
    hospital.take(made(0, [PACK], LOT, "2070-03-31"))
    desks = {trade.maker.id: maker, trade.hospital.id: hospital}
    gateway = Gateway(trade, desks, list(desks))
    path = verify_path(GTIN, LOT, "A1", SHOP_GLN)
    try:
        before = gateway.signed(trade.shop, path).json()
        assert before["responderGLN"] == MAKER_GLN
        assert before["data"]["verificationFailureReason"] == "No_match_GTIN_Serial"
        offer = supply.OfferProduct(gtin=GTIN, to=trade.hospital.id)
        assert refused(trade, trade.shop, offer) == "supply.not_your_product"
        assert refused(trade, trade.hospital, supply.AcceptProduct(gtin=GTIN)) == (
            "supply.not_offered"
        )
        trade.must(trade.maker, offer)
        assert refused(trade, trade.shop, supply.AcceptProduct(gtin=GTIN)) == "supply.not_offered"
        trade.must(trade.hospital, supply.AcceptProduct(gtin=GTIN))
        after = gateway.signed(trade.shop, path).json()
        assert (after["responderGLN"], after["data"]) == (HOSPITAL_GLN, {"verified": True})
        assert refused(trade, trade.maker, offer) == "supply.not_your_product"
        assert refused(trade, trade.maker, supply.EndProduct(gtin=GTIN)) == (
            "supply.not_your_product"
        )
    finally:
        gateway.close()


def test_a_partner_without_a_credential_is_refused(trade: Trade) -> None:
    """Before it has one, and from the block that revokes it."""
    maker = trade.working(trade.maker)
    gateway = Gateway(trade, {trade.maker.id: maker}, [trade.maker.id])
    path = verify_path(GTIN, LOT, "A1", HOSPITAL_GLN)
    try:
        problem(gateway.signed(trade.hospital, path), "supply.requester_not_allowed", 403)
        ends = trade.engine.now() + DAY
        credential = trade.credential("hospital", trade.hospital.id, ends)
        assert gateway.signed(trade.hospital, path).status_code == 200
        trade.must(trade.regulator, supply.RevokeCredential(credential=credential))
        problem(gateway.signed(trade.hospital, path), "supply.requester_not_allowed", 403)
    finally:
        gateway.close()
