"""Self-signed TLS certificates whose bytes follow from a label."""

from __future__ import annotations

import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from yilian.ledger import codec


def certificate(label: str) -> str:
    """Give the DER of a label's certificate, as a message carries it."""
    key = Ed25519PrivateKey.from_private_bytes(sha256(b"tls " + label.encode()).digest())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(sha256(label.encode()).digest()[:8], "big") + 1)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC))
        .sign(key, None)
    )
    return codec.to_text(made.public_bytes(serialization.Encoding.DER))
