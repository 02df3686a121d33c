"""F39: only the owner moves a product; look-ups go to the new owner; no credential, no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.rows.served import yilian
from tests.rows.supplied import PREFIX, Traders, gtin, pack
from tests.rows.verifying import address, credential, gln, verify
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import RefusedError

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("f39_directory")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders who are registered; who has the product changes in the last test."""
    with Traders(tmp_path_factory.mktemp("f39") / "node") as running:
        running.open_trade()
        yield running


def refused(served: Traders, who: HostedOrganisation, act: Callable[[Client], object]) -> str:
    """The code with which the law refuses."""
    with served.client(who) as client, pytest.raises(RefusedError) as problem:
        act(client)
    return str(problem.value.code)


def listed(served: Traders) -> dict[str, Any]:
    """The product as the chain has it."""
    with served.client(served.authority) as client:
        return dict(client.get("supply", "products", gtin()).value)


def responder(served: Traders) -> str:
    """Who would answer, as the directory routes it."""
    with served.client(served.shop) as client:
        where = f"/checkConnectivity?gtin={gtin()}&reqGLN={gln(served, served.shop)}"
        found: dict[str, str] = client.request("GET", where)
    return found["responderGLN"]


def test_companies_and_products_are_registered_once_and_by_their_own(served: Traders) -> None:
    """A prefix has one company, a product one entry; both at the command line."""
    shop, maker = served.shop, served.maker
    company: dict[str, Any] = {
        "company": drafts.fresh_id(),
        "gln": "9520001000997",
        "prefixes": [PREFIX],
    }
    taken = refused(served, shop, lambda client: client.supply.register_company(**company))
    assert taken == "supply.prefix_taken"
    product: dict[str, Any] = {
        "gtin": gtin(4),
        "kind": "medicine",
        "name": "布洛芬片",
        "responder": shop.id,
    }
    foreign = refused(served, shop, lambda client: client.supply.register_product(**product))
    assert foreign == "supply.gtin_not_covered"
    again = {**product, "gtin": gtin(1), "responder": maker.id}
    twice = refused(served, maker, lambda client: client.supply.register_product(**again))
    assert twice == "supply.gtin_taken"
    code, found = yilian("supply", "show", "products", gtin(), "--node", served.url)
    assert (code, found["value"]["owner"]) == (0, maker.id)
    assert found["value"]["name"] == "阿莫西林胶囊"


def test_a_partner_without_a_credential_is_refused(served: Traders) -> None:
    """Before it has one, and from the block that revokes it; who shows nothing is unknown."""
    other = served.other
    served.do(served.maker, "commission", [pack(5)], lot="L1", expiry="2070-12-31")
    nobody = httpx.get(served.url + address(served, other, "S5", "L1"))
    assert (nobody.status_code, nobody.json()["code"]) == (401, "supply.requester_unknown")
    refused_once = verify(served, other, "S5", "L1")
    assert (refused_once.status, refused_once.body["code"]) == (403, "supply.requester_not_allowed")
    given = credential(served, other)
    assert verify(served, other, "S5", "L1").said == {"verified": True}
    with served.client(served.regulator) as client:
        client.supply.revoke_credential(credential=given)
    gone = verify(served, other, "S5", "L1")
    assert (gone.status, gone.body["code"]) == (403, "supply.requester_not_allowed")
    # Under a number that is another's, whoever signs.
    posing = verify(served, served.shop, "S5", "L1", signed_by=other)
    assert (posing.status, posing.body["code"]) == (403, "supply.requester_not_allowed")


def test_a_product_changes_its_owner_and_its_responder(served: Traders) -> None:
    """Whoever asks in the next block is answered by the new owner."""
    maker, shop, other = served.maker, served.shop, served.other
    served.do(maker, "commission", [pack(1), pack(2)], lot="L1", expiry="2070-12-31")
    served.until_done(maker, "ship", [pack(1)], to=other.id)
    came = served.incoming(other)
    served.until_done(other, "receive", [pack(1)], shipment=came["shipment"])
    before = verify(served, shop, "S1", "L1")
    assert before.body["responderGLN"] == responder(served) == gln(served, maker)
    assert before.said == {"verified": True}

    def offer(to: HostedOrganisation) -> Callable[[Client], object]:
        return lambda client: client.supply.offer_product(gtin=gtin(), to=to.id)

    def accept(client: Client) -> object:
        return client.supply.accept_product(gtin=gtin())

    def end(client: Client) -> object:
        return client.supply.end_product(gtin=gtin())

    assert refused(served, shop, offer(shop)) == "supply.not_your_product"
    assert refused(served, other, accept) == "supply.not_offered"
    with served.client(maker) as client:
        offer(other)(client)
    # An offer alone moves nothing, and nobody else takes it.
    assert refused(served, shop, accept) == "supply.not_offered"
    assert (listed(served)["owner"], responder(served)) == (maker.id, gln(served, maker))
    with served.client(other) as client:
        accept(client)
    assert (listed(served)["owner"], listed(served)["responder"]) == (other.id, other.id)
    # The new owner answers from what it knows: its pack, and not the one that stayed behind.
    assert responder(served) == gln(served, other)
    after = verify(served, shop, "S1", "L1")
    assert (after.body["responderGLN"], after.said) == (gln(served, other), {"verified": True})
    stayed = verify(served, shop, "S2", "L1").said
    assert stayed["verificationFailureReason"] == "No_match_GTIN_Serial"
    # The old one is a stranger now: to the product, and as a maker of its packs.
    assert refused(served, maker, offer(shop)) == "supply.not_your_product"
    assert refused(served, maker, end) == "supply.not_your_product"
    assert served.refused(maker, "commission", [pack(3)], lot="L2") == "supply.not_made_here"
    served.do(other, "commission", [pack(3)], lot="L2", expiry="2070-12-31")
    assert verify(served, shop, "S3", "L2").said == {"verified": True}
