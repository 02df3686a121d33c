"""The directory: look-ups follow the chain, and go to the new owner in the block that says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.supply.trade import (
    DRUG_CODE,
    GTIN,
    LOT,
    MAKER_GLN,
    OTHER_GTIN,
    PRODUCT,
    SHOP_GLN,
    Trade,
)
from yilian.gateway.supply import codes
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.scan_errors import DRUG_CODE_NOT_LISTED, GTIN_NOT_LISTED
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import messages as supply


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    made = Trade(tmp_path)
    yield made
    made.close()


def test_a_product_is_found_by_either_code(trade: Trade) -> None:
    """GTIN, pack code and Chinese trace code lead to one listing."""
    directory = Directory(trade.engine)
    found = directory.find(codes.read(GTIN))
    assert found == directory.find(codes.read(f"(01){GTIN}(21)A1"))
    assert found == directory.find(codes.read(DRUG_CODE + "0123456789012"))
    assert (found.name, found.kind, found.drug_code) == (PRODUCT, "medicine", DRUG_CODE)
    assert (found.owner, found.responder, found.gln) == (trade.maker.id, trade.maker.id, MAKER_GLN)
    assert (found.lowest, found.highest, found.ended) == (200, 800, False)
    assert found.maker == "云溪市 maker"


def test_what_is_not_listed_is_refused(trade: Trade) -> None:
    """A product nobody named, and a drug code."""
    directory = Directory(trade.engine)
    with pytest.raises(Refusal) as caught:
        directory.find(codes.read(OTHER_GTIN))
    assert caught.value.code is GTIN_NOT_LISTED
    with pytest.raises(Refusal) as caught:
        directory.find(codes.read("8" * 20))
    assert caught.value.code is DRUG_CODE_NOT_LISTED
    assert caught.value.parameters == {"drug_code": "8888888"}


def test_the_look_up_goes_to_the_new_owner(trade: Trade) -> None:
    """After the transfer, and not while it is only offered."""
    directory = Directory(trade.engine)
    trade.must(trade.maker, supply.OfferProduct(gtin=GTIN, to=trade.shop.id))
    assert directory.find(codes.read(GTIN)).responder == trade.maker.id
    trade.must(trade.shop, supply.AcceptProduct(gtin=GTIN))
    found = directory.find(codes.read(GTIN))
    assert (found.owner, found.responder, found.gln) == (trade.shop.id, trade.shop.id, SHOP_GLN)


def test_packs_of_an_ended_product_still_have_a_responder(trade: Trade) -> None:
    """They are in the trade for years."""
    trade.must(trade.maker, supply.EndProduct(gtin=GTIN))
    found = Directory(trade.engine).find(codes.read(GTIN))
    assert (found.ended, found.responder) == (True, trade.maker.id)


def test_a_recall_covers_its_lots_and_serials_alone(trade: Trade) -> None:
    """And all where it names none; the gravest is named."""
    directory = Directory(trade.engine)
    assert directory.recalled(GTIN, LOT, "A1") is None
    lots = trade.recall("lots", LOT)
    assert directory.recalled(GTIN, LOT, "A1") == lots
    assert directory.recalled(GTIN, "L8", "A1") is None
    serials = trade.recall("serials", serials=["A2"])
    assert directory.recalled(GTIN, "L8", "A2") == serials
    assert directory.recalled(GTIN, "", "") is None
    every = trade.recall("all")
    assert directory.recalled(GTIN, "", "") == every
    found = directory.recall(every)
    assert found is not None
    assert (found.grade, found.reason) == (1, "contamination")
    trade.must(trade.maker, supply.EndRecall(recall=every))
    assert directory.recalled(GTIN, "", "") is None


def test_who_may_ask(trade: Trade) -> None:
    """Who holds a credential in force: not before, not after its revocation, nor for another."""
    directory = Directory(trade.engine)
    assert directory.organisation_of(SHOP_GLN) == trade.shop.id
    assert directory.gln_of(trade.shop.id) == SHOP_GLN
    assert directory.organisation_of("9506000400006") is None
    assert directory.gln_of(trade.regulator.id) is None
    assert directory.may_ask(trade.shop.id)
    assert not directory.may_ask(trade.hospital.id)
    trade.must(trade.regulator, supply.RevokeCredential(credential=trade.shop_credential))
    assert not directory.may_ask(trade.shop.id)


def test_kinds_of_parties(trade: Trade) -> None:
    """By id; what the chain does not know is of no kind."""
    directory = Directory(trade.engine)
    assert directory.kind_of(trade.shop.id) == "pharmacy"
    assert directory.kind_of("nobody") == directory.kind_of("谁") == "other"
