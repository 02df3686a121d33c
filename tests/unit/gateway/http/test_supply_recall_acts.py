"""Calling packs back by the node: who may, what is refused, and that it is done once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rows.desk import employ, refused
from tests.rows.supplied import Traders, gtin, path
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path_factory.mktemp("trade") / "node") as running:
        running.open_trade()
        yield running


def wanted(**more: Any) -> dict[str, Any]:
    asked = {"recall": drafts.fresh_id(), "gtin": gtin(), "grade": 2, "reason": "potency"}
    return asked | ({"lots": ["L1"]} if not {"lots", "serials", "every"} & set(more) else {}) | more


def ask(served: Traders, who: HostedOrganisation, rest: str, body: Any = None) -> dict[str, Any]:
    with served.client(who) as client:
        return dict(client.request("POST", path(who, rest), body))


def no(served: Traders, who: HostedOrganisation, rest: str, body: Any = None) -> str:
    """The code of a refusal; no recall was changed by it."""
    before = recalls(served)
    with served.client(who) as client:
        code = refused(client, "POST", path(who, rest), body)
    assert recalls(served) == before
    return code


def recalls(served: Traders) -> list[dict[str, Any]]:
    """All recalls, as anybody reads them."""
    with served.client(served.authority) as client:
        return list(client.list("supply", "recalls"))


def on_chain(served: Traders, recall: str) -> dict[str, Any]:
    with served.client(served.authority) as client:
        return dict(client.get("supply", "recalls", recall).value)


def test_the_owner_calls_lots_and_serials_back(served: Traders) -> None:
    asked = wanted(lots=["L2", "L1", "L2"], serials=["S9", "S8"], ends=4_000_000_000_000)
    made = ask(served, served.maker, "recalls", asked)
    found = on_chain(served, asked["recall"])
    assert (made["recall"], made["height"]) == (asked["recall"], found["since"])
    assert found["issuer"] == served.maker.id
    assert found["lots"] == ["L1", "L2"]
    assert found["serials"] == sorted(serial_digest(gtin(), each) for each in ("S8", "S9"))
    # The same once more: the first one stands, and there is no second.
    assert no(served, served.maker, "recalls", asked) == "supply.id_taken"


def test_every_pack_is_called_back_by_a_word_of_its_own(served: Traders) -> None:
    asked = wanted(every=True)
    ask(served, served.regulator, "recalls", asked)
    found = on_chain(served, asked["recall"])
    assert (found["issuer"], found.get("lots", [])) == (served.regulator.id, [])
    for wrong in ({"lots": []}, {"every": True, "lots": ["L1"]}, {"every": True, "serials": ["1"]}):
        assert no(served, served.maker, "recalls", wanted(**wrong)) == "malformed"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"gtin": "09520001000011"}, "supply.bad_check_digit"),
        ({"gtin": "09506000134352"}, "supply.unknown_product"),
        ({"gtin": "1"}, "malformed"),
        ({"recall": "short"}, "malformed"),
        ({"grade": 4}, "malformed"),
        ({"reason": "because"}, "malformed"),
        ({"lots": ["a lot of spaces"]}, "malformed"),
        ({"lots": ["L" * 21]}, "malformed"),
        ({"lots": [f"L{each}" for each in range(101)]}, "malformed"),
        ({"serials": ["批"]}, "malformed"),
        ({"ends": 1}, "supply.bad_period"),
        ({"more": 1}, "malformed"),
    ],
)
def test_what_cannot_be_meant_is_refused(served: Traders, more: dict[str, Any], code: str) -> None:
    assert no(served, served.maker, "recalls", wanted(**more)) == code


def test_who_may_not_is_refused(served: Traders) -> None:
    asked = wanted(every=True)
    for who in (served.shop, served.a, served.authority):
        assert no(served, who, "recalls", asked) == "supply.not_your_product"
    # Who only works there does not speak for the organisation, nor does another's agent.
    pharmacist, signer = employ(served, served.maker)
    with served.as_(pharmacist, signer, served.maker) as client:
        assert refused(client, "POST", path(served.maker, "recalls"), asked) == "forbidden"
    with served.client(served.shop) as client:
        assert refused(client, "POST", path(served.maker, "recalls"), asked) == "forbidden"


def test_a_recall_is_widened_and_ended_by_who_issued_it_or_a_regulator(served: Traders) -> None:
    asked = wanted(lots=["W1"])
    name = asked["recall"]
    ask(served, served.maker, "recalls", asked)
    wider = f"recalls/{name}/extend"
    assert no(served, served.shop, wider, {"lots": ["W2"]}) == "supply.not_your_recall"
    ask(served, served.maker, wider, {"lots": ["W2"], "serials": ["S1"]})
    found = on_chain(served, name)
    assert (found["lots"], found["serials"]) == (["W1", "W2"], [serial_digest(gtin(), "S1")])
    assert no(served, served.maker, wider, {"lots": ["W1"]}) == "supply.nothing_to_extend"
    assert no(served, served.maker, wider, {"lots": ["a b"]}) == "malformed"
    assert no(served, served.maker, wider, {}) == "supply.bad_list"
    strange = drafts.fresh_id()
    for rest in ("extend", "end"):
        body = {"lots": ["W3"]} if rest == "extend" else None
        unknown = no(served, served.maker, f"recalls/{strange}/{rest}", body)
        assert unknown == "supply.unknown_recall"
    assert no(served, served.shop, f"recalls/{name}/end") == "supply.not_your_recall"
    ask(served, served.regulator, f"recalls/{name}/end")
    assert on_chain(served, name)["ended"] is not None
    for rest, body in (("extend", {"lots": ["W4"]}), ("end", None)):
        assert no(served, served.maker, f"recalls/{name}/{rest}", body) == "supply.recall_ended"
