"""DID documents (W3C DID 1.0) of organisations, practitioners, devices and agents; of no person."""

from __future__ import annotations

from typing import Any

from yilian.ledger import codec
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS, Key, standing
from yilian.ledger.state import State

CONTEXT = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
DOCUMENT_TYPES = ("application/did", "application/did+json", "application/did+ld+json")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MULTICODEC = {"ed25519": b"\xed\x01", "ecdsa-p256": b"\x80\x24"}
"""Unsigned varints of ed25519-pub (0xed) and p256-pub (0x1200), from the multicodec table."""


def resolve(chain: str, name: str, state: State) -> dict[str, Any] | None:
    """Resolve `did:yilian:<chain>:<name>`: document and metadata (DID Resolution 0.3).

    None for an unknown id and for a person: nobody can tell the two apart.
    """
    subject = SUBJECTS.get(state, name)
    if subject is None or subject.kind == "person":
        return None
    active = standing(state, name) is not None
    did = f"did:yilian:{chain}:{name}"
    keys = [(each, KEYS.require(state, each)) for each in subject.keys] if active else []
    methods = [_method(did, each, key) for each, key in keys]
    names = [each["id"] for each in methods]
    document: dict[str, Any] = {"@context": CONTEXT, "id": did, "verificationMethod": methods}
    if names:
        document |= {"authentication": names, "assertionMethod": names}
    if subject.kind != "organisation":
        document["controller"] = f"did:yilian:{chain}:{subject.organisation}"
    return {
        "@context": "https://w3id.org/did-resolution/v1",
        "didDocument": document,
        "didDocumentMetadata": {"deactivated": not active},
        "didResolutionMetadata": {"contentType": "application/did"},
    }


def multikey(key: Key) -> str:
    """Write a public key as a Multikey (W3C CID 1.0, section 2.2.2): base58btc, prefix `z`."""
    return "z" + base58(_MULTICODEC[key.suite] + codec.to_bytes(key.public))


def base58(data: bytes) -> str:
    """Write bytes in base58btc: each leading zero byte is a `1`."""
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _method(did: str, name: str, key: Key) -> dict[str, str]:
    return {
        "id": f"{did}#{name}",
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": multikey(key),
    }
