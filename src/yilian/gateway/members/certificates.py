"""The key and the certificate by which a node is known to other members.

A certificate is self-signed with Ed25519 (RFC 8410) and made once: what counts is that the chain
holds exactly these bytes for an organisation. Its dates therefore say nothing (it is valid until
the year 9999, RFC 5280, section 4.1.2.5), and its names are for no one to check.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yilian.gateway.members.errors import KEY_FILE
from yilian.ledger.keys import sha256
from yilian.vault import durable

KEY_NAME = "members.key"
MAX_CERTIFICATE = 2048

_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_BEGIN = "-----BEGIN CERTIFICATE-----"


class Credentials(NamedTuple):
    """A certificate (DER) and its private key (PKCS #8 in PEM)."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"<Credentials {fingerprint(self.certificate)}>"


def fingerprint(certificate: bytes) -> str:
    """Name a certificate: SHA-256 of its DER bytes, in hex."""
    return sha256(certificate).hex()


def new_credentials(name: str = "yilian member") -> Credentials:
    """Make a key and a certificate of it; `name` is written into the certificate, for people."""
    private = Ed25519PrivateKey.generate()
    serial = x509.random_serial_number()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{serial:040x}"),
        ]
    )
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(serial)
        .not_valid_before(_FIRST)
        .not_valid_after(_LAST)
        # Nobody else's certificate may hang from this one.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(private, None)
    )
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credentials(made.public_bytes(Encoding.DER), key)


def write_credentials(path: Path, made: Credentials) -> None:
    """Write a key and its certificate to one file, mode 0600, replacing it whole."""
    durable.replace({path: made.key + pem(made.certificate)})


def read_credentials(path: Path) -> Credentials:
    """Read what `write_credentials` wrote.

    Refuses `members.key_file_refused` for a file that others may read, or that is not what it says.
    """
    refusal = KEY_FILE(name=path.name)
    try:
        if path.stat().st_mode & 0o077:
            raise refusal
        text = path.read_text("ascii")
        at = text.index(_BEGIN)
        certificate = ssl.PEM_cert_to_DER_cert(text[at:].strip())
        made = Credentials(certificate, text[:at].encode("ascii"))
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), made)
    except (OSError, ValueError) as error:
        raise refusal from error
    return made


def ensure_credentials(folder: Path, name: str = "yilian member") -> Credentials:
    """Read the credentials of a node's folder, or make them where there are none yet."""
    path = folder / KEY_NAME
    if not path.exists():
        write_credentials(path, new_credentials(name))
    return read_credentials(path)


def pem(certificate: bytes) -> bytes:
    """Write a certificate as PEM."""
    body = base64.encodebytes(certificate)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def acceptable(certificate: bytes) -> bool:
    """Tell whether bytes are a certificate that may be a member's: Ed25519, not too large."""
    if not 0 < len(certificate) <= MAX_CERTIFICATE:
        return False
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(public, Ed25519PublicKey)


def load(context: ssl.SSLContext, made: Credentials) -> None:
    """Give a context its certificate. The key is on no disk meanwhile where the system allows."""
    data = made.key + pem(made.certificate)
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("members", os.MFD_CLOEXEC)
        try:
            os.write(handle, data)
            context.load_cert_chain(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        context.load_cert_chain(file.name)


def context(server: bool, own: Credentials, anchors: list[bytes]) -> ssl.SSLContext:
    """Make a TLS 1.3 context that trusts exactly the certificates of `anchors` (DER)."""
    kind = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    made = ssl.SSLContext(kind)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    # The key is the name: what a certificate says of hosts decides nothing.
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    load(made, own)
    usable = [each for each in anchors if acceptable(each)]
    if usable:
        made.load_verify_locations(cadata=b"".join(usable))
    if server:
        # A resumed session would carry on without asking for the certificate again.
        made.num_tickets = 0
        made.options |= ssl.OP_NO_TICKET
    return made
