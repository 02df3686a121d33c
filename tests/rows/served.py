"""A node as an operator has it: made, opened, served over HTTP, and spoken to by SDK and CLI."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yilian import cli
from yilian.bootstrap import Founder, Node, make_node
from yilian.gateway.fhir import sample
from yilian.gateway.server import server
from yilian.node.config import HostedOrganisation, NodeFolder
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer

FOUNDERS = (
    Founder("云溪市第一人民医院", "hospital", "H-A-0001"),
    Founder("Lakeside General Hospital", "hospital", "H-B-0002"),
    Founder("云溪市卫生健康委员会", "authority", "A-0003"),
)


class Served:
    """A running node with two hospitals and an authority."""

    def __init__(self, path: Path, founders: Sequence[Founder] = FOUNDERS) -> None:
        self.path = path
        self.folder = NodeFolder(path)
        if not self.folder.exists():
            make_node(path, "yilian", founders, port=0)
        self.a, self.b, self.authority, *self.more = self.folder.configuration().organisations
        self.start()

    def start(self) -> None:
        """Open the node and serve it at a free port."""
        self.node = Node(self.folder)
        self._server = server(self.node.app(), "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """End the server and close every store."""
        self._server.should_exit = True
        self._thread.join()
        self.node.close()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def now(self) -> int:
        """Give the node's time, in milliseconds of UTC."""
        return self.node.engine.now()

    def operator(self, organisation: HostedOrganisation) -> Ed25519Signer:
        """Read an organisation's operator key."""
        return Ed25519Signer.read(self.folder.operator_key(organisation.id))

    def client(self, organisation: HostedOrganisation) -> Client:
        """Speak as an organisation."""
        signer = self.operator(organisation)
        return Client(self.url, signer=signer, sender=organisation.id, payer=organisation.id)

    def as_(self, sender: str, signer: Ed25519Signer, payer: HostedOrganisation) -> Client:
        """Speak as somebody else, at an organisation's expense."""
        return Client(self.url, signer=signer, sender=sender, payer=payer.id)

    def load(self, organisation: HostedOrganisation, seed: int = 1) -> dict[str, Any]:
        """Take in one generated patient."""
        (bundle,) = sample.bundles(seed, 1)
        with self.client(organisation) as client:
            path = f"/v1/organisations/{organisation.id}/bundles"
            answer: dict[str, Any] = client.request("POST", path, bundle)
            return answer

    def doctor(
        self, at: HostedOrganisation, profession: str = "physician"
    ) -> tuple[str, Ed25519Signer, str]:
        """Enrol a doctor and have the authority license them; gives id, key and licence."""
        signer, doctor, licence = Ed25519Signer.generate(), drafts.fresh_id(), drafts.fresh_id()
        with self.client(at) as client:
            client.identity.enrol_practitioner(
                practitioner=doctor, tag=drafts.fresh_salt(), key=signer.key
            )
        with self.client(self.authority) as client:
            client.identity.issue_licence(
                licence=licence,
                practitioner=doctor,
                profession=profession,
                ends=time.time_ns() // 1_000_000 + 86_400_000,
            )
        return doctor, signer, licence

    def share(self, person: str, doctor: str, categories: Sequence[str]) -> dict[str, Any]:
        """Hospital A lets a doctor of hospital B read, for a person in its custody."""
        body = {
            "person": person,
            "grantee": self.b.id,
            "practitioner": doctor,
            "categories": list(categories),
        }
        with self.client(self.a) as client:
            path = f"/v1/organisations/{self.a.id}/grants"
            answer: dict[str, Any] = client.request("POST", path, body)
            return answer

    def prepare(self, doctor: str, signer: Ed25519Signer, grant: str) -> dict[str, Any]:
        """Prepare a session for the doctor."""
        with self.as_(doctor, signer, self.b) as client:
            answer: dict[str, Any] = client.request(
                "POST", f"/v1/organisations/{self.b.id}/sessions", {"grant": grant}
            )
            return answer

    def read(self, doctor: str, signer: Ed25519Signer, session: str) -> dict[str, Any]:
        """Read what an open session gives."""
        with self.as_(doctor, signer, self.b) as client:
            answer: dict[str, Any] = client.request(
                "POST", f"/v1/organisations/{self.b.id}/sessions/{session}/read"
            )
            return answer


def yilian(*words: str | Path) -> tuple[int, dict[str, Any]]:
    """Run a command line with `--json`; gives the exit code and the object it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = cli.main([*map(str, words), "--json"])
    return code, json.loads(out.getvalue())
