"""F6 with four members: one log on all of them, witnessed; a validator's key changes on the way."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.network.members import Running, require_engine, send, wait_for
from tests.rows.served import yilian
from yilian.bootstrap.joining import name_validator
from yilian.ledger.checkpoint import Checkpoint, Note
from yilian.sdk import verify, verify_log

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Four members; the test itself ends them."""
    require_engine()
    made = Running(tmp_path / "net")
    yield made
    made.stop()


def watch(running: Running, home: Path, medium: Path) -> int:
    """One round of a witness over all members; gives the size that it has cosigned."""
    logs = [word for each in running for word in ("--log", each.url)]
    code, told = yilian(
        "witness", "run", home, *logs, "--publish", medium, "--once", "--needed", "3"
    )
    assert code == 0, told
    assert told["problems"] == []
    size: int = told["size"]
    return size


def test_witnessed_receipts_outlive_all_members(running: Running, tmp_path: Path) -> None:
    a, d, home, medium = running["A"], running["D"], tmp_path / "witness", tmp_path / "medium"
    with httpx.Client(timeout=10) as http:
        keys = [http.get(f"{each.url}/v1/log/key").text.strip() for each in running]
    with a.client() as client:
        trust = client.trust()
    pins = [word for key in keys for word in ("--log-key", key)]
    code, made = yilian("witness", "init", home, "--name", "regulator.example/w", *pins)
    assert code == 0
    first = send(running, a, [a])
    assert watch(running, home, medium) >= first.height

    # D's validator signs with another key from here on: older trust files must still lead there.
    message = name_validator(running.network.chain, d.seat.organisation, secrets.token_bytes(32))
    with d.client() as client:
        changed = client.send([message], wait=True)
    done = send(running, a, [a])
    while done.height < (changed.height or 0) + 4:
        done = send(running, a, [a])
    with a.client() as client:
        receipt = client.receipt(done.hash)
    assert len(receipt["history"]) == 1
    told = verify.verify(json.dumps(receipt), json.dumps(trust))
    assert told.level == "agreed"
    bent = json.loads(json.dumps(receipt))
    bent["history"][0]["header"]["time"] = trust["time"]
    with pytest.raises(verify.NotVerified):
        verify.verify(json.dumps(bent), json.dumps(trust))

    wait_for("the log holds it", 60, lambda: watch(running, home, medium) > done.height)
    running.stop()
    note = Note.decode((medium / "checkpoint").read_bytes())
    assert Checkpoint.decode(note.text).size > done.height
    pinned = {**trust, "witnesses": made["witness"], "witness_threshold": 1, "log_keys": keys}
    archived = verify_log.verify(json.dumps(receipt), json.dumps(pinned), published=[medium])
    assert (archived.level, archived.warnings) == ("archived", ())
    assert archived.witnesses == ("regulator.example/w",)
