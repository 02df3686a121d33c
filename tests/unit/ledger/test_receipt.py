"""Receipts and state proofs, as the engine makes them and a stranger checks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chain import Cast, digest_of, engine, name_of
from yilian.ledger import receipt as receipts
from yilian.ledger.block import results_hash
from yilian.ledger.errors import OK
from yilian.ledger.machine import Result
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.modules.records.state import ANCHORS
from yilian.node.embedded import Embedded
from yilian.sdk.verify import NotVerified, verify

Running = tuple[Embedded, Cast]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give an engine with one accepted and one refused transaction."""
    node, cast = engine(tmp_path_factory.mktemp("chain") / "node")
    with node:
        yield node, cast


def _sent(running: Running, label: str) -> tuple[bytes, int]:
    node, cast = running
    anchor = Anchor(record=name_of(label), commitment=digest_of(label))
    outcome = node.submit(cast.sign(cast.hospital, anchor)).result(timeout=20)
    return bytes.fromhex(outcome.hash), outcome.code


def _receipt(running: Running, hashed: bytes) -> dict[str, Any]:
    made = running[0].receipt(hashed, wait=20)
    assert made is not None
    return made


def _check(value: dict[str, Any], running: Running) -> Any:
    return verify(json.dumps(value), json.dumps(running[0].trust()))


def test_a_receipt_of_an_accepted_transaction(running: Running) -> None:
    hashed, code = _sent(running, "one")
    made = _receipt(running, hashed)
    assert code == OK
    assert made["format"] == receipts.RECEIPT
    assert [each["type"] for each in made["events"]] == ["records.Anchored"]
    _check(made, running)


def test_a_receipt_of_a_refused_transaction(running: Running) -> None:
    _sent(running, "two")
    hashed, code = _sent(running, "two")
    made = _receipt(running, hashed)
    assert code == made["result"]["code"] != OK
    assert (made["events"], made["result"]["data"]) == ([], "")
    _check(made, running)


@pytest.mark.parametrize(
    "path",
    [
        ("transaction",),
        ("result", "code"),
        ("result", "gas_used"),
        ("result", "data"),
        ("inclusion", "index"),
        ("inclusion", "total"),
        ("header", "app_hash"),
        ("next_header", "last_results_hash"),
        ("events",),
    ],
)
def test_a_changed_receipt_is_not_believed(running: Running, path: tuple[str, ...]) -> None:
    hashed, _ = _sent(running, "changed " + ".".join(path))
    made = _receipt(running, hashed)
    _check(made, running)
    place = made
    for each in path[:-1]:
        place = place[each]
    place[path[-1]] = _other(place[path[-1]])
    with pytest.raises(NotVerified):
        _check(made, running)


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [*value, {"type": "records.Anchored"}]
    return value.replace(value[-9], "0" if value[-9] != "0" else "1")


def test_presence_and_absence_are_proved(running: Running) -> None:
    _sent(running, "three")
    node = running[0]
    held = node.state_proof(ANCHORS.key(name_of("three")), wait=20)
    absent = node.state_proof(ANCHORS.key(name_of("never")), wait=20)
    assert (held["format"], absent["value"]) == (receipts.STATE_PROOF, None)
    assert digest_of("three") in held["value"]
    _check(held, running)
    _check(absent, running)
    with pytest.raises(NotVerified):
        _check({**held, "value": held["value"].replace("hospital", "x") + " "}, running)
    with pytest.raises(NotVerified):
        _check({**held, "value": None, "proof": absent["proof"]}, running)


def test_a_result_commits_to_code_events_and_gas() -> None:
    base = Result(OK, 7, b'[{"type":"x"}]')
    others = [Result(1, 7), Result(OK, 8, base.events), Result(OK, 7, b"[]")]
    hashes = {results_hash([receipts.tx_result(each)]) for each in (base, *others)}
    assert len(hashes) == 4
    assert Result(1, 7, b"[]", {"limit": 1}).data() == b""


def test_an_engine_starts_where_its_cast_is(tmp_path: Path) -> None:
    node, cast = engine(tmp_path / "node")
    with node:
        assert node.height == 1
        assert cast.clock() >= node.tip.time
