"""What the tests of desk and notices share: a node that may send, and a person at the counter."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.rows.served import FOUNDERS, Served
from yilian.bootstrap import make_node
from yilian.ledger.keys import PublicKey
from yilian.node.config import HostedOrganisation, MailRelay, NodeFolder, Notices
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer

SYSTEM = "urn:oid:2.16.840.1.113883.2.23.1.19.1"
LOOPBACK = ["127.0.0.0/8"]


def sending(path: Path, mail_port: int | None = None) -> Served:
    """Serve a node that posts to this machine, and mails if there is a mail server."""
    make_node(path, "yilian", FOUNDERS, port=0)
    folder = NodeFolder(path)
    mail = None
    if mail_port is not None:
        mail = MailRelay(
            host="127.0.0.1", port=mail_port, sender="notices@yunxi.example", security="none"
        )
    notices = Notices(webhook=True, networks=LOOPBACK, mail=mail)
    configuration = msgspec.structs.replace(folder.configuration(), notices=notices)
    folder.write_configuration(configuration)
    return Served(path)


def at(organisation: HostedOrganisation, rest: str) -> str:
    """Give an address below an organisation."""
    return f"/v1/organisations/{organisation.id}/{rest}"


def enrol(
    served: Served,
    organisation: HostedOrganisation,
    number: str,
    name: str = "王秀英",
    **more: Any,
) -> tuple[str, Ed25519Signer]:
    """Enrol a person with a key of their own at the desk."""
    signer = Ed25519Signer.generate()
    key: PublicKey = signer.key
    asked = {"system": SYSTEM, "number": number, "name": name, **more}
    asked["key"] = {"suite": key.suite, "public": key.public}
    with served.client(organisation) as client:
        made = client.request("POST", at(organisation, "persons"), asked)
    return made["person"], signer


def employ(
    served: Served, organisation: HostedOrganisation, name: str = "李医生"
) -> tuple[str, Ed25519Signer]:
    """Enrol a doctor and put them into the staff directory."""
    doctor, signer, _ = served.doctor(organisation)
    with served.client(organisation) as client:
        client.request(
            "PUT", at(organisation, f"staff/{doctor}"), {"name": name, "role": "physician"}
        )
    return doctor, signer


def refused(client: Client, method: str, path: str, body: Any = None) -> str:
    """Make a request that is refused; give the code."""
    with pytest.raises(ProblemError) as caught:
        client.request(method, path, body)
    return caught.value.code


def digest(text: str) -> str:
    """Give some digest."""
    import base64

    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def on_chain(served: Served, words: Sequence[str]) -> list[str]:
    """Name those of these words that any block holds, as UTF-8."""
    engine = served.node.engine
    blocks = (engine.store.block(height) for height in range(1, engine.height + 1))
    text = b"".join(raw for block in blocks if block is not None for raw in block.txs)
    return [word for word in words if word.encode() in text]
