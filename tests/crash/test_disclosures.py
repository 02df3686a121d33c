"""`kill -9` between a disclosure's journal line and the answer: no reading is without its line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.calls import at, leads_to
from tests.rows.consenting import Actor, doctor, give, keep, person, session, speak
from tests.rows.patience import until
from tests.rows.served import Served
from tests.scale import scale

ROOT = Path(__file__).resolve().parents[2]
POINTS = ("journal", "answer")
"""Right after the holder's journal has its lines, and at the first byte of the answer."""

DYING = """
import os, signal, sys
from pathlib import Path
from yilian.bootstrap import Node
from yilian.gateway.server import server
from yilian.node.config import NodeFolder
from yilian.vault.vault import Vault
def die():
    os.kill(os.getpid(), signal.SIGKILL)
class Dying:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        async def last(message):
            if scope["path"].endswith("/read") and message["type"] == "http.response.start":
                die()
            await send(message)
        await self.app(scope, receive, last)
release = Vault.release
def released(self, *given, **named):
    made = release(self, *given, **named)
    die()
    return made
app = (node := Node(NodeFolder(Path(sys.argv[1])))).app()
if sys.argv[3] == "journal":
    Vault.release = released
else:
    app.add_middleware(Dying)
server(app, "127.0.0.1", int(sys.argv[2])).run()
"""


def alive(url: str) -> bool:
    try:
        return httpx.get(url + "/livez").status_code == 200
    except httpx.TransportError:
        return False


def die_reading(served: Served, reader: Actor, grant: str, point: str) -> str:
    """Serve the folder in a process that dies in a reading; gives the session that was read."""
    port = served.url.rpartition(":")[2]
    command = [sys.executable, "-c", DYING, str(served.path), port, point]
    dying = subprocess.Popen(command, cwd=ROOT)
    try:
        assert until(lambda: alive(served.url))
        opened = session(served, reader, grant)
        with speak(served, reader, served.b) as client:
            path = at(served.b, f"sessions/{opened}/read")
            call = client._run(client._signed("POST", path, None, "application/json"))
        with pytest.raises(httpx.TransportError):
            httpx.post(served.url + call.path, headers=call.headers, timeout=30)
        assert dying.wait(30) == -9
    finally:
        dying.kill()
        dying.wait()
    return opened


def seen_by(served: Served, patient: Actor) -> list[dict[str, Any]]:
    with speak(served, patient, served.a) as client:
        path = at(served.a, f"persons/{patient.id}/disclosures?limit=200")
        found: list[dict[str, Any]] = client.request("GET", path)["disclosures"]
        return found


def prove(served: Served, patient: Actor, disclosure: str) -> dict[str, Any]:
    """Hold a line against the root that the chain has; gives the line."""
    with speak(served, patient, served.a) as client:
        path = at(served.a, f"persons/{patient.id}/disclosures/{disclosure}/proof")
        proof: dict[str, Any] = client.request("GET", path)["proof"]
        batch = client.get("records", "batches", proof["batch"]).value
    assert batch["of"] == "disclosures"
    assert leads_to(proof["line"], proof, batch["root"])
    line: dict[str, Any] = proof["line"]
    return line


@pytest.mark.slow
def test_a_killed_reading_is_journalled_anchored_and_seen(tmp_path: Path) -> None:
    with Served(tmp_path / "node") as served:
        patient, reader = person(served, served.a, "seen"), doctor(served, served.b)
        record = keep(served, served.a, patient.id, "laboratory", "result")
        grant = give(served, patient, patient.id, categories=["laboratory"])["grant"]
    # The node is closed; its port and its keys serve the processes that follow.
    killed = [
        die_reading(served, reader, grant, POINTS[turn % len(POINTS)])
        for turn in range(scale(10, 100))
    ]
    with Served(tmp_path / "node") as served:
        journal = served.node.organisations[served.a.id].vault.journal_about(record)
        written = [line.session for line in journal if line.session is not None]
        assert written == killed
        told = until(
            lambda: [
                found
                for found in [seen_by(served, patient)]
                if all(each["anchored"] for each in found)
            ]
        )
        assert told, "the lines were not anchored"
        sessions = [each for each in told[0] if each["basis"] == "grant"]
        assert [each["session"] for each in sessions] == killed
        for each in sessions:
            assert (each["reader"]["id"], each["records"]) == (reader.id, [record])
            assert each["outcome"] == "permit"
            [disclosure] = each["lines"]
            assert prove(served, patient, disclosure)["session"] == each["session"]
        with served.client(served.a) as client:
            assert client.request("GET", at(served.a, "integrity"))["damaged"] == []
