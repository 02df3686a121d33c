"""F50: a device through uses and sterilising; a single-use item is used once; nobody is named.

And a counter without connection: what it did is handed in later, in order, once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.rows.supplied import Traders, pack, path, place
from yilian.gateway.supply.counter import CounterFile
from yilian.gateway.supply.orders import Order, Scanned
from yilian.ledger import keys
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError

SYRINGE, SCISSORS = pack(1, 2), pack(1, 3)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def test_reuse_of_a_single_use_item_is_refused(served: Traders) -> None:
    maker = served.maker
    served.do(maker, "commission", [SYRINGE], lot="D1")
    served.until_done(maker, "use", [SYRINGE], reference=drafts.fresh_id())
    for action in ("use", "sterilise"):
        assert served.refused(maker, action, [SYRINGE]) == "supply.single_use"
    life = device(served, SYRINGE)
    assert (life["single_use"], life["uses"], life["left"]) == (True, 1, 0)
    with served.client(maker) as client:
        alerts = client.request("GET", path(maker, "alerts"))["alerts"]
    assert {each["kind"] for each in alerts} == {"reused"}


def test_cycles_of_use_and_sterilising_are_counted(served: Traders) -> None:
    maker = served.maker
    served.do(maker, "commission", [SCISSORS], lot="D1")
    served.do(maker, "use", [SCISSORS])
    assert served.refused(maker, "use", [SCISSORS]) == "supply.not_sterile"
    served.do(maker, "sterilise", [SCISSORS])
    life = device(served, SCISSORS)
    assert (life["uses"], life["sterile"], life["left"]) == (1, True, 1)
    served.until_done(maker, "use", [SCISSORS])
    assert served.refused(maker, "sterilise", [SCISSORS]) == "supply.cycles_used_up"
    marks = [each["mark"] for each in device(served, SCISSORS)["cycles"]]
    assert marks == ["use", "sterilise", "use"]
    references = [each["reference"] for each in device(served, SCISSORS)["cycles"]]
    assert len(set(references)) == 3


def test_a_counter_hands_in_what_it_did_alone(served: Traders, tmp_path: Path) -> None:
    maker = served.maker
    served.do(maker, "commission", [pack(1), pack(2)], lot="L1")
    signer = served.operator(maker)
    counter = keys.key_id(signer.key)
    file = CounterFile(tmp_path / "counter.jsonl", counter, signer.sign)
    now = time.time_ns() // 1_000_000
    for number, unit in enumerate((pack(1), pack(2), pack(1), pack(9))):
        order = Order(
            key=drafts.fresh_id(),
            units=(Scanned(code=unit),),
            place=place(1),
            at=now + number,
            reason="damaged",
        )
        file.add("quarantine", order)
    lines = [msgspec.to_builtins(each) for each in file.lines()]
    with served.client(maker) as client:
        answer = client.request("POST", path(maker, "queue"), {"lines": lines})
        assert [each.get("refused") for each in answer["answers"]] == [
            None,
            None,
            "supply.quarantined",
            "supply.unit_unknown",
        ]
        again = client.request("POST", path(maker, "queue"), {"lines": lines})
        assert all(each["replayed"] for each in again["answers"])
        assert client.request("GET", path(maker, f"queue/{counter}")) == {"expected": 5}
        lines[0]["line"]["order"]["place"] = place(2)
        with pytest.raises(ProblemError) as problem:
            client.request("POST", path(maker, "queue"), {"lines": lines[:1]})
        assert problem.value.code == "supply.queue_unsigned"
    with served.client(served.shop) as other, pytest.raises(ProblemError) as problem:
        other.request("POST", path(served.shop, "queue"), {"lines": lines[1:]})
    assert problem.value.code == "supply.queue_unsigned"


def device(served: Traders, code: str) -> dict[str, Any]:
    with served.client(served.maker) as client:
        found: dict[str, Any] = client.request(
            "GET", path(served.maker, f"devices?code={quote(code, safe='')}")
        )
    return found
