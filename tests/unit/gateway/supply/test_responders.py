"""Asking a responder at a node of its own, over the members' door."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.members.world import House, World
from tests.unit.gateway.supply.pack_events import made
from tests.unit.gateway.supply.trade import GTIN, LAW, LOT, MAKER_GLN, PRODUCT, SHOP_GLN
from yilian.gateway.members.errors import ANSWER_REFUSED
from yilian.gateway.supply import codes
from yilian.gateway.supply.responders import PackAsked, Responders
from yilian.gateway.supply.scan import Scanning, Shown
from yilian.gateway.supply.scan_errors import (
    REQUESTER_NOT_ALLOWED,
    RESPONDER_UNREACHABLE,
)
from yilian.gateway.supply.supply import Supply
from yilian.gateway.supply.verdict import Question
from yilian.gateway.supply.verification import RECEIPT_DOMAIN
from yilian.ledger import codec, keys
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.ledger.modules.identity.state import KEYS
from yilian.ledger.modules.supply import messages as supply
from yilian.node.embedded import Embedded, validator_public
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault import duplicates

CODE = f"(01){GTIN}(21)A1(17)700331(10){LOT}"
KINDS: tuple[OrganisationKind, ...] = ("maker", "pharmacy", "regulator")


class Street(World):
    """A maker and a pharmacy, each with a node, and a regulator."""

    def __init__(self, path: Path) -> None:
        self.path = path
        signers = [Ed25519Signer.generate() for _ in KINDS]
        names = [drafts.fresh_id() for _ in KINDS]
        seed = secrets.token_bytes(32)
        genesis = Genesis(
            chain="yilian",
            time=time.time_ns() // 1_000_000,
            members=[
                FirstMember(
                    organisation=name, kind=kind, name=kind, registration=kind.upper(), key=each.key
                )
                for name, kind, each in zip(names, KINDS, signers, strict=True)
            ],
            validators=[FirstValidator(public=codec.to_text(validator_public(seed)), power=10)],
            law=LAW,
        )
        self.engine = Embedded.create(path / "chain", genesis, seed)
        share = duplicates.share(duplicates.new_secret(), len(KINDS), 1)[0]
        self.houses = [
            House(self, name, signer, share) for name, signer in zip(names, signers, strict=True)
        ]
        self.maker, self.shop, self.authority = self.houses
        for each in (self.maker, self.shop):
            each.publish()
        for each in self.houses:
            each.organisation.supply = Supply(each.organisation, each.path)
        self._trade()

    def _trade(self) -> None:
        maker, shop = self.maker.organisation, self.shop.organisation
        maker.write(
            supply.RegisterCompany(company=drafts.fresh_id(), gln=MAKER_GLN, prefixes=["950600013"])
        )
        shop.write(supply.RegisterCompany(company=drafts.fresh_id(), gln=SHOP_GLN, prefixes=[]))
        maker.write(
            supply.RegisterProduct(gtin=GTIN, kind="medicine", name=PRODUCT, responder=maker.id)
        )
        room = self.room(self.maker)
        event = made(0, [f"https://id.gs1.org/01/{GTIN}/21/A1"], LOT, "2070-03-31")
        with room.database.write() as connection:
            room.repository.put([event], maker.id, connection)
        room.packs.catch_up()

    def credential(self) -> str:
        """Have the regulator let the shop ask."""
        name = drafts.fresh_id()
        issued = supply.IssueCredential(
            credential=name,
            organisation=self.shop.id,
            role="dispenser",
            ends=self.engine.now() + 86_400_000,
        )
        self.authority.organisation.write(issued)
        return name

    @staticmethod
    def room(house: House) -> Supply:
        """Give a house's supply chain."""
        found = house.organisation.supply
        assert found is not None
        return found

    def responders(self) -> Responders:
        """Everybody whom the shop's node reaches."""
        directory = self.room(self.shop).directory
        return Responders(directory, {self.shop.id: self.shop.organisation})

    def close(self) -> None:
        for each in self.houses:
            self.room(each).stop()
        super().close()


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    world = Street(tmp_path)
    try:
        yield world
    finally:
        world.close()


def refused(work: Any, *arguments: Any, **named: Any) -> Any:
    """Give the code by which something is refused."""
    with pytest.raises(Refusal) as caught:
        work(*arguments, **named)
    return caught.value.code


def test_a_pharmacy_asks_the_makers_node(street: Street) -> None:
    """The answer is kept on both sides; the receipt is signed by the maker's agent."""
    street.credential()
    checks = street.room(street.shop).checks
    check, answer = checks.ask(street.responders(), codes.read(CODE))
    assert (check.reason, check.responder) == ("verified", MAKER_GLN)
    kept = street.room(street.maker).verification.evidence(answer.verification)
    assert kept.requester == SHOP_GLN
    content, signature = map(codec.to_bytes, check.receipt.split("."))
    assert content == kept.content
    agent = KEYS.require(street.engine.state(), street.maker.agent.key).public_key()
    assert keys.verify(agent, RECEIPT_DOMAIN + content, signature)


def test_the_responder_judges_the_requester_itself(street: Street) -> None:
    """Whatever the asking node lets through: its own number, and a credential in force."""
    maker = street.shop.organisation.counterpart(street.maker.id)
    question = Question(gtin=GTIN, serial="A1")
    asked = PackAsked(question=question, requester=SHOP_GLN)
    assert refused(maker.verify_pack, asked) is REQUESTER_NOT_ALLOWED
    credential = street.credential()
    assert maker.verify_pack(asked).verified
    foreign = PackAsked(question=question, requester=MAKER_GLN)
    assert refused(maker.verify_pack, foreign) is REQUESTER_NOT_ALLOWED
    nobody = PackAsked(question=question, requester="9506000400006")
    assert refused(maker.verify_pack, nobody) is REQUESTER_NOT_ALLOWED
    street.authority.organisation.write(supply.RevokeCredential(credential=credential))
    assert refused(maker.verify_pack, asked) is REQUESTER_NOT_ALLOWED


def test_malformed_questions_are_refused_at_the_door(street: Street) -> None:
    """Not of the form, whatever the sender's own types allow."""
    maker = street.shop.organisation.counterpart(street.maker.id)
    for bad in (
        Question(gtin="1", serial="A1"),
        Question(gtin=GTIN, serial=""),
        Question(gtin=GTIN, serial="A" * 21),
        Question(gtin=GTIN, serial="A1", expiry="2027-13-01"),
    ):
        code = refused(maker.show_pack, bad)
        assert code.name in ("malformed", ANSWER_REFUSED.name, "members.refused")


def test_the_public_asks_through_any_node(street: Street) -> None:
    """No credential is needed; when the maker's node is down, the chain's part is shown."""
    responders = street.responders()
    scanning = Scanning(responders.directory, responders.show)
    view = scanning.look(codes.read(CODE))
    assert (view.word, view.listing.name) == ("genuine", PRODUCT)
    assert isinstance(view.responder, Shown)
    assert [each.party for each in view.responder.route] == ["maker"]
    street.maker.listener.close()
    view = scanning.look(codes.read(CODE))
    assert (view.word, view.reason) == ("not_verified", "responder_unreachable")
    assert view.why is not None
    assert view.why.code is RESPONDER_UNREACHABLE
    street.credential()
    checks = street.room(street.shop).checks
    assert refused(checks.ask, responders, codes.read(CODE)) is RESPONDER_UNREACHABLE
    street.maker.listen()
